//! How far scores can be trusted: what they say beside how often it was so.

use schemars::JsonSchema;
use serde::Serialize;

use super::Example;
use crate::Score;

/// Bins of equal width, as in Guo, Pleiss, Sun and Weinberger, *On Calibration of Modern Neural Networks*, 2017.
const BINS: u8 = 10;

/// Examples whose scores lie near each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ReliabilityBin {
    /// Scores from here on,
    pub from: Score,
    /// and below here, but for the last bin, which holds 1 too.
    pub to: Score,
    /// Examples in it.
    pub count: usize,
    /// Their mean score.
    pub said: Score,
    /// How many of them were positive, as a share.
    pub was: Score,
}

/// The table of reliability: ten bins of equal width; those without examples are left out.
#[must_use]
pub fn reliability(examples: &[Example]) -> Vec<ReliabilityBin> {
    let bin = |at: u8| {
        let edge = |at: u8| Score::clamped(f64::from(at) / f64::from(BINS));
        let (from, to) = (edge(at), edge(at + 1));
        let inside = |score: Score| score >= from && (score < to || at + 1 == BINS);
        let within: Vec<&Example> = examples.iter().filter(|example| inside(example.score)).collect();
        let (count, scores, positive) = sums(within.iter().copied());
        (count > 0.0).then(|| ReliabilityBin {
            from,
            to,
            count: within.len(),
            said: Score::clamped(scores / count),
            was: Score::clamped(positive / count),
        })
    };
    (0..BINS).filter_map(bin).collect()
}

/// Expected calibration error: the mean distance, over the bins and weighted by their examples, of what was said from how
/// it was. 0 for no examples.
#[must_use]
pub fn expected_error(examples: &[Example]) -> Score {
    let (all, ..) = sums(examples.iter());
    let count = |bin: &ReliabilityBin| f64::from(u32::try_from(bin.count).unwrap_or(u32::MAX));
    let part = |bin: &ReliabilityBin| (bin.said.get() - bin.was.get()).abs() * count(bin);
    Score::clamped(reliability(examples).iter().map(part).sum::<f64>() / f64::max(all, 1.0))
}

/// Brier score: the mean squared distance of scores from outcomes (Brier, *Verification of Forecasts Expressed in Terms of
/// Probability*, 1950). 0 is perfect; 0 for no examples.
#[must_use]
pub fn brier_score(examples: &[Example]) -> Score {
    let (all, ..) = sums(examples.iter());
    let part = |example: &Example| (example.score.get() - outcome(example)).powi(2);
    Score::clamped(examples.iter().map(part).sum::<f64>() / f64::max(all, 1.0))
}

/// A threshold with what it brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ThresholdChoice {
    /// Scores from here on are taken.
    pub threshold: Score,
    /// The share of those taken that were positive.
    pub precision: Score,
    /// The share of all positive ones that are taken.
    pub recall: Score,
    /// How many are taken.
    pub taken: usize,
}

/// The lowest threshold at which, of the examples taken, at least this share was positive; `None` when no threshold does
/// it. An error rate of at most e is a precision of 1 - e.
#[must_use]
pub fn threshold_for(examples: &[Example], precision: Score) -> Option<ThresholdChoice> {
    let mut sorted = examples.to_vec();
    sorted.sort_by_key(|example| std::cmp::Reverse(example.score));
    let (_, _, all_positive) = sums(sorted.iter());
    let (mut best, mut count, mut positive) = (None, 0.0, 0.0);
    for (at, example) in sorted.iter().enumerate() {
        count += 1.0;
        positive += outcome(example);
        // Equal scores are taken together or not at all.
        let ties_follow = sorted.get(at + 1).is_some_and(|next| next.score == example.score);
        if !ties_follow && positive / count >= precision.get() {
            best = Some(ThresholdChoice {
                threshold: example.score,
                precision: Score::clamped(positive / count),
                recall: Score::clamped(positive / f64::max(all_positive, 1.0)),
                taken: at + 1,
            });
        }
    }
    best
}

const fn outcome(example: &Example) -> f64 {
    if example.positive { 1.0 } else { 0.0 }
}

/// How many examples there are, the sum of their scores, and how many are positive.
fn sums<'a>(examples: impl Iterator<Item = &'a Example>) -> (f64, f64, f64) {
    examples.fold((0.0, 0.0, 0.0), |(count, scores, positive), example| {
        (count + 1.0, scores + example.score.get(), positive + outcome(example))
    })
}
