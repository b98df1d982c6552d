//! The task state machine: the one place that says which moves are legal.

use super::TaskType;
use crate::wire::wire_enum;

wire_enum! {
    /// Where a task stands.
    pub enum TaskState ("task state") {
        /// Planned for a campaign that has its plans looked at: waits for its operator to start it.
        Draft = "DRAFT",
        /// Waits for the tasks it depends on.
        Pending = "PENDING",
        /// May be claimed.
        Ready = "READY",
        /// Held by one worker under a lease.
        Executing = "EXECUTING",
        /// Its result waits for a judge.
        JudgeReview = "JUDGE_REVIEW",
        /// Waits for a person.
        HitlQueue = "HITL_QUEUE",
        /// May be published.
        Approved = "APPROVED",
        /// The publish call may be under way; written before the call.
        Publishing = "PUBLISHING",
        /// Out in the world.
        Published = "PUBLISHED",
        /// An inner node whose result was accepted.
        Done = "DONE",
        /// Its result was refused.
        Rejected = "REJECTED",
        /// Gave up after its attempts: the dead letter an operator may retry.
        Failed = "FAILED",
        /// No longer wanted.
        Cancelled = "CANCELLED",
    }
}

impl TaskState {
    /// States that only an operator leaves again, if anyone.
    pub const TERMINAL: &'static [Self] = &[Self::Published, Self::Done, Self::Rejected, Self::Failed, Self::Cancelled];

    /// Whether the task has reached an end.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Published | Self::Done | Self::Rejected | Self::Failed | Self::Cancelled)
    }

    /// Ends after which a dependent may start.
    #[must_use]
    pub const fn is_finished(self) -> bool {
        matches!(self, Self::Published | Self::Done)
    }

    /// Ends from which a dependent can never start.
    #[must_use]
    pub const fn is_dead_end(self) -> bool {
        matches!(self, Self::Rejected | Self::Failed | Self::Cancelled)
    }
}

wire_enum! {
    /// What happened to a task.
    pub enum TaskEvent ("task event") {
        /// An operator starts the plan that it belongs to.
        Start = "start",
        /// The last dependency finished.
        DepsDone = "deps_done",
        /// A worker took it.
        Claim = "claim",
        /// The worker handed in a result.
        Submit = "submit",
        /// The worker gave it back, or vanished; it may be tried again.
        Release = "release",
        /// Its attempts are used up, or the error can't be mended by trying again.
        Exhaust = "exhaust",
        /// A judge, or a person, accepted the result.
        Approve = "approve",
        /// A judge wants a person to decide.
        AskHuman = "ask_human",
        /// A judge, or a person, refused the result.
        Reject = "reject",
        /// The publisher is about to call the platform.
        StartPublish = "start_publish",
        /// The platform has the post.
        ConfirmPublish = "confirm_publish",
        /// The platform certainly does not have the post; publishing may be tried again.
        PublishAbsent = "publish_absent",
        /// Nobody can tell whether the platform has the post; a person must.
        PublishUnknown = "publish_unknown",
        /// The platform refused the post for good.
        PublishRefused = "publish_refused",
        /// The campaign ended, a dependency died, or an operator withdrew it.
        Cancel = "cancel",
        /// An operator has a dead letter made again.
        Retry = "retry",
        /// An operator has a post published again that is certainly not out: the same one, under the same key.
        Republish = "republish",
        /// What it waited for was retried, so it waits again.
        Revive = "revive",
    }
}

/// A move that the state machine does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a {task_type} task in {from} can't take {event}")]
pub struct IllegalTransition {
    /// The kind of task.
    pub task_type: TaskType,
    /// Where it stood.
    pub from: TaskState,
    /// What was asked of it.
    pub event: TaskEvent,
}

impl TaskState {
    /// The state after `event`.
    ///
    /// # Errors
    /// [`IllegalTransition`] when the event does not fit the state, or the task is not publishable.
    pub const fn on(self, event: TaskEvent, task_type: TaskType) -> Result<Self, IllegalTransition> {
        use TaskEvent as E;
        use TaskState as S;
        let publishable = task_type.is_publishable();
        Ok(match (self, event) {
            (S::Draft, E::Start) => S::Pending,
            (S::Pending, E::DepsDone) => S::Ready,
            (S::Ready, E::Claim) => S::Executing,
            (S::Executing, E::Submit) => S::JudgeReview,
            (S::Executing, E::Release) => S::Ready,
            // A result that can't be read is a dead letter too: made again, it may be readable.
            (S::Executing | S::JudgeReview, E::Exhaust) => S::Failed,
            (S::JudgeReview, E::Approve) if !publishable => S::Done,
            (S::JudgeReview | S::HitlQueue, E::Approve) if publishable => S::Approved,
            (S::JudgeReview, E::AskHuman) if publishable => S::HitlQueue,
            (S::JudgeReview | S::HitlQueue, E::Reject) => S::Rejected,
            (S::Approved, E::StartPublish) if publishable => S::Publishing,
            // A person who looked and found the post there says so from the review queue.
            (S::Publishing | S::HitlQueue, E::ConfirmPublish) if publishable => S::Published,
            (S::Publishing, E::PublishAbsent) if publishable => S::Approved,
            (S::Publishing, E::PublishUnknown) if publishable => S::HitlQueue,
            (S::Publishing, E::PublishRefused) if publishable => S::Failed,
            // PUBLISHING can't be cancelled: the post may already be out.
            (
                S::Draft | S::Pending | S::Ready | S::Executing | S::JudgeReview | S::HitlQueue | S::Approved,
                E::Cancel,
            ) => S::Cancelled,
            (S::Failed, E::Retry) => S::Ready,
            // Its approval still stands. Only for a post that the ledger calls refused, which the store checks.
            (S::Failed, E::Republish) if publishable => S::Approved,
            // Only for one that was cancelled because of what it waited for, which the store checks.
            (S::Cancelled, E::Revive) => S::Pending,
            _ => return Err(IllegalTransition { task_type, from: self, event }),
        })
    }
}

#[cfg(test)]
mod tests;
