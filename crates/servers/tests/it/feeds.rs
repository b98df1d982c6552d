//! The feeds server, as clients and hostile publishers see it.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "fixtures fail the test by panicking"
)]

mod fixture;
mod mcp;
mod polling;
mod publishers;
