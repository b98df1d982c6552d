//! When a count is no chance any more.
//!
//! Counts of independent events are Poisson, whose spread grows with their mean. Anscombe's transform 2√(x + 3/8) makes the
//! spread 1 whatever the mean is (F. Anscombe, "The transformation of Poisson, binomial and negative-binomial data",
//! Biometrika 35, 1948, <https://doi.org/10.1093/biomet/35.3-4.246>), so the difference of the transformed count and the
//! transformed expectation is a z-score, for rare subjects as for common ones.
//!
//! What is to be expected is the mean of the windows before, with one more in which one item came: a subject never met is
//! not infinitely unlikely, and the less was seen the more it takes. Days and nights are not told apart.

use chrono::TimeDelta;

/// When a subject becomes a trend, and when it is one no more.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrendRule {
    /// What counts as now.
    pub window: TimeDelta,
    /// How far back what is usual is looked for, before the window.
    pub baseline: TimeDelta,
    /// Items within the window that a trend needs, to rise and to last.
    pub items_min: u32,
    /// Resources that they must come from: one feed makes no trend.
    pub sources_min: u32,
    /// It rises from here on, in standard deviations.
    pub z_rise: f64,
    /// It is over below this, so that it does not come and go.
    pub z_end: f64,
}

/// How often a subject is told of, now and before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Velocity {
    /// Items within the window.
    pub items: u32,
    /// Resources that they came from.
    pub sources: u32,
    /// Items in the baseline before it.
    pub before: u32,
}

impl TrendRule {
    /// Items to be expected in a window, when so much of the baseline was watched.
    #[must_use]
    pub fn expected(&self, velocity: Velocity, watched: TimeDelta) -> f64 {
        let window = self.window.as_seconds_f64().max(1.0);
        let windows = watched.clamp(TimeDelta::zero(), self.baseline).as_seconds_f64() / window;
        (f64::from(velocity.before) + 1.0) / (windows + 1.0)
    }

    /// How far the items are above what was to be expected, in standard deviations.
    #[must_use]
    pub fn z(&self, velocity: Velocity, watched: TimeDelta) -> f64 {
        anscombe(f64::from(velocity.items)) - anscombe(self.expected(velocity, watched))
    }

    /// Whether it is a trend now, given whether it was.
    #[must_use]
    pub fn is_hot(&self, was: bool, velocity: Velocity, watched: TimeDelta) -> bool {
        let z = self.z(velocity, watched);
        if was {
            return z >= self.z_end && velocity.items > 0;
        }
        velocity.items >= self.items_min && velocity.sources >= self.sources_min && z >= self.z_rise
    }
}

fn anscombe(count: f64) -> f64 {
    2.0 * (count + 0.375).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RULE: TrendRule = TrendRule {
        window: TimeDelta::hours(1),
        baseline: TimeDelta::hours(24),
        items_min: 5,
        sources_min: 2,
        z_rise: 3.0,
        z_end: 1.0,
    };
    const DAY: TimeDelta = TimeDelta::hours(24);

    fn velocity(items: u32, sources: u32, before: u32) -> Velocity {
        Velocity { items, sources, before }
    }

    #[test]
    fn a_new_subject_needs_few_items_and_a_common_one_many() {
        let least = |before, watched| (0..999).find(|n| RULE.is_hot(false, velocity(*n, 9, before), watched)).unwrap();
        assert_eq!(least(0, DAY), 5, "the least support");
        assert_eq!(least(24, DAY), 7);
        assert_eq!(least(240, DAY), 22);
        assert_eq!(least(0, TimeDelta::zero()), 7, "nothing is known of what is usual");
        assert!(!RULE.is_hot(false, velocity(99, 1, 0), DAY), "one feed makes no trend");
    }

    #[test]
    fn z_is_a_standard_score() {
        // Of a Poisson count around 100, one standard deviation is 10.
        let z = RULE.z(velocity(110, 9, 2_499), DAY);
        assert!((z - 1.0).abs() < 0.05, "{z}");
    }

    proptest! {
        #[test]
        fn more_items_are_never_cooler_and_a_busier_past_never_hotter(
            items in 0_u32..2_000, more in 0_u32..50, sources in 0_u32..9, before in 0_u32..20_000, busier in 0_u32..50,
            hours in 0_i64..48, was in any::<bool>(),
        ) {
            let watched = TimeDelta::hours(hours);
            let hot = |items, before| RULE.is_hot(was, velocity(items, sources, before), watched);
            prop_assert!(!hot(items, before) || hot(items + more, before));
            prop_assert!(!hot(items, before + busier) || hot(items, before));
        }

        #[test]
        fn what_has_risen_is_not_over_at_once(
            items in 0_u32..2_000, sources in 0_u32..9, before in 0_u32..20_000, hours in 0_i64..48,
        ) {
            let (velocity, watched) = (velocity(items, sources, before), TimeDelta::hours(hours));
            prop_assert!(!RULE.is_hot(false, velocity, watched) || RULE.is_hot(true, velocity, watched));
        }

        #[test]
        fn a_steady_subject_never_rises(each_hour in 0_u32..500) {
            prop_assert!(!RULE.is_hot(false, velocity(each_hour, 9, each_hour * 24), DAY));
        }
    }
}
