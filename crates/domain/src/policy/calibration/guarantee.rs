//! Thresholds that keep a promise: an error rate that holds on what is yet to come, not only on the examples.
//!
//! The lowest threshold at which few of the *examples* are wrong is too low: of many candidates it is the luckiest. So each
//! candidate is a hypothesis ("beyond it more than this share is wrong"), rejected by an exact binomial test, and the
//! candidates are gone through from the strictest on until one can't be rejected: fixed-sequence testing from several
//! starts, as in Angelopoulos, Bates, Candès, Jordan and Lei, *Learn Then Test: Calibrating Predictive Algorithms to
//! Achieve Risk Control*, 2021. Whatever it gives holds with the confidence asked for.

use schemars::JsonSchema;
use serde::Serialize;

use super::Example;
use crate::Score;

/// How sure a promise is.
const CONFIDENCE: f64 = 0.95;
/// Starts at the most; each has its share of the doubt that is left.
const STARTS_MAX: i32 = 4;

/// A threshold that keeps its promise with a confidence of 95 %.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SafeThreshold {
    /// From here on, or, of what is rejected, below here.
    pub threshold: Score,
    /// Examples beyond it,
    pub taken: usize,
    /// and how many of these were wrong.
    pub wrong: usize,
}

/// The lowest threshold from which on, in the long run, at most this share is wrong, that is not positive. `None` when the
/// examples don't prove it of any; [`examples_needed`] says how many it takes at the least.
#[must_use]
pub fn safe_above(examples: &[Example], error_rate: Score) -> Option<SafeThreshold> {
    let mut sorted: Vec<(Score, bool)> = examples.iter().map(|one| (one.score, !one.positive)).collect();
    sorted.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
    safe(&sorted, error_rate)
}

/// The highest threshold below which, in the long run, at most this share is wrong, that is positive.
#[must_use]
pub fn safe_below(examples: &[Example], error_rate: Score) -> Option<SafeThreshold> {
    let mut sorted: Vec<(Score, bool)> = examples.iter().map(|one| (one.score, one.positive)).collect();
    sorted.sort_by_key(|(score, _)| *score);
    let last = safe(&sorted, error_rate)?;
    // Below the next score: what lies at the threshold itself is not rejected.
    let next = sorted.iter().map(|(score, _)| *score).find(|score| *score > last.threshold);
    Some(SafeThreshold { threshold: next.unwrap_or(Score::ONE), ..last })
}

/// How many examples beyond a threshold it takes at the least to promise this error rate, none of them wrong.
#[must_use]
pub fn examples_needed(error_rate: Score) -> usize {
    first_start(error_rate.get(), 1.0 - CONFIDENCE)
}

/// The smallest count of which it would be a surprise that none is wrong.
fn first_start(error_rate: f64, doubt: f64) -> usize {
    if error_rate <= 0.0 {
        return usize::MAX;
    }
    let mut chance = 1.0;
    (0..usize::MAX)
        .find(|_| {
            let found = chance <= doubt;
            chance *= 1.0 - error_rate;
            found
        })
        .unwrap_or(usize::MAX)
}

/// The threshold furthest down the list, whose items say their score and whether they were wrong.
fn safe(sorted: &[(Score, bool)], error_rate: Score) -> Option<SafeThreshold> {
    let error_rate = error_rate.get();
    if error_rate <= 0.0 {
        return None;
    }
    // As many starts as there are examples for; how many that are, outcomes have no say in.
    let (starts, first, doubt) = (1..=STARTS_MAX).rev().find_map(|starts| {
        let doubt = (1.0 - CONFIDENCE) / f64::from(starts);
        let first = first_start(error_rate, doubt);
        (first.checked_shl(starts.unsigned_abs() - 1)? <= sorted.len()).then_some((starts, first, doubt))
    })?;
    let candidates = candidates(sorted);
    let mut best: Option<SafeThreshold> = None;
    for start in 0..starts {
        let from = first.checked_shl(start.unsigned_abs())?;
        let walk = candidates.iter().skip_while(|one| one.taken < from);
        let last = walk.take_while(|one| chance_of_so_few(one.wrong, one.taken, error_rate) <= doubt).last();
        best = best.into_iter().chain(last.copied()).max_by_key(|one| one.taken);
    }
    best
}

/// Every threshold that there is, with what it takes: equal scores are taken together or not at all.
fn candidates(sorted: &[(Score, bool)]) -> Vec<SafeThreshold> {
    let (mut candidates, mut wrong) = (Vec::new(), 0);
    for (at, (score, is_wrong)) in sorted.iter().enumerate() {
        wrong += usize::from(*is_wrong);
        if sorted.get(at + 1).is_none_or(|(next, _)| next != score) {
            candidates.push(SafeThreshold { threshold: *score, taken: at + 1, wrong });
        }
    }
    candidates
}

/// The chance that of `taken` at most `wrong` are wrong where each is with a chance of `error_rate`: the binomial
/// distribution, summed in logarithms so that nothing vanishes.
fn chance_of_so_few(wrong: usize, taken: usize, error_rate: f64) -> f64 {
    let real = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    if wrong >= taken || error_rate >= 1.0 {
        return if wrong >= taken { 1.0 } else { 0.0 };
    }
    let mut term = real(taken) * (1.0 - error_rate).ln();
    let odds = (error_rate / (1.0 - error_rate)).ln();
    let mut terms = vec![term];
    for count in 0..wrong {
        term += (real(taken - count) / real(count + 1)).ln() + odds;
        terms.push(term);
    }
    let highest = terms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = terms.iter().map(|term| (term - highest).exp()).sum();
    (highest + sum.ln()).exp().min(1.0)
}

#[cfg(test)]
mod tests;
