//! The `chimera` binary: the command line and the composition root.

fn main() {}
