//! One server's gate: how many calls at once, and how many per second. Time is tokio's, so tests can move it.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use governor::{
    Quota, RateLimiter,
    clock::Clock,
    middleware::NoOpMiddleware,
    state::{InMemoryState, NotKeyed},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};

use crate::config::ServerConfig;

/// Tokio's clock, counted from the gate's making.
#[derive(Debug, Clone)]
struct TokioClock {
    start: Instant,
}

impl Clock for TokioClock {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.start.elapsed()
    }
}

type Limiter = RateLimiter<NotKeyed, InMemoryState, TokioClock, NoOpMiddleware<Duration>>;

/// Lets calls through, in order.
#[derive(Debug)]
pub(crate) struct Gate {
    slots: Arc<Semaphore>,
    limiter: Option<(Limiter, TokioClock)>,
}

/// What a call waited for in vain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shut {
    /// A slot.
    Slots,
    /// The rate limit.
    Rate,
}

impl Shut {
    pub(crate) fn what(self) -> &'static str {
        match self {
            Self::Slots => "free slot",
            Self::Rate => "room under the rate limit",
        }
    }
}

impl Gate {
    pub(crate) fn new(config: &ServerConfig) -> Self {
        let limiter = config.rate_limit_per_second.and_then(|rate| {
            let clock = TokioClock { start: Instant::now() };
            let burst = NonZeroU32::new(config.rate_limit_burst)?;
            let quota = Quota::with_period(Duration::from_secs_f64(rate.recip()))?.allow_burst(burst);
            Some((RateLimiter::direct_with_clock(quota, clock.clone()), clock))
        });
        Self { slots: Arc::new(Semaphore::new(config.concurrency)), limiter }
    }

    /// Waits for a slot and for the rate limit, until this moment at the latest. The slot is free again when the
    /// permit is dropped.
    pub(crate) async fn enter(&self, until: Instant) -> Result<OwnedSemaphorePermit, Shut> {
        let slot = tokio::time::timeout_at(until, self.slots.clone().acquire_owned())
            .await
            .map_err(|_| Shut::Slots)?
            // The semaphore is never closed.
            .map_err(|_| Shut::Slots)?;
        let Some((limiter, clock)) = &self.limiter else { return Ok(slot) };
        while let Err(early) = limiter.check() {
            let next = Instant::now() + early.wait_time_from(clock.now());
            if next > until {
                return Err(Shut::Rate);
            }
            tokio::time::sleep_until(next).await;
        }
        Ok(slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::TransportConfig;

    fn gate(concurrency: usize, rate: Option<f64>, burst: u32) -> Gate {
        Gate::new(&ServerConfig {
            concurrency,
            rate_limit_per_second: rate,
            rate_limit_burst: burst,
            ..ServerConfig::new(TransportConfig::InProcess)
        })
    }

    #[tokio::test(start_paused = true)]
    async fn slots_bound_what_runs_at_once() {
        let gate = gate(2, None, 1);
        let soon = || Instant::now() + Duration::from_millis(10);
        let first = gate.enter(soon()).await.unwrap();
        let _second = gate.enter(soon()).await.unwrap();
        assert_eq!(gate.enter(soon()).await.unwrap_err(), Shut::Slots);
        drop(first);
        assert!(gate.enter(soon()).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn the_rate_holds_after_the_burst() {
        let gate = gate(100, Some(2.0), 3);
        let start = Instant::now();
        let late = start + Duration::from_secs(60);
        for _ in 0..7 {
            drop(gate.enter(late).await.unwrap());
        }
        // Three at once, then one each half second.
        assert_eq!(start.elapsed().as_millis() / 10, 200);
        assert_eq!(gate.enter(Instant::now() + Duration::from_millis(100)).await.unwrap_err(), Shut::Rate);
    }
}
