//! Repositories over SQLite or PostgreSQL, in domain types. Only this crate knows SQL.
//!
//! One query text serves both databases: the builder writes it, and what differs lives in `dialect.rs`. Every method is
//! batch first; none sends a statement per item. Legal moves of a task come from [`chimera_domain::TaskState::on`] alone.
//!
//! Times are kept to the microsecond (what PostgreSQL keeps): finer digits are cut off on write. NUL characters, which
//! PostgreSQL refuses, become U+FFFD on write. Leases run on the database's clock, in Unix milliseconds.
//!
//! **Money is counted once.** Every tool call is a row of `tool_calls` and counts with its own cost; an artifact counts
//! only with what its costs exceed the calls in its own tool log (what the mind was paid directly). So calls of an
//! attempt that failed or came too late count too, and nothing counts twice. What counts toward an agent's caps is the
//! spend ledger (`spend/`), which takes each cost in the transaction that records it.
//!
//! To add an entity: a file in `entity/` with its conversions, a migration with a real `down`, a repository file beside
//! this one, and a case in the conformance suite (`tests/it/`), which runs on both databases.

mod access;
mod agents;
mod alerts;
mod audit;
pub mod backup;
mod batch;
mod blobs;
mod calibrations;
mod campaigns;
mod codec;
mod config;
mod connections;
mod dialect;
mod duties;
mod entity;
mod error;
mod figures;
mod guards;
mod held;
mod hitl;
mod marks;
pub mod memory;
#[expect(elided_lifetimes_in_paths, reason = "the migration trait spells its methods so")]
mod migration;
mod money;
mod overview;
mod plan;
mod posted;
mod publish;
mod pulse;
mod reach;
mod retention;
mod schema;
mod signals;
mod spend;
mod statistics;
mod store;
mod stories;
mod tasks;
mod tellings;
mod tickets;
mod trace;
mod trends;
mod trouble;
mod vector;
mod versioned;
mod voices;
mod yardstick;

pub use audit::{AuditFilter, AuditReport};
pub use blobs::{
    BLOB_BYTES_MAX, BlobError, Blobs, BucketConfig, BucketPlace, BucketTrouble, LINK_MINUTES_MAX, LINK_PATH, Links,
};
pub use calibrations::Reviewed;
pub use campaigns::CampaignError;
pub use config::StoreConfig;
pub use duties::Duty;
pub use error::{BadValue, Result, RowKind, StoreError};
pub use figures::{FleetSpend, Standing};
pub use held::{HeldPlan, Waiting};
pub use hitl::{HitlDepth, HitlGlance, TicketCase, TicketFilter};
pub use overview::{Doings, PlannedSignal};
pub use plan::{Plan, PlanError};
pub use publish::{PublishCase, PublishOutcome, Settled, Settlement};
pub use pulse::{Pulse, Watched};
pub use reach::Unreachable;
pub use retention::{CollectError, Collected, Prunable};
pub use schema::{MigrationState, Rollback};
pub use signals::{KnownSignals, ResourceCursor, SignalFilter};
pub use spend::{SpendCheck, SpendObserver};
pub use statistics::{Answered, Observer, Statistics};
pub use store::{Backend, Store};
pub use stories::{StorySource, ToldStory};
pub use tasks::{
    Claim, Claimed, DRAFT_TEXT_MAX, Decided, DraftEdit, DraftError, DraftFilter, DraftPlan, DraftWish, Drafts,
    NotRetried, OutdatedPost, Queued, Release, Released, Retried, ReviewCase, Ruling, Submission, Submitted,
    SweepLimits, Swept, TaskCounts, UnfitWish, WorkOrder, draft_text,
};
pub use tellings::{Telling, Untold};
pub use tickets::{TicketAnswer, TicketError};
pub use trace::{PostRow, TraceView};
pub use yardstick::{
    BareFigures, ClaimedRows, MemoryDisk, PlannedRows, PostTimes, PublishedRows, RawFigures, Scratch, bare_nearest,
};
