//! `chimera bench planner`: headlines read, scored, and planned or let go.

use std::{process::ExitCode, sync::Arc};

use async_trait::async_trait;
use chimera_domain::Score;
use chimera_llm::{Answer, Draft, Mind, MindError, MindInfo, Opinion, OpinionAsk, Relevance, RelevanceAsk, WriteAsk};
use chimera_store::{BareFigures, Blobs, Statistics, Store};
use clap::Args;
use serde::Serialize;
use tokio::time::Instant;

use super::{
    common::{On, Say, in_a_place},
    ground::{self, Place},
    idle::{Headlines, IdleMind, headline},
    machine::{Machine, Used},
    quantiles::{Quantiles, rounded},
    sustained::{self, Stream},
};
use crate::{
    cli::Global,
    compose::{Ground, Queues},
    config::Config,
    system::{self, SystemAmbient},
};

/// What the bare client tries: signals in one transaction, transactions at the same time. The best of them counts.
const RAW_WAYS: [(usize, usize); 3] = [(100, 2), (500, 2), (1_000, 4)];

/// Headlines read, scored, and planned or let go.
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    on: On,
    /// How many headlines
    #[arg(long, default_value_t = 10_000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    signals: u32,
    /// How many of them a feed shows at a time
    #[arg(long, default_value_t = 200, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    batch: u32,
    /// How many of a hundred are relevant, and planned
    #[arg(long, default_value_t = 10, value_name = "PERCENT", value_parser = clap::value_parser!(u32).range(0..=100))]
    relevant: u32,
    /// Let so many come up each second, whatever the planner does meanwhile, instead of as many as it takes
    #[arg(long, value_name = "N", conflicts_with = "signals", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    rate: Option<u32>,
    /// For how long they come up
    #[arg(long, default_value_t = 60, value_name = "SECONDS", requires = "rate", value_parser = clap::value_parser!(u32).range(1..=3_600))]
    seconds: u32,
    /// Then look for the rate from which the planner falls behind
    #[arg(long, requires = "rate")]
    saturate: bool,
    #[command(flatten)]
    say: Say,
}

#[derive(Debug, Serialize)]
struct Report {
    bench: &'static str,
    database: &'static str,
    signals: u32,
    signals_at_a_time: u32,
    planned: usize,
    tasks: usize,
    rows: usize,
    seconds: f64,
    signals_per_second: f64,
    raw_signals_per_second: f64,
    ratio_to_raw: f64,
    /// From a headline's coming up to the commit of what became of it: a reading of so many headlines.
    latency_ms: Quantiles,
    statements_per_reading: f64,
    commits_per_reading: f64,
    cpu_ms_per_signal: f64,
    raw: Vec<BareFigures>,
    machine: Machine,
}

/// What planning took.
pub(super) struct Planned {
    pub(super) seconds: f64,
    pub(super) tasks: usize,
    cpu_seconds: f64,
    readings: Vec<f64>,
    asked: Statistics,
}

impl Options {
    pub(super) async fn run(self, global: &Global) -> anyhow::Result<ExitCode> {
        let database = self.on.database.clone();
        if let Some(rate) = self.rate {
            let stream = Stream { rate, seconds: self.seconds, batch: self.batch, relevant: self.relevant };
            let (name, saturate) = (self.on.name(), self.saturate);
            return in_a_place(global, database, self.say, async |config, place| {
                Box::pin(sustained::measure(&config, place, name, stream, saturate)).await
            })
            .await;
        }
        in_a_place(global, database, self.say, async |config, place| Box::pin(self.measure(config, place)).await).await
    }

    async fn measure(&self, config: Config, place: &mut Place) -> anyhow::Result<Report> {
        let url = place.database("run").await?;
        let config = ground::config(config, place, &url, None);
        let store = ground::store(&config.store_of("bench")).await?;
        ground::plant(&store).await?;
        let planned = plan(&config, &store, self.signals, self.batch, self.relevant).await?;
        let left = store.planned_rows().await?;
        store.close().await;
        let raw = ground::each_way(&config, place, RAW_WAYS, async |store, batch, lanes| {
            Ok(left.replay(store, batch, lanes).await?)
        });
        let raw = raw.await?;
        let rate = f64::from(self.signals) / planned.seconds;
        let bare = best(&raw);
        let readings = planned.readings.len().max(1);
        Ok(Report {
            bench: "planner",
            database: self.on.name(),
            signals: self.signals,
            signals_at_a_time: self.batch,
            planned: (0..self.signals).filter(|number| is_relevant(*number, self.relevant)).count(),
            tasks: planned.tasks,
            rows: left.rows(),
            seconds: rounded(planned.seconds),
            signals_per_second: rounded(rate),
            raw_signals_per_second: rounded(bare),
            ratio_to_raw: rounded(rate / bare),
            latency_ms: Quantiles::of(planned.readings),
            statements_per_reading: per(planned.asked.statements, readings),
            commits_per_reading: per(planned.asked.commits, readings),
            cpu_ms_per_signal: rounded(planned.cpu_seconds * 1_000.0 / f64::from(self.signals)),
            raw,
            machine: Machine::here(),
        })
    }
}

/// The most that a bare client wrote in a second.
#[expect(clippy::cast_precision_loss, reason = "a count of rows in memory")]
pub(super) fn best(raw: &[BareFigures]) -> f64 {
    raw.iter().map(|raw| raw.written as f64 / raw.seconds).fold(0.0, f64::max)
}

#[expect(clippy::cast_precision_loss, reason = "counts of one run")]
fn per(count: u64, times: usize) -> f64 {
    rounded(count as f64 / times as f64)
}

/// Lets a real planner read so many headlines, `batch` at a time. `relevant` of a hundred are planned.
pub(super) async fn plan(
    config: &Config,
    store: &Store,
    signals: u32,
    batch: u32,
    relevant: u32,
) -> anyhow::Result<Planned> {
    let counted = store.counted_apart();
    let queues = Queues::reach(config, &SystemAmbient).await?;
    let ground =
        Ground::new(config.clone(), system::instance(), counted.clone(), queues, Blobs::new(config.media_dir()));
    let headlines = Headlines::default();
    let host = Arc::new(ground::host(config, &headlines, 1)?);
    let planner = ground.planner(host.clone(), Arc::new(Sorting { relevant }));
    // What is done once is no part of a signal's cost: connections, the first look at the server.
    planner.tick().await?;
    let (before, used, began) = (counted.statistics(), Used::now(), Instant::now());
    let (mut readings, mut tasks, mut shown) = (Vec::new(), 0, 0);
    while shown < signals {
        let end = signals.min(shown + batch);
        headlines.show((shown..end).map(headline));
        let read = Instant::now();
        let report = planner.tick().await?;
        readings.push(read.elapsed().as_secs_f64() * 1_000.0);
        anyhow::ensure!(
            report.signals == usize::try_from(end - shown)? && report.resources_failed == 0,
            "the planner took {} of {} headlines; run again with --log warn",
            report.signals,
            end - shown
        );
        tasks += report.tasks;
        shown = end;
    }
    let (seconds, cpu_seconds) = (began.elapsed().as_secs_f64(), Used::now().since(used).cpu_seconds);
    let asked = counted.statistics().since(before);
    host.shutdown().await;
    Ok(Planned { seconds, tasks, cpu_seconds, readings, asked })
}

/// So many of each hundred, spread evenly.
pub(super) const fn is_relevant(number: u32, of_hundred: u32) -> bool {
    // 37 and 100 have no common divisor: each hundred numbers give each remainder once.
    number.wrapping_mul(37) % 100 < of_hundred
}

/// A mind that answers at once, and lets most headlines go.
#[derive(Debug)]
pub(super) struct Sorting {
    pub(super) relevant: u32,
}

/// The number in a headline's title.
pub(super) fn number_of(title: &str) -> Option<u32> {
    title.split(' ').find_map(|word| word.parse().ok())
}

#[async_trait]
impl Mind for Sorting {
    fn about(&self) -> MindInfo {
        IdleMind.about()
    }

    async fn relevance(&self, ask: &RelevanceAsk) -> Result<Answer<Vec<Relevance>>, MindError> {
        let mut answer = IdleMind.relevance(ask).await?;
        for (item, relevance) in ask.items.iter().zip(&mut answer.value) {
            let number = number_of(&item.title).unwrap_or_default();
            if !is_relevant(number, self.relevant) {
                relevance.score = Score::percent(5);
            }
        }
        Ok(answer)
    }

    async fn write(&self, ask: &WriteAsk) -> Result<Answer<Draft>, MindError> {
        IdleMind.write(ask).await
    }

    async fn opine(&self, ask: &OpinionAsk) -> Result<Answer<Opinion>, MindError> {
        IdleMind.opine(ask).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_of_each_hundred_are_relevant() {
        for of_hundred in [0, 1, 10, 99, 100] {
            let count = (300..400).filter(|number| is_relevant(*number, of_hundred)).count();
            assert_eq!(count, of_hundred as usize);
        }
    }
}
