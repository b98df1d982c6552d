//! The binary, used as a person or a program would use it.

mod bad_input;
mod chimera;
mod commands;
mod contract;
mod demo;
mod kill;
mod real_headlines;
