//! What planners do, in traces. A reading and a question to the mind serve many posts at once, so each has a trace of its own;
//! when posts are planned, each post's trace begins with the part that they had in it, linked to where it was done.

use std::time::SystemTime;

use chimera_domain::{SignalOutcome, ToolCall, TraceId, TrendSignal};
use chimera_store::{HeldPlan, Plan};
use chimera_telemetry::{
    Interval, KeyValue, Span, SpanKind, Under,
    conventions::{CAMPAIGN, GEN_AI_AGENT, MCP_RESOURCE, RELEVANCE, SIGNAL},
    traces_on,
};
use chrono::{DateTime, Utc};

/// When the items of a document were read, and by which call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReadAt {
    pub(crate) began: DateTime<Utc>,
    pub(crate) ended: DateTime<Utc>,
    pub(crate) trace_id: TraceId,
}

/// How signals came to be: what their posts' traces begin with.
#[derive(Debug)]
pub(crate) struct Origin<'a> {
    pub(crate) read: ReadAt,
    /// Up to when the mind was asked; it was asked from the end of the reading on.
    pub(crate) scored: DateTime<Utc>,
    pub(crate) questions: &'a [ToolCall],
}

/// A reading of a resource, in a trace of its own.
pub(crate) fn of_reading(trace: TraceId, uri: &str) -> Span {
    Span::begin(Under::Nothing(trace), SpanKind::Internal, "read", || vec![KeyValue::new(MCP_RESOURCE, uri.to_owned())])
}

/// A question to the mind about a batch of items, in a trace of its own.
pub(crate) fn of_question(trace: TraceId, campaign: &str, items: usize) -> Span {
    Span::begin(Under::Nothing(trace), SpanKind::Internal, "score", || {
        let items = i64::try_from(items).unwrap_or(i64::MAX);
        vec![KeyValue::new(CAMPAIGN, campaign.to_owned()), KeyValue::new("chimera.items", items)]
    })
}

/// Begins the traces of the posts in a plan that was committed just now, and of those that the governor holds back.
pub(crate) fn begin_posts(plan: &Plan, campaign: &str, origin: &Origin<'_>, now: DateTime<Utc>) {
    if !traces_on() {
        return;
    }
    let asked_in: Vec<TraceId> = origin.questions.iter().map(|call| call.trace_id).collect();
    let lives = |signal: &&TrendSignal| signal.outcome.has_tasks() || signal.outcome == SignalOutcome::Deferred;
    for signal in plan.signals.iter().filter(lives) {
        let under = Under::Post(signal.trace_id);
        let read = interval(origin.read.began, origin.read.ended);
        Span::record(Under::Nothing(signal.trace_id), "post", interval(origin.read.began, now), &[], || {
            let mut attributes = about(signal);
            attributes.push(KeyValue::new(CAMPAIGN, campaign.to_owned()));
            attributes
        });
        Span::record(under, "read", read, &[origin.read.trace_id], || {
            vec![KeyValue::new(MCP_RESOURCE, signal.resource_uri.clone())]
        });
        Span::record(under, "score", interval(origin.read.ended, origin.scored), &asked_in, || {
            vec![KeyValue::new(RELEVANCE, signal.relevance.get())]
        });
        if signal.outcome.has_tasks() {
            Span::record(under, "plan", interval(origin.scored, now), &[], || about(signal));
        }
    }
}

/// Goes on with the traces of posts that were held back and are planned now.
pub(crate) fn planned_at_last(plan: &HeldPlan, now: DateTime<Utc>) {
    for signal in &plan.planned {
        let planning = interval(plan.decided_at, now);
        Span::record(Under::Post(signal.trace_id), "plan", planning, &[], || about(signal));
    }
}

fn about(signal: &TrendSignal) -> Vec<KeyValue> {
    vec![KeyValue::new(SIGNAL, signal.id.to_string()), KeyValue::new(GEN_AI_AGENT, signal.agent_id.to_string())]
}

fn interval(began: DateTime<Utc>, ended: DateTime<Utc>) -> Interval {
    Interval { began: SystemTime::from(began), ended: SystemTime::from(ended.max(began)) }
}
