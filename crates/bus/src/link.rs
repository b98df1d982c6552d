//! The connection to Redis that queues and counters share.

use std::{fmt, time::Duration};

use redis::{
    AsyncConnectionConfig, Client, Cmd, ErrorKind, FromRedisValue, IntoConnectionInfo as _, Pipeline, RedisError,
    RedisResult, ScriptInvocation, ServerErrorKind,
    aio::{ConnectionManager, ConnectionManagerConfig, MultiplexedConnection, PubSubStream},
    io::tcp::{TcpSettings, socket2::TcpKeepalive},
};

/// What every key starts with unless the configuration says otherwise.
pub const DEFAULT_PREFIX: &str = "chimera";

/// A longer prefix only costs memory, once per key.
const PREFIX_BYTES_MAX: usize = 64;

/// A silent peer is probed after this long.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// The longest that any command of this crate waits at the server: then takers look for what fell due while the one who
/// knew was busy, and for what others forgot.
pub(crate) const WAIT_MAX: Duration = Duration::from_secs(2);

/// The pause before the one further attempt to connect.
const CONNECT_AGAIN_AFTER: Duration = Duration::from_millis(50);

/// Where Redis is and how long to wait for it.
///
/// The server must be 7.0 or newer. Keys may be lost, but only all together: set `maxmemory-policy noeviction`.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisConfig {
    /// `redis://[user:password@]host[:port][/database]`, or `rediss://` for TLS, or `unix:///path`.
    pub url: String,
    /// What every key starts with, so that several installations can share a server: 1 to 64 bytes without `{`, `}`,
    /// white space and control characters.
    pub prefix: String,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long an answer may take, beyond the time a command was asked to wait.
    pub response_timeout: Duration,
}

impl RedisConfig {
    /// This server with the default prefix ([`DEFAULT_PREFIX`]), 2 seconds to connect and 5 to answer.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            prefix: DEFAULT_PREFIX.to_owned(),
            connect_timeout: Duration::from_secs(2),
            response_timeout: Duration::from_secs(5),
        }
    }
}

impl RedisConfig {
    /// Whether a server can be looked for with this: asks nobody.
    ///
    /// # Errors
    /// [`RedisLinkError::Url`] and [`RedisLinkError::Prefix`].
    pub fn check(&self) -> Result<(), RedisLinkError> {
        self.client().map(drop)
    }

    fn client(&self) -> Result<Client, RedisLinkError> {
        let prefix = &self.prefix;
        let breaks_keys = |c: char| c == '{' || c == '}' || c.is_whitespace() || c.is_control();
        if prefix.is_empty() || prefix.len() > PREFIX_BYTES_MAX || prefix.contains(breaks_keys) {
            return Err(RedisLinkError::Prefix { prefix: prefix.clone() });
        }
        let url = |source| RedisLinkError::Url { source };
        let info = self.url.as_str().into_connection_info().map_err(url)?.set_tcp_settings(tcp_settings(self));
        Client::open(info).map_err(url)
    }
}

impl fmt::Debug for RedisConfig {
    /// Without the URL: it may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url: _, prefix, connect_timeout, response_timeout } = self;
        f.debug_struct("RedisConfig")
            .field("prefix", prefix)
            .field("connect_timeout", connect_timeout)
            .field("response_timeout", response_timeout)
            .finish_non_exhaustive()
    }
}

/// Why Redis can't be used. None of these shows the URL's password.
#[derive(Debug, thiserror::Error)]
pub enum RedisLinkError {
    /// The URL is no Redis URL.
    #[error(
        "the Redis URL can't be used; want redis://[user:password@]host[:port][/database], rediss://... or unix:///path"
    )]
    Url {
        /// Why.
        #[source]
        source: RedisError,
    },
    /// The prefix would break the keys' hash tags.
    #[error("the Redis key prefix {prefix:?} can't be used; want 1 to 64 bytes without braces or white space")]
    Prefix {
        /// The refused prefix.
        prefix: String,
    },
    /// The server does not answer.
    #[error("Redis at {address} does not answer: see whether it runs, and whether `queue.url` is right")]
    Unreachable {
        /// Host and port, or the socket's path.
        address: String,
        /// Why.
        #[source]
        source: RedisError,
    },
    /// The server, or what answers in its place, will not serve us until somebody changes something.
    #[error("Redis at {address} {why}")]
    Refused {
        /// Host and port, or the socket's path.
        address: String,
        /// Why.
        why: RedisRefusal,
        /// What it said.
        #[source]
        source: RedisError,
    },
}

/// Why a Redis that answers will not serve us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RedisRefusal {
    /// The user or the password is wrong, or missing.
    #[error("refuses the user or the password: correct `queue.url`")]
    Credentials,
    /// The user may not do what queues and counters need.
    #[error(
        "does not let this user do what queues and counters need: give it the rights +@all (or at least streams, sorted \
         sets, hashes, scripts and pub/sub) on keys and channels below `queue.prefix`, as with \
         ACL SETUSER name ~chimera:* &chimera:* +@all"
    )]
    Rights,
    /// There is no database of that number.
    #[error("has no database of the number in `queue.url`: correct it, or raise `databases` of the server")]
    Database,
    /// It takes no writes.
    #[error("takes no writes: it is a replica; let `queue.url` name the primary")]
    ReadOnly,
    /// What answers there is no Redis of version 7.0 or newer.
    #[error("does not answer like a Redis of version 7.0 or newer: correct `queue.url`")]
    NoRedis,
}

impl RedisRefusal {
    /// What an error says that waiting does not mend, if it says that.
    fn of(error: &RedisError) -> Option<Self> {
        if let Some("WRONGPASS" | "NOAUTH" | "NOPERM" | "READONLY") = error.code() {
            return match error.code() {
                Some("NOPERM") => Some(Self::Rights),
                Some("READONLY") => Some(Self::ReadOnly),
                _ => Some(Self::Credentials),
            };
        }
        let said = error.to_string();
        match error.kind() {
            ErrorKind::AuthenticationFailed => Some(Self::Credentials),
            ErrorKind::Parse | ErrorKind::RESP3NotSupported => Some(Self::NoRedis),
            ErrorKind::Server(ServerErrorKind::ResponseError) if said.contains("unknown command") => {
                Some(Self::NoRedis)
            }
            ErrorKind::Server(ServerErrorKind::ResponseError) if said.contains("DB index") => Some(Self::Database),
            // The client's own words for a database that could not be selected.
            _ if said.contains("refused to switch database") => Some(Self::Database),
            _ => None,
        }
    }
}

/// A connection to Redis that heals by itself. Clones share it.
#[derive(Clone)]
pub struct RedisLink {
    client: Client,
    commands: ConnectionManager,
    blocking: AsyncConnectionConfig,
    subscribe_timeout: Duration,
    prefix: String,
}

impl fmt::Debug for RedisLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisLink")
            .field("address", &self.address())
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

impl RedisLink {
    /// A link that connects on first use, so that a process can start before its Redis does; see [`Self::ping`].
    ///
    /// # Errors
    /// [`RedisLinkError::Url`] and [`RedisLinkError::Prefix`] for a configuration that can't be right.
    pub async fn open(config: &RedisConfig) -> Result<Self, RedisLinkError> {
        let client = config.client()?;
        let managing = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(config.connect_timeout))
            .set_response_timeout(Some(config.response_timeout))
            .set_number_of_retries(1)
            .set_min_delay(CONNECT_AGAIN_AFTER);
        let commands = ConnectionManager::new_lazy_with_config(client.clone(), managing)
            .map_err(|source| RedisLinkError::Url { source })?;
        let blocking = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(config.connect_timeout))
            .set_response_timeout(Some(WAIT_MAX + config.response_timeout));
        let subscribe_timeout = config.connect_timeout + config.response_timeout;
        Ok(Self { client, commands, blocking, subscribe_timeout, prefix: config.prefix.clone() })
    }

    /// Asks whether the server is there: for readiness checks.
    ///
    /// # Errors
    /// [`RedisLinkError::Unreachable`], or [`RedisLinkError::Refused`] where waiting does not help.
    pub async fn ping(&self) -> Result<(), RedisLinkError> {
        self.command(&redis::cmd("PING")).await.map_err(|source| self.explain(source))
    }

    /// Asks whether the server is there and lets us do all that queues and counters need. Nothing is changed by it.
    ///
    /// # Errors
    /// As for [`Self::ping`].
    pub async fn try_out(&self) -> Result<(), RedisLinkError> {
        self.ping().await?;
        let key = format!("{}:{{try-out}}", self.prefix);
        let mut all = redis::pipe();
        all.cmd("XDEL").arg(&key).arg("0-0").ignore();
        all.cmd("XRANGE").arg(&key).arg("-").arg("+").ignore();
        all.cmd("ZREM").arg(&key).arg("none").ignore();
        all.cmd("HDEL").arg(&key).arg("none").ignore();
        all.cmd("EVAL").arg("return redis.call('DEL', KEYS[1])").arg(1).arg(&key).ignore();
        all.cmd("PUBLISH").arg(&key).arg("").ignore();
        self.pipeline::<()>(&all).await.map_err(|source| self.explain(source))
    }

    pub(crate) fn explain(&self, source: RedisError) -> RedisLinkError {
        let address = self.address();
        match RedisRefusal::of(&source) {
            Some(why) => RedisLinkError::Refused { address, why, source },
            None => RedisLinkError::Unreachable { address, source },
        }
    }

    /// What every key starts with.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    fn address(&self) -> String {
        self.client.get_connection_info().addr().to_string()
    }

    pub(crate) async fn command<T: FromRedisValue>(&self, command: &Cmd) -> RedisResult<T> {
        match command.query_async(&mut self.commands.clone()).await {
            Err(error) if is_cut(&error) => command.query_async(&mut self.commands.clone()).await,
            other => other,
        }
    }

    pub(crate) async fn pipeline<T: FromRedisValue>(&self, pipeline: &Pipeline) -> RedisResult<T> {
        match pipeline.query_async(&mut self.commands.clone()).await {
            Err(error) if is_cut(&error) => pipeline.query_async(&mut self.commands.clone()).await,
            other => other,
        }
    }

    /// Runs a script by its hash; a server that does not know it is given it.
    pub(crate) async fn script<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> RedisResult<T> {
        match script.invoke_async(&mut self.commands.clone()).await {
            Err(error) if is_cut(&error) => script.invoke_async(&mut self.commands.clone()).await,
            other => other,
        }
    }

    /// A connection of one's own, for commands that wait.
    pub(crate) async fn connect(&self) -> RedisResult<MultiplexedConnection> {
        self.client.get_multiplexed_async_connection_with_config(&self.blocking).await
    }

    /// The messages of a channel from now on, over a connection of their own. They end when it does.
    pub(crate) async fn subscribe(&self, channel: &str) -> RedisResult<PubSubStream> {
        let subscribing = async {
            let mut connection = self.client.get_async_pubsub().await?;
            connection.subscribe(channel).await?;
            Ok(connection.into_on_message())
        };
        // The client's own timeouts are for connections that send commands.
        let late = |_| RedisError::from(std::io::Error::from(std::io::ErrorKind::TimedOut));
        tokio::time::timeout(self.subscribe_timeout, subscribing).await.map_err(late)?
    }
}

fn tcp_settings(config: &RedisConfig) -> TcpSettings {
    let settings = TcpSettings::default().set_nodelay(true).set_keepalive(TcpKeepalive::new().with_time(KEEPALIVE));
    #[cfg(target_os = "linux")]
    let settings = settings.set_user_timeout(config.connect_timeout + config.response_timeout);
    settings
}

/// The connection ended under the command, as after a restart of the server. Everything this crate sends may be sent
/// again, so it is, once, over the new connection; a command that timed out is not, for the server may be overloaded.
pub(crate) fn is_cut(error: &RedisError) -> bool {
    error.is_connection_dropped() && !error.is_timeout()
}
