//! Signals: what campaigns saw in the resources they watch.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{AgentId, CampaignId, Score, SignalId, TenantId, TraceId, contracts::FeedItem, wire::wire_enum};

wire_enum! {
    /// What became of a signal.
    pub enum SignalOutcome ("signal outcome") {
        /// Relevant; a DAG was planned.
        Planned = "PLANNED",
        /// Not relevant enough.
        BelowThreshold = "BELOW_THRESHOLD",
        /// The same story was seen before.
        Duplicate = "DUPLICATE",
        /// Relevant, but the governor's cap was reached: held back until there is room.
        Deferred = "DEFERRED",
        /// Relevant and held back, but its time was over before there was room.
        Stale = "STALE",
        /// Somebody spoke to its agent, and a reply was planned. No news: it tells no story and makes no trend.
        Answered = "ANSWERED",
        /// Relevant, but enough agents of the fleet post about its story.
        Refused = "REFUSED",
    }
}

/// One item that a campaign saw. It never changes but for its outcome, once, where it was held back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TrendSignal {
    /// This signal.
    pub id: SignalId,
    /// Whose row this is.
    pub tenant_id: TenantId,
    /// Born here, and carried to the post.
    pub trace_id: TraceId,
    /// The campaign that saw it.
    pub campaign_id: CampaignId,
    /// The agent it was scored for.
    pub agent_id: AgentId,
    /// Where it was seen.
    pub resource_uri: String,
    /// Names this version of this item within this resource; with the campaign and resource it is unique.
    pub event_key: String,
    /// Names the wording, whatever resource brought it.
    pub content_hash: String,
    /// The signal that told its story first, to whichever campaign; itself when it is the first.
    pub story_id: SignalId,
    /// How well it fits the goal.
    pub relevance: Score,
    /// Why, in one line.
    pub why: String,
    /// Names of injection markers found in it.
    pub taint: Vec<String>,
    /// What became of it.
    pub outcome: SignalOutcome,
    /// The item itself. Untrusted text.
    pub item: FeedItem,
    /// When it was read.
    pub ingested_at: DateTime<Utc>,
    /// When its outcome came about. The governor counts by it.
    pub decided_at: DateTime<Utc>,
    /// Why its outcome is what it is, where the relevance does not say it.
    pub note: Option<String>,
}

wire_enum! {
    /// What a person says of a signal, whatever its score.
    pub enum SignalMark ("signal mark") {
        /// It is relevant, and should score high.
        Up = "UP",
        /// It is not relevant, and should score low.
        Down = "DOWN",
    }
}

/// A signal with what a person says of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarkedSignal {
    /// The signal.
    pub signal: TrendSignal,
    /// What that is.
    pub mark: SignalMark,
    /// Why.
    pub note: Option<String>,
    /// Who says so.
    pub marked_by: String,
    /// When.
    pub marked_at: DateTime<Utc>,
}

impl MarkedSignal {
    /// Whether the person says otherwise than the planner, which took it for relevant or not.
    #[must_use]
    pub fn contradicts(&self) -> bool {
        self.signal.outcome.is_relevant() != (self.mark == SignalMark::Up)
    }
}

impl SignalOutcome {
    /// Whether a signal with this outcome reached the threshold, whatever became of it.
    #[must_use]
    pub const fn is_relevant(self) -> bool {
        matches!(self, Self::Planned | Self::Deferred | Self::Stale | Self::Refused)
    }

    /// Whether tasks were planned for a signal with this outcome.
    #[must_use]
    pub const fn has_tasks(self) -> bool {
        matches!(self, Self::Planned | Self::Answered)
    }
}

impl TrendSignal {
    /// Why it scored as it did and, where that does not say it, why it came to its outcome; in one line.
    #[must_use]
    pub fn reasons(&self) -> String {
        self.note.as_ref().map_or_else(|| self.why.clone(), |note| format!("{}; {note}", self.why))
    }
}
