//! The judge: gates every result, and puts before a person what only a person may decide.
//!
//! [`assess`] is pure: it turns a case, the mind's opinion and the topics found into an [`Assessment`] with a confidence of
//! its own and a reasoning trace. [`rule`] turns that into a ruling by the thresholds. [`Judge`] has the effects.
//! What people decided teaches what a confidence means ([`Lessons`], [`fitted`]).
//! To add a component of the confidence, add a function to `components.rs` and its weight to `WEIGHTS` there.

mod assess;
mod calibrate;
mod components;
mod config;
mod desk;
mod edit;
mod hitl;
mod outdated;
mod patience;
mod rule;
mod service;
mod spans;

pub use assess::{Assessment, Findings, assess};
pub use calibrate::{Fitted, LeftOut, Lessons, Maps, Routed, fitted, mapped};
pub use config::{JudgeConfig, RepeatsConfig};
pub use desk::{Answer, Desk, DeskError};
pub use edit::{Edit, Fault, edited, faults};
pub use hitl::HitlQueue;
pub use rule::{is_replanned, rule};
pub use service::Judge;
