//! What every role stands on, and the roles made from it.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use chimera_bus::{Bus, DeliveryPolicy, InProcessBus, InProcessSpend, RedisBus, RedisLink, RedisSpend, Spend};
use chimera_domain::{Ambient, error_chain};
use chimera_judge::Judge;
use chimera_llm::Mind;
use chimera_mcp::{Host, LocalSecrets, SecretRef, SecretSource as _};
use chimera_media::Credentials;
use chimera_planner::Planner;
use chimera_store::{Blobs, Store};
use chimera_worker::{
    Bookkeeper, Executor, Notifier, Pool, Pruner, Publisher, Remembrance, SpendNews, Sweeper, Webhook,
};

use super::{memories, scanner};
use crate::{config::Config, lifecycle::Lifecycle, system::SystemAmbient};

/// The queues, in process or in Redis.
#[derive(Debug, Clone)]
pub(crate) struct Queues {
    pub(crate) bus: Arc<dyn Bus>,
    /// Where they are in Redis.
    pub(crate) link: Option<RedisLink>,
}

impl Queues {
    /// The queues, connected at their first use.
    pub(crate) async fn open(config: &Config, ambient: &dyn Ambient) -> anyhow::Result<Self> {
        let Some(redis) = config.queue.redis() else {
            return Ok(Self { bus: Arc::new(InProcessBus::new()), link: None });
        };
        let link = RedisLink::open(&redis).await.context("the queues' Redis, at `queue.url`")?;
        let bus = Arc::new(RedisBus::new(link.clone(), DeliveryPolicy::default(), ambient));
        Ok(Self { bus, link: Some(link) })
    }

    /// The same, once Redis has answered.
    pub(crate) async fn reach(config: &Config, ambient: &dyn Ambient) -> anyhow::Result<Self> {
        let queues = Self::open(config, ambient).await?;
        if let Some(link) = &queues.link {
            link.try_out().await.context("the queues can't be used")?;
        }
        Ok(queues)
    }
}

/// What every role stands on.
#[derive(Debug, Clone)]
pub(crate) struct Ground {
    pub(crate) config: Config,
    /// The name of this process: who holds a task, in the database.
    pub(crate) instance: String,
    pub(crate) store: Store,
    pub(crate) queues: Queues,
    pub(crate) blobs: Blobs,
    pub(crate) ambient: Arc<dyn Ambient>,
    /// What agents have spent, quick to ask.
    counters: Arc<dyn Spend>,
    /// What this process writes into the spend ledger, for the counters.
    spend_news: SpendNews,
    /// What agents remember, where writers are told of it.
    remembrance: Option<Remembrance>,
}

impl Ground {
    pub(crate) fn new(config: Config, instance: String, store: Store, queues: Queues, blobs: Blobs) -> Self {
        let spend_news = SpendNews::default();
        let store = store.telling(spend_news.observer()).paced(config.publisher.pacing.clone());
        let counters: Arc<dyn Spend> = match &queues.link {
            Some(link) => Arc::new(RedisSpend::new(link.clone())),
            None => Arc::new(InProcessSpend::new()),
        };
        let ambient = Arc::new(SystemAmbient);
        Self { config, instance, store, queues, blobs, ambient, counters, spend_news, remembrance: None }
    }

    /// The same, whose writers are told what their agents remember, and whose publisher keeps what went out.
    pub(crate) async fn remembering(mut self) -> anyhow::Result<Self> {
        let index = memories(&self.config, &self.store).await.context("the memories can't be used")?;
        self.remembrance = Some(Remembrance::new(index, self.config.memory.recall.clone()));
        Ok(self)
    }

    pub(crate) fn planner(&self, host: Arc<Host>, mind: Arc<dyn Mind>) -> Planner {
        let (store, bus, ambient) = self.shared();
        Planner::new(store, bus, host, mind, ambient, self.config.planner.clone())
    }

    /// Starts the planner's loop.
    pub(crate) fn start_planner(&self, host: Arc<Host>, mind: Arc<dyn Mind>, lifecycle: &Lifecycle) {
        let planner = self.planner(host, mind);
        lifecycle.spawn("planner", chimera_planner::serve(planner, lifecycle.cancel.child_token()));
    }

    /// Starts a pool of workers.
    pub(crate) fn start_workers(&self, host: Arc<Host>, credentials: Credentials, lifecycle: &Lifecycle) {
        let (store, bus, ambient) = self.shared();
        let executor = Executor::new(host, self.blobs.clone(), credentials, ambient.clone());
        let executor = executor.remembering(self.remembrance.clone());
        let pool = Pool::new(self.instance.clone(), store, bus, executor, ambient, self.config.worker.clone());
        let (cancel, abandon) = (lifecycle.cancel.child_token(), lifecycle.abandon.child_token());
        lifecycle.spawn_handing_back("worker", pool.serve(cancel, abandon));
    }

    /// Starts the judge.
    pub(crate) fn start_judge(&self, mind: Arc<dyn Mind>, lifecycle: &Lifecycle) -> anyhow::Result<()> {
        let (store, bus, ambient) = self.shared();
        let scanner = Arc::new(scanner(&self.config)?);
        let judge = Judge::new(self.instance.clone(), store, bus, mind, scanner, ambient, self.config.judge.clone());
        lifecycle.spawn("judge", judge.serve(lifecycle.cancel.child_token()));
        Ok(())
    }

    /// Starts the publisher.
    pub(crate) fn start_publisher(&self, host: Arc<Host>, lifecycle: &Lifecycle) {
        let (store, bus, ambient) = self.shared();
        let config = self.config.publisher.clone();
        let publisher = Publisher::new(self.instance.clone(), store, bus, host, self.blobs.clone(), ambient, config);
        let publisher = publisher.remembering(self.remembrance.clone());
        lifecycle.spawn("publisher", publisher.serve(lifecycle.cancel.child_token()));
    }

    /// Starts the sweeper.
    pub(crate) fn start_sweeper(&self, lifecycle: &Lifecycle) {
        let (store, bus, ambient) = self.shared();
        let sweeper = Sweeper::new(self.instance.clone(), store, bus, ambient, self.config.sweeper.clone());
        lifecycle.spawn("sweeper", sweeper.serve(lifecycle.cancel.child_token()));
    }

    /// Starts whoever tells the webhook of alerts, if there is one: beside every role, for each may be the one that is left.
    pub(crate) async fn start_notifier(&self, lifecycle: &Lifecycle) -> anyhow::Result<()> {
        let Some(config) = &self.config.alerts.webhook else { return Ok(()) };
        let key = LocalSecrets.fetch(&config.secret.parse::<SecretRef>()?).await;
        let webhook = Webhook::new(config, &key.context("fetching `alerts.webhook.secret`")?)?;
        let (store, _, ambient) = self.shared();
        let notifier = Notifier::new(self.instance.clone(), store, webhook, ambient, config.clone());
        lifecycle.spawn("notifier", notifier.serve(lifecycle.cancel.child_token()));
        Ok(())
    }

    /// Starts whoever keeps the spend counters equal to the ledger: beside every role, for each may spend.
    pub(crate) fn start_bookkeeper(&self, lifecycle: &Lifecycle) {
        lifecycle.spawn("bookkeeper", self.bookkeeper().serve(lifecycle.cancel.child_token()));
    }

    fn bookkeeper(&self) -> Bookkeeper {
        let (store, counters) = (self.store.clone(), self.counters.clone());
        Bookkeeper::new(store, counters, self.spend_news.clone(), self.ambient.clone())
    }

    /// Starts the pruner, where the media are.
    pub(crate) fn start_pruner(&self, lifecycle: &Lifecycle) {
        let (store, _, ambient) = self.shared();
        let pruner =
            Pruner::new(self.instance.clone(), store, self.blobs.clone(), ambient, self.config.retention.clone());
        lifecycle.spawn("pruner", pruner.serve(lifecycle.cancel.child_token()));
    }

    /// Ends what outlives the roles: servers, then leases, then the database's connections. Within what is left of
    /// patience.
    pub(crate) async fn close(&self, host: Option<&Host>, lifecycle: &Lifecycle) {
        let left = lifecycle.time_left();
        let closing = async {
            if let Some(host) = host {
                host.shutdown().await;
            }
            // Only now, when no call is under way any more: whoever comes next looks what became of it.
            if lifecycle.was_cut() {
                match self.store.leases_end(&self.instance).await {
                    Ok(count) => tracing::info!(count, "leases are given up"),
                    Err(error) => {
                        tracing::warn!(error = %error_chain(&error), "leases could not be given up; they lapse")
                    }
                }
            }
            // What the roles wrote while they ended.
            if let Err(error) = self.bookkeeper().tell().await {
                tracing::debug!(error = %error_chain(&error), "the spend counters lag behind; whoever runs next mends them");
            }
            self.store.close().await;
        };
        if tokio::time::timeout(left, closing).await.is_err() {
            tracing::warn!("connections are cut: they did not close in time");
        }
    }

    fn shared(&self) -> (Store, Arc<dyn Bus>, Arc<dyn Ambient>) {
        (self.store.clone(), self.queues.bus.clone(), self.ambient.clone())
    }
}

/// How long a process may take from the first signal to its end.
pub(crate) const fn patience(config: &Config) -> Duration {
    Duration::from_millis(config.shutdown.patience_ms)
}
