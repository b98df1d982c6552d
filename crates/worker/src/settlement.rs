//! What is written down about the end of a publish call: the outcome, the question for a person, the alert.

use chimera_domain::{Alert, AlertKind, Ambient, HitlTicket, Question, Score, Severity, ToolCall};
use chimera_store::{PublishCase, PublishOutcome, Settlement};
use chimera_telemetry::STAGE_DURATION;

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
        PublishOutcome::Confirmed { .. } | PublishOutcome::Absent { .. } | PublishOutcome::Withheld { .. } => {
            (None, None)
        }
    };
    if matches!(outcome, PublishOutcome::Confirmed { .. }) {
        took(case, ambient);
    }
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

/// Notes how long a post took that is out now.
fn took(case: &PublishCase, ambient: &dyn Ambient) {
    let now = ambient.now();
    let task = &case.task;
    let (trace_id, task_id, agent_id, channel) = (task.trace_id, task.id, task.agent_id, task.channel);
    tracing::info!(%trace_id, %task_id, %agent_id, %channel, attempts = case.publication.attempts, "published");
    let since = [("published", case.approved_at), ("whole", Some(case.task.created_at))];
    for (stage, since) in since {
        if let Some(since) = since {
            STAGE_DURATION.observe_for(stage, (now - since).to_std().unwrap_or_default());
        }
    }
}

fn ticket(case: &PublishCase, error: &str, ambient: &dyn Ambient) -> HitlTicket {
    let text = format!("Is this post out? {error}. Look at the account, then confirm it or have it published again.");
    HitlTicket::ask(Question::IsItOut, &case.task, &case.artifact, Score::ZERO, vec![], text, ambient)
}

fn alert(case: &PublishCase, kind: AlertKind, reason: &str, message: &str, ambient: &dyn Ambient) -> Alert {
    let task = &case.task;
    Alert::new(task.tenant_id, kind, Severity::Critical, task.id.to_string(), reason, message, ambient)
        .in_trace(task.trace_id)
}
