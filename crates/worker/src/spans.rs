//! What workers and publishers do, in their posts' traces.

use chimera_domain::AgentTask;
use chimera_store::{PublishCase, PublishOutcome};
use chimera_telemetry::{
    KeyValue, Span, SpanKind, Under,
    conventions::{ATTEMPTS, CAMPAIGN, CHANNEL, GEN_AI_AGENT, OUTCOME, TASK, TASK_TYPE},
};

/// A worker's work at a task.
pub(crate) fn of_task(task: &AgentTask) -> Span {
    Span::begin(Under::Post(task.trace_id), SpanKind::Internal, task.task_type.as_str(), || about(task))
}

/// A publisher's work at a post.
pub(crate) fn of_publication(case: &PublishCase) -> Span {
    Span::begin(Under::Post(case.task.trace_id), SpanKind::Internal, "publish", || {
        let mut attributes = about(&case.task);
        attributes.push(KeyValue::new(CAMPAIGN, case.campaign.slug.clone()));
        attributes
    })
}

/// What came of a publication.
pub(crate) fn settled(span: &Span, outcome: &PublishOutcome) {
    let (name, error) = match outcome {
        PublishOutcome::Confirmed { .. } => ("published", None),
        PublishOutcome::Withheld { .. } => ("withheld", None),
        PublishOutcome::Absent { error, .. } => ("absent", Some(error)),
        PublishOutcome::Refused { error } => ("refused", Some(error)),
        PublishOutcome::Unknown { error } => ("unknown", Some(error)),
    };
    span.note(|| vec![KeyValue::new(OUTCOME, name)]);
    if let (Some(error), true) = (error, span.is_on()) {
        span.fail(name, error.clone());
    }
}

fn about(task: &AgentTask) -> Vec<KeyValue> {
    vec![
        KeyValue::new(TASK, task.id.to_string()),
        KeyValue::new(TASK_TYPE, task.task_type.as_str()),
        KeyValue::new(GEN_AI_AGENT, task.agent_id.to_string()),
        KeyValue::new(CHANNEL, task.channel.as_str()),
        KeyValue::new(ATTEMPTS, i64::from(task.attempts)),
    ]
}
