//! An agent's memory over MCP: `search_memory` and `add_memory`.
//!
//! A server is bound to one agent when it is made, and no argument names another: whoever speaks to it reaches that
//! agent's memories alone. What comes in is marked as a tool's words, whatever it says of itself, and comes out with that
//! mark: it is something to talk about, never an instruction.

mod add;
mod error;
mod search;
mod server;

pub use add::MemoryAdded;
pub use error::MemoryToolError;
pub use search::{MemoriesFound, MemoryTold};
pub use server::{MemoryConfig, MemoryOwner, MemoryServer};
