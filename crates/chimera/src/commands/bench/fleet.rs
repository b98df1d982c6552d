//! `chimera bench fleet`: what a fleet takes of the machine while there is nothing to do.

use std::{process::ExitCode, time::Duration};

use anyhow::Context as _;
use chimera_domain::{CampaignLimits, CampaignOrigin, CampaignTerms, Channel, GovernorLimits, Score, Usd};
use chimera_store::Store;
use clap::Args;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde::Serialize;
use tokio::time::Instant;

use super::{
    child::Up,
    common::{Say, Servers, in_a_place},
    ground::{self, Place},
    machine::{Machine, Other},
    quantiles::rounded,
};
use crate::{
    cli::Global,
    config::{CampaignConfig, Config},
    seed::{self, FAE},
    system::SystemAmbient,
};

/// Agents that are written at the same time.
const PLANTED_AT_ONCE: usize = 8;
/// Items in each feed.
const ITEMS: u32 = 5;
/// Rounds of planning after the last new headline, before the clock starts. A round in which feeds are read plans from
/// each as soon as it is there.
const ROUNDS_OF_NOTHING: f64 = 2.0;
/// How long the first rounds may take.
const SETTLED_WITHIN: Duration = Duration::from_secs(300);
/// For so long what the fleet reads for `/metrics` is told again, so that a second look costs the database nothing; see
/// `compose/scrape.rs`. The text itself is kept for a second.
const LOOK_AGAIN: Duration = Duration::from_millis(1_100);

/// A fleet with nothing to do: every role in one process of its own, feeds that show nothing new.
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    servers: Servers,
    /// Agents, each with a campaign of its own
    #[arg(long, default_value_t = 1_000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    agents: u32,
    /// Feeds that the campaigns share
    #[arg(long, default_value_t = 20, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    feeds: u32,
    /// How long the fleet is watched, in seconds
    #[arg(long, default_value_t = 20, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    window: u64,
    /// How often each feed is read, in milliseconds. (Where nothing is configured a fleet reads once a minute, and a short
    /// window would see none or one.)
    #[arg(long, default_value_t = 10_000, value_name = "MS", value_parser = clap::value_parser!(u64).range(100..))]
    poll_ms: u64,
    #[command(flatten)]
    say: Say,
}

/// What a process took while it was watched.
#[derive(Debug, Clone, Copy, Serialize)]
struct Idle {
    memory_mib: f64,
    memory_peak_mib: f64,
    /// Of one core.
    cpu_percent: f64,
    statements_per_second: f64,
    /// How often a thread went to sleep and was woken.
    wakeups_per_second: f64,
    threads: u64,
    rounds_of_planning: f64,
}

#[derive(Debug, Serialize)]
struct Report {
    bench: &'static str,
    database: &'static str,
    queues: &'static str,
    agents: u32,
    feeds: u32,
    signals: f64,
    window_seconds: u64,
    poll_ms: u64,
    #[serde(flatten)]
    idle: Idle,
    /// The same program with no agents at all.
    raw: Idle,
    /// The memory of the empty fleet, by that of the full one.
    ratio_to_raw: f64,
    /// The processor time of both, the same way round.
    cpu_ratio_to_raw: f64,
    machine: Machine,
}

impl Options {
    pub(super) async fn run(self, global: &Global) -> anyhow::Result<ExitCode> {
        let database = self.servers.on.database.clone();
        in_a_place(global, database, self.say, async |config, place| Box::pin(self.measure(&config, place)).await).await
    }

    async fn measure(&self, config: &Config, place: &mut Place) -> anyhow::Result<Report> {
        let (raw, _) = self.watch(config, place, "empty", 0).await?;
        let (idle, signals) = self.watch(config, place, "fleet", self.agents).await?;
        Ok(Report {
            bench: "fleet",
            database: self.servers.on.name(),
            queues: self.servers.queues(),
            agents: self.agents,
            feeds: self.feeds,
            signals,
            window_seconds: self.window,
            poll_ms: self.poll_ms,
            idle,
            raw,
            ratio_to_raw: rounded(raw.memory_mib / idle.memory_mib),
            // A tick is the least that can be measured.
            cpu_ratio_to_raw: rounded(raw.cpu_percent.max(0.01) / idle.cpu_percent.max(0.01)),
            machine: Machine::here(),
        })
    }

    /// What a fleet of so many agents takes, and how many signals it has seen.
    async fn watch(&self, config: &Config, place: &mut Place, name: &str, agents: u32) -> anyhow::Result<(Idle, f64)> {
        let mut settings = place.settings(name, self.servers.redis.as_deref()).await?;
        settings.push(("CHIMERA_PLANNER__POLL_INTERVAL_MS", self.poll_ms.to_string()));
        let value = |wanted: &str| settings.iter().find(|(key, _)| *key == wanted).map(|(_, value)| value.clone());
        let (folder, url) = (value("CHIMERA_DATA_DIR"), value("CHIMERA_DATABASE__URL"));
        let (folder, url) = (folder.context("no folder")?, url.context("no database")?);
        self.write_feeds(std::path::Path::new(&folder))?;
        let store = ground::store(&ground::config(config.clone(), place, &url, None).store_of("bench")).await?;
        self.plant(&store, agents).await?;
        store.close().await;

        let mut up = Up::spawn(place, &settings).await?;
        up.ready().await?;
        let wanted = f64::from(agents) * f64::from(ITEMS);
        self.settle(&up, wanted).await?;
        let idle = self.look(&up).await?;
        let after = up.metrics().await?;
        let planned = after.sum("chimera_tasks_planned_total").unwrap_or_default();
        anyhow::ensure!(planned == 0.0, "{planned} tasks were planned of headlines that nobody cares for");
        let signals = after.sum("chimera_signals_total").unwrap_or_default();
        anyhow::ensure!(signals == wanted, "{signals} signals for {wanted} items and campaigns");
        up.stop().await?;
        Ok((idle, signals))
    }

    /// Waits until every campaign has seen every headline, `signals` in all, and the rounds after found nothing new.
    async fn settle(&self, up: &Up, signals: f64) -> anyhow::Result<()> {
        let until = Instant::now() + SETTLED_WITHIN;
        let mut seen_by = None;
        loop {
            let metrics = up.metrics().await?;
            let rounds = metrics.sum("chimera_planner_rounds_total").unwrap_or_default();
            let seen = metrics.sum("chimera_signals_total").unwrap_or_default();
            if seen >= signals && rounds >= *seen_by.get_or_insert(rounds) + ROUNDS_OF_NOTHING {
                return Ok(());
            }
            anyhow::ensure!(
                Instant::now() < until,
                "{seen} of {signals} signals, and {rounds} rounds of planning, in {} s; see why with --log warn",
                SETTLED_WITHIN.as_secs()
            );
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    async fn look(&self, up: &Up) -> anyhow::Result<Idle> {
        let id = up.id()?;
        // The first asks the database, the second tells the same again.
        up.metrics().await?;
        tokio::time::sleep(LOOK_AGAIN).await;
        let (before, used, began) = (up.metrics().await?, Other::now(id)?, Instant::now());
        tokio::time::sleep(Duration::from_secs(self.window)).await;
        let (now, seconds) = (Other::now(id)?, began.elapsed().as_secs_f64());
        let after = up.metrics().await?;
        let grown = |name: &str| after.sum(name).unwrap_or_default() - before.sum(name).unwrap_or_default();
        Ok(Idle {
            memory_mib: rounded(now.memory_mib),
            memory_peak_mib: rounded(now.memory_peak_mib),
            cpu_percent: rounded((now.cpu_seconds - used.cpu_seconds) / seconds * 100.0),
            statements_per_second: rounded(grown("chimera_database_statements_total") / seconds),
            wakeups_per_second: rounded((now.wakeups - used.wakeups).max(0.0) / seconds),
            threads: now.threads,
            rounds_of_planning: grown("chimera_planner_rounds_total"),
        })
    }

    /// Headlines that no campaign cares for.
    fn write_feeds(&self, folder: &std::path::Path) -> anyhow::Result<()> {
        let folder = folder.join("feeds");
        std::fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        for feed in 0..self.feeds {
            let items: String = (0..ITEMS)
                .map(|item| {
                    format!(
                        "<item><guid>{feed}-{item}</guid><title>Quarry {feed} ships {item} loads of gravel</title>\
                         <description>A routine report from the weighbridge.</description></item>"
                    )
                })
                .collect();
            let text = format!("<rss version=\"2.0\"><channel><title>Gravel {feed}</title>{items}</channel></rss>");
            let file = folder.join(format!("{}.xml", feed_name(feed)));
            std::fs::write(&file, text).with_context(|| format!("writing {}", file.display()))?;
        }
        Ok(())
    }

    async fn plant(&self, store: &Store, agents: u32) -> anyhow::Result<()> {
        stream::iter(0..agents)
            .map(|number| async move {
                let slug = format!("bench-{number}");
                let soul = FAE.replacen("\nslug: fae\n", &format!("\nslug: {slug}\n"), 1);
                let limits = GovernorLimits::default();
                seed::agent(store, &soul, "the built-in persona", limits, &SystemAmbient).await?;
                let campaign = CampaignConfig {
                    slug: slug.clone(),
                    goal: "Hand-knitted jumpers and how to darn them".to_owned(),
                    agents: vec![slug],
                    resources: vec![format!("mcp://feeds/feed://{}", feed_name(number % self.feeds))],
                    channels: vec![Channel::Instagram],
                    relevance_threshold: Score::ONE,
                    post_budget_usd: Usd::cents(1),
                    video_seconds: 6,
                    terms: CampaignTerms::default(),
                    limits: CampaignLimits::default(),
                };
                seed::campaign(store, &campaign, CampaignOrigin::Operator, &SystemAmbient).await?;
                anyhow::Ok(())
            })
            .buffer_unordered(PLANTED_AT_ONCE)
            .try_collect::<Vec<()>>()
            .await?;
        Ok(())
    }
}

fn feed_name(number: u32) -> String {
    format!("gravel-{number}")
}
