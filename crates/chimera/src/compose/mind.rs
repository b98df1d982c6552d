//! The mind as every role has it: whatever is asked is counted, in one place for all who ask.

use std::sync::Arc;

use async_trait::async_trait;
use chimera_domain::Usd;
use chimera_llm::{
    Answer, Draft, Mind, MindError, MindInfo, Opinion, OpinionAsk, Relevance, RelevanceAsk, Retry, WriteAsk,
};
use chimera_telemetry::{LLM_COST, LLM_DURATION, LLM_QUESTIONS, LLM_TOKENS};
use tokio::time::Instant;

/// The model's name where no answer says which one it was, or it is none of those configured.
const OTHER: &str = "other";

/// A mind whose questions are counted.
#[derive(Debug)]
pub(crate) struct WatchedMind {
    inner: Arc<dyn Mind>,
    about: MindInfo,
}

impl WatchedMind {
    /// Counts from now on.
    pub(crate) fn new(inner: Arc<dyn Mind>) -> Self {
        let about = inner.about();
        Self { inner, about }
    }

    async fn ask<T>(
        &self,
        question: &'static str,
        answer: impl Future<Output = Result<Answer<T>, MindError>> + Send,
    ) -> Result<Answer<T>, MindError> {
        let since = Instant::now();
        let answer = answer.await;
        LLM_DURATION.observe_for(question, since.elapsed());
        match &answer {
            Ok(answer) => {
                LLM_QUESTIONS.add_of([question, "answered"], 1);
                let model = self.known(&answer.model);
                LLM_TOKENS.add_of([model.to_owned(), "input".to_owned()], answer.usage.input);
                LLM_TOKENS.add_of([model.to_owned(), "output".to_owned()], answer.usage.output);
                paid(model, answer.cost);
            }
            Err(error) => {
                let outcome = if error.retry() == Retry::Never { "refused" } else { "failed" };
                LLM_QUESTIONS.add_of([question, outcome], 1);
                paid(OTHER, error.spent());
            }
        }
        answer
    }

    /// A model by its name, if it is a configured one: what a server calls itself is without bound.
    fn known<'a>(&self, model: &'a str) -> &'a str {
        let configured = [&self.about.fast_model, &self.about.strong_model];
        if configured.iter().any(|known| *known == model) { model } else { OTHER }
    }
}

fn paid(model: &str, cost: Usd) {
    LLM_COST.add_of([model.to_owned()], u64::try_from(cost.micros()).unwrap_or_default());
}

#[async_trait]
impl Mind for WatchedMind {
    fn about(&self) -> MindInfo {
        self.about.clone()
    }

    async fn relevance(&self, ask: &RelevanceAsk) -> Result<Answer<Vec<Relevance>>, MindError> {
        self.ask("relevance", self.inner.relevance(ask)).await
    }

    async fn write(&self, ask: &WriteAsk) -> Result<Answer<Draft>, MindError> {
        self.ask("write", self.inner.write(ask)).await
    }

    async fn opine(&self, ask: &OpinionAsk) -> Result<Answer<Opinion>, MindError> {
        self.ask("opine", self.inner.opine(ask)).await
    }
}
