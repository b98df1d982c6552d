//! Tables, and how the domain's entities lie in them. One file per table.

pub(crate) mod agents;
pub(crate) mod alerts;
pub(crate) mod artifacts;
pub(crate) mod audit_head;
pub(crate) mod audit_log;
pub(crate) mod calibrations;
pub(crate) mod campaigns;
pub(crate) mod credentials;
pub(crate) mod cursors;
pub(crate) mod decisions;
pub(crate) mod dependencies;
pub(crate) mod duties;
pub(crate) mod memories;
pub(crate) mod memory_heads;
pub(crate) mod publications;
pub(crate) mod signal_marks;
pub(crate) mod signals;
pub(crate) mod spend_ledger;
pub(crate) mod spend_totals;
pub(crate) mod tasks;
pub(crate) mod tickets;
pub(crate) mod tool_calls;
pub(crate) mod trends;
