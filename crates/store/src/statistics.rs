//! What the database was asked: counted, and shown to whoever watches.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use sea_orm::{DatabaseConnection, Statement, metric::Info};

/// What a store has asked its database since it was opened, or since [`crate::Store::counted_apart`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Statistics {
    /// Statements answered, those that failed too. Begin, commit and rollback are no statements here, and neither are
    /// migrations.
    pub statements: u64,
    /// Of those, the ones that the database refused or gave up.
    pub failed: u64,
    /// Writing transactions of several statements that were committed.
    pub commits: u64,
    /// Those that were not.
    pub rollbacks: u64,
    /// How long statements took together, in microseconds; those under way at the same time count each.
    pub busy_us: u64,
}

impl Statistics {
    /// What was asked since an earlier reading of the same.
    #[must_use]
    pub const fn since(self, before: Self) -> Self {
        Self {
            statements: self.statements - before.statements,
            failed: self.failed - before.failed,
            commits: self.commits - before.commits,
            rollbacks: self.rollbacks - before.rollbacks,
            busy_us: self.busy_us - before.busy_us,
        }
    }
}

/// One statement, answered.
#[derive(Debug, Clone, Copy)]
pub struct Answered<'a> {
    info: &'a Info<'a>,
}

impl Answered<'_> {
    /// The statement with what was bound to it. Bound values may be anything that the database holds: not for logs.
    #[must_use]
    pub const fn statement(&self) -> &Statement {
        self.info.statement
    }

    /// How long it took.
    #[must_use]
    pub const fn elapsed(&self) -> Duration {
        self.info.elapsed
    }

    /// Whether the database refused it.
    #[must_use]
    pub const fn failed(&self) -> bool {
        self.info.failed
    }
}

/// Is shown each statement after its answer; must be quick, for the answer waits.
pub type Observer = Arc<dyn Fn(Answered<'_>) + Send + Sync>;

/// Counts, and tells an observer if there is one.
#[derive(Clone, Default)]
pub(crate) struct Watch {
    counters: Arc<Counters>,
    observer: Option<Observer>,
}

#[derive(Debug, Default)]
struct Counters {
    statements: AtomicU64,
    failed: AtomicU64,
    commits: AtomicU64,
    rollbacks: AtomicU64,
    busy_us: AtomicU64,
}

impl Watch {
    pub(crate) fn told(observer: Option<Observer>) -> Self {
        Self { counters: Arc::default(), observer }
    }

    /// The same observer, with counters that begin at nothing.
    pub(crate) fn afresh(&self) -> Self {
        Self::told(self.observer.clone())
    }

    /// Watches what goes over `db` from now on, in place of whoever watched before.
    pub(crate) fn over(&self, db: &mut DatabaseConnection) {
        let Self { counters, observer } = self.clone();
        db.set_metric_callback(move |info| {
            counters.statements.fetch_add(1, Relaxed);
            counters.failed.fetch_add(u64::from(info.failed), Relaxed);
            counters.busy_us.fetch_add(u64::try_from(info.elapsed.as_micros()).unwrap_or(u64::MAX), Relaxed);
            if let Some(observer) = &observer {
                observer(Answered { info });
            }
        });
    }

    /// A writing transaction begins.
    pub(crate) fn transaction(&self) -> Unfinished {
        Unfinished { counters: self.counters.clone(), committed: false }
    }

    pub(crate) fn statistics(&self) -> Statistics {
        let Counters { statements, failed, commits, rollbacks, busy_us } = &*self.counters;
        Statistics {
            statements: statements.load(Relaxed),
            failed: failed.load(Relaxed),
            commits: commits.load(Relaxed),
            rollbacks: rollbacks.load(Relaxed),
            busy_us: busy_us.load(Relaxed),
        }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("counters", &self.counters).finish_non_exhaustive()
    }
}

/// A transaction whose end is yet to be counted: a rollback, unless it says otherwise.
#[derive(Debug)]
pub(crate) struct Unfinished {
    counters: Arc<Counters>,
    committed: bool,
}

impl Unfinished {
    pub(crate) fn committed(&mut self) {
        self.committed = true;
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        let counter = if self.committed { &self.counters.commits } else { &self.counters.rollbacks };
        counter.fetch_add(1, Relaxed);
    }
}
