//! The MCP host: the only door to the outside world.
//!
//! A [`Host`] knows servers by name (child processes, streamable HTTP endpoints, servers of this program) and **tool
//! roles** such as `publish_post`, which map to one server's tool and shape its arguments. It speaks revision
//! 2026-07-28 and falls back to 2025-11-25, and it holds every server to its limits: silence, concurrency, rate, size.
//!
//! ```ignore
//! let host = Host::builder(config.mcp, ambient.clone())
//!     .in_process("studio", move || Studio::new(mind.clone()))
//!     .build()?;
//! for problem in host.check(&CallContext::new(trace)).await {
//!     tracing::error!("{}", error_chain(&problem));
//! }
//!
//! let context = CallContext::new(task.trace_id).for_task(task.id).with_idempotency_key(key);
//! let outcome = host.call(&context, "publish_post", &variables).await;
//! store.tool_calls_record(&outcome.calls).await?;          // one record per server tried, whatever the result
//! match outcome.result {
//!     Ok(output) => published(output.result("post_id")),     // also .structured, .text, .media
//!     Err(error) => match error.class() {
//!         CallClass::Refused => give_up(error),                // no retry will help
//!         CallClass::Failed => later(error),                   // certainly no effect
//!         CallClass::Unknown => look_it_up(error),             // never blindly again
//!     },
//! }
//!
//! let feed = host.read_resource(&context, "feeds", "feed://vogue").await?;
//! let document: FeedDocument = feed.json()?;              // `read_resource_recorded` has a record of failures too
//! ```
//!
//! **A tool's errors.** A tool that fails sets `isError`. That counts as refused, unless its structured content says
//! `{"error": {"message": "...", "retryable": true, "retry_after_ms": 500}}` (then it failed without effect, and an
//! idempotent role is tried again) or `"effect": "unknown"` (then nobody knows). Cutting a connection says the latter.
//! What an error says it cost, where the role's cost is a field, is recorded like the cost of a success.
//!
//! To add a transport, give it a variant in `TransportConfig` and an arm in `open.rs`; everything else is above
//! transports. To add a store of secrets, implement [`SecretSource`].
//!
//! HTTPS needs a process-wide rustls provider, which the binary installs first thing in `main`.

pub mod address;
mod call;
mod check;
mod config;
mod connection;
mod context;
mod error;
mod figures;
mod host;
mod http_transport;
mod likeness;
mod limits;
mod line_guard;
mod listener;
mod open;
mod output;
mod record;
mod request;
mod resource;
mod role;
mod secret;
mod spans;
mod stdio;
mod template;
mod within;

pub use check::CheckProblem;
pub use config::{ConfigError, HostConfig, Revision, ServerConfig, TransportConfig};
pub use context::{CallContext, CallOutcome, Media, Permit, ResourceInfo, ResourceRead, ToolOutput};
pub use error::{CallClass, CallError, ConnectError, RetryHint};
pub use host::{Host, HostBuilder, ServerHealth};
pub use likeness::nearest_of;
pub use record::arguments_hash;
pub use request::IDEMPOTENCY_META_KEY;
pub use resource::ResourceUpdates;
pub use role::{Cost, RoleConfig};
pub use secret::{LocalSecrets, Secret, SecretError, SecretRef, SecretSource, Setting};
pub use spans::Traced;
pub use template::{Template, TemplateError};
