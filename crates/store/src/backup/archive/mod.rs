//! The file itself: a gzipped tar of members in a set order.

mod read;
mod write;

pub(super) use read::{Halt, Sink, Stopped, walk};
pub(super) use write::{Writer, unfinished_beside};
