//! When each resource is read next, by its own interval.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};

/// The least time between two readings of a resource, whatever its server tells of it.
const GAP_MIN: TimeDelta = TimeDelta::seconds(1);

/// Resources that were read, and when they are due again. In memory only: a restart reads them at once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Schedule(Arc<Mutex<HashMap<String, Due>>>);

#[derive(Debug, Clone, Copy)]
struct Due {
    read_at: DateTime<Utc>,
    due_at: DateTime<Utc>,
}

impl Schedule {
    /// The resource was read. It is due after its interval, a tenth less or more by `dice` in 0..=1, so that resources do not
    /// march in step.
    pub(crate) fn read(&self, uri: &str, interval: Duration, dice: f64, now: DateTime<Utc>) {
        let wait = interval.mul_f64(0.9 + 0.2 * dice.clamp(0.0, 1.0));
        let due_at = now + TimeDelta::from_std(wait).unwrap_or(TimeDelta::MAX);
        self.with(|all| all.insert(uri.to_owned(), Due { read_at: now, due_at }));
    }

    /// The server says that the resource has changed.
    pub(crate) fn changed(&self, uri: &str) {
        self.with(|all| {
            if let Some(due) = all.get_mut(uri) {
                due.due_at = due.due_at.min(due.read_at + GAP_MIN);
            }
        });
    }

    /// Whether the resource is due at this moment; one that was never read is.
    pub(crate) fn is_due(&self, uri: &str, now: DateTime<Utc>) -> bool {
        self.with(|all| all.get(uri).is_none_or(|due| due.due_at <= now))
    }

    /// Forgets what nobody watches.
    pub(crate) fn forget_all_but<T>(&self, watched: &BTreeMap<String, T>) {
        self.with(|all| all.retain(|uri, _| watched.contains_key(uri)));
    }

    fn with<T>(&self, act: impl FnOnce(&mut HashMap<String, Due>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chimera_domain::Ambient as _;
    use chimera_testkit::SeededAmbient;

    #[test]
    fn a_resource_is_due_after_its_interval_a_tenth_less_or_more() {
        let now = SeededAmbient::new(1).now();
        let (schedule, minute) = (Schedule::default(), Duration::from_secs(60));
        assert!(schedule.is_due("a", now));
        for (dice, seconds) in [(0.0, 54), (0.5, 60), (1.0, 66)] {
            schedule.read("a", minute, dice, now);
            assert!(!schedule.is_due("a", now + TimeDelta::seconds(seconds - 1)), "{dice}");
            assert!(schedule.is_due("a", now + TimeDelta::seconds(seconds)), "{dice}");
        }
    }

    #[test]
    fn a_change_makes_it_due_but_not_without_pause() {
        let now = SeededAmbient::new(1).now();
        let schedule = Schedule::default();
        schedule.read("a", Duration::from_secs(60), 0.5, now);
        schedule.changed("a");
        schedule.changed("never read");
        assert!(!schedule.is_due("a", now) && schedule.is_due("a", now + GAP_MIN));
        let watched = BTreeMap::from([("a".to_owned(), ())]);
        schedule.forget_all_but(&watched);
        assert!(!schedule.is_due("a", now));
        schedule.forget_all_but(&BTreeMap::<String, ()>::new());
        assert!(schedule.is_due("a", now), "what nobody watches is forgotten");
    }
}
