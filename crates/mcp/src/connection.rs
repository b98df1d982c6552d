//! One server: made on first use, shared by all calls, made anew after it died.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chimera_domain::{Ambient, error_chain, policy::RetryPolicy};
use futures::future::BoxFuture;
use rmcp::{
    RoleClient,
    model::Tool,
    service::{Peer, RunningService},
};
use tokio::{
    sync::{Mutex as AsyncMutex, OnceCell},
    time::Instant,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    config::ServerConfig,
    error::ConnectError,
    host::ServerHealth,
    limits::Gate,
    listener::Listener,
    open::{Opened, Opener},
    record::error_line,
    secret::{Redaction, SecretSource},
    within::ServerEnd,
};

/// Longest wait for a server to end its connection in an orderly way.
const CLOSE_WAIT: Duration = Duration::from_secs(7);

/// Serves one in-process connection until it ends or the token is cancelled.
pub(crate) type Serve = Arc<dyn Fn(ServerEnd, CancellationToken) -> BoxFuture<'static, ()> + Send + Sync>;

/// What all connections of a host share.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    pub(crate) ambient: Arc<dyn Ambient>,
    pub(crate) secrets: Arc<dyn SecretSource>,
    pub(crate) retry: RetryPolicy,
    pub(crate) tracker: TaskTracker,
    pub(crate) stop: CancellationToken,
}

/// A configured server, connected or not.
pub(crate) struct Connection {
    pub(crate) name: String,
    pub(crate) config: ServerConfig,
    pub(crate) gate: Gate,
    pub(crate) shared: Shared,
    serve: Option<Serve>,
    /// Held while connecting, so that many calls make one connection.
    pause: AsyncMutex<Pause>,
    link: Mutex<Option<Arc<Link>>>,
    last_error: Mutex<Option<String>>,
}

/// How long to leave a server alone that could not be reached.
#[derive(Debug, Default)]
struct Pause {
    failures: u32,
    until: Option<Instant>,
}

/// A live connection.
pub(crate) struct Link {
    pub(crate) peer: Peer<RoleClient>,
    pub(crate) listener: Listener,
    pub(crate) redaction: Redaction,
    /// Cancelled as soon as nothing more can come from the server.
    pub(crate) gone: CancellationToken,
    tools: OnceCell<Vec<Tool>>,
    service: AsyncMutex<RunningService<RoleClient, Listener>>,
}

impl Link {
    fn new(opened: Opened) -> Self {
        Self {
            peer: opened.service.peer().clone(),
            listener: opened.listener,
            redaction: opened.redaction,
            gone: opened.gone,
            tools: OnceCell::new(),
            service: AsyncMutex::new(opened.service),
        }
    }

    fn is_alive(&self) -> bool {
        !self.gone.is_cancelled() && !self.peer.is_transport_closed()
    }

    /// The negotiated revision, such as `2026-07-28`.
    pub(crate) fn revision(&self) -> Option<String> {
        self.peer.peer_info().map(|info| info.protocol_version.as_str().to_owned())
    }

    pub(crate) fn tools(&self) -> &OnceCell<Vec<Tool>> {
        &self.tools
    }
}

impl Connection {
    pub(crate) fn new(name: String, config: ServerConfig, serve: Option<Serve>, shared: Shared) -> Self {
        Self {
            gate: Gate::new(&config),
            name,
            config,
            shared,
            serve,
            pause: AsyncMutex::default(),
            link: Mutex::default(),
            last_error: Mutex::default(),
        }
    }

    /// The live connection, made if need be.
    pub(crate) async fn link(&self) -> Result<Arc<Link>, ConnectError> {
        if let Some(link) = self.live() {
            return Ok(link);
        }
        let mut pause = self.pause.lock().await;
        if let Some(link) = self.live() {
            return Ok(link);
        }
        if self.shared.stop.is_cancelled() {
            return Err(ConnectError::ShutDown);
        }
        if let Some(until) = pause.until
            && let Some(wait) = until.checked_duration_since(Instant::now()).filter(|w| !w.is_zero())
        {
            return Err(ConnectError::Pausing { wait_ms: whole_ms(wait) });
        }
        *self.slot() = None;
        let opener =
            Opener { name: &self.name, config: &self.config, serve: self.serve.as_ref(), shared: &self.shared };
        match Box::pin(opener.open()).await {
            Ok(opened) => {
                let link = Arc::new(Link::new(opened));
                tracing::info!(mcp_server = %self.name, revision = link.revision(), "connected to an MCP server");
                *pause = Pause::default();
                *self.slot() = Some(link.clone());
                Ok(link)
            }
            Err(error) => {
                pause.failures = pause.failures.saturating_add(1);
                pause.until = Some(Instant::now() + self.pause_after(pause.failures));
                self.failed(error_line(&error));
                tracing::warn!(mcp_server = %self.name, error = %error_chain(&error), "an MCP server can't be reached");
                Err(error)
            }
        }
    }

    /// Doubles with each failure in a row; at least half of the bound, so that a dead server is never hammered.
    fn pause_after(&self, failures: u32) -> Duration {
        let policy = RetryPolicy { attempts_max: u32::MAX, ..self.shared.retry };
        policy.delay(failures, self.shared.ambient.dice().midpoint(1.0)).unwrap_or_default()
    }

    fn live(&self) -> Option<Arc<Link>> {
        self.slot().as_ref().filter(|link| link.is_alive()).cloned()
    }

    fn slot(&self) -> std::sync::MutexGuard<'_, Option<Arc<Link>>> {
        self.link.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The live connection's secrets, to be struck out of what the server says.
    pub(crate) fn redaction(&self) -> Redaction {
        self.live().map(|link| link.redaction.clone()).unwrap_or_default()
    }

    /// Remembers what went wrong last, for the health report.
    pub(crate) fn failed(&self, error: String) {
        *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }

    pub(crate) fn health(&self) -> ServerHealth {
        let link = self.live();
        let link = link.as_deref();
        let info = link.and_then(|l| l.peer.peer_info());
        ServerHealth {
            name: self.name.clone(),
            connected: link.is_some(),
            revision: link.and_then(Link::revision),
            implementation: info
                .and_then(|i| i.server_info.as_ref().map(|server| format!("{} {}", server.name, server.version))),
            tools: link
                .and_then(|l| l.tools.get())
                .map(|tools| tools.iter().map(|t| t.name.to_string()).collect())
                .unwrap_or_default(),
            last_error: self.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    /// Ends the connection in an orderly way: a child gets the chance to leave by itself.
    pub(crate) async fn close(&self) {
        let link = self.slot().take();
        if let Some(link) = link
            && !matches!(link.service.lock().await.close_with_timeout(CLOSE_WAIT).await, Ok(Some(_)))
        {
            tracing::warn!(mcp_server = %self.name, "an MCP server did not end its connection in time");
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Milliseconds, rounded up.
pub(crate) fn whole_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros().div_ceil(1_000)).unwrap_or(u64::MAX)
}
