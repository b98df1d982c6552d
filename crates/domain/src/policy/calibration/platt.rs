//! Platt's sigmoid over the log-odds of a score, in which "as it is" is the slope 1 and the offset 0.
//!
//! Fitted by Newton's method on smoothed targets, as H.-T. Lin, C.-J. Lin and R. C. Weng, *A Note on Platt's Probabilistic
//! Outputs for Support Vector Machines*, 2007, put it.

use super::Example;
use crate::Score;

/// Scores nearer to 0 or 1 than this are taken for this near: certainty has no odds.
const CERTAIN: f64 = 1e-3;
/// Knots of the curve, evenly spread.
const KNOTS: u32 = 101;
const STEPS_MAX: usize = 100;
/// Keeps the curvature from vanishing where examples are parted clean.
const RIDGE: f64 = 1e-9;
const SMALL_ENOUGH: f64 = 1e-10;

fn log_odds(score: f64) -> f64 {
    let chance = score.clamp(CERTAIN, 1.0 - CERTAIN);
    (chance / (1.0 - chance)).ln()
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// `(log-odds, target)` of each example, with the targets that Platt's prior makes of yes and no.
fn targets(examples: &[Example]) -> Vec<(f64, f64)> {
    let count = |kind: bool| examples.iter().filter(|example| example.positive == kind).fold(0.0, |n, _| n + 1.0);
    let (yes, no) = ((count(true) + 1.0) / (count(true) + 2.0), 1.0 / (count(false) + 2.0));
    let of = |example: &Example| (log_odds(example.score.get()), if example.positive { yes } else { no });
    examples.iter().map(of).collect()
}

/// The negative log-likelihood, computed so that it does not overflow.
fn loss(points: &[(f64, f64)], (slope, offset): (f64, f64)) -> f64 {
    let of = |(x, target): &(f64, f64)| {
        let z = slope * x + offset;
        z.max(0.0) - z * target + (-z.abs()).exp().ln_1p()
    };
    points.iter().map(of).sum()
}

/// The slope and the offset of the likeliest sigmoid.
fn likeliest(points: &[(f64, f64)]) -> (f64, f64) {
    let mut now = (1.0, 0.0);
    for _ in 0..STEPS_MAX {
        let (mut slope, mut offset) = (0.0, 0.0);
        let (mut by_slope, mut both, mut by_offset) = (RIDGE, 0.0, RIDGE);
        for (x, target) in points {
            let p = sigmoid(now.0 * x + now.1);
            let (miss, weight) = (p - target, p * (1.0 - p));
            slope += miss * x;
            offset += miss;
            by_slope += weight * x * x;
            both += weight * x;
            by_offset += weight;
        }
        if slope.abs() < SMALL_ENOUGH && offset.abs() < SMALL_ENOUGH {
            break;
        }
        let determinant = by_slope * by_offset - both * both;
        if determinant <= 0.0 {
            break;
        }
        let step =
            (-(by_offset * slope - both * offset) / determinant, -(by_slope * offset - both * slope) / determinant);
        // Half the step until it leads down.
        let before = loss(points, now);
        let mut part = 1.0;
        let next = loop {
            let next = (now.0 + part * step.0, now.1 + part * step.1);
            if loss(points, next) < before || part < SMALL_ENOUGH {
                break next;
            }
            part /= 2.0;
        };
        if (next.0 - now.0).abs() + (next.1 - now.1).abs() < SMALL_ENOUGH {
            break;
        }
        now = next;
    }
    now
}

/// The knots of the map. Scores that say the opposite of what they should are worth nothing: then it is level.
pub(super) fn knots(examples: &[Example]) -> Vec<(Score, Score)> {
    let points = targets(examples);
    let (mut slope, mut offset) = likeliest(&points);
    if !slope.is_finite() || !offset.is_finite() || slope < 0.0 {
        let (count, sum) = points.iter().fold((0.0, 0.0), |(n, sum), (_, target)| (n + 1.0, sum + target));
        (slope, offset) = (0.0, log_odds(sum / f64::max(count, 1.0)));
    }
    let knot = |at: u32| {
        let score = f64::from(at) / f64::from(KNOTS - 1);
        (Score::clamped(score), Score::clamped(sigmoid(slope * log_odds(score) + offset)))
    };
    (0..KNOTS).map(knot).collect()
}
