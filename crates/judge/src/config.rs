//! What an operator may set about judging.

use std::collections::BTreeMap;

use chimera_domain::policy::RoutingThresholds;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What an operator may set about judging.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct JudgeConfig {
    /// Where a confidence leads.
    pub thresholds: RoutingThresholds,
    /// Rejected attempts at one post before it is given up.
    pub replans_max: u32,
    /// Posts put before the mind at the same time, 1 or more.
    pub opinions_at_once: usize,
    /// How long another judge leaves alone what this one weighs, without a heartbeat, in milliseconds.
    pub lease_ms: u64,
    /// The operator's own sensitive topics: a name, and the words and phrases that belong to it.
    pub topics: BTreeMap<String, Vec<String>>,
}

impl Default for JudgeConfig {
    fn default() -> Self {
        Self {
            thresholds: RoutingThresholds::default(),
            replans_max: 1,
            opinions_at_once: 8,
            lease_ms: 30_000,
            topics: BTreeMap::new(),
        }
    }
}
