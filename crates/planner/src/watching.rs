//! Subscriptions to resources, where their servers offer any: the server says when to read. Polling goes on beside it, for
//! what a server forgets to tell.

use std::{collections::HashMap, time::Duration};

use chimera_domain::{TraceId, error_chain};
use chimera_mcp::{CallClass, CallContext};
use tokio::sync::mpsc;
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use crate::{Planner, reading::split_uri};

/// How long a server that refuses a subscription is left alone.
const REFUSED_REST: Duration = Duration::from_secs(15 * 60);
/// How long after a subscription has ended, or could not be made, it is tried again.
const ENDED_REST: Duration = Duration::from_secs(10);
/// Changes that may wait to be looked at; what is beyond is found by polling.
const CHANGES_MAX: usize = 1_024;

/// Subscriptions. All end when this is dropped.
pub(crate) struct Watching {
    planner: Planner,
    cancel: CancellationToken,
    followed: HashMap<String, DropGuard>,
    tasks: TaskTracker,
    told: mpsc::Sender<String>,
    changes: mpsc::Receiver<String>,
}

impl Watching {
    pub(crate) fn new(planner: &Planner, cancel: &CancellationToken) -> Self {
        let (told, changes) = mpsc::channel(CHANGES_MAX);
        let (planner, cancel) = (planner.clone(), cancel.clone());
        Self { planner, cancel, followed: HashMap::new(), tasks: TaskTracker::new(), told, changes }
    }

    /// Follows these resources and no others, if subscriptions are wanted.
    pub(crate) fn follow<'a>(&mut self, watched: impl Iterator<Item = &'a String>) {
        if !self.planner.config.subscribe {
            return;
        }
        let mut before = std::mem::take(&mut self.followed);
        for uri in watched {
            let guard = before.remove(uri).unwrap_or_else(|| self.begin(uri));
            self.followed.insert(uri.clone(), guard);
        }
    }

    /// The next resource that has changed. Waits for ever where there is no subscription.
    pub(crate) async fn next(&mut self) -> String {
        match self.changes.recv().await {
            Some(uri) => uri,
            // The sender is our own.
            None => std::future::pending().await,
        }
    }

    fn begin(&self, uri: &str) -> DropGuard {
        let cancel = self.cancel.child_token();
        let (planner, told, uri, end) = (self.planner.clone(), self.told.clone(), uri.to_owned(), cancel.clone());
        self.tasks.spawn(async move {
            end.run_until_cancelled(follow(planner, uri, told, end.clone())).await;
        });
        cancel.drop_guard()
    }
}

async fn follow(planner: Planner, uri: String, told: mpsc::Sender<String>, cancel: CancellationToken) {
    let Some((server, inner)) = split_uri(&uri) else { return };
    loop {
        let context = CallContext::new(TraceId::generate(&*planner.ambient)).with_cancel(cancel.clone());
        let rest = match planner.host.watch_resource(&context, server, inner).await {
            Ok(mut updates) => {
                tracing::debug!(resource = uri, "subscribed");
                // Whatever changed before the subscription began, or is told now: a full queue is looked at anyway.
                let _ = told.try_send(uri.clone());
                while updates.next().await.is_some() {
                    let _ = told.try_send(uri.clone());
                }
                ENDED_REST
            }
            Err(error) => {
                tracing::debug!(resource = uri, error = %error_chain(&error), "no subscription; it is polled");
                if error.class() == CallClass::Refused { REFUSED_REST } else { ENDED_REST }
            }
        };
        tokio::time::sleep(rest).await;
    }
}
