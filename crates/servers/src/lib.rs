//! MCP servers that ship with Chimera: feeds, studio, sandbox.
