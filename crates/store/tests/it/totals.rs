//! Totals of the spend ledger: triggers keep them, however the ledger changes.

use chimera_domain::{Ambient as _, SpendUse, SpendWindows, ToolStatus, Usd};
use chimera_store::Backend;
use chrono::{DateTime, Duration, Utc};
use sea_orm::{ConnectionTrait as _, Database};

use crate::{
    spending::{DOLLAR, call, dollar_tasks, entries, release, result, used_at, vanish_with},
    world::World,
};

/// What the entries themselves count in the windows of a moment.
async fn added_up(world: &World, now: DateTime<Utc>) -> SpendUse {
    let since = |began: DateTime<Utc>, all: &[chimera_domain::LedgerEntry]| -> Usd {
        all.iter().filter(|entry| entry.reserved_at >= began).map(|entry| entry.counted).sum()
    };
    let all = entries(world).await;
    SpendUse { today: since(SpendWindows::midnight(now), &all), this_hour: since(SpendWindows::hour_began(now), &all) }
}

/// Whether totals and entries agree now.
async fn agree(world: &World) -> SpendUse {
    let now = world.ambient.now();
    let used = used_at(world, now).await;
    assert_eq!(used, added_up(world, now).await);
    used
}

async fn run(world: &World, sql: &str) {
    let db = Database::connect(world.config.url.as_str()).await.unwrap();
    assert!(db.execute_unprepared(sql).await.unwrap().rows_affected() > 0, "{sql}");
}

pub(crate) async fn they_follow_claims_results_and_time(world: World) {
    let tasks = dollar_tasks(&world, 5).await;
    assert_eq!(agree(&world).await, SpendUse::default());
    let held = world.claimed(tasks[0].id, "one").await;
    let given_back = world.claimed(tasks[1].id, "one").await;
    assert_eq!(agree(&world).await.today, Usd::dollars(2));
    let done = result(&world, &held, call(&world, &held, Usd::cents(30), ToolStatus::Success));
    world.store.task_submit(vec![done], world.ambient.now()).await.unwrap();
    world.store.task_release(vec![release(&given_back, vec![])], vec![], world.ambient.now()).await.unwrap();
    assert_eq!(agree(&world).await.today, Usd::cents(30));

    world.ambient.advance(Duration::hours(1));
    let late = vanish_with(&world, tasks[2].id).await;
    assert_eq!(agree(&world).await, SpendUse { today: Usd::cents(130), this_hour: DOLLAR });

    // What is handed in tomorrow still counts where it was set aside.
    world.ambient.advance(Duration::hours(24));
    assert_eq!(agree(&world).await, SpendUse::default());
    let found = result(&world, &late, call(&world, &late, Usd::cents(5), ToolStatus::Success));
    world.store.task_submit(vec![found], world.ambient.now()).await.unwrap();
    assert_eq!(agree(&world).await, SpendUse::default());
    world.claimed(tasks[3].id, "one").await;
    assert_eq!(agree(&world).await, SpendUse { today: DOLLAR, this_hour: DOLLAR });
}

pub(crate) async fn they_follow_whatever_is_written(world: World) {
    let tasks = dollar_tasks(&world, 3).await;
    for task in &tasks {
        world.claimed(task.id, "one").await;
    }
    run(&world, "UPDATE spend_ledger SET counted_micros = counted_micros + 7").await;
    assert_eq!(agree(&world).await.today, Usd::from_micros(3_000_021));
    run(&world, "UPDATE spend_ledger SET purpose = 'other'").await;
    assert_eq!(agree(&world).await.today, Usd::from_micros(3_000_021));
    let one = tasks[0].id;
    run(&world, &format!("DELETE FROM spend_ledger WHERE reservation LIKE '%{one}%'")).await;
    assert_eq!(agree(&world).await.today, Usd::from_micros(2_000_014));
}

pub(crate) async fn old_ones_are_forgotten_and_their_entries_stay(world: World) {
    let tasks = dollar_tasks(&world, 1).await;
    world.claimed(tasks[0].id, "one").await;
    let long_ago = match world.store.backend() {
        Backend::Sqlite => "'2020-02-02T10:00:00+00:00'",
        Backend::Postgres => "TIMESTAMPTZ '2020-02-02T10:00:00+00:00'",
    };
    let columns = "agent_id, lane, tenant_id, counted_micros, latest, hour";
    let copy = "SELECT agent_id, lane, tenant_id, counted_micros, latest";
    run(&world, &format!("INSERT INTO spend_totals ({columns}) {copy}, {long_ago} FROM spend_totals")).await;
    // A clock that is ahead by years takes nothing away that counts by the database's.
    let (now, ahead) = (world.ambient.now(), world.ambient.now() + Duration::days(4_000));
    assert_eq!(world.store.spend_totals_forget(ahead).await.unwrap(), 1);
    assert_eq!(world.store.spend_totals_forget(now).await.unwrap(), 0);
    assert_eq!(agree(&world).await.today, DOLLAR);
    assert_eq!(entries(&world).await.len(), 1);
}
