//! The stories of the last days, by their first headline.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};

use super::Wording;
use crate::SignalId;

/// Stories under one key that are compared, the newest first: a flood of look-alikes must not make each look dear.
const COMPARED_MAX: usize = 64;

/// How much a [`StoryWindow`] holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoryLimits {
    /// Stories, the newest. Each takes about 1 kB.
    pub stories: usize,
    /// How long after it was first told a story is still the same.
    pub age: TimeDelta,
}

/// Finds the story that a headline tells. A story is compared by its first headline only, so that it can't drift from one
/// story to the next.
#[derive(Debug)]
pub struct StoryWindow {
    limits: StoryLimits,
    /// In the order in which they came.
    told: BTreeMap<u64, Told>,
    by_key: HashMap<u64, Vec<u64>>,
    known: HashSet<SignalId>,
    next: u64,
}

#[derive(Debug)]
struct Told {
    story: SignalId,
    wording: Wording,
    at: DateTime<Utc>,
}

impl StoryWindow {
    /// An empty window.
    #[must_use]
    pub fn new(limits: StoryLimits) -> Self {
        Self { limits, told: BTreeMap::new(), by_key: HashMap::new(), known: HashSet::new(), next: 0 }
    }

    /// How many stories are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.told.len()
    }

    /// Whether no story is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.told.is_empty()
    }

    /// The story that a headline tells, if it is known: the one whose first headline resembles it most, of equal ones the
    /// older.
    #[must_use]
    pub fn find(&self, wording: &Wording, now: DateTime<Utc>) -> Option<SignalId> {
        let mut best: Option<(f64, DateTime<Utc>, SignalId)> = None;
        if !wording.is_comparable() {
            return None;
        }
        for place in wording
            .bands()
            .iter()
            .filter_map(|key| self.by_key.get(key))
            .flat_map(|p| p.iter().rev().take(COMPARED_MAX))
        {
            let Some(told) = self.told.get(place) else { continue };
            if self.is_over(told, now)
                || best.is_some_and(|(.., story)| story == told.story)
                || !told.wording.tells_the_same_as(wording)
            {
                continue;
            }
            let resemblance = told.wording.resemblance(wording);
            let is_better = best.is_none_or(|(most, at, story)| {
                resemblance.total_cmp(&most).then(at.cmp(&told.at)).then(story.cmp(&told.story)).is_gt()
            });
            if is_better {
                best = Some((resemblance, told.at, told.story));
            }
        }
        best.map(|(.., story)| story)
    }

    /// Adds a story with its first headline. One that is known, or too short to compare, is left as it is.
    pub fn tell(&mut self, story: SignalId, wording: Wording, at: DateTime<Utc>) {
        if !wording.is_comparable() || !self.known.insert(story) {
            return;
        }
        let place = self.next;
        self.next += 1;
        for key in wording.bands() {
            self.by_key.entry(*key).or_default().push(place);
        }
        self.told.insert(place, Told { story, wording, at });
        while self.told.len() > self.limits.stories {
            self.drop_oldest();
        }
    }

    /// Drops what is too old.
    pub fn trim(&mut self, now: DateTime<Utc>) {
        while self.told.first_key_value().is_some_and(|(_, told)| self.is_over(told, now)) {
            self.drop_oldest();
        }
    }

    fn is_over(&self, told: &Told, now: DateTime<Utc>) -> bool {
        now.signed_duration_since(told.at) > self.limits.age
    }

    fn drop_oldest(&mut self) {
        let Some((place, told)) = self.told.pop_first() else { return };
        self.known.remove(&told.story);
        for key in told.wording.bands() {
            if let Some(places) = self.by_key.get_mut(key) {
                places.retain(|p| *p != place);
                if places.is_empty() {
                    self.by_key.remove(key);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use uuid::Uuid;

    const OPENS: &str = "Paris Fashion Week opens with a tribute to Vivienne Westwood";
    const LIMITS: StoryLimits = StoryLimits { stories: 3, age: TimeDelta::hours(72) };

    fn id(n: u128) -> SignalId {
        SignalId::from_uuid(Uuid::from_u128(n))
    }

    fn at(hours: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::hours(hours)
    }

    fn other(n: u128) -> String {
        format!("alpha{n:x} bravo{n:x} charl{n:x} delta{n:x} echoo{n:x}")
    }

    #[test]
    fn a_story_is_found_in_other_words_until_it_is_old() {
        let mut window = StoryWindow::new(LIMITS);
        window.tell(id(1), Wording::of(OPENS), at(0));
        let copy = Wording::of("PARIS FASHION WEEK opens with tribute to Vivienne Westwood | The Courier");
        assert_eq!(window.find(&copy, at(72)), Some(id(1)));
        assert_eq!(window.find(&copy, at(73)), None);
        assert_eq!(window.find(&Wording::of("Denim sales surge as offices reopen"), at(0)), None);
        window.trim(at(73));
        assert!(window.is_empty() && window.by_key.is_empty() && window.known.is_empty());
    }

    #[test]
    fn the_nearest_story_is_taken_and_of_equal_ones_the_older() {
        let mut window = StoryWindow::new(LIMITS);
        window.tell(id(1), Wording::of("Paris Fashion Week opens with a tribute to Westwood and rain"), at(0));
        window.tell(id(3), Wording::of(OPENS), at(2));
        window.tell(id(2), Wording::of(OPENS), at(1));
        assert_eq!(window.find(&Wording::of(OPENS), at(3)), Some(id(2)));
    }

    #[test]
    fn a_known_story_keeps_its_first_headline() {
        let mut window = StoryWindow::new(LIMITS);
        window.tell(id(1), Wording::of(OPENS), at(0));
        window.tell(id(1), Wording::of(&other(7)), at(5));
        assert_eq!(window.find(&Wording::of(OPENS), at(6)), Some(id(1)));
        assert_eq!(window.find(&Wording::of(&other(7)), at(6)), None);
    }

    #[test]
    fn look_alikes_do_not_make_a_look_dear() {
        let mut window = StoryWindow::new(StoryLimits { stories: 10_000, ..LIMITS });
        for n in 0..2_000 {
            window.tell(id(n), Wording::of(OPENS), at(0));
        }
        assert_eq!(window.by_key.len(), super::super::wording::BANDS);
        assert_eq!(window.find(&Wording::of(OPENS), at(1)), Some(id(2_000 - COMPARED_MAX as u128)));
    }

    proptest! {
        #[test]
        fn it_never_holds_more_than_it_may(stories in prop::collection::vec((0_u128..40, 0_i64..200), 0..60)) {
            let mut window = StoryWindow::new(LIMITS);
            for (n, hours) in stories {
                window.tell(id(n), Wording::of(&other(n)), at(hours));
                window.trim(at(hours));
                prop_assert!(window.len() <= LIMITS.stories);
                prop_assert_eq!(window.known.len(), window.len());
                let listed: usize = window.by_key.values().map(Vec::len).sum();
                prop_assert_eq!(listed, window.len() * super::super::wording::BANDS);
            }
        }
    }
}
