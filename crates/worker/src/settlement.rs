//! What is written down about the end of a publish call: the outcome, the question for a person, the alert.

use chimera_domain::{
    Alert, AlertId, AlertKind, Ambient, HitlTicket, Question, Score, Severity, StateVersion, TicketId, ToolCall,
};
use chimera_store::{PublishCase, PublishOutcome, Settlement};

/// The settlement of a case.
pub(crate) fn settlement(
    case: &PublishCase,
    outcome: PublishOutcome,
    tool_calls: Vec<ToolCall>,
    ambient: &dyn Ambient,
) -> Settlement {
    let (ticket, alert) = match &outcome {
        PublishOutcome::Unknown { error } => (
            Some(ticket(case, error, ambient)),
            Some(alert(case, AlertKind::PublishUnknown, "outcome_unknown", error, ambient)),
        ),
        PublishOutcome::Refused { error } => {
            (None, Some(alert(case, AlertKind::DeadLetter, "publish_refused", error, ambient)))
        }
        PublishOutcome::Confirmed { .. } | PublishOutcome::Absent { .. } => (None, None),
    };
    Settlement {
        task_id: case.task.id,
        task_version: case.task.state_version,
        publication_id: case.publication.id,
        publication_version: case.publication.state_version,
        outcome,
        tool_calls,
        ticket,
        alert,
    }
}

fn ticket(case: &PublishCase, error: &str, ambient: &dyn Ambient) -> HitlTicket {
    let now = ambient.now();
    HitlTicket {
        id: TicketId::generate(ambient),
        tenant_id: case.task.tenant_id,
        trace_id: case.task.trace_id,
        task_id: case.task.id,
        artifact_id: case.artifact.id,
        artifact_hash: case.artifact.content_hash.clone(),
        question: Question::IsItOut,
        confidence: Score::ZERO,
        sensitive_topics: vec![],
        reasoning_trace: format!(
            "Is this post out? {error}. Look at the account, then confirm it or have it published again."
        ),
        assigned_to: None,
        sla_expires_at: now + HitlTicket::SLA,
        resolution: None,
        resolved_by: None,
        resolution_note: None,
        resolved_at: None,
        state_version: StateVersion::FIRST,
        created_at: now,
    }
}

fn alert(case: &PublishCase, kind: AlertKind, reason: &str, message: &str, ambient: &dyn Ambient) -> Alert {
    Alert {
        id: AlertId::generate(ambient),
        tenant_id: case.task.tenant_id,
        trace_id: Some(case.task.trace_id),
        kind,
        severity: Severity::Critical,
        subject: case.task.id.to_string(),
        reason_code: reason.to_owned(),
        message: message.to_owned(),
        acknowledged_by: None,
        created_at: ambient.now(),
    }
}
