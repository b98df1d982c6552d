//! How often, and how soon, something is tried again.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Exponential backoff with full jitter: the n-th delay is drawn evenly from 0 to `base * 2^(n-1)`, at most `max`
/// (M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RetryPolicy {
    /// Attempts in all, 1 or more.
    pub attempts_max: u32,
    /// Upper bound of the first delay, in milliseconds.
    pub base_ms: u64,
    /// Upper bound of any delay, in milliseconds.
    pub max_ms: u64,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { attempts_max: 3, base_ms: 200, max_ms: 10_000 }
    }
}

impl RetryPolicy {
    /// The delay after the `failed`-th failed attempt (from 1), with `dice` in 0..=1; `None` when attempts are used up.
    #[must_use]
    pub fn delay(&self, failed: u32, dice: f64) -> Option<Duration> {
        if failed >= self.attempts_max {
            return None;
        }
        let doublings = failed.saturating_sub(1).min(31);
        let bound = self.base_ms.saturating_mul(1 << doublings).min(self.max_ms);
        Some(Duration::from_millis(bound).mul_f64(dice.clamp(0.0, 1.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_bound_and_then_end() {
        let policy = RetryPolicy { attempts_max: 5, base_ms: 100, max_ms: 250 };
        let delays: Vec<_> = (1..=5).map(|n| policy.delay(n, 1.0).map(|d| d.as_millis())).collect();
        assert_eq!(delays, [Some(100), Some(200), Some(250), Some(250), None]);
        assert_eq!(policy.delay(1, 0.0), Some(Duration::ZERO));
        assert!(RetryPolicy { attempts_max: 99, ..policy }.delay(80, 1.0).is_some());
    }
}
