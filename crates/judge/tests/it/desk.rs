//! People's answers.

use std::{collections::BTreeMap, pin::pin, sync::Arc};

use chimera_bus::Queue;
use chimera_domain::{
    AgentTask, Ambient as _, AuditAction, HitlTicket, NextAction, PublicationId, PublicationState, Question,
    Resolution, TaskId, TaskState, TicketId, Verdict, error_chain,
};
use chimera_judge::{Answer, DeskError, Edit};
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
        edit: None,
        again: false,
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

pub(crate) async fn edited_words_are_what_goes_out_under_a_hash_of_their_own(world: World) {
    let (task, ticket) = waiting(&world).await;
    let before = world.trace(&task).await.artifacts.remove(0);
    let text = format!("Mara's own words. {}", before.disclosure.label);
    let edit = Edit { text: text.clone(), hashtags: Some(vec!["#silk".to_owned()]) };
    let edited = Answer { edit: Some(edit), ..answer(&ticket, Resolution::Approved, "mara") };
    world.desk.answer(edited).await.unwrap();
    let stored = world.stored(task.id).await;
    assert_eq!(stored.state, TaskState::Approved);
    let artifacts = world.trace(&task).await.artifacts;
    let [asked, out] = artifacts.as_slice() else { panic!("{artifacts:?}") };
    assert_eq!(asked, &before, "what was asked about stays as it was");
    assert_eq!((&out.text, &*out.hashtags, stored.result_artifact), (&text, &["silk".to_owned()][..], Some(out.id)));
    assert!(out.is_intact() && out.content_hash != asked.content_hash);
    let decision = world.decision(&task).await;
    assert_eq!(
        (decision.artifact_id, &*decision.reasoning_trace),
        (Some(out.id), "mara edited and approved: looked at it")
    );
    let closed = world.store.ticket_by_id(ticket.id).await.unwrap().unwrap();
    assert_eq!((closed.artifact_id, closed.artifact_hash), (asked.id, asked.content_hash.clone()));
    let log = world.store.audit_entries(&AuditFilter { limit: 50, ..AuditFilter::default() }).await.unwrap();
    let entry = log.iter().find(|e| e.action == AuditAction::TicketAnswered.as_str()).unwrap();
    assert!(entry.details.contains(&asked.content_hash) && entry.details.contains(&out.content_hash), "{entry:?}");
    let report = world.store.audit_verify(&[]).await.unwrap();
    assert!(report.findings.is_empty(), "{report:?}");

    // Words that are the same are no edit.
    let (task, ticket) = waiting(&world).await;
    let same = world.trace(&task).await.artifacts.remove(0);
    let edit = Edit { text: same.text.clone(), hashtags: None };
    world.desk.answer(Answer { edit: Some(edit), ..answer(&ticket, Resolution::Approved, "mara") }).await.unwrap();
    assert_eq!(world.trace(&task).await.artifacts, [same]);
}

pub(crate) async fn edited_words_that_break_a_rule_are_refused(world: World) {
    let (task, ticket) = waiting(&world).await;
    let edit = Edit { text: "Trust me, I am a person.".to_owned(), hashtags: None };
    let told = world.desk.answer(Answer { edit: Some(edit), ..answer(&ticket, Resolution::Approved, "mara") }).await;
    let DeskError::Unfit(faults) = told.unwrap_err() else { panic!("taken") };
    assert_eq!(faults.iter().map(|fault| fault.rule).collect::<Vec<_>>(), ["disclosure_missing"]);
    assert_eq!(world.stored(task.id).await.state, TaskState::HitlQueue);
    assert_eq!(world.trace(&task).await.artifacts.len(), 1);
}

pub(crate) async fn a_rejected_post_is_written_anew_as_often_as_may_be(world: World) {
    let (task, ticket) = waiting(&world).await;
    let no = answer(&ticket, Resolution::Rejected, "mara");
    let silent = Answer { again: true, note: Some(" ".to_owned()), ..no.clone() };
    assert!(matches!(world.desk.answer(silent).await, Err(DeskError::NotAgain(why)) if why.contains("why")));
    let never = world.desk.clone().with_replans_max(0).answer(Answer { again: true, ..no.clone() }).await;
    assert!(matches!(never, Err(DeskError::NotAgain(_))), "{never:?}");
    let yes = Answer { again: true, ..answer(&ticket, Resolution::Approved, "mara") };
    assert!(matches!(world.desk.answer(yes).await, Err(DeskError::NotAgain(_))), "an approval is no new attempt");
    assert_eq!(world.stored(task.id).await.state, TaskState::HitlQueue);

    world.desk.answer(Answer { again: true, ..no }).await.unwrap();
    assert_eq!(world.stored(task.id).await.state, TaskState::Rejected);
    assert_eq!(world.decision(&task).await.next_action, NextAction::Replan);
    let tasks = world.trace(&task).await.tasks;
    let anew = tasks.iter().find(|other| other.id != task.id).unwrap();
    assert_eq!((anew.task_type, anew.state, anew.payload.replans), (task.task_type, TaskState::Ready, 1));
    let told = anew.payload.correction.as_deref().unwrap();
    assert_eq!(told, "A reviewer rejected the last attempt: looked at it");
    assert_eq!(world.queued(Queue::Task).await, [anew.id], "workers are told at once");
    assert!(!world.desk.may_write_anew(anew), "once is as often as may be");
}
