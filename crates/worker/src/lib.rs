//! Execute one ready task: generate, assemble, publish.
