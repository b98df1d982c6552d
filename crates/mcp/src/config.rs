//! The host's configuration: servers by name, and the retry policy. Roles have their own file, `role.rs`.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use chimera_domain::policy::RetryPolicy;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::{likeness::hint, role::RoleConfig, secret::Setting, template::Template};

/// Headers that the transport sets itself.
const HEADERS_RESERVED: [&str; 6] =
    ["accept", "content-type", "host", "last-event-id", "mcp-protocol-version", "mcp-session-id"];

/// Last words of a variable's or header's name that mark its value as a secret.
const SECRET_WORDS: [&str; 7] = ["authorization", "cookie", "key", "password", "secret", "token", "credentials"];

/// Largest accepted message, whatever the configuration says: 1 GiB.
const OUTPUT_BYTES_CAP: usize = 1 << 30;

/// Everything that the host needs to know.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HostConfig {
    /// The servers, by name.
    pub servers: BTreeMap<String, ServerConfig>,
    /// What the workers call: a role names a tool of a server and shapes its arguments.
    pub roles: BTreeMap<String, RoleConfig>,
    /// How idempotent calls are tried again, and how soon a server that can't be reached is.
    pub retry: RetryPolicy,
}

/// One MCP server and the limits it is held to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServerConfig {
    /// How it is reached.
    pub transport: TransportConfig,
    /// Longest silence of one call, in milliseconds; a progress notification starts it anew.
    #[serde(default = "defaults::timeout_ms")]
    pub timeout_ms: u64,
    /// Longest duration of one call however much progress it reports, in milliseconds; ten silences if absent.
    #[serde(default)]
    pub timeout_total_ms: Option<u64>,
    /// Longest start and handshake, in milliseconds. An old server that ignores the first question costs ten seconds.
    #[serde(default = "defaults::connect_timeout_ms")]
    pub connect_timeout_ms: u64,
    /// Calls at the same time.
    #[serde(default = "defaults::concurrency")]
    pub concurrency: usize,
    /// Calls per second in the long run; unlimited if absent. May be below one.
    #[serde(default)]
    pub rate_limit_per_second: Option<f64>,
    /// Calls that may come at once after a pause.
    #[serde(default = "defaults::burst")]
    pub rate_limit_burst: u32,
    /// Largest message accepted from the server, in bytes. Media travel as base64: a third more than their size.
    #[serde(default = "defaults::output_bytes_max")]
    pub output_bytes_max: usize,
    /// Which protocol revision to speak.
    #[serde(default)]
    pub revision: Revision,
}

/// How a server is reached.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum TransportConfig {
    /// A child process that speaks on its standard streams.
    Stdio {
        /// The program, found on `PATH` unless it is a path.
        command: String,
        /// Its arguments. Other users can see them: put secrets into `env`.
        #[serde(default)]
        args: Vec<String>,
        /// Its environment beyond `PATH`, `HOME`, the locale and the temporary folder; nothing else is inherited.
        #[serde(default)]
        env: BTreeMap<String, Setting>,
        /// Its working directory.
        #[serde(default)]
        cwd: Option<PathBuf>,
    },
    /// A streamable HTTP endpoint.
    Http {
        /// `https://...`, or `http://...` for a host you trust the way to.
        #[schemars(with = "String", url)]
        url: Url,
        /// Headers of every request.
        #[serde(default)]
        headers: BTreeMap<String, Setting>,
    },
    /// A server that the composition root registers under this name.
    InProcess,
}

/// A protocol revision to speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub enum Revision {
    /// The newest that both sides speak.
    #[default]
    #[serde(rename = "auto")]
    Auto,
    /// The stateless revision only.
    #[serde(rename = "2026-07-28")]
    V20260728,
    /// `initialize` at once, for old servers that choke on anything else.
    #[serde(rename = "2025-11-25")]
    V20251125,
}

mod defaults {
    pub(super) const fn timeout_ms() -> u64 {
        60_000
    }
    pub(super) const fn connect_timeout_ms() -> u64 {
        30_000
    }
    pub(super) const fn concurrency() -> usize {
        8
    }
    pub(super) const fn burst() -> u32 {
        1
    }
    pub(super) const fn output_bytes_max() -> usize {
        64 * 1024 * 1024
    }
}

/// What is wrong with the configuration. Every text names the key and the way out.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A number that can't be.
    #[error("mcp.servers.{server}.{key} is {value}: want {want}")]
    OutOfRange {
        /// The server.
        server: String,
        /// The key beneath it.
        key: &'static str,
        /// What it is.
        value: String,
        /// What it should be.
        want: &'static str,
    },
    /// No program to start.
    #[error("mcp.servers.{server}.transport.stdio.command is empty: name the program to start")]
    NoCommand {
        /// The server.
        server: String,
    },
    /// Not a URL that can be called.
    #[error(
        "mcp.servers.{server}.transport.http.url is {url}: want http://... or https://... without a user or password"
    )]
    BadUrl {
        /// The server.
        server: String,
        /// The URL, without its credentials.
        url: String,
    },
    /// A header that can't be set.
    #[error("mcp.servers.{server}.transport.http.headers: {header:?} is no header that can be set here")]
    BadHeader {
        /// The server.
        server: String,
        /// The header.
        header: String,
    },
    /// A variable's name that the system would refuse.
    #[error("mcp.servers.{server}.transport.stdio.env: {name:?} is no name for a variable")]
    BadVariable {
        /// The server.
        server: String,
        /// The name.
        name: String,
    },
    /// A secret written out.
    #[error(
        "mcp.servers.{server}: the value of {name} must be a reference such as secret://env/NAME, not the secret itself"
    )]
    PlainSecret {
        /// The server.
        server: String,
        /// The variable or header.
        name: String,
    },
    /// An in-process server that nobody registered.
    #[error("mcp.servers.{server} is in_process, but this program has no such server{}", hint(.nearest.as_deref()))]
    NotRegistered {
        /// The server.
        server: String,
        /// A registered name that looks like it.
        nearest: Option<String>,
    },
    /// A role on a server that isn't there.
    #[error("mcp.roles.{role}.server is {server:?}: no such server{}", hint(.nearest.as_deref()))]
    UnknownServer {
        /// The role.
        role: String,
        /// The server it names.
        server: String,
        /// A configured name that looks like it.
        nearest: Option<String>,
    },
    /// A fallback that isn't there, or leads back.
    #[error("mcp.roles.{role}.fallback: {fallback:?} {problem}")]
    BadFallback {
        /// The role.
        role: String,
        /// The fallback it names.
        fallback: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Not a JSON pointer.
    #[error("mcp.roles.{role}.{key} is {pointer:?}: want a JSON pointer such as /post/id")]
    BadPointer {
        /// The role.
        role: String,
        /// The key beneath it.
        key: String,
        /// What it is.
        pointer: String,
    },
    /// A role's timeout that can't be.
    #[error("mcp.roles.{role}.timeout_ms is 0: want at least 1")]
    NoTime {
        /// The role.
        role: String,
    },
    /// A role's argument template is malformed.
    #[error("mcp.roles.{role}.arguments")]
    Template {
        /// The role.
        role: String,
        /// Why.
        #[source]
        source: crate::TemplateError,
    },
    /// The retry policy never tries.
    #[error("mcp.retry.attempts_max is 0: want at least 1")]
    NoAttempts,
}

impl ServerConfig {
    /// A server with default limits.
    #[must_use]
    pub fn new(transport: TransportConfig) -> Self {
        Self {
            transport,
            timeout_ms: defaults::timeout_ms(),
            timeout_total_ms: None,
            connect_timeout_ms: defaults::connect_timeout_ms(),
            concurrency: defaults::concurrency(),
            rate_limit_per_second: None,
            rate_limit_burst: defaults::burst(),
            output_bytes_max: defaults::output_bytes_max(),
            revision: Revision::default(),
        }
    }

    pub(crate) fn connect_timeout(&self) -> Duration {
        Duration::from_millis(self.connect_timeout_ms)
    }

    pub(crate) fn validate(&self, server: &str) -> Result<(), ConfigError> {
        let refuse =
            |key, value: String, want| Err(ConfigError::OutOfRange { server: server.to_owned(), key, value, want });
        if self.timeout_ms == 0 {
            return refuse("timeout_ms", "0".into(), "at least 1");
        }
        if self.timeout_total_ms.is_some_and(|total| total < self.timeout_ms) {
            return refuse("timeout_total_ms", format!("{:?}", self.timeout_total_ms), "no less than timeout_ms");
        }
        if self.connect_timeout_ms == 0 {
            return refuse("connect_timeout_ms", "0".into(), "at least 1");
        }
        if !(1..=10_000).contains(&self.concurrency) {
            return refuse("concurrency", self.concurrency.to_string(), "1 to 10000");
        }
        if let Some(rate) = self.rate_limit_per_second
            && !(0.000_1..=100_000.0).contains(&rate)
        {
            return refuse("rate_limit_per_second", rate.to_string(), "0.0001 to 100000");
        }
        if self.rate_limit_burst == 0 {
            return refuse("rate_limit_burst", "0".into(), "at least 1");
        }
        if !(1024..=OUTPUT_BYTES_CAP).contains(&self.output_bytes_max) {
            return refuse("output_bytes_max", self.output_bytes_max.to_string(), "1024 to 1073741824");
        }
        self.transport.validate(server)
    }
}

impl TransportConfig {
    fn validate(&self, server: &str) -> Result<(), ConfigError> {
        match self {
            Self::InProcess => Ok(()),
            Self::Stdio { command, env, .. } => {
                if command.trim().is_empty() {
                    return Err(ConfigError::NoCommand { server: server.to_owned() });
                }
                if let Some(name) = env.keys().find(|name| name.is_empty() || name.contains(['=', '\0'])) {
                    return Err(ConfigError::BadVariable { server: server.to_owned(), name: name.clone() });
                }
                no_plain_secret(server, env)
            }
            Self::Http { url, headers } => {
                let callable = matches!(url.scheme(), "http" | "https") && url.has_host();
                if !callable || !url.username().is_empty() || url.password().is_some() {
                    let mut shown = url.clone();
                    // These two fail only for URLs that have no credentials to hide.
                    let _ = shown.set_username("");
                    let _ = shown.set_password(None);
                    return Err(ConfigError::BadUrl { server: server.to_owned(), url: shown.to_string() });
                }
                for header in headers.keys() {
                    let reserved = HEADERS_RESERVED.contains(&header.to_ascii_lowercase().as_str());
                    if reserved || http::HeaderName::try_from(header.as_str()).is_err() {
                        return Err(ConfigError::BadHeader { server: server.to_owned(), header: header.clone() });
                    }
                }
                no_plain_secret(server, headers)
            }
        }
    }
}

fn no_plain_secret(server: &str, settings: &BTreeMap<String, Setting>) -> Result<(), ConfigError> {
    let looks_secret = |name: &str| {
        let name = name.to_ascii_lowercase();
        name.rsplit(['_', '-']).next().is_some_and(|word| SECRET_WORDS.contains(&word))
    };
    match settings.iter().find(|(name, value)| !value.is_secret() && looks_secret(name)) {
        None => Ok(()),
        Some((name, _)) => Err(ConfigError::PlainSecret { server: server.to_owned(), name: name.clone() }),
    }
}

impl HostConfig {
    /// Checks all that can be checked without asking a server.
    ///
    /// # Errors
    /// The first [`ConfigError`], naming the key.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.compile().map(drop)
    }

    /// The same, and every role's template by the role's name, since checking it makes it.
    pub(crate) fn compile(&self) -> Result<BTreeMap<String, Template>, ConfigError> {
        if self.retry.attempts_max == 0 {
            return Err(ConfigError::NoAttempts);
        }
        for (name, server) in &self.servers {
            server.validate(name)?;
        }
        self.roles.iter().map(|(name, role)| Ok((name.clone(), role.compile(name, self)?))).collect()
    }
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
