//! Which memories come to mind: near to the matter, recent, and important.
//!
//! The rule is that of Park and others, "Generative Agents: Interactive Simulacra of Human Behavior" (UIST 2023,
//! <https://doi.org/10.1145/3586183.3606763>, section 4.1): a weighted sum of relevance (cosine), recency (0.995 to the
//! power of hours) and importance, all weights 1. In two things we differ:
//! - They count hours since a memory was last *recalled*. We count since it was made: recalling would write a row each
//!   time, and what is recalled once would keep being recalled.
//! - They stretch each part over the memories at hand to 0..=1. We take each part as it is (a cosine below 0 as 0) and
//!   divide by the weights, so a memory's score does not depend on which others there are, and a threshold means something.

use chrono::{DateTime, TimeDelta, Utc};

use crate::{FoundMemory, Memory, Score};

/// How much each part of a score weighs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RecallWeights {
    /// Of the cosine, 0 or more. What is no such number counts as 0, here and below.
    pub relevance: f64,
    /// Of how recent it is, 0 or more.
    pub recency: f64,
    /// Of its importance, 0 or more.
    pub importance: f64,
    /// What remains of recency after an hour, 0..=1. At 0.995 half of it is left after 138 hours.
    pub kept_per_hour: Score,
}

impl Default for RecallWeights {
    fn default() -> Self {
        Self { relevance: 1.0, recency: 1.0, importance: 1.0, kept_per_hour: Score::clamped(0.995) }
    }
}

/// A memory that came to mind.
#[derive(Debug, Clone, PartialEq)]
pub struct Recalled {
    /// What is remembered.
    pub memory: Memory,
    /// The cosine between it and the matter, -1..=1.
    pub similarity: f64,
    /// What it was ranked by.
    pub score: Score,
}

impl RecallWeights {
    /// How much a memory has to say to a matter. `age` below zero, from clocks that differ, counts as none.
    #[must_use]
    pub fn score(&self, similarity: f64, age: TimeDelta, importance: Score) -> Score {
        let weight = |weight: f64| if weight.is_finite() { weight.max(0.0) } else { 0.0 };
        let [relevance, recency, important] = [self.relevance, self.recency, self.importance].map(weight);
        let whole = relevance + recency + important;
        if whole <= 0.0 || !whole.is_finite() {
            return Score::ZERO;
        }
        let hours = age.max(TimeDelta::zero()).as_seconds_f64() / 3_600.0;
        // 0 to the power of 0 is 1: what has just happened is recent even then.
        let recent = Score::clamped(self.kept_per_hour.get().powf(hours)).get();
        let near = Score::clamped(similarity).get();
        Score::clamped((relevance * near + recency * recent + important * importance.get()) / whole)
    }

    /// The `count` memories that have the most to say, best first; of equal ones the newer, then the one of the higher id.
    #[must_use]
    pub fn best(
        &self,
        found: impl IntoIterator<Item = FoundMemory>,
        now: DateTime<Utc>,
        count: usize,
    ) -> Vec<Recalled> {
        let mut all: Vec<Recalled> = found
            .into_iter()
            .map(|FoundMemory { memory, similarity }| {
                let score = self.score(similarity, now - memory.created_at, memory.importance);
                Recalled { memory, similarity, score }
            })
            .collect();
        let rank = |one: &Recalled| (one.score, one.memory.created_at, one.memory.id);
        all.sort_by_key(|one| std::cmp::Reverse(rank(one)));
        all.truncate(count);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_weights() -> impl Strategy<Value = RecallWeights> {
        (any::<f64>(), any::<f64>(), any::<f64>(), any::<f64>()).prop_map(|(relevance, recency, importance, kept)| {
            RecallWeights { relevance, recency, importance, kept_per_hour: Score::clamped(kept) }
        })
    }

    fn sane_weights() -> impl Strategy<Value = RecallWeights> {
        (0.0..10.0_f64, 0.0..10.0_f64, 0.0..10.0_f64, 0.0..=1.0_f64).prop_map(
            |(relevance, recency, importance, kept)| RecallWeights {
                relevance,
                recency,
                importance,
                kept_per_hour: Score::clamped(kept),
            },
        )
    }

    #[test]
    fn the_papers_rule_at_the_papers_weights() {
        let weights = RecallWeights::default();
        let score = weights.score(0.6, TimeDelta::hours(10), Score::percent(30)).get();
        assert!((score - (0.6 + 0.995_f64.powi(10) + 0.3) / 3.0).abs() < 1e-12, "{score}");
        assert_eq!(weights.score(1.0, TimeDelta::zero(), Score::ONE), Score::ONE);
        let half = weights.score(0.0, TimeDelta::minutes(8_297), Score::ZERO).get() * 3.0;
        assert!((half - 0.5).abs() < 1e-3, "{half}");
    }

    #[test]
    fn odd_numbers_count_as_nothing() {
        let weights = RecallWeights::default();
        let (hour, half) = (TimeDelta::hours(1), Score::percent(50));
        assert_eq!(weights.score(f64::NAN, hour, half), weights.score(-1.0, hour, half));
        assert_eq!(weights.score(0.2, TimeDelta::hours(-5), half), weights.score(0.2, TimeDelta::zero(), half));
        let none = RecallWeights { relevance: 0.0, recency: f64::NAN, importance: -1.0, ..weights };
        assert_eq!(none.score(1.0, hour, half), Score::ZERO);
        let old = weights.score(1.0, TimeDelta::MAX, Score::ONE).get();
        assert!((old - 2.0 / 3.0).abs() < 1e-12, "{old}");
    }

    proptest! {
        #[test]
        fn every_score_lies_within_its_bounds(
            weights in any_weights(), similarity in any::<f64>(), seconds in any::<i32>(), importance in any::<f64>(),
        ) {
            let score = weights.score(similarity, TimeDelta::seconds(seconds.into()), Score::clamped(importance)).get();
            prop_assert!((0.0..=1.0).contains(&score));
        }

        #[test]
        fn nearer_newer_and_weightier_never_score_less(
            weights in sane_weights(), near in -1.0..=1.0_f64, nearer in 0.0..=1.0_f64,
            age in 0..10_000_000_i64, younger in 0..10_000_000_i64, weight in 0.0..=1.0_f64, weightier in 0.0..=1.0_f64,
        ) {
            let score = |near, age: i64, weight| weights.score(near, TimeDelta::seconds(age), Score::clamped(weight)).get();
            let base = score(near, age, weight);
            let slack = 1e-12;
            prop_assert!(score(near + nearer, age, weight) >= base - slack);
            prop_assert!(score(near, age - younger, weight) >= base - slack);
            prop_assert!(score(near, age, weight + weightier) >= base - slack);
        }
    }
}
