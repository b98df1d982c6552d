//! `chimera bench start`: from nothing to ready.

use std::{
    process::{ExitCode, Stdio},
    time::Duration,
};

use anyhow::Context as _;
use chimera_store::{Store, StoreConfig};
use clap::Args;
use serde::Serialize;
use tokio::time::Instant;

use super::{
    child::{Up, this_program},
    common::{Say, Servers, in_a_place},
    ground::Place,
    machine::Machine,
    quantiles::{Quantiles, rounded},
};
use crate::{cli::Global, config::Config};

/// From nothing to ready: this very program, as `chimera up`.
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    servers: Servers,
    /// Starts on a database that is there already
    #[arg(long, default_value_t = 10, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Starts on an empty database, which is migrated first; each on one of its own
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    first_runs: u32,
    #[command(flatten)]
    say: Say,
}

#[derive(Debug, Serialize)]
struct Report {
    bench: &'static str,
    database: &'static str,
    queues: &'static str,
    runs: u32,
    first_runs: u32,
    /// Until it listens, and until `/ready` says 200, on a database that is there already.
    listening_ms: Quantiles,
    ready_ms: Quantiles,
    /// The same on an empty database.
    first_ready_ms: Quantiles,
    /// From SIGTERM to the end.
    end_ms: Quantiles,
    /// The program with `--version`: the system loads it, and it says one line.
    raw_process_ms: Quantiles,
    /// A connection to the database, one question, and its end.
    raw_connection_ms: Quantiles,
    raw_ready_ms: f64,
    ratio_to_raw: f64,
    machine: Machine,
}

impl Options {
    pub(super) async fn run(self, global: &Global) -> anyhow::Result<ExitCode> {
        let database = self.servers.on.database.clone();
        in_a_place(global, database, self.say, async |config, place| Box::pin(self.measure(&config, place)).await).await
    }

    async fn measure(&self, config: &Config, place: &mut Place) -> anyhow::Result<Report> {
        let (mut first, mut later, mut listening, mut end) = (vec![], vec![], vec![], vec![]);
        let mut settings = vec![];
        for number in 0..self.first_runs {
            settings = place.settings(&format!("first{number}"), self.servers.redis.as_deref()).await?;
            let mut up = Up::spawn(place, &settings).await?;
            first.push(up.ready().await?);
            up.stop().await?;
        }
        for _ in 0..self.runs {
            let mut up = Up::spawn(place, &settings).await?;
            listening.push(up.listening);
            later.push(up.ready().await?);
            end.push(up.stop().await?);
        }
        let (mut process, mut connection) = (vec![], vec![]);
        let database = place.database("bare").await?;
        for _ in 0..self.runs {
            process.push(self.version(place).await?);
            connection.push(connect(&StoreConfig { url: database.clone(), ..config.store_of("bench") }).await?);
        }
        let (ready, process, connection) = (millis(&later), millis(&process), millis(&connection));
        let raw = process.p50() + connection.p50();
        Ok(Report {
            bench: "start",
            database: self.servers.on.name(),
            queues: self.servers.queues(),
            runs: self.runs,
            first_runs: self.first_runs,
            listening_ms: millis(&listening),
            ready_ms: ready,
            first_ready_ms: millis(&first),
            end_ms: millis(&end),
            raw_process_ms: process,
            raw_connection_ms: connection,
            raw_ready_ms: rounded(raw),
            ratio_to_raw: rounded(raw / ready.p50()),
            machine: Machine::here(),
        })
    }

    async fn version(&self, place: &Place) -> anyhow::Result<Duration> {
        let mut command = this_program(place)?;
        command.arg("--version").stdout(Stdio::null());
        let began = Instant::now();
        let ended = command.status().await.context("starting this program")?;
        anyhow::ensure!(ended.success(), "`chimera --version` ended with {ended}");
        Ok(began.elapsed())
    }
}

/// One connection, asked and closed.
async fn connect(config: &StoreConfig) -> anyhow::Result<Duration> {
    let config = StoreConfig { connections_max: 1, ..config.clone() };
    let began = Instant::now();
    let store = Store::connect(&config).await?;
    store.ping().await?;
    store.close().await;
    Ok(began.elapsed())
}

fn millis(times: &[Duration]) -> Quantiles {
    Quantiles::of(times.iter().map(|time| time.as_secs_f64() * 1_000.0))
}
