//! Campaigns: a goal in words, with its agents, resources, channels and limits.

mod quiet;
mod sketch;

pub use quiet::{QuietHours, QuietHoursError};
pub use sketch::{CampaignProblem, CampaignSketch};

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{AgentId, Calibration, CampaignId, Channel, Score, StateVersion, TenantId, Usd, wire::wire_enum};

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

wire_enum! {
    /// Who says what a campaign is. One alone does, so that nobody's word is undone by a restart.
    pub enum CampaignOrigin ("campaign origin") {
        /// The configuration files: each start brings the campaign back to what they say.
        Configuration = "CONFIGURATION",
        /// An operator, by command or over the console: the configuration leaves it alone.
        Operator = "OPERATOR",
    }
}

/// Words by which a campaign's signals are told, beside its goal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CampaignTerms {
    /// Terms that speak for a text (`*` at a word's end stands for any ending).
    pub keywords: Vec<String>,
    /// Terms that make a text relevant whatever else it says.
    pub allow: Vec<String>,
    /// Terms that make a text irrelevant whatever else it says; they win over `allow`.
    pub deny: Vec<String>,
    /// Headlines that it wants.
    pub examples: Vec<String>,
    /// Headlines that look as if it wanted them, and that it does not want.
    pub counter_examples: Vec<String>,
}

/// How much a campaign may do, and when. What is not said is not limited.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CampaignLimits {
    /// The most posts that may be planned for it in a UTC day, all its agents together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub daily_task_cap: Option<u32>,
    /// The most that it may cost in a UTC day, all its agents together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub daily_budget_usd: Option<Usd>,
    /// When it plans and publishes nothing, such as `22:00-07:00 Europe/Berlin`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quiet_hours: Option<QuietHours>,
    /// Whether what is planned for it waits for an operator, who may look at it, edit, start or drop it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub plan_review: bool,
}

/// A goal in words, with its agents, resources, channels and limits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
    /// Words by which its signals are told, beside the goal.
    pub terms: CampaignTerms,
    /// How much it may do, and when.
    pub limits: CampaignLimits,
    /// Who says what it is.
    pub origin: CampaignOrigin,
    /// What its scores mean, where examples told; void once the goal is another.
    pub calibration: Option<Calibration>,
    /// Whether it plans and publishes.
    pub status: CampaignStatus,
    /// The version in which its brief was last edited: the goal, the agents, the channels, what a post may cost, the
    /// length of its videos, what it denies. What was planned before is void. A pause, another threshold, other resources,
    /// limits or words to look for are no edit of the brief: they decide what is planned from now on.
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

    /// What an operator says of it, to be checked.
    #[must_use]
    pub fn sketch(&self) -> CampaignSketch<'_> {
        CampaignSketch {
            slug: &self.slug,
            goal: &self.goal,
            agents: self.agents.len(),
            resources: &self.resources,
            channels: &self.channels,
            post_budget_usd: self.post_budget_usd,
            video_seconds: self.video_seconds,
            limits: &self.limits,
            terms: &self.terms,
        }
    }

    /// Until when it is quiet, if it is.
    #[must_use]
    pub fn quiet_until(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.limits.quiet_hours.and_then(|hours| hours.until(now))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{Ambient as _, task::tests::Fixed};

    /// A campaign of no agents.
    pub(crate) fn campaign() -> Campaign {
        Campaign {
            id: CampaignId::generate(&Fixed),
            tenant_id: TenantId::DEFAULT,
            slug: "spring".to_owned(),
            goal: "Silk".to_owned(),
            agents: vec![],
            resources: vec![],
            channels: vec![Channel::X],
            relevance_threshold: Campaign::RELEVANCE_THRESHOLD,
            post_budget_usd: Campaign::POST_BUDGET,
            video_seconds: Campaign::VIDEO_SECONDS,
            terms: CampaignTerms::default(),
            limits: CampaignLimits::default(),
            origin: CampaignOrigin::Operator,
            calibration: None,
            status: CampaignStatus::Active,
            brief_version: StateVersion::FIRST,
            state_version: StateVersion::FIRST,
            created_at: Fixed.now(),
            updated_at: Fixed.now(),
        }
    }

    #[test]
    fn a_campaign_is_quiet_only_where_it_says_so() {
        let mut campaign = campaign();
        assert_eq!(campaign.quiet_until(Fixed.now()), None);
        let hours: QuietHours = "00:00-23:59 UTC".parse().unwrap();
        campaign.limits.quiet_hours = Some(hours);
        assert_eq!(campaign.quiet_until(Fixed.now()), hours.until(Fixed.now()));
        assert_eq!(
            serde_json::to_value(&campaign.limits).unwrap(),
            serde_json::json!({"quiet_hours": "00:00-23:59 UTC"})
        );
    }
}
