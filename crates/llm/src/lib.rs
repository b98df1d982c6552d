//! The mind: relevance, writing and judging in character, offline or over a model's API; embeddings and prices.

mod choose;
mod embed;
mod error;
mod gemini;
mod mind;
mod offline;
mod price;
mod record;
mod relevance;
mod text;
mod topics;

pub use choose::{MindConfig, Provider, choose};
pub use embed::{DIMS, EMBEDDING_MODEL, Embedder, Embedding, TEXT_BYTES_MAX, TableError, WordVector};
pub use error::{BlockedStage, ConfigProblem, MindError, Retry, Trouble};
pub use gemini::GeminiMind;
pub use mind::{
    Answer, COVER_LINE_CHARS_MAX, Draft, Finding, ItemText, KICKER_WORDS_MAX, Mind, MindInfo, Opinion, OpinionAsk,
    PersonaBrief, Relevance, RelevanceAsk, TokenUsage, WriteAsk,
};
pub use offline::OfflineMind;
pub use price::{Price, PriceTable, Quote};
pub use record::{Asked, MIND_SERVER};
pub use relevance::{
    Atlas, AtlasError, Goal, GoalError, InjectionKind, InjectionMarker, OwnWords, RelevanceScorer, injection_markers,
};
pub use topics::{Evidence, TopicError, TopicHit, TopicScanner};
