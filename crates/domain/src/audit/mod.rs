//! The audit log: what was decided and done, by whom, each entry chained to the one before it by its hash.
//!
//! An entry's hash covers its number, the hash of the entry before, and everything it says ([`canonical`] has the
//! layout); the first one follows on 64 zeros. So nothing can be changed, taken out, put in or moved without every later
//! hash changing too; and the head, kept apart, tells when the tail was cut. Who rewrites the whole chain with its head
//! is found by a head that was noted elsewhere.
//!
//! Where an entry speaks of a row that is never changed after, it holds that row's digest, so the row is covered too.

mod canonical;
mod digest;
mod verify;

pub use verify::{AuditFinding, ChainVerifier, FindingKind, NotedHead, NotedHeadParseError};

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{StateVersion, TenantId, TraceId, hash::hex, one_line, wire::wire_enum};
use canonical::Canonical;

/// The longest name of an actor, in characters.
const ACTOR_CHARS_MAX: usize = 120;
/// The longest value of a detail, in characters.
const DETAIL_CHARS_MAX: usize = 300;

wire_enum! {
    /// What was done.
    pub enum AuditAction ("audit action") {
        /// A judge or a person decided on a result. The digest is the decision's.
        Decided = "decided",
        /// A person answered a question. The digest is the answer's.
        TicketAnswered = "ticket_answered",
        /// A question lapsed with its task. The digest is the answer's.
        TicketWithdrawn = "ticket_withdrawn",
        /// A decision or an answer that was there before the log began. The digest is its.
        Adopted = "adopted",
        /// A task was cancelled because its campaign ended, or what it was planned on has moved.
        TaskCancelled = "task_cancelled",
        /// An operator changed a task of a plan that has not started.
        DraftEdited = "draft_edited",
        /// An operator started a plan: its tasks may be worked on.
        DraftStarted = "draft_started",
        /// A plan was dropped before it started.
        DraftDropped = "draft_dropped",
        /// A dead letter was put back to work.
        TaskRetried = "task_retried",
        /// A task that was cancelled with a dead letter waits for it again.
        TaskRevived = "task_revived",
        /// An agent came in, or changed.
        AgentSaved = "agent_saved",
        /// A campaign came in, or changed.
        CampaignSaved = "campaign_saved",
        /// A campaign was paused, resumed or ended.
        CampaignStatusSet = "campaign_status_set",
        /// From now on a campaign's scores mean what another map says.
        CampaignCalibrated = "campaign_calibrated",
        /// A question was taken in hand, handed to somebody, or laid down.
        TicketAssigned = "ticket_assigned",
        /// From now on the judge's confidence means what another map says.
        JudgeCalibrated = "judge_calibrated",
        /// A person said whether a signal is relevant.
        SignalMarked = "signal_marked",
        /// A post is about to go out; written before the call.
        PublishBegun = "publish_begun",
        /// A post left behind by a dead publisher is looked into.
        PublishTakenOver = "publish_taken_over",
        /// A post is out.
        PublishConfirmed = "publish_confirmed",
        /// A post is not out, and is tried again.
        PublishAbsent = "publish_absent",
        /// The platform refused a post for good.
        PublishRefused = "publish_refused",
        /// Nobody can tell whether a post is out; a person is asked.
        PublishUnknown = "publish_unknown",
        /// A person has seen an alert.
        AlertAcknowledged = "alert_acknowledged",
        /// The schema was brought up to date.
        SchemaMigrated = "schema_migrated",
        /// Schema changes were undone.
        SchemaRolledBack = "schema_rolled_back",
        /// The database was filled from a backup.
        DatabaseRestored = "database_restored",
        /// Old rows that nobody needs any more were deleted.
        RowsPruned = "rows_pruned",
        /// A link or a token was made that lets somebody into the console.
        AccessGranted = "access_granted",
        /// Somebody signed in with a link, which is used up by that.
        SignedIn = "signed_in",
        /// Somebody signed out, or a token was revoked.
        AccessEnded = "access_ended",
    }
}

wire_enum! {
    /// A kind of row that an entry can be about.
    pub enum AuditSubject ("audit subject") {
        /// An agent.
        Agent = "agent",
        /// A campaign.
        Campaign = "campaign",
        /// A signal.
        Signal = "signal",
        /// A task.
        Task = "task",
        /// A judge's or a person's decision.
        Decision = "decision",
        /// A question put before a person.
        Ticket = "ticket",
        /// An entry of the publish ledger.
        Publication = "publication",
        /// An alert.
        Alert = "alert",
        /// The database as a whole; its id is the tenant's.
        Database = "database",
        /// A link, a session or a token.
        Credential = "credential",
        /// A map of the judge's confidence; its id is its campaign's, or the tenant's for everybody's.
        Calibration = "calibration",
    }
}

/// Who acts: a role of the fleet, or a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Actor(String);

impl Actor {
    /// The program itself, where no role and nobody in particular acts.
    #[must_use]
    pub fn system() -> Self {
        Self("system".to_owned())
    }

    /// The sweeper.
    #[must_use]
    pub fn sweeper() -> Self {
        Self("sweeper".to_owned())
    }

    /// The publisher of this name.
    #[must_use]
    pub fn publisher(name: &str) -> Self {
        Self::named("publisher", name)
    }

    /// The person who runs the fleet, by a command.
    #[must_use]
    pub fn operator(name: &str) -> Self {
        Self::named("operator", name)
    }

    /// The person who answers a question.
    #[must_use]
    pub fn human(name: &str) -> Self {
        Self::named("human", name)
    }

    /// Whoever a row names as the one who decided: `judge`, or `human:` and a name.
    #[must_use]
    pub fn recorded(decided_by: &str) -> Self {
        Self(one_line(decided_by, ACTOR_CHARS_MAX))
    }

    /// `judge`, `human:mara`, `publisher:host-1`, ...
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn named(role: &str, name: &str) -> Self {
        Self(one_line(&format!("{role}:{name}"), ACTOR_CHARS_MAX))
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// What is to be logged; becomes an [`AuditEntry`] by taking its place in the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRecord {
    at: DateTime<Utc>,
    actor: Actor,
    action: AuditAction,
    subject: AuditSubject,
    subject_id: Uuid,
    versions: (Option<StateVersion>, Option<StateVersion>),
    trace_id: Option<TraceId>,
    details: Vec<(&'static str, String)>,
    subject_digest: Option<String>,
}

impl AuditRecord {
    /// `actor` did this to that row.
    #[must_use]
    pub const fn new(
        at: DateTime<Utc>,
        actor: Actor,
        action: AuditAction,
        subject: AuditSubject,
        subject_id: Uuid,
    ) -> Self {
        Self {
            at,
            actor,
            action,
            subject,
            subject_id,
            versions: (None, None),
            trace_id: None,
            details: Vec::new(),
            subject_digest: None,
        }
    }

    /// The row's version before and after; for a decision, that of the task it moved.
    #[must_use]
    pub fn versions(self, before: impl Into<Option<StateVersion>>, after: impl Into<Option<StateVersion>>) -> Self {
        Self { versions: (before.into(), after.into()), ..self }
    }

    /// The post that it is about.
    #[must_use]
    pub fn trace(self, trace_id: impl Into<Option<TraceId>>) -> Self {
        Self { trace_id: trace_id.into(), ..self }
    }

    /// A detail, by its name; shown on one line and cut to 300 characters.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        self.details.push((name, one_line(&value.to_string(), DETAIL_CHARS_MAX)));
        self
    }

    /// A detail that may be absent.
    #[must_use]
    pub fn with_some(self, name: &'static str, value: Option<impl fmt::Display>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// The digest of the row, which never changes from now on.
    #[must_use]
    pub fn digest(self, digest: String) -> Self {
        Self { subject_digest: Some(digest), ..self }
    }

    /// The details as one JSON object on one line, in the order in which they were given.
    fn details_json(&self) -> String {
        let details = self.details.iter().map(|(name, value)| ((*name).to_owned(), value.as_str().into()));
        serde_json::Value::Object(details.collect()).to_string()
    }
}

/// One entry as it lies in the table. Plain texts and numbers: one that was tampered with must still be readable, so
/// that it can be named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Whose row this is.
    pub tenant_id: TenantId,
    /// Its place in the tenant's chain, from 1, without gaps.
    pub seq: i64,
    /// When, to the microsecond.
    pub at: DateTime<Utc>,
    /// Who: see [`Actor`].
    pub actor: String,
    /// What was done: see [`AuditAction`].
    pub action: String,
    /// To what kind of row: see [`AuditSubject`].
    pub subject_kind: String,
    /// To which row.
    pub subject_id: Uuid,
    /// The row's version before, if it has versions and was there.
    pub version_before: Option<i64>,
    /// The row's version after.
    pub version_after: Option<i64>,
    /// The post it is about.
    pub trace_id: Option<String>,
    /// More about it: one JSON object of texts, on one line, kept to the byte.
    pub details: String,
    /// SHA-256 of the row's content, where that never changes after.
    pub subject_digest: Option<String>,
    /// The hash of the entry before.
    pub prev_hash: String,
    /// The hash of this one.
    pub hash: String,
}

impl AuditEntry {
    /// The hash of everything that the entry says, wherever it stands.
    fn content(&self) -> [u8; 32] {
        Canonical::new("chimera.audit.v1")
            .id(self.tenant_id.as_uuid())
            .time(self.at)
            .text(&self.actor)
            .text(&self.action)
            .text(&self.subject_kind)
            .id(self.subject_id)
            .optional(self.version_before, Canonical::int)
            .optional(self.version_after, Canonical::int)
            .optional(self.trace_id.as_deref(), Canonical::text)
            .text(&self.details)
            .optional(self.subject_digest.as_deref(), Canonical::text)
            .finish()
    }

    /// The hash that the entry would have at this place.
    fn hash_at(&self, seq: i64, content: &[u8; 32]) -> [u8; 32] {
        Canonical::new("chimera.audit.link.v1").int(seq).text(&self.prev_hash).bytes(content).finish()
    }

    /// The head of a chain that ends with this entry.
    #[must_use]
    pub fn head(&self) -> AuditHead {
        AuditHead { seq: self.seq, hash: self.hash.clone() }
    }
}

/// Where a chain ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditHead {
    /// The number of the last entry; 0 when there is none.
    pub seq: i64,
    /// Its hash; 64 zeros when there is none.
    pub hash: String,
}

impl AuditHead {
    /// Before the first entry.
    #[must_use]
    pub fn start() -> Self {
        Self { seq: 0, hash: "0".repeat(64) }
    }

    /// The entry that follows, and moves the head to it.
    #[must_use]
    pub fn append(&mut self, tenant_id: TenantId, record: &AuditRecord) -> AuditEntry {
        let (before, after) = record.versions;
        let mut entry = AuditEntry {
            tenant_id,
            seq: self.seq.saturating_add(1),
            at: chrono::SubsecRound::trunc_subsecs(record.at, 6),
            actor: record.actor.to_string(),
            action: record.action.to_string(),
            subject_kind: record.subject.to_string(),
            subject_id: record.subject_id,
            version_before: before.map(StateVersion::get),
            version_after: after.map(StateVersion::get),
            trace_id: record.trace_id.map(|id| id.to_string()),
            details: record.details_json(),
            subject_digest: record.subject_digest.clone(),
            prev_hash: self.hash.clone(),
            hash: String::new(),
        };
        entry.hash = hex(&entry.hash_at(entry.seq, &entry.content()));
        *self = entry.head();
        entry
    }
}

impl fmt::Display for AuditHead {
    /// `17:` and the hash, as [`NotedHead`] reads it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, self.hash)
    }
}

#[cfg(test)]
mod tests;
