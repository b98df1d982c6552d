//! Keeps the spend counters equal to the ledger.
//!
//! The ledger in the database decides; counters are what others may ask quickly. Each process tells them what it has
//! written, after the commit. What gets lost on the way (a killed process, a flushed Redis) is found by comparing: counters
//! that stay off are forgotten and started from the ledger.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chimera_bus::{Spend, SpendError};
use chimera_domain::{AgentId, Ambient, ReservationId, SpendEntry, SpendUse, SpendWindows, Usd, error_chain};
use chimera_store::{SpendObserver, Store, StoreError};
use chimera_telemetry::SPEND_COUNTERS_STARTED;
use futures::{StreamExt as _, stream};
use tokio::{sync::Notify, time::MissedTickBehavior};
use tokio_util::sync::CancellationToken;

/// How often counters and ledger are compared.
const COMPARE_EVERY: Duration = Duration::from_secs(5);
/// Changes of one agent's entries that are kept while the counters can't be told. With more, starting the counters afresh
/// is less work.
const CHANGES_MAX: usize = 1_000;
/// Agents whose counters are asked at the same time.
const AT_ONCE: usize = 32;
/// Rounds in a row in which the same difference may be news on its way.
const SAME_ROUNDS_MAX: u32 = 2;
/// Rounds in a row in which counters may be off by whatever.
const OFF_ROUNDS_MAX: u32 = 12;

/// Why counters are started: they did not run.
const ABSENT: &str = "absent";
/// They stayed off.
const OFF: &str = "off";
/// There was too much to tell.
const FLOOD: &str = "flood";

/// Changes of the ledger that the counters have not been told yet. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct SpendNews(Arc<News>);

#[derive(Debug, Default)]
struct News {
    waiting: Mutex<HashMap<AgentId, Changes>>,
    come: Notify,
}

/// What an agent's counters have to be told.
#[derive(Debug)]
enum Changes {
    /// The newest version of each entry.
    Entries(HashMap<ReservationId, SpendEntry>),
    /// So much that they are started afresh.
    Everything,
}

impl Changes {
    fn add(&mut self, entry: SpendEntry) {
        let Self::Entries(entries) = self else { return };
        match entries.entry(entry.reservation.clone()) {
            Entry::Vacant(vacant) => {
                vacant.insert(entry);
            }
            Entry::Occupied(mut known) if known.get().version < entry.version => {
                known.insert(entry);
            }
            Entry::Occupied(_) => {}
        }
        if entries.len() > CHANGES_MAX {
            *self = Self::Everything;
        }
    }
}

impl SpendNews {
    /// Hears what a store writes: to be given to [`Store::telling`].
    #[must_use]
    pub fn observer(&self) -> SpendObserver {
        let news = self.clone();
        Arc::new(move |written| {
            news.with(|waiting| {
                for entry in &written {
                    let changes = waiting.entry(entry.agent_id).or_insert_with(|| Changes::Entries(HashMap::new()));
                    changes.add(SpendEntry::from(entry));
                }
            });
            news.0.come.notify_one();
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut HashMap<AgentId, Changes>) -> T) -> T {
        // Nothing that runs below panics half-way.
        act(&mut self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn take(&self) -> HashMap<AgentId, Changes> {
        self.with(std::mem::take)
    }

    /// For the next time, beside what has come meanwhile.
    fn put_back(&self, agent: AgentId, changes: Changes) {
        self.with(|waiting| match (waiting.entry(agent), changes) {
            (Entry::Vacant(vacant), changes) => {
                vacant.insert(changes);
            }
            (Entry::Occupied(mut known), Changes::Everything) => {
                known.insert(Changes::Everything);
            }
            (Entry::Occupied(mut known), Changes::Entries(entries)) => {
                entries.into_values().for_each(|entry| known.get_mut().add(entry));
            }
        });
    }
}

/// Why counters could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum BookkeepingError {
    /// The ledger.
    #[error("reading the spend ledger")]
    Ledger(#[from] StoreError),
    /// The counters.
    #[error("telling the spend counters")]
    Counters(#[from] SpendError),
}

/// By how much an agent's counters are off, and since when.
#[derive(Debug, Clone, Copy)]
struct Suspicion {
    difference: (i64, i64),
    same_rounds: u32,
    off_rounds: u32,
}

/// Keeps counters equal to the ledger.
#[derive(Debug)]
pub struct Bookkeeper {
    store: Store,
    counters: Arc<dyn Spend>,
    news: SpendNews,
    ambient: Arc<dyn Ambient>,
    suspicions: HashMap<AgentId, Suspicion>,
}

impl Bookkeeper {
    /// A bookkeeper; `news` hears what this process writes.
    #[must_use]
    pub fn new(store: Store, counters: Arc<dyn Spend>, news: SpendNews, ambient: Arc<dyn Ambient>) -> Self {
        Self { store, counters, news, ambient, suspicions: HashMap::new() }
    }

    /// Tells and compares until cancelled; then tells what is left.
    pub async fn serve(mut self, cancel: CancellationToken) {
        let mut rounds = tokio::time::interval(COMPARE_EVERY);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let done = tokio::select! {
                () = cancel.cancelled() => break,
                () = self.news.0.come.notified() => self.tell().await,
                _ = rounds.tick() => self.round().await,
            };
            if let Err(error) = done {
                tracing::warn!(error = %error_chain(&error), "the spend counters lag behind the ledger; they are told again soon");
            }
        }
        if let Err(error) = self.tell().await {
            tracing::debug!(error = %error_chain(&error), "the spend counters were not told everything; others will compare");
        }
    }

    async fn round(&mut self) -> Result<(), BookkeepingError> {
        self.tell().await?;
        self.compare().await?;
        Ok(())
    }

    /// Tells the counters what was written since the last time.
    ///
    /// # Errors
    /// [`BookkeepingError`]; what could not be told is told the next time.
    pub async fn tell(&self) -> Result<(), BookkeepingError> {
        let telling = stream::iter(self.news.take()).map(|(agent, changes)| async move {
            let told = self.tell_of(agent, &changes).await;
            told.inspect_err(|_| self.news.put_back(agent, changes))
        });
        let answers: Vec<Result<(), BookkeepingError>> = telling.buffer_unordered(AT_ONCE).collect().await;
        answers.into_iter().collect()
    }

    async fn tell_of(&self, agent: AgentId, changes: &Changes) -> Result<(), BookkeepingError> {
        let entries: Vec<SpendEntry> = match changes {
            Changes::Entries(entries) => entries.values().cloned().collect(),
            Changes::Everything => {
                self.counters.forget(agent).await?;
                return self.start(agent, FLOOD).await.map(drop);
            }
        };
        match self.counters.follow(agent, &entries).await {
            // What the ledger is read for now has it all; but another may have started them with what it read before.
            Err(SpendError::NotStarted { .. }) if !self.start(agent, ABSENT).await? => {
                Ok(self.counters.follow(agent, &entries).await?)
            }
            Ok(()) | Err(SpendError::NotStarted { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Compares every agent's counters with the ledger. Counters that do not run are started; those that stay off are
    /// started afresh. Returns the agents whose counters were started.
    ///
    /// # Errors
    /// [`BookkeepingError`].
    pub async fn compare(&mut self) -> Result<Vec<AgentId>, BookkeepingError> {
        let agents = self.store.agent_ids().await?;
        let now = self.ambient.now();
        let ledger = self.store.spend_use(&agents, now).await?;
        let counters = &self.counters;
        let asked = stream::iter(agents).map(|agent| async move { (agent, counters.used(agent, now).await) });
        let answers: Vec<(AgentId, Result<SpendUse, SpendError>)> = asked.buffer_unordered(AT_ONCE).collect().await;
        let mut started = Vec::new();
        for (agent, counted) in answers {
            let entered = ledger.get(&agent).copied().unwrap_or_default();
            let why = match counted {
                // Nothing was spent, and nothing is counted.
                Err(SpendError::NotStarted { .. }) if entered == SpendUse::default() => continue,
                Err(SpendError::NotStarted { .. }) => ABSENT,
                Err(error) => return Err(error.into()),
                Ok(counted) if !self.is_off(agent, entered, counted) => continue,
                Ok(counted) => {
                    tracing::warn!(agent_id = %agent, ledger = %entered.today, counters = %counted.today, "the spend counters were off; they are started afresh");
                    self.counters.forget(agent).await?;
                    OFF
                }
            };
            if self.start(agent, why).await? {
                started.push(agent);
            }
        }
        Ok(started)
    }

    /// Whether counters have been off for so long that it can't be news on its way.
    fn is_off(&mut self, agent: AgentId, entered: SpendUse, counted: SpendUse) -> bool {
        let off = |a: Usd, b: Usd| a.saturating_sub(b).micros();
        let difference = (off(counted.today, entered.today), off(counted.this_hour, entered.this_hour));
        let known = self.suspicions.remove(&agent);
        if difference == (0, 0) {
            return false;
        }
        let known = known.unwrap_or(Suspicion { difference, same_rounds: 0, off_rounds: 0 });
        let same_rounds = if known.difference == difference { known.same_rounds + 1 } else { 1 };
        let off_rounds = known.off_rounds + 1;
        if same_rounds >= SAME_ROUNDS_MAX || off_rounds >= OFF_ROUNDS_MAX {
            return true;
        }
        self.suspicions.insert(agent, Suspicion { difference, same_rounds, off_rounds });
        false
    }

    /// Starts an agent's counters from the ledger, unless someone else did; then `false`.
    async fn start(&self, agent: AgentId, why: &'static str) -> Result<bool, BookkeepingError> {
        let now = self.ambient.now();
        let entries = self.store.spend_entries(&[agent], SpendWindows::midnight(now), None, None).await?;
        let entries: Vec<SpendEntry> = entries.iter().map(SpendEntry::from).collect();
        let started = self.counters.start(agent, &entries, now).await?;
        if started {
            SPEND_COUNTERS_STARTED.add_for(why, 1);
            tracing::debug!(agent_id = %agent, entries = entries.len(), why, "spend counters are started from the ledger");
        }
        Ok(started)
    }
}
