//! The binary, used as a person or a program would use it.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "in what only tests call, a panic is the report"
)]

mod audit;
mod backup;
mod bad_input;
mod chaos;
mod chimera;
mod commands;
mod contract;
mod demo;
mod dice;
mod infra;
mod kill;
mod process;
mod real_headlines;
mod roles;
mod wire;
