//! Starting and stopping.
//!
//! A first signal stops the intake; work in hand is finished. What takes longer than patience allows is cut off and handed
//! back. A second signal ends at once. The exit code tells which of these it was.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use chimera_telemetry::ROLE_UP;
use tokio::{
    signal::unix::{SignalKind, signal},
    time::Instant,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// What a shell reports for a process ended by SIGINT (128 + 2).
const EXIT_INTERRUPTED: i32 = 130;
/// What a shell reports for a process ended by SIGTERM (128 + 15).
const EXIT_TERMINATED: i32 = 143;
/// Could not start, or failed.
pub(crate) const EXIT_FAILED: u8 = 1;
/// A role ended by itself.
const EXIT_BROKE: u8 = 3;
/// Work in hand was cut off and handed back.
const EXIT_CUT: u8 = 4;

/// The exit codes, for `--help`.
pub(crate) const EXIT_CODES: &str = "Exit codes: 0 ended in order; 1 could not start or failed; 2 wrong usage; 3 a role broke; 4 work in hand \
was cut off and handed back; 130 or 143 ended at once by a second SIGINT or SIGTERM.";

/// The same for the publisher, whose work can't be done again just like that.
pub(crate) const EXIT_CODES_OF_PUBLISHER: &str = "Exit codes: 0 ended in order; 1 could not start or failed; 2 wrong usage; 3 a role broke; 4 calls to \
platforms were cut off: nobody repeats them blindly, the next publisher looks each post up before it does anything; 130 or 143 ended at once \
by a second SIGINT or SIGTERM (the same holds for what was under way).";

/// The most of patience that is kept for handing back and closing, however long patience is.
const RESERVE_MAX: Duration = Duration::from_secs(5);
/// Patience where nothing configures it.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why the end was not an orderly one.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Disorder {
    /// A role ended by itself.
    #[error("the {0} role broke, so everything was stopped; the log says why. Nothing is lost: start again")]
    Broke(&'static str),
    /// Something did not finish.
    #[error(
        "work in hand did not finish within {} s (`shutdown.patience_ms`) and was cut off and handed back; it is done again",
        .0.as_secs_f32()
    )]
    Cut(Duration),
}

impl Disorder {
    /// The exit code that tells of it.
    pub(crate) const fn exit_code(&self) -> u8 {
        match self {
            Self::Broke(_) => EXIT_BROKE,
            Self::Cut(_) => EXIT_CUT,
        }
    }
}

/// Runs a command's work to its end, unless SIGINT or SIGTERM comes before; what it holds is let go of then.
///
/// # Errors
/// When it was interrupted: what the caller says of it.
pub(crate) async fn unless_interrupted<T>(work: impl Future<Output = T>, interrupted: &str) -> anyhow::Result<T> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        done = work => Ok(done),
        _ = interrupt.recv() => anyhow::bail!("interrupted: {interrupted}"),
        _ = terminate.recv() => anyhow::bail!("interrupted: {interrupted}"),
    }
}

/// The running roles, and how to stop them.
#[derive(Debug, Clone)]
pub(crate) struct Lifecycle {
    /// Cancelled when everything should end in order: no more work is taken.
    pub(crate) cancel: CancellationToken,
    /// Cancelled when patience is at its end: what is in hand is handed back.
    pub(crate) abandon: CancellationToken,
    /// Every role.
    pub(crate) tracker: TaskTracker,
    /// What answers until the roles have ended: HTTP.
    doors: (CancellationToken, TaskTracker),
    patience: Duration,
    began_to_end: Arc<OnceLock<Instant>>,
    broke: Arc<OnceLock<&'static str>>,
    cut: Arc<AtomicBool>,
}

impl Default for Lifecycle {
    fn default() -> Self {
        Self {
            cancel: CancellationToken::new(),
            abandon: CancellationToken::new(),
            tracker: TaskTracker::new(),
            doors: (CancellationToken::new(), TaskTracker::new()),
            patience: PATIENCE,
            began_to_end: Arc::default(),
            broke: Arc::default(),
            cut: Arc::default(),
        }
    }
}

impl Lifecycle {
    /// Listens for SIGINT and SIGTERM from now on. `patience` is the time from the first of them to the end.
    pub(crate) fn listen(patience: Duration) -> anyhow::Result<Self> {
        let lifecycle = Self { patience, ..Self::default() };
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let cancel = lifecycle.cancel.clone();
        let listening = async move {
            let mut stopping = false;
            loop {
                let code = tokio::select! {
                    _ = interrupt.recv() => EXIT_INTERRUPTED,
                    _ = terminate.recv() => EXIT_TERMINATED,
                };
                if stopping {
                    std::process::exit(code);
                }
                stopping = true;
                tracing::info!("stopping: work in hand is finished first; a second signal stops at once");
                cancel.cancel();
            }
        };
        #[expect(clippy::disallowed_methods, reason = "it must outlive everything that the tracker waits for")]
        std::mem::drop(tokio::spawn(listening));
        Ok(lifecycle)
    }

    /// Runs a role; when it ends or breaks, everything ends. Patience at its end drops it where it stands.
    pub(crate) fn spawn(&self, name: &'static str, role: impl Future<Output = ()> + Send + 'static) {
        let (abandon, cut) = (self.abandon.clone(), self.cut.clone());
        self.spawn_handing_back(name, async move {
            tokio::select! {
                biased;
                () = role => {}
                () = abandon.cancelled() => cut.store(true, Ordering::Relaxed),
            }
        });
    }

    /// Runs a role that hands back by itself what it holds when [`Self::abandon`] is cancelled.
    pub(crate) fn spawn_handing_back(&self, name: &'static str, role: impl Future<Output = ()> + Send + 'static) {
        let end = RoleEnd::begin(name, self.cancel.clone(), self);
        self.tracker.spawn(async move {
            role.await;
            drop(end);
        });
    }

    /// Runs what answers until the roles have ended, as `serve` makes it of the token that ends it.
    pub(crate) fn spawn_door<F: Future<Output = ()> + Send + 'static>(
        &self,
        name: &'static str,
        serve: impl FnOnce(CancellationToken) -> F,
    ) {
        let (close, tracker) = &self.doors;
        let end = RoleEnd::begin(name, close.clone(), self);
        let door = serve(close.clone());
        tracker.spawn(async move {
            door.await;
            drop(end);
        });
    }

    /// The role that ended by itself, if one did.
    pub(crate) fn broken(&self) -> Option<&'static str> {
        self.broke.get().copied()
    }

    /// Ends the roles in order: first by asking, then, when patience is at its end, by having them hand back.
    ///
    /// # Errors
    /// [`Disorder`] when a role had ended by itself, or work did not finish in time.
    pub(crate) async fn stop(&self) -> Result<(), Disorder> {
        self.cancel.cancel();
        self.began_to_end.get_or_init(Instant::now);
        self.tracker.close();
        let reserve = self.reserve();
        if tokio::time::timeout(self.patience.saturating_sub(reserve), self.tracker.wait()).await.is_err() {
            tracing::warn!("patience is at its end: work in hand is cut off and handed back");
            self.cut.store(true, Ordering::Relaxed);
            self.abandon.cancel();
            if tokio::time::timeout(reserve / 2, self.tracker.wait()).await.is_err() {
                tracing::warn!("not everything could be handed back; its leases lapse, and then it is done again");
            }
        }
        if self.was_cut() {
            return Err(Disorder::Cut(self.patience));
        }
        self.broken().map_or(Ok(()), |role| Err(Disorder::Broke(role)))
    }

    /// Whether work in hand was cut off.
    pub(crate) fn was_cut(&self) -> bool {
        self.cut.load(Ordering::Relaxed)
    }

    /// What is left of patience; a little at least, for closing.
    pub(crate) fn time_left(&self) -> Duration {
        let gone = self.began_to_end.get().map_or(Duration::ZERO, Instant::elapsed);
        self.patience.saturating_sub(gone).max(self.reserve() / 4)
    }

    /// Closes the doors: the last thing that a process does.
    pub(crate) async fn close_doors(&self) {
        let (close, tracker) = &self.doors;
        close.cancel();
        tracker.close();
        let _ = tokio::time::timeout(self.reserve() / 4, tracker.wait()).await;
    }

    fn reserve(&self) -> Duration {
        (self.patience / 4).min(RESERVE_MAX)
    }
}

/// Dropped when a role ends, by a panic too.
struct RoleEnd {
    name: &'static str,
    /// Cancelled before a role may end.
    may_end: CancellationToken,
    cancel: CancellationToken,
    broke: Arc<OnceLock<&'static str>>,
}

impl RoleEnd {
    fn begin(name: &'static str, may_end: CancellationToken, lifecycle: &Lifecycle) -> Self {
        ROLE_UP.set_for(name, 1.0);
        Self { name, may_end, cancel: lifecycle.cancel.clone(), broke: lifecycle.broke.clone() }
    }
}

impl Drop for RoleEnd {
    fn drop(&mut self) {
        ROLE_UP.set_for(self.name, 0.0);
        if !self.may_end.is_cancelled() {
            // Only the first one counts; the others end because of it.
            let _ = self.broke.set(self.name);
            self.cancel.cancel();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn impatient() -> Lifecycle {
        Lifecycle { patience: Duration::from_secs(8), ..Lifecycle::default() }
    }

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
        let disorder = lifecycle.stop().await.unwrap_err();
        assert!(disorder.to_string().contains("the judge role broke"));
        assert_eq!((disorder.exit_code(), lifecycle.broken()), (3, Some("judge")));
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_finish_is_cut_off_within_patience() {
        let lifecycle = impatient();
        lifecycle.spawn("judge", std::future::pending());
        let abandon = lifecycle.abandon.clone();
        lifecycle.spawn_handing_back("worker", async move {
            abandon.cancelled().await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        });
        let began = Instant::now();
        let disorder = lifecycle.stop().await.unwrap_err();
        assert_eq!(disorder.exit_code(), 4);
        assert!(began.elapsed() >= Duration::from_secs(6) && began.elapsed() < Duration::from_secs(7));
        assert!(lifecycle.tracker.is_empty(), "the one that hands back was waited for");
        assert!(lifecycle.time_left() <= Duration::from_secs(2));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_never_ends_holds_nothing_up() {
        let lifecycle = impatient();
        lifecycle.spawn_handing_back("worker", std::future::pending());
        let began = Instant::now();
        assert_eq!(lifecycle.stop().await.unwrap_err().exit_code(), 4);
        assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    }

    #[tokio::test]
    async fn doors_are_open_until_they_are_closed() {
        let lifecycle = Lifecycle::default();
        lifecycle.spawn_door("console", |close| async move { close.cancelled().await });
        lifecycle.stop().await.unwrap();
        assert_eq!(lifecycle.doors.1.len(), 1);
        lifecycle.close_doors().await;
        assert!(lifecycle.doors.1.is_empty());
    }
}
