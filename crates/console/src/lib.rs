//! The HTTP surface: health, the state of the fleet as JSON, pages to look at it, and the review desk.
//!
//! Only on loopback for now: [`serve`] refuses any other address. Whoever comes must be signed in, or bring a token
//! ([`Needs`], one list of routes in `routes.rs`); only the probes tell everybody how the process does.
//! [`FleetStatus`] and [`PostSummary`] are the read models that pages, API and command line share.

mod access;
mod answers;
mod api;
mod door;
mod openapi;
mod pages;
mod probes;
mod problem;
mod pulse;
mod read;
mod read_model;
mod review;
mod routes;
mod serve;

pub use access::{Needs, sign_in_link};
pub use openapi::openapi;
pub use probes::{CHECK_MAX, Check, FRESH, Figures, Missing, Probes};
pub use read_model::{FleetStatus, PostCounts, PostOutcome, PostSummary, SignalCounts, fleet_status, post_summaries};
pub use routes::{Console, RouteInfo, probe_router};
pub use serve::{ConsoleConfig, ServeError, bind, bind_anywhere, serve};
