//! What is said to a vendor and heard from one, without any vendor's words; each of these has a file of its own below.

mod anthropic;
mod gemini;
mod openai;

use std::{fmt, time::Duration};

use reqwest::header::{HeaderMap, InvalidHeaderValue};
use serde_json::Value;

use super::secret::Secret;
use crate::{BlockedStage, TokenUsage};

pub(super) use self::{anthropic::Anthropic, gemini::Gemini, openai::OpenAi};

/// A question as every vendor can be asked it: one prompt, and an answer held to a schema.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Call<'a> {
    pub(super) model: &'a str,
    /// What the operator says. Nothing untrusted.
    pub(super) system: &'a str,
    /// What is said in turns; the last is the user's.
    pub(super) turns: Vec<Turn>,
    /// The schema's name: letters and underscores.
    pub(super) form: &'static str,
    /// Plain JSON Schema, each object with all properties required and no others.
    pub(super) schema: &'a Value,
    /// The longest answer, silent thinking included, in tokens.
    pub(super) output_tokens_max: u32,
    pub(super) effort: Effort,
}

/// Who says what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Turn {
    pub(super) who: Who,
    pub(super) text: String,
}

/// The two sides of a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    User,
    Model,
}

/// How much a model may think before it answers, where it can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effort {
    Low,
    Medium,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) ending: Ending,
    /// `None` where the server did not count.
    pub(super) usage: Option<TokenUsage>,
}

/// How an answer ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ending {
    /// With these words; thoughts are left out.
    Said(String),
    /// At the limit of tokens.
    CutOff,
    /// A safety filter stepped in, for this reason.
    Blocked(BlockedStage, String),
    /// In some other way.
    Odd(String),
}

/// What an error body says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Complaint {
    /// For people; empty where it says nothing.
    pub(super) message: String,
    /// It is about the key.
    pub(super) about_key: bool,
    /// It asks for this wait.
    pub(super) wait: Option<Duration>,
    /// A quota or a credit is used up for hours, whatever the status and the wait.
    pub(super) exhausted: bool,
    /// The server is out of order, whatever the status.
    pub(super) overloaded: bool,
    /// It minds the form that the answer was to have, whatever the status.
    pub(super) over_form: bool,
    /// A safety filter refused the prompt, for this reason.
    pub(super) blocked: Option<String>,
}

/// Why a body that came with a good status is no reply.
#[derive(Debug)]
pub(super) enum Unread {
    /// It is not the vendor's envelope.
    Envelope(serde_json::Error),
    /// It is an error body, with the status that it should have come with.
    Complaint(u16, Complaint),
}

/// A vendor's wire format: translation only, no effects and no patience.
pub(super) trait Wire: fmt::Debug + Send + Sync {
    /// Who provides the models, by OpenTelemetry's conventions for generative AI.
    fn provider(&self) -> &'static str;

    /// What goes below the base URL, a segment each.
    fn path(&self, model: &str) -> Vec<String>;

    /// The headers of every call.
    fn headers(&self, key: Option<&Secret>) -> Result<HeaderMap, InvalidHeaderValue>;

    /// In how many ways an answer can be asked to have its form, the surest first. A server may refuse all but the last.
    fn forms(&self) -> usize {
        1
    }

    /// What is sent, in one of these ways.
    fn body(&self, call: &Call<'_>, form: usize) -> Value;

    /// What came back with a good status.
    fn reply(&self, body: &[u8]) -> Result<Reply, Unread>;

    /// What came back with a bad one.
    fn complaint(&self, body: &[u8]) -> Complaint;
}

/// A reason in the vendor's own word: letters, digits and underscores, of modest length.
fn word(reason: &str) -> String {
    reason.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(40).collect()
}

/// What a reply said, or that it said nothing.
fn said(text: String) -> Ending {
    if text.trim().is_empty() { Ending::Odd("the answer is empty".to_owned()) } else { Ending::Said(text) }
}
