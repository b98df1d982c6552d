//! The meter of one ask: what may still be spent, and what was.

use chimera_domain::Usd;
use serde_json::Value;

use crate::{MindError, Price, TokenUsage};

/// Bytes per token, at the least: English has about four, a new tokeniser about three, other scripts and emoji two, and an
/// estimate must not fall short.
const BYTES_PER_TOKEN: u64 = 2;
/// Tokens of the envelope around the texts.
const ENVELOPE_TOKENS: u64 = 64;

/// Tokens and dollars of one ask, all its calls together.
#[derive(Debug)]
pub(super) struct Meter {
    price: Price,
    budget: Option<Usd>,
    pub(super) usage: TokenUsage,
}

impl Meter {
    pub(super) fn new(price: Price, budget: Option<Usd>) -> Self {
        Self { price, budget, usage: TokenUsage::default() }
    }

    pub(super) fn spent(&self) -> Usd {
        self.price.of(self.usage)
    }

    /// Lets a call through if even its worst case stays within the budget. `body` is what would be sent.
    pub(super) fn clear(&self, body: &Value, output_tokens_max: u32) -> Result<(), MindError> {
        let Some(budget) = self.budget else { return Ok(()) };
        let estimate = self.price.of(worst(body, output_tokens_max));
        let (spent, left) = (self.spent(), budget.saturating_sub(self.spent()));
        if estimate > left { Err(MindError::OverBudget { estimate, left, spent }) } else { Ok(()) }
    }

    /// Counts an answered call. What the API doesn't count is estimated, on the high side.
    pub(super) fn count(&mut self, counted: Option<TokenUsage>, body: &Value, output_tokens_max: u32) {
        self.usage = self.usage + counted.unwrap_or_else(|| worst(body, output_tokens_max));
    }
}

/// The most tokens that a call can be billed as.
fn worst(body: &Value, output_tokens_max: u32) -> TokenUsage {
    let bytes = u64::try_from(body.to_string().len()).unwrap_or(u64::MAX);
    let input = bytes.div_ceil(BYTES_PER_TOKEN).saturating_add(ENVELOPE_TOKENS);
    TokenUsage { input, cached: 0, output: u64::from(output_tokens_max) }
}
