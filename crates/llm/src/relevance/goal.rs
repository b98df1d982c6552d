//! A goal, and what compiling it against the atlas gives.

use crate::embed::{DIMS, Embedder, Embedding, TableError, dot};

use super::{
    atlas::{Atlas, AtlasError},
    brief::aspects,
};

/// How sharply a subject of the goal is assigned to topics (inverse temperature of the softmax).
const ASSIGNMENT_SHARPNESS: f32 = 15.0;
/// How sharply topics compete for a text.
const COMPETITION_SHARPNESS: f32 = 8.0;
/// Below this part of the strongest topic's share, a topic is not wanted at all; above the second, fully.
const WANTED_FROM: f32 = 0.05;
const WANTED_FULLY: f32 = 0.4;
/// How much the goal's own words count beside one wanted topic.
const OWN_WORDS_WEIGHT: f32 = 0.5;
/// How much a topic or subject that the goal rules out counts beside one that it merely does not name.
const RULED_OUT_WEIGHT: f32 = 12.0;
/// A topic is ruled out when a ruled-out subject has this share in it.
const RULED_OUT_SHARE: f32 = 0.4;
/// A line of the atlas serves as background for a goal when its topic is wanted less than this.
const BACKGROUND_BELOW: f32 = 0.1;
/// The spread of background margins over all goals tried; one goal's own spread is drawn half-way to it.
const SPREAD_PRIOR: f32 = 0.5;

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

/// A goal ready for scoring.
#[derive(Debug, Clone)]
pub(super) struct CompiledGoal {
    /// How much each topic of the atlas is wanted, 0..=1, in the atlas's order.
    pub(super) wanted: Vec<f32>,
    /// How much each topic competes: `1 - wanted`, or more when the goal rules it out.
    against: Vec<f32>,
    /// The goal's own subjects and those it rules out.
    own: Vec<[f32; DIMS]>,
    ruled_out: Vec<[f32; DIMS]>,
    background_mean: f32,
    background_spread: f32,
}

impl CompiledGoal {
    /// Assigns the goal's subjects to topics, then measures the background.
    pub(super) fn new(goal: &Goal, atlas: &Atlas, embedder: &Embedder) -> Result<Self, GoalError> {
        let mut found = aspects(&goal.text);
        for phrase in goal.interests.iter().chain(&goal.keywords) {
            found.wanted.extend(aspects(&phrase.replace('*', "")).wanted);
        }
        let subjects = embedder.embed_batch(&found.wanted);
        let whole = embedder.embed(&found.wanted.join(" "));
        if whole.is_empty() {
            return Err(GoalError::NoSubject { text: goal.text.clone() });
        }
        let out = embedder.embed_batch(&found.unwanted);
        let wanted = wanted_topics(&subjects, &whole, atlas);
        let scaled = |subject: &Embedding| subject.values().map(|value| value * atlas.mean_length());
        let mut compiled = Self {
            against: wanted.iter().map(|weight| 1.0 - weight).collect(),
            wanted,
            own: subjects.iter().filter(|subject| !subject.is_empty()).map(scaled).collect(),
            ruled_out: Vec::new(),
            background_mean: 0.0,
            background_spread: SPREAD_PRIOR,
        };
        // What the goal rules out is not part of its background, or it would only widen the spread.
        compiled.measure_background(atlas);
        for subject in out.iter().filter(|subject| !subject.is_empty()) {
            compiled.ruled_out.push(scaled(subject));
            let topics = compiled.wanted.iter_mut().zip(&mut compiled.against);
            for ((wanted, against), share) in topics.zip(assignment(subject, atlas)) {
                if share >= RULED_OUT_SHARE {
                    (*wanted, *against) = (0.0, RULED_OUT_WEIGHT);
                }
            }
        }
        Ok(compiled)
    }

    /// The margin by which the goal wins a text over everything else, in background spreads above the background:
    /// `z = (m - mean) / spread`, `m = ln(sum wanted_t e^(b s_t) + own) - ln(sum against_t e^(b s_t) + ruled out)`,
    /// where `s_t = x.c_t - |c_t|^2 / 2` is the nearest-centroid discriminant (Fisher 1936, with equal covariances,
    /// which the flattened spectrum of the table stands for).
    pub(super) fn standing(&self, text: &Embedding, atlas: &Atlas) -> f32 {
        (self.margin(text, atlas) - self.background_mean) / self.background_spread
    }

    fn margin(&self, text: &Embedding, atlas: &Atlas) -> f32 {
        let (mut pro, mut con) = (0.0_f32, 0.0_f32);
        for ((topic, wanted), against) in atlas.all().iter().zip(&self.wanted).zip(&self.against) {
            let pull = (COMPETITION_SHARPNESS * discriminant(text, &topic.centroid)).exp();
            pro += wanted * pull;
            con += against * pull;
        }
        pro += OWN_WORDS_WEIGHT * mean_pull(text, &self.own);
        con += RULED_OUT_WEIGHT * mean_pull(text, &self.ruled_out);
        (pro / con.max(f32::MIN_POSITIVE)).ln()
    }

    fn measure_background(&mut self, atlas: &Atlas) {
        let mut margins = Vec::new();
        for (topic, wanted) in atlas.all().iter().zip(&self.wanted) {
            if *wanted < BACKGROUND_BELOW {
                margins.extend(topic.lines.iter().map(|line| self.margin(line, atlas)));
            }
        }
        if margins.is_empty() {
            return;
        }
        #[expect(clippy::cast_precision_loss, reason = "a few hundred lines")]
        let count = margins.len() as f32;
        let mean = margins.iter().sum::<f32>() / count;
        let variance = margins.iter().map(|margin| (margin - mean).powi(2)).sum::<f32>() / count;
        self.background_mean = mean;
        self.background_spread = f32::midpoint(variance.sqrt(), SPREAD_PRIOR);
    }
}

/// How strongly a centroid claims a text.
pub(super) fn discriminant(text: &Embedding, centroid: &[f32; DIMS]) -> f32 {
    dot(text.values(), centroid) - dot(centroid, centroid) / 2.0
}

fn mean_pull(text: &Embedding, centroids: &[[f32; DIMS]]) -> f32 {
    if centroids.is_empty() {
        return 0.0;
    }
    let sum: f32 = centroids.iter().map(|centroid| (COMPETITION_SHARPNESS * discriminant(text, centroid)).exp()).sum();
    #[expect(clippy::cast_precision_loss, reason = "a handful of subjects")]
    let count = centroids.len() as f32;
    sum / count
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
