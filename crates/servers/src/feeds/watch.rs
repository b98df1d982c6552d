//! Who wants to hear of which feed, and the polling that it takes: only feeds that somebody subscribed to are polled.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rmcp::RoleServer;
use rmcp::model::{InitializeRequestParams, ResourceUpdatedNotificationParam};
use rmcp::service::{Peer, SubscriptionContext};
use tokio::sync::Notify;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::library::{Change, Feed, Library, ReadResult};

/// Longest wait between two polls of a feed that fails, unless its own interval is longer.
const BACKOFF_MAX: Duration = Duration::from_secs(3_600);
/// How often failures double the wait at most.
const DOUBLINGS_MAX: u32 = 8;
/// How often a connection is looked at for being closed, for a closed one says nothing.
const CLOSED_CHECK: Duration = Duration::from_secs(15);

/// How many want to hear of a feed, and whether it is being polled.
#[derive(Debug, Default)]
pub(super) struct Interest {
    state: Mutex<State>,
    gone: Notify,
}

#[derive(Debug, Default)]
struct State {
    subscribers: usize,
    polling: bool,
}

impl Interest {
    /// Counts one more; `true` when polling must begin.
    fn join(&self) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.subscribers += 1;
        !std::mem::replace(&mut state.polling, true)
    }

    fn leave(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.subscribers = state.subscribers.saturating_sub(1);
        if state.subscribers == 0 {
            self.gone.notify_one();
        }
    }

    /// Whether polling goes on; if not, the next to join begins it anew.
    fn lasts(&self) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.polling = state.subscribers > 0;
        state.polling
    }

    pub(super) fn subscribers(&self) -> usize {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).subscribers
    }
}

/// One subscriber's interest in a feed; it ends when this is dropped.
#[derive(Debug)]
struct Watched(Arc<Feed>);

impl Drop for Watched {
    fn drop(&mut self) {
        self.0.interest.leave();
    }
}

/// A client of the older revision, which subscribes by request and hears on its connection.
#[derive(Debug)]
struct Connection {
    /// Tells connections apart: each has its own, and while it is held here no other can be at its address.
    identity: Arc<InitializeRequestParams>,
    peer: Peer<RoleServer>,
    /// By the URI that the client wrote.
    watched: Mutex<HashMap<String, Watched>>,
}

/// Runs the polling and tells the subscribers.
#[derive(Debug)]
pub(super) struct Watcher {
    library: Arc<Library>,
    tracker: TaskTracker,
    cancel: CancellationToken,
    connections: Mutex<Vec<Arc<Connection>>>,
}

impl Watcher {
    pub(super) fn new(library: Arc<Library>, tracker: TaskTracker, cancel: CancellationToken) -> Self {
        Self { library, tracker, cancel, connections: Mutex::default() }
    }

    fn watch(&self, feed: &Arc<Feed>) -> Watched {
        if feed.interest.join() {
            self.tracker.spawn(poll(self.library.clone(), feed.clone(), self.cancel.clone()));
        }
        Watched(feed.clone())
    }

    /// Makes a connection known, so that it hears of added feeds, and later of those it subscribes to.
    pub(super) fn connect(self: &Arc<Self>, peer: &Peer<RoleServer>) {
        self.connection(peer);
    }

    /// `resources/subscribe`.
    pub(super) fn subscribe(self: &Arc<Self>, peer: &Peer<RoleServer>, uri: String, feed: &Arc<Feed>) {
        if let Some(connection) = self.connection(peer) {
            let watched = self.watch(feed);
            connection.watched.lock().unwrap_or_else(PoisonError::into_inner).insert(uri, watched);
        }
    }

    /// `resources/unsubscribe`.
    pub(super) fn unsubscribe(self: &Arc<Self>, peer: &Peer<RoleServer>, uri: &str) {
        if let Some(connection) = self.connection(peer) {
            connection.watched.lock().unwrap_or_else(PoisonError::into_inner).remove(uri);
        }
    }

    fn connection(self: &Arc<Self>, peer: &Peer<RoleServer>) -> Option<Arc<Connection>> {
        let identity = peer.peer_info()?;
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = connections.iter().find(|c| Arc::ptr_eq(&c.identity, &identity)) {
            return Some(known.clone());
        }
        let connection = Arc::new(Connection { identity, peer: peer.clone(), watched: Mutex::default() });
        connections.push(connection.clone());
        // The receiver exists before the subscription is answered, so no change after the answer is missed.
        let changes = self.library.changes();
        self.tracker.spawn(self.clone().forward(connection.clone(), changes));
        Some(connection)
    }

    async fn forward(self: Arc<Self>, connection: Arc<Connection>, mut changes: Receiver<Change>) {
        let mut closed_check = tokio::time::interval(CLOSED_CHECK);
        closed_check.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let change = tokio::select! {
                () = self.cancel.cancelled() => break,
                _ = closed_check.tick() => {
                    if connection.peer.is_transport_closed() { break }
                    continue
                }
                change = changes.recv() => change,
            };
            let Some(told) = news(change) else { break };
            let uris: Vec<String> = {
                let watched = connection.watched.lock().unwrap_or_else(PoisonError::into_inner);
                watched.iter().filter(|(_, w)| told.concerns(&w.0.uri)).map(|(uri, _)| uri.clone()).collect()
            };
            if tell(&connection.peer, uris, told.list()).await.is_err() {
                break;
            }
        }
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        connections.retain(|c| !Arc::ptr_eq(c, &connection));
        drop(connections);
        connection.watched.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// `subscriptions/listen`: runs until the client cancels it, the connection ends or the server stops.
    pub(super) async fn listen(&self, context: SubscriptionContext) {
        let mut changes = self.library.changes();
        let accepted = context.accepted();
        let wants_list = accepted.resources_list_changed == Some(true);
        let uris = accepted.resource_subscriptions.clone().unwrap_or_default();
        let watched: Vec<(String, Watched)> =
            uris.into_iter().filter_map(|uri| self.library.find(&uri).map(|feed| (uri, self.watch(&feed)))).collect();
        let mut closed_check = tokio::time::interval(CLOSED_CHECK);
        closed_check.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let change = tokio::select! {
                () = self.cancel.cancelled() => return,
                () = context.cancelled() => return,
                _ = closed_check.tick() => {
                    if context.request_context().peer.is_transport_closed() { return }
                    continue
                }
                change = changes.recv() => change,
            };
            let Some(told) = news(change) else { return };
            for (uri, watch) in &watched {
                if told.concerns(&watch.0.uri) && context.sink().notify_resource_updated(uri.as_str()).await.is_err() {
                    return;
                }
            }
            if wants_list && told.list() && context.sink().notify_resource_list_changed().await.is_err() {
                return;
            }
        }
    }
}

/// What a listener is to be told.
enum News {
    One(Change),
    /// It fell behind: anything may have changed.
    Anything,
}

impl News {
    fn concerns(&self, uri: &str) -> bool {
        match self {
            Self::One(Change::Feed(changed)) => **changed == *uri,
            Self::One(Change::List) => false,
            Self::Anything => true,
        }
    }

    fn list(&self) -> bool {
        matches!(self, Self::One(Change::List) | Self::Anything)
    }
}

fn news(change: Result<Change, RecvError>) -> Option<News> {
    match change {
        Ok(change) => Some(News::One(change)),
        Err(RecvError::Lagged(_)) => Some(News::Anything),
        Err(RecvError::Closed) => None,
    }
}

async fn tell(peer: &Peer<RoleServer>, uris: Vec<String>, list: bool) -> Result<(), rmcp::ServiceError> {
    for uri in uris {
        peer.notify_resource_updated(ResourceUpdatedNotificationParam::new(uri)).await?;
    }
    if list {
        peer.notify_resource_list_changed().await?;
    }
    Ok(())
}

/// Reads a feed again and again while somebody is interested. The first read comes at once: it is what later ones are
/// compared with.
async fn poll(library: Arc<Library>, feed: Arc<Feed>, cancel: CancellationToken) {
    let mut wait = Duration::ZERO;
    let mut failures = 0;
    loop {
        tokio::select! {
            () = cancel.cancelled() => return,
            () = feed.interest.gone.notified() => {}
            () = tokio::time::sleep(wait) => {}
        }
        if !feed.interest.lasts() {
            return;
        }
        let result = tokio::select! {
            () = cancel.cancelled() => return,
            result = library.read(&feed) => result,
        };
        failures = if result.is_ok() { 0 } else { failures + 1 };
        if let Err(error) = &result {
            tracing::warn!(feed = %feed.uri, failures, error = error.one_line(), "a feed could not be polled");
        }
        wait = next_wait(&library, feed.interval, failures, &result);
    }
}

/// The interval, doubled for each failure in a row, a tenth more or less so that feeds do not march in step, and not
/// before the time that the server asked for.
fn next_wait(library: &Library, interval: Duration, failures: u32, result: &ReadResult) -> Duration {
    let backed_off = interval.saturating_mul(1 << failures.min(DOUBLINGS_MAX)).min(BACKOFF_MAX.max(interval));
    let [dice, ..] = library.random();
    let wait = backed_off.mul_f64(0.9 + 0.2 * f64::from(dice) / 255.0);
    let asked = result.as_ref().err().and_then(|error| error.retry_at());
    let asked = asked.and_then(|at| (at - library.now()).to_std().ok()).unwrap_or_default();
    wait.max(asked)
}
