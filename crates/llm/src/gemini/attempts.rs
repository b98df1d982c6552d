//! Trying again: bounded, with jitter, and never sooner than the API asks.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};

use super::{
    client::Transport,
    wire::{Reply, Request},
};
use crate::MindError;

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
    pub(super) async fn call(
        &self,
        transport: &dyn Transport,
        model: &str,
        request: &Request,
        seed: u64,
    ) -> Result<Reply, MindError> {
        let backoff = ExponentialBuilder::new()
            .with_min_delay(self.pause)
            .with_max_delay(self.pause_max)
            .with_max_times(self.retries)
            .with_jitter()
            .with_jitter_seed(seed);
        (|| transport.generate(model, request))
            .retry(backoff)
            .sleep(tokio::time::sleep)
            .when(|error| self.is_worth_it(error))
            .adjust(|error, pause| pause.map(|pause| asked_pause(error).map_or(pause, |asked| asked + pause / 4)))
            .notify(|error, pause| tracing::debug!(%error, ?pause, model, "asking the model again"))
            .await
    }

    fn is_worth_it(&self, error: &MindError) -> bool {
        match error {
            MindError::RateLimited { retry_after, .. } => retry_after.is_none_or(|wait| wait <= self.pause_max),
            MindError::Unavailable { .. } => true,
            _ => false,
        }
    }
}

fn asked_pause(error: &MindError) -> Option<Duration> {
    match error {
        MindError::RateLimited { retry_after, .. } => *retry_after,
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;
    use chimera_domain::Usd;
    use tokio::time::Instant;

    use super::{
        super::wire::{Content, GenerationConfig},
        *,
    };
    use crate::{Retry, Trouble};

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
    }

    #[async_trait]
    impl Transport for Scripted {
        async fn generate(&self, _: &str, _: &Request) -> Result<Reply, MindError> {
            self.calls.lock().unwrap().push(Instant::now());
            self.failures.lock().unwrap().pop().map_or_else(|| Ok(Reply::default()), Err)
        }
    }

    fn request() -> Request {
        Request {
            system_instruction: Content::default(),
            contents: Vec::new(),
            safety_settings: Vec::new(),
            generation_config: GenerationConfig {
                max_output_tokens: 1,
                response_mime_type: "application/json",
                response_json_schema: serde_json::Value::Null,
                thinking_config: None,
            },
        }
    }

    fn limited(seconds: Option<f64>) -> MindError {
        MindError::RateLimited { retry_after: seconds.map(Duration::from_secs_f64), spent: Usd::ZERO }
    }

    fn down() -> MindError {
        MindError::Unavailable { trouble: Trouble::Status(503), spent: Usd::ZERO, source: None }
    }

    const ATTEMPTS: Attempts =
        Attempts { retries: 3, pause: Duration::from_millis(500), pause_max: Duration::from_secs(20) };

    #[tokio::test(start_paused = true)]
    async fn retry_info_is_honoured_to_the_letter() {
        let transport = Scripted::new(vec![limited(Some(12.5)), down(), limited(None)]);
        ATTEMPTS.call(&transport, "m", &request(), 7).await.unwrap();
        let pauses = transport.pauses();
        assert_eq!(pauses.len(), 3);
        assert!(pauses[0] >= Duration::from_millis(12_500) && pauses[0] < Duration::from_secs(14), "{pauses:?}");
        assert!(pauses[1] >= Duration::from_secs(1) && pauses[1] <= Duration::from_secs(3), "{pauses:?}");
        assert!(pauses[2] >= Duration::from_secs(2) && pauses[2] <= Duration::from_secs(5), "{pauses:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn tries_are_bounded() {
        let transport = Scripted::new((0..9).map(|_| down()).collect());
        let error = ATTEMPTS.call(&transport, "m", &request(), 7).await.unwrap_err();
        assert!(matches!(error, MindError::Unavailable { .. }));
        assert_eq!(transport.pauses().len(), ATTEMPTS.retries);
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_beyond_our_patience_is_handed_to_the_caller_at_once() {
        let transport = Scripted::new(vec![limited(Some(21.0))]);
        let error = ATTEMPTS.call(&transport, "m", &request(), 7).await.unwrap_err();
        assert_eq!(error.retry(), Retry::After(Duration::from_secs(21)));
        assert!(transport.pauses().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn what_cannot_get_better_is_not_tried_again() {
        let refused = MindError::Refused { status: 400, said: String::new(), advice: "", spent: Usd::ZERO };
        let transport = Scripted::new(vec![refused]);
        assert!(ATTEMPTS.call(&transport, "m", &request(), 7).await.is_err());
        assert!(transport.pauses().is_empty());
    }
}
