//! What an operator may set about planning.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What an operator may set about planning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PlannerConfig {
    /// How often each resource is read, in milliseconds.
    pub poll_interval_ms: u64,
    /// Items scored in one question to the mind, 1 or more.
    pub score_batch: usize,
    /// Resources read at the same time, 1 or more.
    pub reads_at_once: usize,
    /// Failed reads in a row before an operator is alerted.
    pub feed_down_after: u32,
    /// How long a relevant signal waits for room under the governor's caps before it is dropped as stale, in hours.
    pub held_hours_max: u32,
    /// Makes every chance draw repeatable.
    pub seed: u64,
}

impl Default for PlannerConfig {
    fn default() -> Self {
        Self {
            poll_interval_ms: 60_000,
            score_batch: 64,
            reads_at_once: 8,
            feed_down_after: 3,
            held_hours_max: 24,
            seed: 0,
        }
    }
}
