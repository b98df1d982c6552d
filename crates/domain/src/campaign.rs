//! Campaigns: a goal in words, with its agents, resources, channels and limits.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{AgentId, CampaignId, Channel, Score, StateVersion, TenantId, Usd, wire::wire_enum};

wire_enum! {
    /// Whether a campaign plans and publishes.
    pub enum CampaignStatus ("campaign status") {
        /// Plans and publishes.
        Active = "ACTIVE",
        /// Holds still until resumed.
        Paused = "PAUSED",
        /// Over.
        Ended = "ENDED",
    }
}

/// A goal in words, with its agents, resources, channels and limits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Campaign {
    /// This campaign.
    pub id: CampaignId,
    /// Whose row this is.
    pub tenant_id: TenantId,
    /// A short name, unique within a tenant.
    pub slug: String,
    /// What it is for, in a sentence or two.
    pub goal: String,
    /// Who posts for it.
    pub agents: Vec<AgentId>,
    /// MCP resources to watch, as `mcp://server/` followed by the resource's own URI, or a bare URI of the `feeds` server.
    pub resources: Vec<String>,
    /// Where it posts.
    pub channels: Vec<Channel>,
    /// A signal below this is left alone.
    pub relevance_threshold: Score,
    /// The most one post may cost.
    pub post_budget_usd: Usd,
    /// Length of its videos, in seconds.
    pub video_seconds: u32,
    /// Whether it plans and publishes.
    pub status: CampaignStatus,
    /// The version in which its brief was last edited: the goal, the agents, the channels, what a post may cost, the
    /// length of its videos. What was planned before is void. A pause, another threshold or other resources are no edit
    /// of the brief: they decide what is planned from now on.
    pub brief_version: StateVersion,
    /// How often the row was written; a planner that read an older version plans nothing.
    pub state_version: StateVersion,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last written.
    pub updated_at: DateTime<Utc>,
}

impl Campaign {
    /// Relevance from which a signal is planned, unless the campaign says otherwise.
    pub const RELEVANCE_THRESHOLD: Score = Score::percent(75);
    /// What one post may cost, unless the campaign says otherwise.
    pub const POST_BUDGET: Usd = Usd::dollars(1);
    /// Length of its videos in seconds, unless the campaign says otherwise.
    pub const VIDEO_SECONDS: u32 = 2;
}
