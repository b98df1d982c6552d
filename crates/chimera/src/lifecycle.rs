//! Starting and stopping: a first signal asks for an orderly end, a second one ends at once.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// What a shell reports for a process ended by Ctrl-C.
const EXIT_INTERRUPTED: i32 = 130;

/// The running roles, and how to stop them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lifecycle {
    /// Cancelled when everything should end in order.
    pub(crate) cancel: CancellationToken,
    /// Everything that runs.
    pub(crate) tracker: TaskTracker,
}

impl Lifecycle {
    /// Listens for SIGINT and SIGTERM from now on.
    pub(crate) fn listen() -> anyhow::Result<Self> {
        let lifecycle = Self::default();
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let cancel = lifecycle.cancel.clone();
        // Not on the tracker: it must outlive everything that the tracker waits for.
        std::mem::drop(TaskTracker::new().spawn(async move {
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
        }));
        Ok(lifecycle)
    }

    /// Runs a role; when it ends or breaks, everything ends.
    pub(crate) fn spawn(&self, name: &'static str, role: impl Future<Output = ()> + Send + 'static) {
        let guard = self.cancel.clone().drop_guard();
        self.tracker.spawn(async move {
            role.await;
            tracing::debug!(role = name, "ended");
            drop(guard);
        });
    }

    /// Ends everything in order.
    pub(crate) async fn stop(&self) {
        self.cancel.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }
}
