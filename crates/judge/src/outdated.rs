//! What becomes of tasks whose campaign or persona has moved since they were planned. Pure but for fresh ids.

use chimera_domain::{
    AgentTask, Ambient, DecisionId, JudgeDecision, NextAction, Outdated, Score, TaskEvent, TaskType, Verdict,
};
use chimera_store::{OutdatedPost, Ruling};

use crate::rule::plan_again;

/// What the next writer is told.
const CORRECTION: &str =
    "The persona was edited after the last attempt was planned. Write it in the persona's present voice.";

/// Withdraws a void task, with nothing in its place.
pub(crate) fn withdrawn(task: &AgentTask, why: &Outdated, ambient: &dyn Ambient) -> Ruling {
    ruling(task, why, vec![], ambient)
}

/// Withdraws a post whose persona has changed and plans it anew under the present one, unless that was done often enough
/// already. Words are always written anew; a picture or video is kept when it is finished and shows the same face.
/// `None` when the post is not void after all.
pub(crate) fn renewed(post: &OutdatedPost, replans_max: u32, ambient: &dyn Ambient) -> Option<Ruling> {
    let why = post.task.outdated(&post.campaign, &post.agent)?;
    if post.task.payload.replans >= replans_max {
        return Some(withdrawn(&post.task, &why, ambient));
    }
    let face = &post.agent.soul.character_reference_id;
    let anew = |part: &AgentTask| {
        let made = post.inputs.iter().find(|made| made.task_id == part.id);
        let kept = part.task_type != TaskType::GenerateText
            && part.state.is_finished()
            && made.is_some_and(|made| made.character_reference_id == *face);
        !kept
    };
    let replan = plan_again(&post.task, &post.parts, anew, CORRECTION, ambient);
    let replan = replan.into_iter().map(|task| task.rebound(&post.campaign, &post.agent)).collect();
    Some(ruling(&post.task, &why, replan, ambient))
}

fn ruling(task: &AgentTask, why: &Outdated, replan: Vec<AgentTask>, ambient: &dyn Ambient) -> Ruling {
    let (next_action, follows) =
        if replan.is_empty() { (NextAction::Stop, "withdrawn") } else { (NextAction::Replan, "planned anew") };
    let decision = JudgeDecision {
        id: DecisionId::generate(ambient),
        tenant_id: task.tenant_id,
        trace_id: task.trace_id,
        task_id: task.id,
        artifact_id: task.result_artifact,
        verdict: Verdict::Reject,
        confidence: Score::ZERO,
        raw_confidence: None,
        opinion_of: None,
        breakdown: vec![],
        persona_score: Score::ZERO,
        safety_flags: vec!["outdated".to_owned()],
        sensitive_topics: vec![],
        reasoning_trace: format!("{follows}, unjudged: {why}"),
        decided_by: "judge".to_owned(),
        next_action,
        state_version_seen: task.state_version,
        logged_at: ambient.now(),
    };
    Ruling { decision, task_version: task.state_version, event: TaskEvent::Cancel, ticket: None, replan }
}
