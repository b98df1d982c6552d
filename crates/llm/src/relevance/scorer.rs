//! Scores and the words that explain them.

use std::collections::HashSet;

use chimera_domain::{Score, one_line};

use crate::{
    ItemText, Relevance,
    embed::{DIMS, Embedder, Embedding, WordVector, dot},
};

use super::{
    atlas::Atlas,
    brief::names_something,
    contest::{Contest, curve, pull, pulls},
    goal::{Goal, GoalError, compile},
    terms::{TermSet, text_words},
};

/// The standing (in background spreads) at which a score is exactly 0.75, where a campaign acts. The mean F1 over
/// goals on seventeen subjects hardly changes from 2.0 to 2.4; the low end serves feeds that hold more of a subject
/// than general news does.
const ACTS_FROM: f32 = 2.0;
/// What one keyword found adds to the standing, and the most all of them add.
const KEYWORD_WORTH: f32 = 1.0;
const KEYWORDS_WORTH_MAX: f32 = 2.0;
/// The least score of a text with an allowed term.
const ALLOWED: f64 = 0.9;
/// Words named in an explanation.
const WORDS_MAX: usize = 3;
/// Letters of an operator's or a stranger's word that are quoted.
const QUOTE_CHARS_MAX: usize = 40;

/// Scores texts against one goal. Cheap to share; scoring needs no network and no state.
#[derive(Debug, Clone)]
pub struct RelevanceScorer {
    goal: Contest,
    atlas: &'static Atlas,
    embedder: &'static Embedder,
    keywords: TermSet,
    allow: TermSet,
    deny: TermSet,
}

impl RelevanceScorer {
    /// Compiles a goal against the built-in atlas (about 10 ms; keep the scorer as long as the goal stays).
    ///
    /// # Errors
    /// [`GoalError::NoSubject`] when the goal says nothing that can be looked for.
    pub fn new(goal: &Goal) -> Result<Self, GoalError> {
        let (atlas, embedder) = (Atlas::shared()?, Embedder::shared()?);
        let terms = |list: &[String]| {
            let mut set = TermSet::default();
            list.iter().for_each(|term| set.insert(term, 0));
            set
        };
        Ok(Self {
            goal: compile(goal, atlas, embedder)?,
            atlas,
            embedder,
            keywords: terms(&goal.keywords),
            allow: terms(&goal.allow),
            deny: terms(&goal.deny),
        })
    }

    /// How much one headline and its description matter, and why.
    #[must_use]
    pub fn score(&self, title: &str, summary: &str) -> Relevance {
        let text = format!("{title}. {summary}");
        let words = self.embedder.words(&text);
        let embedding = sum_of(&words);
        if embedding.is_empty() || !text.chars().any(char::is_alphanumeric) {
            return Relevance { score: Score::ZERO, why: "nothing to read".to_owned() };
        }
        let plain = if self.has_terms() { text_words(&text) } else { Vec::new() };
        if let Some(hit) = self.deny.find(&plain).first() {
            let why = format!("contains `{}`, which the campaign denies", quote(&text, hit.span.clone()));
            return Relevance { score: Score::ZERO, why };
        }
        let keywords = self.keywords.find(&plain);
        let standing = self.standing(&embedding);
        let mut score = scored(standing + keyword_worth(keywords.len()));
        let mut why = self.explain(&text, &words, &embedding, score);
        if let Some(hit) = keywords.first() {
            why.push_str(&format!("; keyword `{}`", quote(&text, hit.span.clone())));
        }
        if let Some(hit) = self.allow.find(&plain).first() {
            score = score.max(Score::clamped(ALLOWED));
            why = format!("contains `{}`, which the campaign always takes; {why}", quote(&text, hit.span.clone()));
        }
        Relevance { score, why }
    }

    /// [`Self::score`] of many, in the same order.
    #[must_use]
    pub fn score_all(&self, items: &[ItemText]) -> Vec<Relevance> {
        items.iter().map(|item| self.score(&item.title, &item.summary)).collect()
    }

    /// Scores of texts that are embedded already (title, a full stop, summary), without keywords, allow and deny.
    #[must_use]
    pub fn score_embeddings(&self, embeddings: &[Embedding]) -> Vec<Score> {
        embeddings.iter().map(|text| if text.is_empty() { Score::ZERO } else { scored(self.standing(text)) }).collect()
    }

    /// The subjects the goal was understood to want, the strongest first, for an operator to check.
    #[must_use]
    pub fn understood(&self) -> Vec<(&'static str, f32)> {
        let mut topics: Vec<(&str, f32)> = self
            .atlas
            .all()
            .iter()
            .zip(&self.goal.wanted)
            .filter(|(_, wanted)| **wanted > 0.0)
            .map(|(topic, wanted)| (topic.label.as_str(), *wanted))
            .collect();
        topics.sort_by(|a, b| b.1.total_cmp(&a.1));
        topics
    }

    fn standing(&self, text: &Embedding) -> f32 {
        self.goal.standing(text, &pulls(text, self.atlas))
    }

    const fn has_terms(&self) -> bool {
        !(self.keywords.is_empty() && self.allow.is_empty() && self.deny.is_empty())
    }

    fn explain(&self, text: &str, words: &[WordVector], embedding: &Embedding, score: Score) -> String {
        let pulls = pulls(embedding, self.atlas);
        let fits = score >= Score::percent(75);
        // A text that fits is explained by what the goal wants in it, any other by what it is mostly about.
        let strength = |at: usize, pull: f32| if fits { pull * self.goal.wanted.get(at).unwrap_or(&0.0) } else { pull };
        let strongest = self
            .atlas
            .all()
            .iter()
            .zip(&pulls)
            .enumerate()
            .map(|(at, (topic, pull))| (strength(at, *pull), at, topic))
            .max_by(|a, b| a.0.total_cmp(&b.0));
        let own = self.goal.own.iter().max_by(|a, b| pull(embedding, a).total_cmp(&pull(embedding, b)));
        let Some((strongest, at, topic)) = strongest else { return String::new() };
        if let Some(own) = own.filter(|own| fits && pull(embedding, own) * self.goal.own_weight > strongest) {
            return format!("in the goal's own words{}", telling_words(text, words, own));
        }
        let because = telling_words(text, words, &topic.centroid);
        let label = &topic.label;
        match self.goal.wanted.get(at) {
            _ if fits => format!("about {label}{because}, which the goal wants"),
            Some(wanted) if *wanted >= 0.5 => format!("touches {label}{because}, but mostly something else"),
            _ => format!("rather about {label}{because} than about the goal"),
        }
    }
}

fn scored(standing: f32) -> Score {
    Score::clamped(curve(standing, ACTS_FROM, 0.75))
}

fn keyword_worth(found: usize) -> f32 {
    #[expect(clippy::cast_precision_loss, reason = "capped right after")]
    let found = found.min(8) as f32;
    (found * KEYWORD_WORTH).min(KEYWORDS_WORTH_MAX)
}

fn sum_of(words: &[WordVector]) -> Embedding {
    let mut sum = [0.0; DIMS];
    for word in words {
        for (total, value) in sum.iter_mut().zip(&word.values) {
            *total += value;
        }
    }
    Embedding::from_sum(sum)
}

/// The words that speak most for a centroid, as they stand in the text, in parentheses; empty when none does.
fn telling_words(text: &str, words: &[WordVector], centroid: &[f32; DIMS]) -> String {
    let mut pulls: Vec<(f32, String)> = words
        .iter()
        .map(|word| (dot(&word.values, centroid), quote(text, word.span.clone())))
        .filter(|(pull, word)| *pull > 0.0 && word.chars().all(char::is_alphanumeric) && names_something(word))
        .collect();
    pulls.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut seen = HashSet::new();
    let named: Vec<String> = pulls
        .into_iter()
        .map(|(_, word)| word)
        .filter(|word| seen.insert(word.to_lowercase()))
        .take(WORDS_MAX)
        .collect();
    if named.is_empty() { String::new() } else { format!(" ({})", named.join(", ")) }
}

/// A piece of untrusted text, fit for one line.
fn quote(text: &str, span: std::ops::Range<usize>) -> String {
    one_line(text.get(span).unwrap_or_default(), QUOTE_CHARS_MAX)
}

#[cfg(test)]
mod tests;
