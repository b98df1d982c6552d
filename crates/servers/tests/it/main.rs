//! The servers, as clients see them.

#[cfg(feature = "feeds")]
mod feeds;

#[cfg(feature = "sandbox")]
mod sandbox;

#[cfg(feature = "studio")]
mod studio;
