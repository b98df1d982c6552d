//! What an operator sees first: counts, and one line for each post.

use std::collections::BTreeMap;

use chimera_domain::{NextAction, SignalOutcome, TaskId, TaskState, TicketId, TraceId, Usd, Verdict};
use chimera_store::{PostRow, Store, StoreError};
use schemars::JsonSchema;
use serde::Serialize;

/// What became of the signals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct SignalCounts {
    /// New items seen.
    pub read: u64,
    /// Of those, told before.
    pub duplicate: u64,
    /// Of those, relevant enough.
    pub relevant: u64,
    /// Of the relevant, planned; the others were held back, came too late, or were left to others of the fleet.
    pub planned: u64,
}

impl std::fmt::Display for SignalCounts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { read, duplicate, relevant, planned } = self;
        write!(f, "{read} read, {duplicate} duplicates, {relevant} relevant, {planned} planned")?;
        match relevant.saturating_sub(*planned) {
            0 => Ok(()),
            held => write!(f, " ({held} held back, too late or left to others)"),
        }
    }
}

/// What became of the posts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct PostCounts {
    /// Out in the world.
    pub published: u64,
    /// Waiting for a person.
    pub awaiting_review: u64,
    /// Refused.
    pub rejected: u64,
    /// Given up after errors.
    pub failed: u64,
    /// Still on the way.
    pub in_progress: u64,
}

impl PostCounts {
    fn of(posts: &[PostRow]) -> Self {
        let mut counts = Self::default();
        for post in posts {
            match PostOutcome::of(post) {
                PostOutcome::Published => counts.published += 1,
                PostOutcome::AwaitingReview => counts.awaiting_review += 1,
                PostOutcome::Rejected => counts.rejected += 1,
                PostOutcome::Failed => counts.failed += 1,
                PostOutcome::InProgress => counts.in_progress += 1,
                PostOutcome::Replaced | PostOutcome::Cancelled => {}
            }
        }
        counts
    }
}

/// The state of the fleet.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct FleetStatus {
    /// What became of the signals.
    pub signals: SignalCounts,
    /// Tasks by state.
    pub tasks: BTreeMap<TaskState, u64>,
    /// What became of the last 500 posts.
    pub posts: PostCounts,
    /// Questions that wait for a person.
    pub tickets_open: u64,
    /// Everything spent.
    pub spend_usd: Usd,
}

/// Posts that a status looks at.
pub(crate) const POSTS_SHOWN: u64 = 500;

/// What became of a post, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PostOutcome {
    /// Still on the way.
    InProgress,
    /// Out in the world.
    Published,
    /// Waiting for a person.
    AwaitingReview,
    /// Refused or void, and another attempt was planned in its place.
    Replaced,
    /// Refused.
    Rejected,
    /// Given up after errors.
    Failed,
    /// Withdrawn.
    Cancelled,
}

impl PostOutcome {
    fn of(row: &PostRow) -> Self {
        let replanned = row.decision.as_ref().is_some_and(|d| d.next_action == NextAction::Replan);
        match row.task.state {
            TaskState::Published => Self::Published,
            TaskState::HitlQueue => Self::AwaitingReview,
            TaskState::Rejected | TaskState::Cancelled if replanned => Self::Replaced,
            TaskState::Rejected => Self::Rejected,
            TaskState::Failed => Self::Failed,
            TaskState::Cancelled => Self::Cancelled,
            _ => Self::InProgress,
        }
    }
}

/// One post, in a line.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct PostSummary {
    /// The task that assembles it.
    pub task_id: TaskId,
    /// Its whole life.
    pub trace_id: TraceId,
    /// Where it goes.
    pub channel: String,
    /// What became of it.
    pub outcome: PostOutcome,
    /// What it is about. Untrusted text.
    pub headline: String,
    /// The judge's confidence, once judged.
    pub confidence: Option<f64>,
    /// Why it stands where it stands, in one line.
    pub why: String,
    /// The question that waits, if one does.
    pub ticket_id: Option<TicketId>,
    /// Where it can be seen.
    pub url: Option<String>,
}

impl PostSummary {
    /// The line for a row.
    #[must_use]
    pub fn of(row: &PostRow) -> Self {
        Self {
            task_id: row.task.id,
            trace_id: row.task.trace_id,
            channel: row.task.channel.to_string(),
            outcome: PostOutcome::of(row),
            headline: row.headline.clone(),
            confidence: row.decision.as_ref().map(|d| d.confidence.get()),
            why: why(row),
            ticket_id: row.ticket.as_ref().filter(|t| t.resolution.is_none()).map(|t| t.id),
            url: row.publication.as_ref().and_then(|p| p.url.clone()),
        }
    }
}

/// The sentence that decided: the topics found, the rule that tripped, or the last line of the reasoning.
fn why(row: &PostRow) -> String {
    if row.task.state == TaskState::Failed {
        return row.task.last_error.clone().unwrap_or_default();
    }
    let Some(decision) = &row.decision else { return row.task.state.to_string() };
    if decision.verdict != Verdict::Reject && !decision.sensitive_topics.is_empty() {
        let mut topics: Vec<_> = decision.sensitive_topics.iter().map(|t| t.topic.as_str()).collect();
        topics.dedup();
        return format!("sensitive: {}", topics.join(", "));
    }
    let lines: Vec<&str> = decision.reasoning_trace.lines().collect();
    let rule = lines.iter().position(|l| l.starts_with("confidence ")).and_then(|at| lines.get(at + 1));
    let weakest = decision.breakdown.iter().min_by(|a, b| a.score.cmp(&b.score));
    match (decision.safety_flags.is_empty(), rule, weakest) {
        (false, Some(rule), _) => (*rule).to_owned(),
        (_, _, Some(part)) if part.score.get() < 0.95 => {
            format!("weakest: {} {}, {}", part.name, part.score, part.reason)
        }
        _ => lines.last().map(|l| (*l).to_owned()).unwrap_or_default(),
    }
}

/// One line for each of the newest posts.
///
/// # Errors
/// [`StoreError`] when the store can't be read.
pub async fn post_summaries(store: &Store, limit: u64) -> Result<Vec<PostSummary>, StoreError> {
    Ok(store.posts(limit).await?.iter().map(PostSummary::of).collect())
}

/// The state of the fleet.
///
/// # Errors
/// [`StoreError`] when the store can't be read.
pub async fn fleet_status(store: &Store) -> Result<FleetStatus, StoreError> {
    let posts = store.posts(POSTS_SHOWN).await?;
    let outcomes = store.signal_counts(None).await?;
    let signal = |outcome| outcomes.get(&outcome).copied().unwrap_or_default();
    let relevant = outcomes.iter().filter(|(outcome, _)| outcome.is_relevant());
    Ok(FleetStatus {
        signals: SignalCounts {
            read: outcomes.values().sum(),
            duplicate: signal(SignalOutcome::Duplicate),
            relevant: relevant.map(|(_, count)| count).sum(),
            planned: signal(SignalOutcome::Planned),
        },
        tasks: store.task_counts().await?.into_iter().collect(),
        posts: PostCounts::of(&posts),
        tickets_open: store.hitl_depth().await?.open,
        spend_usd: store.spend_total(None).await?,
    })
}
