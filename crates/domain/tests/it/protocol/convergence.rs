//! No task is lost: from every state that mishaps can lead to, whatever the order in which things go on once the mishaps
//! stop, every task reaches an end.
//!
//! Two checks on the graph of all reachable states say so. Among the steps that are no mishaps there is no circle, so
//! every run of them ends; and wherever none is left, all tasks are settled.

use std::collections::{HashMap, VecDeque};

use chimera_domain::{CampaignStatus, policy::Look as Sight};
use stateright::Model as _;

use super::{
    Action, Fence, Node, Protocol, Queue, World,
    judging::Judging,
    people::Person,
    planning::Planning,
    publishing::{Ending, Publisher, Publishing},
    sweeping::{self, Sweeping},
    working::{Worker, Working},
};

/// Why not every task reaches its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stuck {
    /// Nothing more happens here.
    Halted(Box<World>),
    /// Things go round in a circle here.
    Circling(Box<World>),
}

/// Explores everything; returns how many states there are.
pub(super) fn converge(protocol: &Protocol) -> Result<usize, Stuck> {
    let (states, edges) = explore(protocol);
    let mut incoming = vec![0_u32; states.len()];
    for to in edges.iter().flatten() {
        incoming[*to as usize] += 1;
    }
    for (world, after) in states.iter().zip(&edges) {
        if after.is_empty() && !is_settled(world, protocol) {
            return Err(Stuck::Halted(Box::new(*world)));
        }
    }
    // Takes away states that nothing leads to, until none is left; what can't be taken away lies on a circle or behind one.
    let mut free: Vec<usize> = (0..states.len()).filter(|at| incoming[*at] == 0).collect();
    let mut taken = 0;
    while let Some(at) = free.pop() {
        taken += 1;
        for to in &edges[at] {
            let left = &mut incoming[*to as usize];
            *left -= 1;
            if *left == 0 {
                free.push(*to as usize);
            }
        }
    }
    if taken == states.len() {
        return Ok(taken);
    }
    let on_circle = incoming.iter().position(|left| *left > 0).map_or(0, |at| at);
    Err(Stuck::Circling(Box::new(states[on_circle])))
}

/// All reachable states, and for each where the steps lead that are no mishaps.
fn explore(protocol: &Protocol) -> (Vec<World>, Vec<Vec<u32>>) {
    let mut states = protocol.init_states();
    let mut known: HashMap<World, u32> = states.iter().copied().zip(0..).collect();
    let mut edges = Vec::new();
    let mut waiting: VecDeque<World> = states.iter().copied().collect();
    let mut actions = Vec::new();
    while let Some(world) = waiting.pop_front() {
        let mut after = Vec::new();
        protocol.actions(&world, &mut actions);
        for action in actions.drain(..) {
            let Some(next) = protocol.next_state(&world, action) else { continue };
            let fresh = u32::try_from(states.len()).expect("the bounds keep the number of states far below this");
            let at = *known.entry(next).or_insert(fresh);
            if at == fresh {
                states.push(next);
                waiting.push_back(next);
            }
            if !is_mishap(action, &world, protocol) {
                after.push(at);
            }
        }
        edges.push(after);
    }
    (states, edges)
}

/// A story that finds no place is settled as well.
fn is_settled(world: &World, protocol: &Protocol) -> bool {
    world.is_settled() || (world.plans == 0 && world.places == protocol.places())
}

/// Whether this is something that need not happen, and does not happen for ever. Everything else happens at some time.
fn is_mishap(action: Action, world: &World, protocol: &Protocol) -> bool {
    match action {
        Action::Planning(_, step) => step == Planning::Crash,
        Action::Working(_, step) => !matches!(step, Working::Claim { again: false, .. } | Working::Submit),
        Action::Judging(_, step) => !matches!(step, Judging::Take { again: false, .. } | Judging::Rule(_)),
        Action::Publishing(at, step) => match step {
            Publishing::Begin { again } => again,
            Publishing::TakeOver | Publishing::Settle | Publishing::Call(Ending::Answered) => false,
            Publishing::Look(sight) => sight != truth(at, world, protocol),
            _ => true,
        },
        // A lease that nobody renews any more lapses in any case.
        Action::Sweeping(Sweeping::Lapse(node)) => is_held(node, world),
        Action::Sweeping(_) | Action::Network(_) | Action::Person(Person::Answer(_)) => false,
        Action::Person(Person::Set(status)) => status != CampaignStatus::Active,
        Action::Person(Person::Retry(_)) => true,
        Action::Lose(queue, node) => is_wanted(queue, node, protocol, world),
    }
}

fn truth(at: usize, world: &World, protocol: &Protocol) -> Sight {
    let Publisher::Holds(hold) = world.publishers[at] else { return Sight::CantTell };
    match (protocol.platform.look_up, world.outside(hold.made).posts > 0) {
        (false, _) => Sight::CantTell,
        (true, true) => Sight::Out,
        (true, false) => Sight::NotThere,
    }
}

/// Whether someone who is alive has the lease.
fn is_held(node: Node, world: &World) -> bool {
    let working = world.workers.contains(&Worker::Holds(node, Fence::Current));
    let holds = |one: &Publisher| matches!(one, Publisher::Holds(hold) if hold.fence == Fence::Current);
    working || (node == Node::Post && world.publishers.iter().any(holds))
}

/// Whether whoever takes this message can do something with it.
fn is_wanted(queue: Queue, node: Node, protocol: &Protocol, world: &World) -> bool {
    sweeping::waits(queue, node, protocol, world)
}
