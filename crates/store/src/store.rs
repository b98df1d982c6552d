//! The handle: one tenant's view of one database.

use std::{ops::Deref, sync::Arc};

use chimera_domain::{Actor, LedgerEntry, TenantId, policy::PacingRule};
use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, sea_query::Query};
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::{
    DraftError, PlanError, Result, SpendObserver, StoreConfig, StoreError, TicketError,
    connections::Connections,
    dialect,
    reach::Way,
    spend::{Entries, Spending},
    statistics::{Observer, Statistics, Unfinished, Watch},
};

/// How often a transaction that met another one is tried in all.
const COLLISION_ATTEMPTS_MAX: u32 = 5;

/// A kind of database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Backend {
    /// An SQLite file.
    Sqlite,
    /// A PostgreSQL server, 16 or newer.
    Postgres,
}

/// One tenant's view of one database. Cheap to clone; clones share the connections.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) db: Connections,
    pub(crate) tenant: TenantId,
    pub(crate) backend: Backend,
    /// Whom the audit log names for what no role or person is named for by the call itself.
    pub(crate) actor: Actor,
    /// How close together posts go out.
    pub(crate) pacing: Arc<PacingRule>,
    /// Agents that may post about one story on a channel; 0: any number.
    pub(crate) same_story_max: u32,
    watch: Watch,
    spending: Spending,
    /// SQLite has one writer; waiting here is fair and quick, where its own busy handler polls.
    writer: Option<Arc<Mutex<()>>>,
}

impl Store {
    /// Opens the database. Nothing is created but an SQLite file, and that only with `?mode=rwc`.
    ///
    /// # Errors
    /// [`StoreError::UnknownUrl`], or [`StoreError::Unavailable`] when it can't be reached or opened.
    pub async fn connect(config: &StoreConfig) -> Result<Self> {
        Self::open(config, Watch::default()).await
    }

    /// The same, with someone who is shown each statement.
    ///
    /// # Errors
    /// As for [`Self::connect`].
    pub async fn connect_observed(config: &StoreConfig, observer: Observer) -> Result<Self> {
        Self::open(config, Watch::told(Some(observer))).await
    }

    async fn open(config: &StoreConfig, watch: Watch) -> Result<Self> {
        let backend = Backend::of_url(&config.url)?;
        let mut db = Connections::open(backend, config).await?;
        db.watched_by(&watch);
        let writer = matches!(backend, Backend::Sqlite).then(Arc::default);
        let spending = Spending::default();
        let (actor, pacing) = (Actor::system(), Arc::default());
        Ok(Self { db, tenant: config.tenant, backend, watch, spending, actor, pacing, same_story_max: 0, writer })
    }

    /// The same store over the same connections, whose statements are counted by themselves from nothing; an observer
    /// goes on seeing them. So one part of a program, such as a role, can be told from another.
    #[must_use]
    pub fn counted_apart(&self) -> Self {
        let mut apart = Self { watch: self.watch.afresh(), ..self.clone() };
        apart.db.watched_by(&apart.watch);
        apart
    }

    /// What was asked of the database through this store and its clones.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        self.watch.statistics()
    }

    /// The same store in someone's hands: whatever is done through it, the audit log puts down to `actor`, unless the
    /// call itself names who acts.
    #[must_use]
    pub fn acting_as(&self, actor: Actor) -> Self {
        Self { actor, ..self.clone() }
    }

    /// The same store, with someone who is told of each change of the spend ledger that is made through it, after its
    /// commit. Must be quick: the writer waits.
    #[must_use]
    pub fn telling(self, observer: SpendObserver) -> Self {
        Self { spending: Spending::told(observer), ..self }
    }

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when there is none.
    pub async fn ping(&self) -> Result<()> {
        Ok(self.db.ping().await?)
    }

    /// Whether a configuration's address can be read. Asks nobody.
    ///
    /// # Errors
    /// [`StoreError::UnknownUrl`].
    pub fn check(config: &StoreConfig) -> Result<()> {
        Way::new(config).map(drop)
    }

    /// Asks the server that a configuration names for one connection and gives it back, at once and with little patience.
    /// Says nothing of an SQLite file.
    ///
    /// # Errors
    /// [`StoreError::UnknownUrl`], or [`StoreError::Unavailable`] with where and why.
    pub async fn reach(config: &StoreConfig) -> Result<()> {
        Way::new(config)?.reach().await
    }

    /// The same for the server of this store: tells whether it is there when this store's own connections give no answer.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] with where and why.
    pub async fn reach_again(&self) -> Result<()> {
        self.db.reach().await
    }

    /// The kind of database.
    #[must_use]
    pub const fn backend(&self) -> Backend {
        self.backend
    }

    /// Whose rows this store reads and writes.
    #[must_use]
    pub const fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// Waits for what is under way and closes every connection; clones fail from then on.
    pub async fn close(&self) {
        if let Err(error) = self.db.close().await {
            tracing::debug!(%error, "the database objects to being closed");
        }
    }

    /// Waits for this process's turn to write, where the database has one writer; hold it for one statement.
    pub(crate) async fn turn(&self) -> Option<OwnedMutexGuard<()>> {
        match &self.writer {
            Some(writer) => Some(Arc::clone(writer).lock_owned().await),
            None => None,
        }
    }

    /// Begins a transaction that will write, and whose commit lasts when it returns.
    pub(crate) async fn begin(&self) -> Result<WriteTx> {
        let turn = self.turn().await;
        let tx = self.db.begin(self.backend.write_options()).await?;
        Ok(self.writing(tx, turn))
    }

    /// Begins a transaction that will write what can be made anew, and whose commit does not wait for the disk: everybody sees
    /// it, but a crash of PostgreSQL or a power cut within a moment takes it back, and with it whatever was committed after
    /// it. It lasts when a later commit does, for both databases write their logs in order.
    ///
    /// Not for what must be known before something happens outside (a tool is called, a post is sent), what a process keeps
    /// in mind as done, or what a person said.
    pub(crate) async fn begin_relaxed(&self) -> Result<WriteTx> {
        let turn = self.turn().await;
        let tx = self.db.begin_relaxed(self.backend).await?;
        Ok(self.writing(tx, turn))
    }

    fn writing(&self, tx: DatabaseTransaction, turn: Option<OwnedMutexGuard<()>>) -> WriteTx {
        WriteTx { tx, end: self.watch.transaction(), entries: self.spending.entries(), _turn: turn }
    }

    /// Begins a transaction that reads everything as of one moment, however long that takes: the limits of ordinary work
    /// are off.
    pub(crate) async fn snapshot(&self) -> Result<DatabaseTransaction> {
        let tx = self.db.begin(self.backend.snapshot_options()).await?;
        if let Some(unlimited) = self.backend.unlimited() {
            tx.execute_unprepared(unlimited).await?;
        }
        Ok(tx)
    }

    /// The time on the database's clock.
    pub(crate) async fn database_now(&self, db: &impl ConnectionTrait) -> Result<DateTime<Utc>> {
        let select = Query::select().expr(self.backend.clock()).take();
        let row = db.query_one(&select).await?;
        let row = row.ok_or_else(|| DbErr::RecordNotFound("a statement without a table".to_owned()))?;
        Ok(row.try_get_by_index(0)?)
    }

    /// Runs one whole transaction, again when it met another one and the database sent it back.
    pub(crate) async fn retrying<T, E: Collides, F: Future<Output = Result<T, E>>>(
        &self,
        run: impl Fn() -> F,
    ) -> Result<T, E> {
        let mut attempt = 1;
        loop {
            match run().await {
                Err(e) if attempt < COLLISION_ATTEMPTS_MAX && e.collided() => {
                    tracing::debug!(attempt, "two transactions met; trying again");
                    attempt += 1;
                }
                done => return done,
            }
        }
    }
}

/// A writing transaction; dropped without [`Self::commit`] it leaves nothing behind.
pub(crate) struct WriteTx {
    tx: DatabaseTransaction,
    end: Unfinished,
    entries: Entries,
    // Dropped after the transaction.
    _turn: Option<OwnedMutexGuard<()>>,
}

impl WriteTx {
    pub(crate) async fn commit(mut self) -> Result<()> {
        self.tx.commit().await?;
        self.end.committed();
        self.entries.tell();
        Ok(())
    }

    /// Notes entries of the spend ledger that were written; they are told of after the commit.
    pub(crate) fn entered(&self, entries: Vec<LedgerEntry>) {
        self.entries.add(entries);
    }

    /// Gives up what was done, and waits until it is undone.
    pub(crate) async fn abandon(self) -> Result<()> {
        Ok(self.tx.rollback().await?)
    }
}

impl Deref for WriteTx {
    type Target = DatabaseTransaction;

    fn deref(&self) -> &Self::Target {
        &self.tx
    }
}

/// An error that may be a collision of two transactions.
pub(crate) trait Collides {
    fn collided(&self) -> bool;
}

impl Collides for StoreError {
    fn collided(&self) -> bool {
        matches!(self, Self::Busy { source } if dialect::is_collision(source))
    }
}

impl Collides for PlanError {
    fn collided(&self) -> bool {
        matches!(self, Self::Store(e) if e.collided())
    }
}

impl Collides for TicketError {
    fn collided(&self) -> bool {
        matches!(self, Self::Store(e) if e.collided())
    }
}

impl Collides for DraftError {
    fn collided(&self) -> bool {
        matches!(self, Self::Store(e) if e.collided())
    }
}
