//! What can go wrong between the domain and the database.

use std::fmt;

use chrono::{DateTime, Utc};
use sea_orm::{ConnAcquireErr, DbErr, RuntimeErr, SqlxError};
use uuid::Uuid;

use chimera_domain::{
    AgentId, CampaignId, CampaignStatus, IllegalTransition, Outdated, Question, Resolution, StateVersion, TaskEvent,
    TaskId, TaskState, TenantId, TicketId, Verdict,
};

use crate::reach::{self, Unreachable};

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
}

impl fmt::Display for RowKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Agent => "agent",
            Self::Campaign => "campaign",
            Self::Cursor => "resource cursor",
            Self::Signal => "signal",
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

enum Trouble {
    Away(Unreachable),
    AllInUse,
    Damaged,
    Full,
    ReadOnly,
    Busy,
    Slow,
    Other,
}

impl Trouble {
    fn into_error(self, source: DbErr) -> StoreError {
        match self {
            Self::Away(why) => StoreError::Unavailable { place: "the database".to_owned(), why, source },
            Self::AllInUse => StoreError::AllInUse { source },
            Self::Damaged => StoreError::DamagedFile { source },
            Self::Full => StoreError::DiskFull { source },
            Self::ReadOnly => StoreError::ReadOnly { source },
            Self::Busy => StoreError::Busy { source },
            Self::Slow => StoreError::TimedOut { source },
            Self::Other => StoreError::Database { source },
        }
    }
}

fn weigh(error: &DbErr) -> Trouble {
    match error {
        DbErr::ConnectionAcquire(ConnAcquireErr::Timeout) => Trouble::AllInUse,
        DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed) => Trouble::Away(Unreachable::Closed),
        DbErr::Conn(RuntimeErr::SqlxError(e)) => match weigh_sqlx(e) {
            Trouble::Other => Trouble::Away(Unreachable::Other),
            known => known,
        },
        DbErr::Conn(_) => Trouble::Away(Unreachable::Other),
        DbErr::Exec(RuntimeErr::SqlxError(e)) | DbErr::Query(RuntimeErr::SqlxError(e)) => weigh_sqlx(e),
        _ => Trouble::Other,
    }
}

fn weigh_sqlx(error: &SqlxError) -> Trouble {
    match (Unreachable::of(error), error) {
        (Some(why), _) => Trouble::Away(why),
        (None, SqlxError::PoolTimedOut) => Trouble::AllInUse,
        (None, SqlxError::Database(e)) => e.code().map_or(Trouble::Other, |code| weigh_code(&code)),
        (None, _) => Trouble::Other,
    }
}

/// SQLite gives decimal (extended) result codes, whose low byte is the primary code
/// (<https://www.sqlite.org/rescode.html>); PostgreSQL gives five-character SQLSTATEs.
fn weigh_code(code: &str) -> Trouble {
    if let Some(why) = Unreachable::of_code(code) {
        return Trouble::Away(why);
    }
    if code.len() < 5
        && let Ok(number) = code.parse::<u32>()
    {
        return match number & 0xff {
            5 | 6 => Trouble::Busy,
            8 => Trouble::ReadOnly,
            11 | 26 => Trouble::Damaged,
            13 => Trouble::Full,
            _ => Trouble::Other,
        };
    }
    match code {
        "53100" => Trouble::Full,
        "25006" | "42501" => Trouble::ReadOnly,
        // Serialisation failure, deadlock, lock not available.
        "40001" | "40P01" | "55P03" => Trouble::Busy,
        // Cancelled by the statement timeout.
        "57014" => Trouble::Slow,
        _ => Trouble::Other,
    }
}

/// Why a plan was not committed. Nothing of it was written.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The campaign was changed, paused or ended since it was read.
    #[error("campaign {id} moved (expected {expected} ACTIVE, found {found} {status}): read it again")]
    CampaignMoved {
        /// The campaign.
        id: CampaignId,
        /// The version that the plan was made on.
        expected: StateVersion,
        /// The version it has now.
        found: StateVersion,
        /// The status it has now.
        status: CampaignStatus,
    },
    /// SOUL.md was edited since the agent was read.
    #[error("the SOUL.md of agent {agent_id} moved (planned under {planned}, in force is {present}): read it again")]
    PersonaMoved {
        /// The agent.
        agent_id: AgentId,
        /// The hash of the SOUL.md that was planned under.
        planned: String,
        /// The hash of the one in force.
        present: String,
    },
    /// Someone else has already recorded some of these signals, or planned the same story.
    #[error("{} of the signals are recorded already: drop them and plan the rest", event_keys.len())]
    AlreadyPlanned {
        /// The event keys of those signals.
        event_keys: Vec<String>,
    },
    /// Together with what others planned meanwhile, the plan would break the governor's cap.
    #[error("agent {agent_id} has reached its cap ({reason_code}) meanwhile: read its use again")]
    OverCap {
        /// The agent.
        agent_id: AgentId,
        /// `hourly_task_cap` or `daily_spend_cap`.
        reason_code: &'static str,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<DbErr> for PlanError {
    fn from(source: DbErr) -> Self {
        Self::Store(source.into())
    }
}

/// Why an answer to a ticket did not count. Nothing of it was written.
#[derive(Debug, thiserror::Error)]
pub enum TicketError {
    /// Someone else was first.
    #[error("ticket {id} was already resolved as {resolution} by {by} at {at}")]
    AlreadyResolved {
        /// The ticket.
        id: TicketId,
        /// Who.
        by: String,
        /// When.
        at: DateTime<Utc>,
        /// How.
        resolution: Resolution,
    },
    /// The ticket was changed since it was read.
    #[error("ticket {id} was changed since you read it (expected {expected}, found {found}): look again")]
    Stale {
        /// The ticket.
        id: TicketId,
        /// The version that the answer was given on.
        expected: StateVersion,
        /// The version it has now.
        found: StateVersion,
    },
    /// The answer is about something other than what the ticket asks about.
    #[error("the answer to ticket {id} is about artifact hash {found}, but the ticket asks about {expected}")]
    WrongArtifact {
        /// The ticket.
        id: TicketId,
        /// The hash that the ticket asks about.
        expected: String,
        /// The hash that the answer is about.
        found: String,
    },
    /// The answer is none to what the ticket asks.
    #[error("ticket {id} asks {question}, which can't be answered with {resolution}")]
    WrongAnswer {
        /// The ticket.
        id: TicketId,
        /// What it asks.
        question: Question,
        /// The answer.
        resolution: Resolution,
    },
    /// What the post was planned on has moved since; the judges withdraw it, or plan it anew.
    #[error("ticket {id} lapses, its post can't be approved any more: {why}")]
    Outdated {
        /// The ticket.
        id: TicketId,
        /// What has moved.
        why: Outdated,
    },
    /// The task no longer waits for this ticket.
    #[error("ticket {id} lapsed: its task is {state}")]
    TaskMoved {
        /// The ticket.
        id: TicketId,
        /// Where the task stands.
        state: TaskState,
    },
    /// There is no such ticket.
    #[error("there is no ticket {id}")]
    NotFound {
        /// The ticket.
        id: TicketId,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<DbErr> for TicketError {
    fn from(source: DbErr) -> Self {
        Self::Store(source.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn driver_codes_become_words_an_operator_can_act_on() {
        for (code, wanted) in [("13", "full"), ("1544", "written"), ("517", "busy"), ("14", "opened"), ("1", "refused")]
        {
            assert!(text(code).contains(wanted), "{code}: {}", text(code));
        }
        for code in ["11", "26", "267", "779"] {
            assert!(text(code).contains("--data-dir"), "{code}: {}", text(code));
        }
        for (code, wanted) in [
            ("53100", "full"),
            ("25006", "written"),
            ("40P01", "busy"),
            ("57P03", "starting"),
            ("57014", "too long"),
            ("25P03", "cut"),
        ] {
            assert!(text(code).contains(wanted), "{code}: {}", text(code));
        }
    }

    fn text(code: &str) -> String {
        weigh_code(code).into_error(DbErr::Custom(code.to_owned())).to_string()
    }
}
