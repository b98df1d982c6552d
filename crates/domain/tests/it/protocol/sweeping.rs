//! Time and the sweeper: leases lapse, what lies idle is delivered again, what is left behind is put back.

use chimera_domain::{CampaignStatus, TaskEvent, TaskState};

use super::{Action, Flaw, Node, Protocol, Queue, World, working};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sweeping {
    /// A lease runs out, be its holder dead, stalled or merely slow.
    Lapse(Node),
    /// `sweep_lapsed`.
    PutBack(Node),
    /// `waiting`, and the push after it.
    Deliver(Queue, Node),
    /// `sweep_ended`.
    Cancel(Node),
}

impl Sweeping {
    pub(super) fn offer(protocol: &Protocol, world: &World, out: &mut Vec<Action>) {
        if world.plans == 0 {
            return;
        }
        let mut push = |step| out.push(Action::Sweeping(step));
        for node in Node::ALL {
            let task = world.task(node);
            let leased = matches!(task.state, TaskState::Executing | TaskState::Publishing);
            if leased && !task.lapsed {
                push(Self::Lapse(node));
            }
            let forgets = protocol.flaws.has(Flaw::ForgetExecuting);
            if task.state == TaskState::Executing && task.lapsed && !forgets {
                push(Self::PutBack(node));
            }
            let ended = world.campaign == CampaignStatus::Ended;
            if ended && !task.state.is_terminal() && task.state != TaskState::Publishing {
                push(Self::Cancel(node));
            }
            for queue in Queue::ALL {
                if !world.queues.has(queue, node) && waits(queue, node, protocol, world) {
                    push(Self::Deliver(queue, node));
                }
            }
        }
    }

    pub(super) fn step(self, protocol: &Protocol, world: &mut World) {
        match self {
            Self::Lapse(node) => world.task_mut(node).lapsed = true,
            Self::PutBack(node) => working::put_back(node, protocol, world),
            Self::Deliver(queue, node) => world.queues.push(queue, node),
            Self::Cancel(node) => {
                world.moves(node, TaskEvent::Cancel);
                if node == Node::Post {
                    world.question = None;
                }
            }
        }
    }
}

/// Whether the sweeper would deliver this; it is also what a receiver can do something with.
pub(super) fn waits(queue: Queue, node: Node, protocol: &Protocol, world: &World) -> bool {
    let forgotten = queue == Queue::Task && protocol.flaws.has(Flaw::ForgetReady);
    let open = queue == Queue::Review || world.is_active();
    world.is(node, queue.about()) && open && !forgotten
}
