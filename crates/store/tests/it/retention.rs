//! What is old and needed by nobody goes; everything else stays.

use std::time::SystemTime;

use chimera_domain::{
    Actor, AlertKind, Ambient as _, SignalOutcome, TaskState, TaskType, ToolCall, ToolCallId, TraceId, TrendSignal, Usd,
};
use chimera_store::{AuditFilter, Blobs, Collected, Prunable, PublishOutcome, Store};
use chimera_testkit::fixtures;
use chrono::{DateTime, Duration, Utc};
use sea_orm::ConnectionTrait as _;

use crate::{
    backup,
    publishing::settlement,
    world::{LEASE, World},
};

/// Prunes everything, a few rows at a time; returns how many of each kind went.
async fn prune(world: &World, store: &Store, before: DateTime<Utc>) -> [u64; 3] {
    let mut gone = [0; 3];
    for (count, what) in gone.iter_mut().zip(Prunable::ALL) {
        let wanted = store.prunable(what, before).await.unwrap();
        loop {
            let batch = store.prune(what, before, 2, world.ambient.now()).await.unwrap();
            assert!(batch <= 2, "{what:?}: {batch}");
            *count += batch;
            if batch < 2 {
                break;
            }
        }
        assert_eq!(*count, wanted, "{what:?}: a look says what goes");
        assert_eq!(store.prunable(what, before).await.unwrap(), 0);
    }
    gone
}

fn signal(world: &World, outcome: SignalOutcome) -> TrendSignal {
    TrendSignal { outcome, ..world.signal() }
}

pub(crate) async fn signals_go_unless_their_story_might_be_planned_again(world: World) {
    let mut signals: Vec<_> = SignalOutcome::ALL.iter().map(|outcome| signal(&world, *outcome)).collect();
    // A known story, told again: its own event may be forgotten, the story not.
    let planned = signals.iter().find(|s| s.outcome == SignalOutcome::Planned).unwrap().clone();
    let again = signal(&world, SignalOutcome::Duplicate);
    signals.push(TrendSignal { content_hash: planned.content_hash.clone(), ..again });
    let task = world.task(&planned, TaskType::GenerateText, vec![]);
    world.store.plan_commit(&world.plan(signals.clone(), vec![task])).await.unwrap();
    let before = world.ambient.now();
    world.ambient.advance(Duration::days(90));
    let young: Vec<_> = [SignalOutcome::BelowThreshold, SignalOutcome::Duplicate]
        .map(|outcome| signal(&world, outcome))
        .into_iter()
        .collect();
    world.store.plan_commit(&world.plan(young.clone(), vec![])).await.unwrap();

    assert_eq!(prune(&world, &world.store, before).await[0], 4);
    let events: Vec<_> = signals.iter().chain(&young).map(|s| s.event_key.clone()).collect();
    let stories: Vec<_> = signals.iter().chain(&young).map(|s| s.content_hash.clone()).collect();
    let known = world.store.signals_known(world.campaign.id, &events, &stories).await.unwrap();
    for signal in signals.iter().chain(&young) {
        let kept = [SignalOutcome::Planned, SignalOutcome::Deferred, SignalOutcome::Stale, SignalOutcome::Answered];
        let stays = signal.ingested_at > before || kept.contains(&signal.outcome);
        assert_eq!(known.events.contains(&signal.event_key), stays, "{signal:?}");
    }
    assert!(known.stories.contains_key(&planned.content_hash));
    // The same plan again is refused, after all.
    world
        .store
        .plan_commit(&world.plan(vec![TrendSignal { id: world.signal().id, ..planned }], vec![]))
        .await
        .unwrap_err();
}

/// A call of this trace, free or not.
fn call(world: &World, trace_id: TraceId, cost_usd: Usd) -> ToolCall {
    let signal = world.signal();
    let task = world.task(&signal, TaskType::GenerateText, vec![]);
    let call = fixtures::tool_call(&world.ambient, &task);
    ToolCall { id: ToolCallId::generate(&world.ambient), trace_id, task_id: None, cost_usd, ..call }
}

pub(crate) async fn calls_go_when_they_cost_nothing_and_their_post_is_at_an_end(world: World) {
    let store = &world.store;
    let (published, _) = world.approved().await;
    let case = world.begin(&[published.id], "publisher", LEASE).await.remove(0);
    let out = PublishOutcome::Confirmed { external_id: "p-1".to_owned(), url: None };
    store.publish_settle(vec![settlement(&case, out, None)], world.ambient.now()).await.unwrap();
    let (waiting, ..) = world.waiting_for_a_person().await;
    let (doubtful, _) = world.approved().await;
    let case = world.begin(&[doubtful.id], "publisher", LEASE).await.remove(0);
    let absent = PublishOutcome::Absent { error: "cut off".to_owned(), sure: false, rest: std::time::Duration::ZERO };
    store.publish_settle(vec![settlement(&case, absent, None)], world.ambient.now()).await.unwrap();
    // At an end, but nobody knows whether it is out.
    let db = sea_orm::Database::connect(world.config.url.as_str()).await.unwrap();
    let ended =
        format!("UPDATE agent_tasks SET state = '{}' WHERE trace_id = '{}'", TaskState::Cancelled, doubtful.trace_id);
    assert!(db.execute_unprepared(&ended).await.unwrap().rows_affected() > 0);
    db.close().await.unwrap();

    let nobodys = world.signal().trace_id;
    let traces = [published.trace_id, waiting.trace_id, doubtful.trace_id, nobodys];
    let free: Vec<_> = traces.iter().map(|trace| call(&world, *trace, Usd::ZERO)).collect();
    let paid: Vec<_> = traces.iter().map(|trace| call(&world, *trace, Usd::from_micros(7))).collect();
    store.tool_calls_record(&[free.clone(), paid].concat()).await.unwrap();
    let before = world.ambient.now();
    world.ambient.advance(Duration::days(90));
    let young = call(&world, published.trace_id, Usd::ZERO);
    store.tool_calls_record(&[young.clone()]).await.unwrap();
    let (total, used) =
        (store.spend_total(None).await.unwrap(), store.spend_use(&[world.agent.id], before).await.unwrap());

    assert_eq!(prune(&world, store, before).await[1], 2);
    assert_eq!(store.spend_total(None).await.unwrap(), total, "money is never forgotten");
    assert_eq!(store.spend_use(&[world.agent.id], before).await.unwrap(), used);
    for (task, there) in [(&published, false), (&waiting, true), (&doubtful, true)] {
        let view = store.trace(task.trace_id).await.unwrap().unwrap();
        let old = free.iter().find(|call| call.trace_id == task.trace_id).unwrap();
        assert_eq!(view.tool_calls.contains(old), there, "{}", task.state);
        assert!(view.tool_calls.iter().any(|call| call.cost_usd == Usd::from_micros(7)));
        assert_eq!(view.tool_calls.contains(&young), task.id == published.id);
    }
}

pub(crate) async fn alerts_go_once_acknowledged_and_what_goes_is_logged(world: World) {
    let store = world.store.acting_as(Actor::operator("mara"));
    let alert = |subject: &str| fixtures::alert(&world.ambient, AlertKind::DeadLetter, subject);
    let seen = ["a", "b", "c"].map(alert);
    store.alerts_raise(&seen).await.unwrap();
    let db = sea_orm::Database::connect(world.config.url.as_str()).await.unwrap();
    db.execute_unprepared("UPDATE alerts SET acknowledged_by = 'ada'").await.unwrap();
    store.alerts_raise(&[alert("open")]).await.unwrap();
    let before = world.ambient.now();
    world.ambient.advance(Duration::days(90));
    store.alerts_raise(&[alert("young")]).await.unwrap();
    db.execute_unprepared("UPDATE alerts SET acknowledged_by = 'ada' WHERE subject = 'young'").await.unwrap();
    db.close().await.unwrap();

    assert_eq!(prune(&world, &store, before).await, [0, 0, 3]);
    let open = store.alerts_open(9).await.unwrap();
    assert_eq!(open.iter().map(|alert| alert.subject.as_str()).collect::<Vec<_>>(), ["open"]);
    assert_eq!(store.prunable(Prunable::Alerts, world.ambient.now()).await.unwrap(), 1, "the young one is there");
    let entries = store.audit_entries(&AuditFilter { limit: 9, ..AuditFilter::default() }).await.unwrap();
    let pruned: Vec<_> = entries.iter().filter(|entry| entry.action == "rows_pruned").collect();
    assert_eq!(pruned.len(), 2, "one entry for each statement that deleted something");
    assert!(pruned.iter().all(|entry| entry.actor == "operator:mara" && entry.details.contains("alerts")));
    assert_eq!(store.audit_verify(&[]).await.unwrap().findings, []);
}

pub(crate) async fn two_that_prune_at_once_beside_planners_delete_each_row_once(world: World) {
    const ROWS: usize = 300;
    let signals: Vec<_> = (0..ROWS).map(|_| signal(&world, SignalOutcome::BelowThreshold)).collect();
    world.store.plan_commit(&world.plan(signals, vec![])).await.unwrap();
    let before = world.ambient.now();
    let one = async {
        let mut gone = 0;
        loop {
            match world.store.prune(Prunable::Signals, before, 7, world.ambient.now()).await.unwrap() {
                0 => return gone,
                batch => gone += batch,
            }
        }
    };
    let other = async {
        let mut gone = 0;
        loop {
            match world.store.prune(Prunable::Signals, before, 11, world.ambient.now()).await.unwrap() {
                0 => return gone,
                batch => gone += batch,
            }
        }
    };
    let planning = async {
        for _ in 0..20 {
            let new = signal(&world, SignalOutcome::BelowThreshold);
            world.store.plan_commit(&world.plan(vec![new], vec![])).await.unwrap();
        }
    };
    let (one, other, ()) = tokio::join!(one, other, planning);
    // One may have found nothing while the other was at it, so something may be left for a third.
    let left = prune(&world, &world.store, before).await[0];
    assert_eq!(one + other + left, ROWS as u64);
    assert_eq!(world.store.signal_counts(None).await.unwrap()[&SignalOutcome::BelowThreshold], 20);
}

/// Makes a file look as if it was last written at the beginning of time.
fn age(blobs: &Blobs, file: &str) {
    let file = std::fs::File::options().write(true).open(blobs.folder().unwrap().join(file)).unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
}

fn files(blobs: &Blobs) -> Vec<String> {
    let entries = std::fs::read_dir(blobs.folder().unwrap()).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

pub(crate) async fn media_go_when_no_post_refers_to_them(world: World) {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::new(folder.path().join("media"));
    let before = DateTime::<Utc>::UNIX_EPOCH + Duration::days(1);
    let nothing = world.store.blobs_collect(&blobs, before, true).await.unwrap();
    assert_eq!(nothing, Collected::default(), "no folder, nothing in it");

    let (_, artifact) = world.in_review(world.ready(TaskType::GenerateImage).await.id).await;
    let named = backup::keep_media(&blobs, &artifact).await;
    let stray = format!("{}.png", blobs.put(b"stray", "image/png").await.unwrap());
    let rewritten = format!("{}.png", blobs.put(b"made again", "image/png").await.unwrap());
    let young = format!("{}.mp4", blobs.put(b"young", "video/mp4").await.unwrap());
    let scrap = format!(".{stray}.4711.3");
    let theirs = "notes.txt".to_owned();
    for (name, bytes) in [(&scrap, b"half".as_slice()), (&theirs, b"mine".as_slice())] {
        std::fs::write(blobs.folder().unwrap().join(name), bytes).unwrap();
    }
    for old in [&named, &stray, &rewritten, &scrap, &theirs] {
        age(&blobs, old);
    }
    // Whoever makes the same bytes again is about to write a row that names them.
    blobs.put(b"made again", "image/png").await.unwrap();
    // A collector died while it had the named one in its hands.
    let place = blobs.folder().unwrap();
    std::fs::rename(place.join(&named), place.join(format!(".{named}.going"))).unwrap();

    let there = files(&blobs).len();
    let look = world.store.blobs_collect(&blobs, before, false).await.unwrap();
    assert_eq!((look, files(&blobs).len()), (Collected { files: 2, bytes: 9 }, there));
    assert_eq!(world.store.blobs_collect(&blobs, before, true).await.unwrap(), look);
    let mut wanted = vec![named, rewritten, young, theirs];
    wanted.sort();
    assert_eq!(files(&blobs), wanted);
    assert_eq!(world.store.blobs_collect(&blobs, before, true).await.unwrap(), Collected::default());
}
