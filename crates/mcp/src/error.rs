//! How a call fails, and what that means for its effect on the world.

use std::time::Duration;

use crate::{secret::SecretError, template::TemplateError};

/// What a failed call means for the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallClass {
    /// The tool, or the host, said no. Calling again won't help.
    Refused,
    /// There was certainly no effect. Calling again later may help.
    Failed,
    /// The call may or may not have had its effect. Look before calling again.
    Unknown,
}

/// Why a call gave no answer. Texts from a server are cut to one line and stripped of the connection's secrets.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// No such role.
    #[error("no tool role {role:?} is configured{}", crate::likeness::hint(.nearest.as_deref()))]
    UnknownRole {
        /// What was asked for.
        role: String,
        /// A configured name that looks like it.
        nearest: Option<String>,
    },
    /// No such server.
    #[error("no MCP server {server:?} is configured{}", crate::likeness::hint(.nearest.as_deref()))]
    UnknownServer {
        /// What was asked for.
        server: String,
        /// A configured name that looks like it.
        nearest: Option<String>,
    },
    /// The variables don't fill the role's template.
    #[error("role {role}")]
    Arguments {
        /// The role.
        role: String,
        /// What is missing.
        #[source]
        source: TemplateError,
    },
    /// The tool answered with an error.
    #[error("{server}/{tool} refused: {message}")]
    Tool {
        /// The server.
        server: String,
        /// The tool.
        tool: String,
        /// What it said.
        message: String,
        /// What the error says about trying again.
        hint: RetryHint,
    },
    /// The server answered with a protocol error.
    #[error("{server} answered {tool} with error {code}: {message}")]
    Protocol {
        /// The server.
        server: String,
        /// The tool or method.
        tool: String,
        /// The JSON-RPC code.
        code: i32,
        /// What it said.
        message: String,
    },
    /// No connection; nothing was sent.
    #[error("MCP server {server} can't be reached")]
    Connect {
        /// The server.
        server: String,
        /// Why.
        #[source]
        source: Box<ConnectError>,
    },
    /// All slots taken, or the rate limit reached, for longer than the call may take; nothing was sent.
    #[error("{server} is busy: no {what} within {waited_ms} ms")]
    Busy {
        /// The server.
        server: String,
        /// What was waited for.
        what: &'static str,
        /// How long, in milliseconds.
        waited_ms: u64,
    },
    /// The server asked to slow down before doing anything (HTTP 429).
    #[error("{server} asked to slow down")]
    Throttled {
        /// The server.
        server: String,
        /// How long it asked to wait.
        retry_after: Option<Duration>,
    },
    /// The caller's permit was refused when everything else was ready; nothing was sent.
    #[error("{tool} was not sent to {server}: {why}")]
    Withheld {
        /// The server.
        server: String,
        /// The tool or method.
        tool: String,
        /// Why.
        why: String,
    },
    /// The request could not be sent.
    #[error("{tool} could not be sent to {server}")]
    NotSent {
        /// The server.
        server: String,
        /// The tool or method.
        tool: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The caller ended it.
    #[error("{tool} on {server} was cancelled {}", if *.sent { "after it was sent" } else { "before it was sent" })]
    Cancelled {
        /// The server.
        server: String,
        /// The tool or method.
        tool: String,
        /// Whether the server had got it.
        sent: bool,
    },
    /// No answer in time; the server was told to stop.
    #[error("{server} gave no answer to {tool} within {after_ms} ms")]
    Timeout {
        /// The server.
        server: String,
        /// The tool or method.
        tool: String,
        /// How long it had, in milliseconds.
        after_ms: u64,
    },
    /// The connection broke after the request was sent.
    #[error("the connection to {server} broke during {tool}")]
    Cut {
        /// The server.
        server: String,
        /// The tool or method.
        tool: String,
        /// Why, if known.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// The answer is larger than the server may send.
    #[error(
        "{server} answered {tool} with more than {bytes_max} bytes (raise mcp.servers.{server}.output_bytes_max if that is right)"
    )]
    TooLarge {
        /// The server.
        server: String,
        /// The tool or method.
        tool: String,
        /// The limit.
        bytes_max: usize,
    },
    /// The answer can't be read.
    #[error("{server} answered {tool} with {what}")]
    Malformed {
        /// The server.
        server: String,
        /// The tool or method.
        tool: String,
        /// What is wrong with it.
        what: &'static str,
    },
}

/// What a tool's error says about trying again: `{"error": {"retryable": true, "retry_after_ms": 500, "effect": "none"}}`
/// in its structured content. The effect is `none`, `unknown`, or `exists`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RetryHint {
    /// Calling again may help.
    pub retryable: bool,
    /// The least to wait before.
    pub retry_after: Option<Duration>,
    /// The tool itself can't tell whether it had its effect (`"effect": "unknown"`).
    pub effect_unknown: bool,
    /// What was to be made is there already (`"effect": "exists"`).
    pub exists: bool,
}

impl CallError {
    /// What it means for the caller.
    #[must_use]
    pub fn class(&self) -> CallClass {
        match self {
            Self::Tool { hint, .. } if hint.effect_unknown => CallClass::Unknown,
            Self::Tool { hint, .. } if hint.retryable => CallClass::Failed,
            Self::UnknownRole { .. }
            | Self::UnknownServer { .. }
            | Self::Arguments { .. }
            | Self::Tool { .. }
            | Self::Withheld { .. } => CallClass::Refused,
            Self::Protocol { code, .. } => protocol_class(*code),
            Self::Connect { .. } | Self::Busy { .. } | Self::Throttled { .. } | Self::NotSent { .. } => {
                CallClass::Failed
            }
            Self::Cancelled { sent: false, .. } => CallClass::Failed,
            Self::Cancelled { .. }
            | Self::Timeout { .. }
            | Self::Cut { .. }
            | Self::TooLarge { .. }
            | Self::Malformed { .. } => CallClass::Unknown,
        }
    }

    /// A name for what went wrong, of which there are few: for metrics.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::UnknownRole { .. } | Self::UnknownServer { .. } | Self::Arguments { .. } => "configuration",
            Self::Tool { .. } => "tool",
            Self::Protocol { .. } => "protocol",
            Self::Connect { .. } => "connect",
            Self::Busy { .. } => "busy",
            Self::Throttled { .. } => "throttled",
            Self::NotSent { .. } => "not_sent",
            Self::Cancelled { .. } => "cancelled",
            Self::Timeout { .. } => "timeout",
            Self::Cut { .. } => "cut",
            Self::TooLarge { .. } => "too_large",
            Self::Malformed { .. } => "malformed",
            Self::Withheld { .. } => "withheld",
        }
    }

    /// Whether the tool refused because what was to be made is there already.
    #[must_use]
    pub const fn says_it_exists(&self) -> bool {
        matches!(self, Self::Tool { hint: RetryHint { exists: true, .. }, .. })
    }

    /// Whether the same call may go better, if it is safe to repeat.
    #[must_use]
    pub fn worth_retrying(&self) -> bool {
        match self {
            Self::Cancelled { .. } | Self::TooLarge { .. } | Self::Malformed { .. } => false,
            Self::Tool { hint, .. } => hint.retryable,
            Self::Connect { source, .. } => source.is_passing(),
            other => other.class() != CallClass::Refused,
        }
    }

    /// The least to wait before the next attempt, if the server, or a pause after failed connections, says so.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Tool { hint, .. } => hint.retry_after,
            Self::Throttled { retry_after, .. } => *retry_after,
            Self::Connect { source, .. } => match **source {
                ConnectError::Pausing { wait_ms } => Some(Duration::from_millis(wait_ms)),
                _ => None,
            },
            _ => None,
        }
    }
}

/// JSON-RPC errors that come before the tool runs refuse; the others leave its effect open.
fn protocol_class(code: i32) -> CallClass {
    match code {
        // Parse error, invalid request, method not found, invalid params, resource not found, header mismatch,
        // missing capability, unsupported version.
        -32700 | -32600 | -32601 | -32602 | -32002 | -32020 | -32021 | -32022 => CallClass::Refused,
        _ => CallClass::Unknown,
    }
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// A credential can't be had.
    #[error("a secret that it needs can't be had")]
    Secret(#[source] SecretError),
    /// A header or variable can't hold its secret.
    #[error("the value of {name} holds characters that can't be sent")]
    Unsendable {
        /// The header or variable.
        name: String,
    },
    /// The program did not start.
    #[error("{command:?} did not start (is it installed, and on PATH?)")]
    Spawn {
        /// The program.
        command: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The process has no TLS.
    #[error("this process has no TLS provider (install one first thing in main, even for http://)")]
    NoTls,
    /// The HTTP client could not be made.
    #[error("the HTTP client can't be made")]
    HttpClient(#[source] reqwest::Error),
    /// The server and the host found no common language.
    #[error("the MCP handshake failed{}", said(.stderr))]
    Handshake {
        /// The last words on its standard error, if it has one.
        stderr: String,
        /// Why.
        #[source]
        source: Box<rmcp::service::ClientInitializeError>,
    },
    /// No handshake in time.
    #[error("no MCP handshake within {after_ms} ms{}", said(.stderr))]
    TimedOut {
        /// How long it had, in milliseconds.
        after_ms: u64,
        /// The last words on its standard error, if it has one.
        stderr: String,
    },
    /// It failed just now; the host waits before it tries again.
    #[error("it failed just now; trying again in {wait_ms} ms")]
    Pausing {
        /// How long until then, in milliseconds.
        wait_ms: u64,
    },
    /// The host is shutting down.
    #[error("the host is shutting down")]
    ShutDown,
}

fn said(stderr: &str) -> String {
    if stderr.is_empty() { String::new() } else { format!("; it said: {stderr}") }
}

impl ConnectError {
    /// Whether waiting may mend it.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Handshake { .. } | Self::TimedOut { .. } | Self::Pausing { .. })
    }
}
