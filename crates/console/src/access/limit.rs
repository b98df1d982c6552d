//! How often one session or token may ask.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use axum::http::StatusCode;
use chimera_domain::{Ambient, CredentialId};
use chrono::{DateTime, Utc};
use governor::{Quota, RateLimiter, clock::Clock, middleware::NoOpMiddleware, state::keyed::HashMapStateStore};

use crate::problem::Problem;

/// Requests a second, on average.
const REQUESTS_PER_S: NonZeroU32 = NonZeroU32::new(50).unwrap();
/// Requests that may come at once: a page brings its pictures along.
const REQUESTS_AT_ONCE: NonZeroU32 = NonZeroU32::new(300).unwrap();
/// How many are remembered before those that are quiet are forgotten.
const REMEMBERED: usize = 1_000;

/// Ambient time, counted from the limiter's making.
#[derive(Debug, Clone)]
struct AmbientClock {
    start: DateTime<Utc>,
    ambient: Arc<dyn Ambient>,
}

impl Clock for AmbientClock {
    type Instant = Duration;

    fn now(&self) -> Duration {
        (self.ambient.now() - self.start).to_std().unwrap_or_default()
    }
}

/// Counts requests by who sends them.
#[derive(Debug)]
pub(super) struct Limiter {
    limiter: RateLimiter<CredentialId, HashMapStateStore<CredentialId>, AmbientClock, NoOpMiddleware<Duration>>,
    clock: AmbientClock,
}

impl Limiter {
    pub(super) fn new(ambient: Arc<dyn Ambient>) -> Self {
        let clock = AmbientClock { start: ambient.now(), ambient };
        let quota = Quota::per_second(REQUESTS_PER_S).allow_burst(REQUESTS_AT_ONCE);
        Self { limiter: RateLimiter::new(quota, HashMapStateStore::default(), clock.clone()), clock }
    }

    /// Counts one request.
    ///
    /// # Errors
    /// A problem that says when to come again.
    pub(super) fn check(&self, who: CredentialId) -> Result<(), Problem> {
        if self.limiter.len() > REMEMBERED {
            self.limiter.retain_recent();
        }
        self.limiter.check_key(&who).map_err(|until| {
            let wait = until.wait_time_from(self.clock.now());
            let detail = format!("more than {REQUESTS_PER_S} requests a second; come again a little later");
            Problem::new(StatusCode::TOO_MANY_REQUESTS, detail).retry_after(wait.as_secs().saturating_add(1))
        })
    }
}
