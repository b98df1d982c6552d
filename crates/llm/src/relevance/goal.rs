//! A goal, and what compiling it against the atlas gives.

use crate::embed::{Embedder, Embedding, TableError};

use super::{
    atlas::{Atlas, AtlasError},
    brief::aspects,
    contest::{Contest, discriminant},
};

/// How sharply a subject of the goal is assigned to topics (inverse temperature of the softmax).
const ASSIGNMENT_SHARPNESS: f32 = 15.0;
/// Below this part of the strongest topic's share, a topic is not wanted at all; above the second, fully.
const WANTED_FROM: f32 = 0.05;
const WANTED_FULLY: f32 = 0.4;
/// How much the goal's own words count beside one wanted topic.
const OWN_WORDS_WEIGHT: f32 = 0.5;
/// How much a topic or subject that the goal rules out counts beside one that it merely does not name.
const RULED_OUT_WEIGHT: f32 = 30.0;
/// A topic is ruled out when a ruled-out subject has this share in it.
const RULED_OUT_SHARE: f32 = 0.4;
/// A line of the atlas serves as background for a goal when its topic is wanted less than this.
const BACKGROUND_BELOW: f32 = 0.1;

/// What an operator wants a campaign to talk about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Goal {
    /// A sentence or a few. What follows "no", "without" or "except" is ruled out.
    pub text: String,
    /// Subjects of the persona, if they should count too.
    pub interests: Vec<String>,
    /// Terms that speak for a text (`*` at a word's end stands for any ending).
    pub keywords: Vec<String>,
    /// Terms that make a text relevant whatever else it says.
    pub allow: Vec<String>,
    /// Terms that make a text irrelevant whatever else it says; they win over `allow`.
    pub deny: Vec<String>,
}

impl Goal {
    /// A goal that is one sentence.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }
}

/// Why a goal cannot be scored against.
#[derive(Debug, thiserror::Error)]
pub enum GoalError {
    /// It names no subject.
    #[error("the goal `{text}` names no subject: say what it is about, such as `street style and sustainable fashion`")]
    NoSubject {
        /// The goal.
        text: String,
    },
    /// No atlas.
    #[error("the atlas is not usable")]
    Atlas(#[from] AtlasError),
    /// No embeddings.
    #[error("the embedding table is not usable")]
    Table(#[from] TableError),
}

/// A goal ready for scoring: its subjects assigned to topics, the rest of the atlas against them.
pub(super) fn compile(goal: &Goal, atlas: &Atlas, embedder: &Embedder) -> Result<Contest, GoalError> {
    let mut found = aspects(&goal.text);
    for phrase in goal.interests.iter().chain(&goal.keywords) {
        found.wanted.extend(aspects(&phrase.replace('*', "")).wanted);
    }
    let subjects = embedder.embed_batch(&found.wanted);
    let whole = embedder.embed(&found.wanted.join(" "));
    if whole.is_empty() {
        return Err(GoalError::NoSubject { text: goal.text.clone() });
    }
    let wanted = wanted_topics(&subjects, &whole, atlas);
    let against = atlas.all().iter().zip(&wanted).map(|(topic, weight)| topic.common * (1.0 - weight)).collect();
    let scaled = |subject: &Embedding| subject.values().map(|value| value * atlas.mean_length());
    let own = subjects.iter().filter(|subject| !subject.is_empty()).map(scaled).collect();
    let mut contest = Contest::new(wanted, against, own, OWN_WORDS_WEIGHT, BACKGROUND_BELOW, atlas);
    // What the goal rules out comes after the background is measured, or it would only widen the spread.
    contest.ruled_out_weight = RULED_OUT_WEIGHT;
    for subject in embedder.embed_batch(&found.unwanted).iter().filter(|subject| !subject.is_empty()) {
        contest.ruled_out.push(scaled(subject));
        let topics = contest.wanted.iter_mut().zip(&mut contest.against);
        for ((wanted, against), share) in topics.zip(assignment(subject, atlas)) {
            if share >= RULED_OUT_SHARE {
                (*wanted, *against) = (0.0, RULED_OUT_WEIGHT);
            }
        }
    }
    Ok(contest)
}

/// The share of each topic in a subject: a softmax of the discriminants, summing to 1.
fn assignment(subject: &Embedding, atlas: &Atlas) -> Vec<f32> {
    let pulls: Vec<f32> =
        atlas.all().iter().map(|topic| (ASSIGNMENT_SHARPNESS * discriminant(subject, &topic.centroid)).exp()).collect();
    let sum: f32 = pulls.iter().sum();
    pulls.into_iter().map(|pull| pull / sum).collect()
}

/// How much each topic is wanted: its mean share over the subjects and the goal as a whole, against the strongest.
fn wanted_topics(subjects: &[Embedding], whole: &Embedding, atlas: &Atlas) -> Vec<f32> {
    let mut shares = assignment(whole, atlas);
    let named: Vec<&Embedding> = subjects.iter().filter(|subject| !subject.is_empty()).collect();
    #[expect(clippy::cast_precision_loss, reason = "a handful of subjects")]
    let count = named.len() as f32;
    for subject in named {
        for (total, share) in shares.iter_mut().zip(assignment(subject, atlas)) {
            *total += share / count;
        }
    }
    let strongest = shares.iter().copied().fold(0.0, f32::max);
    shares
        .into_iter()
        .map(|share| ((share / strongest - WANTED_FROM) / (WANTED_FULLY - WANTED_FROM)).clamp(0.0, 1.0))
        .collect()
}
