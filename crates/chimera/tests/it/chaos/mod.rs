//! Chaos: a fleet of processes over PostgreSQL and Redis, everything breaking at random, and a reckoning at the end.
//!
//! `CHAOS_SECONDS` is how long things break, `CHAOS_SIGNALS` how many items come in meanwhile, `CHAOS_SEED` makes the same
//! throws of the dice. Without them it is a short run; `make chaos` is the long one. The report's last line reads
//! `faults=N lost=0 doubled=0 stuck=0 overdraft=0`.

mod audit;
mod counters;
mod doctored;
mod faults;
pub(crate) mod feed;
mod fleet;
mod pausing;
mod platform;
mod report;
mod reviewer;
mod watch;
mod world;

use std::{
    panic::AssertUnwindSafe,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use faults::Storm;
use feed::Feeds;
use fleet::Fleet;
use report::Report;
use world::World;

use crate::dice::Dice;

/// States in which a task may stay, as SQL has lists.
const RESTS: &str = "'PUBLISHED', 'DONE', 'HITL_QUEUE', 'REJECTED', 'FAILED', 'CANCELLED'";

/// When the storm is over, this much time without a single product says that what still moves is stuck: more than any lease,
/// rest and sweep takes together, many times over.
const STUCK_AFTER: Duration = Duration::from_secs(60);
/// The longest that the fleet may take to settle.
const SETTLED_WITHIN: Duration = Duration::from_secs(1_200);

/// One run.
pub(super) struct Plan {
    seed: u64,
    seconds: Duration,
    signals: usize,
}

impl Plan {
    fn from_environment() -> Self {
        let number = |name: &str, otherwise: u64| match std::env::var(name) {
            Ok(text) if !text.is_empty() => text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")),
            _ => otherwise,
        };
        Self {
            seed: number("CHAOS_SEED", 20_261_122),
            seconds: Duration::from_secs(number("CHAOS_SECONDS", 15)),
            signals: usize::try_from(number("CHAOS_SIGNALS", 200)).unwrap(),
        }
    }
}

#[test]
fn nothing_is_lost_and_nothing_doubled() {
    let plan = Plan::from_environment();
    let Plan { seed, seconds, signals } = &plan;
    println!("chaos: CHAOS_SEED={seed} CHAOS_SECONDS={} CHAOS_SIGNALS={signals}", seconds.as_secs());
    let mut dice = Dice::new(*seed);
    let (world, feeds) = World::new(&plan, &mut dice);
    // Whatever happens, what is left of the run is worth a look.
    let run = std::panic::catch_unwind(AssertUnwindSafe(|| run(&world, feeds, &plan, dice)));
    let failures = match &run {
        Ok(report) => match report.tell(&world, &plan) {
            failures if failures.is_empty() => doctored::blind_spots(&world, &report.feeds, &report.answers),
            failures => failures,
        },
        Err(_) => vec!["the run itself broke off".to_owned()],
    };
    let kept = (!failures.is_empty()).then(|| world.keep());
    if let Ok(report) = &run {
        report.last_line();
    }
    if let Some((folder, database)) = kept {
        let (folder, database) = (folder.display(), database.display());
        panic!(
            "{}\nCHAOS_SEED={seed}; configuration, feeds and logs are in {folder}, the database in {database}",
            failures.join("\n")
        );
    }
}

/// Lets everything break for a while, waits until the fleet has settled, and looks at what is there.
fn run(world: &World, mut feeds: Feeds, plan: &Plan, mut dice: Dice) -> Report {
    let (pausing, reviewing, breaking) = (dice.split(), dice.split(), dice.split());
    let (calm, end) = (AtomicBool::new(false), AtomicBool::new(false));
    let mut fleet = Fleet::start(world);
    let began = Instant::now();
    std::thread::scope(|scope| {
        // A panic must not leave the other threads running for ever.
        let ended = EndOnDrop(&[&calm, &end]);
        let watched = scope.spawn(|| watch::watch(world, &end));
        let pauses = scope.spawn(|| pausing::pause_now_and_then(world, pausing, &calm));
        let answers = scope.spawn(|| reviewer::review(world, reviewing, &calm));
        let mut storm = Storm::new(world, &mut fleet, breaking);
        storm.rage(plan.seconds, &mut feeds);
        let struck = storm.struck;
        calm.store(true, Ordering::Relaxed);
        let (pauses, answers) = (pauses.join().unwrap(), answers.join().unwrap());
        let draining = Instant::now();
        settle(world, &mut fleet, plan.signals);
        let (drained, took) = (draining.elapsed(), began.elapsed());
        fleet.stop();
        drop(ended);
        let watched = watched.join().unwrap();
        let (findings, counts) = audit::audit(world, &feeds, &answers);
        let surprises = std::mem::take(&mut fleet.surprises);
        Report { feeds, struck, pauses, answers, watched, findings, counts, drained, took, surprises }
    })
}

/// Waits until every item has its row, every task rests and the spend counters have heard of it all, or nothing moves any
/// more.
fn settle(world: &World, fleet: &mut Fleet<'_>, signals: usize) {
    let state = format!(
        "SELECT (SELECT count(*) FROM trend_signals), (SELECT count(*) FROM agent_tasks WHERE state NOT IN ({RESTS})), \
         {}",
        watch::PRODUCTS
    );
    let began = Instant::now();
    let (mut last, mut since) = (vec![], began);
    loop {
        fleet.look_after();
        let row = world.rows(&state).remove(0);
        let rests = row[0] == signals.to_string() && row[1] == "0";
        if rests && counters::disagreements(world).is_empty() {
            return;
        }
        if row != last {
            (last, since) = (row, Instant::now());
        }
        if since.elapsed() > STUCK_AFTER || began.elapsed() > SETTLED_WITHIN {
            println!("chaos: it does not settle: {last:?}");
            return;
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Ends the threads that wait for these.
struct EndOnDrop<'a>(&'a [&'a AtomicBool]);

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        self.0.iter().for_each(|end| end.store(true, Ordering::Relaxed));
    }
}
