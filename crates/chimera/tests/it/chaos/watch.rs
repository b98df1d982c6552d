//! Watches how much the pipeline has made, all the time: from that, how soon it goes on after a fault.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use super::{faults::Struck, world::World};

const LOOK_EVERY: Duration = Duration::from_millis(150);

/// What can only grow: what was read, made, decided and published.
pub(super) const PRODUCTS: &str = "(SELECT count(*) FROM trend_signals) + (SELECT count(*) FROM artifacts) + \
(SELECT count(*) FROM judge_decisions) + (SELECT count(*) FROM publications WHERE state = 'CONFIRMED')";

/// How much there was, and when. Looks that the database did not answer are missing.
#[derive(Default)]
pub(super) struct Watched(Vec<(Instant, u64)>);

/// How long it took until the pipeline went on: the middle and the longest of so many.
pub(super) struct Recovery {
    pub(super) count: usize,
    pub(super) p50: Duration,
    pub(super) max: Duration,
}

/// Looks until told to end.
pub(super) fn watch(world: &World, end: &AtomicBool) -> Watched {
    let products = format!("SELECT {PRODUCTS}");
    let mut watched = Watched::default();
    while !end.load(Ordering::Relaxed) {
        if let Some(products) = world.try_ask(&products).and_then(|n| n.parse().ok()) {
            watched.0.push((Instant::now(), products));
        }
        std::thread::sleep(LOOK_EVERY);
    }
    watched
}

impl Watched {
    /// From these faults to the first progress after them. Those after the last progress have nothing to recover.
    pub(super) fn recovery<'a>(&self, struck: impl Iterator<Item = &'a Struck>) -> Option<Recovery> {
        let mut times: Vec<Duration> = struck.filter_map(|fault| self.after(fault.at)).collect();
        times.sort_unstable();
        Some(Recovery { count: times.len(), p50: *times.get(times.len() / 2)?, max: *times.last()? })
    }

    /// What counts is more than there was at the first look after the fault, so the time is rather too long than too short.
    fn after(&self, fault: Instant) -> Option<Duration> {
        let mut later = self.0.iter().filter(|(at, _)| *at >= fault);
        let (_, before) = later.next()?;
        later.find(|(_, products)| products > before).map(|(at, _)| *at - fault)
    }
}
