//! Judges: what they decide holds only for the version that they saw.

use chimera_domain::{Question, TaskEvent, TaskState};

use super::{Action, Fence, Flaw, Node, Protocol, Queue, World, world::Made};

/// A judge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(super) enum Judge {
    #[default]
    Idle,
    /// It weighs what this task made.
    Weighs(Node, Fence, Option<Made>),
}

impl Judge {
    pub(super) fn fence(&mut self, node: Node) {
        if let Self::Weighs(own, fence, _) = self
            && *own == node
        {
            *fence = Fence::Stale;
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Judging {
    /// `review_cases` of what was delivered; `again` leaves the delivery in the queue.
    Take { node: Node, again: bool },
    /// `task_decide`: approve, ask a person, or reject.
    Rule(TaskEvent),
    /// Or the mind is not to be had, and the case is left for later.
    Crash,
}

impl Judging {
    pub(super) fn offer(protocol: &Protocol, world: &World, out: &mut Vec<Action>) {
        let mut before = None;
        for (at, judge) in world.judges.iter().enumerate().take(protocol.bounds.judges) {
            if before.replace(judge) == Some(judge) {
                continue;
            }
            let mut push = |step| out.push(Action::Judging(at, step));
            match *judge {
                Judge::Idle => {
                    for node in Node::ALL {
                        if world.queues.has(Queue::Review, node) && world.is(node, TaskState::JudgeReview) {
                            protocol.repeats().iter().for_each(|&again| push(Self::Take { node, again }));
                        }
                    }
                }
                Judge::Weighs(node, ..) => {
                    [TaskEvent::Approve, TaskEvent::Reject].map(Self::Rule).into_iter().for_each(&mut push);
                    push(Self::Crash);
                    if node == Node::Post {
                        push(Self::Rule(TaskEvent::AskHuman));
                    }
                }
            }
        }
    }

    pub(super) fn step(self, at: usize, protocol: &Protocol, world: &mut World) {
        match (self, world.judges[at]) {
            (Self::Take { node, again }, _) => {
                if !again {
                    world.queues.remove(Queue::Review, node);
                }
                let made = if node == Node::Post { world.result } else { None };
                world.judges[at] = Judge::Weighs(node, Fence::Current, made);
            }
            (Self::Rule(event), Judge::Weighs(node, fence, made)) => {
                world.judges[at] = Judge::Idle;
                rule(event, (node, fence, made), protocol, world);
            }
            _ => world.judges[at] = Judge::Idle,
        }
    }
}

fn rule(event: TaskEvent, (node, fence, made): (Node, Fence, Option<Made>), protocol: &Protocol, world: &mut World) {
    if fence == Fence::Stale {
        let fits = world.task(node).state.on(event, node.kind()).is_ok();
        if !fits || !protocol.flaws.has(Flaw::UnfencedRuling) {
            return;
        }
        world.seen.overwritten = true;
    }
    world.moves(node, event);
    world.question = (event == TaskEvent::AskHuman).then_some(Question::MayPublish);
    if let (Some(made), TaskEvent::Approve) = (made, event) {
        world.approved[made as usize] = true;
        world.queues.push(Queue::Publish, Node::Post);
    }
    if node == Node::Words {
        world.after_words(protocol.flaws.has(Flaw::ForgetDependents));
    }
}
