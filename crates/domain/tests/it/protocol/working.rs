//! Workers: they claim, work under a lease, and hand in; late ones are fenced.

use chimera_domain::{TaskEvent, TaskState};

use super::{Action, Fence, Flaw, Node, Protocol, Queue, World, world::Made};

/// Claims of one task before it is given up.
pub(super) const ATTEMPTS_MAX: u8 = 2;

/// A hand of a worker pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(super) enum Worker {
    #[default]
    Idle,
    /// In the midst of a tool call, or with the result in its hands.
    Holds(Node, Fence),
}

impl Worker {
    pub(super) fn fence(&mut self, node: Node) {
        if let Self::Holds(own, fence) = self
            && *own == node
        {
            *fence = Fence::Stale;
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Working {
    /// `task_claim` of what was delivered; `again` leaves the delivery in the queue.
    Claim {
        node: Node,
        again: bool,
    },
    /// `task_submit`.
    Submit,
    /// The tools failed: `task_release`.
    Fail,
    /// `task_heartbeat`.
    Beat,
    Crash,
}

impl Working {
    pub(super) fn offer(protocol: &Protocol, world: &World, out: &mut Vec<Action>) {
        let mut before = None;
        for (at, worker) in world.workers.iter().enumerate().take(protocol.bounds.workers) {
            // Two in the same state are one choice.
            if before.replace(worker) == Some(worker) {
                continue;
            }
            let mut push = |step| out.push(Action::Working(at, step));
            match *worker {
                Worker::Idle => {
                    for node in Node::ALL {
                        // A claim that is refused is a delivery lost.
                        if world.queues.has(Queue::Task, node) && world.is(node, TaskState::Ready) && world.is_active()
                        {
                            protocol.repeats().iter().for_each(|&again| push(Self::Claim { node, again }));
                        }
                    }
                }
                Worker::Holds(node, fence) => {
                    [Self::Submit, Self::Fail, Self::Crash].into_iter().for_each(&mut push);
                    if fence == Fence::Current && world.task(node).lapsed {
                        push(Self::Beat);
                    }
                }
            }
        }
    }

    pub(super) fn step(self, at: usize, protocol: &Protocol, world: &mut World) {
        match (self, world.workers[at]) {
            (Self::Claim { node, again }, _) => {
                if !again {
                    world.queues.remove(Queue::Task, node);
                }
                world.moves(node, TaskEvent::Claim);
                world.task_mut(node).attempts += 1;
                world.workers[at] = Worker::Holds(node, Fence::Current);
            }
            (Self::Beat, Worker::Holds(node, _)) => world.task_mut(node).lapsed = false,
            (step, Worker::Holds(node, fence)) => {
                world.workers[at] = Worker::Idle;
                match step {
                    Self::Submit => submit(node, fence, protocol, world),
                    Self::Fail if fence == Fence::Current => put_back(node, protocol, world),
                    _ => {}
                }
            }
            (_, Worker::Idle) => {}
        }
    }
}

fn submit(node: Node, fence: Fence, protocol: &Protocol, world: &mut World) {
    let may = fence == Fence::Current || protocol.flaws.has(Flaw::UnfencedSubmit);
    if !may || !world.is(node, TaskState::Executing) {
        return;
    }
    world.seen.overwritten |= fence == Fence::Stale;
    world.moves(node, TaskEvent::Submit);
    if node == Node::Post {
        world.result = Some(world.result.map_or(Made::First, |_| Made::Second));
    }
    world.queues.push(Queue::Review, node);
}

/// Back to READY, or to FAILED when attempts are used up.
pub(super) fn put_back(node: Node, protocol: &Protocol, world: &mut World) {
    if world.task(node).attempts < ATTEMPTS_MAX {
        world.moves(node, TaskEvent::Release);
        world.queues.push(Queue::Task, node);
    } else {
        world.moves(node, TaskEvent::Exhaust);
        world.after_words(protocol.flaws.has(Flaw::ForgetDependents));
    }
}
