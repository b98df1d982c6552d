//! The heart of Chimera: entities, states, contracts and policies.
//!
//! Pure: no async, no I/O, no clock and no dice of its own ([`Ambient`] brings both). Everything else in the house
//! depends on this crate and this crate on nothing of the house.
//!
//! To add an entity, give it a typed id in `ids.rs`, a file named after it, and a repository in `store`.
//! To add a state or an event of a task, change the one `match` in `task/state.rs`; its tests go over all pairs.

mod access;
mod agent;
mod alert;
mod ambient;
mod artifact;
mod audit;
mod campaign;
mod chain;
mod channel;
pub mod contracts;
mod disclosure;
mod hash;
pub mod honesty;
mod ids;
mod memory;
mod money;
pub mod policy;
mod publication;
mod score;
mod signal;
mod soul;
mod spend;
mod story;
mod task;
mod text;
mod trace;
mod trend;
mod verdict;
mod version;
mod wire;

pub use access::{AccessRole, Credential, CredentialKind, Secret};
pub use agent::{Agent, GovernorLimits, Presence};
pub use alert::{Alert, AlertEvent, AlertKind, Severity};
pub use ambient::Ambient;
pub use artifact::{Artifact, Disclosure, MediaRef, ToolCall, ToolStatus};
pub use audit::{
    Actor, AuditAction, AuditEntry, AuditFinding, AuditHead, AuditRecord, AuditSubject, ChainVerifier, FindingKind,
    NotedHead, NotedHeadParseError,
};
pub use campaign::{
    Campaign, CampaignLimits, CampaignOrigin, CampaignProblem, CampaignSketch, CampaignStatus, CampaignTerms,
    QuietHours, QuietHoursError,
};
pub use chain::error_chain;
pub use channel::{
    Channel, ChannelRules, Counting, Links, Modality, Part, PictureRules, Post, Ratio, VideoRules, Violation,
    is_hashtag,
};
pub use disclosure::{Marking, MarkingError, NativeField, TRAINED_ALGORITHMIC_MEDIA, marking, says_ai};
pub use hash::{ContentHasher, is_sha256_hex, sha256_hex, sha256_parts};
pub use ids::{
    AgentId, AlertId, ArtifactId, CampaignId, CredentialId, DecisionId, IdParseError, MemoryId, PublicationId,
    SignalId, TaskId, TenantId, TicketId, ToolCallId, TrendId,
};
pub use memory::{
    EmbeddingModel, FoundMemory, Memory, MemoryKind, MemorySource, MemoryVector, Provenance, VectorError,
};
pub use money::{Usd, UsdError};
pub use policy::calibration::{Calibration, MonotoneMap};
pub use publication::{Publication, PublicationState};
pub use score::{Score, ScoreOutOfRange};
pub use signal::{MarkedSignal, SignalMark, SignalOutcome, TrendSignal};
pub use soul::{Contradiction, Soul, SoulError, SoulProblem, banned_topic};
pub use spend::{
    Closed, EntryState, LedgerEntry, ReservationId, Reserved, SpendCap, SpendCaps, SpendEntry, SpendRequest, SpendUse,
    SpendWindows,
};
pub use story::{StoryLimits, StoryWindow, Wording};
pub use task::{
    AgentTask, CancelReason, Costs, Criterion, Ground, IllegalTransition, Lowered, Outdated, PersonaLock, Priority,
    Remark, ReplyTo, Shortfall, TaskEvent, TaskPayload, TaskState, TaskType, Unmet, VideoPlan, VideoStep, VideoTier,
    unmet,
};
pub use text::{one_line, shown, visible};
pub use trace::{TraceId, TraceParseError};
pub use trend::{Heat, SeenItem, TopicLimits, Topics, Trend, TrendMember, TrendRule, TrendState, Velocity};
pub use verdict::{Component, HitlTicket, JudgeDecision, NextAction, Question, Resolution, SensitiveTopic, Verdict};
pub use version::StateVersion;
pub use wire::UnknownName;
