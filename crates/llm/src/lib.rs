//! The mind: relevance, writing and judging in character, offline or over a model's API; embeddings and prices.

mod error;
mod mind;

pub use error::{BlockedStage, ConfigProblem, MindError, Retry, Trouble};
pub use mind::{
    Answer, COVER_LINE_CHARS_MAX, Draft, Finding, ItemText, KICKER_WORDS_MAX, Mind, MindInfo, Opinion, OpinionAsk,
    PersonaBrief, Relevance, RelevanceAsk, TokenUsage, WriteAsk,
};
