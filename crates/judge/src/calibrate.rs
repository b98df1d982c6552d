//! What people decided, as examples of how sure the judge may be; the maps that are fitted to them; and what would come of
//! them. Pure.
//!
//! The confidence says how likely a person would let the post go out as it is. It decides only where nothing else does, so
//! it learns from such posts alone: a post with a sensitive topic, from a tainted source, over budget or without an opinion
//! is a person's whatever the confidence, and what they say of it is about the topic or the source at least as much as
//! about the post. Counted as examples, such answers would teach that good posts are bad, or, where people let sensitive
//! posts through easily, the reverse. And an answer teaches about the mind, and the version of its prompt, whose opinion
//! was weighed, and about no other.

use std::collections::BTreeMap;

use chimera_domain::{
    Calibration, CampaignId, Score, Verdict,
    policy::{
        Evidence, RoutingThresholds,
        calibration::{Example, Fit, TooFew, brier_score, fit},
    },
};
use chimera_store::Reviewed;
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;

/// Decisions from which on a campaign may have a map of its own.
const OWN_FROM: usize = 100;

/// What people's answers teach, and what they do not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lessons {
    /// The mind and the version of its prompt whose opinions these are; `None` without examples.
    pub opinion_of: Option<String>,
    /// What the judge's rule came to, and whether a person let the post go out as it was.
    pub examples: Vec<(CampaignId, Example)>,
    /// Answers that are no examples.
    pub left_out: LeftOut,
}

/// Answers that are no examples, by the first reason that applies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LeftOut {
    /// The post had a sensitive topic.
    pub sensitive: usize,
    /// Something else made it a person's: a tainted source, injection, its cost, a restore, no opinion.
    pub flagged: usize,
    /// Another mind's opinion was weighed, or one asked otherwise.
    pub other_opinion: usize,
}

impl Lessons {
    /// The lessons of `reviews`, of which the first is the newest: it says whose opinions count.
    #[must_use]
    pub fn of(reviews: &[Reviewed]) -> Self {
        let mut lessons = Self::default();
        for review in reviews {
            let judged = &review.judged;
            if !judged.sensitive_topics.is_empty() {
                lessons.left_out.sensitive += 1;
                continue;
            }
            let Some(opinion_of) = judged.opinion_of.as_ref().filter(|_| judged.safety_flags.is_empty()) else {
                lessons.left_out.flagged += 1;
                continue;
            };
            if lessons.opinion_of.get_or_insert_with(|| opinion_of.clone()) != opinion_of {
                lessons.left_out.other_opinion += 1;
                continue;
            }
            let score = judged.raw_confidence.unwrap_or(judged.confidence);
            let positive = review.approved && !review.edited;
            lessons.examples.push((review.campaign_id, Example { score, positive }));
        }
        lessons
    }

    fn all(&self) -> Vec<Example> {
        self.examples.iter().map(|(_, example)| *example).collect()
    }
}

/// A map for all campaigns, or for one.
#[derive(Debug, Clone)]
pub struct Fitted {
    /// Whose it is; `None` is everybody's.
    pub campaign: Option<CampaignId>,
    /// The examples, as they were.
    pub examples: Vec<Example>,
    /// The map, or why there is none.
    pub fit: Result<Fit, TooFew>,
    /// Whether it is to be used. A campaign's own map is where it has decisions enough and the map predicts them better than
    /// everybody's does.
    pub used: bool,
}

/// Fits a map to all examples, and one to each campaign's: everybody's first, then those of most examples.
#[must_use]
pub fn fitted(lessons: &Lessons) -> Vec<Fitted> {
    let all = lessons.all();
    let everybodys = fit(&all);
    let mut apart: BTreeMap<CampaignId, Vec<Example>> = BTreeMap::new();
    for (campaign, example) in &lessons.examples {
        apart.entry(*campaign).or_default().push(*example);
    }
    let shared = everybodys.as_ref().ok().map(|fit| fit.map.clone());
    let own = |(campaign, examples): (CampaignId, Vec<Example>)| {
        let fit = fit(&examples);
        let under_shared = shared.as_ref().map_or(Score::ONE, |map| {
            let mapped: Vec<Example> =
                examples.iter().map(|one| Example { score: map.apply(one.score), ..*one }).collect();
            brier_score(&mapped)
        });
        let used = examples.len() >= OWN_FROM && fit.as_ref().is_ok_and(|fit| fit.brier_after < under_shared);
        Fitted { campaign: Some(campaign), examples, fit, used }
    };
    let mut fits: Vec<Fitted> = apart.into_iter().map(own).collect();
    fits.sort_by_key(|one| std::cmp::Reverse(one.examples.len()));
    fits.insert(0, Fitted { campaign: None, used: everybodys.is_ok(), fit: everybodys, examples: all });
    fits
}

impl Fitted {
    /// What the judge is to use, if it is to use it. Beyond the scores of which a person decided it claims nothing.
    #[must_use]
    pub fn calibration(&self, opinion_of: &str, now: DateTime<Utc>) -> Option<Calibration> {
        let fit = self.fit.as_ref().ok().filter(|_| self.used)?;
        let scores = self.examples.iter().map(|example| example.score);
        let (lowest, highest) = (scores.clone().min()?, scores.max()?);
        Some(Calibration {
            map: fit.map.within(lowest, highest),
            method: fit.method,
            model: opinion_of.to_owned(),
            examples: u32::try_from(fit.examples).unwrap_or(u32::MAX),
            error_before: fit.error_before,
            error_after: fit.error_after,
            fitted_at: now,
        })
    }
}

/// The maps to be used, by whose they are.
pub type Maps = BTreeMap<Option<CampaignId>, Calibration>;

/// The examples as these maps score them.
#[must_use]
pub fn mapped(lessons: &Lessons, maps: &Maps) -> Vec<Example> {
    let one = |(campaign, example): &(CampaignId, Example)| {
        let map = maps.get(&Some(*campaign)).or_else(|| maps.get(&None));
        Example { score: map.map_or(example.score, |calibration| calibration.map.apply(example.score)), ..*example }
    };
    lessons.examples.iter().map(one).collect()
}

/// Where examples would go by their scores, and how people saw those.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Routed {
    /// Published without a person,
    pub published: usize,
    /// and how many of these a person did not let go out as they were.
    pub published_wrong: usize,
    /// Put before a person.
    pub asked: usize,
    /// Rejected without a person,
    pub rejected: usize,
    /// and how many of these a person let go out as they were.
    pub rejected_wrong: usize,
}

impl Routed {
    /// Routes examples by these thresholds, as a post that nothing else holds back.
    #[must_use]
    pub fn by(thresholds: &RoutingThresholds, examples: &[Example]) -> Self {
        let mut routed = Self::default();
        for example in examples {
            let (confidence, publishable) = (example.score, true);
            let evidence = Evidence { confidence, sensitive: false, tainted: false, forbidden: false, publishable };
            match thresholds.route(evidence).verdict {
                Verdict::Approve => {
                    routed.published += 1;
                    routed.published_wrong += usize::from(!example.positive);
                }
                Verdict::HitlQueue => routed.asked += 1,
                Verdict::Reject => {
                    routed.rejected += 1;
                    routed.rejected_wrong += usize::from(example.positive);
                }
            }
        }
        routed
    }
}

#[cfg(test)]
mod tests;
