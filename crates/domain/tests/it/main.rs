//! The task protocol as a model, explored to its last reachable state; and the proof that the exploration can fail.

#[cfg(test)]
mod protocol;
