//! The composition root: builds what the roles share, and runs them, all in one process or each in its own.

mod checks;
mod edge;
mod ground;
mod mind;
mod scrape;
mod serve;

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use anyhow::Context as _;
use chimera_console::{Console, Probes};
use chimera_domain::error_chain;
use chimera_llm::{Mind, MindConfig, TopicScanner};
use chimera_mcp::{Host, LocalSecrets, Secret, SecretError, SecretRef, SecretSource as _, Setting};
use chimera_media::{C2paConfig, Credentials};
use chimera_planner::Planner;
use chimera_store::{
    Blobs, BucketConfig, Links, Store,
    memory::{MemoryIndex, WeaviateConfig, WeaviateMemory, in_database},
};
use chimera_telemetry::Identity;

use crate::{
    config::{Config, LinksConfig},
    lifecycle::{Disorder, Lifecycle},
    system::{self, SystemAmbient},
};

use checks::checks;
use edge::Reach;
pub(crate) use edge::{built_in, feed_source, feeds_config, is_our_sandbox, sandbox_config};
pub(crate) use ground::{Ground, Queues, patience};
use mind::WatchedMind;
pub(crate) use serve::serve;

/// What the roles share that run in one process.
#[derive(Debug, Clone)]
pub(crate) struct House {
    pub(crate) ground: Ground,
    pub(crate) host: Arc<Host>,
    pub(crate) mind: Arc<dyn Mind>,
    /// Which mind thinks, and why.
    pub(crate) mind_choice: String,
    probes: Probes,
}

/// The mind that the configuration and the environment choose.
pub(crate) async fn choose_mind(config: &Config) -> anyhow::Result<(Arc<dyn Mind>, String)> {
    let secrets = secrets_of(&config.mind).await?;
    let lookup = |reference: &str| secrets.get(reference).map(|secret| secret.expose().to_owned());
    let choice = chimera_llm::choose(&config.mind, &lookup, Arc::new(SystemAmbient)).await?;
    Ok((Arc::new(WatchedMind::new(choice.mind)), choice.line))
}

/// Which mind would be chosen if there is a network, and why, in a line.
pub(crate) async fn mind_in_words(config: &Config) -> anyhow::Result<String> {
    let secrets = secrets_of(&config.mind).await?;
    let lookup = |reference: &str| secrets.get(reference).map(|secret| secret.expose().to_owned());
    Ok(chimera_llm::choose_untried(&config.mind, &lookup, Arc::new(SystemAmbient))?.line)
}

/// What the references of the mind's configuration name, as far as they name anything.
async fn secrets_of(config: &MindConfig) -> anyhow::Result<BTreeMap<String, Secret>> {
    let mut secrets = BTreeMap::new();
    for reference in config.references() {
        match LocalSecrets.fetch(&reference.parse()?).await {
            Ok(secret) => drop(secrets.insert(reference, secret)),
            Err(SecretError::Missing { .. }) => {}
            Err(error) => return Err(error).context("reading a key of the mind"),
        }
    }
    Ok(secrets)
}

/// Where agents' memories lie: in Weaviate if the configuration says so, else in the fleet's own database.
pub(crate) async fn memories(config: &Config, store: &Store) -> anyhow::Result<Arc<dyn MemoryIndex>> {
    let Some(given) = &config.memory.weaviate else { return Ok(in_database(store.clone())) };
    let mut weaviate = WeaviateConfig::new(given.address().context("`memory.weaviate.url` is no address")?);
    if let Some(key) = &given.api_key {
        let key = LocalSecrets.fetch(&String::from(key.clone()).parse()?).await;
        weaviate.api_key = Some(key.context("reading `memory.weaviate.api_key`")?.expose().to_owned());
    }
    Ok(Arc::new(WeaviateMemory::new(&weaviate, store.tenant())?))
}

/// Where pictures and videos lie: in a bucket if the configuration says so, else in the data folder. Asks nothing yet.
pub(crate) async fn blobs(config: &Config) -> anyhow::Result<Blobs> {
    let LinksConfig { address, key, minutes } = &config.media.links;
    let links = match (address, key) {
        (Some(address), Some(key)) => {
            let address = address.parse().context("`media.links.address`")?;
            Some(Links::new(&address, &secret_of(key, "media.links.key").await?)?)
        }
        _ => None,
    };
    Ok(bare_blobs(config).await?.with_links(links, Duration::from_secs(u64::from(*minutes) * 60)))
}

async fn secret_of(key: &Setting, name: &'static str) -> anyhow::Result<String> {
    let reference: SecretRef = String::from(key.clone()).parse()?;
    let secret = LocalSecrets.fetch(&reference).await.with_context(|| format!("fetching `{name}`"))?;
    Ok(secret.expose().to_owned())
}

async fn bare_blobs(config: &Config) -> anyhow::Result<Blobs> {
    let Some(bucket) = &config.media.bucket else { return Ok(Blobs::new(config.media_dir())) };
    let place = bucket.place().map_err(|(key, problem)| anyhow::anyhow!("{key}: {problem}"))?;
    let session_token = match &bucket.session_token {
        Some(token) => Some(secret_of(token, "media.bucket.session_token").await?),
        None => None,
    };
    let access_key = secret_of(&bucket.access_key, "media.bucket.access_key").await?;
    let secret_key = secret_of(&bucket.secret_key, "media.bucket.secret_key").await?;
    Ok(Blobs::in_bucket(&BucketConfig { place, access_key, secret_key, session_token })?)
}

/// Exports traces from now on, if the configuration or the environment says where to. `main` ends it.
pub(crate) fn export_traces(config: &Config, who: &Identity) -> anyhow::Result<()> {
    let endpoint = config.telemetry.otlp_endpoint.as_deref();
    if chimera_telemetry::export_traces(endpoint, env!("CARGO_PKG_VERSION"), who)? {
        tracing::info!("traces are exported");
    }
    Ok(())
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
    make_store_of(config, "command").await
}

/// The same, under the name that the database is to show.
async fn make_store_of(config: &Config, role: &str) -> anyhow::Result<Store> {
    make_folder(&config.data_dir.0)?;
    let store = Store::connect(&config.store_of(role)).await?;
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

/// With what pictures and videos are signed: the operator's certificate, else one for tests.
pub(crate) async fn credentials(config: &Config) -> anyhow::Result<Credentials> {
    let C2paConfig { certificate, key, algorithm } = &config.media.c2pa;
    let (Some(certificate), Some(key)) = (certificate, key) else {
        tracing::info!("pictures and videos are signed with a certificate for tests; `media.c2pa` takes a real one");
        return Ok(Credentials::test()?);
    };
    let fetched = async |reference: &str| LocalSecrets.fetch(&reference.parse::<SecretRef>()?).await;
    let certificate = fetched(certificate).await.context("fetching `media.c2pa.certificate`")?;
    let key = fetched(key).await.context("fetching `media.c2pa.key`")?;
    Ok(Credentials::new(certificate.expose().as_bytes(), key.expose().as_bytes(), *algorithm)?)
}

impl House {
    /// Builds everything that the roles share. `role` says what the process is.
    pub(crate) async fn build(config: Config, role: &'static str, lifecycle: &Lifecycle) -> anyhow::Result<Self> {
        let ambient = SystemAmbient;
        // First of all: what begins to count below is to stand at 0 from the start.
        let figures = Arc::new(serve::scrape()?);
        let instance = system::instance();
        export_traces(&config, &Identity { role, instance: instance.clone() })?;
        let store = make_store_of(&config, role).await?;
        let (mind, mind_choice) = choose_mind(&config).await?;
        let queues = Queues::reach(&config, &ambient).await?;
        let blobs = blobs(&config).await?;
        let ground = Ground::new(config, instance, store, queues, blobs).remembering().await?;
        let (config, ambient) = (&ground.config, ground.ambient.clone());
        let host = Arc::new(edge::host(config, Reach::All, Some(mind.clone()), ambient, lifecycle).await?);
        figures.reads(&ground);
        lifecycle.tracker.spawn(figures.clone().tidy(lifecycle.cancel.child_token()));
        let probes = Probes::new(role, ground.instance.clone(), figures);
        Ok(Self { ground, host, mind, mind_choice, probes })
    }

    /// The planner.
    pub(crate) fn planner(&self) -> Planner {
        self.ground.planner(self.host.clone(), self.mind.clone())
    }

    /// Starts workers, judge, publisher and sweeper.
    pub(crate) async fn start_workers(&self, lifecycle: &Lifecycle) -> anyhow::Result<()> {
        let credentials = credentials(&self.ground.config).await?;
        self.ground.start_workers(self.host.clone(), credentials, lifecycle);
        self.ground.start_judge(self.mind.clone(), lifecycle)?;
        self.ground.start_publisher(self.host.clone(), lifecycle);
        self.ground.start_sweeper(lifecycle);
        self.ground.start_bookkeeper(lifecycle);
        self.ground.start_pruner(lifecycle);
        self.ground.start_notifier(lifecycle).await?;
        let folders = vec![("data", self.ground.config.data_dir.0.clone())];
        self.probes.runs(checks(&self.ground, Some(&self.host), folders, true, lifecycle));
        Ok(())
    }

    /// Starts the planner's loop.
    pub(crate) fn start_planner(&self, lifecycle: &Lifecycle) {
        self.ground.start_planner(self.host.clone(), self.mind.clone(), lifecycle);
    }

    /// Starts the console. Gives its address.
    pub(crate) async fn start_console(&self, lifecycle: &Lifecycle) -> anyhow::Result<String> {
        let ground = &self.ground;
        let listener = chimera_console::bind(ground.config.console.bind).await?;
        let address = listener.local_addr()?;
        let (store, bus, ambient) = (ground.store.clone(), ground.queues.bus.clone(), ground.ambient.clone());
        let console = Console::new(store, ground.blobs.clone(), bus, ambient, lifecycle.cancel.child_token())
            .with_replans_max(ground.config.judge.replans_max)
            .with_webhook(ground.config.alerts.webhook.is_some());
        let router = console.router(&self.probes);
        lifecycle.spawn_door("console", |close| async move {
            if let Err(error) = chimera_console::serve(listener, router, close).await {
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
        serve::end(Some((&self.ground, Some(&*self.host))), &self.probes, lifecycle).await
    }
}

/// The scanner for sensitive topics, with the operator's own.
pub(crate) fn scanner(config: &Config) -> anyhow::Result<TopicScanner> {
    Ok(TopicScanner::with_topics(&config.judge.topics)?)
}
