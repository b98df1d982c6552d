//! Time and randomness that repeat themselves.

use std::sync::{Mutex, PoisonError};

use chimera_domain::Ambient;
use chrono::{DateTime, Duration, TimeZone, Utc};
use rand::{Rng, SeedableRng, rngs::StdRng};

/// A clock that moves only when it is read or told to, and dice that fall the same for the same seed.
#[derive(Debug)]
pub struct SeededAmbient {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    dice: StdRng,
    now: DateTime<Utc>,
    tick: Duration,
}

impl SeededAmbient {
    /// A clock at 2026-11-22 10:20:30.123456 UTC that moves on by 1.001 milliseconds with each reading, so that no two
    /// times or ids are equal and all have digits down to the microsecond.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let start = Utc.with_ymd_and_hms(2026, 11, 22, 10, 20, 30).single().unwrap_or_default();
        Self {
            state: Mutex::new(State {
                dice: StdRng::seed_from_u64(seed),
                now: start + Duration::microseconds(123_456),
                tick: Duration::microseconds(1_001),
            }),
        }
    }

    /// The same, at another time.
    #[must_use]
    pub fn at(self, now: DateTime<Utc>) -> Self {
        self.with(|state| state.now = now);
        self
    }

    /// The same, standing still between calls of [`Self::advance`].
    #[must_use]
    pub fn standing_still(self) -> Self {
        self.with(|state| state.tick = Duration::zero());
        self
    }

    /// Moves the clock on.
    pub fn advance(&self, by: Duration) {
        self.with(|state| state.now += by);
    }

    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Ambient for SeededAmbient {
    fn now(&self) -> DateTime<Utc> {
        self.with(|state| {
            state.now += state.tick;
            state.now
        })
    }

    fn random(&self) -> [u8; 16] {
        self.with(|state| state.dice.random())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chimera_domain::TaskId;

    #[test]
    fn the_same_seed_gives_the_same_ids_in_rising_order() {
        let ids = |seed| {
            let ambient = SeededAmbient::new(seed);
            (0..5).map(|_| TaskId::generate(&ambient)).collect::<Vec<_>>()
        };
        assert_eq!(ids(1), ids(1));
        assert_ne!(ids(1), ids(2));
        assert!(ids(1).is_sorted());
    }

    #[test]
    fn a_still_clock_moves_only_when_told() {
        let ambient = SeededAmbient::new(1).standing_still();
        let before = ambient.now();
        assert_eq!(ambient.now(), before);
        ambient.advance(Duration::hours(2));
        assert_eq!(ambient.now() - before, Duration::hours(2));
    }
}
