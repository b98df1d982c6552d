//! The HTTP surface: health, the state of the fleet as JSON, and pages to look at it.
//!
//! Read-only for now, and only on loopback: there is no sign-in yet, so [`serve`] refuses any other address.
//! [`FleetStatus`] and [`PostSummary`] are the read models that pages, API and command line share.

mod pages;
mod probes;
mod read_model;
mod routes;
mod serve;

pub use probes::{CHECK_MAX, Check, FRESH, Figures, Missing, Probes};
pub use read_model::{FleetStatus, PostCounts, PostOutcome, PostSummary, SignalCounts, fleet_status, post_summaries};
pub use routes::{probe_router, router};
pub use serve::{ConsoleConfig, ServeError, bind, bind_anywhere, serve};
