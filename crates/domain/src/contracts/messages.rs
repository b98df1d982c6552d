//! Messages between planner, worker and judge.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Channel, Costs, Modality, NextAction, Priority, Score, SensitiveTopic, SignalId, StateVersion, TaskId, TaskType,
    TicketId, ToolStatus, TraceId, Usd, Verdict,
};

/// Planner to worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskMessage {
    /// The task.
    pub task_id: TaskId,
    /// What it does.
    pub task_type: TaskType,
    /// How urgent it is.
    pub priority: Priority,
    /// What to keep to.
    pub context: TaskContext,
    /// What to make.
    pub payload: TaskMessagePayload,
    /// The post it is for.
    pub trace_id: TraceId,
    /// When it was planned.
    pub created_at: DateTime<Utc>,
    /// The version of the task's row.
    pub state_version: StateVersion,
}

/// What a worker must keep to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskContext {
    /// The campaign's goal in words.
    pub goal_description: String,
    /// The persona's hard rules.
    pub persona_constraints: Vec<String>,
    /// Resources to read, as `mcp://server/...`.
    pub required_resources: Vec<String>,
    /// The most it may spend.
    pub budget_cap_usd: Usd,
    /// The face and mark to keep.
    pub lock_character_reference: String,
}

/// What a worker is to make.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskMessagePayload {
    /// Where the post will go.
    pub channel: Channel,
    /// The signal behind it.
    pub trend_reference_id: SignalId,
    /// Which kinds of content it needs.
    pub media_requirements: MediaRequirements,
}

/// Which kinds of content a post needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MediaRequirements {
    /// Words, pictures, video.
    pub modalities: Vec<Modality>,
    /// Length of a video, in seconds.
    pub duration_seconds: u32,
}

/// Worker to judge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResultMessage {
    /// The task.
    pub task_id: TaskId,
    /// Who did it.
    pub worker_id: String,
    /// What came out.
    pub artifact: ResultArtifact,
    /// The worker's own evidence; never the verdict.
    pub confidence_score: Score,
    /// Topics the worker noticed.
    pub sensitive_topics: Vec<String>,
    /// What it cost.
    pub costs: Costs,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub completed_at: DateTime<Utc>,
}

/// What came out of a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResultArtifact {
    /// MIME type.
    pub content_type: String,
    /// The words.
    pub text: String,
    /// Pictures and videos.
    pub media_urls: Vec<String>,
    /// The tools that were called.
    pub tool_execution_logs: Vec<ToolExecution>,
}

/// One tool call, in brief.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ToolExecution {
    /// `server/tool`.
    pub tool: String,
    /// How it ended.
    pub status: ToolStatus,
    /// How long it took, in milliseconds.
    pub latency_ms: u64,
}

/// Judge to everyone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DecisionMessage {
    /// The task.
    pub task_id: TaskId,
    /// The verdict.
    pub decision: Verdict,
    /// How sure the judge is.
    pub confidence_score: Score,
    /// The version of the task's row that was judged.
    pub state_version: StateVersion,
    /// The reasoning, readable from top to bottom.
    pub reasoning_trace: String,
    /// The question put before a person, if one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hitl_ticket_id: Option<TicketId>,
    /// How well it keeps to the persona.
    pub persona_score: Score,
    /// Rules that tripped.
    pub safety_flags: Vec<String>,
    /// Topics on which a person always decides.
    #[serde(default)]
    pub sensitive_topics: Vec<SensitiveTopic>,
    /// What follows.
    pub next_action: NextAction,
    /// When it was decided.
    pub logged_at: DateTime<Utc>,
}

/// The envelope in which one agent hands work to another, version 1.2.0.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HandoffEnvelope {
    /// `1.2.0`.
    pub protocol_version: String,
    /// The post it is about.
    pub trace_id: TraceId,
    /// Who hands over, to whom, when.
    pub handoff_context: HandoffContext,
    /// What is handed over.
    pub artifact: serde_json::Value,
    /// How sure the giver is.
    pub confidence_metrics: ConfidenceMetrics,
}

/// Who hands over, to whom, when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HandoffContext {
    /// The giver.
    pub source_agent: String,
    /// The role that takes over.
    pub target_role: String,
    /// When.
    pub timestamp: DateTime<Utc>,
}

/// How sure the giver of a handoff is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfidenceMetrics {
    /// The model's own opinion.
    pub llm_self_score: Score,
    /// How the tools fared.
    pub tool_execution_status: ToolStatus,
}
