//! How long the judge waits for a mind that gives no opinion.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chimera_domain::TaskId;
use chimera_llm::Retry;
use chrono::{DateTime, Utc};

/// Answers that are no answers, for one post, before a person decides without the mind: each of them costs.
const GARBLED_MAX: u32 = 3;

/// Posts of which garbled answers are remembered. Those that somebody else decides are never forgotten otherwise; of the
/// oldest, the mind is asked afresh.
const REMEMBERED_MAX: usize = 1_000;

/// What the judge remembers of a mind's failures. In memory only: a restart asks afresh.
#[derive(Debug, Clone, Default)]
pub(crate) struct Patience(Arc<Mutex<Memory>>);

#[derive(Debug, Default)]
struct Memory {
    resting_until: Option<DateTime<Utc>>,
    /// By age, for ids are made in the order of time.
    garbled: BTreeMap<TaskId, u32>,
}

impl Patience {
    /// Whether the mind asked for a rest that is not over.
    pub(crate) fn is_resting(&self, now: DateTime<Utc>) -> bool {
        self.with(|memory| memory.resting_until.is_some_and(|until| until > now))
    }

    /// Whether it is no use waiting for an opinion on this post after a failure of this kind. A rest that the mind asks
    /// for holds for all posts.
    pub(crate) fn ends(&self, id: TaskId, retry: Retry, now: DateTime<Utc>) -> bool {
        self.with(|memory| match retry {
            Retry::Never => true,
            Retry::After(wait) => {
                let until = now + wait.min(REST_MAX);
                memory.resting_until = Some(memory.resting_until.map_or(until, |known| known.max(until)));
                false
            }
            Retry::Now => {
                let count = memory.garbled.entry(id).or_default();
                *count += 1;
                let ends = *count >= GARBLED_MAX;
                let oldest = memory.garbled.keys().copied().find(|known| *known != id);
                if let Some(oldest) = oldest.filter(|_| memory.garbled.len() > REMEMBERED_MAX) {
                    memory.garbled.remove(&oldest);
                }
                ends
            }
        })
    }

    /// These posts are decided.
    pub(crate) fn forget(&self, ids: &[TaskId]) {
        self.with(|memory| {
            for id in ids {
                memory.garbled.remove(id);
            }
        });
    }

    fn with<T>(&self, act: impl FnOnce(&mut Memory) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// No rest is longer, whatever the API says: a quota may be raised meanwhile.
const REST_MAX: Duration = Duration::from_secs(3_600);

#[cfg(test)]
mod tests {
    use super::*;
    use chimera_domain::Ambient as _;
    use chimera_testkit::SeededAmbient;

    #[test]
    fn a_rest_holds_as_long_as_the_longest_that_was_asked_for() {
        let ambient = SeededAmbient::new(1).standing_still();
        let (id, now) = (TaskId::generate(&ambient), ambient.now());
        let patience = Patience::default();
        assert!(!patience.is_resting(now));
        assert!(!patience.ends(id, Retry::After(Duration::from_secs(60)), now));
        assert!(!patience.ends(id, Retry::After(Duration::from_secs(5)), now));
        assert!(patience.is_resting(now + Duration::from_secs(59)));
        assert!(!patience.is_resting(now + Duration::from_secs(60)));
        assert!(!patience.ends(id, Retry::After(Duration::MAX), now));
        assert!(!patience.is_resting(now + REST_MAX));
    }

    #[test]
    fn garbled_answers_are_paid_for_so_often_and_no_more() {
        let ambient = SeededAmbient::new(1);
        let (id, other, now) = (TaskId::generate(&ambient), TaskId::generate(&ambient), ambient.now());
        let patience = Patience::default();
        let ends = |id| patience.ends(id, Retry::Now, now);
        assert_eq!([ends(id), ends(id), ends(other), ends(id)], [false, false, false, true]);
        patience.forget(&[id]);
        assert!(!ends(id));
        assert!(patience.ends(id, Retry::Never, now));
    }

    #[test]
    fn what_somebody_else_decides_is_not_remembered_for_ever() {
        let ambient = SeededAmbient::new(1);
        let (oldest, now) = (TaskId::generate(&ambient), ambient.now());
        let patience = Patience::default();
        patience.ends(oldest, Retry::Now, now);
        for _ in 0..2 * REMEMBERED_MAX {
            patience.ends(TaskId::generate(&ambient), Retry::Now, now);
        }
        patience.with(|memory| {
            assert_eq!(memory.garbled.len(), REMEMBERED_MAX);
            assert!(!memory.garbled.contains_key(&oldest));
        });
        // However old it is, the one that is asked about now is counted.
        let ends = || patience.ends(oldest, Retry::Now, now);
        assert_eq!([ends(), ends(), ends()], [false, false, true]);
    }
}
