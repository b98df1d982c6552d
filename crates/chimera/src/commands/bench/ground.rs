//! Where a benchmark runs: databases, queues and a folder of its own, gone when it ends.

use std::{path::PathBuf, sync::Arc};

use anyhow::Context as _;
use chimera_domain::{Ambient as _, Channel, GovernorLimits, Score, Usd};
use chimera_mcp::{Cost, Host, HostConfig, ServerConfig, TransportConfig};
use chimera_store::{Scratch, Store, StoreConfig};

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
const PAID: [&str; 3] = ["generate_text", "generate_image", "generate_video"];

/// A folder, and on PostgreSQL a schema, that nobody else uses.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) folder: PathBuf,
    name: String,
    given: Option<String>,
    schemas: Vec<Scratch>,
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
        Ok(Self { folder, name, given: url, schemas: vec![] })
    }

    /// What every key of the queues starts with.
    pub(super) fn prefix(&self) -> String {
        format!("chimera-bench-{}", self.name)
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
        for schema in self.schemas {
            schema.remove().await?;
        }
        let folder = &self.folder;
        std::fs::remove_dir_all(folder).with_context(|| format!("removing {}", folder.display()))
    }
}

/// The configuration of a fleet at work in this place.
pub(super) fn config(mut config: Config, place: &Place, database: &str, redis: Option<&str>) -> Config {
    config.data_dir = DataDir(place.folder.clone());
    config.database.url = Some(database.to_owned());
    config.queue.url = redis.map(str::to_owned);
    config.queue.prefix = place.prefix();
    config
}

/// A migrated store.
pub(super) async fn store(config: &StoreConfig) -> anyhow::Result<Store> {
    let store = Store::connect(config).await?;
    store.migrate().await?;
    Ok(store)
}

/// One agent whose caps are out of reach, with one campaign on a channel that takes words, a picture and a video.
pub(super) async fn plant(store: &Store) -> anyhow::Result<()> {
    let limits =
        GovernorLimits { max_daily_spend: Usd::COUNTABLE_MAX, max_hourly_spend: None, max_tasks_per_hour: u32::MAX };
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
    };
    seed::campaign(store, &campaign, &SystemAmbient).await?;
    Ok(())
}

/// A host whose roles are the fleet's own, all of them filled by the server that does nothing.
pub(super) fn host(config: &Config, headlines: &Headlines, calls: usize, distinct_media: bool) -> anyhow::Result<Host> {
    let mut roles = compose::built_in(config).roles;
    for (name, role) in &mut roles {
        role.server = SERVER.to_owned();
        role.cost = if PAID.contains(&name.as_str()) { Cost::Field("/cost_usd".to_owned()) } else { Cost::None };
    }
    let server = ServerConfig { concurrency: calls, ..ServerConfig::new(TransportConfig::InProcess) };
    let servers = [(SERVER.to_owned(), server)].into();
    let idle = IdleServer::new(headlines.clone(), Arc::new(SystemAmbient), distinct_media);
    let host = Host::builder(HostConfig { servers, roles, ..HostConfig::default() }, Arc::new(SystemAmbient));
    Ok(host.in_process(SERVER, move || idle.clone()).build()?)
}
