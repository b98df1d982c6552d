//! From an assessment to a ruling: the decision, the move, the ticket, the next attempt. Pure but for fresh ids.

use chimera_domain::{
    AgentTask, Ambient, DecisionId, HitlTicket, JudgeDecision, NextAction, Question, StateVersion, TaskEvent, TaskId,
    TaskState, TaskType, TicketId, Verdict, policy::RouteReason,
};
use chimera_store::{ReviewCase, Ruling};

use crate::Assessment;

/// Turns an assessment into what the store is to commit.
#[must_use]
pub fn rule(case: &ReviewCase, assessment: Assessment, replans_max: u32, ambient: &dyn Ambient) -> Ruling {
    let task = &case.task;
    let now = ambient.now();
    let again = assessment.route.verdict == Verdict::Reject
        && assessment.route.reason == RouteReason::LowConfidence
        && task.task_type.is_publishable()
        && task.payload.replans < replans_max;
    let (event, next_action) = match assessment.route.verdict {
        Verdict::Approve => (TaskEvent::Approve, NextAction::Publish),
        Verdict::HitlQueue => (TaskEvent::AskHuman, NextAction::WaitHitl),
        Verdict::Reject if again => (TaskEvent::Reject, NextAction::Replan),
        Verdict::Reject => (TaskEvent::Reject, NextAction::Stop),
    };
    let ticket = (event == TaskEvent::AskHuman).then(|| HitlTicket {
        id: TicketId::generate(ambient),
        tenant_id: task.tenant_id,
        trace_id: task.trace_id,
        task_id: task.id,
        artifact_id: case.artifact.id,
        artifact_hash: case.artifact.content_hash.clone(),
        question: Question::MayPublish,
        confidence: assessment.confidence,
        sensitive_topics: assessment.topics.clone(),
        reasoning_trace: assessment.reasoning.clone(),
        assigned_to: None,
        sla_expires_at: now + HitlTicket::SLA,
        resolution: None,
        resolved_by: None,
        resolution_note: None,
        resolved_at: None,
        state_version: StateVersion::FIRST,
        created_at: now,
    });
    let replan = if again { next_attempt(case, &assessment.reasoning, ambient) } else { vec![] };
    let decision = JudgeDecision {
        id: DecisionId::generate(ambient),
        tenant_id: task.tenant_id,
        trace_id: task.trace_id,
        task_id: task.id,
        artifact_id: Some(case.artifact.id),
        verdict: assessment.route.verdict,
        confidence: assessment.confidence,
        breakdown: assessment.breakdown,
        persona_score: assessment.persona_score,
        safety_flags: assessment.safety_flags,
        sensitive_topics: assessment.topics,
        reasoning_trace: assessment.reasoning,
        decided_by: "judge".to_owned(),
        next_action,
        state_version_seen: task.state_version,
        logged_at: now,
    };
    Ruling { decision, task_version: task.state_version, event, ticket, replan }
}

/// New words and a new post, told why the last ones were rejected; pictures and video are kept.
fn next_attempt(case: &ReviewCase, reasoning: &str, ambient: &dyn Ambient) -> Vec<AgentTask> {
    let kept: Vec<TaskId> = case.inputs.iter().filter(|i| !i.media.is_empty()).map(|i| i.task_id).collect();
    let words = renewed(&case.task, TaskType::GenerateText, vec![], reasoning, ambient);
    let parts = std::iter::once(words.id).chain(kept).collect();
    let post = renewed(&case.task, case.task.task_type, parts, reasoning, ambient);
    vec![words, post]
}

fn renewed(
    task: &AgentTask,
    task_type: TaskType,
    depends_on: Vec<TaskId>,
    reasoning: &str,
    ambient: &dyn Ambient,
) -> AgentTask {
    let now = ambient.now();
    let mut payload = task.payload.clone();
    payload.correction = Some(reasoning.to_owned());
    payload.replans += 1;
    AgentTask {
        id: TaskId::generate(ambient),
        task_type,
        state: if depends_on.is_empty() { TaskState::Ready } else { TaskState::Pending },
        depends_on,
        payload,
        state_version: StateVersion::FIRST,
        attempts: 0,
        lease_owner: None,
        last_error: None,
        result_artifact: None,
        hitl_ticket_id: None,
        created_at: now,
        updated_at: now,
        ..task.clone()
    }
}
