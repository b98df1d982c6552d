//! Calibration: a monotone map from what a scorer says to how often it is right, fitted to examples of which somebody said
//! how it was. Scores and outcomes in, map out: nothing here knows what is scored.
//!
//! Two ways to fit are tried. *Isotonic regression* by pool-adjacent-violators (Ayer et al., *An Empirical Distribution
//! Function for Sampling with Incomplete Information*, 1955; Zadrozny and Elkan, *Transforming Classifier Scores into
//! Accurate Multiclass Probability Estimates*, 2002) assumes nothing but order and needs many examples; *Platt's* sigmoid
//! (*Probabilistic Outputs for Support Vector Machines*, 1999) has two parameters and does with few (Niculescu-Mizil and
//! Caruana, *Predicting Good Probabilities with Supervised Learning*, 2005). Platt's serves unless isotonic regression, or
//! no map at all, has a clearly better Brier score on examples that it was not fitted to.

mod guarantee;
mod isotonic;
mod platt;
mod reliability;

pub use guarantee::{SafeThreshold, examples_needed, safe_above, safe_below};
pub use reliability::{ReliabilityBin, ThresholdChoice, brier_score, expected_error, reliability, threshold_for};

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Score, wire::wire_enum};

/// Folds of the examples: each is predicted by a map that was fitted to the others.
const FOLDS: usize = 5;
/// The fewest examples to fit to, and the fewest of either kind among them.
const EXAMPLES_MIN: usize = 20;
const OF_EACH_MIN: usize = 5;
/// From so many examples on isotonic regression is tried.
const ISOTONIC_FROM: usize = 100;
/// How wide the steep part of a jump is.
const STEP: f64 = 1e-9;

/// What was scored, and how it really was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Example {
    /// What the scorer said.
    pub score: Score,
    /// How it was.
    pub positive: bool,
}

wire_enum! {
    /// How a map was fitted.
    pub enum CalibrationMethod ("calibration method") {
        /// Not at all: the scores are right as they are.
        Identity = "identity",
        /// Platt's sigmoid.
        Platt = "platt",
        /// Isotonic regression.
        Isotonic = "isotonic",
    }
}

/// A map from 0..=1 to 0..=1 that never falls: straight lines between knots.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "Vec<(Score, Score)>", into = "Vec<(Score, Score)>")]
pub struct MonotoneMap(Vec<(Score, Score)>);

/// Knots that make no map that never falls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the knots of a calibration must rise; fit it again")]
pub struct NotMonotone;

impl MonotoneMap {
    /// Every score as it is.
    #[must_use]
    pub fn identity() -> Self {
        Self(vec![(Score::ZERO, Score::ZERO), (Score::ONE, Score::ONE)])
    }

    /// A map through these knots; it is level before the first and after the last.
    ///
    /// # Errors
    /// [`NotMonotone`] when there are none, two are at the same score, or they fall.
    pub fn through(knots: Vec<(Score, Score)>) -> Result<Self, NotMonotone> {
        let rises = |pair: &[(Score, Score)]| match pair {
            [(from, low), (to, high)] => from < to && low <= high,
            _ => true,
        };
        if knots.is_empty() || !knots.windows(2).all(rises) { Err(NotMonotone) } else { Ok(Self(knots)) }
    }

    /// What a score means.
    #[must_use]
    pub fn apply(&self, score: Score) -> Score {
        let after = self.0.partition_point(|(knot, _)| *knot <= score);
        let before = after.checked_sub(1).and_then(|at| self.0.get(at));
        match (before, self.0.get(after)) {
            (Some((from, low)), Some((to, high))) => {
                let part = (score.get() - from.get()) / (to.get() - from.get());
                // Rounding must not leave the interval.
                Score::clamped(low.get() + part * (high.get() - low.get())).clamp(*low, *high)
            }
            (Some((_, edge)), None) | (None, Some((_, edge))) => *edge,
            (None, None) => score,
        }
    }
}

impl MonotoneMap {
    /// The same map, that claims nothing beyond the scores between `lowest` and `highest`, which its examples had: a higher
    /// score counts for no more than the highest does, and a lower one for no more than it said, nor than the lowest does.
    #[must_use]
    pub fn within(&self, lowest: Score, highest: Score) -> Self {
        let at_lowest = self.apply(lowest);
        let below = Score::clamped(lowest.get() - STEP);
        let mut knots = vec![(Score::ZERO, Score::ZERO)];
        if at_lowest < lowest {
            knots.push((at_lowest, at_lowest));
        } else {
            knots.push((below, below));
        }
        knots.push((lowest, at_lowest));
        knots.extend(self.0.iter().copied().filter(|(at, _)| *at > lowest && *at < highest));
        knots.push((highest, self.apply(highest)));
        // Edges at 0, or at each other, are one knot; of two the later says how it goes on.
        let mut kept: Vec<(Score, Score)> = Vec::with_capacity(knots.len());
        for knot in knots {
            kept.pop_if(|(at, _)| *at >= knot.0);
            kept.push(knot);
        }
        Self::through(kept).unwrap_or_else(|NotMonotone| Self::identity())
    }
}

impl TryFrom<Vec<(Score, Score)>> for MonotoneMap {
    type Error = NotMonotone;

    fn try_from(knots: Vec<(Score, Score)>) -> Result<Self, Self::Error> {
        Self::through(knots)
    }
}

impl From<MonotoneMap> for Vec<(Score, Score)> {
    fn from(map: MonotoneMap) -> Self {
        map.0
    }
}

/// What somebody's scores mean, fitted to examples.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Calibration {
    /// The map from what was said.
    pub map: MonotoneMap,
    /// How it was fitted.
    pub method: CalibrationMethod,
    /// The model whose scores it was fitted to; those of another are left as they are.
    pub model: String,
    /// How many examples it was fitted to.
    pub examples: u32,
    /// Expected calibration error without the map.
    pub error_before: Score,
    /// The same with it, on examples that it was not fitted to.
    pub error_after: Score,
    /// When that was.
    pub fitted_at: DateTime<Utc>,
}

impl Calibration {
    /// Whether it was fitted to this model's scores.
    #[must_use]
    pub fn is_for(&self, model: &str) -> bool {
        self.model == model
    }
}

/// A map with what it is worth. All figures are of examples that the map in question was not fitted to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Fit {
    /// The map, fitted to all examples.
    pub map: MonotoneMap,
    /// How it was fitted.
    pub method: CalibrationMethod,
    /// Examples in all, and those that were positive.
    pub examples: usize,
    /// Those that were positive.
    pub positives: usize,
    /// Expected calibration error of the scores as they were.
    pub error_before: Score,
    /// The same of the scores as they are mapped.
    pub error_after: Score,
    /// Brier score of the scores as they were.
    pub brier_before: Score,
    /// The same of the scores as they are mapped.
    pub brier_after: Score,
    /// The examples with their scores mapped, in the order of the scores as they were.
    #[serde(skip)]
    pub held_out: Vec<Example>,
}

/// Why nothing could be fitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "{examples} examples with {positives} positive ones are too few to calibrate with: {EXAMPLES_MIN} are needed, at least \
     {OF_EACH_MIN} positive and {OF_EACH_MIN} negative ones; mark more, or hand more in"
)]
pub struct TooFew {
    /// Examples in all.
    pub examples: usize,
    /// Those that were positive.
    pub positives: usize,
}

/// Fits a map to examples. The same examples give the same map, in whatever order they come.
///
/// # Errors
/// [`TooFew`].
pub fn fit(examples: &[Example]) -> Result<Fit, TooFew> {
    let positives = examples.iter().filter(|example| example.positive).count();
    let negatives = examples.len() - positives;
    if examples.len() < EXAMPLES_MIN || positives.min(negatives) < OF_EACH_MIN {
        return Err(TooFew { examples: examples.len(), positives });
    }
    let mut sorted = examples.to_vec();
    sorted.sort_by_key(|example| (example.score, example.positive));
    let (mut method, mut held_out) = (CalibrationMethod::Platt, cross_predicted(&sorted, CalibrationMethod::Platt));
    for challenger in [CalibrationMethod::Identity, CalibrationMethod::Isotonic] {
        if challenger == CalibrationMethod::Isotonic && sorted.len() < ISOTONIC_FROM {
            continue;
        }
        let predicted = cross_predicted(&sorted, challenger);
        if is_clearly_better(&predicted, &held_out) {
            (method, held_out) = (challenger, predicted);
        }
    }
    Ok(Fit {
        map: map_of(&sorted, method),
        method,
        examples: sorted.len(),
        positives,
        error_before: expected_error(&sorted),
        error_after: expected_error(&held_out),
        brier_before: brier_score(&sorted),
        brier_after: brier_score(&held_out),
        held_out,
    })
}

/// Whether these predictions of the same examples miss by less than those: by more than the difference's standard error,
/// as in the one-standard-error rule of Breiman, Friedman, Olshen and Stone, *Classification and Regression Trees*, 1984.
fn is_clearly_better(these: &[Example], those: &[Example]) -> bool {
    let miss = |example: &Example| (example.score.get() - if example.positive { 1.0 } else { 0.0 }).powi(2);
    let gains: Vec<f64> = those.iter().zip(these).map(|(that, this)| miss(that) - miss(this)).collect();
    let count = gains.iter().fold(0.0, |count, _| count + 1.0);
    let mean = gains.iter().sum::<f64>() / f64::max(count, 1.0);
    let variance = gains.iter().map(|gain| (gain - mean).powi(2)).sum::<f64>() / f64::max(count - 1.0, 1.0);
    mean > (variance / f64::max(count, 1.0)).sqrt()
}

/// The examples, each with its score mapped by what was fitted to the other folds. Every fifth by score is one fold, so
/// each fold has all kinds of scores.
fn cross_predicted(sorted: &[Example], method: CalibrationMethod) -> Vec<Example> {
    let mut predicted = sorted.to_vec();
    for fold in 0..FOLDS {
        let others: Vec<Example> =
            sorted.iter().enumerate().filter(|(at, _)| at % FOLDS != fold).map(|(_, example)| *example).collect();
        let map = map_of(&others, method);
        for example in predicted.iter_mut().skip(fold).step_by(FOLDS) {
            example.score = map.apply(example.score);
        }
    }
    predicted
}

fn map_of(sorted: &[Example], method: CalibrationMethod) -> MonotoneMap {
    let knots = match method {
        CalibrationMethod::Identity => return MonotoneMap::identity(),
        CalibrationMethod::Platt => platt::knots(sorted),
        CalibrationMethod::Isotonic => isotonic::knots(sorted),
    };
    // Both give knots that rise.
    MonotoneMap::through(knots).unwrap_or_else(|NotMonotone| MonotoneMap::identity())
}

#[cfg(test)]
mod tests;
