//! `chimera bench pipeline`

mod report;
mod slowest;
mod tally;

use std::{collections::VecDeque, process::ExitCode, sync::Arc, time::Duration};

use anyhow::Context as _;
use chimera_media::Credentials;
use chimera_planner::Planner;
use chimera_store::{Blobs, RawFigures, Statistics, Store};
use clap::Args;
use tokio::time::Instant;

use super::{
    ground::{self, Place},
    idle::{Headlines, IdleMind, headline},
    machine::{Machine, Usage, Used},
};
use crate::{
    cli::Global,
    compose::{self, Ground, Queues},
    config::Config,
    lifecycle::Lifecycle,
    output,
    system::{self, SystemAmbient},
};

use report::Report;
use slowest::Slowest;
use tally::Tally;

/// When nothing is published for so long, something is wrong.
const STUCK_AFTER: Duration = Duration::from_secs(60);
/// The feed is read again when such a part of the places for posts is free,
const PLACES_PART: u32 = 8;
/// or after so long.
const PLACES_WAIT: Duration = Duration::from_millis(10);
/// Posts that the bare client writes at the most: their rows are held in memory.
const RAW_POSTS_MAX: u64 = 4_000;
/// What the bare client tries: posts in one transaction, transactions at the same time. The best of them counts.
const RAW_WAYS: [(usize, usize); 3] = [(64, 4), (256, 2), (512, 2)];

/// Posts from headline to publication.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// A PostgreSQL to run on, as postgres://USER:PASSWORD@HOST/DATABASE; SQLite otherwise. What lies there stays as it is
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// A Redis for the queues, as redis://HOST:PORT; in process otherwise
    #[arg(long, value_name = "URL")]
    redis: Option<String>,
    /// How many posts
    #[arg(long, default_value_t = 1_000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pipelines: u32,
    /// How many of them at the same time
    #[arg(long, default_value_t = 64, value_name = "C", value_parser = clap::value_parser!(u32).range(1..))]
    in_flight: u32,
    /// Tell on standard error which statements took longest, all of a kind together: so many kinds
    #[arg(long, value_name = "N")]
    slowest: Option<usize>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// What one run showed.
struct Run {
    seconds: f64,
    /// From a headline's coming up to its publication's being committed, in milliseconds.
    whole: Vec<f64>,
    statistics: Statistics,
    usage: Usage,
    server_written: Option<u64>,
}

impl Options {
    pub(super) async fn run(self, global: &Global) -> anyhow::Result<ExitCode> {
        let any_port = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
        let config = global.load_bare(any_port)?;
        let beside = global.data_dir.clone().unwrap_or_else(std::env::temp_dir);
        let mut place = Place::make(&beside, self.database.clone())?;
        let report = self.measure(config, &mut place).await;
        let cleared = place.clear().await;
        let report = report?;
        cleared?;
        if self.json {
            output::json(&report)?;
        } else {
            report.print();
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn measure(&self, config: Config, place: &mut Place) -> anyhow::Result<Report> {
        let database = place.database("run").await?;
        let config = self.tuned(ground::config(config, place, &database, self.redis.as_deref()));
        let slowest = Slowest::default();
        let observer = self.slowest.map(|_| slowest.observer());
        let store = ground::watched_store(&config.store_of("bench"), observer).await?;
        ground::plant(&store).await?;
        let tally = Tally::install()?;
        let lifecycle = Lifecycle::listen(compose::patience(&config))?;
        let run = self.work(&config, place, &store, &tally, &lifecycle).await;
        let ended = lifecycle.stop().await;
        let run = run?;
        ended?;
        for line in slowest.lines(self.slowest.unwrap_or_default()) {
            output::note(&line);
        }
        let times = store.post_times().await?;
        let left = store.published_rows(RAW_POSTS_MAX.min(self.pipelines.into())).await?;
        store.close().await;
        let raw = self.bare(&config, place, &left).await?;
        Ok(Report::of(self, &config, &run, &times, left.rows_per_post(), raw))
    }

    /// As many hands as there are posts, for the tools take no time.
    fn tuned(&self, mut config: Config) -> Config {
        let posts = usize::try_from(self.in_flight).unwrap_or(usize::MAX);
        config.worker.concurrency = config.worker.concurrency.max(posts.saturating_mul(3)).min(256);
        config.publisher.concurrency = config.publisher.concurrency.max(posts).min(64);
        config
    }

    async fn work(
        &self,
        config: &Config,
        place: &Place,
        store: &Store,
        tally: &Arc<Tally>,
        lifecycle: &Lifecycle,
    ) -> anyhow::Result<Run> {
        let queues = Queues::reach(config, &SystemAmbient).await?;
        let counted = store.counted_apart();
        let ground =
            Ground::new(config.clone(), system::instance(), counted.clone(), queues, Blobs::new(config.media_dir()));
        let headlines = Headlines::default();
        let calls = config.worker.concurrency + config.publisher.concurrency;
        let host = Arc::new(ground::host(config, &headlines, calls)?);
        let mind = Arc::new(IdleMind);
        ground.start_workers(host.clone(), Credentials::test()?, lifecycle);
        ground.start_judge(mind.clone(), lifecycle)?;
        ground.start_publisher(host.clone(), lifecycle);
        ground.start_sweeper(lifecycle);
        ground.start_bookkeeper(lifecycle);
        let planner = ground.planner(host.clone(), mind);
        // What is done once is no part of a post's cost: connections, the first look at the tools.
        planner.tick().await?;
        let (used, written) = (Used::now(), place.server_written().await?);
        let (before, began) = (counted.statistics(), Instant::now());
        let whole = self.drive(&planner, &headlines, tally, store, lifecycle).await?;
        let seconds = began.elapsed().as_secs_f64();
        let run = Run {
            seconds,
            whole,
            statistics: counted.statistics().since(before),
            usage: Used::now().since(used),
            server_written: match (place.server_written().await?, written) {
                (Some(now), Some(then)) => Some(now.saturating_sub(then)),
                _ => None,
            },
        };
        lifecycle.cancel.cancel();
        lifecycle.tracker.close();
        lifecycle.tracker.wait().await;
        host.shutdown().await;
        Ok(run)
    }

    /// Lets headlines come up as posts are published. Gives how long each took, pairing the first that came with the first
    /// that was published: exact on the whole, and for each where there is one at a time.
    async fn drive(
        &self,
        planner: &Planner,
        headlines: &Headlines,
        tally: &Tally,
        store: &Store,
        lifecycle: &Lifecycle,
    ) -> anyhow::Result<Vec<f64>> {
        let (wanted, in_flight) = (self.pipelines, self.in_flight);
        let mut came_up: VecDeque<Instant> = VecDeque::new();
        let mut whole = Vec::new();
        let mut shown = 0_u32;
        loop {
            for (at, count) in tally.taken() {
                whole.extend(came_up.drain(..count.min(came_up.len())).map(|came| (at - came).as_secs_f64() * 1_000.0));
            }
            let done = u32::try_from(whole.len()).unwrap_or(u32::MAX);
            if done >= wanted {
                return Ok(whole);
            }
            let room = in_flight.saturating_sub(shown - done).min(wanted - shown);
            // A feed that is read for every single place that falls free is no feed.
            let enough = room >= (in_flight / PLACES_PART).max(1).min(wanted - shown);
            if room > 0 && (enough || tokio::time::timeout(PLACES_WAIT, tally.counted()).await.is_err()) {
                headlines.show((shown..shown + room).map(headline));
                came_up.extend((0..room).map(|_| Instant::now()));
                shown += room;
                let report = planner.tick().await?;
                anyhow::ensure!(
                    report.signals == usize::try_from(room)? && report.resources_failed == 0,
                    "the planner took {} of {room} headlines; run again with --log warn",
                    report.signals
                );
                continue;
            }
            if room > 0 {
                continue;
            }
            tokio::select! {
                () = tally.counted() => {}
                () = lifecycle.cancel.cancelled() => anyhow::bail!("interrupted"),
                () = tokio::time::sleep(STUCK_AFTER) => {
                    let counts = store.task_counts().await?;
                    anyhow::bail!("nothing was published for {} s; tasks: {counts:?}", STUCK_AFTER.as_secs());
                }
            }
        }
    }

    /// What a bare client makes of the same rows, at its best.
    async fn bare(
        &self,
        config: &Config,
        place: &mut Place,
        left: &chimera_store::PublishedRows,
    ) -> anyhow::Result<Vec<RawFigures>> {
        ground::each_way(config, place, RAW_WAYS, async |store, batch, lanes| {
            left.replay(store, batch, lanes).await.context("writing the same rows with a bare client")
        })
        .await
    }
}
