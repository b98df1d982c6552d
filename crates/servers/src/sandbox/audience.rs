//! The simulated audience: how a post does, as a pure function of seed, content and age.
//!
//! Every post draws a fate from its content hash: how many it reaches in the end (log-normal: most posts do little, a
//! few do very well), how fast (a power law, `1 - (1 + age/tau)^-alpha`: steep at first, a long tail, never falling),
//! and which part of the viewers likes, comments and shares. Nothing is stored, so nothing can contradict itself.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::dice::Dice;

/// Half of all posts reach fewer viewers than this in the end.
const REACH_MEDIAN: f64 = 900.0;
/// Deviation of the natural logarithm of the reach.
const REACH_SPREAD: f64 = 1.2;
/// No post reaches more viewers than this.
const REACH_MAX: f64 = 5_000_000.0;
const MS_PER_HOUR: f64 = 3_600_000.0;

/// How a post is doing. None of the numbers ever falls as the post gets older.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Engagement {
    /// Viewers who liked it.
    pub likes: u64,
    /// Comments below it.
    pub comments: u64,
    /// Viewers who passed it on.
    pub shares: u64,
    /// Viewers who saw it.
    pub views: u64,
}

/// An audience that reacts the same way every time for one seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Audience {
    seed: u64,
}

/// What awaits one post.
struct Fate {
    reach: f64,
    tau_hours: f64,
    alpha: f64,
    like_rate: f64,
    comment_rate: f64,
    share_rate: f64,
}

impl Fate {
    /// The part of the final reach that a post of this age has reached, 0 to 1.
    fn grown(&self, age_ms: u64) -> f64 {
        1.0 - (1.0 + age_ms as f64 / MS_PER_HOUR / self.tau_hours).powf(-self.alpha)
    }

    /// The age in milliseconds at which the comment numbered `index` (from 0) appears; nothing if it never does.
    /// The inverse of [`Fate::grown`].
    fn comment_age_ms(&self, index: u64) -> Option<u64> {
        let part = (index + 1) as f64 / (self.reach * self.comment_rate);
        let hours = self.tau_hours * ((1.0 - part).powf(-1.0 / self.alpha) - 1.0);
        (part < 1.0 && hours.is_finite()).then(|| whole((hours * MS_PER_HOUR).ceil()))
    }
}

impl Audience {
    /// The audience of this seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// Its seed.
    #[must_use]
    pub const fn seed(self) -> u64 {
        self.seed
    }

    /// How the post with this content is doing at this age, in simulated milliseconds.
    #[must_use]
    pub fn engagement(self, content_hash: &str, age_ms: u64) -> Engagement {
        let fate = self.fate(content_hash);
        let viewers = fate.reach * fate.grown(age_ms);
        Engagement {
            likes: whole(viewers * fate.like_rate),
            comments: comments_by(&fate, age_ms),
            shares: whole(viewers * fate.share_rate),
            views: whole(viewers),
        }
    }

    /// The age, in simulated milliseconds, at which the comment numbered `index` (from 0) appears below the post with
    /// this content; nothing if the post never gets so many.
    #[must_use]
    pub fn comment_age_ms(self, content_hash: &str, index: u64) -> Option<u64> {
        self.fate(content_hash).comment_age_ms(index)
    }

    /// The newest comments of a post of this age: number and age at appearance, newest first, at most `limit`.
    #[must_use]
    pub fn newest_comments(self, content_hash: &str, age_ms: u64, limit: u64) -> Vec<(u64, u64)> {
        let fate = self.fate(content_hash);
        let count = comments_by(&fate, age_ms);
        let from = count.saturating_sub(limit);
        (from..count).rev().filter_map(|index| Some((index, fate.comment_age_ms(index)?))).collect()
    }

    fn fate(self, content_hash: &str) -> Fate {
        let mut dice = Dice::from_names(self.seed, &["fate", content_hash]);
        Fate {
            reach: (REACH_MEDIAN.ln() + REACH_SPREAD * dice.normal()).exp().min(REACH_MAX),
            tau_hours: dice.between(1.5, 6.0),
            alpha: dice.between(0.7, 1.5),
            like_rate: dice.between(0.02, 0.09),
            comment_rate: dice.between(0.003, 0.015),
            share_rate: dice.between(0.002, 0.02),
        }
    }
}

/// How many comments have appeared at this age: found by bisection over their ages, so that count and list agree to
/// the millisecond.
fn comments_by(fate: &Fate, age_ms: u64) -> u64 {
    let mut low = 0;
    let mut high = whole(fate.reach * fate.comment_rate) + 1;
    while low < high {
        let middle = low + (high - low) / 2;
        if fate.comment_age_ms(middle).is_some_and(|age| age <= age_ms) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float-to-integer cast saturates")]
fn whole(number: f64) -> u64 {
    number.floor() as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAY_MS: u64 = 86_400_000;

    proptest! {
        #[test]
        fn nothing_ever_falls(seed: u64, hash in "[0-9a-f]{8}", age in 0..DAY_MS * 400, more in 0..DAY_MS * 400) {
            let (then, now) = (Audience::new(seed).engagement(&hash, age), Audience::new(seed).engagement(&hash, age + more));
            prop_assert!(now.likes >= then.likes && now.comments >= then.comments);
            prop_assert!(now.shares >= then.shares && now.views >= then.views);
            prop_assert!(now.views >= now.likes && now.views >= now.comments && now.views >= now.shares);
        }

        #[test]
        fn the_count_is_the_length_of_the_list(seed: u64, hash in "[0-9a-f]{8}", age in 0..DAY_MS * 30) {
            let audience = Audience::new(seed);
            let listed = audience.newest_comments(&hash, age, u64::MAX);
            prop_assert_eq!(listed.len() as u64, audience.engagement(&hash, age).comments);
            prop_assert!(listed.iter().all(|(_, at)| *at <= age));
            prop_assert!(listed.is_sorted_by(|a, b| a.1 >= b.1));
        }
    }

    #[test]
    fn one_seed_gives_one_audience_and_another_gives_another() {
        let day = |seed, hash| Audience::new(seed).engagement(hash, DAY_MS);
        assert_eq!(day(1, "abc"), day(1, "abc"));
        assert_ne!(day(1, "abc"), day(2, "abc"));
        assert_ne!(day(1, "abc"), day(1, "abd"));
    }

    #[test]
    fn a_new_post_has_nobody_and_an_old_one_is_plausible() {
        let audience = Audience::new(3);
        assert_eq!(audience.engagement("x", 0), Engagement::default());
        let mut views = (0..501).map(|n| audience.engagement(&n.to_string(), DAY_MS * 365).views).collect::<Vec<_>>();
        views.sort_unstable();
        // The median of 501 log-normal draws lies within about 15 % of the true one; the tail reaches far beyond it.
        assert!((600..1_200).contains(&views[250]), "median {}", views[250]);
        assert!(views[500] > 10 * views[250]);
    }
}
