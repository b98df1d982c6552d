//! The queues: a set of ids each. What is in a set may be delivered now, much later, again and again, or never.

use chimera_domain::TaskState;

use super::Node;

/// `chimera_bus::Queue`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Queue {
    Task,
    Review,
    Publish,
}

impl Queue {
    pub(super) const ALL: [Self; 3] = [Self::Task, Self::Review, Self::Publish];

    /// The state of the tasks that it is for.
    pub(super) const fn about(self) -> TaskState {
        match self {
            Self::Task => TaskState::Ready,
            Self::Review => TaskState::JudgeReview,
            Self::Publish => TaskState::Approved,
        }
    }
}

/// What is in the queues, a bit for each id that may be in one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) struct Queues(u8);

impl Queues {
    pub(super) const fn push(&mut self, queue: Queue, node: Node) {
        self.0 |= Self::bit(queue, node);
    }

    pub(super) const fn remove(&mut self, queue: Queue, node: Node) {
        self.0 &= !Self::bit(queue, node);
    }

    pub(super) const fn has(self, queue: Queue, node: Node) -> bool {
        self.0 & Self::bit(queue, node) != 0
    }

    const fn bit(queue: Queue, node: Node) -> u8 {
        1 << (queue as u8 * 2 + node as u8)
    }
}
