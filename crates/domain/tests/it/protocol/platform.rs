//! The platform: what it can do, the calls that are on their way to it, and the posts that are out.

use super::{
    Abilities, Action, Protocol, World,
    world::{ARTIFACTS, Made},
};

/// Every platform that the policy tells from the others: where clients choose ids, keys on top change nothing.
pub(super) const PLATFORMS: [Abilities; 6] = [
    able(true, false, true),
    able(true, false, false),
    able(false, true, true),
    able(false, true, false),
    able(false, false, true),
    able(false, false, false),
];

/// A platform's look-up may lag: it may deny a post that is out.
pub(super) const fn able(idempotency_key: bool, client_chosen_id: bool, look_up: bool) -> Abilities {
    Abilities { idempotency_key, client_chosen_id, look_up }
}

/// The abilities in words.
pub(super) fn named(platform: Abilities) -> String {
    let parts =
        [(platform.idempotency_key, "keys"), (platform.client_chosen_id, "chosen ids"), (platform.look_up, "look-up")];
    let has: Vec<&str> = parts.into_iter().filter(|(has, _)| *has).map(|(_, name)| name).collect();
    if has.is_empty() { "nothing".to_owned() } else { has.join(" and ") }
}

/// Counted no further than this; one more than may be.
const MANY: u8 = 2;

/// What the world outside knows of one artifact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) struct Outside {
    /// Calls that their publisher no longer waits for and that may yet arrive.
    pub(super) adrift: u8,
    /// Posts.
    pub(super) posts: u8,
}

impl Outside {
    /// A call arrives.
    pub(super) fn take(&mut self, honours_key: bool) {
        self.posts = if honours_key { 1 } else { MANY.min(self.posts + 1) };
    }

    /// A call is given up by its publisher, but not by the network.
    pub(super) fn set_adrift(&mut self) {
        self.adrift = MANY.min(self.adrift + 1);
    }
}

/// What the network does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Network {
    /// A call that nobody waits for arrives.
    Deliver(Made),
    /// It never does.
    Drop(Made),
}

impl Network {
    pub(super) fn offer(world: &World, out: &mut Vec<Action>) {
        for made in ARTIFACTS {
            if world.outside(made).adrift > 0 {
                out.extend([Self::Deliver(made), Self::Drop(made)].map(Action::Network));
            }
        }
    }

    pub(super) fn step(self, protocol: &Protocol, world: &mut World) {
        let (Self::Deliver(made) | Self::Drop(made)) = self;
        world.outside_mut(made).adrift -= 1;
        if let Self::Deliver(made) = self {
            world.outside_mut(made).take(protocol.keys_hold());
        }
    }
}
