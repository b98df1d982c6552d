//! What can go wrong between the domain and the database.

use std::fmt;

use sea_orm::DbErr;
use uuid::Uuid;

use chimera_domain::{IllegalTransition, StateVersion, TaskEvent, TaskId, TenantId, Verdict};

use crate::{
    reach::{self, Unreachable},
    trouble::weigh,
};

/// A result of the store.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// A kind of row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RowKind {
    /// `agents`.
    Agent,
    /// `campaigns`.
    Campaign,
    /// `resource_cursors`.
    Cursor,
    /// `trend_signals`.
    Signal,
    /// `trends`.
    Trend,
    /// `agent_tasks`.
    Task,
    /// `artifacts`.
    Artifact,
    /// `tool_calls`.
    ToolCall,
    /// `judge_decisions`.
    Decision,
    /// `hitl_queue_items`.
    Ticket,
    /// `publications`.
    Publication,
    /// `alerts`.
    Alert,
    /// `audit_log`.
    AuditEntry,
    /// `spend_ledger`, named by its task or agent.
    LedgerEntry,
    /// `agent_memories`.
    Memory,
    /// `credentials`.
    Credential,
    /// `judge_calibrations`.
    Calibration,
}

impl fmt::Display for RowKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Agent => "agent",
            Self::Campaign => "campaign",
            Self::Cursor => "resource cursor",
            Self::Signal => "signal",
            Self::Trend => "trend",
            Self::Task => "task",
            Self::Artifact => "artifact",
            Self::ToolCall => "tool call",
            Self::Decision => "decision",
            Self::Ticket => "ticket",
            Self::Publication => "publication",
            Self::Alert => "alert",
            Self::AuditEntry => "audit entry",
            Self::LedgerEntry => "spend ledger entry of",
            Self::Memory => "memory",
            Self::Credential => "credential",
            Self::Calibration => "calibration",
        })
    }
}

/// A stored value that no longer means anything to the domain.
#[derive(Debug, thiserror::Error)]
pub enum BadValue {
    /// A name that its enumeration does not know.
    #[error(transparent)]
    Name(#[from] chimera_domain::UnknownName),
    /// A score outside 0..=1.
    #[error(transparent)]
    Score(#[from] chimera_domain::ScoreOutOfRange),
    /// A text that does not say when it is quiet.
    #[error(transparent)]
    QuietHours(#[from] chimera_domain::QuietHoursError),
    /// A text that is not a trace id.
    #[error(transparent)]
    Trace(#[from] chimera_domain::TraceParseError),
    /// A document of another shape.
    #[error(transparent)]
    Document(#[from] serde_json::Error),
    /// A count below zero or beyond its type.
    #[error("{0} is not a count")]
    Count(i64),
    /// A row that another row points to is not there.
    #[error("the row it points to is missing")]
    Dangling,
}

/// Why the store could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Someone else wrote the row first.
    #[error("{entity} {id} was changed by someone else (expected {expected}, found {found}): read it again")]
    Conflict {
        /// The kind of row.
        entity: RowKind,
        /// The row.
        id: Uuid,
        /// The version that the caller had read.
        expected: StateVersion,
        /// The version that the row has now.
        found: StateVersion,
    },
    /// There is no such row for this tenant.
    #[error("there is no {entity} {id}")]
    NotFound {
        /// The kind of row.
        entity: RowKind,
        /// The row.
        id: Uuid,
    },
    /// A row of another tenant was handed in.
    #[error("{entity} {id} belongs to tenant {found}, but this store serves tenant {expected}")]
    ForeignTenant {
        /// The kind of row.
        entity: RowKind,
        /// The row.
        id: Uuid,
        /// The tenant of this store.
        expected: TenantId,
        /// The tenant of the row.
        found: TenantId,
    },
    /// The state machine forbids the move.
    #[error("task {id} can't move")]
    Illegal {
        /// The task.
        id: TaskId,
        /// The move.
        #[source]
        source: IllegalTransition,
    },
    /// A decision says one thing and its event another; nothing may be published on such a record.
    #[error("the decision on task {id} is {verdict}, which does not go with the event {event}")]
    VerdictMismatch {
        /// The task.
        id: TaskId,
        /// What was recorded.
        verdict: Verdict,
        /// What was asked for.
        event: TaskEvent,
    },
    /// A task was sent to a person without a question.
    #[error("task {id} goes to a person, so it needs a ticket of its own")]
    TicketMissing {
        /// The task.
        id: TaskId,
    },
    /// Fewer fresh ids were handed in than rows must be made.
    #[error("{given} fresh ids are too few for {wanted} tasks: hand in one per task")]
    TooFewIds {
        /// Ids handed in.
        given: usize,
        /// Tasks handed in.
        wanted: usize,
    },
    /// A stored value no longer means anything.
    #[error("{entity} {id} can't be read: its {column} is damaged; restore it from a backup")]
    Corrupt {
        /// The kind of row.
        entity: RowKind,
        /// The row.
        id: Uuid,
        /// The column.
        column: &'static str,
        /// What is wrong with it.
        #[source]
        source: BadValue,
    },
    /// The connection string names no database that we know, or can't be read; it is not repeated, for it may hold a
    /// password.
    #[error(
        "the database URL can't be read: it looks like sqlite:///var/lib/chimera/chimera.db?mode=rwc or \
         postgres://user:password@host:5432/database"
    )]
    UnknownUrl,
    /// The database can't be reached or opened.
    #[error("{}", why.told(place))]
    Unavailable {
        /// Where it should be, without secrets.
        place: String,
        /// Why.
        why: Unreachable,
        /// What the driver says.
        #[source]
        source: DbErr,
    },
    /// The SQLite file is no database, or broken inside.
    #[error("the database file is damaged: restore a copy of it, or use another --data-dir")]
    DamagedFile {
        /// What the driver says.
        #[source]
        source: DbErr,
    },
    /// The disk is full.
    #[error("the database's disk is full: free some space, then try again; nothing was written")]
    DiskFull {
        /// What the driver says.
        #[source]
        source: DbErr,
    },
    /// The database refuses writes.
    #[error("the database can't be written: check the permissions of its file and folder, or that it is not a replica")]
    ReadOnly {
        /// What the driver says.
        #[source]
        source: DbErr,
    },
    /// Someone else holds the database or the row for too long, or two writers met; it may be tried again.
    #[error("the database is busy: another process holds it; try again")]
    Busy {
        /// What the driver says.
        #[source]
        source: DbErr,
    },
    /// The database is there, but every connection that this process may have was in use for too long.
    #[error(
        "every connection of this process to the database was in use, for longer than `database.acquire_timeout_ms`: try \
         again, or raise `database.connections_max`"
    )]
    AllInUse {
        /// What the driver says.
        #[source]
        source: DbErr,
    },
    /// A statement took longer than it may. The database gave it up, and nothing of its transaction was written.
    #[error("the database took too long over a statement: try again, or raise database.statement_timeout_ms")]
    TimedOut {
        /// What the driver says.
        #[source]
        source: DbErr,
    },
    /// The database has migrations that this program does not know.
    #[error(
        "the database was made by a newer version of the program (it has {}, which this one does not know): use that \
         version, or restore a backup from before into another database",
        unknown.join(", ")
    )]
    NewerSchema {
        /// Those that it does not know.
        unknown: Vec<String>,
    },
    /// A migration failed.
    #[error("the database's schema can't be brought to this version of the program")]
    Schema {
        /// What the driver says.
        #[source]
        source: DbErr,
    },
    /// Any other refusal by the database.
    #[error("the database refused a statement")]
    Database {
        /// What the driver says.
        #[source]
        source: DbErr,
    },
}

impl StoreError {
    /// Whether the same call may succeed a moment later.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        matches!(self, Self::Busy { .. } | Self::AllInUse { .. } | Self::TimedOut { .. } | Self::Unavailable { .. })
    }
}

impl From<DbErr> for StoreError {
    fn from(source: DbErr) -> Self {
        match reach::tagged(&source) {
            Some((place, why, source)) => Self::Unavailable { place, why, source },
            None => weigh(&source).into_error(source),
        }
    }
}
