//! Tasks that replace others; and a task for other tests.

use uuid::Uuid;

use super::*;
use crate::TraceId;

/// An ambience in which time stands still and every throw is the same.
#[derive(Debug)]
pub(crate) struct Fixed;

impl Ambient for Fixed {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    fn random(&self) -> [u8; 16] {
        [7; 16]
    }
}

/// A rejected post with every column filled.
pub(crate) fn task() -> AgentTask {
    let id = Uuid::from_u128;
    AgentTask {
        id: TaskId::from_uuid(id(1)),
        tenant_id: TenantId::DEFAULT,
        trace_id: TraceId::generate(&Fixed),
        agent_id: AgentId::from_uuid(id(2)),
        campaign_id: CampaignId::from_uuid(id(3)),
        campaign_version: StateVersion::new(4),
        signal_id: SignalId::from_uuid(id(5)),
        task_type: TaskType::AssemblePost,
        channel: Channel::Bluesky,
        priority: Priority::High,
        state: TaskState::Rejected,
        depends_on: vec![TaskId::from_uuid(id(6))],
        persona_lock: PersonaLock { character_reference_id: "nova-face".to_owned(), soul_hash: "a1".to_owned() },
        budget_cap_usd: Usd::from_micros(310_001),
        payload: TaskPayload {
            goal: "silk".to_owned(),
            headline: "Silk is back".to_owned(),
            summary: "It is.".to_owned(),
            source_url: None,
            why: "near the goal".to_owned(),
            modalities: vec![Modality::Text],
            video_seconds: 6,
            video: None,
            reply: None,
            acceptance: vec![Criterion::Words],
            taint: vec!["imperative_to_model".to_owned()],
            correction: None,
            replans: 1,
            seed: 9,
        },
        state_version: StateVersion::new(7),
        attempts: 2,
        failures: 1,
        lease_owner: Some("worker".to_owned()),
        last_error: Some("too salesy".to_owned()),
        cancel_reason: None,
        result_artifact: Some(ArtifactId::from_uuid(id(8))),
        hitl_ticket_id: Some(TicketId::from_uuid(id(9))),
        created_at: DateTime::UNIX_EPOCH,
        updated_at: DateTime::UNIX_EPOCH,
    }
}

#[test]
fn a_renewed_task_starts_afresh_bound_to_the_same_and_told_why() {
    let old = task();
    let words = old.renewed(TaskType::GenerateText, vec![], "too salesy", &Fixed);
    assert_ne!(words.id, old.id);
    let fresh = AgentTask {
        id: words.id,
        task_type: TaskType::GenerateText,
        state: TaskState::Ready,
        depends_on: vec![],
        payload: TaskPayload { correction: Some("too salesy".to_owned()), replans: 2, ..old.payload.clone() },
        state_version: StateVersion::FIRST,
        attempts: 0,
        failures: 0,
        lease_owner: None,
        last_error: None,
        cancel_reason: None,
        result_artifact: None,
        hitl_ticket_id: None,
        created_at: Fixed.now(),
        updated_at: Fixed.now(),
        ..old.clone()
    };
    assert_eq!(words, fresh);
    assert!(words.is_tainted(), "what was tainted stays so");

    let post = words.renewed(old.task_type, vec![words.id], "still too salesy", &Fixed);
    assert_eq!((post.state, post.depends_on, post.payload.replans), (TaskState::Pending, vec![words.id], 3));
}
