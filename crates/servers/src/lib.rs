//! MCP servers that ship with Chimera: feeds, studio, sandbox.

#[cfg(feature = "feeds")]
pub mod feeds;

#[cfg(feature = "sandbox")]
pub mod sandbox;

#[cfg(feature = "studio")]
pub mod studio;
