//! Maps against examples whose truth is known, and by hand.

use super::*;
use proptest::prelude::*;

pub(super) fn example(score: f64, positive: bool) -> Example {
    Example { score: Score::clamped(score), positive }
}

/// How often a score is right.
pub(super) type Truth = fn(f64) -> f64;

/// Numbers that look random and are the same each time (Knuth's LCG).
pub(super) struct Dice(pub(super) u64);

impl Dice {
    fn roll(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        f64::from(u32::try_from(self.0 >> 33).unwrap()) / f64::from(1_u32 << 31)
    }

    /// Examples of a scorer whose score is right as often as `truth` says.
    pub(super) fn draw(&mut self, count: usize, truth: impl Fn(f64) -> f64) -> Vec<Example> {
        let one = |_| {
            let score = self.roll();
            example(score, self.roll() < truth(score))
        };
        (0..count).map(one).collect()
    }
}

#[test]
fn after_three_hundred_decisions_scores_mean_what_they_say() {
    let hidden: [(&str, Truth); 5] = [
        ("overconfident", |s| 0.5 + (s - 0.5) * 0.4),
        ("squared", |s| s * s),
        ("a step", |s| if s < 0.6 { 0.05 } else { 0.9 }),
        ("steep", |s| 1.0 / (1.0 + (-12.0 * (s - 0.7)).exp())),
        ("right as it is", |s| s),
    ];
    for (name, truth) in hidden {
        let (mut worst, mut sum): (f64, f64) = (0.0, 0.0);
        for seed in 1..=20 {
            let mut dice = Dice(seed);
            let fit = fit(&dice.draw(300, truth)).unwrap();
            let fresh = dice.draw(20_000, truth);
            let before = expected_error(&fresh).get();
            let mapped: Vec<Example> =
                fresh.iter().map(|one| Example { score: fit.map.apply(one.score), ..*one }).collect();
            let after = expected_error(&mapped).get();
            worst = worst.max(after);
            sum += after;
            if seed == 1 {
                println!("{name}: {} {before:.3} -> {after:.3}", fit.method);
            }
        }
        // No map could always do better: three hundred yes or no tell a rate to 0.03 only.
        println!("{name}: {:.3} on the average of twenty, {worst:.3} at worst", sum / 20.0);
        assert!(sum / 20.0 < 0.05 && worst < 0.12, "{name}: {worst}");
    }
}

#[test]
fn few_or_one_sided_examples_are_refused() {
    let mut dice = Dice(1);
    assert!(fit(&dice.draw(19, |s| s)).is_err());
    let all_good: Vec<Example> = (0..200).map(|n| example(f64::from(n) / 200.0, true)).collect();
    let refused = fit(&all_good).unwrap_err();
    assert_eq!(refused, TooFew { examples: 200, positives: 200 });
    assert!(refused.to_string().contains("mark more"));
    assert!(fit(&dice.draw(60, |s| s)).is_ok());
}

#[test]
fn scores_that_say_the_opposite_become_level() {
    let mut dice = Dice(7);
    let fit = fit(&dice.draw(90, |s| 1.0 - s)).unwrap();
    assert_eq!(fit.method, CalibrationMethod::Platt);
    let (low, high) = (fit.map.apply(Score::ZERO), fit.map.apply(Score::ONE));
    assert!(low == high && (low.get() - 0.5).abs() < 0.15, "{low} {high}");
}

#[test]
fn bins_and_errors_are_as_worked_out_by_hand() {
    let examples = [example(0.05, false), example(0.05, true), example(0.95, true), example(1.0, true)];
    let bins = reliability(&examples);
    let told: Vec<_> = bins.iter().map(|bin| (bin.count, bin.said.get(), bin.was.get())).collect();
    assert_eq!(told, [(2, 0.05, 0.5), (2, 0.975, 1.0)]);
    assert!((expected_error(&examples).get() - (0.45 + 0.025) / 2.0).abs() < 1e-12);
    let brier = (0.05_f64.powi(2) + 0.95_f64.powi(2) + 0.05_f64.powi(2)) / 4.0;
    assert!((brier_score(&examples).get() - brier).abs() < 1e-12);
    assert_eq!((expected_error(&[]), brier_score(&[])), (Score::ZERO, Score::ZERO));
}

#[test]
fn the_lowest_threshold_that_is_right_often_enough_is_found() {
    let examples =
        [example(0.9, true), example(0.8, false), example(0.8, true), example(0.7, true), example(0.6, false)];
    let at = |precision| threshold_for(&examples, Score::clamped(precision)).map(|choice| choice.threshold.get());
    assert_eq!((at(1.0), at(0.75), at(0.5)), (Some(0.9), Some(0.7), Some(0.6)));
    assert_eq!(threshold_for(&examples[4..], Score::clamped(0.1)), None);
    let choice = threshold_for(&examples, Score::clamped(0.75)).unwrap();
    assert_eq!((choice.taken, choice.precision, choice.recall), (4, Score::clamped(0.75), Score::ONE));
}

#[test]
fn beyond_its_examples_a_map_claims_nothing() {
    let percent = |list: &[(u8, u8)]| list.iter().map(|(at, to)| (Score::percent(*at), Score::percent(*to))).collect();
    for (knots, lowest, highest, wanted) in [
        // People let all of these through; of what lies below, nobody knows.
        (vec![(70, 95), (90, 97)], 70, 90, vec![(0, 0), (50, 50), (69, 69), (70, 95), (80, 96), (90, 97), (100, 97)]),
        // They let few of them through.
        (vec![(70, 30), (90, 60)], 70, 90, vec![(0, 0), (20, 20), (50, 30), (70, 30), (80, 45), (100, 60)]),
        // The map itself went on beyond its examples.
        (vec![(0, 10), (100, 90)], 20, 80, vec![(0, 0), (10, 10), (19, 19), (20, 26), (50, 50), (80, 74), (100, 74)]),
        (vec![(0, 10), (100, 90)], 0, 100, vec![(0, 10), (50, 50), (100, 90)]),
        (vec![(0, 0), (100, 100)], 50, 50, vec![(0, 0), (49, 49), (50, 50), (100, 50)]),
        (vec![(40, 0), (100, 100)], 40, 100, vec![(0, 0), (20, 0), (40, 0), (70, 50)]),
    ] {
        let map =
            MonotoneMap::through(percent(&knots)).unwrap().within(Score::percent(lowest), Score::percent(highest));
        for (at, to) in wanted {
            let got = map.apply(Score::percent(at)).get();
            assert!((got - f64::from(to) / 100.0).abs() < 1e-6, "{knots:?} in {lowest}..{highest} at {at}: {got}");
        }
    }
}

fn examples() -> impl Strategy<Value = Vec<Example>> {
    // Few different scores, so that many are equal.
    prop::collection::vec((0_u8..=20, any::<bool>()), 20..400)
        .prop_map(|rows| rows.into_iter().map(|(score, positive)| example(f64::from(score) / 20.0, positive)).collect())
}

proptest! {
    #[test]
    fn no_map_falls_or_leaves_its_range_and_the_order_of_examples_means_nothing(
        rows in examples(),
        probes in prop::collection::vec(0.0_f64..=1.0, 2..40),
    ) {
        let mut mirrored = rows.clone();
        mirrored.reverse();
        prop_assert_eq!(fit(&rows), fit(&mirrored));
        let mut sorted = rows;
        sorted.sort_by_key(|example| (example.score, example.positive));
        let mut probes = probes;
        probes.sort_by(f64::total_cmp);
        for method in CalibrationMethod::ALL {
            let map = map_of(&sorted, *method);
            if *method != CalibrationMethod::Identity {
                prop_assert_ne!(&map, &MonotoneMap::identity());
            }
            let mapped: Vec<Score> = probes.iter().map(|probe| map.apply(Score::clamped(*probe))).collect();
            prop_assert!(mapped.is_sorted(), "{method}: {mapped:?}");
            let (lowest, highest) = (sorted.first().unwrap().score, sorted.last().unwrap().score);
            let within = map.within(lowest, highest);
            for probe in probes.iter().map(|probe| Score::clamped(*probe)) {
                let (says, said) = (within.apply(probe), map.apply(probe));
                let inside = (lowest..=highest).contains(&probe);
                prop_assert!(!inside || (says.get() - said.get()).abs() < 1e-9, "{method}: {probe:?} {says:?} {said:?}");
                // What is interpolated is right but for its last digit.
                let no_more = says.get() <= probe.get() + 1e-12;
                prop_assert!(probe >= lowest || no_more, "{method}: {probe:?} {says:?}");
            }
            let kept: MonotoneMap = serde_json::from_value(serde_json::to_value(&map).unwrap()).unwrap();
            prop_assert_eq!(kept, map);
        }
    }

    #[test]
    fn knots_that_fall_make_no_map(knots in prop::collection::vec((0.0_f64..=1.0, 0.0_f64..=1.0), 1..8)) {
        let knots: Vec<_> = knots.into_iter().map(|(at, value)| (Score::clamped(at), Score::clamped(value))).collect();
        let rises = knots.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1);
        prop_assert_eq!(MonotoneMap::through(knots).is_ok(), rises);
    }
}
