//! The planner: from a resource to a DAG of tasks.
//!
//! [`Planner::tick`] reads every watched resource once, however many campaigns watch it, lets the mind score what is new,
//! asks the governor, and commits signals and tasks in one transaction per campaign and resource.
//! Who speaks to an agent is planned an answer for (`mentions.rs`), within a share of the governor's limits of their own.
//! What the governor holds back waits until its window has turned (`release.rs`).
//! The decisions are pure and live in `triage.rs` and `dag.rs`; the effects are in `planner.rs` and `service.rs`.

mod backoff;
mod config;
mod course;
mod dag;
mod known;
mod mentions;
mod planner;
mod reading;
mod release;
mod replay;
mod schedule;
mod scoring;
mod service;
mod sift;
mod spans;
mod spotter;
mod stories;
mod together;
mod trending;
mod triage;
mod watching;
mod weigh;

pub use config::{PlannerConfig, RepliesConfig, ResourceConfig, TrendConfig};
pub use dag::{PlanSeed, plan_posts, plan_reply, reply_budget};
pub use planner::{Planner, PlannerError, PlannerReport};
pub use replay::{Redecided, Replay, rescore, score_raw};
pub use service::serve;
pub use spotter::TrendReport;
pub use triage::{Sighting, Triage, triage};
pub use weigh::Weights;
