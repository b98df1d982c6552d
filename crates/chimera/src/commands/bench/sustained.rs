//! Headlines that come up at a rate, whatever the planner does meanwhile: how long until their tasks are committed, whether
//! exactly those that should became tasks, and the rate from which the planner falls behind.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use chimera_domain::SignalOutcome;
use chimera_planner::Planner;
use chimera_store::{Blobs, SignalFilter, Store};
use serde::Serialize;
use tokio::time::Instant;

use super::{
    ground::{self, Place},
    idle::{Headlines, headline},
    machine::{Machine, Used, peak_memory_mib},
    planner::{Sorting, is_relevant, number_of},
    quantiles::{Quantiles, rounded},
};
use crate::{
    compose::{Ground, Queues},
    config::Config,
    system::{self, SystemAmbient},
};

/// How far behind, in seconds of headlines, a planner is that will not catch up.
const BEHIND_MAX: f64 = 5.0;
/// How far behind a planner may be at the end and still have kept up, in seconds of headlines.
const BEHIND_AT_END: f64 = 1.0;
/// How long a trial lasts in the search for the rate, in seconds.
const TRIAL_SECONDS: u32 = 10;
/// How near to each other a rate that is held and one that is not have to be.
const NEAR: f64 = 1.05;
/// Trials at most.
const TRIALS_MAX: usize = 16;

/// What comes up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stream {
    /// Headlines a second.
    pub(super) rate: u32,
    pub(super) seconds: u32,
    /// How many of them a feed shows at a time, at most.
    pub(super) batch: u32,
    /// How many of a hundred are relevant.
    pub(super) relevant: u32,
}

#[derive(Debug, Serialize)]
pub(super) struct Report {
    bench: &'static str,
    database: &'static str,
    sustained: Sustained,
    /// The most headlines a second at which the planner kept up; absent where that was not looked for, or none was found.
    saturates_at: Option<u32>,
    /// What was tried to find it.
    trials: Vec<Trial>,
    machine: Machine,
}

/// A rate that was tried.
#[derive(Debug, Serialize)]
struct Trial {
    rate: u32,
    kept_up: bool,
}

/// How a rate was held.
#[derive(Debug, Serialize)]
pub(super) struct Sustained {
    rate: u32,
    seconds: f64,
    signals: u32,
    planned: usize,
    /// Whether the relevant headlines, and no others, became tasks, each once.
    exact: bool,
    kept_up: bool,
    /// The most headlines that had come up and were not decided.
    behind_max: u32,
    /// Of relevant headlines: from the beginning of the reading to the commit of their tasks.
    read_to_commit_ms: Quantiles,
    /// The same from the moment at which they came up.
    up_to_commit_ms: Quantiles,
    cpu_cores: f64,
    machine_cpu_cores: f64,
    cpu_ms_per_signal: f64,
    memory_peak_mib: Option<u64>,
}

/// Holds the rate, and then looks for the one that is too much, where that is asked for.
pub(super) async fn measure(
    config: &Config,
    place: &mut Place,
    database: &'static str,
    stream: Stream,
    saturate: bool,
) -> anyhow::Result<Report> {
    let sustained = Box::pin(hold(config, place, "run", stream)).await?;
    let (mut search, mut trials) = (Search::default(), vec![]);
    if saturate {
        search.learn(stream.rate, sustained.kept_up);
        let seconds = stream.seconds.min(TRIAL_SECONDS);
        while let Some(rate) = search.to_try().filter(|_| trials.len() < TRIALS_MAX) {
            let tried =
                Box::pin(hold(config, place, &format!("try{}", trials.len()), Stream { rate, seconds, ..stream }))
                    .await?;
            anyhow::ensure!(tried.exact, "at {rate} headlines a second others were planned than should");
            search.learn(rate, tried.kept_up);
            trials.push(Trial { rate, kept_up: tried.kept_up });
        }
    }
    let saturates_at = if saturate { search.held } else { None };
    Ok(Report { bench: "planner", database, sustained, saturates_at, trials, machine: Machine::here() })
}

/// Lets headlines come up in a database of their own.
async fn hold(config: &Config, place: &mut Place, purpose: &str, stream: Stream) -> anyhow::Result<Sustained> {
    let url = place.database(purpose).await?;
    let config = ground::config(config.clone(), place, &url, None);
    let store = ground::store(&config.store_of("bench")).await?;
    ground::plant(&store).await?;
    let queues = Queues::reach(&config, &SystemAmbient).await?;
    let ground = Ground::new(config.clone(), system::instance(), store.clone(), queues, Blobs::new(config.media_dir()));
    let headlines = Headlines::default();
    let host = Arc::new(ground::host(&config, &headlines, 1)?);
    let planner = ground.planner(host.clone(), Arc::new(Sorting { relevant: stream.relevant }));
    // What is done once is no part of it: connections, the first look at the server.
    planner.tick().await?;
    let used = Used::now();
    let flow = flow(&planner, &headlines, stream).await?;
    let usage = Used::now().since(used);
    let (planned, exact) = truth(&store, flow.decided, stream.relevant).await?;
    host.shutdown().await;
    store.close().await;
    Ok(Sustained {
        rate: stream.rate,
        seconds: rounded(flow.seconds),
        signals: flow.decided,
        planned,
        exact,
        kept_up: flow.kept_up,
        behind_max: flow.behind_max,
        read_to_commit_ms: Quantiles::of(flow.read_to_commit),
        up_to_commit_ms: Quantiles::of(flow.up_to_commit),
        cpu_cores: rounded(usage.cpu_seconds / flow.seconds),
        machine_cpu_cores: rounded(usage.machine_cpu_seconds / flow.seconds),
        cpu_ms_per_signal: rounded(usage.cpu_seconds * 1_000.0 / f64::from(flow.decided.max(1))),
        memory_peak_mib: peak_memory_mib(),
    })
}

/// What became of headlines while they came up.
#[derive(Debug, Default)]
struct Flow {
    decided: u32,
    behind_max: u32,
    kept_up: bool,
    seconds: f64,
    read_to_commit: Vec<f64>,
    up_to_commit: Vec<f64>,
}

/// Shows headlines as they come up, and lets the planner read as soon as there are some; ends when all are decided, or when
/// it is clear that the planner will not catch up.
async fn flow(planner: &Planner, headlines: &Headlines, stream: Stream) -> anyhow::Result<Flow> {
    let Stream { rate, seconds, batch, relevant } = stream;
    let total = rate.saturating_mul(seconds);
    let mut flow = Flow { kept_up: true, ..Flow::default() };
    let began = Instant::now();
    while flow.decided < total {
        let up = come_up(began.elapsed(), rate).min(total);
        let behind = up - flow.decided;
        if behind == 0 {
            tokio::time::sleep(Duration::from_secs_f64(1.0 / f64::from(rate)).min(Duration::from_millis(5))).await;
            continue;
        }
        flow.behind_max = flow.behind_max.max(behind);
        let allowed = if up < total { BEHIND_MAX } else { BEHIND_AT_END };
        flow.kept_up &= f64::from(behind) <= f64::from(rate) * allowed + f64::from(batch);
        if !flow.kept_up {
            break;
        }
        let end = up.min(flow.decided.saturating_add(batch));
        headlines.show((flow.decided..end).map(headline));
        let read = Instant::now();
        let report = planner.tick().await?;
        let (now, took) = (began.elapsed().as_secs_f64(), read.elapsed().as_secs_f64() * 1_000.0);
        anyhow::ensure!(
            report.signals == usize::try_from(end - flow.decided)? && report.resources_failed == 0,
            "the planner took {} of {} headlines; run again with --log warn",
            report.signals,
            end - flow.decided
        );
        for number in (flow.decided..end).filter(|number| is_relevant(*number, relevant)) {
            flow.read_to_commit.push(took);
            flow.up_to_commit.push((now - f64::from(number) / f64::from(rate)) * 1_000.0);
        }
        flow.decided = end;
    }
    flow.seconds = began.elapsed().as_secs_f64();
    Ok(flow)
}

/// Headlines that have come up by then.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "never below zero, and capped by the caller"
)]
fn come_up(elapsed: Duration, rate: u32) -> u32 {
    (elapsed.as_secs_f64() * f64::from(rate)) as u32 + 1
}

/// How many headlines were planned, and whether they are the relevant ones among those decided.
async fn truth(store: &Store, decided: u32, relevant: u32) -> anyhow::Result<(usize, bool)> {
    let filter = SignalFilter { campaign: None, outcome: Some(SignalOutcome::Planned), limit: u64::from(u32::MAX) };
    let planned = store.signals(&filter).await?;
    let numbers: BTreeSet<u32> = planned.iter().filter_map(|signal| number_of(&signal.item.title)).collect();
    let wanted: BTreeSet<u32> = (0..decided).filter(|number| is_relevant(*number, relevant)).collect();
    Ok((planned.len(), numbers == wanted && planned.len() == wanted.len()))
}

/// The search for the most that is held: doubled until it is too much, or halved until it is not, then halved in between.
#[derive(Debug, Default)]
struct Search {
    held: Option<u32>,
    too_much: Option<u32>,
}

impl Search {
    fn learn(&mut self, rate: u32, is_held: bool) {
        if is_held {
            self.held = self.held.max(Some(rate));
        } else {
            self.too_much = Some(self.too_much.map_or(rate, |known| known.min(rate)));
        }
    }

    /// What to try next; nothing when the two are near each other, or nothing at all is held.
    fn to_try(&self) -> Option<u32> {
        match (self.held, self.too_much) {
            (None, None) => None,
            (Some(held), None) => held.checked_mul(2),
            (None, Some(too_much)) => Some(too_much / 2).filter(|rate| *rate > 0),
            (Some(held), Some(too_much)) => {
                let is_near = f64::from(too_much) <= f64::from(held) * NEAR;
                (!is_near && too_much - held > 1).then_some(held.midpoint(too_much))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_search_ends_right_below_what_is_too_much() {
        for limit in [1, 3, 77, 1_000, 1_440, 9_999] {
            for first in [1, 1_000, 20_000] {
                let (mut search, mut tried) = (Search::default(), 0);
                search.learn(first, first <= limit);
                while let Some(rate) = search.to_try() {
                    search.learn(rate, rate <= limit);
                    tried += 1;
                }
                let held = search.held.unwrap();
                assert!(held <= limit && f64::from(limit) <= f64::from(held) * NEAR + 1.0, "{limit} {first}: {held}");
                assert!(tried <= 32, "{tried}");
            }
        }
        let mut nothing = Search::default();
        nothing.learn(2, false);
        nothing.learn(1, false);
        assert_eq!((nothing.to_try(), nothing.held), (None, None));
    }

    #[test]
    fn headlines_come_up_evenly() {
        assert_eq!([0, 1, 500, 1_000].map(|ms| come_up(Duration::from_millis(ms), 1_000)), [1, 2, 501, 1_001]);
    }
}
