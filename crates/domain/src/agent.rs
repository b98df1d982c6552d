//! Agents: personas that post.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{AgentId, Soul, SpendCaps, StateVersion, TenantId, Usd, wire::wire_enum};

wire_enum! {
    /// Whether an agent can be reached.
    pub enum Presence ("presence") {
        /// Works and answers.
        Online = "ONLINE",
        /// Nothing to do.
        Idle = "IDLE",
        /// At its limits.
        Busy = "BUSY",
        /// Not running.
        Offline = "OFFLINE",
        /// Locked by the operator or by a judge.
        Quarantined = "QUARANTINED",
    }
}

/// How much one agent may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GovernorLimits {
    /// The most it may spend in a UTC day.
    pub max_daily_spend: Usd,
    /// The most it may spend in one hour of the clock, where that is limited: work that would cost more waits for the
    /// next one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_hourly_spend: Option<Usd>,
    /// The most posts that may be planned for it in any sixty minutes.
    pub max_tasks_per_hour: u32,
    /// The most posts that may be planned for it in a UTC day, where that is limited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tasks_per_day: Option<u32>,
}

impl Default for GovernorLimits {
    fn default() -> Self {
        Self {
            max_daily_spend: Usd::dollars(50),
            max_hourly_spend: None,
            max_tasks_per_hour: 10,
            max_tasks_per_day: None,
        }
    }
}

impl GovernorLimits {
    /// No limits at all: for reckoning what something else allows.
    pub const UNLIMITED: Self = Self {
        max_daily_spend: Usd::COUNTABLE_MAX,
        max_hourly_spend: None,
        max_tasks_per_hour: u32::MAX,
        max_tasks_per_day: None,
    };

    /// The share of these that replies have for themselves: half of the day's money and, rounded up, of the posts; no hour's
    /// money of their own. So whoever floods an agent with comments neither uses up its posts nor spends its day's money.
    #[must_use]
    pub const fn of_replies(self) -> Self {
        Self {
            max_daily_spend: Usd::from_micros(self.max_daily_spend.micros() / 2),
            max_hourly_spend: None,
            max_tasks_per_hour: self.max_tasks_per_hour.div_ceil(2),
            max_tasks_per_day: match self.max_tasks_per_day {
                Some(posts) => Some(posts.div_ceil(2)),
                None => None,
            },
        }
    }

    /// What may be spent and reserved together.
    #[must_use]
    pub const fn spend_caps(self) -> SpendCaps {
        SpendCaps { daily: self.max_daily_spend, hourly: self.max_hourly_spend }
    }
}

/// One persona that posts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Agent {
    /// This agent.
    pub id: AgentId,
    /// Whose row this is.
    pub tenant_id: TenantId,
    /// The persona's slug, unique within a tenant.
    pub persona_slug: String,
    /// The persona's name.
    pub display_name: String,
    /// The parsed SOUL.md.
    pub soul: Soul,
    /// SHA-256 of SOUL.md as it was read, hex.
    pub soul_hash: String,
    /// Counts the versions of SOUL.md.
    pub soul_version: u32,
    /// How much it may do.
    pub governor_limits: GovernorLimits,
    /// Whether it can be reached.
    pub presence: Presence,
    /// How often the row was written.
    pub state_version: StateVersion,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last written.
    pub updated_at: DateTime<Utc>,
}
