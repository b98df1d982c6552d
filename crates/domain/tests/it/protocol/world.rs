//! The state of everything: rows, queues, processes, the platform.

use chimera_domain::{CampaignStatus, PublicationState, Question, TaskEvent, TaskState, TaskType};

use super::{
    Queues, judging::Judge, planning::Planner, platform::Outside, publishing::Publisher, queues::Queue, working::Worker,
};

/// A task of the DAG.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Node {
    /// An inner node.
    Words,
    /// The publishable node, which needs the words.
    Post,
}

impl Node {
    pub(super) const ALL: [Self; 2] = [Self::Words, Self::Post];

    pub(super) const fn kind(self) -> TaskType {
        match self {
            Self::Words => TaskType::GenerateText,
            Self::Post => TaskType::AssemblePost,
        }
    }
}

/// Which of the post's artifacts: every accepted result is a new one, with an id and so an idempotency key of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Made {
    First,
    /// After an operator's retry.
    Second,
}

pub(super) const ARTIFACTS: [Made; 2] = [Made::First, Made::Second];

/// Whether what a process holds still has the version that it read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Fence {
    Current,
    /// The row has been written since.
    Stale,
}

/// A row of `tasks`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Task {
    pub(super) state: TaskState,
    pub(super) attempts: u8,
    /// The lease, if there is one, has run out.
    pub(super) lapsed: bool,
}

/// A row of `publications`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Entry {
    pub(super) state: PublicationState,
    /// Calls, counted up to the bound.
    pub(super) attempts: u8,
}

/// What must never be seen; kept once it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) struct Seen {
    /// A late result, ruling or settlement was taken.
    pub(super) overwritten: bool,
    /// The platform was called without an intent of the caller's own, committed while the campaign was ACTIVE.
    pub(super) unlicensed: bool,
    /// The platform was called with what nobody had approved.
    pub(super) unapproved: bool,
    /// A role asked for a move that the state machine forbids.
    pub(super) illegal: bool,
}

/// Everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct World {
    pub(super) campaign: CampaignStatus,
    /// DAGs inserted for the story; the first one is what `tasks` shows.
    pub(super) plans: u8,
    /// Places that the governor has given away.
    pub(super) places: u8,
    pub(super) tasks: [Task; 2],
    /// What the post's row names as its result.
    pub(super) result: Option<Made>,
    /// What a judge or a person approved.
    pub(super) approved: [bool; 2],
    pub(super) question: Option<Question>,
    pub(super) ledger: [Option<Entry>; 2],
    pub(super) queues: Queues,
    pub(super) planners: [Planner; 2],
    pub(super) workers: [Worker; 2],
    pub(super) judges: [Judge; 2],
    pub(super) publishers: [Publisher; 2],
    pub(super) outside: [Outside; 2],
    /// How often an operator may yet retry.
    pub(super) retries: u8,
    pub(super) seen: Seen,
}

impl World {
    /// Nothing is planned; the campaign is ACTIVE.
    pub(super) fn new(retries: u8) -> Self {
        Self {
            campaign: CampaignStatus::Active,
            plans: 0,
            places: 0,
            tasks: [Task { state: TaskState::Pending, attempts: 0, lapsed: false }; 2],
            result: None,
            approved: [false; 2],
            question: None,
            ledger: [None; 2],
            queues: Queues::default(),
            planners: [Planner::default(); 2],
            workers: [Worker::default(); 2],
            judges: [Judge::default(); 2],
            publishers: [Publisher::default(); 2],
            outside: [Outside::default(); 2],
            retries,
            seen: Seen::default(),
        }
    }

    pub(super) const fn task(&self, node: Node) -> Task {
        self.tasks[node as usize]
    }

    pub(super) const fn task_mut(&mut self, node: Node) -> &mut Task {
        &mut self.tasks[node as usize]
    }

    pub(super) fn is(&self, node: Node, state: TaskState) -> bool {
        self.task(node).state == state
    }

    pub(super) const fn entry(&self, made: Made) -> Option<Entry> {
        self.ledger[made as usize]
    }

    pub(super) const fn outside(&self, made: Made) -> Outside {
        self.outside[made as usize]
    }

    pub(super) const fn outside_mut(&mut self, made: Made) -> &mut Outside {
        &mut self.outside[made as usize]
    }

    pub(super) fn is_active(&self) -> bool {
        self.campaign == CampaignStatus::Active
    }

    /// Writes the row: its version moves on, so that whoever holds the old one is fenced; its lease ends.
    pub(super) fn moves(&mut self, node: Node, event: TaskEvent) -> bool {
        let Ok(to) = self.task(node).state.on(event, node.kind()) else {
            self.seen.illegal = true;
            return false;
        };
        self.task_mut(node).state = to;
        self.touch(node);
        true
    }

    /// The row is written: a new version, a new lease or none.
    pub(super) fn touch(&mut self, node: Node) {
        self.task_mut(node).lapsed = false;
        self.workers.iter_mut().for_each(|worker| worker.fence(node));
        self.judges.iter_mut().for_each(|judge| judge.fence(node));
        if node == Node::Post {
            self.publishers.iter_mut().for_each(Publisher::fence);
        }
    }

    /// `graph::unlock` and `graph::cancel_dependents`, in the transaction that ended the words.
    pub(super) fn after_words(&mut self, forgets_dependents: bool) {
        if self.is(Node::Post, TaskState::Pending) {
            if self.is(Node::Words, TaskState::Done) {
                self.moves(Node::Post, TaskEvent::DepsDone);
                self.queues.push(Queue::Task, Node::Post);
            } else if self.task(Node::Words).state.is_dead_end() && !forgets_dependents {
                self.moves(Node::Post, TaskEvent::Cancel);
            }
        }
    }

    /// Writes the ledger.
    pub(super) const fn record(&mut self, made: Made, state: PublicationState) {
        if let Some(entry) = &mut self.ledger[made as usize] {
            entry.state = state;
        }
    }

    /// Whether every task has reached its end. A story that was never planned, its campaign being over, has too.
    pub(super) fn is_settled(&self) -> bool {
        let unplanned = self.plans == 0 && self.campaign == CampaignStatus::Ended;
        unplanned || self.tasks.iter().all(|task| task.state.is_terminal())
    }

    /// Takes messages away that whoever took them could do nothing with. Should their moment come again, the sweeper may
    /// send them again; so nothing becomes possible or impossible by this.
    pub(super) fn lose_late_messages(&mut self) {
        for node in Node::ALL {
            for queue in Queue::ALL {
                if !self.is(node, queue.about()) {
                    self.queues.remove(queue, node);
                }
            }
        }
    }

    /// Names of processes mean nothing: those of a role in order, the busy ones first.
    pub(super) fn sorted(mut self) -> Self {
        self.workers.sort_unstable_by(|a, b| b.cmp(a));
        self.judges.sort_unstable_by(|a, b| b.cmp(a));
        self.publishers.sort_unstable_by(|a, b| b.cmp(a));
        self
    }
}
