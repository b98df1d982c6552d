//! Questions as they are asked.

use super::*;
use crate::{
    ArtifactId, Channel, Costs, Disclosure,
    task::tests::{Fixed, task},
};

fn made_by(task: &AgentTask) -> Artifact {
    let disclosure = Disclosure { ai_generated: true, label: "Made by an AI.".to_owned(), models: vec![] };
    Artifact {
        id: ArtifactId::generate(&Fixed),
        tenant_id: task.tenant_id,
        trace_id: task.trace_id,
        task_id: task.id,
        agent_id: task.agent_id,
        campaign_id: task.campaign_id,
        channel: task.channel,
        content_type: "text/plain".to_owned(),
        content_hash: Artifact::content_hash(Channel::Bluesky, "Silk.", &[], &[], &disclosure, None),
        text: "Silk.".to_owned(),
        hashtags: vec![],
        media: vec![],
        disclosure,
        in_reply_to: None,
        character_reference_id: "nova-face".to_owned(),
        llm_self_score: None,
        tool_log: vec![],
        costs: Costs::default(),
        created_at: Fixed.now(),
    }
}

#[test]
fn a_question_is_open_and_about_exactly_what_was_made() {
    let task = task();
    let artifact = made_by(&task);
    let topics = vec![SensitiveTopic { topic: "legal".to_owned(), score: Score::ONE, evidence: "sue".to_owned() }];
    let ticket =
        HitlTicket::ask(Question::IsItOut, &task, &artifact, Score::ZERO, topics.clone(), "Is it out?", &Fixed);
    let wanted = HitlTicket {
        id: ticket.id,
        tenant_id: task.tenant_id,
        trace_id: task.trace_id,
        task_id: task.id,
        artifact_id: artifact.id,
        artifact_hash: artifact.content_hash,
        question: Question::IsItOut,
        confidence: Score::ZERO,
        sensitive_topics: topics,
        reasoning_trace: "Is it out?".to_owned(),
        assigned_to: None,
        sla_expires_at: Fixed.now() + Duration::hours(2),
        resolution: None,
        resolved_by: None,
        resolution_note: None,
        resolved_at: None,
        state_version: StateVersion::FIRST,
        created_at: Fixed.now(),
    };
    assert_eq!(ticket, wanted);
}
