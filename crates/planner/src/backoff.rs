//! When a resource that can't be read is read again.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chrono::{DateTime, Utc};

/// The longest pause between two reads of a resource that fails, however often it has failed.
const PAUSE_MAX: Duration = Duration::from_secs(15 * 60);

/// Resources that are left alone for a while. In memory only: a restart reads them at once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Backoff(Arc<Mutex<HashMap<String, DateTime<Utc>>>>);

impl Backoff {
    /// Whether the resource is to be left alone at this moment.
    pub(crate) fn holds(&self, uri: &str, now: DateTime<Utc>) -> bool {
        self.with(|paused| paused.get(uri).is_some_and(|until| *until > now))
    }

    /// Whether the resource's last reading failed.
    pub(crate) fn is_failing(&self, uri: &str) -> bool {
        self.with(|paused| paused.contains_key(uri))
    }

    /// The resource failed for the `failures`-th time in a row.
    pub(crate) fn failed(&self, uri: &str, failures: u32, poll: Duration, now: DateTime<Utc>) {
        let pause = pause(failures, poll);
        self.with(|paused| paused.insert(uri.to_owned(), now + pause));
    }

    /// The resource can be read again.
    pub(crate) fn recovered(&self, uri: &str) {
        self.with(|paused| paused.remove(uri));
    }

    fn with<T>(&self, act: impl FnOnce(&mut HashMap<String, DateTime<Utc>>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// None after the first failure, which is often a hiccup; then one poll interval, doubled with each further failure.
fn pause(failures: u32, poll: Duration) -> Duration {
    match failures {
        0 | 1 => Duration::ZERO,
        more => poll.saturating_mul(1 << (more - 2).min(31)).min(PAUSE_MAX.max(poll)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chimera_domain::Ambient as _;
    use chimera_testkit::SeededAmbient;

    #[test]
    fn pauses_double_from_the_second_failure_up_to_a_bound() {
        let pauses: Vec<u64> = (1..=7).map(|n| pause(n, Duration::from_secs(60)).as_secs()).collect();
        assert_eq!(pauses, [0, 60, 120, 240, 480, 900, 900]);
        assert_eq!(pause(u32::MAX, Duration::from_secs(60)), PAUSE_MAX);
        assert_eq!(pause(5, Duration::from_secs(7_200)).as_secs(), 7_200, "a slow poll is never sped up");
    }

    #[test]
    fn a_resource_is_left_alone_until_its_pause_is_over_or_it_recovers() {
        let now = SeededAmbient::new(1).now();
        let (backoff, poll) = (Backoff::default(), Duration::from_secs(60));
        backoff.failed("a", 3, poll, now);
        assert!(backoff.holds("a", now + Duration::from_secs(119)) && !backoff.holds("b", now));
        assert!(!backoff.holds("a", now + Duration::from_secs(120)) && backoff.is_failing("a"));
        backoff.recovered("a");
        assert!(!backoff.holds("a", now) && !backoff.is_failing("a"));
    }
}
