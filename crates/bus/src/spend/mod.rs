//! Spend counters: what an agent has spent or promised today and this hour, against its caps.
//!
//! The ledger in the database is the truth, and what tasks may cost is granted there, in batches, with their claim. Counters
//! are quick to ask, [follow](Spend::follow) the ledger, and may be lost at any time. Counters that do not run answer
//! [`SpendError::NotStarted`]: their caller reads the ledger's entries of the day, hands them to [`Spend::start`], and asks
//! again. So that no entry is missed or counted twice, callers write an entry (or its settlement) to the ledger *before* they
//! tell the counters.
//!
//! Where no ledger grants, counters do it by themselves: reserve -> spend -> settle or release.

mod error;
mod in_process;
pub mod keys;
mod remote;
mod window;

use async_trait::async_trait;
use chimera_domain::{AgentId, Closed, ReservationId, Reserved, SpendEntry, SpendRequest, SpendUse, Usd};
use chrono::{DateTime, Utc};

pub use error::SpendError;
pub use in_process::InProcessSpend;
pub use remote::RedisSpend;

/// Counters of spending, exact to the micro-dollar. Every call is atomic, and may be repeated without harm.
#[async_trait]
pub trait Spend: std::fmt::Debug + Send + Sync {
    /// Starts an agent's counters from the ledger's entries: those of the day of `at`, and older ones that are open.
    /// Counters that run are left alone; `false` says so.
    ///
    /// # Errors
    /// [`SpendError`] when an amount can't be right or the counters can't be reached.
    async fn start(&self, agent: AgentId, entries: &[SpendEntry], at: DateTime<Utc>) -> Result<bool, SpendError>;

    /// Forgets an agent's counters, so that they are started afresh: whoever asks next is answered
    /// [`SpendError::NotStarted`]. To be done *before* the ledger is read for the new start.
    ///
    /// # Errors
    /// [`SpendError::Unavailable`] when the counters can't be reached.
    async fn forget(&self, agent: AgentId) -> Result<(), SpendError>;

    /// Takes over entries of the ledger as they stand. Each replaces its earlier versions, and changes nothing when it is no
    /// newer than what is known: so entries may come in any order, and again. No entries are taken over whether the counters
    /// run or not.
    ///
    /// # Errors
    /// [`SpendError::NotStarted`] when the counters do not run; else as [`Self::start`]. Some of the entries may have been
    /// taken over.
    async fn follow(&self, agent: AgentId, entries: &[SpendEntry]) -> Result<(), SpendError>;

    /// Sets money aside, when the caps leave room.
    ///
    /// # Errors
    /// [`SpendError::NotStarted`] when the counters do not run; else as [`Self::start`].
    async fn reserve(&self, request: &SpendRequest) -> Result<Reserved, SpendError>;

    /// Says what a reservation has cost, less or more than was set aside. A reservation that the counters have never
    /// heard of counts at `at`: its money is gone.
    ///
    /// # Errors
    /// As [`Self::reserve`].
    async fn settle(
        &self,
        agent: AgentId,
        reservation: &ReservationId,
        cost: Usd,
        at: DateTime<Utc>,
    ) -> Result<Closed, SpendError>;

    /// Gives back what was set aside. A reservation of that name is not granted afterwards.
    ///
    /// # Errors
    /// As [`Self::reserve`].
    async fn release(
        &self,
        agent: AgentId,
        reservation: &ReservationId,
        at: DateTime<Utc>,
    ) -> Result<Closed, SpendError>;

    /// What has been spent and reserved in the day and hour of `at`.
    ///
    /// # Errors
    /// As [`Self::reserve`].
    async fn used(&self, agent: AgentId, at: DateTime<Utc>) -> Result<SpendUse, SpendError>;
}
