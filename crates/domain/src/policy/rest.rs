//! How long a loop rests while every round of it fails.

use std::time::Duration;

/// The upper bound of the first rest.
const BASE: Duration = Duration::from_millis(500);
/// The upper bound of any rest.
const MAX: Duration = Duration::from_secs(5);

/// How long a loop rests while every round of it fails: exponential backoff with equal jitter, so that it never spins, and
/// many processes do not come back in step (M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TroubleRest {
    failed: u32,
}

impl TroubleRest {
    /// The rest after one more failed round, with `dice` in 0..=1: from half of to the whole of 500 ms, doubled with each
    /// further one, 5 s at the most.
    pub fn failed(&mut self, dice: f64) -> Duration {
        let bound = BASE.saturating_mul(1 << self.failed.min(16)).min(MAX);
        self.failed = self.failed.saturating_add(1);
        bound.mul_f64(f64::midpoint(1.0, dice.clamp(0.0, 1.0)))
    }

    /// A round went well; the next rest is a short one again.
    pub const fn went_well(&mut self) {
        self.failed = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rests_grow_to_a_bound_and_begin_anew() {
        let mut rest = TroubleRest::default();
        let bounds: Vec<u128> = (0..7).map(|_| rest.failed(1.0).as_millis()).collect();
        assert_eq!(bounds, [500, 1_000, 2_000, 4_000, 5_000, 5_000, 5_000]);
        rest.went_well();
        assert_eq!(rest.failed(0.0), Duration::from_millis(250), "half of it is certain");
        let mut long = TroubleRest { failed: u32::MAX };
        assert_eq!(long.failed(1.0), MAX);
    }
}
