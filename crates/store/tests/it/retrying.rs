//! Dead letters put back to work, and what was cancelled with them.

use chimera_domain::{
    Actor, AgentTask, AlertKind, Ambient as _, CampaignStatus, CancelReason, Outdated, PublicationState, StateVersion,
    TaskEvent, TaskId, TaskState, TaskType,
};
use chimera_store::{AuditFilter, NotRetried, PublishOutcome, Release, Retried};
use chimera_testkit::fixtures;
use sea_orm::{ConnectionTrait as _, Database};

use crate::{
    publishing::settlement,
    world::{LEASE, World, sorted},
};

/// A worker gives the task up.
async fn fails(world: &World, id: TaskId) {
    let held = world.claimed(id, "worker").await;
    let release = Release {
        task_id: id,
        version: held.state_version,
        error: "no use".to_owned(),
        exhausted: true,
        uncounted: false,
        tool_calls: vec![],
    };
    let alert = fixtures::alert(&world.ambient, AlertKind::DeadLetter, &id.to_string());
    let released = world.store.task_release(vec![release], vec![alert], world.ambient.now()).await.unwrap();
    assert_eq!(released.failed, [id]);
}

async fn retry(world: &World, ids: &[TaskId]) -> Retried {
    let store = world.store.acting_as(Actor::operator("mara"));
    store.task_retry_failed(ids, world.ambient.now()).await.unwrap()
}

fn refused(id: TaskId, why: NotRetried) -> Retried {
    Retried { refused: vec![(id, why)], ..Retried::default() }
}

/// Words, the post that needs them, and a reply that needs the post.
async fn chain(world: &World) -> [AgentTask; 3] {
    let signal = world.signal();
    let words = world.task(&signal, TaskType::GenerateText, vec![]);
    let post = world.task(&signal, TaskType::AssemblePost, vec![words.id]);
    let reply = world.task(&signal, TaskType::ReplyComment, vec![post.id]);
    let tasks = [words, post, reply];
    world.store.plan_commit(&world.plan(vec![signal], tasks.to_vec())).await.unwrap();
    tasks
}

pub(crate) async fn a_dead_letter_is_made_again_and_what_waited_for_it_waits_again(world: World) {
    let tasks = chain(&world).await;
    let [words, post, reply] = &tasks;
    fails(&world, words.id).await;
    use TaskState::{Cancelled, Failed, Pending, Ready};
    assert_eq!(world.states(&tasks).await, [Failed, Cancelled, Cancelled]);
    assert_eq!(world.stored(reply.id).await.cancel_reason, Some(CancelReason::Dependency));
    assert_eq!(world.store.dead_letters(None).await.unwrap(), [words.id]);
    assert_eq!(world.store.dead_letters(Some(world.campaign.id)).await.unwrap(), [words.id]);
    assert_eq!(world.store.alerts_open(9).await.unwrap().len(), 1);

    let retried = retry(&world, &[words.id]).await;
    assert_eq!((&retried.ready, &retried.approved, &retried.refused), (&vec![words.id], &vec![], &vec![]));
    assert_eq!(sorted(&retried.revived), sorted(&[post.id, reply.id]));
    assert_eq!(world.states(&tasks).await, [Ready, Pending, Pending]);
    let back = world.stored(words.id).await;
    assert_eq!((back.attempts, back.state_version), (0, StateVersion::new(4)));
    let waits = world.stored(post.id).await;
    assert_eq!((waits.cancel_reason, waits.state_version), (None, StateVersion::new(3)));
    assert_eq!(world.store.alerts_open(9).await.unwrap(), [], "whoever retries has read why");
    let mara = AuditFilter { actor: Some("operator:mara".to_owned()), limit: 9, ..AuditFilter::default() };
    let mut acts: Vec<String> =
        world.store.audit_entries(&mara).await.unwrap().into_iter().map(|entry| entry.action).collect();
    acts.sort();
    assert_eq!(acts, ["task_retried", "task_revived", "task_revived"]);

    world.done(words.id).await;
    let (task, artifact) = world.in_review(post.id).await;
    let approve = world.ruling(&task, &artifact, TaskEvent::Approve);
    let decided = world.store.task_decide(vec![approve], world.ambient.now()).await.unwrap();
    assert_eq!(decided.approved, [post.id]);
    assert_eq!(retry(&world, &[words.id]).await, refused(words.id, NotRetried::NotDead(TaskState::Done)));
}

pub(crate) async fn what_waits_for_another_dead_letter_stays_cancelled(world: World) {
    let (_, tasks) = world.planned().await;
    let [words, picture, post] = [tasks[0].id, tasks[1].id, tasks[2].id];
    fails(&world, words).await;
    fails(&world, picture).await;
    assert_eq!(retry(&world, &[words]).await, Retried { ready: vec![words], ..Retried::default() });
    assert_eq!(world.stored(post).await.state, TaskState::Cancelled);
    assert_eq!(retry(&world, &[post]).await, refused(post, NotRetried::WaitsForDead(picture)));
    let wanted = Retried { ready: vec![picture], revived: vec![post], ..Retried::default() };
    assert_eq!(retry(&world, &[picture]).await, wanted);

    // Both at once.
    let (_, tasks) = world.planned().await;
    fails(&world, tasks[0].id).await;
    fails(&world, tasks[1].id).await;
    let retried = retry(&world, &[tasks[0].id, tasks[1].id]).await;
    assert_eq!((sorted(&retried.ready), retried.revived), (sorted(&[tasks[0].id, tasks[1].id]), vec![tasks[2].id]));
}

pub(crate) async fn what_was_cancelled_for_another_reason_stays_so(world: World) {
    let tasks = chain(&world).await;
    let [words, post, reply] = &tasks;
    // A judge withdraws the reply, then the words fail.
    let artifact = fixtures::artifact(&world.ambient, reply);
    let withdraw = world.ruling(&world.stored(reply.id).await, &artifact, TaskEvent::Cancel);
    world.store.task_decide(vec![withdraw], world.ambient.now()).await.unwrap();
    fails(&world, words.id).await;
    let retried = retry(&world, &[words.id, reply.id]).await;
    assert_eq!(retried.revived, [post.id]);
    assert_eq!(retried.refused, [(reply.id, NotRetried::NotDead(TaskState::Cancelled))]);
    assert_eq!(world.stored(reply.id).await.cancel_reason, Some(CancelReason::Withdrawn));
}

pub(crate) async fn a_cancelled_task_is_revived_when_what_it_waited_for_lives(world: World) {
    let tasks = chain(&world).await;
    let [words, post, reply] = &tasks;
    fails(&world, words.id).await;
    // Someone else has mended the words.
    let db = Database::connect(world.config.url.as_str()).await.unwrap();
    db.execute_unprepared("UPDATE agent_tasks SET state = 'DONE' WHERE state = 'FAILED'").await.unwrap();
    let retried = retry(&world, &[post.id]).await;
    assert_eq!(sorted(&retried.revived), sorted(&[post.id, reply.id]), "what waited for it waits again, too");
    assert_eq!(retried.ready, [post.id], "nothing holds it back");
    assert_eq!(world.stored(post.id).await.state, TaskState::Ready);
    let unknown = TaskId::generate(&world.ambient);
    assert_eq!(retry(&world, &[unknown]).await, refused(unknown, NotRetried::Unknown));
}

pub(crate) async fn a_refused_post_is_published_again_under_the_same_key(world: World) {
    let (task, artifact) = world.approved().await;
    let first = world.begin(&[task.id], "publisher", LEASE).await.remove(0);
    let no = settlement(&first, PublishOutcome::Refused { error: "given up after 5 attempts".to_owned() }, None);
    assert_eq!(world.store.publish_settle(vec![no], world.ambient.now()).await.unwrap().failed, [task.id]);

    assert_eq!(retry(&world, &[task.id]).await, Retried { approved: vec![task.id], ..Retried::default() });
    let back = world.stored(task.id).await;
    assert_eq!((back.state, back.result_artifact), (TaskState::Approved, Some(artifact.id)));
    let second = world.begin(&[task.id], "publisher", LEASE).await.remove(0);
    assert_eq!(second.publication.id, first.publication.id);
    assert_eq!(second.publication.idempotency_key, first.publication.idempotency_key);
    assert_eq!((second.publication.attempts, second.previously_attempted), (1, false));
    let out = PublishOutcome::Confirmed { external_id: "post-1".to_owned(), url: None };
    let settled = world.store.publish_settle(vec![settlement(&second, out, None)], world.ambient.now()).await;
    assert_eq!(settled.unwrap().published, [task.id]);
}

pub(crate) async fn a_post_that_may_be_out_is_not_retried(world: World) {
    let (task, _) = world.approved().await;
    let case = world.begin(&[task.id], "publisher", LEASE).await.remove(0);
    let no = settlement(&case, PublishOutcome::Refused { error: "no".to_owned() }, None);
    world.store.publish_settle(vec![no], world.ambient.now()).await.unwrap();
    let dead = world.stored(task.id).await;
    let db = Database::connect(world.config.url.as_str()).await.unwrap();
    for state in [PublicationState::Unknown, PublicationState::Attempting, PublicationState::Confirmed] {
        db.execute_unprepared(&format!("UPDATE publications SET state = '{state}'")).await.unwrap();
        assert_eq!(retry(&world, &[task.id]).await, refused(task.id, NotRetried::PerhapsOut));
        assert_eq!(world.stored(task.id).await, dead);
    }
}

pub(crate) async fn the_campaign_is_asked(world: World) {
    let (words, other) = (world.ready(TaskType::GenerateText).await, world.ready(TaskType::GenerateText).await);
    fails(&world, words.id).await;
    let (campaign, now) = (&world.campaign, world.ambient.now());
    let set = async |version, status| {
        world.store.campaign_set_status(campaign.id, version, status, now).await.unwrap().state_version
    };
    let version = set(campaign.state_version, CampaignStatus::Paused).await;
    assert_eq!(retry(&world, &[words.id]).await, refused(words.id, NotRetried::CampaignAtRest));
    let version = set(version, CampaignStatus::Active).await;
    assert_eq!(retry(&world, &[words.id]).await.ready, [words.id]);
    fails(&world, other.id).await;
    let edited = world.edit_brief().await.state_version;
    assert_eq!(edited, version.next());
    let why = Outdated::CampaignEdited { planned: campaign.state_version, edited };
    assert_eq!(retry(&world, &[other.id]).await, refused(other.id, NotRetried::Outdated(why)));
    set(edited, CampaignStatus::Ended).await;
    let why = NotRetried::Outdated(Outdated::CampaignEnded);
    assert_eq!(retry(&world, &[other.id]).await, refused(other.id, why));
    assert_eq!(world.stored(other.id).await.state, TaskState::Failed);
}

pub(crate) async fn of_two_operators_one_retries(world: World) {
    for _ in 0..6 {
        let tasks = chain(&world).await;
        fails(&world, tasks[0].id).await;
        let ids = [tasks[0].id];
        let (first, second) = tokio::join!(retry(&world, &ids), retry(&world, &ids));
        let (won, lost) = if first.ready.is_empty() { (second, first) } else { (first, second) };
        assert_eq!((won.ready.as_slice(), won.revived.len()), (ids.as_slice(), 2));
        assert_eq!(lost, refused(ids[0], NotRetried::NotDead(TaskState::Ready)));
        assert_eq!(world.stored(tasks[1].id).await.state_version, StateVersion::new(3), "revived once");
    }
}

pub(crate) async fn a_part_that_is_done_while_its_post_is_revived_starts_it(world: World) {
    for _ in 0..8 {
        let (_, tasks) = world.planned().await;
        fails(&world, tasks[0].id).await;
        let (picture, made) = world.in_review(tasks[1].id).await;
        let approve = world.ruling(&picture, &made, TaskEvent::Approve);
        let ids = [tasks[0].id];
        let deciding = world.store.task_decide(vec![approve], world.ambient.now());
        let (decided, retried) = tokio::join!(deciding, retry(&world, &ids));
        assert_eq!(decided.unwrap().applied, [picture.id]);
        assert_eq!((retried.ready.as_slice(), retried.revived.as_slice()), (ids.as_slice(), &[tasks[2].id][..]));
        world.done(tasks[0].id).await;
        assert_eq!(world.stored(tasks[2].id).await.state, TaskState::Ready);
    }
}
