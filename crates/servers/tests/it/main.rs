//! The servers, as clients see them.

mod feeds;
mod memory;
mod sandbox;
mod studio;
