//! MCP servers that ship with Chimera.
//!
//! Each is a real MCP server that any client can use, over stdio (`chimera mcp feeds`) or in process:
//! [`feeds`] reads RSS, Atom and JSON Feed; [`studio`] makes words, pictures and videos; [`sandbox`] is a social platform
//! for tests and dry runs; [`memory`] is one agent's memory. To add one, write a module with a server that implements `rmcp::ServerHandler`, and name it in
//! the composition root.

mod dice;
pub mod feeds;
pub mod memory;
pub mod sandbox;
mod schema;
pub mod studio;
