//! The host itself: built from the configuration, asked by every role, shut down last.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use chimera_domain::{Ambient, policy::RetryPolicy};
use futures::FutureExt as _;
use rmcp::{ServerHandler, ServiceExt as _};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    config::{ConfigError, HostConfig, ServerConfig, TransportConfig},
    connection::{Connection, Serve, Shared},
    error::CallError,
    figures,
    likeness::nearest_of,
    role::{Cost, RoleConfig},
    secret::{LocalSecrets, SecretSource},
    spans::Traced,
    template::Template,
};

/// Longest wait for background work at shutdown, after the connections are closed.
const SHUTDOWN_WAIT: Duration = Duration::from_secs(3);

/// Knows the servers and the roles. Cheap to clone; all clones share the connections.
#[derive(Debug, Clone)]
pub struct Host {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    connections: BTreeMap<String, Arc<Connection>>,
    roles: BTreeMap<String, Role>,
    shared: Shared,
}

/// A role with its template compiled.
#[derive(Debug)]
pub(crate) struct Role {
    pub(crate) config: RoleConfig,
    pub(crate) template: Template,
}

/// How a server is.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ServerHealth {
    /// Its configured name.
    pub name: String,
    /// Whether there is a live connection. Servers are connected at their first use.
    pub connected: bool,
    /// The negotiated protocol revision, while connected.
    pub revision: Option<String>,
    /// What it says it is: name and version. Untrusted.
    pub implementation: Option<String>,
    /// Its tools, once asked for (by [`Host::check`]).
    pub tools: Vec<String>,
    /// What went wrong last, if anything ever did.
    pub last_error: Option<String>,
}

/// Gathers what a [`Host`] needs.
pub struct HostBuilder {
    config: HostConfig,
    ambient: Arc<dyn Ambient>,
    secrets: Arc<dyn SecretSource>,
    serves: HashMap<String, Serve>,
}

impl HostBuilder {
    /// Registers a server of this program under a name. `make` gives a fresh handler for each connection. A name that
    /// the configuration doesn't mention gets default limits; one that it maps elsewhere is reached there instead.
    #[must_use]
    pub fn in_process<S, F>(self, name: impl Into<String>, make: F) -> Self
    where
        S: ServerHandler,
        F: Fn() -> S + Send + Sync + 'static,
    {
        self.in_process_with_line(name, move |_| make())
    }

    /// The same for a server that cuts connections, as platforms do: `make` also gets the line that its handler
    /// serves. Once the handler cancels it, nothing more gets through in either direction: calls under way end at once
    /// with [`CallError::Cut`], and the next call makes a new connection. The host cancels it at its shutdown.
    #[must_use]
    pub fn in_process_with_line<S, F>(mut self, name: impl Into<String>, make: F) -> Self
    where
        S: ServerHandler,
        F: Fn(CancellationToken) -> S + Send + Sync + 'static,
    {
        let serve: Serve = Arc::new(move |stream, line| {
            let handler = make(line.clone());
            async move {
                match Traced(handler).serve_with_ct(stream, line).await {
                    Ok(service) => {
                        // How it ended is the client's news.
                        let _ = service.waiting().await;
                    }
                    Err(error) => tracing::debug!(error = %error, "an in-process connection failed to greet"),
                }
            }
            .boxed()
        });
        self.serves.insert(name.into(), serve);
        self
    }

    /// Fetches secrets from here instead of from the environment and files.
    #[must_use]
    pub fn secrets(mut self, secrets: Arc<dyn SecretSource>) -> Self {
        self.secrets = secrets;
        self
    }

    /// Checks the configuration and makes the host. Nothing is started or connected yet.
    ///
    /// # Errors
    /// The first [`ConfigError`].
    pub fn build(mut self) -> Result<Host, ConfigError> {
        for name in self.serves.keys() {
            self.config.servers.entry(name.clone()).or_insert_with(|| ServerConfig::new(TransportConfig::InProcess));
        }
        let mut templates = self.config.compile()?;
        let shared = Shared {
            ambient: self.ambient,
            secrets: self.secrets,
            retry: self.config.retry,
            tracker: TaskTracker::new(),
            stop: CancellationToken::new(),
        };
        let mut connections = BTreeMap::new();
        for (name, config) in self.config.servers {
            let serve = self.serves.get(&name).cloned();
            if config.transport == TransportConfig::InProcess && serve.is_none() {
                let nearest = nearest_of(&name, self.serves.keys().map(String::as_str));
                return Err(ConfigError::NotRegistered { server: name, nearest });
            }
            figures::begin(&name);
            connections.insert(name.clone(), Arc::new(Connection::new(name, config, serve, shared.clone())));
        }
        let mut roles = BTreeMap::new();
        for (name, config) in self.config.roles {
            // Each role was compiled above.
            let Some(template) = templates.remove(&name) else { continue };
            roles.insert(name, Role { config, template });
        }
        Ok(Host { inner: Arc::new(Inner { connections, roles, shared }) })
    }
}

impl std::fmt::Debug for HostBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HostBuilder").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Host {
    /// Starts building a host.
    #[must_use]
    pub fn builder(config: HostConfig, ambient: Arc<dyn Ambient>) -> HostBuilder {
        HostBuilder { config, ambient, secrets: Arc::new(LocalSecrets), serves: HashMap::new() }
    }

    /// How every configured server is, by name.
    #[must_use]
    pub fn health(&self) -> Vec<ServerHealth> {
        self.inner.connections.values().map(|connection| connection.health()).collect()
    }

    /// The configured roles' names.
    pub fn role_names(&self) -> impl Iterator<Item = &str> {
        self.inner.roles.keys().map(String::as_str)
    }

    /// Whether a role is configured.
    #[must_use]
    pub fn has_role(&self, role: &str) -> bool {
        self.inner.roles.contains_key(role)
    }

    /// Whether a call of this role costs nothing for certain, whichever of its fallbacks answers.
    #[must_use]
    pub fn is_free(&self, role: &str) -> bool {
        let costs_nothing = |name: &str| self.role(name).is_some_and(|role| role.config.cost == Cost::None);
        costs_nothing(role) && self.role(role).is_some_and(|r| r.config.fallback.iter().all(|name| costs_nothing(name)))
    }

    /// Whether this role's template, or one of its fallbacks', asks for this variable.
    #[must_use]
    pub fn asks_for(&self, role: &str, variable: &str) -> bool {
        let asks = |name: &str| self.role(name).is_some_and(|role| role.template.uses(variable));
        asks(role) || self.role(role).is_some_and(|role| role.config.fallback.iter().any(|name| asks(name)))
    }

    /// Ends all connections: children get the chance to leave by themselves, then are killed. Calls fail from now on.
    pub async fn shutdown(&self) {
        let shared = &self.inner.shared;
        shared.stop.cancel();
        futures::future::join_all(self.inner.connections.values().map(|connection| connection.close())).await;
        shared.tracker.close();
        if tokio::time::timeout(SHUTDOWN_WAIT, shared.tracker.wait()).await.is_err() {
            tracing::warn!(tasks = shared.tracker.len(), "MCP background work did not end in time");
        }
    }

    pub(crate) fn role(&self, name: &str) -> Option<&Role> {
        self.inner.roles.get(name)
    }

    pub(crate) fn roles(&self) -> impl Iterator<Item = (&String, &Role)> {
        self.inner.roles.iter()
    }

    pub(crate) fn connections(&self) -> impl Iterator<Item = &Connection> {
        self.inner.connections.values().map(|c| &**c)
    }

    pub(crate) fn connection(&self, server: &str) -> Result<&Connection, CallError> {
        self.inner.connections.get(server).map(|c| &**c).ok_or_else(|| CallError::UnknownServer {
            server: server.to_owned(),
            nearest: nearest_of(server, self.inner.connections.keys().map(String::as_str)),
        })
    }

    pub(crate) fn ambient(&self) -> &dyn Ambient {
        &*self.inner.shared.ambient
    }

    pub(crate) fn retry(&self) -> RetryPolicy {
        self.inner.shared.retry
    }
}
