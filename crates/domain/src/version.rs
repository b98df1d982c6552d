//! Optimistic concurrency: every mutable row counts its writes.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How often a row was written. Each write names the version it read; a mismatch means someone else was first.
/// For a claimed task it is the fencing token too: a claim bumps it, so a late worker's result no longer fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct StateVersion(i64);

impl StateVersion {
    /// The version of a row just inserted.
    pub const FIRST: Self = Self(1);

    /// Wraps a version read from storage.
    #[must_use]
    pub const fn new(version: i64) -> Self {
        Self(version)
    }

    /// The number, for storage.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }

    /// The version after one more write.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for StateVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}", self.0)
    }
}
