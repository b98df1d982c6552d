//! Queues and spend counters: what every backend must do, on each backend; and what Redis must survive.

#![expect(
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "in what only tests call, a panic is the report"
)]

mod backends;
mod latency;
mod notices;
mod queues;
mod redis_faults;
mod redis_queues;
mod refusals;
mod secrets;
mod spend;
mod spend_agreement;
mod yardstick;
