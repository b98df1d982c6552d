//! From an assessment to a ruling: the decision, the move, the ticket, the next attempt. Pure but for fresh ids.

use std::collections::HashMap;

use chimera_domain::{
    AgentTask, Ambient, DecisionId, HitlTicket, JudgeDecision, NextAction, Question, TaskEvent, TaskId, TaskType,
    Verdict, policy::RouteReason,
};
use chimera_store::{ReviewCase, Ruling};

use crate::{
    Assessment,
    assess::{NEAR_REPEAT, WORDS_REFUSED},
};

/// Whether a post so assessed is planned anew: other words may do better.
#[must_use]
pub fn is_replanned(case: &ReviewCase, assessment: &Assessment, replans_max: u32) -> bool {
    let task = &case.task;
    let may_mend = match assessment.route.reason {
        RouteReason::LowConfidence => true,
        // Of the hard rules these alone are broken by words that are only too long or ill-formed, or were said before.
        RouteReason::Forbidden => {
            assessment.safety_flags.iter().all(|flag| [WORDS_REFUSED, NEAR_REPEAT].contains(&flag.as_str()))
        }
        _ => false,
    };
    assessment.route.verdict == Verdict::Reject
        && may_mend
        && task.task_type.is_publishable()
        && task.payload.replans < replans_max
}

/// Turns an assessment into what the store is to commit. `parts` are the tasks that the post depends on, when it is to be
/// planned anew ([`is_replanned`]).
#[must_use]
pub fn rule(case: &ReviewCase, parts: Option<&[AgentTask]>, assessment: Assessment, ambient: &dyn Ambient) -> Ruling {
    let task = &case.task;
    let (event, next_action) = match assessment.route.verdict {
        Verdict::Approve => (TaskEvent::Approve, NextAction::Publish),
        Verdict::HitlQueue => (TaskEvent::AskHuman, NextAction::WaitHitl),
        Verdict::Reject if parts.is_some() => (TaskEvent::Reject, NextAction::Replan),
        Verdict::Reject => (TaskEvent::Reject, NextAction::Stop),
    };
    let ticket = (event == TaskEvent::AskHuman).then(|| {
        let (topics, reasoning) = (assessment.topics.clone(), assessment.reasoning.clone());
        let (question, confidence) = (Question::MayPublish, assessment.confidence);
        HitlTicket::ask(question, task, &case.artifact, confidence, topics, reasoning, ambient)
    });
    let replan = parts.map(|parts| next_attempt(task, parts, &assessment.reasoning, ambient)).unwrap_or_default();
    let decision = JudgeDecision {
        id: DecisionId::generate(ambient),
        tenant_id: task.tenant_id,
        trace_id: task.trace_id,
        task_id: task.id,
        artifact_id: Some(case.artifact.id),
        verdict: assessment.route.verdict,
        confidence: assessment.confidence,
        raw_confidence: Some(assessment.raw_confidence),
        opinion_of: assessment.opinion_of,
        breakdown: assessment.breakdown,
        persona_score: assessment.persona_score,
        safety_flags: assessment.safety_flags,
        sensitive_topics: assessment.topics,
        reasoning_trace: assessment.reasoning,
        decided_by: "judge".to_owned(),
        next_action,
        state_version_seen: task.state_version,
        logged_at: ambient.now(),
    };
    Ruling { decision, task_version: task.state_version, event, ticket, replan }
}

/// New words and a new post, told why the last ones were rejected; pictures and video are kept.
pub(crate) fn next_attempt(
    post: &AgentTask,
    parts: &[AgentTask],
    reasoning: &str,
    ambient: &dyn Ambient,
) -> Vec<AgentTask> {
    let anew = |part: &AgentTask| part.task_type == TaskType::GenerateText;
    plan_again(post, parts, anew, reasoning, ambient)
}

/// A new post in place of this one, and new tasks in place of those of its parts that are to be made anew.
pub(crate) fn plan_again(
    post: &AgentTask,
    parts: &[AgentTask],
    anew: impl Fn(&AgentTask) -> bool,
    correction: &str,
    ambient: &dyn Ambient,
) -> Vec<AgentTask> {
    let mut tasks = Vec::with_capacity(parts.len() + 1);
    let mut needs = Vec::with_capacity(parts.len());
    let mut renewed: HashMap<TaskId, TaskId> = HashMap::new();
    // In the order of the post's needs, in which a part comes after those that it rests on.
    for part in parts {
        if anew(part) {
            let rests_on = part.depends_on.iter().map(|id| renewed.get(id).copied().unwrap_or(*id)).collect();
            let mut fresh = part.renewed(part.task_type, rests_on, correction, ambient);
            fresh.payload.replans = post.payload.replans.saturating_add(1);
            renewed.insert(part.id, fresh.id);
            needs.push(fresh.id);
            tasks.push(fresh);
        } else {
            needs.push(part.id);
        }
    }
    tasks.push(post.renewed(post.task_type, needs, correction, ambient));
    tasks
}

#[cfg(test)]
mod tests {
    use chimera_testkit::{SeededAmbient, fixtures};

    use super::*;

    #[test]
    fn a_video_made_anew_begins_with_the_picture_made_anew() {
        let ambient = SeededAmbient::new(1);
        let agent = fixtures::agent(&ambient);
        let campaign = fixtures::campaign(&ambient, &agent);
        let signal = fixtures::signal(&ambient, &campaign, &agent);
        let task = |task_type, needs| fixtures::task(&ambient, &campaign, &agent, &signal, task_type, needs);
        let picture = task(TaskType::GenerateImage, vec![]);
        let video = task(TaskType::GenerateVideo, vec![picture.id]);
        let post = task(TaskType::AssemblePost, vec![picture.id, video.id]);
        let parts = [picture.clone(), video];
        let again = plan_again(&post, &parts, |_| true, "another face", &ambient);
        let [new_picture, new_video, new_post] = again.as_slice() else { panic!("{again:?}") };
        assert_eq!(
            (&*new_video.depends_on, &*new_post.depends_on),
            (&[new_picture.id][..], &[new_picture.id, new_video.id][..])
        );
        let again = plan_again(&post, &parts, |part| part.task_type == TaskType::GenerateVideo, "again", &ambient);
        assert_eq!(again[0].depends_on, [picture.id], "the picture that is there will do");
    }
}
