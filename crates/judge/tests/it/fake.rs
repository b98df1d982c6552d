//! A mind that thinks what its text says, or fails as it is told.

use std::{collections::VecDeque, sync::Mutex, time::Duration};

use async_trait::async_trait;
use chimera_domain::{Score, Usd};
use chimera_llm::{
    Answer, BlockedStage, Draft, Finding, Mind, MindError, MindInfo, Opinion, OpinionAsk, Relevance, RelevanceAsk,
    WriteAsk,
};
use tokio::sync::{Semaphore, watch};

/// How the mind answers one question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Its safety filter says no.
    Blocked,
    /// Ask again in a minute.
    RateLimited,
    /// Not what was asked for.
    Malformed,
    /// It thinks until it is let go.
    Slow,
}

/// What every question costs, answered or garbled.
pub(crate) const PRICE: Usd = Usd::from_micros(11);

/// A mind whose opinion of a post is the number in the post's headline, as in `Silk 0.84`; 1 without a number.
#[derive(Debug)]
pub(crate) struct ScriptedMind {
    fates: Mutex<VecDeque<Fate>>,
    asked: Mutex<Vec<OpinionAsk>>,
    thinking: watch::Sender<usize>,
    gate: Semaphore,
}

impl ScriptedMind {
    pub(crate) fn new() -> Self {
        Self {
            fates: Mutex::default(),
            asked: Mutex::default(),
            thinking: watch::Sender::new(0),
            gate: Semaphore::new(0),
        }
    }

    /// The next questions meet these; later ones are answered.
    pub(crate) fn script(&self, fates: &[Fate]) {
        self.fates.lock().unwrap().extend(fates);
    }

    /// What it was asked.
    pub(crate) fn asked(&self) -> Vec<OpinionAsk> {
        self.asked.lock().unwrap().clone()
    }

    /// Waits until so many slow questions are under way.
    pub(crate) async fn until_thinking(&self, wanted: usize) {
        self.thinking.subscribe().wait_for(|thinking| *thinking == wanted).await.unwrap();
    }

    /// Lets slow answers go.
    pub(crate) fn let_go(&self, count: usize) {
        self.gate.add_permits(count);
    }
}

#[async_trait]
impl Mind for ScriptedMind {
    fn about(&self) -> MindInfo {
        MindInfo::of_one("scripted", "chimera.scripted", "scripted-1").offline("thinks as it is told")
    }

    async fn relevance(&self, _: &RelevanceAsk) -> Result<Answer<Vec<Relevance>>, MindError> {
        panic!("a judge does not score")
    }

    async fn write(&self, _: &WriteAsk) -> Result<Answer<Draft>, MindError> {
        panic!("a judge does not write")
    }

    async fn opine(&self, ask: &OpinionAsk) -> Result<Answer<Opinion>, MindError> {
        self.asked.lock().unwrap().push(ask.clone());
        let fate = self.fates.lock().unwrap().pop_front();
        match fate {
            Some(Fate::Blocked) => {
                let reason = "SAFETY".to_owned();
                return Err(MindError::Blocked { reason, stage: BlockedStage::Prompt, spent: PRICE });
            }
            Some(Fate::RateLimited) => {
                let retry_after = Some(Duration::from_secs(60));
                return Err(MindError::RateLimited { retry_after, spent: Usd::ZERO });
            }
            Some(Fate::Malformed) => {
                return Err(MindError::Malformed {
                    model: "m".to_owned(),
                    problem: "no JSON".to_owned(),
                    spent: PRICE,
                });
            }
            Some(Fate::Slow) => {
                self.thinking.send_modify(|thinking| *thinking += 1);
                self.gate.acquire().await.unwrap().forget();
                self.thinking.send_modify(|thinking| *thinking -= 1);
            }
            None => {}
        }
        let said = ask.headline.rsplit(' ').next().and_then(|word| word.parse().ok()).unwrap_or(1.0);
        let finding = |reason: &str| Finding { score: Score::new(said).unwrap(), reason: reason.to_owned() };
        let value = Opinion {
            task_fit: finding("to the point"),
            persona: finding("in voice"),
            support: finding("as the source says"),
            notes: vec![],
        };
        Ok(Answer::of(value, PRICE, &self.about().judge[0]))
    }
}
