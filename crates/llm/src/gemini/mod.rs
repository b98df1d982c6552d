//! The Gemini mind: Google's `generateContent` over HTTP, with answers held to a schema.
//!
//! Before every call the most it can cost is set against what is left of the ask's budget; nothing is sent that might
//! exceed it. A failed HTTP try (429, 5xx, timeout) is repeated within bounds; an answer that doesn't fit its schema is
//! sent back once. Whatever was paid for is counted, in [`Answer::cost`] or in [`MindError::spent`].

mod answers;
mod attempts;
mod client;
mod meter;
mod prompts;
mod read;
mod secret;
mod wire;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use chimera_domain::{Ambient, sha256_parts};
use serde::de::DeserializeOwned;
use url::Url;

use self::{
    answers::{Form, Ratings, RawDraft, RawOpinion, draft_form, opinion_form, ratings_form},
    attempts::Attempts,
    client::{Http, Transport},
    meter::Meter,
    prompts::{Prompts, Rendered},
    read::{Heard, hear},
    secret::Secret,
    wire::{Content, GenerationConfig, Request, SafetySetting, ThinkingConfig},
};
use crate::{
    Answer, Draft, Mind, MindError, MindInfo, Opinion, OpinionAsk, PriceTable, Relevance, RelevanceAsk, WriteAsk,
    text::cut,
};

pub(crate) use client::is_alive;

/// Items rated in one call.
const BATCH_ITEMS_MAX: usize = 20;
/// Output tokens that a batch needs beside its items, thinking included.
const BATCH_TOKENS_BASE: u32 = 1_024;
const BATCH_TOKENS_PER_ITEM: u32 = 96;
/// How much of a malformed answer the model is shown again.
const REPAIR_CHARS_MAX: usize = 6_000;

/// How to reach Gemini, and with how much patience.
#[derive(Debug, Clone)]
pub(crate) struct GeminiSettings {
    pub(crate) base_url: Url,
    pub(crate) fast_model: String,
    pub(crate) strong_model: String,
    pub(crate) timeout: Duration,
    pub(crate) retries: usize,
    pub(crate) retry_pause: Duration,
    pub(crate) retry_pause_max: Duration,
    pub(crate) output_tokens_max: u32,
}

/// A mind that asks Gemini.
#[derive(Debug)]
pub struct GeminiMind {
    transport: Box<dyn Transport>,
    settings: GeminiSettings,
    attempts: Attempts,
    prices: PriceTable,
    prompts: Prompts,
    ambient: Arc<dyn Ambient>,
}

/// One question to the model.
struct Question<'a> {
    model: &'a str,
    prompt: Rendered,
    form: Form,
    output_tokens_max: u32,
    thinking: &'static str,
}

impl GeminiMind {
    pub(crate) fn new(
        settings: GeminiSettings,
        key: &str,
        key_env: &str,
        prices: PriceTable,
        ambient: Arc<dyn Ambient>,
    ) -> Result<Self, MindError> {
        let http = Http::new(settings.base_url.clone(), Secret::new(key), key_env, settings.timeout)?;
        let attempts =
            Attempts { retries: settings.retries, pause: settings.retry_pause, pause_max: settings.retry_pause_max };
        for model in [&settings.fast_model, &settings.strong_model] {
            if !prices.quote(model, ambient.now().date_naive()).listed {
                tracing::warn!(model, "no price is listed for this model; the dearest one stands in for it");
            }
        }
        Ok(Self { transport: Box::new(http), settings, attempts, prices, prompts: Prompts::load()?, ambient })
    }

    fn meter(&self, model: &str, budget: Option<chimera_domain::Usd>) -> Meter {
        Meter::new(self.prices.quote(model, self.ambient.now().date_naive()).price, budget)
    }

    /// Asks until the answer has the form and passes `check`, at most twice.
    async fn ask<T: DeserializeOwned, U>(
        &self,
        question: Question<'_>,
        meter: &mut Meter,
        check: impl Fn(T) -> Result<U, String>,
    ) -> Result<U, MindError> {
        let mut request = self.request(&question);
        let mut repaired = false;
        loop {
            let heard = self.call(&question, &request, meter).await?;
            let problem = match question.form.read(&heard.text).and_then(&check) {
                Ok(answer) => return Ok(answer),
                Err(problem) => problem,
            };
            tracing::debug!(
                model = question.model,
                prompt = question.prompt.name,
                problem,
                repaired,
                "malformed answer"
            );
            if repaired {
                return Err(meter.charge(MindError::Malformed {
                    model: question.model.to_owned(),
                    problem,
                    spent: chimera_domain::Usd::ZERO,
                }));
            }
            repaired = true;
            request.contents.push(Content::new(Some("model"), cut(&heard.text, REPAIR_CHARS_MAX)));
            request.contents.push(Content::new(Some("user"), self.prompts.repair(&problem)?));
        }
    }

    /// One answered call, within the budget.
    async fn call(&self, question: &Question<'_>, request: &Request, meter: &mut Meter) -> Result<Heard, MindError> {
        meter.clear(request)?;
        let seed = seed(&question.prompt);
        let reply = self.attempts.call(self.transport.as_ref(), question.model, request, seed).await;
        let reply = reply.map_err(|error| meter.charge(error))?;
        meter.count(request, &reply);
        hear(reply, question.model, question.output_tokens_max).map_err(|error| meter.charge(error))
    }

    fn request(&self, question: &Question<'_>) -> Request {
        // Older models refuse to be told how much to think.
        let thinks = question.model.trim_start_matches("models/").starts_with("gemini-3");
        Request {
            system_instruction: Content::new(None, question.prompt.system.clone()),
            contents: vec![Content::new(Some("user"), question.prompt.user.clone())],
            safety_settings: SafetySetting::all(),
            generation_config: GenerationConfig {
                max_output_tokens: question.output_tokens_max,
                response_mime_type: "application/json",
                response_json_schema: question.form.schema.clone(),
                thinking_config: thinks.then_some(ThinkingConfig { thinking_level: question.thinking }),
            },
        }
    }
}

#[async_trait]
impl Mind for GeminiMind {
    fn about(&self) -> MindInfo {
        MindInfo {
            name: "gemini".to_owned(),
            fast_model: self.settings.fast_model.clone(),
            strong_model: self.settings.strong_model.clone(),
            offline: false,
            note: format!(
                "Google Gemini over HTTP at {}; every call is priced, and refused when it could exceed its budget",
                self.settings.base_url.host_str().unwrap_or("an unnamed host")
            ),
        }
    }

    async fn relevance(&self, ask: &RelevanceAsk) -> Result<Answer<Vec<Relevance>>, MindError> {
        let model = self.settings.fast_model.as_str();
        let mut meter = self.meter(model, ask.budget);
        let mut rated = Vec::with_capacity(ask.items.len());
        for batch in ask.items.chunks(BATCH_ITEMS_MAX) {
            let items = u32::try_from(batch.len()).unwrap_or(u32::MAX);
            let wanted = BATCH_TOKENS_BASE.saturating_add(items.saturating_mul(BATCH_TOKENS_PER_ITEM));
            let question = Question {
                model,
                prompt: self.prompts.relevance(ask, batch)?,
                form: ratings_form(batch.len())?,
                output_tokens_max: wanted.min(self.settings.output_tokens_max),
                thinking: "LOW",
            };
            rated.extend(self.ask(question, &mut meter, Ratings::in_order).await?);
        }
        Ok(meter.answer(rated, model))
    }

    async fn write(&self, ask: &WriteAsk) -> Result<Answer<Draft>, MindError> {
        let model = self.settings.fast_model.as_str();
        let mut meter = self.meter(model, ask.budget);
        let question = Question {
            model,
            prompt: self.prompts.write(ask)?,
            form: draft_form(ask.hashtags_max)?,
            output_tokens_max: self.settings.output_tokens_max,
            thinking: "LOW",
        };
        let within = |raw: RawDraft| raw.within(ask.channel, ask.text_chars_max, ask.hashtags_max);
        let draft = self.ask(question, &mut meter, within).await?;
        Ok(meter.answer(draft, model))
    }

    async fn opine(&self, ask: &OpinionAsk) -> Result<Answer<Opinion>, MindError> {
        let model = self.settings.strong_model.as_str();
        let mut meter = self.meter(model, ask.budget);
        let question = Question {
            model,
            prompt: self.prompts.opinion(ask)?,
            form: opinion_form()?,
            output_tokens_max: self.settings.output_tokens_max,
            thinking: "MEDIUM",
        };
        let opinion = self.ask(question, &mut meter, |raw: RawOpinion| Ok(Opinion::from(raw))).await?;
        Ok(meter.answer(opinion, model))
    }
}

/// Jitter that differs between calls and repeats between runs.
fn seed(prompt: &Rendered) -> u64 {
    let hash = sha256_parts(&[prompt.system.as_bytes(), prompt.user.as_bytes()]);
    hash.get(..16).and_then(|hex| u64::from_str_radix(hex, 16).ok()).unwrap_or(0)
}
