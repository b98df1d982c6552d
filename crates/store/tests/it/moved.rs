//! Campaigns and personas that move under what was planned on them.

use chimera_domain::{
    Agent, AgentTask, Ambient as _, Campaign, CampaignStatus, CancelReason, Outdated, Resolution, Score, StateVersion,
    TaskEvent, TaskState, TaskType,
};
use chimera_store::{Decided, HitlDepth, PlanError, Ruling, Swept, TicketError};
use chimera_testkit::fixtures;

use crate::{
    sweeping::sweep,
    tickets::answer,
    world::{LEASE, World, sorted},
};

/// Whether a sweep brings everything before the judges that waits for them.
async fn swept_later(world: &World) -> Swept {
    world.ambient.advance(chrono::Duration::seconds(121));
    sweep(world).await
}

fn edited_brief(campaign: &Campaign, task: &AgentTask) -> Outdated {
    Outdated::CampaignEdited { planned: task.campaign_version, edited: campaign.state_version }
}

fn changed_persona(agent: &Agent, task: &AgentTask) -> Outdated {
    Outdated::PersonaChanged {
        planned: task.persona_lock.soul_hash.clone(),
        present: agent.soul_hash.clone(),
        soul_version: agent.soul_version,
    }
}

pub(crate) async fn what_was_planned_on_an_old_brief_is_not_approved(world: World) {
    let post = world.ready(TaskType::AssemblePost).await;
    let inner = world.ready(TaskType::GenerateText).await;
    let (post, inner) = (world.in_review(post.id).await, world.in_review(inner.id).await);
    let campaign = world.edit_brief().await;
    assert_eq!((campaign.brief_version, campaign.state_version), (StateVersion::new(2), StateVersion::new(2)));
    let now = world.ambient.now();
    let ticket = fixtures::ticket(&world.ambient, &post.0, &post.1);
    let asking = Ruling { ticket: Some(ticket), ..world.ruling(&post.0, &post.1, TaskEvent::AskHuman) };
    for ruling in [world.ruling(&post.0, &post.1, TaskEvent::Approve), asking] {
        let rulings = vec![ruling, world.ruling(&inner.0, &inner.1, TaskEvent::Approve)];
        let decided = world.store.task_decide(rulings, now).await.unwrap();
        let outdated = [&post.0, &inner.0].map(|task| (task.id, edited_brief(&campaign, task)));
        assert_eq!(decided, Decided { outdated: outdated.to_vec(), ..Decided::default() });
    }
    assert_eq!((world.stored(post.0.id).await, world.stored(inner.0.id).await), (post.0.clone(), inner.0.clone()));
    assert_eq!(world.store.trace(post.0.trace_id).await.unwrap().unwrap().decisions, []);
    assert_eq!(world.store.hitl_depth().await.unwrap(), HitlDepth::default());

    let cancel = world.ruling(&post.0, &post.1, TaskEvent::Cancel);
    world.store.task_decide(vec![cancel], now).await.unwrap();
    let cancelled = world.stored(post.0.id).await;
    assert_eq!((cancelled.state, cancelled.cancel_reason), (TaskState::Cancelled, Some(CancelReason::CampaignEdited)));
    let why = cancelled.last_error.unwrap();
    assert!(why.contains("v1 of its campaign") && why.contains("edited in v2"), "{why}");
}

pub(crate) async fn what_was_planned_under_an_old_persona_is_not_approved(world: World) {
    let post = world.ready(TaskType::AssemblePost).await;
    let (task, artifact) = world.in_review(post.id).await;
    let agent = world.edit_persona().await;
    let approve = world.ruling(&task, &artifact, TaskEvent::Approve);
    let decided = world.store.task_decide(vec![approve], world.ambient.now()).await.unwrap();
    let outdated = vec![(task.id, changed_persona(&agent, &task))];
    assert_eq!(decided, Decided { outdated, ..Decided::default() });
    assert_eq!(world.stored(task.id).await, task);
    // Nothing keeps it from being rejected.
    let reject = world.ruling(&task, &artifact, TaskEvent::Reject);
    assert_eq!(world.store.task_decide(vec![reject], world.ambient.now()).await.unwrap().applied, [task.id]);
}

pub(crate) async fn a_pause_or_another_threshold_voids_nothing(world: World) {
    let post = world.ready(TaskType::AssemblePost).await;
    let (task, artifact) = world.in_review(post.id).await;
    let (store, now) = (&world.store, world.ambient.now());
    let wider = Campaign {
        relevance_threshold: Score::percent(5),
        resources: vec!["file:///other.xml".to_owned()],
        ..world.campaign.clone()
    };
    let wider = store.campaign_save(&wider).await.unwrap();
    assert_eq!((wider.state_version, wider.brief_version), (StateVersion::new(2), StateVersion::FIRST));
    let paused = store.campaign_set_status(wider.id, wider.state_version, CampaignStatus::Paused, now).await.unwrap();
    let approve = world.ruling(&task, &artifact, TaskEvent::Approve);
    assert_eq!(store.task_decide(vec![approve], now).await.unwrap().approved, [task.id]);
    let again = store.campaign_set_status(paused.id, paused.state_version, CampaignStatus::Active, now).await.unwrap();
    assert_eq!((again.state_version, again.brief_version), (StateVersion::new(4), StateVersion::FIRST));
    // More money a day is no other persona.
    let mut richer = world.agent.clone();
    richer.governor_limits.max_tasks_per_hour += 1;
    store.agent_save(&richer).await.unwrap();
    assert_eq!(world.begin(&[task.id], "publisher", LEASE).await.len(), 1);
}

pub(crate) async fn what_is_void_is_neither_claimed_nor_published(world: World) {
    let (ready, (approved, _)) = (world.ready(TaskType::GenerateText).await, world.approved().await);
    world.edit_persona().await;
    assert_eq!(world.claim(ready.id, "worker", LEASE).await, None);
    assert_eq!(world.begin(&[approved.id], "publisher", LEASE).await, []);
    world.store.agent_save(&world.agent).await.unwrap();
    assert!(world.claim(ready.id, "worker", LEASE).await.is_some(), "edited back");
    let ready = world.ready(TaskType::GenerateText).await;
    world.edit_brief().await;
    assert_eq!(world.claim(ready.id, "worker", LEASE).await, None);
    assert_eq!(world.begin(&[approved.id], "publisher", LEASE).await, []);
    assert_eq!((world.stored(ready.id).await, world.stored(approved.id).await), (ready, approved));
}

pub(crate) async fn a_person_can_not_approve_what_is_void(world: World) {
    let (task, artifact, ticket) = world.waiting_for_a_person().await;
    let campaign = world.edit_brief().await;
    let about = (&task, &artifact, &ticket);
    let now = world.ambient.now();
    let yes = answer(&world, about, Resolution::Approved, "mara");
    let refused = world.store.ticket_resolve(&yes, now).await.unwrap_err();
    let TicketError::Outdated { id, why } = refused else { panic!("{refused:?}") };
    assert_eq!((id, why), (ticket.id, edited_brief(&campaign, &task)));
    assert_eq!(world.store.ticket_by_id(ticket.id).await.unwrap().as_ref(), Some(&ticket));
    let no = answer(&world, about, Resolution::Rejected, "mara");
    assert_eq!(world.store.ticket_resolve(&no, now).await.unwrap().applied, [task.id]);
}

pub(crate) async fn an_edit_and_an_approval_at_once_publish_nothing_old(world: World) {
    for round in 0..12 {
        let campaign = world.store.campaign_by_id(world.campaign.id).await.unwrap().unwrap();
        let signal = fixtures::signal(&world.ambient, &campaign, &world.agent);
        let task = fixtures::task(&world.ambient, &campaign, &world.agent, &signal, TaskType::AssemblePost, vec![]);
        let plan = chimera_store::Plan {
            campaign_version: campaign.state_version,
            ..world.plan(vec![signal], vec![task.clone()])
        };
        world.store.plan_commit(&plan).await.unwrap();
        let (task, artifact) = world.in_review(task.id).await;
        let ruling = world.ruling(&task, &artifact, TaskEvent::Approve);
        let (store, now) = (world.store.clone(), world.ambient.now());
        let approving = async { store.task_decide(vec![ruling], now).await.unwrap() };
        let (decided, edited) = tokio::join!(approving, world.edit_brief());
        assert_eq!(decided.approved.len() + decided.outdated.len(), 1, "round {round}: {decided:?}");
        if let [(_, why)] = decided.outdated.as_slice() {
            assert_eq!(*why, edited_brief(&edited, &task));
        }
        assert_eq!(world.begin(&[task.id], "publisher", LEASE).await, [], "the edit is committed");
    }
}

pub(crate) async fn what_an_edited_brief_voids_is_swept_with_its_questions(world: World) {
    let (_, tasks) = world.planned().await;
    world.claimed(tasks[0].id, "worker").await;
    let (waiting, _, ticket) = world.waiting_for_a_person().await;
    let (approved, _) = world.approved().await;
    let (publishing, _) = world.approved().await;
    world.begin(&[publishing.id], "publisher", LEASE).await;
    world.edit_brief().await;
    let found = sweep(&world).await;
    let wanted: Vec<_> = tasks.iter().map(|t| t.id).chain([waiting.id, approved.id]).collect();
    assert_eq!(sorted(&found.cancelled), sorted(&wanted));
    for id in wanted {
        let task = world.stored(id).await;
        assert_eq!((task.state, task.cancel_reason), (TaskState::Cancelled, Some(CancelReason::CampaignEdited)));
        assert!(task.last_error.unwrap().contains("edited in v2"));
    }
    let closed = world.store.ticket_by_id(ticket.id).await.unwrap().unwrap();
    assert_eq!((closed.resolution, closed.resolved_by.as_deref()), (Some(Resolution::Withdrawn), Some("sweeper")));
    assert_eq!(world.stored(publishing.id).await.state, TaskState::Publishing, "it may be out already");
    assert_eq!(swept_later(&world).await, Swept::default());
}

pub(crate) async fn posts_of_an_edited_persona_go_to_the_judges_and_their_parts_after_them(world: World) {
    let (_, tasks) = world.planned().await;
    world.done(tasks[0].id).await;
    let (approved, _) = world.approved().await;
    let (waiting, ..) = world.waiting_for_a_person().await;
    let agent = world.edit_persona().await;
    let found = swept_later(&world).await;
    assert_eq!(sorted(&found.review), sorted(&[tasks[2].id, approved.id, waiting.id]));
    assert_eq!((found.cancelled, found.ready, found.approved), (vec![], vec![], vec![]), "someone waits for the parts");

    let posts = world.store.outdated_posts(&found.review).await.unwrap();
    assert_eq!(posts.len(), 3);
    let post = &posts[0];
    assert_eq!((&post.task, &post.agent), (&world.stored(tasks[2].id).await, &agent));
    assert_eq!(post.parts, [world.stored(tasks[0].id).await, world.stored(tasks[1].id).await]);
    assert_eq!(post.inputs.len(), 1, "only the words are made");
    let artifact = fixtures::artifact(&world.ambient, &post.task);
    let ruling = world.ruling(&post.task, &artifact, TaskEvent::Cancel);
    world.store.task_decide(vec![ruling], world.ambient.now()).await.unwrap();
    let cancelled = world.stored(tasks[2].id).await;
    assert_eq!((cancelled.state, cancelled.cancel_reason), (TaskState::Cancelled, Some(CancelReason::PersonaChanged)));
    // Nobody waits for the picture any more.
    assert_eq!(sweep(&world).await.cancelled, [tasks[1].id]);
    assert_eq!(world.stored(tasks[1].id).await.cancel_reason, Some(CancelReason::PersonaChanged));
    assert_eq!(world.stored(tasks[0].id).await.state, TaskState::Done);
}

pub(crate) async fn a_persona_edited_back_takes_its_work_up_again(world: World) {
    let (_, tasks) = world.planned().await;
    world.edit_persona().await;
    assert_eq!(sweep(&world).await, Swept::default());
    world.store.agent_save(&world.agent).await.unwrap();
    let found = swept_later(&world).await;
    assert_eq!(sorted(&found.ready), sorted(&[tasks[0].id, tasks[1].id]));
    assert_eq!(world.store.outdated_posts(&[tasks[2].id]).await.unwrap(), []);
}

pub(crate) async fn a_plan_made_under_an_old_persona_is_not_committed(world: World) {
    let signal = world.signal();
    let tasks = fixtures::dag(&world.ambient, &world.campaign, &world.agent, &signal);
    let present = world.edit_persona().await;
    let refused = world.store.plan_commit(&world.plan(vec![signal], tasks)).await.unwrap_err();
    let PlanError::PersonaMoved { agent_id, present: found, .. } = refused else { panic!("{refused:?}") };
    assert_eq!((agent_id, found), (world.agent.id, present.soul_hash));
}
