//! What is logged about what: one function for each kind of act.

use chrono::{DateTime, Utc};

use chimera_domain::{
    Actor, AuditAction, AuditRecord, AuditSubject, Calibration, Credential, CredentialId, HitlTicket, JudgeDecision,
    Resolution, StateVersion, TaskEvent, TaskState, TenantId, TrendSignal, error_chain,
};

use crate::{
    Prunable, PublishCase, PublishOutcome, Settlement,
    backup::Manifest,
    codec::Mapped,
    entity::{agents, alerts, calibrations, campaigns, signal_marks, tasks, tickets},
};

/// A decision that moves a task.
pub(crate) fn decided(
    task: &tasks::Model,
    to: TaskState,
    event: TaskEvent,
    decision: &JudgeDecision,
    now: DateTime<Utc>,
) -> AuditRecord {
    let actor = Actor::recorded(&decision.decided_by);
    AuditRecord::new(now, actor, AuditAction::Decided, AuditSubject::Decision, decision.id.as_uuid())
        .versions(task.version(), task.version().next())
        .trace(decision.trace_id)
        .with("verdict", decision.verdict)
        .with("confidence", decision.confidence)
        .with("task", decision.task_id)
        .with_some("artifact", decision.artifact_id)
        .with("event", event)
        .with("from", &task.state)
        .with("to", to)
        .digest(decision.digest())
}

/// A question that was closed, as its row is now.
pub(crate) fn closed(ticket: &tickets::Model, actor: Actor, now: DateTime<Utc>) -> AuditRecord {
    let withdrawn = ticket.resolution.as_deref() == Some(Resolution::Withdrawn.as_str());
    let action = if withdrawn { AuditAction::TicketWithdrawn } else { AuditAction::TicketAnswered };
    let after = StateVersion::new(ticket.state_version);
    let record = AuditRecord::new(now, actor, action, AuditSubject::Ticket, ticket.id)
        .versions(StateVersion::new(ticket.state_version - 1), after)
        .trace(ticket.trace_id.parse().ok())
        .with("question", &ticket.question)
        .with_some("resolution", ticket.resolution.as_ref())
        .with_some("note", ticket.resolution_note.as_ref())
        .with("task", ticket.task_id)
        .with("artifact_hash", &ticket.artifact_hash);
    // A damaged question must not keep the others from being closed.
    match tickets::Entity::read(ticket.clone()).map(|ticket| ticket.answer_digest()) {
        Ok(Some(digest)) => record.digest(digest),
        Ok(None) => record,
        Err(error) => record.with("unreadable", error_chain(&error)),
    }
}

/// A question that is in somebody else's hands now.
pub(crate) fn assigned(
    before: &tickets::Model,
    after: &tickets::Model,
    actor: Actor,
    now: DateTime<Utc>,
) -> AuditRecord {
    let versions = (StateVersion::new(before.state_version), StateVersion::new(after.state_version));
    AuditRecord::new(now, actor, AuditAction::TicketAssigned, AuditSubject::Ticket, after.id)
        .versions(versions.0, versions.1)
        .trace(after.trace_id.parse().ok())
        .with_some("from", before.assigned_to.as_ref())
        .with_some("to", after.assigned_to.as_ref())
}

/// A task that was cancelled with its campaign.
pub(crate) fn cancelled(task: &tasks::Model, why: &str, now: DateTime<Utc>) -> AuditRecord {
    of_task(task, Actor::sweeper(), AuditAction::TaskCancelled, now).with("to", TaskState::Cancelled).with("why", why)
}

/// What an operator did with a task that had not started.
pub(crate) fn draft(task: &tasks::Model, action: AuditAction, actor: Actor, now: DateTime<Utc>) -> AuditRecord {
    of_task(task, actor, action, now).with("signal", task.signal_id).with("channel", &task.channel)
}

/// A dead letter that was put back to work.
pub(crate) fn retried(task: &tasks::Model, to: TaskState, actor: Actor, now: DateTime<Utc>) -> AuditRecord {
    of_task(task, actor, AuditAction::TaskRetried, now)
        .with("to", to)
        .with("attempts", task.attempts)
        .with_some("last_error", task.last_error.as_ref())
}

/// A task that waits again for a dead letter.
pub(crate) fn revived(task: &tasks::Model, actor: Actor, now: DateTime<Utc>) -> AuditRecord {
    of_task(task, actor, AuditAction::TaskRevived, now).with("to", TaskState::Pending)
}

fn of_task(task: &tasks::Model, actor: Actor, action: AuditAction, now: DateTime<Utc>) -> AuditRecord {
    AuditRecord::new(now, actor, action, AuditSubject::Task, task.id)
        .versions(task.version(), task.version().next())
        .trace(task.trace_id.parse().ok())
        .with("from", &task.state)
}

/// A post that is about to go out.
pub(crate) fn publish_begun(case: &PublishCase, publisher: &str, now: DateTime<Utc>) -> AuditRecord {
    let version = case.publication.state_version;
    let before = StateVersion::new(version.get() - 1);
    of_case(case, publisher, AuditAction::PublishBegun, now)
        .versions((version > StateVersion::FIRST).then_some(before), version)
        .with("artifact", case.artifact.id)
        .with("artifact_hash", &case.artifact.content_hash)
        .with("channel", case.publication.channel)
        .with("attempt", case.publication.attempts)
}

/// A post that another publisher left behind.
pub(crate) fn publish_taken_over(case: &PublishCase, publisher: &str, from: &str, now: DateTime<Utc>) -> AuditRecord {
    let version = case.publication.state_version;
    of_case(case, publisher, AuditAction::PublishTakenOver, now).versions(version, version).with("left_by", from)
}

fn of_case(case: &PublishCase, publisher: &str, action: AuditAction, now: DateTime<Utc>) -> AuditRecord {
    let id = case.publication.id.as_uuid();
    AuditRecord::new(now, Actor::publisher(publisher), action, AuditSubject::Publication, id)
        .trace(case.publication.trace_id)
        .with("task", case.task.id)
        .with("key", &case.publication.idempotency_key)
}

/// How a publish call ended. `task` is the row as it was before.
pub(crate) fn settled(task: &tasks::Model, to: TaskState, settlement: &Settlement, now: DateTime<Utc>) -> AuditRecord {
    let action = match &settlement.outcome {
        PublishOutcome::Confirmed { .. } => AuditAction::PublishConfirmed,
        PublishOutcome::Absent { .. } | PublishOutcome::Withheld { .. } => AuditAction::PublishAbsent,
        PublishOutcome::Unknown { .. } => AuditAction::PublishUnknown,
        PublishOutcome::Refused { .. } => AuditAction::PublishRefused,
    };
    let actor = Actor::publisher(task.lease_owner.as_deref().unwrap_or_default());
    let before = settlement.publication_version;
    let record = AuditRecord::new(now, actor, action, AuditSubject::Publication, settlement.publication_id.as_uuid())
        .versions(before, before.next())
        .trace(task.trace_id.parse().ok())
        .with("task", settlement.task_id)
        .with("to", to);
    match &settlement.outcome {
        PublishOutcome::Confirmed { external_id, url } => {
            record.with("external_id", external_id).with_some("url", url.as_ref())
        }
        PublishOutcome::Absent { error, sure, .. } => record.with("error", error).with("sure", sure),
        PublishOutcome::Withheld { why, sure } => record.with("error", why).with("sure", sure).with("called", false),
        PublishOutcome::Refused { error } => record.with("error", error),
        PublishOutcome::Unknown { error } => {
            let ticket = settlement.ticket.as_ref().map(|ticket| ticket.id);
            record.with("error", error).with_some("ticket", ticket)
        }
    }
}

/// An alert that someone has seen, as its row was before.
pub(crate) fn alert_acknowledged(alert: &alerts::Model, actor: Actor, now: DateTime<Utc>) -> AuditRecord {
    let before = StateVersion::new(alert.state_version);
    AuditRecord::new(now, actor, AuditAction::AlertAcknowledged, AuditSubject::Alert, alert.id)
        .versions(before, before.next())
        .trace(alert.trace_id.as_ref().and_then(|trace| trace.parse().ok()))
        .with("kind", &alert.kind)
        .with("subject", &alert.subject)
        .with("reason", &alert.reason_code)
}

/// An agent that came in, or changed in these columns.
pub(crate) fn agent_saved(agent: &agents::Model, actor: Actor, changed: &str, now: DateTime<Utc>) -> AuditRecord {
    saved(AuditAction::AgentSaved, (AuditSubject::Agent, agent.id), agent.state_version, actor, changed, now)
        .with("slug", &agent.persona_slug)
        .with("soul_hash", &agent.soul_hash)
        .with("soul_version", agent.soul_version)
}

/// A campaign that came in, or changed in these columns.
pub(crate) fn campaign_saved(row: &campaigns::Model, actor: Actor, changed: &str, now: DateTime<Utc>) -> AuditRecord {
    saved(AuditAction::CampaignSaved, (AuditSubject::Campaign, row.id), row.state_version, actor, changed, now)
        .with("slug", &row.slug)
        .with("goal", &row.goal)
        .with("status", &row.status)
}

/// A campaign that was paused, resumed or ended.
pub(crate) fn campaign_status_set(row: &campaigns::Model, from: &str, actor: Actor, now: DateTime<Utc>) -> AuditRecord {
    let after = StateVersion::new(row.state_version);
    AuditRecord::new(now, actor, AuditAction::CampaignStatusSet, AuditSubject::Campaign, row.id)
        .versions(StateVersion::new(row.state_version - 1), after)
        .with("slug", &row.slug)
        .with("from", from)
        .with("to", &row.status)
}

/// A link or a token that lets somebody in.
pub(crate) fn access_granted(credential: &Credential, actor: Actor) -> AuditRecord {
    of_credential(credential, actor, AuditAction::AccessGranted, credential.created_at)
        .versions(None, credential.state_version)
        .with("expires_at", credential.expires_at.to_rfc3339())
}

/// Somebody who came with a link.
pub(crate) fn signed_in(session: &Credential, link: CredentialId, now: DateTime<Utc>) -> AuditRecord {
    of_credential(session, Actor::human(&session.name), AuditAction::SignedIn, now)
        .versions(None, session.state_version)
        .with("link", link)
        .with("expires_at", session.expires_at.to_rfc3339())
}

/// A credential that lets nobody in any more, as it was before.
pub(crate) fn access_ended(credential: &Credential, actor: Actor, now: DateTime<Utc>) -> AuditRecord {
    let before = credential.state_version;
    of_credential(credential, actor, AuditAction::AccessEnded, now).versions(before, before.next())
}

fn of_credential(credential: &Credential, actor: Actor, action: AuditAction, now: DateTime<Utc>) -> AuditRecord {
    AuditRecord::new(now, actor, action, AuditSubject::Credential, credential.id.as_uuid())
        .with("kind", credential.kind)
        .with("role", credential.role)
        .with("name", &credential.name)
}

/// A campaign whose scores mean something else from now on.
pub(crate) fn campaign_calibrated(
    row: &campaigns::Model,
    calibration: Option<&Calibration>,
    actor: Actor,
    now: DateTime<Utc>,
) -> AuditRecord {
    let after = StateVersion::new(row.state_version);
    let record = AuditRecord::new(now, actor, AuditAction::CampaignCalibrated, AuditSubject::Campaign, row.id)
        .versions(StateVersion::new(row.state_version - 1), after)
        .with("slug", &row.slug);
    of_calibration(record, calibration)
}

/// What the judge's confidence means from now on, for a campaign or for everybody.
pub(crate) fn judge_calibrated(
    row: &calibrations::Model,
    calibration: Option<&Calibration>,
    actor: Actor,
    now: DateTime<Utc>,
) -> AuditRecord {
    let after = StateVersion::new(row.state_version);
    let before = (after > StateVersion::FIRST).then(|| StateVersion::new(row.state_version - 1));
    let record = AuditRecord::new(now, actor, AuditAction::JudgeCalibrated, AuditSubject::Calibration, row.id)
        .versions(before, after)
        .with_some("campaign", row.campaign_id);
    of_calibration(record, calibration)
}

fn of_calibration(record: AuditRecord, calibration: Option<&Calibration>) -> AuditRecord {
    record
        .with("method", calibration.map_or("none", |calibration| calibration.method.as_str()))
        .with_some("model", calibration.map(|calibration| &calibration.model))
        .with_some("examples", calibration.map(|calibration| calibration.examples))
        .with_some("error_before", calibration.map(|calibration| calibration.error_before))
        .with_some("error_after", calibration.map(|calibration| calibration.error_after))
}

/// A signal of which a person says whether it is relevant.
pub(crate) fn signal_marked(
    signal: &TrendSignal,
    row: &signal_marks::Model,
    actor: Actor,
    now: DateTime<Utc>,
) -> AuditRecord {
    let after = StateVersion::new(row.state_version);
    let before = (after > StateVersion::FIRST).then(|| StateVersion::new(row.state_version - 1));
    AuditRecord::new(now, actor, AuditAction::SignalMarked, AuditSubject::Signal, row.id)
        .versions(before, after)
        .trace(signal.trace_id)
        .with("mark", &row.mark)
        .with("campaign", signal.campaign_id)
        .with("relevance", signal.relevance)
        .with("outcome", signal.outcome)
        .with_some("note", row.note.as_ref())
}

/// The database was filled from this backup.
pub(crate) fn database_restored(of: &Manifest, actor: Actor, now: DateTime<Utc>) -> AuditRecord {
    let header = &of.header;
    let (whole, tenant) = (AuditSubject::Database, header.tenant.as_uuid());
    AuditRecord::new(now, actor, AuditAction::DatabaseRestored, whole, tenant)
        .with("taken_at", header.taken_at.to_rfc3339())
        .with("program", &header.program)
        .with_some("schema", header.schema.last())
        .with("rows", of.rows())
        .with("media", of.media.files)
}

/// Old rows that were deleted.
pub(crate) fn rows_pruned(
    tenant: TenantId,
    what: Prunable,
    before: DateTime<Utc>,
    rows: u64,
    actor: Actor,
    now: DateTime<Utc>,
) -> AuditRecord {
    AuditRecord::new(now, actor, AuditAction::RowsPruned, AuditSubject::Database, tenant.as_uuid())
        .with("what", what.as_str())
        .with("rows", rows)
        .with("before", before.to_rfc3339())
}

fn saved(
    action: AuditAction,
    (subject, id): (AuditSubject, uuid::Uuid),
    version: i64,
    actor: Actor,
    changed: &str,
    now: DateTime<Utc>,
) -> AuditRecord {
    let before = (!changed.is_empty()).then(|| StateVersion::new(version - 1));
    let record = AuditRecord::new(now, actor, action, subject, id).versions(before, StateVersion::new(version));
    if changed.is_empty() { record } else { record.with("changed", changed) }
}

/// A decision that was there before the log began.
pub(crate) fn decision_adopted(decision: &JudgeDecision, now: DateTime<Utc>) -> AuditRecord {
    let id = decision.id.as_uuid();
    AuditRecord::new(now, Actor::system(), AuditAction::Adopted, AuditSubject::Decision, id)
        .trace(decision.trace_id)
        .with("verdict", decision.verdict)
        .with("decided_by", &decision.decided_by)
        .with("task", decision.task_id)
        .digest(decision.digest())
}

/// An answer that was there before the log began.
pub(crate) fn answer_adopted(ticket: &HitlTicket, now: DateTime<Utc>) -> AuditRecord {
    let record =
        AuditRecord::new(now, Actor::system(), AuditAction::Adopted, AuditSubject::Ticket, ticket.id.as_uuid())
            .trace(ticket.trace_id)
            .with("question", ticket.question)
            .with_some("resolution", ticket.resolution)
            .with_some("resolved_by", ticket.resolved_by.as_ref())
            .with("task", ticket.task_id);
    match ticket.answer_digest() {
        Some(digest) => record.digest(digest),
        None => record,
    }
}
