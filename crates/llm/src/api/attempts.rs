//! Trying again: bounded, with jitter, and never sooner than the API asks.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};

use crate::{MindError, Trouble};

/// How often and how patiently a call is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Attempts {
    /// Tries after the first.
    pub(super) retries: usize,
    /// The first pause; each next one is twice as long.
    pub(super) pause: Duration,
    /// The longest pause. When the API asks for a longer one, the caller is told instead: a worker must not sleep
    /// through its lease.
    pub(super) pause_max: Duration,
}

impl Attempts {
    /// Calls until an answer comes, the tries are used up, or trying again is pointless. `seed` sets the jitter.
    pub(super) async fn call<T, F>(&self, each: impl FnMut() -> F + Send, seed: u64) -> Result<T, MindError>
    where
        F: Future<Output = Result<T, MindError>> + Send,
        T: Send,
    {
        let backoff = ExponentialBuilder::new()
            .with_min_delay(self.pause)
            .with_max_delay(self.pause_max)
            .with_max_times(self.retries)
            .with_jitter()
            .with_jitter_seed(seed);
        each.retry(backoff)
            .sleep(tokio::time::sleep)
            .when(|error| self.is_worth_it(error))
            .adjust(|error, pause| pause.map(|pause| asked_pause(error).map_or(pause, |asked| asked + pause / 4)))
            .notify(|error, pause| tracing::debug!(%error, ?pause, "asking the model again"))
            .await
    }

    fn is_worth_it(&self, error: &MindError) -> bool {
        matches!(error, MindError::RateLimited { .. } | MindError::Unavailable { .. })
            && asked_pause(error).is_none_or(|wait| wait <= self.pause_max)
    }
}

fn asked_pause(error: &MindError) -> Option<Duration> {
    match error {
        MindError::RateLimited { retry_after, .. } => *retry_after,
        MindError::Unavailable { trouble: Trouble::Busy { wait, .. }, .. } => Some(*wait),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use chimera_domain::Usd;
    use tokio::time::Instant;

    use super::*;
    use crate::Retry;

    /// Fails as told, then answers; notes when it was called.
    #[derive(Debug)]
    struct Scripted {
        failures: Mutex<Vec<MindError>>,
        calls: Mutex<Vec<Instant>>,
    }

    impl Scripted {
        fn new(mut failures: Vec<MindError>) -> Self {
            failures.reverse();
            Self { failures: Mutex::new(failures), calls: Mutex::default() }
        }

        fn pauses(&self) -> Vec<Duration> {
            self.calls.lock().unwrap().windows(2).map(|pair| pair[1] - pair[0]).collect()
        }

        async fn answer(&self) -> Result<(), MindError> {
            self.calls.lock().unwrap().push(Instant::now());
            self.failures.lock().unwrap().pop().map_or(Ok(()), Err)
        }
    }

    fn limited(seconds: Option<f64>) -> MindError {
        MindError::RateLimited { retry_after: seconds.map(Duration::from_secs_f64), spent: Usd::ZERO }
    }

    fn busy(seconds: u64) -> MindError {
        let trouble = Trouble::Busy { status: 529, wait: Duration::from_secs(seconds) };
        MindError::Unavailable { trouble, spent: Usd::ZERO, source: None }
    }

    fn down() -> MindError {
        MindError::Unavailable { trouble: Trouble::Status(503), spent: Usd::ZERO, source: None }
    }

    const ATTEMPTS: Attempts =
        Attempts { retries: 3, pause: Duration::from_millis(500), pause_max: Duration::from_secs(20) };

    #[tokio::test(start_paused = true)]
    async fn retry_info_is_honoured_to_the_letter() {
        let transport = Scripted::new(vec![limited(Some(12.5)), down(), limited(None)]);
        ATTEMPTS.call(|| transport.answer(), 7).await.unwrap();
        let pauses = transport.pauses();
        assert_eq!(pauses.len(), 3);
        assert!(pauses[0] >= Duration::from_millis(12_500) && pauses[0] < Duration::from_secs(14), "{pauses:?}");
        assert!(pauses[1] >= Duration::from_secs(1) && pauses[1] <= Duration::from_secs(3), "{pauses:?}");
        assert!(pauses[2] >= Duration::from_secs(2) && pauses[2] <= Duration::from_secs(5), "{pauses:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn tries_are_bounded() {
        let transport = Scripted::new((0..9).map(|_| down()).collect());
        let error = ATTEMPTS.call(|| transport.answer(), 7).await.unwrap_err();
        assert!(matches!(error, MindError::Unavailable { .. }));
        assert_eq!(transport.pauses().len(), ATTEMPTS.retries);
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_beyond_our_patience_is_handed_to_the_caller_at_once() {
        let transport = Scripted::new(vec![limited(Some(21.0))]);
        let error = ATTEMPTS.call(|| transport.answer(), 7).await.unwrap_err();
        assert_eq!(error.retry(), Retry::After(Duration::from_secs(21)));
        assert!(transport.pauses().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_busy_server_is_asked_again_when_it_says_so() {
        let transport = Scripted::new(vec![busy(9)]);
        ATTEMPTS.call(|| transport.answer(), 7).await.unwrap();
        assert!(transport.pauses()[0] >= Duration::from_secs(9), "{:?}", transport.pauses());
        let transport = Scripted::new(vec![busy(60)]);
        let error = ATTEMPTS.call(|| transport.answer(), 7).await.unwrap_err();
        assert_eq!((error.retry(), transport.pauses().len()), (Retry::After(Duration::from_secs(60)), 0));
    }

    #[tokio::test(start_paused = true)]
    async fn what_cannot_get_better_is_not_tried_again() {
        let refused = MindError::Refused { status: 400, said: String::new(), advice: "", spent: Usd::ZERO };
        let transport = Scripted::new(vec![refused]);
        assert!(ATTEMPTS.call(|| transport.answer(), 7).await.is_err());
        assert!(transport.pauses().is_empty());
    }
}
