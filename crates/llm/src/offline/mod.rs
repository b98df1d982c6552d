//! The offline mind: no network, no language model, the same words for the same seed.
//!
//! Relevance and judging rest on the embeddings in the binary; captions are composed by rule from the persona, the
//! headline and a bank of lines (`phrases.yaml`). To widen its voice, add lines there; to teach it a directive, add a
//! case to `rules.rs`.

mod compose;
mod dice;
mod material;
mod nearness;
mod opinion;
mod phrases;
mod rules;
mod salience;
mod source;
mod voice;
mod wish;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use chimera_domain::Usd;

use self::{
    compose::Writer,
    nearness::Nearness,
    phrases::{Phrases, Words},
};
use crate::{
    Answer, ConfigProblem, Draft, Goal, GoalError, ItemText, Mind, MindError, MindInfo, Opinion, OpinionAsk, Relevance,
    RelevanceAsk, RelevanceScorer, Seat, WriteAsk, config::OFFLINE,
};

const MODEL: &str = "offline-composer-1";
/// Goals whose compiled form is kept; one campaign has one, and a process runs few.
const GOALS_KEPT_MAX: usize = 64;

/// A mind without a network: deterministic, free, and modest about what it understands.
#[derive(Debug)]
pub struct OfflineMind {
    writer: Writer,
    scorers: Mutex<HashMap<String, Arc<RelevanceScorer>>>,
}

impl OfflineMind {
    /// Reads the word lists and the embedding table inside the program.
    ///
    /// # Errors
    /// [`MindError::Config`] when one of them is damaged, which is a defect of the program.
    pub fn new() -> Result<Self, MindError> {
        let writer = Writer { phrases: Phrases::load()?, words: Words::load()?, near: Nearness::load()? };
        Ok(Self { writer, scorers: Mutex::default() })
    }

    /// What [`Mind::relevance`] says of these texts; `None` when the goal names no subject, so that nothing can be said.
    ///
    /// # Errors
    /// [`MindError::Config`] when a word list inside the program is damaged.
    pub fn first_look(&self, goal: &str, items: &[ItemText]) -> Result<Option<Vec<Relevance>>, MindError> {
        Ok(self.scorer(goal)?.map(|scorer| scorer.score_all(items)))
    }

    /// The scorer of a goal, compiled once; `None` when the goal names no subject at all.
    fn scorer(&self, goal: &str) -> Result<Option<Arc<RelevanceScorer>>, MindError> {
        let mut scorers = self.scorers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = scorers.get(goal) {
            return Ok(Some(Arc::clone(known)));
        }
        let compiled = match RelevanceScorer::new(&Goal::new(goal)) {
            Ok(scorer) => Arc::new(scorer),
            Err(GoalError::NoSubject { .. }) => return Ok(None),
            Err(error) => {
                let problem = ConfigProblem::BuiltIn("the table of subjects");
                return Err(MindError::Config { problem, source: Some(Box::new(error)) });
            }
        };
        if scorers.len() >= GOALS_KEPT_MAX {
            scorers.clear();
        }
        scorers.insert(goal.to_owned(), Arc::clone(&compiled));
        Ok(Some(compiled))
    }
}

fn seat() -> Seat {
    Seat { backend: OFFLINE.to_owned(), provider: "chimera.offline".to_owned(), model: MODEL.to_owned() }
}

fn free<T>(value: T) -> Answer<T> {
    Answer::of(value, Usd::ZERO, &seat())
}

#[async_trait]
impl Mind for OfflineMind {
    fn about(&self) -> MindInfo {
        let Seat { backend, provider, model } = seat();
        MindInfo::of_one(&backend, &provider, &model).offline(
            "no language model: captions are composed by rule from SOUL.md and the headline, and judged by a small \
             table of word meanings; free, repeatable, and no substitute for a real model's taste",
        )
    }

    async fn relevance(&self, ask: &RelevanceAsk) -> Result<Answer<Vec<Relevance>>, MindError> {
        let Some(scores) = self.first_look(&ask.goal, &ask.items)? else {
            let why = "the goal names no subject; say what it is about".to_owned();
            let nothing = Relevance { score: chimera_domain::Score::ZERO, why };
            return Ok(free(vec![nothing; ask.items.len()]));
        };
        Ok(free(scores))
    }

    async fn write(&self, ask: &WriteAsk) -> Result<Answer<Draft>, MindError> {
        Ok(free(self.writer.draft(ask)))
    }

    async fn opine(&self, ask: &OpinionAsk) -> Result<Answer<Opinion>, MindError> {
        let scorer = self.scorer(&ask.goal)?;
        Ok(free(opinion::form(ask, &self.writer, scorer.as_deref())))
    }
}

#[cfg(test)]
mod tests;
