//! From a case to an assessment: what was found, how sure we are, and why. Pure.

use std::fmt::Write as _;

use chimera_domain::{
    Artifact, Calibration, Component, Part, ReplyTo, Score, SensitiveTopic, Soul, TaskPayload, Usd, banned_topic,
    honesty::answers_plainly,
    one_line,
    policy::{EarlierPost, Evidence, Route, RouteReason, RoutingThresholds},
};
use chimera_llm::Opinion;
use chimera_store::ReviewCase;

use crate::components;

/// What was found out about a case by those who look at text.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    /// The mind's opinion; `None` when it could not be had.
    pub opinion: Option<Opinion>,
    /// Whose opinion it is: the model, and the version of its prompt.
    pub opinion_of: String,
    /// Topics on which a person always decides.
    pub topics: Vec<SensitiveTopic>,
    /// Names of injection markers in what would be published.
    pub markers: Vec<String>,
    /// The earlier post that it says again.
    pub repeated: Option<EarlierPost>,
}

/// A judged case.
#[derive(Debug, Clone, PartialEq)]
pub struct Assessment {
    /// How sure the judge is: calibrated where it could be.
    pub confidence: Score,
    /// What the breakdown comes to, before calibration.
    pub raw_confidence: Score,
    /// Whose opinion was weighed.
    pub opinion_of: Option<String>,
    /// What the confidence is made of.
    pub breakdown: Vec<Component>,
    /// How well it keeps to the persona.
    pub persona_score: Score,
    /// Rules that tripped.
    pub safety_flags: Vec<String>,
    /// Topics on which a person always decides.
    pub topics: Vec<SensitiveTopic>,
    /// Where it goes.
    pub route: Route,
    /// The reasoning, readable from top to bottom.
    pub reasoning: String,
}

/// Hard rules, which no person is asked to wave through.
const FORBIDDEN: &[&str] = &[
    "banned_topic",
    "disclosure_missing",
    "character_lock_broken",
    "artifact_changed",
    UNACCEPTED,
    WORDS_REFUSED,
    MEDIA_REFUSED,
    NEAR_REPEAT,
    DISHONEST,
];
/// A part is not what was planned. Of a post, its channel's own rules say the same.
const UNACCEPTED: &str = "unaccepted";
/// Somebody asked who speaks, and it does not say so.
pub(crate) const DISHONEST: &str = "dishonest";
/// The platform would not take the words.
pub(crate) const WORDS_REFUSED: &str = "words_refused";
/// It says again what was posted before.
pub(crate) const NEAR_REPEAT: &str = "near_repeat";
/// Characters of an earlier post that its repeat is told of.
const QUOTED_CHARS: usize = 200;
/// The platform would not take the pictures and videos, or somebody could not make anything of them.
const MEDIA_REFUSED: &str = "media_refused";
/// Findings on which a person decides, as for a tainted source.
const ASK: &[&str] = &["over_budget", "unjudged"];

/// Judges a case. A calibration counts only for posts, and only for the opinions that it was fitted to; without one the
/// confidence is as it is combined.
#[must_use]
pub fn assess(
    case: &ReviewCase,
    findings: Findings,
    thresholds: &RoutingThresholds,
    calibration: Option<&Calibration>,
) -> Assessment {
    let publishable = case.task.task_type.is_publishable();
    let (flags, notes) = flags(case, &findings);
    let breakdown = breakdown(case, &findings, publishable);
    let raw_confidence = components::combine(&breakdown);
    let opinion_of = findings.opinion.as_ref().map(|_| findings.opinion_of.clone());
    let model = opinion_of.as_deref().filter(|_| publishable);
    let calibration = calibration.filter(|calibration| model.is_some_and(|model| calibration.is_for(model)));
    let confidence = calibration.map_or(raw_confidence, |calibration| calibration.map.apply(raw_confidence));
    let has = |names: &[&str]| flags.iter().any(|f| names.contains(&f.as_str()));
    let route = thresholds.route(Evidence {
        confidence,
        sensitive: !findings.topics.is_empty(),
        tainted: case.task.is_tainted() || !findings.markers.is_empty() || has(ASK),
        forbidden: has(FORBIDDEN),
        publishable,
    });
    let persona_score = breakdown.iter().find(|c| c.name == "persona").map_or(Score::ONE, |c| c.score);
    let persona_score = if has(&["banned_topic"]) { Score::ZERO } else { persona_score };
    let weighed = Weighed { raw: raw_confidence, calibration, confidence };
    let reasoning = reasoning(&breakdown, weighed, &notes, &findings, route, thresholds);
    let (safety_flags, topics) = (flags, findings.topics);
    Assessment {
        confidence,
        raw_confidence,
        opinion_of,
        breakdown,
        persona_score,
        safety_flags,
        topics,
        route,
        reasoning,
    }
}

fn breakdown(case: &ReviewCase, findings: &Findings, publishable: bool) -> Vec<Component> {
    let mut parts = findings.opinion.as_ref().map(components::of_opinion).unwrap_or_default();
    let artifact = &case.artifact;
    parts.extend(plainly_answered(case).then(components::honesty));
    if !artifact.text.is_empty() {
        parts.push(components::safety(&findings.markers));
        parts.push(components::platform_rules(artifact));
    }
    if publishable || !artifact.media.is_empty() {
        parts.push(components::media(artifact, &case.task.payload.acceptance));
    }
    parts.push(components::tool_evidence(case));
    parts
}

/// The hard rules that a post breaks by what it says and shows, with a sentence on each.
pub(crate) fn broken_rules(artifact: &Artifact, soul: &Soul, payload: &TaskPayload) -> Vec<(&'static str, String)> {
    let mut broken = Vec::new();
    // The picture shows the headline, so the headline counts as published. A reply shows nothing of what it answers.
    let headline = if payload.reply.is_some() { "" } else { &payload.headline };
    let seen = format!("{}\n{}\n{headline}", artifact.text, artifact.hashtags.join(" "));
    if let Some(topic) = banned_topic(&soul.banned_topics, &seen) {
        broken.push(("banned_topic", format!("{} never speaks about {topic}.", soul.name)));
    }
    if let Some(tongue) = payload.reply.as_ref().and_then(ReplyTo::asked_in)
        && !answers_plainly(&unlabelled(artifact), tongue)
    {
        let answer = tongue.plain_answer();
        let says = format!("Somebody asks who speaks. It must say, word for word, and not take it back: {answer}");
        broken.push((DISHONEST, says));
    }
    broken.extend(refusals(artifact));
    broken
}

/// What is said beside the label, in which a persona may say in words of its own what it is.
fn unlabelled(artifact: &Artifact) -> String {
    artifact.text.replacen(artifact.disclosure.label.trim(), "", 1)
}

/// Whether this is what the rule says to somebody who asks who speaks, with the label and nothing else: no opinion is needed on
/// the truth.
pub(crate) fn plainly_answered(case: &ReviewCase) -> bool {
    let asked = case.task.payload.reply.as_ref().and_then(ReplyTo::asked_in);
    asked.is_some_and(|tongue| {
        let said = case.artifact.text.replacen(tongue.plain_answer(), "", 1);
        said != case.artifact.text && said.trim() == case.artifact.disclosure.label.trim()
    })
}

/// Names of the rules that tripped, with a sentence on each.
fn flags(case: &ReviewCase, findings: &Findings) -> (Vec<String>, Vec<String>) {
    let (task, artifact, soul) = (&case.task, &case.artifact, &case.agent.soul);
    let publishable = task.task_type.is_publishable();
    let mut tripped: Vec<(&str, String)> = Vec::new();
    if artifact.character_reference_id != task.persona_lock.character_reference_id {
        tripped.push(("character_lock_broken", "It was made with another character reference.".to_owned()));
    }
    if !artifact.is_intact() {
        tripped.push(("artifact_changed", "Its content is not what its hash says.".to_owned()));
    }
    if !publishable {
        let unmet = components::unmet_by_media(artifact, &task.payload.acceptance);
        let notes: Vec<String> = unmet.iter().map(ToString::to_string).collect();
        tripped.extend((!notes.is_empty()).then(|| (UNACCEPTED, format!("It is not accepted: {}.", notes.join("; ")))));
    }
    if publishable {
        tripped.extend(broken_rules(artifact, soul, &task.payload));
        tripped.extend(findings.repeated.as_ref().map(|earlier| (NEAR_REPEAT, repeated(case, earlier))));
        let spent: Usd =
            case.inputs.iter().map(|i| i.costs.total()).sum::<Usd>().saturating_add(artifact.costs.total());
        if spent > case.campaign.post_budget_usd {
            tripped.push((
                "over_budget",
                format!("It cost ${spent}, more than the ${} a post may cost.", case.campaign.post_budget_usd),
            ));
        }
        if findings.opinion.is_none() && !plainly_answered(case) {
            tripped.push(("unjudged", "The mind could not be asked.".to_owned()));
        }
    }
    let (restored, markers): (Vec<&str>, Vec<&str>) =
        task.payload.taint.iter().map(String::as_str).partition(|name| *name == TaskPayload::RESTORED);
    if !markers.is_empty() {
        tripped.push(("tainted_source", format!("Its source carries {}.", markers.join(", "))));
    }
    if !restored.is_empty() && publishable {
        let why = "It was unfinished in the backup that was restored, so it may be out already, perhaps in other words. \
                   Look at the account; approve it only if the story is not there.";
        tripped.push(("restored", why.to_owned()));
    }
    if !findings.markers.is_empty() {
        tripped.push(("prompt_injection", format!("Its words carry {}.", findings.markers.join(", "))));
    }
    tripped.into_iter().map(|(name, note)| (name.to_owned(), note)).unzip()
}

/// What a post says again, for whoever writes it anew.
fn repeated(case: &ReviewCase, earlier: &EarlierPost) -> String {
    let whose = if earlier.agent_id == case.agent.id { "it" } else { "another agent" };
    let (channel, day) = (earlier.channel, earlier.at.format("%Y-%m-%d"));
    let text = one_line(&earlier.text, QUOTED_CHARS);
    format!("It says again what {whose} posted on {channel} on {day}: “{text}”. Say something else, in other words.")
}

/// What keeps the post from its channel, a note for each part of it.
fn refusals(artifact: &Artifact) -> Vec<(&'static str, String)> {
    let mut violations = artifact.post().violations();
    violations.retain(|violation| !violation.is_advice());
    let flags = [(Part::Words, WORDS_REFUSED), (Part::Media, MEDIA_REFUSED), (Part::Marking, "disclosure_missing")];
    let note = |part: Part| {
        let notes: Vec<String> = violations.iter().filter(|v| v.part() == part).map(ToString::to_string).collect();
        (!notes.is_empty()).then(|| format!("It can't be sent: {}.", notes.join("; ")))
    };
    flags.into_iter().filter_map(|(part, flag)| Some((flag, note(part)?))).collect()
}

/// How a confidence came about.
#[derive(Clone, Copy)]
struct Weighed<'a> {
    raw: Score,
    calibration: Option<&'a Calibration>,
    confidence: Score,
}

fn reasoning(
    breakdown: &[Component],
    weighed: Weighed<'_>,
    notes: &[String],
    findings: &Findings,
    route: Route,
    thresholds: &RoutingThresholds,
) -> String {
    let mut text = String::new();
    for part in breakdown {
        let _ = writeln!(text, "{} {}: {}", part.name, part.score, part.reason);
    }
    if findings.opinion.is_some() && !findings.opinion_of.is_empty() {
        let _ = writeln!(text, "task_fit, persona, support: the opinion of {}", findings.opinion_of);
    }
    let Weighed { raw, calibration, confidence } = weighed;
    let _ = writeln!(text, "confidence {raw}: weighted geometric mean of the above");
    if let Some(Calibration { examples, method, .. }) = calibration {
        let _ = writeln!(
            text,
            "calibrated {confidence}: as often people let such posts out ({method}, {examples} decisions)"
        );
    } else if findings.opinion.is_some() {
        let _ = writeln!(text, "not calibrated: people have decided too little on such opinions, or no map is in use");
    }
    for note in notes {
        let _ = writeln!(text, "{note}");
    }
    for topic in &findings.topics {
        let _ = writeln!(text, "sensitive: {} {} ({})", topic.topic, topic.score, topic.evidence);
    }
    let why = match route.reason {
        RouteReason::Forbidden => "a hard rule is broken".to_owned(),
        RouteReason::LowConfidence => format!("the confidence is below {}", thresholds.reject),
        RouteReason::Sensitive => "a sensitive topic is always a person's decision".to_owned(),
        RouteReason::Tainted => "something here is a person's decision, whatever the confidence".to_owned(),
        RouteReason::MiddlingConfidence => format!("the confidence is below {}", thresholds.auto_publish),
        RouteReason::Confident => "nothing holds it back".to_owned(),
    };
    let _ = write!(text, "{}: {why}", route.verdict);
    text
}

#[cfg(test)]
mod tests;
