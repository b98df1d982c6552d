//! What goes into the store and comes out of it, beside the domain's own entities.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use chrono::{DateTime, Utc};

use chimera_domain::{
    Agent, AgentTask, Alert, Artifact, Campaign, CampaignId, HitlTicket, JudgeDecision, Publication, PublicationId,
    Resolution, SignalOutcome, StateVersion, TaskEvent, TaskId, TaskState, TicketId, ToolCall, TrendSignal,
};

/// One schema change, and whether the database has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationState {
    /// Its name; names sort in the order of application.
    pub name: String,
    /// Whether it is applied.
    pub applied: bool,
}

/// How far a resource was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceCursor {
    /// The resource.
    pub resource_uri: String,
    /// The hash of what was last read; `None` before the first success.
    pub content_hash: Option<String>,
    /// When it was last read.
    pub read_at: Option<DateTime<Utc>>,
    /// Failures in a row.
    pub failures: u32,
    /// What went wrong last, in one line.
    pub last_error: Option<String>,
}

/// Which items and stories a campaign has seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KnownSignals {
    /// Known event keys.
    pub events: HashSet<String>,
    /// Known content hashes.
    pub stories: HashSet<String>,
}

/// Which signals to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignalFilter {
    /// Only this campaign's.
    pub campaign: Option<CampaignId>,
    /// Only those with this outcome.
    pub outcome: Option<SignalOutcome>,
    /// At most so many.
    pub limit: u64,
}

/// Everything that one round of planning for one campaign writes, all or nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The campaign.
    pub campaign_id: CampaignId,
    /// Its version when it was read.
    pub campaign_version: StateVersion,
    /// What was seen, planned or not.
    pub signals: Vec<TrendSignal>,
    /// The DAGs. Dependencies lie within the plan or are tasks already stored.
    pub tasks: Vec<AgentTask>,
    /// What an operator should know.
    pub alerts: Vec<Alert>,
}

/// What a worker hands in.
#[derive(Debug, Clone, PartialEq)]
pub struct Submission {
    /// The task.
    pub task_id: TaskId,
    /// Its version when it was claimed: the fencing token.
    pub version: StateVersion,
    /// What it made.
    pub artifact: Artifact,
    /// What it called. Recorded even when the submission comes too late: the money was spent.
    pub tool_calls: Vec<ToolCall>,
}

/// What became of submissions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Submitted {
    /// Now in review.
    pub accepted: Vec<TaskId>,
    /// Came too late: the task is someone else's.
    pub fenced: Vec<TaskId>,
}

/// A task given back.
#[derive(Debug, Clone, PartialEq)]
pub struct Release {
    /// The task.
    pub task_id: TaskId,
    /// Its version when it was claimed: the fencing token.
    pub version: StateVersion,
    /// Why, in one line.
    pub error: String,
    /// Whether trying again is pointless: attempts are used up, or the error can't be mended.
    pub exhausted: bool,
    /// What it called.
    pub tool_calls: Vec<ToolCall>,
}

/// What became of tasks given back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Released {
    /// May be claimed again.
    pub ready: Vec<TaskId>,
    /// Gave up.
    pub failed: Vec<TaskId>,
    /// Waited for one that gave up.
    pub cancelled: Vec<TaskId>,
    /// Came too late: the task is someone else's.
    pub fenced: Vec<TaskId>,
}

/// Everything a worker needs for one claimed task.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkOrder {
    /// The task.
    pub task: AgentTask,
    /// What the tasks made that it depends on, in the order of `depends_on`.
    pub inputs: Vec<Artifact>,
    /// The signal behind it.
    pub signal: TrendSignal,
    /// Who acts.
    pub agent: Agent,
    /// For what.
    pub campaign: Campaign,
}

/// Everything a judge needs for one result.
#[derive(Debug, Clone, PartialEq)]
pub struct ReviewCase {
    /// The task, in JUDGE_REVIEW.
    pub task: AgentTask,
    /// What it made.
    pub artifact: Artifact,
    /// What the tasks made that it depends on, in the order of `depends_on`.
    pub inputs: Vec<Artifact>,
    /// The signal behind it.
    pub signal: TrendSignal,
    /// Who acts.
    pub agent: Agent,
    /// For what.
    pub campaign: Campaign,
}

/// A judge's decision with what follows from it.
#[derive(Debug, Clone, PartialEq)]
pub struct Ruling {
    /// The decision; it names the task.
    pub decision: JudgeDecision,
    /// The task's version when it was read.
    pub task_version: StateVersion,
    /// The move: Approve, AskHuman, Reject or Cancel. It must go with the verdict.
    pub event: TaskEvent,
    /// The question, when a person must decide.
    pub ticket: Option<HitlTicket>,
    /// New tasks that replace a rejected one. They may depend on each other and on tasks already stored; one that
    /// depends on a dead end is stored CANCELLED.
    pub replan: Vec<AgentTask>,
}

/// What became of rulings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decided {
    /// Moved, and the decision recorded.
    pub applied: Vec<TaskId>,
    /// Changed by someone else; nothing was recorded.
    pub conflicts: Vec<TaskId>,
    /// Tasks that may now be claimed: unlocked children and replacements.
    pub ready: Vec<TaskId>,
    /// Tasks that may now be published.
    pub approved: Vec<TaskId>,
    /// Tasks that waited for a rejected one.
    pub cancelled: Vec<TaskId>,
}

/// A person's answer to a ticket.
#[derive(Debug, Clone, PartialEq)]
pub struct TicketAnswer {
    /// The ticket.
    pub ticket_id: TicketId,
    /// Its version when it was read.
    pub version: StateVersion,
    /// The hash of what the person looked at.
    pub artifact_hash: String,
    /// The answer.
    pub resolution: Resolution,
    /// Who answers.
    pub by: String,
    /// What they say.
    pub note: Option<String>,
    /// The record of it.
    pub decision: JudgeDecision,
}

/// Everything a publisher needs for one post.
#[derive(Debug, Clone, PartialEq)]
pub struct PublishCase {
    /// The task, in PUBLISHING; its version is the fencing token.
    pub task: AgentTask,
    /// What goes out.
    pub artifact: Artifact,
    /// The ledger's entry, ATTEMPTING.
    pub publication: Publication,
    /// Who speaks.
    pub agent: Agent,
    /// For what.
    pub campaign: Campaign,
    /// Whether an earlier attempt may have reached the platform: look the post up before calling. Not when it is known,
    /// from the platform or a person, that the post is not there.
    pub previously_attempted: bool,
}

/// How a publish call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublishOutcome {
    /// The platform has the post.
    Confirmed {
        /// The platform's name for it.
        external_id: String,
        /// Where it can be seen.
        url: Option<String>,
    },
    /// The platform certainly does not have it; it may be tried again.
    Absent {
        /// What went wrong, in one line.
        error: String,
    },
    /// Nobody can tell; a person must look. Needs a ticket.
    Unknown {
        /// What went wrong, in one line.
        error: String,
    },
    /// The platform refused it for good.
    Refused {
        /// What went wrong, in one line.
        error: String,
    },
}

/// The end of one publish call.
#[derive(Debug, Clone, PartialEq)]
pub struct Settlement {
    /// The task.
    pub task_id: TaskId,
    /// Its version when publishing began: the fencing token.
    pub task_version: StateVersion,
    /// The ledger's entry.
    pub publication_id: PublicationId,
    /// Its version when publishing began.
    pub publication_version: StateVersion,
    /// How it ended.
    pub outcome: PublishOutcome,
    /// What was called. Recorded even when the settlement comes too late.
    pub tool_calls: Vec<ToolCall>,
    /// The question, when the outcome is unknown.
    pub ticket: Option<HitlTicket>,
    /// What an operator should know.
    pub alert: Option<Alert>,
}

/// What became of settlements.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settled {
    /// Out in the world.
    pub published: Vec<TaskId>,
    /// To be tried again.
    pub approved_again: Vec<TaskId>,
    /// Refused for good.
    pub failed: Vec<TaskId>,
    /// Waiting for a person.
    pub waiting: Vec<TaskId>,
    /// Came too late: the task is someone else's.
    pub fenced: Vec<TaskId>,
}

/// How far one sweep goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SweepLimits {
    /// A task whose lease lapsed for the so-manieth time gives up.
    pub attempts_max: u32,
    /// READY and APPROVED tasks untouched for so long are delivered again.
    pub ready_older_than: Duration,
    /// JUDGE_REVIEW tasks untouched for so long are delivered again.
    pub review_older_than: Duration,
    /// At most so many of each kind.
    pub batch: u64,
}

/// What a sweep found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Swept {
    /// To be delivered to workers: old READY ones, and EXECUTING ones whose lease lapsed (put back).
    pub ready: Vec<TaskId>,
    /// Lapsed and out of attempts: gave up. The caller raises the alerts.
    pub failed: Vec<TaskId>,
    /// Waited for one that gave up, or belonged to a campaign that ended.
    pub cancelled: Vec<TaskId>,
    /// To be delivered to judges.
    pub review: Vec<TaskId>,
    /// To be delivered to publishers.
    pub approved: Vec<TaskId>,
    /// How many PUBLISHING tasks are past their lease; [`crate::Store::publish_stale`] hands them out.
    pub stale_publishing: u64,
}

/// The whole life of one post, each list oldest first.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct TraceView {
    /// What caused it.
    pub signal: Option<TrendSignal>,
    /// Its DAG.
    pub tasks: Vec<AgentTask>,
    /// What the tasks made.
    pub artifacts: Vec<Artifact>,
    /// What judges and people decided.
    pub decisions: Vec<JudgeDecision>,
    /// What people were asked.
    pub tickets: Vec<HitlTicket>,
    /// What went out.
    pub publications: Vec<Publication>,
    /// What was called.
    pub tool_calls: Vec<ToolCall>,
}

/// One post, for lists.
#[derive(Debug, Clone, PartialEq)]
pub struct PostRow {
    /// The task that is published.
    pub task: AgentTask,
    /// What it made.
    pub artifact: Option<Artifact>,
    /// The latest decision on it.
    pub decision: Option<JudgeDecision>,
    /// Its latest question.
    pub ticket: Option<HitlTicket>,
    /// Its latest entry in the publish ledger.
    pub publication: Option<Publication>,
    /// The signal's headline. Untrusted text.
    pub headline: String,
}

/// Tasks counted by state; states without tasks are absent.
pub type TaskCounts = HashMap<TaskState, u64>;
