//! The worker: executes ready tasks, and publishes what was approved.
//!
//! A worker is stateless: what it needs it reads with the claim, what it makes it hands to the judge. [`Executor`] turns
//! one task into one artifact through MCP tool roles; [`Pool`] claims, executes side by side and submits in batches;
//! [`Publisher`] keeps the publish ledger; [`Remembrance`] recalls before writing and remembers what went out;
//! [`Sweeper`] delivers again what queues or dead processes lost; [`Bookkeeper`] keeps the spend counters equal to the
//! ledger; [`Pruner`] deletes what is old and needed by nobody; [`Notifier`] tells a webhook of alerts.
//! To add a task type, add an arm to [`Executor::execute`] and, if it calls a tool, a role to the configuration.

mod assemble;
mod bookkeeper;
mod config;
mod escalation;
mod executor;
mod held;
mod links;
mod notifier;
mod order;
mod platform;
mod pool;
mod pruner;
mod publisher;
mod questions;
mod remembrance;
mod rests;
mod settlement;
mod spans;
mod submitter;
mod sweeper;

pub use assemble::{AssembleError, assemble, disclosure};
pub use bookkeeper::{Bookkeeper, BookkeepingError, SpendNews};
pub use config::{AlertsConfig, PublisherConfig, RetentionConfig, SweeperConfig, WebhookConfig, WorkerConfig};
pub use executor::{ExecuteError, Executor, Finished};
pub use notifier::{Notified, Notifier, TellError, Webhook, WebhookError};
pub use pool::Pool;
pub use pruner::{Cutoffs, Pruned, Pruner, prunable, prune};
pub use publisher::Publisher;
pub use remembrance::{RecallConfig, Remembrance};
pub use sweeper::Sweeper;
