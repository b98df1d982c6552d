//! Entities, states, contracts and policies. Pure: no async, no I/O, no clock of its own.
