//! How often a resource brings something new, and when it has been silent for too long.
//!
//! Its rhythm is the mean gap between two times that it brought something, weighted towards the recent ones: each new gap
//! counts for an eighth, as in the smoothed round-trip time of RFC 6298 (section 2, after V. Jacobson, "Congestion avoidance
//! and control", SIGCOMM 1988).

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

/// So many of its usual gaps make a silence.
const GAPS: i32 = 8;
/// No silence is shorter, whatever the rhythm: nights and Sundays are quiet.
const SILENCE_MIN: TimeDelta = TimeDelta::hours(24);
/// No silence is longer, where a rhythm is known.
const SILENCE_MAX: TimeDelta = TimeDelta::days(14);
/// The part of a new gap in the mean.
const WEIGHT: i32 = 8;

/// When a resource last brought something new, and how long that takes it on the average.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FeedRhythm {
    /// When it last brought something new; `None` before the first time.
    pub changed_at: Option<DateTime<Utc>>,
    /// The mean gap between two such times; `None` before the second.
    pub gap: Option<TimeDelta>,
}

impl FeedRhythm {
    /// It has brought something new.
    #[must_use]
    pub fn changed(self, now: DateTime<Utc>) -> Self {
        let new = self.changed_at.map(|before| (now - before).max(TimeDelta::zero()));
        let gap = match (self.gap, new) {
            (Some(mean), Some(new)) => Some(mean + (new - mean) / WEIGHT),
            (mean, new) => new.or(mean),
        };
        Self { changed_at: Some(now), gap }
    }

    /// How long it may be silent: as long as was said, or else as its own rhythm lets expect. `None`: for ever, for nothing
    /// was said and it has no rhythm yet.
    #[must_use]
    pub fn silence_max(self, said: Option<Duration>) -> Option<TimeDelta> {
        let said = said.and_then(|said| TimeDelta::from_std(said).ok());
        said.or_else(|| self.gap.map(|gap| (gap * GAPS).clamp(SILENCE_MIN, SILENCE_MAX)))
    }

    /// Whether it has been silent for too long.
    #[must_use]
    pub fn is_stale(self, said: Option<Duration>, now: DateTime<Utc>) -> bool {
        let limit = self.silence_max(said);
        self.changed_at.zip(limit).is_some_and(|(changed_at, limit)| now - changed_at > limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(hours: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::hours(hours)
    }

    #[test]
    fn a_daily_feed_is_stale_after_eight_days_and_a_busy_one_after_one() {
        let every = |hours: i64| (0..50).fold(FeedRhythm::default(), |rhythm, n| rhythm.changed(at(n * hours)));
        let stale_after = |rhythm: FeedRhythm| {
            let last = rhythm.changed_at.unwrap();
            (0..999).find(|hours| rhythm.is_stale(None, last + TimeDelta::hours(*hours))).unwrap()
        };
        assert_eq!(stale_after(every(24)), 8 * 24 + 1);
        assert_eq!(stale_after(every(1)), 25);
        assert_eq!(stale_after(every(24 * 30)), 14 * 24 + 1);
    }

    #[test]
    fn what_was_said_counts_and_without_a_rhythm_nothing_is_stale() {
        let once = FeedRhythm::default().changed(at(0));
        assert!(!FeedRhythm::default().is_stale(Some(Duration::ZERO), at(9_999)));
        assert!(!once.is_stale(None, at(9_999)));
        let said = Some(Duration::from_secs(7_200));
        assert!(!once.is_stale(said, at(2)) && once.is_stale(said, at(3)));
    }

    proptest! {
        #[test]
        fn the_mean_gap_lies_among_the_gaps(times in prop::collection::vec(0_i64..100_000, 2..30)) {
            let mut times = times;
            times.sort_unstable();
            let rhythm = times.iter().fold(FeedRhythm::default(), |rhythm, hours| rhythm.changed(at(*hours)));
            let gaps: Vec<_> = times.windows(2).map(|pair| TimeDelta::hours(pair[1] - pair[0])).collect();
            let gap = rhythm.gap.unwrap();
            let slack = TimeDelta::seconds(1);
            prop_assert!(gap + slack >= *gaps.iter().min().unwrap() && gap - slack <= *gaps.iter().max().unwrap());
        }
    }
}
