//! The platform: what it can do, the calls that are on their way to it, and the posts that are out.

use std::fmt;

use super::{
    Action, Protocol, World,
    world::{ARTIFACTS, Made},
};

/// What a platform can do to keep posts single (`worker::PlatformAbilities`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Abilities {
    /// The same key never makes a second post.
    pub(super) key: bool,
    /// It can be asked for a post. Its index may lag: it may deny a post that is out.
    pub(super) look_up: bool,
}

impl Abilities {
    pub(super) const ALL: [Self; 4] = [
        Self { key: true, look_up: true },
        Self { key: true, look_up: false },
        Self { key: false, look_up: true },
        Self { key: false, look_up: false },
    ];
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

impl fmt::Display for Abilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.key, self.look_up) {
            (true, true) => "keys and look-up",
            (true, false) => "keys only",
            (false, true) => "look-up only",
            (false, false) => "neither keys nor look-up",
        })
    }
}
