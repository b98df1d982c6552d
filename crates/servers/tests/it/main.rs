//! The servers, as clients see them.

mod feeds;
mod sandbox;
mod studio;
