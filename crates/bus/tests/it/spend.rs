//! The spend counters' conformance suite.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use chimera_bus::{RedisSpend, Spend, SpendError};
use chimera_domain::{
    AgentId, Ambient as _, Closed, EntryState, ReservationId, Reserved, SpendCap, SpendCaps, SpendEntry, SpendRequest,
    SpendUse, SpendWindows, StateVersion, Usd,
};
use chimera_testkit::{SeededAmbient, TestRedis};
use chrono::{DateTime, Utc};

use crate::backends::{link, on_each_spend};

fn agent() -> AgentId {
    AgentId::generate(&SeededAmbient::new(3))
}

fn name(text: &str) -> ReservationId {
    ReservationId::new(text)
}

fn at(text: &str) -> DateTime<Utc> {
    format!("2026-11-22T{text}Z").parse().unwrap()
}

fn used(today: i32, this_hour: i32) -> SpendUse {
    SpendUse { today: Usd::dollars(today), this_hour: Usd::dollars(this_hour) }
}

fn wish(reservation: &str, amount: Usd, at: DateTime<Utc>) -> SpendRequest {
    let caps = SpendCaps { daily: Usd::dollars(50), hourly: Some(Usd::dollars(20)) };
    SpendRequest { agent_id: agent(), reservation: name(reservation), amount, caps, at }
}

fn entry(reservation: &str, amount: Usd, state: EntryState, version: i64, reserved_at: DateTime<Utc>) -> SpendEntry {
    SpendEntry { reservation: name(reservation), amount, reserved_at, state, version: StateVersion::new(version) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_thousand_reserves_at_once_grant_exactly_what_the_cap_holds() {
    on_each_spend(|spend| async move {
        let noon = at("12:00:00");
        assert!(spend.start(agent(), &[], noon).await.unwrap());
        let runtime = tokio::runtime::Handle::current();
        let granted: usize = std::thread::scope(|scope| {
            let crowds: Vec<_> = (0..10)
                .map(|crowd| {
                    let (spend, runtime) = (spend.clone(), runtime.clone());
                    scope.spawn(move || {
                        let wishes = (0..100).map(|i| {
                            let mut wish = wish(&format!("{crowd}-{i}"), Usd::dollars(1), noon);
                            wish.caps.hourly = None;
                            let spend: Arc<dyn Spend> = spend.clone();
                            async move { spend.reserve(&wish).await.unwrap() }
                        });
                        let answers = runtime.block_on(futures::future::join_all(wishes));
                        answers.into_iter().filter(|answer| *answer == Reserved::Granted).count()
                    })
                })
                .collect();
            crowds.into_iter().map(|crowd| crowd.join().unwrap()).sum()
        });
        assert_eq!(granted, 50);
        assert_eq!(spend.used(agent(), noon).await.unwrap(), used(50, 50));
    })
    .await;
}

#[tokio::test]
async fn settling_gives_the_rest_back_and_counts_what_went_beyond() {
    on_each_spend(|spend| async move {
        let noon = at("12:00:00");
        spend.start(agent(), &[], noon).await.unwrap();
        for reservation in ["a", "b"] {
            assert_eq!(spend.reserve(&wish(reservation, Usd::dollars(9), noon)).await.unwrap(), Reserved::Granted);
        }
        let refused = Reserved::Refused { cap: SpendCap::Hourly, left: Usd::dollars(2) };
        assert_eq!(spend.reserve(&wish("c", Usd::dollars(3), noon)).await.unwrap(), refused);
        assert_eq!(spend.settle(agent(), &name("a"), Usd::dollars(8), noon).await.unwrap(), Closed::Now);
        assert_eq!(spend.used(agent(), noon).await.unwrap(), used(17, 17));
        assert_eq!(spend.reserve(&wish("c", Usd::dollars(3), noon)).await.unwrap(), Reserved::Granted);
        assert_eq!(spend.settle(agent(), &name("b"), Usd::dollars(40), noon).await.unwrap(), Closed::Now);
        assert_eq!(spend.used(agent(), noon).await.unwrap(), used(51, 51));
        let refused = Reserved::Refused { cap: SpendCap::Daily, left: Usd::dollars(-1) };
        assert_eq!(spend.reserve(&wish("d", Usd::ZERO, noon)).await.unwrap(), refused);
    })
    .await;
}

#[tokio::test]
async fn every_call_may_be_repeated_and_the_first_end_counts() {
    on_each_spend(|spend| async move {
        let noon = at("12:00:00");
        spend.start(agent(), &[], noon).await.unwrap();
        for _ in 0..3 {
            assert_eq!(spend.reserve(&wish("a", Usd::dollars(5), noon)).await.unwrap(), Reserved::Granted);
            assert_eq!(spend.reserve(&wish("b", Usd::dollars(6), noon)).await.unwrap(), Reserved::Granted);
        }
        assert_eq!(spend.used(agent(), noon).await.unwrap(), used(11, 11));
        for (a, b) in [(Closed::Now, Closed::Now), (Closed::AlreadySettled, Closed::AlreadyReleased)] {
            assert_eq!(spend.settle(agent(), &name("a"), Usd::dollars(4), noon).await.unwrap(), a);
            assert_eq!(spend.release(agent(), &name("b"), noon).await.unwrap(), b);
            assert_eq!(spend.used(agent(), noon).await.unwrap(), used(4, 4));
        }
        assert_eq!(spend.release(agent(), &name("a"), noon).await.unwrap(), Closed::AlreadySettled);
        let late = spend.settle(agent(), &name("b"), Usd::dollars(6), noon).await.unwrap();
        assert_eq!(late, Closed::AlreadyReleased);
        for reservation in ["a", "b"] {
            assert_eq!(spend.reserve(&wish(reservation, Usd::dollars(1), noon)).await.unwrap(), Reserved::Closed);
        }
        assert_eq!(spend.used(agent(), noon).await.unwrap(), used(4, 4));
    })
    .await;
}

#[tokio::test]
async fn a_window_turns_by_the_callers_clock_and_never_back() {
    on_each_spend(|spend| async move {
        let (noon, one) = (at("12:59:59.999"), at("13:00:00"));
        spend.start(agent(), &[], noon).await.unwrap();
        assert_eq!(spend.reserve(&wish("a", Usd::dollars(20), noon)).await.unwrap(), Reserved::Granted);
        assert!(matches!(spend.reserve(&wish("b", Usd::dollars(5), noon)).await.unwrap(), Reserved::Refused { .. }));
        assert_eq!(spend.used(agent(), one).await.unwrap(), used(20, 0));
        assert_eq!(spend.reserve(&wish("b", Usd::dollars(5), one)).await.unwrap(), Reserved::Granted);
        // A process whose clock is behind counts in the hour that has begun.
        assert_eq!(spend.reserve(&wish("c", Usd::dollars(5), noon)).await.unwrap(), Reserved::Granted);
        assert_eq!(spend.used(agent(), one).await.unwrap(), used(30, 10));
        assert_eq!(spend.used(agent(), noon).await.unwrap(), used(30, 10));
        // What was reserved in an hour that is over changes the day alone.
        spend.settle(agent(), &name("a"), Usd::dollars(1), one).await.unwrap();
        assert_eq!(spend.used(agent(), one).await.unwrap(), used(11, 10));
        let midnight: DateTime<Utc> = "2026-11-23T00:00:00Z".parse().unwrap();
        assert_eq!(spend.used(agent(), midnight).await.unwrap(), used(0, 0));
        assert_eq!(spend.reserve(&wish("d", Usd::dollars(20), midnight)).await.unwrap(), Reserved::Granted);
        spend.release(agent(), &name("b"), midnight).await.unwrap();
        assert_eq!(spend.used(agent(), midnight).await.unwrap(), used(20, 20));
    })
    .await;
}

#[tokio::test]
async fn amounts_are_exact_and_those_that_nothing_costs_are_refused() {
    on_each_spend(|spend| async move {
        let noon = at("12:00:00");
        spend.start(agent(), &[], noon).await.unwrap();
        let huge: Usd = "999999999.999999".parse().unwrap();
        let caps = SpendCaps { daily: Usd::dollars(1_000_000_000), hourly: None };
        let exactly = SpendRequest { caps, ..wish("a", huge, noon) };
        assert_eq!(spend.reserve(&exactly).await.unwrap(), Reserved::Granted);
        let micro = SpendRequest { caps, ..wish("b", Usd::from_micros(1), noon) };
        assert_eq!(spend.reserve(&micro).await.unwrap(), Reserved::Granted);
        let refused = Reserved::Refused { cap: SpendCap::Daily, left: Usd::ZERO };
        let another = SpendRequest { caps, ..wish("c", Usd::from_micros(1), noon) };
        assert_eq!(spend.reserve(&another).await.unwrap(), refused);
        for amount in [Usd::from_micros(-1), Usd::from_micros(i64::MAX), Usd::from_micros(i64::MIN)] {
            let reserve = spend.reserve(&wish("d", amount, noon)).await.unwrap_err();
            assert!(matches!(reserve, SpendError::Amount { amount: refused } if refused == amount));
            let settle = spend.settle(agent(), &name("a"), amount, noon).await.unwrap_err();
            assert!(matches!(settle, SpendError::Amount { .. }));
        }
        assert_eq!(spend.used(agent(), noon).await.unwrap().today, Usd::dollars(1_000_000_000));
    })
    .await;
}

#[tokio::test]
async fn counters_start_from_the_ledger_once() {
    on_each_spend(|spend| async move {
        let noon = at("12:30:00");
        let not_started =
            |error: SpendError| matches!(error, SpendError::NotStarted { agent_id } if agent_id == agent());
        assert!(not_started(spend.reserve(&wish("a", Usd::ZERO, noon)).await.unwrap_err()));
        assert!(not_started(spend.settle(agent(), &name("a"), Usd::ZERO, noon).await.unwrap_err()));
        assert!(not_started(spend.release(agent(), &name("a"), noon).await.unwrap_err()));
        assert!(not_started(spend.used(agent(), noon).await.unwrap_err()));

        let entry = |reservation, dollars, reserved_at, state| SpendEntry {
            reservation: name(reservation),
            amount: Usd::dollars(dollars),
            reserved_at,
            state,
            version: StateVersion::FIRST,
        };
        let ledger = [
            entry("spent", 4, at("03:00:00"), EntryState::Settled),
            entry("given back", 9, at("12:00:00"), EntryState::Released),
            entry("open", 5, at("12:10:00"), EntryState::Open),
            entry("yesterday", 7, at("12:00:00") - Duration::from_secs(24 * 60 * 60), EntryState::Open),
        ];
        assert!(spend.start(agent(), &ledger, noon).await.unwrap());
        assert!(!spend.start(agent(), &[], noon).await.unwrap());
        assert_eq!(spend.used(agent(), noon).await.unwrap(), used(9, 5));
        assert_eq!(spend.reserve(&wish("open", Usd::dollars(5), noon)).await.unwrap(), Reserved::Granted);
        assert_eq!(spend.reserve(&wish("spent", Usd::dollars(4), noon)).await.unwrap(), Reserved::Closed);
        let settled = spend.settle(agent(), &name("spent"), Usd::dollars(4), noon).await.unwrap();
        assert_eq!(settled, Closed::AlreadySettled);
        let released = spend.release(agent(), &name("given back"), noon).await.unwrap();
        assert_eq!(released, Closed::AlreadyReleased);
        spend.settle(agent(), &name("yesterday"), Usd::dollars(1), noon).await.unwrap();
        assert_eq!(spend.used(agent(), noon).await.unwrap(), used(9, 5));
        spend.settle(agent(), &name("open"), Usd::dollars(3), noon).await.unwrap();
        // The ledger did not know this one yet when it was read.
        assert_eq!(spend.settle(agent(), &name("new"), Usd::dollars(2), noon).await.unwrap(), Closed::Now);
        let again = spend.settle(agent(), &name("new"), Usd::dollars(2), noon).await.unwrap();
        assert_eq!(again, Closed::AlreadySettled);
        assert_eq!(spend.used(agent(), noon).await.unwrap(), used(9, 5));
    })
    .await;
}

#[tokio::test]
async fn counters_follow_the_ledger_whatever_the_order() {
    use EntryState::{Open, Presumed, Released, Settled};
    on_each_spend(|spend| async move {
        let noon = at("12:00:00");
        let one = [entry("a", Usd::dollars(5), Open, 1, noon)];
        let not_started = spend.follow(agent(), &one).await.unwrap_err();
        assert!(matches!(not_started, SpendError::NotStarted { agent_id } if agent_id == agent()));
        spend.follow(agent(), &[]).await.unwrap();
        spend.start(agent(), &one, noon).await.unwrap();
        let later = [
            entry("a", Usd::dollars(2), Settled, 2, noon),
            // A late result makes it dearer, after its end.
            entry("a", Usd::dollars(3), Settled, 3, noon),
            entry("b", Usd::dollars(7), Presumed, 2, noon),
            entry("b", Usd::dollars(4), Open, 1, noon),
            entry("c", Usd::dollars(4), Released, 2, noon),
            entry("this morning", Usd::dollars(1), Settled, 1, at("09:00:00")),
            entry("yesterday", Usd::dollars(9), Settled, 1, "2026-11-21T23:59:59Z".parse().unwrap()),
        ];
        for _ in 0..2 {
            spend.follow(agent(), &later).await.unwrap();
            assert_eq!(spend.used(agent(), noon).await.unwrap(), used(11, 10));
            let reversed: Vec<_> = later.iter().rev().cloned().collect();
            spend.follow(agent(), &reversed).await.unwrap();
            assert_eq!(spend.used(agent(), noon).await.unwrap(), used(11, 10));
        }
        // Granted here first, then by the ledger with another amount.
        assert_eq!(spend.reserve(&wish("d", Usd::dollars(1), noon)).await.unwrap(), Reserved::Granted);
        spend.follow(agent(), &[entry("d", Usd::dollars(2), Open, 1, noon)]).await.unwrap();
        assert_eq!(spend.used(agent(), noon).await.unwrap(), used(13, 12));
        let one = at("13:00:00");
        spend.follow(agent(), &[entry("e", Usd::cents(50), Open, 1, one)]).await.unwrap();
        let half = Usd::cents(50);
        let late = SpendUse { today: Usd::dollars(13).saturating_add(half), this_hour: half };
        assert_eq!(spend.used(agent(), noon).await.unwrap(), late, "windows never turn back");
        // Nothing that a counter can't hold is taken over.
        let huge = spend.follow(agent(), &[entry("f", Usd::from_micros(i64::MAX), Open, 1, one)]).await.unwrap_err();
        assert!(matches!(huge, SpendError::Amount { .. }));
        assert_eq!(spend.used(agent(), one).await.unwrap(), late);
    })
    .await;
}

/// Entries are written, closed and told of in any order, with repeats and gaps; whatever was told last of each counts.
#[tokio::test]
async fn any_history_ends_with_the_sums_of_the_newest_versions() {
    on_each_spend(|spend| async move {
        let dice = SeededAmbient::new(11);
        let noon = at("12:00:00");
        spend.start(agent(), &[], noon).await.unwrap();
        let mut newest: BTreeMap<String, SpendEntry> = BTreeMap::new();
        for round in 0..40 {
            let mut told = vec![];
            for _ in 0..20 {
                let [which, version, state, low, high, hour, ..] = dice.random();
                let id = format!("entry {}", which % 24);
                let state = [EntryState::Open, EntryState::Presumed, EntryState::Settled, EntryState::Released]
                    [usize::from(state % 4)];
                let amount = Usd::from_micros(i64::from(low) * 1_000_003 + i64::from(high));
                // An entry stays in the hour that it was reserved in.
                let reserved_at =
                    newest.get(&id).map_or_else(|| at(&format!("{:02}:30:00", 11 + hour % 3)), |e| e.reserved_at);
                let new = entry(&id, amount, state, i64::from(version) + round, reserved_at);
                let known = newest.entry(id).or_insert_with(|| new.clone());
                if known.version < new.version {
                    *known = new.clone();
                }
                // An entry has one content for each version.
                if known.version != new.version || *known == new {
                    told.push(new);
                }
            }
            spend.follow(agent(), &told).await.unwrap();
        }
        let last = newest.values().map(|entry| entry.reserved_at).max().unwrap().max(noon);
        let windows = SpendWindows::at(last);
        let sum = |is_in: &dyn Fn(SpendWindows) -> bool| -> Usd {
            newest.values().filter(|e| is_in(SpendWindows::at(e.reserved_at))).map(SpendEntry::counted).sum()
        };
        let wanted = SpendUse { today: sum(&|w| w.day == windows.day), this_hour: sum(&|w| w.hour == windows.hour) };
        assert!(wanted.this_hour > Usd::ZERO && wanted.today > wanted.this_hour);
        assert_eq!(spend.used(agent(), noon).await.unwrap(), wanted);
    })
    .await;
}

#[tokio::test]
async fn forgotten_counters_start_afresh() {
    on_each_spend(|spend| async move {
        let noon = at("12:00:00");
        spend.forget(agent()).await.unwrap();
        spend.start(agent(), &[], noon).await.unwrap();
        for reservation in ["a", "b"] {
            spend.reserve(&wish(reservation, Usd::dollars(5), noon)).await.unwrap();
        }
        spend.forget(agent()).await.unwrap();
        assert!(matches!(spend.used(agent(), noon).await, Err(SpendError::NotStarted { .. })));
        // The ledger knows that one of them was settled since.
        let entry = |reservation, dollars, state| SpendEntry {
            reservation: name(reservation),
            amount: Usd::dollars(dollars),
            reserved_at: noon,
            state,
            version: StateVersion::FIRST,
        };
        let ledger = [entry("a", 5, EntryState::Presumed), entry("b", 2, EntryState::Settled)];
        assert!(spend.start(agent(), &ledger, noon).await.unwrap());
        assert_eq!(spend.used(agent(), noon).await.unwrap(), used(7, 7));
        assert_eq!(spend.settle(agent(), &name("b"), Usd::dollars(9), noon).await.unwrap(), Closed::AlreadySettled);
        assert_eq!(spend.settle(agent(), &name("a"), Usd::dollars(1), noon).await.unwrap(), Closed::Now);
        assert_eq!(spend.used(agent(), noon).await.unwrap(), used(3, 3));
        // What the old counters knew and the ledger did not say at the new start counts when it is told.
        spend.follow(agent(), &[entry("c", 4, EntryState::Open)]).await.unwrap();
        spend.forget(agent()).await.unwrap();
        assert!(spend.start(agent(), &[], noon).await.unwrap());
        spend.follow(agent(), &[entry("c", 4, EntryState::Open)]).await.unwrap();
        assert_eq!(spend.settle(agent(), &name("b"), Usd::dollars(1), noon).await.unwrap(), Closed::Now);
        assert_eq!(spend.reserve(&wish("a", Usd::dollars(2), noon)).await.unwrap(), Reserved::Granted);
        assert_eq!(spend.used(agent(), noon).await.unwrap(), used(7, 7));
    })
    .await;
}

#[tokio::test]
async fn processes_share_counters_in_redis_and_a_flush_stops_spending_until_the_ledger_is_read() {
    let server = TestRedis::start().unwrap();
    let one = RedisSpend::new(link(&server, "spend").await);
    let two = RedisSpend::new(link(&server, "spend").await);
    let noon = at("12:00:00");
    assert!(one.start(agent(), &[], noon).await.unwrap());
    assert!(!two.start(agent(), &[], noon).await.unwrap());
    assert_eq!(one.reserve(&wish("a", Usd::dollars(15), noon)).await.unwrap(), Reserved::Granted);
    assert!(matches!(two.reserve(&wish("b", Usd::dollars(6), noon)).await.unwrap(), Reserved::Refused { .. }));

    server.flush().unwrap();
    assert!(matches!(two.reserve(&wish("b", Usd::dollars(6), noon)).await, Err(SpendError::NotStarted { .. })));
    let ledger = entry("a", Usd::dollars(15), EntryState::Open, 1, noon);
    assert!(two.start(agent(), &[ledger], noon).await.unwrap());
    assert!(matches!(two.reserve(&wish("b", Usd::dollars(6), noon)).await.unwrap(), Reserved::Refused { .. }));
    assert_eq!(one.settle(agent(), &name("a"), Usd::dollars(2), noon).await.unwrap(), Closed::Now);
    assert_eq!(two.used(agent(), noon).await.unwrap(), used(2, 2));

    server.stop();
    let error = one.reserve(&wish("c", Usd::dollars(1), noon)).await.unwrap_err();
    assert!(matches!(error, SpendError::Unavailable { .. }), "{error:?}");
    server.start_again().unwrap();
    assert!(matches!(one.used(agent(), noon).await, Err(SpendError::NotStarted { .. })));
}
