//! The sandbox, as a client sees it: over an in-process MCP connection.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    clippy::panic,
    clippy::unwrap_used,
    reason = "fixtures fail the test by panicking, and take JSON literals as they are written"
)]

mod client;
mod deeds;
mod durability;
mod faults;
mod host;
mod refusals;
mod speech;
