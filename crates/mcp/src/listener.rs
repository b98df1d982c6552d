//! Our side of a connection: what a server may tell us unasked. It may report progress and changed resources; it may
//! not ask for anything (no sampling, no roots, no input from a person).

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use rmcp::{
    ClientHandler, RoleClient,
    model::{
        ClientCapabilities, ClientConfig, Implementation, ProgressNotificationParam, ProgressToken, ProtocolVersion,
        ResourceUpdatedNotificationParam,
    },
    service::NotificationContext,
};
use tokio::sync::{Notify, broadcast};

/// Updates kept for a slow subscriber; it is told when it missed some.
const UPDATES_KEPT: usize = 256;

/// Receives a connection's notifications.
#[derive(Debug, Clone)]
pub(crate) struct Listener {
    progress: Arc<Mutex<HashMap<ProgressToken, Arc<Notify>>>>,
    updates: broadcast::Sender<String>,
}

impl Listener {
    pub(crate) fn new() -> Self {
        Self { progress: Arc::default(), updates: broadcast::channel(UPDATES_KEPT).0 }
    }

    /// Wakes on each progress report of one request, until dropped.
    pub(crate) fn follow(&self, token: ProgressToken) -> Progress {
        let signal = Arc::new(Notify::new());
        self.lock().insert(token.clone(), signal.clone());
        Progress { listener: self.clone(), token, signal }
    }

    /// URIs of resources that changed, as older servers report them.
    pub(crate) fn updates(&self) -> broadcast::Receiver<String> {
        self.updates.subscribe()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<ProgressToken, Arc<Notify>>> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One request's progress.
#[derive(Debug)]
pub(crate) struct Progress {
    listener: Listener,
    token: ProgressToken,
    signal: Arc<Notify>,
}

impl Progress {
    pub(crate) async fn reported(&self) {
        self.signal.notified().await;
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.listener.lock().remove(&self.token);
    }
}

impl ClientHandler for Listener {
    fn get_info(&self) -> ClientConfig {
        ClientConfig::new(ClientCapabilities::default(), Implementation::new("chimera", env!("CARGO_PKG_VERSION")))
            .with_protocol_version(ProtocolVersion::LATEST_WITH_INITIALIZE)
    }

    async fn on_progress(&self, report: ProgressNotificationParam, _: NotificationContext<RoleClient>) {
        if let Some(signal) = self.lock().get(&report.progress_token) {
            signal.notify_one();
        }
    }

    async fn on_resource_updated(&self, update: ResourceUpdatedNotificationParam, _: NotificationContext<RoleClient>) {
        // Nobody listening is no error.
        let _ = self.updates.send(update.uri);
    }
}
