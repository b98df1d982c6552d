//! The meter of one ask: what may still be spent, and what was.

use chimera_domain::Usd;

use super::wire::{Reply, Request};
use crate::{Answer, MindError, Price, TokenUsage};

/// Characters per token, at the least: English has about four, and an estimate must not fall short.
const CHARS_PER_TOKEN: u64 = 3;
/// Tokens of the envelope around the texts.
const ENVELOPE_TOKENS: u64 = 64;

/// Tokens and dollars of one ask, all its calls together.
#[derive(Debug)]
pub(super) struct Meter {
    price: Price,
    budget: Option<Usd>,
    usage: TokenUsage,
}

impl Meter {
    pub(super) const fn new(price: Price, budget: Option<Usd>) -> Self {
        Self { price, budget, usage: TokenUsage { input: 0, output: 0 } }
    }

    fn spent(&self) -> Usd {
        self.price.of(self.usage)
    }

    /// Lets a call through if even its worst case stays within the budget.
    pub(super) fn clear(&self, request: &Request) -> Result<(), MindError> {
        let Some(budget) = self.budget else { return Ok(()) };
        let output = u64::from(request.generation_config.max_output_tokens);
        let estimate = self.price.of(TokenUsage { input: input_tokens(request), output });
        let (spent, left) = (self.spent(), budget.saturating_sub(self.spent()));
        if estimate > left { Err(MindError::OverBudget { estimate, left, spent }) } else { Ok(()) }
    }

    /// Counts an answered call. What the API doesn't count is estimated, on the high side.
    pub(super) fn count(&mut self, request: &Request, reply: &Reply) {
        let usage = match reply.usage_metadata {
            Some(counted) => TokenUsage {
                input: counted.prompt_token_count.saturating_add(counted.tool_use_prompt_token_count),
                output: counted.candidates_token_count.saturating_add(counted.thoughts_token_count),
            },
            None => TokenUsage {
                input: input_tokens(request),
                output: u64::from(request.generation_config.max_output_tokens),
            },
        };
        self.usage = self.usage + usage;
    }

    /// The error with what was spent so far written into it.
    pub(super) fn charge(&self, mut error: MindError) -> MindError {
        match &mut error {
            MindError::Blocked { spent, .. }
            | MindError::Malformed { spent, .. }
            | MindError::Truncated { spent, .. }
            | MindError::OverBudget { spent, .. }
            | MindError::RateLimited { spent, .. }
            | MindError::Unavailable { spent, .. }
            | MindError::Refused { spent, .. } => *spent = self.spent(),
            MindError::Config { .. } => {}
        }
        error
    }

    /// The answer with its bill.
    pub(super) fn answer<T>(self, value: T, model: &str) -> Answer<T> {
        Answer { value, usage: self.usage, cost: self.spent(), model: model.to_owned() }
    }
}

/// The most tokens a request can be read as.
fn input_tokens(request: &Request) -> u64 {
    let texts = request.contents.iter().chain([&request.system_instruction]).flat_map(|content| &content.parts);
    let chars: usize = texts.map(|part| part.text.chars().count()).sum();
    let schema = request.generation_config.response_json_schema.to_string().len();
    u64::try_from(chars + schema).unwrap_or(u64::MAX).div_ceil(CHARS_PER_TOKEN).saturating_add(ENVELOPE_TOKENS)
}
