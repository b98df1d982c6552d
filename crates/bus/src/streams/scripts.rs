//! The scripts, loaded by their hash and sent whole only to a server that does not know them.

use redis::Script;

#[derive(Debug)]
pub(super) struct Scripts {
    pub(super) due: Script,
    pub(super) delay: Script,
    pub(super) reclaim: Script,
    pub(super) state: Script,
}

impl Scripts {
    pub(super) fn new() -> Self {
        Self {
            due: Script::new(include_str!("due.lua")),
            delay: Script::new(include_str!("delay.lua")),
            reclaim: Script::new(include_str!("reclaim.lua")),
            state: Script::new(include_str!("state.lua")),
        }
    }
}
