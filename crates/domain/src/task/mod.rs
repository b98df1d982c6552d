//! Tasks: the nodes of a planned DAG.

mod acceptance;
mod ground;
mod reply;
mod state;
mod video;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use acceptance::{Criterion, Unmet, unmet};
pub use ground::{CancelReason, Ground, Outdated};
pub use reply::{Remark, ReplyTo};
pub use state::{IllegalTransition, TaskEvent, TaskState};
pub use video::{Lowered, Shortfall, VideoPlan, VideoStep, VideoTier};

use crate::{
    Agent, AgentId, Ambient, ArtifactId, Campaign, CampaignId, Channel, Modality, SignalId, StateVersion, TaskId,
    TenantId, TicketId, TraceId, Usd, wire::wire_enum,
};

wire_enum! {
    /// What a task does.
    pub enum TaskType ("task type") {
        /// Reads the signal and chooses an angle.
        TrendAnalysis = "trend_analysis",
        /// Writes the words.
        GenerateText = "generate_text",
        /// Makes a picture.
        GenerateImage = "generate_image",
        /// Makes a video.
        GenerateVideo = "generate_video",
        /// Puts words, pictures and video together for one channel; its artifact is what gets published.
        AssemblePost = "assemble_post",
        /// Answers a comment.
        ReplyComment = "reply_comment",
        /// Publishes an artifact made elsewhere.
        Publish = "publish",
        /// Moves money.
        ExecuteTransaction = "execute_transaction",
        /// Announces presence.
        StatusUpdate = "status_update",
    }
}

impl TaskType {
    /// What makes a part of a post in this form.
    #[must_use]
    pub const fn making(modality: Modality) -> Self {
        match modality {
            Modality::Text => Self::GenerateText,
            Modality::Image => Self::GenerateImage,
            Modality::Video => Self::GenerateVideo,
        }
    }

    /// Whether an approved result goes out to the public, rather than to the next node of the DAG.
    #[must_use]
    pub const fn is_publishable(self) -> bool {
        matches!(self, Self::AssemblePost | Self::ReplyComment | Self::Publish)
    }
}

wire_enum! {
    /// How urgent a task is.
    pub enum Priority ("priority") {
        /// First.
        High = "high",
        /// In turn.
        Medium = "medium",
        /// When nothing else waits.
        Low = "low",
    }
}

/// The persona a task is bound to: a result made under another face or another SOUL.md is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PersonaLock {
    /// The face and mark that every generated picture must keep.
    pub character_reference_id: String,
    /// SHA-256 of the SOUL.md in force when the task was planned, hex.
    pub soul_hash: String,
}

/// What a task was asked to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TaskPayload {
    /// The campaign's goal in words.
    pub goal: String,
    /// The headline of the signal. Untrusted text.
    pub headline: String,
    /// The signal's summary. Untrusted text.
    pub summary: String,
    /// Where the item was published, if it said so. Untrusted text.
    pub source_url: Option<String>,
    /// Why the task was planned, in one line.
    pub why: String,
    /// What the channel needs.
    pub modalities: Vec<Modality>,
    /// Length of a video, in seconds.
    pub video_seconds: u32,
    /// How its video is made, where it makes one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub video: Option<VideoPlan>,
    /// What it answers, where it is a reply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply: Option<ReplyTo>,
    /// What its result must be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acceptance: Vec<Criterion>,
    /// Names of injection markers found in the signal, or [`Self::RESTORED`]; a tainted plan never publishes without a
    /// person.
    pub taint: Vec<String>,
    /// Why an earlier attempt was rejected, when this task replaces one.
    pub correction: Option<String>,
    /// How many rejected attempts came before this one.
    pub replans: u32,
    /// Seeds whatever is drawn by chance, so that a run can be repeated.
    pub seed: u64,
}

impl TaskPayload {
    /// In the taint of a post that was unfinished in a backup which was restored: it may have gone out since, made in other
    /// words and under another key.
    pub const RESTORED: &'static str = "restored";
}

/// One node of a planned DAG.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AgentTask {
    /// This task.
    pub id: TaskId,
    /// Whose row this is.
    pub tenant_id: TenantId,
    /// The life of one post.
    pub trace_id: TraceId,
    /// The persona that acts.
    pub agent_id: AgentId,
    /// The campaign it serves.
    pub campaign_id: CampaignId,
    /// The campaign's version when the task was planned.
    pub campaign_version: StateVersion,
    /// The signal that caused it.
    pub signal_id: SignalId,
    /// What it does.
    pub task_type: TaskType,
    /// Where the post will go.
    pub channel: Channel,
    /// How urgent it is.
    pub priority: Priority,
    /// Tasks whose results it needs.
    pub depends_on: Vec<TaskId>,
    /// The persona it is bound to.
    pub persona_lock: PersonaLock,
    /// The most it may spend.
    pub budget_cap_usd: Usd,
    /// What it was asked to do.
    pub payload: TaskPayload,
    /// Where it stands.
    pub state: TaskState,
    /// How often it was written; the fencing token of a claim.
    pub state_version: StateVersion,
    /// How often it was claimed.
    pub attempts: u32,
    /// How often an attempt at it failed. One whose worker vanished did not.
    pub failures: u32,
    /// Who holds it, while EXECUTING.
    pub lease_owner: Option<String>,
    /// What went wrong last, in one line.
    pub last_error: Option<String>,
    /// Why it was cancelled, while CANCELLED.
    pub cancel_reason: Option<CancelReason>,
    /// What it made.
    pub result_artifact: Option<ArtifactId>,
    /// The question it waits on.
    pub hitl_ticket_id: Option<TicketId>,
    /// When it was planned.
    pub created_at: DateTime<Utc>,
    /// When it was last written.
    pub updated_at: DateTime<Utc>,
}

impl AgentTask {
    /// Whether it goes out by a person's word only: the signal behind it carried injection markers, or it may be out
    /// already ([`TaskPayload::RESTORED`]).
    #[must_use]
    pub fn is_tainted(&self) -> bool {
        !self.payload.taint.is_empty()
    }

    /// A fresh task in place of this rejected one, told why by `correction`; it counts one replan more. What it is bound
    /// to, and what it may spend, stay as they were.
    #[must_use]
    pub fn renewed(
        &self,
        task_type: TaskType,
        depends_on: Vec<TaskId>,
        correction: impl Into<String>,
        ambient: &dyn Ambient,
    ) -> Self {
        let now = ambient.now();
        let mut payload = self.payload.clone();
        payload.correction = Some(correction.into());
        payload.replans = payload.replans.saturating_add(1);
        Self {
            id: TaskId::generate(ambient),
            tenant_id: self.tenant_id,
            trace_id: self.trace_id,
            agent_id: self.agent_id,
            campaign_id: self.campaign_id,
            campaign_version: self.campaign_version,
            signal_id: self.signal_id,
            task_type,
            channel: self.channel,
            priority: self.priority,
            state: match self.state {
                // Nobody has started it yet, whatever it is planned under now.
                TaskState::Draft => TaskState::Draft,
                _ if depends_on.is_empty() => TaskState::Ready,
                _ => TaskState::Pending,
            },
            depends_on,
            persona_lock: self.persona_lock.clone(),
            budget_cap_usd: self.budget_cap_usd,
            payload,
            state_version: StateVersion::FIRST,
            attempts: 0,
            failures: 0,
            lease_owner: None,
            last_error: None,
            cancel_reason: None,
            result_artifact: None,
            hitl_ticket_id: None,
            created_at: now,
            updated_at: now,
        }
    }
}

impl AgentTask {
    /// The same task, planned on the campaign and the persona as they stand.
    #[must_use]
    pub fn rebound(mut self, campaign: &Campaign, agent: &Agent) -> Self {
        self.campaign_version = campaign.state_version;
        self.persona_lock = PersonaLock::of(agent);
        self
    }
}

impl PersonaLock {
    /// Binds to this agent as it stands.
    #[must_use]
    pub fn of(agent: &Agent) -> Self {
        Self { character_reference_id: agent.soul.character_reference_id.clone(), soul_hash: agent.soul_hash.clone() }
    }
}

/// What a worker spent on one task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Costs {
    /// Paid to language models.
    pub inference_usd: Usd,
    /// Paid for pictures and video.
    pub media_generation_usd: Usd,
}

impl Costs {
    /// Everything paid.
    #[must_use]
    pub const fn total(&self) -> Usd {
        self.inference_usd.saturating_add(self.media_generation_usd)
    }

    /// Both parts added up.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            inference_usd: self.inference_usd.saturating_add(other.inference_usd),
            media_generation_usd: self.media_generation_usd.saturating_add(other.media_generation_usd),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
