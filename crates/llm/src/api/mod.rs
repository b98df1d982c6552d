//! A mind behind a vendor's API: one model, asked over HTTP, with answers held to a schema.
//!
//! What is the vendor's own is a wire format (`wire`), and nothing else. Before every call the most it can cost is set
//! against what is left of the ask's budget; nothing is sent that might exceed it. A failed HTTP try (429, 5xx, timeout) is
//! repeated within bounds; an answer that doesn't fit its schema is sent back once. Whatever was paid for is counted, in
//! [`Answer::cost`] or in [`MindError::spent`].

mod answers;
mod attempts;
mod client;
mod meter;
mod prompts;
mod secret;
mod wire;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use chimera_domain::{Ambient, Usd, sha256_parts};
use serde::de::DeserializeOwned;
use url::Url;

use self::{
    answers::{Form, Ratings, RawDraft, RawOpinion, RawReply, draft_form, opinion_form, ratings_form, reply_form},
    attempts::Attempts,
    client::Http,
    meter::Meter,
    prompts::Rendered,
    secret::Secret,
    wire::{Anthropic, Call, Effort, Ending, Gemini, OpenAi, Turn, Who, Wire},
};
use crate::{
    Answer, Draft, Mind, MindError, MindInfo, Opinion, OpinionAsk, Price, Relevance, RelevanceAsk, Source, WriteAsk,
    config::Kind, price::Tariff, text::cut,
};

pub(crate) use self::{client::is_alive, prompts::Prompts};

/// Longer waits than this are a slip of the server's.
const WAIT_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// Items rated in one call.
const BATCH_ITEMS_MAX: usize = 20;
/// Output tokens that a batch needs beside its items, thinking included.
const BATCH_TOKENS_BASE: u32 = 1_024;
const BATCH_TOKENS_PER_ITEM: u32 = 96;
/// How much of a malformed answer the model is shown again.
const REPAIR_CHARS_MAX: usize = 6_000;

/// How to reach a vendor, and with how much patience.
#[derive(Debug, Clone)]
pub(crate) struct BackendSettings {
    /// Its name in the configuration.
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) base_url: Url,
    pub(crate) timeout: Duration,
    pub(crate) retries: usize,
    pub(crate) retry_pause: Duration,
    pub(crate) retry_pause_max: Duration,
    pub(crate) output_tokens_max: u32,
}

/// A vendor's API, reached in one way. Models of one vendor share it.
#[derive(Debug)]
pub(crate) struct Backend {
    name: String,
    http: Http,
    attempts: Attempts,
    output_tokens_max: u32,
}

impl Backend {
    /// `key_name` is where the key comes from, for errors.
    pub(crate) fn new(settings: BackendSettings, key: Option<&str>, key_name: &str) -> Result<Self, MindError> {
        let wire: Box<dyn Wire> = match settings.kind {
            Kind::Gemini => Box::new(Gemini),
            Kind::Anthropic => Box::new(Anthropic),
            Kind::Openai => Box::new(OpenAi { own: true }),
            Kind::Compatible => Box::new(OpenAi { own: false }),
        };
        let http = Http::new(wire, settings.base_url, key.map(Secret::new), key_name, settings.timeout)?;
        let attempts =
            Attempts { retries: settings.retries, pause: settings.retry_pause, pause_max: settings.retry_pause_max };
        Ok(Self { name: settings.name, http, attempts, output_tokens_max: settings.output_tokens_max })
    }
}

/// A mind that asks one model of a vendor.
#[derive(Debug)]
pub(crate) struct ModelMind {
    backend: Arc<Backend>,
    model: String,
    tariff: Tariff,
    prompts: Arc<Prompts>,
    ambient: Arc<dyn Ambient>,
}

/// One question to the model.
struct Question {
    prompt: Rendered,
    form: Form,
    output_tokens_max: u32,
    effort: Effort,
}

impl ModelMind {
    pub(crate) fn new(
        backend: Arc<Backend>,
        model: String,
        tariff: Tariff,
        prompts: Arc<Prompts>,
        ambient: Arc<dyn Ambient>,
    ) -> Self {
        Self { backend, model, tariff, prompts, ambient }
    }

    fn price(&self) -> Price {
        self.tariff.on(self.ambient.now().date_naive())
    }

    /// Asks once, and gives the answer with its bill.
    async fn answer<T: DeserializeOwned, U>(
        &self,
        question: &Question,
        budget: Option<Usd>,
        check: impl Fn(T) -> Result<U, String> + Sync,
    ) -> Result<Answer<U>, MindError> {
        let mut meter = Meter::new(self.price(), budget);
        let value = self.ask(question, &mut meter, check).await?;
        Ok(self.billed(value, &meter, question.prompt.version.clone()))
    }

    fn billed<U>(&self, value: U, meter: &Meter, prompt: String) -> Answer<U> {
        let source = Source {
            backend: self.backend.name.clone(),
            provider: self.backend.http.provider().to_owned(),
            model: self.model.clone(),
            prompt,
            passed_over: 0,
        };
        Answer { value, cost: meter.spent(), usage: meter.usage, source }
    }

    /// Asks until the answer has the form and passes `check`, at most twice.
    async fn ask<T: DeserializeOwned, U>(
        &self,
        question: &Question,
        meter: &mut Meter,
        check: impl Fn(T) -> Result<U, String> + Sync,
    ) -> Result<U, MindError> {
        let mut call = self.call(question);
        let mut repaired = false;
        loop {
            let text = self.said(&call, seed(&question.prompt), meter).await?;
            let problem = match question.form.read(&text).and_then(&check) {
                Ok(answer) => return Ok(answer),
                Err(problem) => problem,
            };
            let prompt = question.prompt.version.as_str();
            tracing::debug!(model = self.model, prompt, problem, repaired, "malformed answer");
            if repaired {
                return Err(self.malformed(problem).after_spending(meter.spent()));
            }
            repaired = true;
            call.turns.push(Turn { who: Who::Model, text: cut(&text, REPAIR_CHARS_MAX) });
            call.turns.push(Turn { who: Who::User, text: self.prompts.repair(&problem)? });
        }
    }

    /// What the model says to one call, within the budget.
    async fn said(&self, call: &Call<'_>, seed: u64, meter: &mut Meter) -> Result<String, MindError> {
        let http = &self.backend.http;
        let body = http.body(call);
        meter.clear(&body, call.output_tokens_max)?;
        let reply = self.backend.attempts.call(|| http.ask(call), seed).await;
        let reply = reply.map_err(|error| error.after_spending(meter.spent()))?;
        meter.count(reply.usage, &body, call.output_tokens_max);
        let spent = Usd::ZERO;
        let error = match reply.ending {
            Ending::Said(text) => return Ok(text),
            Ending::CutOff => {
                MindError::Truncated { model: self.model.clone(), output_tokens_max: call.output_tokens_max, spent }
            }
            Ending::Blocked(stage, reason) => MindError::Blocked { reason, stage, spent },
            Ending::Odd(problem) => self.malformed(problem),
        };
        Err(error.after_spending(meter.spent()))
    }

    fn malformed(&self, problem: String) -> MindError {
        MindError::Malformed { model: self.model.clone(), problem, spent: Usd::ZERO }
    }

    fn call<'a>(&'a self, question: &'a Question) -> Call<'a> {
        Call {
            model: &self.model,
            system: &question.prompt.system,
            turns: vec![Turn { who: Who::User, text: question.prompt.user.clone() }],
            form: question.form.name,
            schema: &question.form.schema,
            output_tokens_max: question.output_tokens_max,
            effort: question.effort,
        }
    }
}

#[async_trait]
impl Mind for ModelMind {
    fn about(&self) -> MindInfo {
        MindInfo::of_one(&self.backend.name, self.backend.http.provider(), &self.model)
    }

    async fn relevance(&self, ask: &RelevanceAsk) -> Result<Answer<Vec<Relevance>>, MindError> {
        let mut meter = Meter::new(self.price(), ask.budget);
        let mut rated = Vec::with_capacity(ask.items.len());
        for batch in ask.items.chunks(BATCH_ITEMS_MAX) {
            let items = u32::try_from(batch.len()).unwrap_or(u32::MAX);
            let wanted = BATCH_TOKENS_BASE.saturating_add(items.saturating_mul(BATCH_TOKENS_PER_ITEM));
            let question = Question {
                prompt: self.prompts.relevance(ask, batch)?,
                form: ratings_form(batch.len())?,
                output_tokens_max: wanted.min(self.backend.output_tokens_max),
                effort: Effort::Low,
            };
            rated.extend(self.ask(&question, &mut meter, Ratings::in_order).await?);
        }
        Ok(self.billed(rated, &meter, self.prompts.relevance_version()))
    }

    async fn write(&self, ask: &WriteAsk) -> Result<Answer<Draft>, MindError> {
        let is_reply = ask.reply.is_some();
        let question = Question {
            prompt: self.prompts.write(ask)?,
            form: if is_reply { reply_form()? } else { draft_form(ask.hashtags_max)? },
            output_tokens_max: self.backend.output_tokens_max,
            effort: Effort::Low,
        };
        if is_reply {
            let within = |raw: RawReply| raw.within(ask.channel, ask.text_chars_max);
            return self.answer(&question, ask.budget, within).await;
        }
        let within = |raw: RawDraft| raw.within(ask.channel, ask.text_chars_max, ask.hashtags_max);
        self.answer(&question, ask.budget, within).await
    }

    async fn opine(&self, ask: &OpinionAsk) -> Result<Answer<Opinion>, MindError> {
        let question = Question {
            prompt: self.prompts.opinion(ask)?,
            form: opinion_form()?,
            output_tokens_max: self.backend.output_tokens_max,
            effort: Effort::Medium,
        };
        self.answer(&question, ask.budget, |raw: RawOpinion| Ok(Opinion::from(raw))).await
    }
}

/// Jitter that differs between calls and repeats between runs.
fn seed(prompt: &Rendered) -> u64 {
    let hash = sha256_parts(&[prompt.system.as_bytes(), prompt.user.as_bytes()]);
    hash.get(..16).and_then(|hex| u64::from_str_radix(hex, 16).ok()).unwrap_or(0)
}
