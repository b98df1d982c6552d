//! Planners: two of them may read the same story, or compete for the last place.

use chimera_domain::{CampaignStatus, TaskEvent};

use super::{Action, Fence, Flaw, Node, Protocol, Queue, World};

/// A planner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) enum Planner {
    #[default]
    Idle,
    /// It has read the campaign and scored the story, and holds the campaign at this version.
    Scored(Fence),
    /// The story is known, or refused by the governor.
    Done,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Planning {
    Score,
    /// `plan_commit`.
    Commit,
    Crash,
}

impl Planning {
    pub(super) fn offer(protocol: &Protocol, world: &World, out: &mut Vec<Action>) {
        for (at, planner) in world.planners.iter().enumerate().take(protocol.bounds.planners) {
            let steps: &[Self] = match planner {
                Planner::Idle if world.is_active() => &[Self::Score],
                Planner::Scored(_) => &[Self::Commit, Self::Crash],
                _ => &[],
            };
            out.extend(steps.iter().map(|step| Action::Planning(at, *step)));
        }
    }

    pub(super) fn step(self, at: usize, protocol: &Protocol, world: &mut World) {
        // The second planner may have a story of its own, whose tasks are not followed any further.
        let other = protocol.bounds.two_stories && at == 1;
        let planned = if other { world.places > world.plans } else { world.plans > 0 };
        let full = world.places >= protocol.places();
        let next = match (self, world.planners[at]) {
            (Self::Score, _) if planned || full => Planner::Done,
            (Self::Score, _) => Planner::Scored(Fence::Current),
            (Self::Commit, Planner::Scored(fence)) if fence == Fence::Current && world.is_active() => {
                let known = planned && !protocol.flaws.has(Flaw::PlansUnchecked);
                if !known && (!full || protocol.flaws.has(Flaw::GovernorAskedEarly)) {
                    insert(other, world);
                }
                Planner::Done
            }
            _ => Planner::Idle,
        };
        world.planners[at] = next;
    }
}

fn insert(other: bool, world: &mut World) {
    world.places += 1;
    if other {
        return;
    }
    world.plans += 1;
    if world.plans == 1 {
        world.moves(Node::Words, TaskEvent::DepsDone);
        world.queues.push(Queue::Task, Node::Words);
    }
}

/// The campaign's row is written: planners that read it before are fenced.
pub(super) fn set_status(world: &mut World, status: CampaignStatus) {
    world.campaign = status;
    for planner in &mut world.planners {
        if let Planner::Scored(fence) = planner {
            *fence = Fence::Stale;
        }
    }
}
