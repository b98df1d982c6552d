//! How long a post rests after a failed call before it may be tried again.

use std::time::Duration;

/// The rest after the `failed`-th failed call (from 1): `base`, doubled with each further one, `max` at the most; never
/// less than the platform asked for.
pub(crate) fn rest_after(failed: u32, base: Duration, max: Duration, asked: Option<Duration>) -> Duration {
    let doubled = base.saturating_mul(1 << failed.saturating_sub(1).min(31));
    doubled.min(max).max(asked.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rests_double_up_to_a_bound_unless_the_platform_asks_for_more() {
        let seconds = Duration::from_secs;
        let rests: Vec<u64> = (0..6).map(|n| rest_after(n, seconds(2), seconds(20), None).as_secs()).collect();
        assert_eq!(rests, [2, 2, 4, 8, 16, 20]);
        assert_eq!(rest_after(u32::MAX, seconds(2), seconds(20), Some(seconds(60))), seconds(60));
        assert_eq!(rest_after(1, seconds(2), seconds(20), Some(seconds(1))), seconds(2));
    }
}
