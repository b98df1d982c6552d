//! One logging setup for every role: logs go to standard error, as text for people or JSON lines for programs.

use std::io::IsTerminal as _;

use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _};

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// One readable line each.
    #[default]
    Text,
    /// One JSON object each.
    Json,
}

/// Logging was set up before.
#[derive(Debug, thiserror::Error)]
#[error("logging is already set up in this process")]
pub struct AlreadySetUp(#[source] tracing_subscriber::util::TryInitError);

/// A filter that can't be read.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter's syntax.
    #[error("log filter {filter:?} can't be read (want something like `info` or `warn,chimera_mcp=debug`)")]
    Filter {
        /// As given.
        filter: String,
        /// Why.
        #[source]
        source: tracing_subscriber::filter::ParseError,
    },
    /// Set up twice.
    #[error(transparent)]
    AlreadySetUp(#[from] AlreadySetUp),
}

/// Sets up logging for the whole process. Call once, first thing in `main`.
///
/// # Errors
/// [`TelemetryError`] when the filter can't be read or logging is already set up.
pub fn init(filter: &str, format: LogFormat) -> Result<(), TelemetryError> {
    let parsed =
        EnvFilter::try_new(filter).map_err(|source| TelemetryError::Filter { filter: filter.to_owned(), source })?;
    let registry = tracing_subscriber::registry().with(parsed);
    let done = match format {
        LogFormat::Text => {
            let color = std::io::stderr().is_terminal();
            registry.with(fmt::layer().with_writer(std::io::stderr).with_ansi(color).with_target(false)).try_init()
        }
        LogFormat::Json => {
            registry.with(fmt::layer().json().flatten_event(true).with_writer(std::io::stderr)).try_init()
        }
    };
    Ok(done.map_err(AlreadySetUp)?)
}
