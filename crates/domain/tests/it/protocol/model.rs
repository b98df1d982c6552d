//! The transition system: what may happen next, and what comes of it.

use stateright::{Model, Property};

use super::{
    Abilities, Flaw, Flaws, Node, Queue, World, judging::Judging, people::Person, planning::Planning,
    platform::Network, properties, publishing::Publishing, sweeping::Sweeping, working::Working,
};

/// How much of each there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bounds {
    /// 1 or 2.
    pub(super) planners: usize,
    /// The second planner has a story of its own, and the governor admits one post; else it admits two.
    pub(super) two_stories: bool,
    /// 1 or 2.
    pub(super) workers: usize,
    /// 1 or 2.
    pub(super) judges: usize,
    /// 1 or 2.
    pub(super) publishers: usize,
    /// Dead letters that an operator retries, 0 or 1.
    pub(super) retries: u8,
    /// The campaign may be paused and resumed, any number of times.
    pub(super) pauses: bool,
    /// The campaign may end.
    pub(super) ends: bool,
    /// Messages stay in the queues when nothing can be done with them any more; else they are lost at once.
    pub(super) late_messages: bool,
}

/// The protocol, on a platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Protocol {
    pub(super) bounds: Bounds,
    pub(super) platform: Abilities,
    pub(super) flaws: Flaws,
}

impl Protocol {
    /// Whether a delivery stays in the queue: both, where that makes a difference.
    pub(super) const fn repeats(&self) -> &[bool] {
        if self.bounds.late_messages { &[false, true] } else { &[false] }
    }

    /// Posts that the governor admits.
    pub(super) const fn places(&self) -> u8 {
        if self.bounds.two_stories { 1 } else { 2 }
    }

    /// Whether a repeat is recognised.
    pub(super) const fn keys_hold(&self) -> bool {
        self.platform.keeps_posts_single() && !self.flaws.has(Flaw::KeyPerAttempt)
    }
}

/// One thing that happens; the number is that of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Planning(usize, Planning),
    Working(usize, Working),
    Judging(usize, Judging),
    Publishing(usize, Publishing),
    Sweeping(Sweeping),
    Network(Network),
    Person(Person),
    /// A message is lost, or was never sent, or is taken and refused.
    Lose(Queue, Node),
}

impl Model for Protocol {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World::new(self.bounds.retries)]
    }

    fn actions(&self, world: &World, out: &mut Vec<Action>) {
        Planning::offer(self, world, out);
        Working::offer(self, world, out);
        Judging::offer(self, world, out);
        Publishing::offer(self, world, out);
        Sweeping::offer(self, world, out);
        Network::offer(world, out);
        Person::offer(self, world, out);
        for node in Node::ALL {
            let waiting = Queue::ALL.into_iter().filter(|queue| world.queues.has(*queue, node));
            out.extend(waiting.map(|queue| Action::Lose(queue, node)));
        }
    }

    fn next_state(&self, before: &World, action: Action) -> Option<World> {
        let mut world = *before;
        match action {
            Action::Planning(at, step) => step.step(at, self, &mut world),
            Action::Working(at, step) => step.step(at, self, &mut world),
            Action::Judging(at, step) => step.step(at, self, &mut world),
            Action::Publishing(at, step) => step.step(at, self, &mut world),
            Action::Sweeping(step) => step.step(self, &mut world),
            Action::Network(step) => step.step(self, &mut world),
            Action::Person(step) => step.step(self, &mut world),
            Action::Lose(queue, node) => world.queues.remove(queue, node),
        }
        if !self.bounds.late_messages {
            world.lose_late_messages();
        }
        Some(world.sorted())
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all()
    }
}
