//! People's answers.

use std::{collections::BTreeMap, pin::pin, sync::Arc};

use chimera_bus::Queue;
use chimera_domain::{
    AgentTask, Ambient as _, AuditAction, HitlTicket, PublicationId, PublicationState, Question, Resolution, TaskId,
    TaskState, TicketId, Verdict, error_chain,
};
use chimera_judge::{Answer, DeskError};
use chimera_store::{AuditFilter, HitlDepth, PublishOutcome, Settlement, TicketError};
use chimera_testkit::fixtures;
use futures::{StreamExt as _, stream};
use tokio::{sync::Barrier, task::JoinSet};

use crate::world::World;

fn answer(ticket: &HitlTicket, resolution: Resolution, by: &str) -> Answer {
    Answer {
        ticket_id: ticket.id,
        resolution,
        by: by.to_owned(),
        note: Some("looked at it".to_owned()),
        seen_hash: None,
    }
}

/// A post that waits for a person.
async fn waiting(world: &World) -> (AgentTask, HitlTicket) {
    let task = world.post("Silk 0.8").await;
    world.round(&task).await;
    let ticket = world.trace(&task).await.tickets.remove(0);
    (task, ticket)
}

pub(crate) async fn an_approved_post_may_be_published_and_a_rejected_one_ends(world: World) {
    let (task, ticket) = waiting(&world).await;
    let told = world.desk.answer(answer(&ticket, Resolution::Approved, "mara")).await.unwrap();
    assert_eq!((told, world.stored(task.id).await.state), (task.id, TaskState::Approved));
    assert_eq!(world.queued(Queue::Publish).await, [task.id]);
    let decision = world.decision(&task).await;
    assert_eq!((decision.verdict, decision.decided_by.as_str()), (Verdict::Approve, "human:mara"));
    assert_eq!(decision.reasoning_trace, "mara approved: looked at it");
    let closed = world.store.ticket_by_id(ticket.id).await.unwrap().unwrap();
    assert_eq!((closed.resolution, closed.resolved_by.as_deref()), (Some(Resolution::Approved), Some("mara")));

    let (task, ticket) = waiting(&world).await;
    world.desk.answer(answer(&ticket, Resolution::Rejected, "ben")).await.unwrap();
    assert_eq!(world.stored(task.id).await.state, TaskState::Rejected);
    assert!(world.queued(Queue::Publish).await.is_empty());
    assert_eq!(world.decision(&task).await.verdict, Verdict::Reject);
    assert_eq!(world.store.hitl_depth().await.unwrap(), HitlDepth::default());
}

pub(crate) async fn of_two_answers_at_once_one_counts_and_the_other_is_told(world: World) {
    let (task, ticket) = waiting(&world).await;
    let (yes, no) = tokio::join!(
        world.desk.answer(answer(&ticket, Resolution::Approved, "mara")),
        world.desk.answer(answer(&ticket, Resolution::Rejected, "ben")),
    );
    let (winner, state, loser) = match (yes, no) {
        (Ok(_), Err(loser)) => ("mara", TaskState::Approved, loser),
        (Err(loser), Ok(_)) => ("ben", TaskState::Rejected, loser),
        both => panic!("{both:?}"),
    };
    match loser {
        DeskError::Refused(TicketError::AlreadyResolved { by, .. }) => assert_eq!(by, winner),
        other => panic!("{other:?}"),
    }
    assert_eq!(world.stored(task.id).await.state, state);
    let humans = world.trace(&task).await.decisions.into_iter().filter(|d| d.decided_by.starts_with("human:"));
    assert_eq!(humans.count(), 1);
}

/// At desks of two processes, with clocks of their own; whoever loses is told who was first, when, and with what.
pub(crate) async fn of_two_reviewers_at_once_one_wins_a_thousand_times(world: World) {
    const ROUNDS: usize = 1_000;
    /// Tickets that are fought over at the same time.
    const AT_ONCE: usize = 4;
    let desks = [world.desk.clone(), world.another_desk().await];
    let tickets = world.waiting_for_people(ROUNDS).await;
    let rounds = stream::iter(&tickets).map(|ticket| {
        let start = Arc::new(Barrier::new(desks.len()));
        let mut people = JoinSet::new();
        let says = [("mara", Resolution::Approved), ("ben", Resolution::Rejected)];
        for ((by, resolution), desk) in says.into_iter().zip(desks.clone()) {
            let (start, answer) = (start.clone(), answer(ticket, resolution, by));
            people.spawn(async move {
                start.wait().await;
                (answer.clone(), desk.answer(answer).await)
            });
        }
        async move { (ticket, people.join_all().await) }
    });
    let mut rounds = pin!(rounds.buffer_unordered(AT_ONCE));
    let mut wins: BTreeMap<String, usize> = BTreeMap::new();
    while let Some((ticket, said)) = rounds.next().await {
        let (won, lost): (Vec<_>, Vec<_>) = said.into_iter().partition(|(_, told)| told.is_ok());
        let ([(first, _)], [(_, Err(told))]) = (won.as_slice(), lost.as_slice()) else { panic!("{won:?} {lost:?}") };
        let stored = world.store.ticket_by_id(ticket.id).await.unwrap().unwrap();
        assert_eq!((stored.resolved_by.as_deref(), stored.resolution), (Some(&*first.by), Some(first.resolution)));
        assert_eq!(stored.state_version, ticket.state_version.next());
        let when = stored.resolved_at.unwrap();
        let DeskError::Refused(TicketError::AlreadyResolved { id, by, at, resolution }) = told else {
            panic!("{told:?}");
        };
        assert_eq!((*id, by, *at, *resolution), (ticket.id, &first.by, when, first.resolution));
        let said = error_chain(told);
        assert!(said.contains(&format!("by {by} at {at}")), "{said}");
        *wins.entry(first.by.clone()).or_default() += 1;
    }
    assert_eq!(wins.values().sum::<usize>(), ROUNDS);
    let ids: Vec<TaskId> = tickets.iter().map(|ticket| ticket.task_id).collect();
    let mut ends: BTreeMap<TaskState, usize> = BTreeMap::new();
    for task in world.store.tasks_by_ids(&ids).await.unwrap() {
        *ends.entry(task.state).or_default() += 1;
    }
    let of = |by: &str| wins.get(by).copied().unwrap_or(0);
    let end = |state: TaskState| ends.get(&state).copied().unwrap_or(0);
    assert_eq!((end(TaskState::Approved), end(TaskState::Rejected)), (of("mara"), of("ben")));
    let all = AuditFilter { limit: u64::MAX >> 1, ..AuditFilter::default() };
    let log = world.store.audit_entries(&all).await.unwrap();
    let answered = log.iter().filter(|entry| entry.action == AuditAction::TicketAnswered.as_str());
    assert_eq!(answered.count(), ROUNDS);
}

pub(crate) async fn an_answer_that_does_not_fit_the_question_is_refused(world: World) {
    let (task, ticket) = waiting(&world).await;
    for resolution in [Resolution::ConfirmedPublished, Resolution::Withdrawn] {
        let told = world.desk.answer(answer(&ticket, resolution, "mara")).await.unwrap_err();
        assert!(matches!(told, DeskError::WrongAnswer { question: Question::MayPublish, .. }), "{told:?}");
    }
    let missing = HitlTicket { id: TicketId::generate(&*world.ambient), ..ticket.clone() };
    let told = world.desk.answer(answer(&missing, Resolution::Approved, "mara")).await.unwrap_err();
    assert!(matches!(told, DeskError::NotFound(id) if id == missing.id));
    assert!(told.to_string().contains("judge view-queue"), "{told}");
    assert_eq!(world.stored(task.id).await.state, TaskState::HitlQueue);
}

pub(crate) async fn an_answer_about_something_else_is_refused(world: World) {
    let (task, ticket) = waiting(&world).await;
    let mistaken =
        Answer { seen_hash: Some("of another version".to_owned()), ..answer(&ticket, Resolution::Approved, "mara") };
    let told = world.desk.answer(mistaken).await.unwrap_err();
    assert!(matches!(told, DeskError::Refused(TicketError::WrongArtifact { .. })), "{told:?}");
    assert_eq!(world.stored(task.id).await.state, TaskState::HitlQueue);
    let exact =
        Answer { seen_hash: Some(ticket.artifact_hash.clone()), ..answer(&ticket, Resolution::Approved, "mara") };
    world.desk.answer(exact).await.unwrap();
    assert_eq!(world.stored(task.id).await.state, TaskState::Approved);
}

pub(crate) async fn a_person_who_found_the_post_out_says_so(world: World) {
    for (resolution, state) in [
        (Resolution::ConfirmedPublished, TaskState::Published),
        (Resolution::Approved, TaskState::Approved),
        (Resolution::Rejected, TaskState::Rejected),
    ] {
        let task = world.post("Silk").await;
        world.round(&task).await;
        world.queued(Queue::Publish).await;
        let new_id = PublicationId::generate(&*world.ambient);
        let lease = std::time::Duration::from_secs(600);
        let begun = world.store.publish_begin(&[task.id], "publisher", lease, world.ambient.now(), &[new_id]).await;
        let case = begun.unwrap().remove(0);
        let question = Question::IsItOut;
        let ticket = HitlTicket { question, ..fixtures::ticket(&*world.ambient, &case.task, &case.artifact) };
        let settlement = Settlement {
            task_id: task.id,
            task_version: case.task.state_version,
            publication_id: case.publication.id,
            publication_version: case.publication.state_version,
            outcome: PublishOutcome::Unknown { error: "cut off".to_owned() },
            tool_calls: vec![],
            ticket: Some(ticket.clone()),
            alert: None,
        };
        world.store.publish_settle(vec![settlement], world.ambient.now()).await.unwrap();
        world.desk.answer(answer(&ticket, resolution, "mara")).await.unwrap();
        assert_eq!(world.stored(task.id).await.state, state);
        let published = world.queued(Queue::Publish).await;
        assert_eq!(published, if state == TaskState::Approved { vec![task.id] } else { vec![] });
        if state == TaskState::Published {
            assert_eq!(world.trace(&task).await.publications[0].state, PublicationState::Confirmed);
        }
    }
}
