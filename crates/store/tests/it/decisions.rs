//! The commit gate.

use chimera_domain::{Ambient as _, StateVersion, TaskEvent, TaskId, TaskState, TaskType, Verdict};
use chimera_store::{Decided, HitlDepth, Ruling, StoreError, TicketFilter};
use chimera_testkit::fixtures;

use crate::world::World;

pub(crate) async fn a_ruling_moves_the_task_and_is_recorded_once(world: World) {
    let ready = world.ready(TaskType::AssemblePost).await;
    let (task, artifact) = world.in_review(ready.id).await;
    let ruling = world.ruling(&task, &artifact, TaskEvent::Approve);
    let now = world.ambient.now();
    let decided = world.store.task_decide(vec![ruling.clone()], now).await.unwrap();
    let wanted = Decided { applied: vec![task.id], approved: vec![task.id], ..Decided::default() };
    assert_eq!(decided, wanted);
    let approved = chimera_domain::AgentTask {
        state: TaskState::Approved,
        state_version: task.state_version.next(),
        updated_at: now,
        ..task.clone()
    };
    assert_eq!(world.stored(task.id).await, approved);

    // Another judge had read the same version.
    let late = world.ruling(&task, &artifact, TaskEvent::Reject);
    let decided = world.store.task_decide(vec![late], now).await.unwrap();
    assert_eq!(decided, Decided { conflicts: vec![task.id], ..Decided::default() });
    assert_eq!(world.stored(task.id).await, approved);
    let view = world.store.trace(task.trace_id).await.unwrap().unwrap();
    assert_eq!(view.decisions, [ruling.decision]);
}

pub(crate) async fn children_start_when_their_last_parent_is_done(world: World) {
    let (_, tasks) = world.planned().await;
    world.done(tasks[0].id).await;
    assert_eq!(world.stored(tasks[2].id).await.state, TaskState::Pending);
    let (task, artifact) = world.in_review(tasks[1].id).await;
    let ruling = world.ruling(&task, &artifact, TaskEvent::Approve);
    let decided = world.store.task_decide(vec![ruling], world.ambient.now()).await.unwrap();
    assert_eq!(decided.ready, [tasks[2].id]);
    let post = world.stored(tasks[2].id).await;
    assert_eq!((post.state, post.state_version), (TaskState::Ready, StateVersion::FIRST.next()));
}

pub(crate) async fn two_judges_finishing_two_parents_at_once_start_the_child(world: World) {
    for _ in 0..6 {
        let (_, tasks) = world.planned().await;
        let mut judges = tokio::task::JoinSet::new();
        for part in &tasks[..2] {
            let (task, artifact) = world.in_review(part.id).await;
            let ruling = world.ruling(&task, &artifact, TaskEvent::Approve);
            let (store, now) = (world.store.clone(), world.ambient.now());
            judges.spawn(async move { store.task_decide(vec![ruling], now).await.unwrap().ready });
        }
        let started: Vec<TaskId> = judges.join_all().await.into_iter().flatten().collect();
        assert_eq!(started, [tasks[2].id], "started once, by whoever came second");
        assert_eq!(world.stored(tasks[2].id).await.state, TaskState::Ready);
    }
}

pub(crate) async fn a_rejection_cancels_what_waits_and_plants_the_replacement(world: World) {
    let signal = world.signal();
    let words = world.task(&signal, TaskType::GenerateText, vec![]);
    let picture = world.task(&signal, TaskType::GenerateImage, vec![]);
    let post = world.task(&signal, TaskType::AssemblePost, vec![words.id, picture.id]);
    let reply = world.task(&signal, TaskType::ReplyComment, vec![post.id]);
    let all = vec![words.clone(), picture.clone(), post.clone(), reply.clone()];
    world.store.plan_commit(&world.plan(vec![signal.clone()], all.clone())).await.unwrap();
    world.done(picture.id).await;

    let (task, artifact) = world.in_review(words.id).await;
    let new_words = world.task(&signal, TaskType::GenerateText, vec![]);
    let new_post = world.task(&signal, TaskType::AssemblePost, vec![new_words.id, picture.id]);
    let after_done = world.task(&signal, TaskType::AssemblePost, vec![picture.id]);
    let replan = vec![new_words.clone(), new_post.clone(), after_done.clone()];
    let ruling = Ruling { replan, ..world.ruling(&task, &artifact, TaskEvent::Reject) };
    let decided = world.store.task_decide(vec![ruling], world.ambient.now()).await.unwrap();
    assert_eq!(decided.ready, [new_words.id, after_done.id]);
    assert_eq!(crate::world::sorted(&decided.cancelled), crate::world::sorted(&[post.id, reply.id]));
    use TaskState::{Cancelled, Done, Rejected};
    assert_eq!(world.states(&all).await, [Rejected, Done, Cancelled, Cancelled]);
    assert_eq!(world.stored(new_words.id).await, new_words);
    assert_eq!(world.stored(new_post.id).await, new_post);
    let ready = chimera_domain::AgentTask { state: TaskState::Ready, ..after_done };
    assert_eq!(world.stored(ready.id).await, ready);
}

pub(crate) async fn rulings_that_do_not_add_up_are_refused_whole(world: World) {
    let ready = world.ready(TaskType::AssemblePost).await;
    let (task, artifact) = world.in_review(ready.id).await;
    let inner = world.ready(TaskType::GenerateText).await;
    let (inner, made) = world.in_review(inner.id).await;
    let good = world.ruling(&task, &artifact, TaskEvent::Approve);

    let mut lying = world.ruling(&inner, &made, TaskEvent::Approve);
    lying.decision.verdict = Verdict::Reject;
    let refused = world.store.task_decide(vec![good.clone(), lying], world.ambient.now()).await.unwrap_err();
    assert!(matches!(refused, StoreError::VerdictMismatch { id, .. } if id == inner.id), "{refused:?}");

    let silent = world.ruling(&task, &artifact, TaskEvent::AskHuman);
    let refused = world.store.task_decide(vec![silent], world.ambient.now()).await.unwrap_err();
    assert!(matches!(refused, StoreError::TicketMissing { id } if id == task.id), "{refused:?}");

    // An inner node never asks a person.
    let ticket = Some(fixtures::ticket(&world.ambient, &inner, &made));
    let asking = Ruling { ticket, ..world.ruling(&inner, &made, TaskEvent::AskHuman) };
    let refused = world.store.task_decide(vec![good, asking], world.ambient.now()).await.unwrap_err();
    let StoreError::Illegal { id, source } = refused else { panic!("{refused:?}") };
    assert_eq!((id, source.from), (inner.id, TaskState::JudgeReview));
    assert_eq!((world.stored(task.id).await, world.stored(inner.id).await), (task.clone(), inner));
    assert_eq!(world.store.trace(task.trace_id).await.unwrap().unwrap().decisions, []);
    assert_eq!(world.store.hitl_depth().await.unwrap(), HitlDepth::default());
}

pub(crate) async fn a_task_cancelled_in_review_withdraws_its_question(world: World) {
    let (task, artifact, ticket) = world.waiting_for_a_person().await;
    assert_eq!((task.state, task.hitl_ticket_id), (TaskState::HitlQueue, Some(ticket.id)));
    let all = TicketFilter { limit: 9, ..TicketFilter::default() };
    assert_eq!(world.store.tickets_open(&all).await.unwrap(), [ticket.clone()]);
    let now = world.ambient.now();
    let cancel = world.ruling(&task, &artifact, TaskEvent::Cancel);
    let by = cancel.decision.decided_by.clone();
    world.store.task_decide(vec![cancel], now).await.unwrap();
    assert_eq!(world.stored(task.id).await.state, TaskState::Cancelled);
    let wanted = chimera_domain::HitlTicket {
        resolution: Some(chimera_domain::Resolution::Withdrawn),
        resolved_by: Some(by),
        resolved_at: Some(now),
        state_version: StateVersion::FIRST.next(),
        ..ticket.clone()
    };
    assert_eq!(world.store.ticket_by_id(ticket.id).await.unwrap(), Some(wanted));
    assert_eq!(world.store.tickets_open(&all).await.unwrap(), []);
}
