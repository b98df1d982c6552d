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
    /// Which earlier posts a new one must not say again.
    pub repeats: RepeatsConfig,
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
            repeats: RepeatsConfig::default(),
            topics: BTreeMap::new(),
        }
    }
}

/// Which earlier posts a new one must not say again in nearly the same words. One that does is written anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RepeatsConfig {
    /// How far back posts are compared, in hours; 0 compares none.
    pub hours: u32,
    /// How many of the fleet's on the same channels, the newest; its agent's own are among them.
    pub posts: u32,
}

impl Default for RepeatsConfig {
    fn default() -> Self {
        Self { hours: 168, posts: 300 }
    }
}
