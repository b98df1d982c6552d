//! What judges and people decide.

use chrono::{DateTime, Duration, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    AgentTask, Ambient, Artifact, ArtifactId, DecisionId, Score, StateVersion, TaskId, TenantId, TicketId, TraceId,
    wire::wire_enum,
};

wire_enum! {
    /// A verdict.
    pub enum Verdict ("verdict") {
        /// Goes on.
        Approve = "APPROVE",
        /// Goes nowhere.
        Reject = "REJECT",
        /// A person decides.
        HitlQueue = "HITL_QUEUE",
    }
}

wire_enum! {
    /// What follows from a verdict.
    pub enum NextAction ("next action") {
        /// The post goes out, or the next node starts.
        Publish = "publish",
        /// Another attempt is planned, with the reason.
        Replan = "replan",
        /// The post waits for a person.
        WaitHitl = "wait_hitl",
        /// Nothing more is tried.
        Stop = "stop",
    }
}

/// One part of a confidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Component {
    /// What was looked at: `task_fit`, `persona`, `support`, `safety`, `platform_rules`, `media`, `tool_evidence`.
    pub name: String,
    /// How good it is.
    pub score: Score,
    /// How much it counts, before all weights are brought to a sum of 1.
    pub weight: f64,
    /// Why, in one line.
    pub reason: String,
}

/// A topic on which a person always decides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SensitiveTopic {
    /// `politics`, `health_advice`, `financial_advice`, `legal`, `nsfw`, `violence`, ...
    pub topic: String,
    /// How sure the detector is.
    pub score: Score,
    /// The words, or the known case, that it resembles.
    pub evidence: String,
}

/// A recorded verdict. Never changed after it is written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct JudgeDecision {
    /// This decision.
    pub id: DecisionId,
    /// Whose row this is.
    pub tenant_id: TenantId,
    /// The post it is about.
    pub trace_id: TraceId,
    /// The task it is about.
    pub task_id: TaskId,
    /// What was judged, if there was anything.
    pub artifact_id: Option<ArtifactId>,
    /// The verdict.
    pub verdict: Verdict,
    /// How sure the judge is that this may go out as it is: calibrated where it could be.
    pub confidence: Score,
    /// What its rule came to before calibration; `None` of decisions that are no judge's.
    pub raw_confidence: Option<Score>,
    /// Whose opinion was weighed: the model, and the version of its prompt.
    pub opinion_of: Option<String>,
    /// What the confidence is made of.
    pub breakdown: Vec<Component>,
    /// How well it keeps to the persona.
    pub persona_score: Score,
    /// Rules that tripped: `prompt_injection`, `banned_topic`, `disclosure_missing`, ...
    pub safety_flags: Vec<String>,
    /// Topics on which a person always decides.
    pub sensitive_topics: Vec<SensitiveTopic>,
    /// The reasoning, readable from top to bottom.
    pub reasoning_trace: String,
    /// `judge`, or `human:` and a name.
    pub decided_by: String,
    /// What follows.
    pub next_action: NextAction,
    /// The task's version when it was judged.
    pub state_version_seen: StateVersion,
    /// When it was decided.
    pub logged_at: DateTime<Utc>,
}

wire_enum! {
    /// How a ticket ended.
    pub enum Resolution ("resolution") {
        /// Publish it. To [`Question::IsItOut`]: it is not out, publish it again.
        Approved = "APPROVED",
        /// Don't. To [`Question::IsItOut`]: it is not out, and shall not be.
        Rejected = "REJECTED",
        /// It is out already (an unknown outcome, looked up by a person).
        ConfirmedPublished = "CONFIRMED_PUBLISHED",
        /// The question lapsed: the task was cancelled.
        Withdrawn = "WITHDRAWN",
    }
}

wire_enum! {
    /// What a ticket asks.
    pub enum Question ("question") {
        /// May this go out?
        MayPublish = "may_publish",
        /// The outcome of a publish call is unknown: is the post out?
        IsItOut = "is_it_out",
    }
}

impl Question {
    /// Whether a person may answer so. Nobody withdraws a question by hand.
    #[must_use]
    pub const fn takes(self, resolution: Resolution) -> bool {
        match resolution {
            Resolution::Approved | Resolution::Rejected => true,
            Resolution::ConfirmedPublished => matches!(self, Self::IsItOut),
            Resolution::Withdrawn => false,
        }
    }
}

/// A question put before a person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HitlTicket {
    /// This ticket.
    pub id: TicketId,
    /// Whose row this is.
    pub tenant_id: TenantId,
    /// The post it is about.
    pub trace_id: TraceId,
    /// The task that waits.
    pub task_id: TaskId,
    /// What is to be looked at.
    pub artifact_id: ArtifactId,
    /// The hash of what is to be looked at; an answer about anything else is refused.
    pub artifact_hash: String,
    /// What is asked.
    pub question: Question,
    /// How sure the judge was.
    pub confidence: Score,
    /// Why a person must decide, when a topic is the reason.
    pub sensitive_topics: Vec<SensitiveTopic>,
    /// The judge's reasoning.
    pub reasoning_trace: String,
    /// Who has it.
    pub assigned_to: Option<String>,
    /// When an answer is overdue.
    pub sla_expires_at: DateTime<Utc>,
    /// How it ended; `None` while it waits.
    pub resolution: Option<Resolution>,
    /// Who answered.
    pub resolved_by: Option<String>,
    /// What they said.
    pub resolution_note: Option<String>,
    /// When they answered.
    pub resolved_at: Option<DateTime<Utc>>,
    /// How often the row was written.
    pub state_version: StateVersion,
    /// When it was asked.
    pub created_at: DateTime<Utc>,
}

impl HitlTicket {
    /// How long a person has to answer.
    pub const SLA: Duration = Duration::hours(2);

    /// An open question to whoever comes first, about what `task` made; overdue after [`Self::SLA`].
    #[must_use]
    pub fn ask(
        question: Question,
        task: &AgentTask,
        artifact: &Artifact,
        confidence: Score,
        sensitive_topics: Vec<SensitiveTopic>,
        reasoning_trace: impl Into<String>,
        ambient: &dyn Ambient,
    ) -> Self {
        let now = ambient.now();
        Self {
            id: TicketId::generate(ambient),
            tenant_id: task.tenant_id,
            trace_id: task.trace_id,
            task_id: task.id,
            artifact_id: artifact.id,
            artifact_hash: artifact.content_hash.clone(),
            question,
            confidence,
            sensitive_topics,
            reasoning_trace: reasoning_trace.into(),
            assigned_to: None,
            sla_expires_at: now + Self::SLA,
            resolution: None,
            resolved_by: None,
            resolution_note: None,
            resolved_at: None,
            state_version: StateVersion::FIRST,
            created_at: now,
        }
    }
}

#[cfg(test)]
mod tests;
