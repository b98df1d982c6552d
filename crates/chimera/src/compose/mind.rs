//! The mind as every role has it: whatever is asked is counted and stands in the trace of whoever asks, in one place for all.
//! Names and attributes by OpenTelemetry's semantic conventions for generative AI.

use std::sync::Arc;

use async_trait::async_trait;
use chimera_domain::{Usd, error_chain};
use chimera_llm::{
    Answer, Draft, Mind, MindError, MindInfo, Opinion, OpinionAsk, Relevance, RelevanceAsk, Retry, Seat, WriteAsk,
};
use chimera_telemetry::{
    KeyValue, LLM_COST, LLM_DURATION, LLM_PASSED_OVER, LLM_QUESTIONS, LLM_TOKENS, Span, SpanKind, Under,
    conventions::{
        COST_USD, GEN_AI_CACHED_TOKENS, GEN_AI_INPUT_TOKENS, GEN_AI_OPERATION, GEN_AI_OUTPUT_TOKENS, GEN_AI_PROVIDER,
        GEN_AI_REQUEST_MODEL, GEN_AI_RESPONSE_MODEL, PROMPT, QUESTION,
    },
};
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
        let (since, span) = (Instant::now(), self.span(question));
        let answer = span.around(answer).await;
        LLM_DURATION.observe_for(question, since.elapsed());
        match &answer {
            Ok(answer) => {
                LLM_QUESTIONS.add_of([question, "answered"], 1);
                span.note(|| answered(answer));
                let model = self.known(&answer.source.model);
                if answer.source.passed_over > 0 {
                    LLM_PASSED_OVER.add_of([question], u64::from(answer.source.passed_over));
                }
                LLM_TOKENS.add_of([model.to_owned(), "input".to_owned()], answer.usage.input);
                LLM_TOKENS.add_of([model.to_owned(), "output".to_owned()], answer.usage.output);
                paid(model, answer.cost);
            }
            Err(error) => {
                let outcome = if error.retry() == Retry::Never { "refused" } else { "failed" };
                LLM_QUESTIONS.add_of([question, outcome], 1);
                span.fail(outcome, error_chain(error));
                paid(OTHER, error.spent());
            }
        }
        answer
    }

    /// A question in the trace of whoever asks.
    fn span(&self, question: &'static str) -> Span {
        // Whom it is put to first; who answered is noted with the answer.
        let (provider, model) =
            self.seats(question).first().map_or(("", OTHER), |seat| (seat.provider.as_str(), seat.model.as_str()));
        Span::begin(Under::Here, SpanKind::Client, format!("chat {model}"), || {
            vec![
                KeyValue::new(GEN_AI_OPERATION, "chat"),
                KeyValue::new(GEN_AI_PROVIDER, provider.to_owned()),
                KeyValue::new(GEN_AI_REQUEST_MODEL, model.to_owned()),
                KeyValue::new(QUESTION, question),
            ]
        })
    }

    /// Who answers a question.
    fn seats(&self, question: &str) -> &[Seat] {
        match question {
            "relevance" => &self.about.score,
            "write" => &self.about.write,
            _ => &self.about.judge,
        }
    }

    /// A model by its name, if it is a configured one: what a server calls itself is without bound.
    fn known<'a>(&self, model: &'a str) -> &'a str {
        let mut configured = self.about.score.iter().chain(&self.about.write).chain(&self.about.judge);
        if configured.any(|seat| seat.model == model) { model } else { OTHER }
    }
}

fn answered<T>(answer: &Answer<T>) -> Vec<KeyValue> {
    let count = |tokens: u64| i64::try_from(tokens).unwrap_or(i64::MAX);
    vec![
        KeyValue::new(GEN_AI_PROVIDER, answer.source.provider.clone()),
        KeyValue::new(GEN_AI_RESPONSE_MODEL, answer.source.model.clone()),
        KeyValue::new(PROMPT, answer.source.prompt.clone()),
        KeyValue::new(GEN_AI_INPUT_TOKENS, count(answer.usage.input)),
        KeyValue::new(GEN_AI_CACHED_TOKENS, count(answer.usage.cached)),
        KeyValue::new(GEN_AI_OUTPUT_TOKENS, count(answer.usage.output)),
        KeyValue::new(COST_USD, answer.cost.to_string()),
    ]
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
