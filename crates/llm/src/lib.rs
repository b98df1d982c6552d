//! The mind: relevance, writing and judging in character, offline or over a model's API; embeddings and prices.

mod api;
mod choose;
mod config;
mod embed;
mod error;
mod mind;
mod offline;
mod price;
mod record;
mod relevance;
mod roles;
mod text;
mod topics;

pub use choose::{Choice, Lookup, choose, choose_untried};
pub use config::{BackendConfig, Kind, MindConfig, Provider, RolesConfig, SeatConfig};
pub use embed::{DIMS, EMBEDDING_MODEL, Embedder, Embedding, TEXT_BYTES_MAX, TableError, WordVector};
pub use error::{BlockedStage, ConfigProblem, MindError, Retry, Trouble};
pub use mind::{
    Answer, COVER_LINE_CHARS_MAX, Draft, Finding, ItemText, KICKER_WORDS_MAX, Mind, MindInfo, Opinion, OpinionAsk,
    PersonaBrief, Relevance, RelevanceAsk, Seat, Source, TokenUsage, WriteAsk,
};
pub use offline::OfflineMind;
pub(crate) use price::Price;
pub use price::PriceEntry;
pub use record::{Asked, MIND_SERVER};
pub use relevance::{
    Atlas, AtlasError, Goal, GoalError, InjectionKind, InjectionMarker, OwnWords, RelevanceScorer, injection_markers,
};
pub use topics::{Evidence, TopicError, TopicHit, TopicScanner};
