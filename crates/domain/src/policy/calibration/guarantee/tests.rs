//! Promises against simulated decisions, and by hand.

use super::{
    super::tests::{Dice, Truth, example},
    *,
};

#[test]
fn the_chances_are_those_of_the_tables() {
    for (wrong, taken, rate, chance) in [
        (0, 1, 0.5, 0.5),
        (0, 149, 0.02, 0.049_29),
        (2, 10, 0.5, 0.054_69),
        (3, 20, 0.1, 0.867_05),
        (10, 10, 0.3, 1.0),
        (0, 10, 1.0, 0.0),
    ] {
        let got = chance_of_so_few(wrong, taken, rate);
        assert!((got - chance).abs() < 1e-5, "{wrong} of {taken} at {rate}: {got}");
    }
    // Where the plain product would vanish.
    let many = chance_of_so_few(2_000, 100_000, 0.02);
    assert!((0.49..0.52).contains(&many), "{many}");
    let needed = [0.0, 0.02, 0.05, 0.1].map(|rate| examples_needed(Score::clamped(rate)));
    assert_eq!(needed, [usize::MAX, 149, 59, 29]);
}

#[test]
fn a_promise_needs_examples_enough() {
    let all_good =
        |count: u32| -> Vec<Example> { (0..count).map(|at| example(0.5 + f64::from(at) / 1_000.0, true)).collect() };
    let rate = Score::percent(2);
    assert_eq!(safe_above(&all_good(148), rate), None);
    let found = safe_above(&all_good(149), rate).unwrap();
    assert_eq!((found.threshold, found.taken, found.wrong), (Score::clamped(0.5), 149, 0));
    assert_eq!(safe_above(&all_good(149), Score::ZERO), None);
    assert_eq!(safe_below(&all_good(149), rate), None);
}

#[test]
fn what_is_rejected_lies_below_the_threshold() {
    let mut examples: Vec<Example> = (0..200).map(|at| example(f64::from(at) / 1_000.0, false)).collect();
    examples.extend((0..70).map(|at| example(0.5 + f64::from(at) / 1_000.0, true)));
    let found = safe_below(&examples, Score::percent(2)).unwrap();
    assert_eq!((found.threshold, found.taken, found.wrong), (Score::percent(50), 200, 0));
    let above = safe_above(&examples, Score::percent(6)).unwrap();
    assert_eq!((above.threshold, above.taken), (Score::percent(50), 70));
}

/// Truths of scores spread evenly over 0..=1, each with the share of wrong ones above a threshold.
#[test]
fn promises_are_kept_on_what_is_yet_to_come() {
    let hidden: [(&str, Truth); 3] = [
        ("a step", |s| if s < 0.4 { 0.3 } else { 0.999 }),
        ("steep", |s| 1.0 / (1.0 + (-30.0 * (s - 0.25)).exp())),
        ("never good enough", |s| 0.5 + 0.47 * s),
    ];
    for (name, truth) in hidden {
        for (count, runs) in [(300, 400), (3_000, 60)] {
            let (mut broken, mut made) = (0, 0);
            for seed in 0..runs {
                let examples = Dice(seed * 7 + 1).draw(count, truth);
                let Some(promise) = safe_above(&examples, Score::percent(2)) else { continue };
                made += 1;
                let fresh = Dice(seed * 7 + 5).draw(20_000, truth);
                let taken: Vec<_> = fresh.iter().filter(|one| one.score >= promise.threshold).collect();
                let wrong = taken.iter().filter(|one| !one.positive).count();
                // A fifth above it may be the fresh examples' own chance.
                broken += u32::from(wrong * 1_000 > taken.len() * 24);
            }
            println!("{name}, {count} decisions: {made} promises of {runs}, {broken} broken");
            assert!(f64::from(broken) <= 0.05 * runs as f64, "{name}: {broken} of {runs}");
            assert!(name == "never good enough" || made > runs / 2, "{name}, {count}: only {made} of {runs}");
        }
    }
}

#[test]
fn promises_on_a_fitted_map_are_kept_too() {
    let truth: Truth = |s| 1.0 / (1.0 + (-30.0 * (s - 0.35)).exp());
    let (mut made, mut broken, runs) = (0, 0, 40);
    for seed in 0..runs {
        let examples = Dice(seed * 11 + 1).draw(600, truth);
        let map = super::super::fit(&examples).unwrap().map;
        let mapped = |examples: Vec<Example>| -> Vec<Example> {
            examples.into_iter().map(|one| Example { score: map.apply(one.score), ..one }).collect()
        };
        let Some(promise) = safe_above(&mapped(examples), Score::percent(2)) else { continue };
        made += 1;
        let fresh = mapped(Dice(seed * 11 + 5).draw(20_000, truth));
        let taken: Vec<_> = fresh.iter().filter(|one| one.score >= promise.threshold).collect();
        let wrong = taken.iter().filter(|one| !one.positive).count();
        broken += u64::from(wrong * 1_000 > taken.len() * 24);
    }
    println!("{made} promises of {runs}, {broken} broken");
    assert!(made > runs / 2 && broken * 10 <= runs, "{made} made, {broken} broken");
}
