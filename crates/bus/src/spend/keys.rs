//! Names in Redis, for operators and dashboards. The braces are a hash tag: in a cluster it keeps the keys of one agent
//! in one slot, which scripts need.

use chimera_domain::{AgentId, ReservationId};

/// A counter's field with the window it counts: days or hours since 1970.
pub const FIELD_WINDOW: &str = "window";

/// A counter's field with what was spent or reserved in the window, in micro-dollars.
pub const FIELD_MICROS: &str = "micros";

/// A field of the day's counter and of each reservation: in which run of the agent's counters it was written. What is left
/// of an earlier run counts no more.
pub const FIELD_RUN: &str = "run";

/// The day's counter, a hash such as `chimera:daily_spend:{<agent id>}`.
#[must_use]
pub fn daily(prefix: &str, agent: AgentId) -> String {
    format!("{prefix}:daily_spend:{{{agent}}}")
}

/// The hour's counter, a hash such as `chimera:hourly_spend:{<agent id>}`.
#[must_use]
pub fn hourly(prefix: &str, agent: AgentId) -> String {
    format!("{prefix}:hourly_spend:{{{agent}}}")
}

/// One reservation, a hash such as `chimera:spend_reservation:{<agent id>}:<reservation id>`; it expires.
#[must_use]
pub fn reservation(prefix: &str, agent: AgentId, id: &ReservationId) -> String {
    format!("{prefix}:spend_reservation:{{{agent}}}:{id}")
}
