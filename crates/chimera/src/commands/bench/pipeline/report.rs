//! What a run of posts showed, for people and for programs.

use std::collections::BTreeMap;

use chimera_store::{PostTimes, RawFigures};
use chrono::{DateTime, Utc};
use serde::Serialize;

use super::{Machine, Options, Run};
use crate::{
    commands::bench::{
        machine::peak_memory_mib,
        quantiles::{Quantiles, rounded},
    },
    config::Config,
    output,
};

/// Durable steps of one post: it is planned; words, picture and video are made; it is put together, judged and published.
const STEPS: f64 = 7.0;

/// Everything.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    bench: &'static str,
    database: &'static str,
    queues: &'static str,
    pipelines: u32,
    in_flight: u32,
    worker_concurrency: usize,
    publisher_concurrency: usize,
    seconds: f64,
    pipelines_per_second: f64,
    steps_per_second: f64,
    /// The bare client's best, and what part of it the roles reached.
    raw_pipelines_per_second: f64,
    ratio_to_raw: f64,
    latency_ms: BTreeMap<&'static str, Quantiles>,
    rows_per_pipeline: f64,
    statements_per_pipeline: f64,
    commits_per_pipeline: f64,
    statements_failed: u64,
    rollbacks: u64,
    database_busy_ms_per_pipeline: f64,
    cpu_seconds: f64,
    cpu_ms_per_pipeline: f64,
    machine_cpu_seconds: f64,
    peak_memory_mib: Option<u64>,
    bytes_written: u64,
    server_log_bytes_written: Option<u64>,
    bytes_per_pipeline: f64,
    raw: Vec<RawFigures>,
    machine: Machine,
}

impl Report {
    #[expect(clippy::cast_precision_loss, reason = "counts of one run")]
    pub(super) fn of(
        options: &Options,
        config: &Config,
        run: &Run,
        times: &[PostTimes],
        rows_per_pipeline: f64,
        raw: Vec<RawFigures>,
    ) -> Self {
        let posts = f64::from(options.pipelines);
        let per_post = |count: u64| rounded(count as f64 / posts);
        let rate = posts / run.seconds;
        let bare = raw.iter().map(|raw| raw.posts as f64 / raw.seconds).fold(0.0, f64::max);
        let mut latency_ms: BTreeMap<_, _> = stages()
            .map(|(name, from, to)| (name, Quantiles::of(times.iter().map(|post| millis(from(post), to(post))))))
            .into();
        latency_ms.insert("whole", Quantiles::of(run.whole.iter().copied()));
        let written = run.usage.bytes_written + run.server_written.unwrap_or_default();
        Self {
            bench: "pipeline",
            database: if options.database.is_some() { "postgres" } else { "sqlite" },
            queues: if options.redis.is_some() { "redis" } else { "in process" },
            pipelines: options.pipelines,
            in_flight: options.in_flight,
            worker_concurrency: config.worker.concurrency,
            publisher_concurrency: config.publisher.concurrency,
            seconds: rounded(run.seconds),
            pipelines_per_second: rounded(rate),
            steps_per_second: rounded(rate * STEPS),
            raw_pipelines_per_second: rounded(bare),
            ratio_to_raw: rounded(rate / bare),
            latency_ms,
            rows_per_pipeline: rounded(rows_per_pipeline),
            statements_per_pipeline: per_post(run.statistics.statements),
            commits_per_pipeline: per_post(run.statistics.commits),
            statements_failed: run.statistics.failed,
            rollbacks: run.statistics.rollbacks,
            database_busy_ms_per_pipeline: rounded(run.statistics.busy_us as f64 / 1_000.0 / posts),
            cpu_seconds: rounded(run.usage.cpu_seconds),
            cpu_ms_per_pipeline: rounded(run.usage.cpu_seconds * 1_000.0 / posts),
            machine_cpu_seconds: rounded(run.usage.machine_cpu_seconds),
            peak_memory_mib: peak_memory_mib(),
            bytes_written: run.usage.bytes_written,
            server_log_bytes_written: run.server_written,
            bytes_per_pipeline: per_post(written),
            raw,
            machine: Machine::here(),
        }
    }

    /// For people.
    pub(super) fn print(&self) {
        let Self { database, queues, pipelines, in_flight, .. } = self;
        output::line(&format!("{pipelines} posts, {in_flight} at a time, on {database} with queues {queues}"));
        output::line(&format!(
            "{:.0} posts/s, {:.0} steps/s: {:.0} % of the {:.0} posts/s that a bare client writes",
            self.pipelines_per_second,
            self.steps_per_second,
            self.ratio_to_raw * 100.0,
            self.raw_pipelines_per_second
        ));
        output::line(&format!(
            "a post: {:.1} statements, {:.2} commits, {:.2} ms of processor time, {:.0} bytes written",
            self.statements_per_pipeline, self.commits_per_pipeline, self.cpu_ms_per_pipeline, self.bytes_per_pipeline
        ));
        for (stage, latency) in &self.latency_ms {
            output::line(&format!("{stage:>8}  {:>9.2} ms in the median", latency.p50()));
        }
    }
}

type Moment = fn(&PostTimes) -> DateTime<Utc>;

/// Each stage with its two ends.
fn stages() -> [(&'static str, Moment, Moment); 5] {
    [
        ("score", |post| post.published, |post| post.planned),
        ("make", |post| post.planned, |post| post.made),
        ("assemble", |post| post.made, |post| post.assembled),
        ("judge", |post| post.assembled, |post| post.judged),
        ("publish", |post| post.judged, |post| post.confirmed),
    ]
}

#[expect(clippy::cast_precision_loss, reason = "microseconds of one run")]
fn millis(from: DateTime<Utc>, to: DateTime<Utc>) -> f64 {
    (to - from).num_microseconds().unwrap_or_default() as f64 / 1_000.0
}
