//! Which process speaks.

/// Which process speaks: what tells the log lines and metrics of many processes apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// What the process does: `planner`, `worker`, `judge`, `publisher`, or `up` for all of them.
    pub role: &'static str,
    /// A name that no other process has, not even one with the same process id.
    pub instance: String,
}
