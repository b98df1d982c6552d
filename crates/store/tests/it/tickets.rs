//! A person's answer.

use chimera_domain::{
    Actor, AgentTask, Ambient as _, Artifact, HitlTicket, Resolution, StateVersion, TaskState, TicketId, Verdict,
};
use chimera_store::{AuditFilter, Decided, HitlDepth, TicketAnswer, TicketError};
use chimera_testkit::fixtures;

use crate::world::World;

pub(crate) fn answer(
    world: &World,
    (task, artifact, ticket): (&AgentTask, &Artifact, &HitlTicket),
    resolution: Resolution,
    by: &str,
) -> TicketAnswer {
    let verdict = match resolution {
        Resolution::Approved | Resolution::ConfirmedPublished => Verdict::Approve,
        Resolution::Rejected | Resolution::Withdrawn => Verdict::Reject,
    };
    TicketAnswer {
        ticket_id: ticket.id,
        version: ticket.state_version,
        artifact_hash: ticket.artifact_hash.clone(),
        resolution,
        by: by.to_owned(),
        note: Some(format!("{by} says so")),
        decision: fixtures::decision(&world.ambient, task, artifact, verdict),
        instead: None,
        replan: vec![],
    }
}

pub(crate) async fn of_two_answers_the_first_counts_and_the_second_is_told(world: World) {
    let (task, artifact, ticket) = world.waiting_for_a_person().await;
    let about = (&task, &artifact, &ticket);
    let mut people = tokio::task::JoinSet::new();
    for (number, resolution) in [Resolution::Approved, Resolution::Rejected].into_iter().cycle().take(8).enumerate() {
        let answer = answer(&world, about, resolution, &format!("person-{number}"));
        let (store, now) = (world.store.clone(), world.ambient.now());
        people.spawn(async move { (store.ticket_resolve(&answer, now).await, answer, now) });
    }
    let outcomes = people.join_all().await;
    let (won, lost): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(|(outcome, ..)| outcome.is_ok());
    let [(decided, first, at)] = won.as_slice() else { panic!("{} answers counted", won.len()) };
    assert_eq!(lost.len(), 7);
    for (outcome, ..) in lost {
        let refused = outcome.unwrap_err();
        let TicketError::AlreadyResolved { id, by, at: when, resolution } = refused else { panic!("{refused:?}") };
        assert_eq!((id, &by, when, resolution), (ticket.id, &first.by, *at, first.resolution));
    }
    let wanted = HitlTicket {
        resolution: Some(first.resolution),
        resolved_by: Some(first.by.clone()),
        resolution_note: first.note.clone(),
        resolved_at: Some(*at),
        state_version: StateVersion::FIRST.next(),
        ..ticket.clone()
    };
    assert_eq!(world.store.ticket_by_id(ticket.id).await.unwrap(), Some(wanted));
    let approved = first.resolution == Resolution::Approved;
    let state = if approved { TaskState::Approved } else { TaskState::Rejected };
    assert_eq!(world.stored(task.id).await.state, state);
    let moved = Decided {
        applied: vec![task.id],
        approved: if approved { vec![task.id] } else { vec![] },
        ..Decided::default()
    };
    assert_eq!(decided.as_ref().unwrap(), &moved);
    let decisions = world.store.trace(task.trace_id).await.unwrap().unwrap().decisions;
    assert_eq!(decisions.len(), 2);
    assert_eq!(decisions.last(), Some(&first.decision));
}

pub(crate) async fn an_answer_about_something_else_is_refused(world: World) {
    let (task, artifact, ticket) = world.waiting_for_a_person().await;
    let about = (&task, &artifact, &ticket);
    let now = world.ambient.now();
    let good = answer(&world, about, Resolution::Approved, "mara");

    let other_post = TicketAnswer { artifact_hash: "0".repeat(64), ..good.clone() };
    let refused = world.store.ticket_resolve(&other_post, now).await.unwrap_err();
    let TicketError::WrongArtifact { expected, found, .. } = refused else { panic!("{refused:?}") };
    assert_eq!((expected, found), (ticket.artifact_hash.clone(), "0".repeat(64)));

    let stale = TicketAnswer { version: StateVersion::new(9), ..good.clone() };
    let refused = world.store.ticket_resolve(&stale, now).await.unwrap_err();
    assert!(matches!(refused, TicketError::Stale { found: StateVersion::FIRST, .. }), "{refused:?}");

    let nothing = TicketAnswer { ticket_id: TicketId::generate(&world.ambient), ..good.clone() };
    let refused = world.store.ticket_resolve(&nothing, now).await.unwrap_err();
    assert!(matches!(refused, TicketError::NotFound { .. }), "{refused:?}");

    let (other, ..) = world.waiting_for_a_person().await;
    let mut wrong_task = good.clone();
    wrong_task.decision.task_id = other.id;
    let refused = world.store.ticket_resolve(&wrong_task, now).await.unwrap_err();
    assert!(matches!(refused, TicketError::TaskMoved { .. }), "{refused:?}");

    assert_eq!(world.store.ticket_by_id(ticket.id).await.unwrap(), Some(ticket));
    assert_eq!(world.stored(task.id).await, task);
    world.store.ticket_resolve(&good, now).await.unwrap();
}

pub(crate) async fn a_rejected_ticket_ends_the_task(world: World) {
    let (task, artifact, ticket) = world.waiting_for_a_person().await;
    let rejected = answer(&world, (&task, &artifact, &ticket), Resolution::Rejected, "mara");
    let decided = world.store.ticket_resolve(&rejected, world.ambient.now()).await.unwrap();
    assert_eq!(decided, Decided { applied: vec![task.id], ..Decided::default() });
    assert_eq!(world.stored(task.id).await.state, TaskState::Rejected);
    assert_eq!(world.store.hitl_depth().await.unwrap(), HitlDepth::default());
}

pub(crate) async fn a_ticket_is_in_one_persons_hands(world: World) {
    let (_, _, ticket) = world.waiting_for_a_person().await;
    let store = world.store.acting_as(Actor::human("mara"));
    let now = world.ambient.now();
    // The fixture's is mara's already.
    let same = store.ticket_assign(ticket.id, Some("mara"), true, now).await.unwrap();
    assert_eq!((same.assigned_to.as_deref(), same.state_version), (Some("mara"), ticket.state_version));
    let refused = store.ticket_assign(ticket.id, Some("zoe"), true, now).await.unwrap_err();
    let TicketError::Taken { by, .. } = refused else { panic!("{refused:?}") };
    assert_eq!(by, "mara");
    let handed = store.ticket_assign(ticket.id, Some("zoe"), false, now).await.unwrap();
    assert_eq!((handed.assigned_to.as_deref(), handed.state_version), (Some("zoe"), ticket.state_version.next()));
    let free = store.ticket_assign(ticket.id, None, false, now).await.unwrap();
    assert_eq!(free.assigned_to, None);
    // Of many who claim it at once, one has it.
    let mut claims = tokio::task::JoinSet::new();
    for name in ["a", "b", "c", "d"] {
        let store = store.clone();
        claims.spawn(async move { store.ticket_assign(ticket.id, Some(name), true, now).await.is_ok() });
    }
    assert_eq!(claims.join_all().await.into_iter().filter(|taken| *taken).count(), 1);
    let nobody = TicketId::generate(&world.ambient);
    let refused = store.ticket_assign(nobody, None, false, now).await.unwrap_err();
    assert!(matches!(refused, TicketError::NotFound { .. }), "{refused:?}");
    let filter = AuditFilter {
        trace_id: Some(ticket.trace_id),
        actor: Some("human:mara".to_owned()),
        limit: 99,
        ..AuditFilter::default()
    };
    let log = store.audit_entries(&filter).await.unwrap();
    assert_eq!(log.iter().filter(|entry| entry.action == "ticket_assigned").count(), 3);
}
