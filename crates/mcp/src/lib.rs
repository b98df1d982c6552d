//! The MCP host: the only door to the outside world.
