//! The composition root: builds what the roles share, and runs them.

mod edge;

use std::{path::Path, sync::Arc};

use anyhow::Context as _;
use chimera_bus::{Bus, DeliveryPolicy, InProcessBus, RedisBus, RedisConfig, RedisLink};
use chimera_domain::{Ambient, TraceId, error_chain};
use chimera_judge::Judge;
use chimera_llm::{Mind, TopicScanner};
use chimera_mcp::{CallContext, Host};
use chimera_planner::Planner;
use chimera_store::{Blobs, Store};
use chimera_worker::{Executor, Pool, Publisher, Sweeper};

use crate::{
    config::Config,
    lifecycle::{Disorder, Lifecycle},
    system::SystemAmbient,
};

pub(crate) use edge::{built_in, feed_source, feeds_config, sandbox_config};

/// What the roles share.
#[derive(Debug, Clone)]
pub(crate) struct House {
    pub(crate) config: Config,
    pub(crate) store: Store,
    pub(crate) bus: Arc<dyn Bus>,
    pub(crate) host: Arc<Host>,
    pub(crate) mind: Arc<dyn Mind>,
    /// Which mind thinks, and why.
    pub(crate) mind_choice: String,
    pub(crate) blobs: Blobs,
    pub(crate) ambient: Arc<dyn Ambient>,
}

/// The mind that the configuration and the environment choose.
pub(crate) async fn choose_mind(config: &Config) -> anyhow::Result<(Arc<dyn Mind>, String)> {
    let environment = |name: &str| std::env::var(name).ok();
    Ok(chimera_llm::choose(&config.mind, &environment, Arc::new(SystemAmbient)).await?)
}

/// The queues, in process or in Redis.
pub(crate) async fn bus(config: &Config, ambient: &dyn Ambient) -> anyhow::Result<Arc<dyn Bus>> {
    let Some(url) = &config.queue.url else { return Ok(Arc::new(InProcessBus::new())) };
    let redis = RedisConfig { prefix: config.queue.prefix.clone(), ..RedisConfig::new(url) };
    let link = RedisLink::open(&redis).await.context("the queues' Redis, at `queue.url`")?;
    link.ping().await.context("the queues' Redis, at `queue.url`, does not answer; is it running?")?;
    Ok(Arc::new(RedisBus::new(link, DeliveryPolicy::default(), ambient)))
}

/// The store, for a command that needs one that is there already, with the schema of this binary.
pub(crate) async fn open_store(config: &Config) -> anyhow::Result<Store> {
    let store = open_unchecked(config).await?;
    let pending = store.migrations().await?.into_iter().filter(|m| !m.applied).count();
    anyhow::ensure!(
        pending == 0,
        "the database lacks {pending} migrations; bring it up to date with `chimera db migrate`"
    );
    Ok(store)
}

/// The store as it stands, whatever its schema.
pub(crate) async fn open_unchecked(config: &Config) -> anyhow::Result<Store> {
    if config.database.url.is_none() && !config.database_file().is_file() {
        anyhow::bail!(
            "there is no database in {}; start with `chimera demo`, or `chimera seed trends --scenario fashion_drop`, or name another folder with --data-dir",
            config.data_dir.0.display()
        );
    }
    Ok(Store::connect(&config.store()).await?)
}

/// The store, made and migrated where it isn't.
pub(crate) async fn make_store(config: &Config) -> anyhow::Result<Store> {
    make_folder(&config.data_dir.0)?;
    let store = Store::connect(&config.store()).await?;
    store.migrate().await.context("bringing the database's schema up to date")?;
    Ok(store)
}

/// Makes a folder and checks that it can be written.
pub(crate) fn make_folder(folder: &Path) -> anyhow::Result<()> {
    let way_out = || format!("the data folder {} can't be written; choose another with --data-dir", folder.display());
    std::fs::create_dir_all(folder).with_context(way_out)?;
    let probe = folder.join(format!(".probe-{}", std::process::id()));
    std::fs::write(&probe, b"probe").with_context(way_out)?;
    std::fs::remove_file(&probe).with_context(way_out)
}

impl House {
    /// Builds everything that the roles share.
    pub(crate) async fn build(config: Config, lifecycle: &Lifecycle) -> anyhow::Result<Self> {
        let ambient: Arc<dyn Ambient> = Arc::new(SystemAmbient);
        let store = make_store(&config).await?;
        let (mind, mind_choice) = choose_mind(&config).await?;
        let host = Arc::new(edge::host(&config, mind.clone(), ambient.clone(), lifecycle).await?);
        let blobs = Blobs::new(config.media_dir());
        let bus = bus(&config, &*ambient).await?;
        Ok(Self { config, store, bus, host, mind, mind_choice, blobs, ambient })
    }

    /// The planner.
    pub(crate) fn planner(&self) -> Planner {
        Planner::new(
            self.store.clone(),
            self.bus.clone(),
            self.host.clone(),
            self.mind.clone(),
            self.ambient.clone(),
            self.config.planner.clone(),
        )
    }

    /// Starts workers, judge, publisher and sweeper.
    pub(crate) fn start_workers(&self, lifecycle: &Lifecycle) -> anyhow::Result<()> {
        let (store, bus, ambient, config) = (&self.store, &self.bus, &self.ambient, &self.config);
        let name = format!("{}-{}", hostname(), std::process::id());
        let executor = Executor::new(self.host.clone(), self.blobs.clone(), ambient.clone());
        let pool =
            Pool::new(name.clone(), store.clone(), bus.clone(), executor, ambient.clone(), config.worker.clone());
        let judge = Judge::new(
            store.clone(),
            bus.clone(),
            self.mind.clone(),
            Arc::new(scanner(config)?),
            ambient.clone(),
            config.judge.clone(),
        );
        let publisher = Publisher::new(
            name,
            store.clone(),
            bus.clone(),
            self.host.clone(),
            self.blobs.clone(),
            ambient.clone(),
            config.publisher.clone(),
        );
        let sweeper = Sweeper::new(
            store.clone(),
            bus.clone(),
            ambient.clone(),
            config.sweeper.clone(),
            config.worker.retry.attempts_max,
        );
        let cancel = &lifecycle.cancel;
        lifecycle.spawn("workers", pool.serve(cancel.child_token()));
        lifecycle.spawn("judge", judge.serve(cancel.child_token()));
        lifecycle.spawn("publisher", publisher.serve(cancel.child_token()));
        lifecycle.spawn("sweeper", sweeper.serve(cancel.child_token()));
        Ok(())
    }

    /// Warns of tools and resources that the configuration names and the servers don't have.
    pub(crate) async fn check_edge(&self) {
        let context = CallContext::new(TraceId::generate(&*self.ambient));
        for problem in self.host.check(&context).await {
            tracing::warn!(problem = %error_chain(&problem), "the configuration of MCP servers and roles");
        }
    }

    /// Starts the planner's loop.
    pub(crate) fn start_planner(&self, lifecycle: &Lifecycle) {
        lifecycle.spawn("planner", chimera_planner::serve(self.planner(), lifecycle.cancel.child_token()));
    }

    /// Starts the console. Gives its address.
    pub(crate) async fn start_console(&self, lifecycle: &Lifecycle) -> anyhow::Result<String> {
        let listener = chimera_console::bind(self.config.console.bind).await?;
        let address = listener.local_addr()?;
        let router = chimera_console::router(self.store.clone(), self.blobs.clone());
        let cancel = lifecycle.cancel.child_token();
        lifecycle.spawn("console", async move {
            if let Err(error) = chimera_console::serve(listener, router, cancel).await {
                tracing::error!(error = %error_chain(&error), "the console broke");
            }
        });
        Ok(format!("http://{address}"))
    }

    /// Ends the roles in order, then the servers.
    ///
    /// # Errors
    /// [`Disorder`] when a role had ended by itself, or work did not finish in time.
    pub(crate) async fn stop(&self, lifecycle: &Lifecycle) -> Result<(), Disorder> {
        let ended = lifecycle.stop().await;
        self.host.shutdown().await;
        self.store.close().await;
        ended
    }
}

/// The scanner for sensitive topics, with the operator's own.
pub(crate) fn scanner(config: &Config) -> anyhow::Result<TopicScanner> {
    Ok(TopicScanner::with_topics(&config.judge.topics)?)
}

fn hostname() -> String {
    std::fs::read_to_string("/etc/hostname")
        .map(|n| n.trim().to_owned())
        .ok()
        .filter(|n| !n.is_empty())
        .unwrap_or_else(|| "local".into())
}
