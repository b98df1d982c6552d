//! `chimera demo`: the whole loop on a scratch folder, with nothing set up.

mod progress;
mod summary;

use std::{
    net::SocketAddr,
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use chimera_domain::AccessRole;
use chimera_servers::feeds::FeedSource;
use clap::Args;

use crate::{
    cli::{By, Global},
    commands::{
        console,
        seed::{campaign, plant},
    },
    compose::{self, House},
    config::{Config, DataDir, redacted_url},
    lifecycle::Lifecycle,
    output,
    seed::{self, FAE, SCENARIOS},
    system::SystemAmbient,
};

use progress::Progress;
use summary::Summary;

/// A demo in which nothing moves for so long won't end by itself.
const STUCK_AFTER: Duration = Duration::from_secs(120);
/// The campaign of a demo on feeds of the operator's.
const CAMPAIGN: &str = "demo";

/// Watch an agent go from headlines to posts, with nothing set up.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// A real feed to run on, instead of the one that ships with the binary; may be repeated
    #[arg(long, value_name = "FILE_OR_URL")]
    feed: Vec<String>,
    /// What the agent looks for, in words
    #[arg(long, value_name = "TEXT")]
    goal: Option<String>,
    /// Fixes the outcome: every row but times and ids
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// End when everything is settled, instead of staying up for the curious
    #[arg(long)]
    once: bool,
    /// Print the summary as one JSON object
    #[arg(long)]
    json: bool,
    /// Where the console listens while the demo stays up [default: any free port of 127.0.0.1]
    #[arg(long, value_name = "ADDRESS:PORT")]
    bind: Option<SocketAddr>,
}

impl Options {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<ExitCode> {
        let began = Instant::now();
        let config = self.config(global)?;
        self.plant(&config).await?;
        let lifecycle = Lifecycle::listen(compose::patience(&config))?;
        let house = House::build(config, "demo", &lifecycle).await?;
        output::note(&house.mind_choice);
        output::note(&format!("data      {}", house.ground.config.data_dir.0.display()));
        if let Some(url) = &house.ground.config.database.url {
            let url = redacted_url(url);
            output::note(&format!(
                "database  {url}; what lies there already counts too, for it is no scratch database"
            ));
        }
        let console = if self.once { None } else { Some(house.start_console(&lifecycle).await?) };
        house.start_workers(&lifecycle).await?;

        let settled = self.settle(&house, &lifecycle).await;
        let summary = match settled {
            Ok(Some(planning)) => Summary::gather(&house, began.elapsed(), planning).await,
            Ok(None) => {
                Err(anyhow::anyhow!("interrupted; what was done lies in {}", house.ground.config.data_dir.0.display()))
            }
            Err(error) => Err(error),
        };
        let summary = match summary {
            Ok(summary) => summary,
            Err(error) => {
                house.stop(&lifecycle).await?;
                return Err(error);
            }
        };
        if self.json {
            output::json(&summary)?
        } else {
            summary.print()
        }
        if let Some(address) = console {
            let link =
                console::link(&house.ground.store, &By::whoever_runs_this(), AccessRole::Operator, &address).await?;
            output::note(&format!(
                "\nlook around; Ctrl-C ends the demo. This link signs you in, once, within 15 minutes:\n{link}"
            ));
            house.start_planner(&lifecycle);
            lifecycle.cancel.cancelled().await;
        }
        house.stop(&lifecycle).await?;
        Ok(ExitCode::SUCCESS)
    }

    /// A configuration that needs nothing: no files unless asked for, a scratch folder, a quick sweeper.
    fn config(&self, global: &Global) -> anyhow::Result<Config> {
        let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut config = global.load_bare(self.bind.unwrap_or(any_port))?;
        if global.data_dir.is_none() && config.data_dir == DataDir::default() {
            config.data_dir = DataDir(scratch_folder());
        }
        config.planner.seed = self.seed;
        config.sandbox.seed = self.seed;
        config.sweeper.interval_ms = 500;
        config.sweeper.waiting_ms = 2_000;
        for (name, feed) in self.own_feeds() {
            config.feeds.private_hosts.extend(loopback_host(feed));
            config.feeds.feeds.push(FeedSource::new(name, compose::feed_source(feed)?));
        }
        Ok(config)
    }

    /// The operator's feeds, each with a name.
    fn own_feeds(&self) -> impl Iterator<Item = (String, &String)> {
        self.feed.iter().enumerate().map(|(index, feed)| (format!("demo-{}", index + 1), feed))
    }

    /// Brings in persona, campaign and feed.
    async fn plant(&self, config: &Config) -> anyhow::Result<()> {
        let ambient = &SystemAmbient;
        let operator = By::whoever_runs_this().operator();
        let store = compose::make_store(config).await?.acting_as(operator);
        let [scenario] = &SCENARIOS;
        if self.feed.is_empty() {
            plant(&store, config, scenario, ambient).await?;
        } else {
            let limits = chimera_domain::GovernorLimits::default();
            let agent = seed::agent(&store, FAE, "the built-in persona", limits, ambient).await?;
            let goal = self.goal.as_deref().unwrap_or(scenario.goal);
            let feeds: Vec<String> = self.own_feeds().map(|(name, _)| name).collect();
            let watching = campaign(CAMPAIGN, goal, &agent.persona_slug, &feeds);
            seed::campaign(&store, &watching, chimera_domain::CampaignOrigin::Operator, ambient).await?;
        }
        store.close().await;
        Ok(())
    }

    /// Plans one round and waits until nothing moves any more. Says how long the planning took; `None` when interrupted.
    async fn settle(&self, house: &House, lifecycle: &Lifecycle) -> anyhow::Result<Option<Duration>> {
        let planning = Instant::now();
        let report = house.planner().tick_until(&lifecycle.cancel).await?;
        let planning = planning.elapsed();
        if lifecycle.cancel.is_cancelled() {
            return Ok(None);
        }
        if let Some(trouble) = report.mind_trouble {
            anyhow::bail!(
                "the mind could not score the headlines: {trouble}; check its key, or run offline with CHIMERA_MIND__PROVIDER=offline"
            );
        }
        if report.resources_failed > 0 {
            let uris: Vec<String> =
                house.ground.store.campaigns_active().await?.into_iter().flat_map(|c| c.resources).collect();
            let told = house.ground.store.cursors(&uris).await?.into_iter().find_map(|c| c.last_error);
            anyhow::bail!("the feed can't be read: {}", told.unwrap_or_else(|| "no reason was given".to_owned()));
        }
        // What the onlooker asks is not the fleet's cost.
        let store = house.ground.store.counted_apart();
        let mut progress = Progress::default();
        progress.signals(&store).await?;
        let (mut counts, mut moved) = (store.task_counts().await?, Instant::now());
        loop {
            let busy = store.fleet_busy().await?;
            let now = store.task_counts().await?;
            if now != counts {
                (counts, moved) = (now, Instant::now());
            }
            anyhow::ensure!(
                moved.elapsed() < STUCK_AFTER,
                "nothing has moved for {} s; run again with --log info to see why. What was done is kept",
                STUCK_AFTER.as_secs()
            );
            progress.posts(&store).await?;
            if busy == 0 {
                return Ok(Some(planning));
            }
            tokio::select! {
                () = lifecycle.cancel.cancelled() => return Ok(None),
                () = tokio::time::sleep(progress::INTERVAL) => {}
            }
        }
    }
}

fn scratch_folder() -> PathBuf {
    use chimera_domain::Ambient as _;
    let stamp = SystemAmbient.now().format("%Y%m%d-%H%M%S");
    std::env::temp_dir().join(format!("chimera-demo-{stamp}-{}", std::process::id()))
}

/// The host of a feed on this very machine, which the feeds server refuses to fetch from unless told.
fn loopback_host(feed: &str) -> Option<String> {
    let url = url::Url::parse(feed).ok()?;
    let is_loopback = match url.host()? {
        url::Host::Domain(name) => name == "localhost",
        url::Host::Ipv4(address) => address.is_loopback(),
        url::Host::Ipv6(address) => address.is_loopback(),
    };
    is_loopback.then(|| url.host_str().map(str::to_owned)).flatten()
}
