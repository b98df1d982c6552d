//! What an operator may set about working and publishing.

use chimera_domain::policy::{PacingRule, PlatformAbilities, RetryPolicy};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The worker pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WorkerConfig {
    /// Tasks executed at the same time, 1 or more.
    pub concurrency: usize,
    /// How long a claim holds without a heartbeat, in milliseconds.
    pub lease_ms: u64,
    /// How often, and how soon, a failed task is tried again. An attempt whose worker vanished is no failure
    /// (`sweeper.vanished_max`).
    pub retry: RetryPolicy,
}

impl Default for WorkerConfig {
    fn default() -> Self {
        Self { concurrency: 8, lease_ms: 30_000, retry: RetryPolicy::default() }
    }
}

/// The publisher.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PublisherConfig {
    /// Posts published at the same time, 1 or more. As many again that a dead publisher left behind may be looked up.
    pub concurrency: usize,
    /// How long a publish call may be under way before another publisher looks, in milliseconds.
    pub lease_ms: u64,
    /// Calls of one post before it is given up.
    pub attempts_max: u32,
    /// The rest after a post's first failed call, in milliseconds; it doubles with each further one. A platform that
    /// asks for more gets more.
    pub rest_base_ms: u64,
    /// The longest such rest, in milliseconds.
    pub rest_max_ms: u64,
    /// What the platform behind the `publish_post` role can do. It must be said of every platform but the sandbox that
    /// ships with Chimera; whoever says nothing here trusts in nothing.
    pub platform: Option<PlatformAbilities>,
    /// Words by which that platform says that a post's id is taken, whatever their case, such as `already exists`. Tools
    /// that answer with `"effect": "exists"` need none.
    pub taken_says: Option<String>,
    /// How close together posts may go out. One that is too close waits; none is dropped.
    pub pacing: PacingRule,
}

impl Default for PublisherConfig {
    fn default() -> Self {
        Self {
            concurrency: 4,
            lease_ms: 120_000,
            attempts_max: 5,
            rest_base_ms: 2_000,
            rest_max_ms: 300_000,
            platform: None,
            taken_says: None,
            pacing: PacingRule::default(),
        }
    }
}

/// How long old rows and files are kept that nobody needs any more. Where nothing is said, they stay for ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RetentionConfig {
    /// How often one process of the fleet looks for them, in hours, 1 or more.
    pub every_hours: u32,
    /// Signals that came to nothing because they were not relevant, or known, in days, 7 or more. One that its feed
    /// brings again after that is scored anew. Those that were planned or deferred stay for ever.
    pub signals_days: Option<u32>,
    /// Tool calls that cost nothing, of posts at an end, in days, 7 or more.
    pub tool_calls_days: Option<u32>,
    /// Acknowledged alerts, in days since they were raised, 7 or more.
    pub resolved_alerts_days: Option<u32>,
    /// Media that no post refers to, in days since they were written, 7 or more.
    pub media_days: Option<u32>,
    /// Rows deleted by one statement, 1 to 10,000: while it runs, other writers may wait.
    pub batch: u64,
}

impl RetentionConfig {
    /// Less is not kept by anyone: who looks into last week must find it, and media are written before their row.
    pub const DAYS_MIN: u32 = 7;
    /// The most rows that one statement may delete.
    pub const BATCH_MAX: u64 = 10_000;
}

impl Default for RetentionConfig {
    fn default() -> Self {
        Self {
            every_hours: 6,
            signals_days: None,
            tool_calls_days: None,
            resolved_alerts_days: None,
            media_days: None,
            batch: 1_000,
        }
    }
}

/// The sweeper.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SweeperConfig {
    /// How often it looks, in milliseconds.
    pub interval_ms: u64,
    /// How long work may wait unclaimed before it is delivered again, in milliseconds.
    pub waiting_ms: u64,
    /// The most it delivers at once.
    pub batch: u64,
    /// How often a task's worker may vanish before the task is given up, as one that kills whoever takes it, 1 or more. A
    /// killed process is no failure of the task: those have a count and a bound of their own (`worker.retry`).
    pub vanished_max: u32,
    /// From so many posts on that wait for a person an alert says so, 1 or more.
    pub hitl_waiting_max: u64,
}

impl Default for SweeperConfig {
    fn default() -> Self {
        Self { interval_ms: 2_000, waiting_ms: 5_000, batch: 500, vanished_max: 10, hitl_waiting_max: 50 }
    }
}
