//! The host against real MCP servers: in process, as child processes, and over streamable HTTP.

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod http;
#[cfg(test)]
mod in_process;
#[cfg(test)]
mod reach;
#[cfg(test)]
mod stdio;
#[cfg(test)]
mod suite;
