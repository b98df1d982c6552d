//! When a post that failed may be tried again.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chimera_domain::TaskId;
use chrono::{DateTime, Utc};

/// Posts that rest after a failed call. Kept in memory only: a restart tries them at once, and the ledger still counts
/// every call.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rests(Arc<Mutex<HashMap<TaskId, DateTime<Utc>>>>);

impl Rests {
    /// Lets a post rest.
    pub(crate) fn rest(&self, id: TaskId, until: DateTime<Utc>) {
        self.with(|rests| rests.insert(id, until));
    }

    /// Those of these posts that don't rest at this moment. Rests that are over are forgotten.
    pub(crate) fn awake(&self, ids: &[TaskId], now: DateTime<Utc>) -> Vec<TaskId> {
        self.with(|rests| {
            rests.retain(|_, until| *until > now);
            ids.iter().copied().filter(|id| !rests.contains_key(id)).collect()
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut HashMap<TaskId, DateTime<Utc>>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The rest after the `failed`-th failed call (from 1): `base`, doubled with each further one, `max` at the most; never
/// less than the platform asked for.
pub(crate) fn rest_after(failed: u32, base: Duration, max: Duration, asked: Option<Duration>) -> Duration {
    let doubled = base.saturating_mul(1 << failed.saturating_sub(1).min(31));
    doubled.min(max).max(asked.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use chimera_domain::Ambient as _;
    use chimera_testkit::SeededAmbient;

    #[test]
    fn rests_double_up_to_a_bound_unless_the_platform_asks_for_more() {
        let seconds = Duration::from_secs;
        let rests: Vec<u64> = (0..6).map(|n| rest_after(n, seconds(2), seconds(20), None).as_secs()).collect();
        assert_eq!(rests, [2, 2, 4, 8, 16, 20]);
        assert_eq!(rest_after(u32::MAX, seconds(2), seconds(20), Some(seconds(60))), seconds(60));
        assert_eq!(rest_after(1, seconds(2), seconds(20), Some(seconds(1))), seconds(2));
    }

    #[test]
    fn a_post_sleeps_until_its_moment_and_is_forgotten_then() {
        let ambient = SeededAmbient::new(1).standing_still();
        let (id, other) = (TaskId::generate(&ambient), TaskId::generate(&ambient));
        let now = ambient.now();
        let rests = Rests::default();
        rests.rest(id, now + Duration::from_secs(2));
        assert_eq!(rests.awake(&[id, other], now), [other]);
        assert_eq!(rests.awake(&[id, other], now + Duration::from_secs(2)), [id, other]);
        assert!(rests.with(|r| r.is_empty()));
    }
}
