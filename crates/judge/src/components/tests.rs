//! The parts of a confidence, and how they add up.

use chimera_domain::{Channel, TaskType, ToolCall};
use chimera_testkit::{SeededAmbient, fixtures};
use proptest::prelude::*;

use super::*;

fn parts(scores: &[u8]) -> Vec<Component> {
    scores.iter().map(|s| Component { weight: 1.0, ..component("x", Score::percent(*s), "") }).collect()
}

/// A post and what it made.
fn case() -> ReviewCase {
    let ambient = SeededAmbient::new(3);
    let agent = fixtures::agent(&ambient);
    let campaign = fixtures::campaign(&ambient, &agent);
    let signal = fixtures::signal(&ambient, &campaign, &agent);
    let task = fixtures::task(&ambient, &campaign, &agent, &signal, TaskType::AssemblePost, vec![]);
    let artifact = fixtures::artifact(&ambient, &task);
    ReviewCase { task, artifact, inputs: vec![], agent, campaign }
}

#[test]
fn one_fatal_flaw_is_not_averaged_away() {
    assert_eq!(combine(&parts(&[100, 100])), Score::ONE);
    assert!(combine(&parts(&[100, 100, 100, 100, 0])) < Score::percent(10));
    assert_eq!(combine(&[]), Score::ZERO);
}

#[test]
fn every_part_has_a_weight() {
    for name in ["task_fit", "persona", "support", "safety", "platform_rules", "media", "tool_evidence"] {
        assert!(WEIGHTS.iter().any(|(n, _)| *n == name), "{name}");
    }
}

#[test]
fn a_post_fits_its_channel_to_the_last_character() {
    let mut artifact = case().artifact;
    artifact.channel = Channel::X;
    artifact.hashtags = vec!["silk".to_owned()];
    artifact.text = "縫".repeat((280 - "#silk ".len()) / 2);
    assert_eq!(platform_rules(&artifact).score, Score::ONE);
    artifact.text.push('a');
    assert_eq!(platform_rules(&artifact).score, Score::ZERO);
    artifact.text = "short".to_owned();
    artifact.hashtags = vec!["a".to_owned(); artifact.channel.rules().hashtags_max + 1];
    assert_eq!(platform_rules(&artifact).score, Score::percent(80));
}

#[test]
fn media_are_there_whole_and_described() {
    let case = case();
    let wanted = Criterion::of(TaskType::AssemblePost, case.artifact.channel, &[Modality::Text, Modality::Image]);
    let scored = |change: fn(&mut Artifact)| {
        let mut artifact = case.artifact.clone();
        change(&mut artifact);
        media(&artifact, &wanted).score
    };
    assert_eq!(scored(|_| {}), Score::ONE);
    assert_eq!(scored(|a| a.media.clear()), Score::ZERO);
    assert_eq!(scored(|a| a.media[0].bytes = 0), Score::ZERO);
    assert_eq!(scored(|a| a.media[0].width = 0), Score::ZERO);
    assert_eq!(scored(|a| a.media[0].modality = Modality::Video), Score::ZERO);
    let mut film = case.artifact.clone();
    film.media[0].modality = Modality::Video;
    film.media[0].duration_ms = 0;
    film.media[0].mime = "video/mp4".to_owned();
    assert_eq!(media(&film, &[Criterion::Video]).score, Score::ZERO);
    film.media[0].duration_ms = 1;
    assert_eq!(media(&film, &[Criterion::Video]).score, Score::ONE);
    assert_eq!(media(&film, &[Criterion::Video, Criterion::Captions]).score, Score::ZERO, "nobody planned it mute");
}

#[test]
fn shaky_tools_are_weaker_witnesses() {
    let mut case = case();
    let call = |status, attempts| ToolCall { status, attempts, ..case.artifact.tool_log[0].clone() };
    let (good, again, failed) =
        (call(ToolStatus::Success, 1), call(ToolStatus::Success, 2), call(ToolStatus::Failed, 1));
    case.artifact.tool_log = vec![good.clone()];
    assert_eq!(tool_evidence(&case).score, Score::ONE);
    for shaky in [again, failed] {
        case.artifact.tool_log = vec![good.clone(), shaky];
        assert_eq!(tool_evidence(&case).score, Score::percent(85));
    }
    case.artifact.tool_log.clear();
    assert_eq!(tool_evidence(&case).score, Score::percent(70));
    let mut input = case.artifact.clone();
    input.tool_log = vec![good];
    case.inputs = vec![input];
    assert_eq!(tool_evidence(&case).score, Score::ONE, "what the parts called counts");
}

proptest! {
    /// The confidence lies between its parts, and rises with each of them.
    #[test]
    fn the_confidence_is_monotone_in_each_part(
        given in prop::collection::vec((0.0..=1.0_f64, 0.1..=5.0_f64), 1..9), which: prop::sample::Index, better in 0.0..=1.0_f64,
    ) {
        let build = |scores: &[(f64, f64)]| -> Vec<Component> {
            scores.iter().map(|(s, weight)| Component { weight: *weight, ..component("x", Score::clamped(*s), "") }).collect()
        };
        let mut improved = given.clone();
        let which = which.index(given.len());
        improved[which].0 = given[which].0.max(better);
        let (before, after) = (combine(&build(&given)), combine(&build(&improved)));
        prop_assert!(after >= before, "{} before, {} after", before.get(), after.get());
        let worst = given.iter().map(|g| g.0).fold(1.0, f64::min);
        let best = given.iter().map(|g| g.0).fold(0.0, f64::max);
        prop_assert!(before.get() >= worst - 1e-8 && before.get() <= best + 1e-8);
    }
}
