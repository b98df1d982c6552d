//! Spend counters: what an agent has spent or promised today and this hour, against its caps.
//!
//! reserve -> spend -> settle or release. Counters are quick to ask and may be lost at any time; the ledger in the
//! database is the truth. Counters that do not run answer [`SpendError::NotStarted`]: their caller reads the ledger's
//! entries of the day, hands them to [`Spend::start`], and asks again. So that no entry is missed or counted twice,
//! callers write an entry (or its settlement) to the ledger *before* they tell the counters.

mod error;
mod in_process;
pub mod keys;
mod remote;
mod window;

use std::fmt;

use async_trait::async_trait;
use chimera_domain::{AgentId, Usd};
use chrono::{DateTime, Utc};

pub use error::SpendError;
pub use in_process::InProcessSpend;
pub use remote::RedisSpend;

/// Names one reservation of one agent; the ledger's name for it, so that a caller that starts afresh after a crash uses
/// the same. Keep it short, without white space: it becomes part of a key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReservationId(String);

impl ReservationId {
    /// A reservation's name, such as a task id and the number of the attempt.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }
}

impl fmt::Display for ReservationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The most that may be spent and reserved together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpendCaps {
    /// From midnight to midnight, UTC.
    pub daily: Usd,
    /// In one hour of the clock; None for no such cap.
    pub hourly: Option<Usd>,
}

/// A wish to spend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpendRequest {
    /// Whose money.
    pub agent_id: AgentId,
    /// Asking again with the same name reserves once.
    pub reservation: ReservationId,
    /// The most that it will cost; not negative, at most a billion dollars.
    pub amount: Usd,
    /// The caps as they stand now.
    pub caps: SpendCaps,
    /// The caller's present moment. One that lies before a window which has begun counts in that window.
    pub at: DateTime<Utc>,
}

/// A cap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpendCap {
    /// [`SpendCaps::daily`].
    Daily,
    /// [`SpendCaps::hourly`].
    Hourly,
}

/// The answer to a [`SpendRequest`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reserved {
    /// The money is set aside, now or by an earlier call with the same name. Settle or release it.
    Granted,
    /// It would go beyond a cap; nothing was set aside.
    Refused {
        /// The cap; the daily one when both refuse.
        cap: SpendCap,
        /// What that cap leaves: below zero when it was lowered or a settlement went beyond it.
        left: Usd,
    },
    /// A reservation of that name was settled or released before: the wish is an old one, come late.
    Closed,
}

/// What settling or releasing did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// The reservation was closed by this call.
    Now,
    /// It had been settled; nothing changed.
    AlreadySettled,
    /// It had been released; nothing changed.
    AlreadyReleased,
}

/// What an agent has spent and reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SpendUse {
    /// Since midnight, UTC.
    pub today: Usd,
    /// Since the hour began.
    pub this_hour: Usd,
}

/// How a ledger's entry stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryState {
    /// Reserved: [`SpendEntry::amount`] is what was set aside.
    Open,
    /// Settled: it is what was spent.
    Settled,
    /// Released: it does not count.
    Released,
}

/// One entry of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpendEntry {
    /// The reservation's name.
    pub reservation: ReservationId,
    /// Dollars set aside or spent, by the state.
    pub amount: Usd,
    /// When it was reserved: this says in which day and hour it counts.
    pub reserved_at: DateTime<Utc>,
    /// How it stands.
    pub state: EntryState,
}

/// Counters of spending, exact to the micro-dollar. Every call is atomic, and may be repeated without harm.
#[async_trait]
pub trait Spend: fmt::Debug + Send + Sync {
    /// Starts an agent's counters from the ledger's entries: those of the day of `at`, and older ones that are open.
    /// Counters that run are left alone; `false` says so.
    ///
    /// # Errors
    /// [`SpendError`] when an amount can't be right or the counters can't be reached.
    async fn start(&self, agent: AgentId, entries: &[SpendEntry], at: DateTime<Utc>) -> Result<bool, SpendError>;

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
