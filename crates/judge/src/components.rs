//! The parts of a confidence, each 0..=1 with its reason.

use chimera_domain::{Artifact, Component, Criterion, Modality, Score, ToolStatus, Unmet, unmet};
use chimera_llm::Opinion;
use chimera_store::ReviewCase;

/// How much each part counts. What the mind sees of the post as a whole counts most; the checks by rule mostly veto.
const WEIGHTS: &[(&str, f64)] = &[
    ("task_fit", 3.0),
    ("persona", 3.0),
    ("support", 3.0),
    ("honesty", 9.0),
    ("safety", 2.0),
    ("platform_rules", 2.0),
    ("media", 1.0),
    ("tool_evidence", 1.0),
];

fn component(name: &str, score: Score, reason: impl Into<String>) -> Component {
    let weight = WEIGHTS.iter().find(|(n, _)| *n == name).map_or(1.0, |(_, w)| *w);
    Component { name: name.to_owned(), score, weight, reason: reason.into() }
}

/// The weighted geometric mean: one part near zero pulls the whole down, as one fatal flaw should, which an arithmetic
/// mean would let the others hide.
pub(crate) fn combine(components: &[Component]) -> Score {
    let total: f64 = components.iter().map(|c| c.weight).sum();
    if total <= 0.0 {
        return Score::ZERO;
    }
    let logs: f64 = components.iter().map(|c| c.weight * c.score.get().max(1e-9).ln()).sum();
    // Nine digits are more than any threshold tells apart, and keep a perfect 1 from coming out as 0.999…
    Score::clamped(((logs / total).exp() * 1e9).round() / 1e9)
}

/// What the mind found.
pub(crate) fn of_opinion(opinion: &Opinion) -> Vec<Component> {
    vec![
        component("task_fit", opinion.task_fit.score, opinion.task_fit.reason.clone()),
        component("persona", opinion.persona.score, opinion.persona.reason.clone()),
        component("support", opinion.support.score, opinion.support.reason.clone()),
    ]
}

/// The plain answer to whoever asks who speaks, as the rule has it.
pub(crate) fn honesty() -> Component {
    component("honesty", Score::ONE, "asked who speaks, it says that it is an AI, as the rule has it")
}

/// Whether the words themselves look like an attack.
pub(crate) fn safety(markers: &[String]) -> Component {
    if markers.is_empty() {
        component("safety", Score::ONE, "no instructions or hidden characters in the words")
    } else {
        component("safety", Score::percent(50), format!("the words carry {}", markers.join(", ")))
    }
}

/// Whether the words fit their channel, and beyond that read well there.
pub(crate) fn platform_rules(artifact: &Artifact) -> Component {
    let (refused, advice): (Vec<_>, Vec<_>) = artifact.post().of_words().into_iter().partition(|v| !v.is_advice());
    if let Some(worst) = refused.first() {
        return component("platform_rules", Score::ZERO, worst.to_string());
    }
    if let Some(advice) = advice.first() {
        return component("platform_rules", Score::percent(80), advice.to_string());
    }
    let (length, max) =
        (artifact.channel.post_length(&artifact.text, &artifact.hashtags), artifact.channel.rules().text_chars_max);
    component("platform_rules", Score::ONE, format!("{length} of {max} characters"))
}

/// Whether pictures and videos are what was planned, and whole.
pub(crate) fn media(artifact: &Artifact, criteria: &[Criterion]) -> Component {
    if let Some(unmet) = unmet_by_media(artifact, criteria).first() {
        return component("media", Score::ZERO, unmet.why.clone());
    }
    for medium in &artifact.media {
        let broken = medium.bytes == 0
            || medium.width == 0
            || medium.height == 0
            || (medium.modality == Modality::Video && medium.duration_ms == 0);
        if broken {
            return component("media", Score::ZERO, format!("the {} is empty or has no size", medium.modality));
        }
    }
    component("media", Score::ONE, format!("{} media, whole and described", artifact.media.len()))
}

/// What the pictures and videos should be and are not.
pub(crate) fn unmet_by_media(artifact: &Artifact, criteria: &[Criterion]) -> Vec<Unmet> {
    let mut unmet = unmet(criteria, artifact);
    unmet.retain(|unmet| !matches!(unmet.criterion, Criterion::Words | Criterion::Disclosure));
    unmet
}

/// How the tools fared: a call that needed a second attempt, or failed before a fallback, is a weaker witness.
pub(crate) fn tool_evidence(case: &ReviewCase) -> Component {
    let calls: Vec<_> = case.artifact.tool_log.iter().chain(case.inputs.iter().flat_map(|i| &i.tool_log)).collect();
    let shaky = calls.iter().filter(|c| c.status != ToolStatus::Success || c.attempts > 1).count();
    match (calls.len(), shaky) {
        (0, _) => component("tool_evidence", Score::percent(70), "no tool call is on record"),
        (n, 0) => component("tool_evidence", Score::ONE, format!("{n} tool calls, each at the first attempt")),
        (n, _) => {
            component("tool_evidence", Score::percent(85), format!("{shaky} of {n} tool calls failed or were repeated"))
        }
    }
}

#[cfg(test)]
mod tests;
