//! Where a benchmark runs: databases, queues and a folder of its own, gone when it ends.

use std::{
    path::PathBuf,
    sync::{Arc, OnceLock},
};

use anyhow::Context as _;
use chimera_bus::{RedisConfig, RedisLink};
use chimera_domain::{
    Ambient as _, CampaignLimits, CampaignOrigin, CampaignTerms, Channel, GovernorLimits, Score, Usd,
};
use chimera_mcp::{Cost, Host, HostConfig, ServerConfig, TransportConfig};
use chimera_store::{Observer, Scratch, Store, StoreConfig};

use super::idle::{HEADLINES, Headlines, IdleServer, SERVER};
use crate::{
    compose,
    config::{CampaignConfig, Config, DataDir},
    seed::{self, FAE},
    system::SystemAmbient,
};

/// The campaign of a benchmark.
const CAMPAIGN: &str = "bench";
/// What tools of a benchmark answer that cost something.
const PAID: [&str; 4] = ["generate_text", "generate_image", "generate_video", "animate_image"];

/// A folder, and on PostgreSQL a schema, that nobody else uses.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) folder: PathBuf,
    name: String,
    given: Option<String>,
    schemas: Vec<Scratch>,
    /// The Redis in which keys of this place lie.
    redis: OnceLock<String>,
}

impl Place {
    /// A folder of its own in `beside`, and a database there, or a schema of its own at `url`.
    pub(super) fn make(beside: &std::path::Path, url: Option<String>) -> anyhow::Result<Self> {
        let [a, b, c, d, ..] = SystemAmbient.random();
        let name = format!("{:08x}", u32::from_be_bytes([a, b, c, d]));
        let folder = beside.join(format!("chimera-bench-{name}"));
        compose::make_folder(&folder)?;
        if let Some(url) = &url {
            anyhow::ensure!(
                url.starts_with("postgres"),
                "--database takes postgres://...; for SQLite leave it away, and name a folder with --data-dir"
            );
        }
        Ok(Self { folder, name, given: url, schemas: vec![], redis: OnceLock::new() })
    }

    /// What every key of the queues starts with.
    pub(super) fn prefix(&self) -> String {
        format!("chimera-bench-{}", self.name)
    }

    /// Keys of this place come to lie in this Redis, and go with it.
    pub(super) fn uses(&self, redis: Option<&str>) {
        if let Some(redis) = redis {
            // A run has one.
            let _ = self.redis.set(redis.to_owned());
        }
    }

    /// A connection to a Redis, for keys of this place.
    pub(super) async fn link(&self, redis: &str) -> anyhow::Result<RedisLink> {
        self.uses(Some(redis));
        let config = RedisConfig { prefix: self.prefix(), ..RedisConfig::new(redis) };
        let link = RedisLink::open(&config).await.context("the Redis at --redis")?;
        link.try_out().await.context("the Redis at --redis can't be used")?;
        Ok(link)
    }

    /// What a process of its own is told in its environment: a data folder that is empty, a database that is empty, and where
    /// the queues are.
    pub(super) async fn settings(
        &mut self,
        purpose: &str,
        redis: Option<&str>,
    ) -> anyhow::Result<Vec<(&'static str, String)>> {
        let folder = self.folder.join(purpose);
        compose::make_folder(&folder)?;
        let mut settings = vec![("CHIMERA_DATA_DIR", folder.display().to_string())];
        settings.push(("CHIMERA_DATABASE__URL", self.database(purpose).await?));
        if let Some(redis) = redis {
            self.uses(Some(redis));
            settings.push(("CHIMERA_QUEUE__URL", redis.to_owned()));
            settings.push(("CHIMERA_QUEUE__PREFIX", self.prefix()));
        }
        Ok(settings)
    }

    /// The address of a database that is empty; `purpose` tells it from the others of this run.
    pub(super) async fn database(&mut self, purpose: &str) -> anyhow::Result<String> {
        let Some(url) = &self.given else {
            return Ok(format!("sqlite://{}?mode=rwc", self.folder.join(format!("{purpose}.db")).display()));
        };
        let scratch = Scratch::make(url, &format!("{}_{purpose}", self.name)).await;
        let scratch = scratch.context("making a schema for the benchmark; the role needs leave to create schemas")?;
        let url = scratch.url().to_owned();
        self.schemas.push(scratch);
        Ok(url)
    }

    /// How many bytes the database server has written to its log so far, where it is one.
    pub(super) async fn server_written(&self) -> anyhow::Result<Option<u64>> {
        match self.schemas.first() {
            Some(schema) => Ok(Some(schema.written().await?)),
            None => Ok(None),
        }
    }

    /// Takes everything away.
    pub(super) async fn clear(self) -> anyhow::Result<()> {
        let keys = self.clear_keys().await;
        for schema in self.schemas {
            schema.remove().await?;
        }
        let folder = &self.folder;
        std::fs::remove_dir_all(folder).with_context(|| format!("removing {}", folder.display()))?;
        keys
    }

    async fn clear_keys(&self) -> anyhow::Result<()> {
        let Some(redis) = self.redis.get() else { return Ok(()) };
        let link = self.link(redis).await?;
        link.remove_keys().await.with_context(|| format!("removing the keys below {}", self.prefix()))?;
        Ok(())
    }
}

/// The configuration of a fleet at work in this place.
pub(super) fn config(mut config: Config, place: &Place, database: &str, redis: Option<&str>) -> Config {
    config.data_dir = DataDir(place.folder.clone());
    config.database.url = Some(database.to_owned());
    place.uses(redis);
    config.queue.url = redis.map(str::to_owned);
    config.queue.prefix = place.prefix();
    // The tools here say the same each time.
    config.judge.repeats.hours = 0;
    config
}

/// A migrated store.
pub(super) async fn store(config: &StoreConfig) -> anyhow::Result<Store> {
    watched_store(config, None).await
}

/// A migrated store, and who is shown each statement.
pub(super) async fn watched_store(config: &StoreConfig, observer: Option<Observer>) -> anyhow::Result<Store> {
    let store = match observer {
        Some(observer) => Store::connect_observed(config, observer).await?,
        None => Store::connect(config).await?,
    };
    store.migrate().await?;
    Ok(store)
}

/// What a bare client makes of each way, so many at once in so many lanes, in an empty database of its own.
pub(super) async fn each_way<T>(
    config: &Config,
    place: &mut Place,
    ways: impl IntoIterator<Item = (usize, usize)>,
    run: impl AsyncFn(&Store, usize, usize) -> anyhow::Result<T>,
) -> anyhow::Result<Vec<T>> {
    let mut tried = Vec::new();
    for (at, (batch, lanes)) in ways.into_iter().enumerate() {
        let url = place.database(&format!("raw{at}")).await?;
        let config = self::config(config.clone(), place, &url, None);
        let store = store(&config.store_of("bench")).await?;
        tried.push(run(&store, batch, lanes).await?);
        store.close().await;
    }
    Ok(tried)
}

/// One agent whose caps are out of reach, with one campaign on a channel that takes words, a picture and a video.
pub(super) async fn plant(store: &Store) -> anyhow::Result<()> {
    let limits = GovernorLimits {
        max_daily_spend: Usd::COUNTABLE_MAX,
        max_hourly_spend: None,
        max_tasks_per_hour: u32::MAX,
        max_tasks_per_day: None,
    };
    let agent = seed::agent(store, FAE, "the built-in persona", limits, &SystemAmbient).await?;
    let campaign = CampaignConfig {
        slug: CAMPAIGN.to_owned(),
        goal: "Linen and wool".to_owned(),
        agents: vec![agent.persona_slug],
        resources: vec![format!("mcp://{SERVER}/{HEADLINES}")],
        channels: vec![Channel::Instagram],
        relevance_threshold: Score::percent(75),
        post_budget_usd: Usd::cents(1),
        video_seconds: 6,
        terms: CampaignTerms::default(),
        limits: CampaignLimits::default(),
    };
    seed::campaign(store, &campaign, CampaignOrigin::Operator, &SystemAmbient).await?;
    Ok(())
}

/// A host whose roles are the fleet's own, all of them filled by the server that does nothing.
pub(super) fn host(config: &Config, headlines: &Headlines, calls: usize) -> anyhow::Result<Host> {
    let mut roles = compose::built_in(config).roles;
    for (name, role) in &mut roles {
        role.server = SERVER.to_owned();
        role.cost = if PAID.contains(&name.as_str()) { Cost::Field("/cost_usd".to_owned()) } else { Cost::None };
    }
    let server = ServerConfig { concurrency: calls, ..ServerConfig::new(TransportConfig::InProcess) };
    let servers = [(SERVER.to_owned(), server)].into();
    let idle = IdleServer::new(headlines.clone(), Arc::new(SystemAmbient));
    let host = Host::builder(HostConfig { servers, roles, ..HostConfig::default() }, Arc::new(SystemAmbient));
    Ok(host.in_process(SERVER, move || idle.clone()).build()?)
}
