//! What judges do, in their posts' traces.

use chimera_store::ReviewCase;
use chimera_telemetry::{
    KeyValue, Span, SpanKind, Under,
    conventions::{CAMPAIGN, CHANNEL, CONFIDENCE, GEN_AI_AGENT, RAW_CONFIDENCE, TASK, TASK_TYPE, VERDICT},
};

use crate::Assessment;

/// The judging of a case.
pub(crate) fn of_case(case: &ReviewCase) -> Span {
    let task = &case.task;
    Span::begin(Under::Post(task.trace_id), SpanKind::Internal, "judge", || {
        vec![
            KeyValue::new(TASK, task.id.to_string()),
            KeyValue::new(TASK_TYPE, task.task_type.as_str()),
            KeyValue::new(GEN_AI_AGENT, task.agent_id.to_string()),
            KeyValue::new(CAMPAIGN, case.campaign.slug.clone()),
            KeyValue::new(CHANNEL, task.channel.as_str()),
        ]
    })
}

/// What the judge says.
pub(crate) fn judged(span: &Span, assessment: &Assessment) {
    span.note(|| {
        vec![
            KeyValue::new(VERDICT, assessment.route.verdict.as_str()),
            KeyValue::new(CONFIDENCE, assessment.confidence.get()),
            KeyValue::new(RAW_CONFIDENCE, assessment.raw_confidence.get()),
        ]
    });
}
