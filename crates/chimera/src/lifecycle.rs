//! Starting and stopping: a first signal asks for an orderly end, a second one ends at once.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// What a shell reports for a process ended by Ctrl-C.
const EXIT_INTERRUPTED: i32 = 130;
/// How long work in hand may take to finish. What is cut off then is done again: its leases run out.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why the end was not an orderly one.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Disorder {
    /// A role ended by itself.
    #[error("the {0} role broke, so everything was stopped; the log says why. Nothing is lost: start again")]
    Broke(&'static str),
    /// Something did not finish.
    #[error("work in hand did not finish within {} s and was cut off; it is done again at the next start", PATIENCE.as_secs())]
    Slow,
}

/// The running roles, and how to stop them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lifecycle {
    /// Cancelled when everything should end in order.
    pub(crate) cancel: CancellationToken,
    /// Everything that runs.
    pub(crate) tracker: TaskTracker,
    broke: Arc<OnceLock<&'static str>>,
}

impl Lifecycle {
    /// Listens for SIGINT and SIGTERM from now on.
    pub(crate) fn listen() -> anyhow::Result<Self> {
        let lifecycle = Self::default();
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let cancel = lifecycle.cancel.clone();
        let listening = async move {
            let mut signals = 0;
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                signals += 1;
                if signals > 1 {
                    std::process::exit(EXIT_INTERRUPTED);
                }
                tracing::info!("stopping: work in hand is finished first; a second signal stops at once");
                cancel.cancel();
            }
        };
        #[expect(clippy::disallowed_methods, reason = "it must outlive everything that the tracker waits for")]
        std::mem::drop(tokio::spawn(listening));
        Ok(lifecycle)
    }

    /// Runs a role; when it ends or breaks, everything ends.
    pub(crate) fn spawn(&self, name: &'static str, role: impl Future<Output = ()> + Send + 'static) {
        let end = RoleEnd { name, cancel: self.cancel.clone(), broke: self.broke.clone() };
        self.tracker.spawn(async move {
            role.await;
            drop(end);
        });
    }

    /// Ends everything in order.
    ///
    /// # Errors
    /// [`Disorder`] when a role had ended by itself, or work did not finish in time.
    pub(crate) async fn stop(&self) -> Result<(), Disorder> {
        self.cancel.cancel();
        self.tracker.close();
        if tokio::time::timeout(PATIENCE, self.tracker.wait()).await.is_err() {
            return Err(Disorder::Slow);
        }
        self.broke.get().map_or(Ok(()), |role| Err(Disorder::Broke(role)))
    }
}

/// Dropped when a role ends, by a panic too.
struct RoleEnd {
    name: &'static str,
    cancel: CancellationToken,
    broke: Arc<OnceLock<&'static str>>,
}

impl Drop for RoleEnd {
    fn drop(&mut self) {
        if !self.cancel.is_cancelled() {
            // Only the first one counts; the others end because of it.
            let _ = self.broke.set(self.name);
            self.cancel.cancel();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_orderly_end_is_one() {
        let lifecycle = Lifecycle::default();
        let cancel = lifecycle.cancel.clone();
        lifecycle.spawn("planner", async move { cancel.cancelled().await });
        lifecycle.stop().await.unwrap();
    }

    #[tokio::test]
    async fn a_role_that_breaks_ends_everything_and_is_named() {
        let lifecycle = Lifecycle::default();
        let cancel = lifecycle.cancel.clone();
        lifecycle.spawn("planner", async move { cancel.cancelled().await });
        lifecycle.spawn("judge", async { panic!("a defect") });
        lifecycle.cancel.cancelled().await;
        assert!(lifecycle.stop().await.unwrap_err().to_string().contains("the judge role broke"));
    }
}
