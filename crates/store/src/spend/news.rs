//! Telling of changes of the ledger once they are committed, so that counters elsewhere can follow.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use chimera_domain::LedgerEntry;

/// Is told of entries as they stand after a commit; several changes of one entry in their order.
pub type SpendObserver = Arc<dyn Fn(Vec<LedgerEntry>) + Send + Sync>;

/// Who is told, if anyone.
#[derive(Clone, Default)]
pub(crate) struct Spending(Option<SpendObserver>);

impl Spending {
    pub(crate) fn told(observer: SpendObserver) -> Self {
        Self(Some(observer))
    }

    /// What one transaction will have to tell.
    pub(crate) fn entries(&self) -> Entries {
        Entries { observer: self.0.clone(), written: Mutex::default() }
    }
}

impl fmt::Debug for Spending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Spending").field(&self.0.is_some()).finish()
    }
}

/// Entries that a transaction has written.
pub(crate) struct Entries {
    observer: Option<SpendObserver>,
    written: Mutex<Vec<LedgerEntry>>,
}

impl Entries {
    pub(crate) fn add(&self, entries: Vec<LedgerEntry>) {
        if self.observer.is_some() {
            self.written.lock().unwrap_or_else(PoisonError::into_inner).extend(entries);
        }
    }

    /// Tells of them; they are committed.
    pub(crate) fn tell(self) {
        let written = self.written.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let (Some(observer), false) = (self.observer, written.is_empty()) {
            observer(written);
        }
    }
}
