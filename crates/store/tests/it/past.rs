//! A restored past: nothing of it goes out by itself, and nothing of it is stuck.

use chimera_domain::{
    Actor, AgentTask, Ambient as _, Campaign, CampaignStatus, PublicationId, PublicationState, Resolution,
    StateVersion, TaskEvent, TaskId, TaskPayload, TaskState, TaskType, TenantId,
};
use chimera_store::{
    AuditFilter, Claim, PlanError, PublishOutcome, Store, StoreConfig,
    backup::{Backup, RestoreError, Restored, Restoring},
};
use uuid::Uuid;

use crate::{
    backup::{self, Bed, order},
    publishing::settlement,
    sweeping::LIMITS,
    tickets::answer,
    world::{LEASE, World},
};

fn claim(world: &World) -> Claim<'static> {
    Claim::new("worker", LEASE, world.ambient.now())
}

/// Restores as after a loss.
async fn restore(bed: &Bed, world: &World, store: &Store) -> Restored {
    let archive = bed.check("past.tar.gz").await;
    let how = Restoring { keep_running: false, keep_damaged: false, now: world.ambient.now() };
    let store = store.acting_as(Actor::operator("mara"));
    store.restore(&archive, &bed.blobs("restored-media"), how, &|_| {}).await.unwrap()
}

pub(crate) async fn a_restored_fleet_is_paused_and_its_leases_are_over(world: World) {
    let bed = Bed::new();
    let ready = world.ready(TaskType::GenerateText).await;
    let executing = world.claimed(world.ready(TaskType::GenerateText).await.id, "worker").await;
    let (approved, _) = world.approved().await;
    let (publishing, _) = world.approved().await;
    let case = world.begin(&[publishing.id], "publisher", LEASE).await.remove(0);
    bed.backup(&world.store, "past.tar.gz").await;

    let store = bed.empty(world.store.backend(), "past.db").await;
    let restored = restore(&bed, &world, &store).await;
    assert_eq!(restored.paused, [world.campaign.slug.clone()]);
    assert_eq!(restored.leases_ended, 2);
    let campaign = store.campaign_by_id(world.campaign.id).await.unwrap().unwrap();
    assert_eq!(
        (campaign.status, campaign.state_version),
        (CampaignStatus::Paused, world.campaign.state_version.next())
    );

    // Who did that, and from which backup, is on record.
    let entries = store.audit_entries(&AuditFilter { limit: 2, ..AuditFilter::default() }).await.unwrap();
    let acts: Vec<_> = entries.iter().map(|entry| (entry.action.as_str(), entry.actor.as_str())).collect();
    assert_eq!(acts, [("campaign_status_set", "operator:mara"), ("database_restored", "operator:mara")]);
    assert!(entries[1].details.contains("taken_at"), "{:?}", entries[1]);
    assert_eq!(store.audit_verify(&[]).await.unwrap().findings, []);

    // Nothing planned on the old version, nothing claimed, nothing published.
    let plan = world.plan(vec![world.signal()], vec![]);
    let refused = store.plan_commit(&plan).await.unwrap_err();
    assert!(!matches!(refused, PlanError::Store(_)), "{refused:?}");
    assert_eq!(store.task_claim(&[ready.id], claim(&world)).await.unwrap().tasks, []);
    let now = world.ambient.now();
    let new_id = PublicationId::generate(&world.ambient);
    assert_eq!(store.publish_begin(&[approved.id], "publisher", LEASE, now, &[new_id]).await.unwrap(), []);

    // What was being executed is put back, and its old holder is fenced off.
    let swept = store.sweep(LIMITS, now).await.unwrap();
    assert_eq!((swept.ready.as_slice(), swept.stale_publishing), ([executing.id].as_slice(), 1));
    let late = world.submission(&executing, &chimera_testkit::fixtures::artifact(&world.ambient, &executing));
    assert_eq!(store.task_submit(vec![late], now).await.unwrap().fenced, [executing.id]);

    // What was being published is looked up, paused or not.
    let stale = store.publish_stale("next", LEASE, 9).await.unwrap();
    assert_eq!(stale.len(), 1);
    assert!(stale[0].previously_attempted);
    assert_eq!((stale[0].task.id, stale[0].publication.id), (publishing.id, case.publication.id));
    assert_eq!(stale[0].publication.state, PublicationState::Attempting);
    assert_eq!(stale[0].publication.idempotency_key, case.publication.idempotency_key);

    // The operator resumes; the fleet goes on, with the same key as ever.
    resume(&store, &campaign, &world).await;
    assert_eq!(store.task_claim(&[ready.id], claim(&world)).await.unwrap().tasks.len(), 1);
    let begun = store.publish_begin(&[approved.id], "publisher", LEASE, now, &[new_id]).await.unwrap();
    let before = world.begin(&[approved.id], "publisher", LEASE).await;
    assert_eq!(begun[0].publication.idempotency_key, before[0].publication.idempotency_key);
}

async fn resume(store: &Store, campaign: &Campaign, world: &World) {
    let now = world.ambient.now();
    store.campaign_set_status(campaign.id, campaign.state_version, CampaignStatus::Active, now).await.unwrap();
}

pub(crate) async fn what_was_paused_or_over_stays_so(world: World) {
    let bed = Bed::new();
    let now = world.ambient.now();
    let paused =
        world.store.campaign_set_status(world.campaign.id, world.campaign.state_version, CampaignStatus::Paused, now);
    let paused = paused.await.unwrap();
    let other = chimera_testkit::fixtures::campaign(&world.ambient, &world.agent);
    let other = world.store.campaign_save(&other).await.unwrap();
    let ended =
        world.store.campaign_set_status(other.id, other.state_version, CampaignStatus::Ended, now).await.unwrap();
    bed.backup(&world.store, "past.tar.gz").await;
    let store = bed.empty(world.store.backend(), "past.db").await;
    assert_eq!(restore(&bed, &world, &store).await.paused, Vec::<String>::new());
    assert_eq!(store.campaign_by_id(paused.id).await.unwrap(), Some(paused));
    assert_eq!(store.campaign_by_id(ended.id).await.unwrap(), Some(ended));
}

pub(crate) async fn only_an_empty_database_is_restored_into(world: World) {
    let bed = Bed::new();
    let (task, artifact) = world.in_review(world.ready(TaskType::GenerateText).await.id).await;
    backup::keep_media(&bed.blobs("media"), &artifact).await;
    bed.backup(&world.store, "past.tar.gz").await;
    let archive = bed.check("past.tar.gz").await;
    for refused in [
        world.store.restorable(&archive).await.unwrap_err(),
        bed.restore(&world.store, "past.tar.gz").await.unwrap_err(),
    ] {
        let told = refused.to_string();
        let RestoreError::NotEmpty { tables } = refused else { panic!("{refused:?}") };
        assert!(tables.contains(&"agents".to_owned()) && tables.contains(&"tool_calls".to_owned()), "{tables:?}");
        assert!(!tables.contains(&"publications".to_owned()), "that one is empty: {tables:?}");
        assert!(told.contains("--data-dir") && told.contains("database.url"), "{told}");
    }
    assert_eq!(world.stored(task.id).await, task);
    assert!(!bed.path("restored-media").exists(), "nothing is written");

    // One row of another tenant is enough.
    let store = bed.empty(world.store.backend(), "other.db").await;
    store.restorable(&archive).await.unwrap();
    assert!(store.migrations().await.unwrap().iter().all(|migration| !migration.applied), "asking writes nothing");
    store.migrate().await.unwrap();
    store.restorable(&archive).await.unwrap();
    let alert = chimera_testkit::fixtures::alert(&world.ambient, chimera_domain::AlertKind::DeadLetter, "a");
    store.alerts_raise(&[alert]).await.unwrap();
    assert!(matches!(store.restorable(&archive).await, Err(RestoreError::NotEmpty { tables }) if tables == ["alerts"]));
}

pub(crate) async fn another_tenants_rows_stay_out_and_its_archives_are_refused(world: World) {
    let bed = Bed::new();
    let tenant = TenantId::from_uuid(Uuid::from_u128(77));
    let other = Store::connect(&StoreConfig { tenant, ..world.config.clone() }).await.unwrap();
    let theirs = chimera_domain::Agent { tenant_id: tenant, ..chimera_testkit::fixtures::agent(&world.ambient) };
    other.agent_save(&theirs).await.unwrap();
    let backup = bed.backup(&world.store, "past.tar.gz").await;
    assert_eq!(backup.manifest.header.tenant, TenantId::DEFAULT);
    let rows = |of: &Backup| -> Vec<u64> { of.manifest.tables.iter().map(|table| table.rows).collect() };
    assert_eq!(rows(&backup)[..2], [1, 1], "one agent and one campaign");
    let backup = other.backup(&bed.blobs("media"), &order(&bed.path("theirs.tar.gz")), &|_| {}).await.unwrap();
    assert_eq!(rows(&backup)[..2], [1, 0], "one agent and no campaign");
    let store = bed.empty(world.store.backend(), "past.db").await;
    let refused = bed.restore(&store, "theirs.tar.gz").await.unwrap_err();
    assert!(matches!(refused, RestoreError::ForeignTenant { found, .. } if found == tenant), "{refused:?}");
}

pub(crate) async fn a_restored_fleet_works_on(world: World) {
    let bed = Bed::new();
    let (_, tasks) = world.planned().await;
    world.done(tasks[0].id).await;
    bed.backup(&world.store, "past.tar.gz").await;
    let store = bed.empty(world.store.backend(), "past.db").await;
    bed.restore(&store, "past.tar.gz").await.unwrap();
    let claimed = store.task_claim(&[tasks[1].id], claim(&world)).await.unwrap().tasks.remove(0);
    let artifact = chimera_testkit::fixtures::artifact(&world.ambient, &claimed);
    store.task_submit(vec![world.submission(&claimed, &artifact)], world.ambient.now()).await.unwrap();
    let reviewed = store.tasks_by_ids(&[claimed.id]).await.unwrap().remove(0);
    let ruling = world.ruling(&reviewed, &artifact, TaskEvent::Approve);
    let decided = store.task_decide(vec![ruling], world.ambient.now()).await.unwrap();
    assert_eq!(decided.ready, [tasks[2].id], "its last parent is done, so the post is ready");
    let post = store.tasks_by_ids(&[tasks[2].id]).await.unwrap().remove(0);
    assert_eq!((post.state, post.state_version), (TaskState::Ready, StateVersion::new(2)));
}

/// An unfinished post of every kind, in order: planned, approved, approved and certainly absent, in review, and one about
/// which a person is asked.
async fn unfinished(world: &World) -> Vec<TaskId> {
    let planned = world.ready(TaskType::AssemblePost).await;
    let (approved, _) = world.approved().await;
    let (absent, _) = world.approved().await;
    let case = world.begin(&[absent.id], "publisher", LEASE).await.remove(0);
    let busy = settlement(
        &case,
        PublishOutcome::Absent { error: "503".to_owned(), sure: true, rest: std::time::Duration::ZERO },
        None,
    );
    world.store.publish_settle(vec![busy], world.ambient.now()).await.unwrap();
    let (reviewed, _) = world.in_review(world.ready(TaskType::AssemblePost).await.id).await;
    let (asked, ..) = world.waiting_for_a_person().await;
    vec![planned.id, approved.id, absent.id, reviewed.id, asked.id]
}

async fn task(store: &Store, id: TaskId) -> AgentTask {
    store.tasks_by_ids(&[id]).await.unwrap().remove(0)
}

pub(crate) async fn what_may_have_gone_out_since_the_backup_is_in_doubt(world: World) {
    let bed = Bed::new();
    let posts = unfinished(&world).await;
    let [planned, approved, absent, reviewed, asked] = posts[..] else { panic!("{posts:?}") };
    let part = world.ready(TaskType::GenerateText).await;
    let (published, _) = world.approved().await;
    let case = world.begin(&[published.id], "publisher", LEASE).await.remove(0);
    let out = PublishOutcome::Confirmed { external_id: "p-1".to_owned(), url: None };
    world.store.publish_settle(vec![settlement(&case, out, None)], world.ambient.now()).await.unwrap();
    bed.backup(&world.store, "past.tar.gz").await;

    let store = bed.empty(world.store.backend(), "past.db").await;
    let restored = restore(&bed, &world, &store).await;
    assert_eq!((restored.posts_in_doubt, restored.posts_to_ask), (4, 1));
    // What is at its end, and what never goes out by itself, is as it was.
    for id in [published.id, part.id] {
        assert_eq!(task(&store, id).await, world.stored(id).await);
    }
    // Whatever is planned in their place carries the mark on.
    for id in &posts {
        let (before, after) = (world.stored(*id).await, task(&store, *id).await);
        assert!(after.is_tainted() && after.payload.taint.contains(&TaskPayload::RESTORED.to_owned()));
        assert_eq!((after.state, after.state_version), (before.state, before.state_version.next()));
        let again = after.renewed(after.task_type, vec![], "better", &world.ambient);
        assert_eq!(again.payload.taint, after.payload.taint);
    }
    // The ledger says that nobody knows.
    for (id, attempts) in [(approved, 0), (absent, 1), (reviewed, 0), (asked, 0)] {
        let trace = world.stored(id).await.trace_id;
        let entries = store.trace(trace).await.unwrap().unwrap().publications;
        assert_eq!(entries.len(), 1);
        assert_eq!((entries[0].state, entries[0].attempts), (PublicationState::Unknown, attempts));
        assert!(entries[0].last_error.as_ref().unwrap().contains("when the backup was taken"), "{entries:?}");
    }
    assert_eq!(store.trace(world.stored(planned).await.trace_id).await.unwrap().unwrap().publications, []);
    // Whoever is asked is told.
    let waiting = task(&store, asked).await;
    let ticket = store.ticket_by_id(waiting.hitl_ticket_id.unwrap()).await.unwrap().unwrap();
    assert!(ticket.reasoning_trace.contains("Restored: it may have gone out after"), "{}", ticket.reasoning_trace);
    assert_eq!(store.audit_verify(&[]).await.unwrap().findings, []);

    // Resumed: whoever publishes them is told to look first, once a person has agreed, too.
    let campaign = store.campaign_by_id(world.campaign.id).await.unwrap().unwrap();
    resume(&store, &campaign, &world).await;
    let artifact = store.trace(waiting.trace_id).await.unwrap().unwrap().artifacts.remove(0);
    let yes = answer(&world, (&waiting, &artifact, &ticket), Resolution::Approved, "mara");
    store.ticket_resolve(&yes, world.ambient.now()).await.unwrap();
    let ids = [approved, absent, asked];
    let new: Vec<_> = ids.iter().map(|_| PublicationId::generate(&world.ambient)).collect();
    let begun = store.publish_begin(&ids, "publisher", LEASE, world.ambient.now(), &new).await.unwrap();
    assert_eq!(begun.len(), 3);
    assert!(
        begun.iter().all(|case| case.previously_attempted && case.publication.state == PublicationState::Attempting)
    );

    // A backup of the restored past can be restored, and nothing is marked twice.
    let again = bed.empty(world.store.backend(), "again.db").await;
    std::fs::remove_file(bed.path("past.tar.gz")).unwrap();
    bed.backup(&store, "past.tar.gz").await;
    restore(&bed, &world, &again).await;
    let marks = task(&again, planned).await.payload.taint;
    assert_eq!(marks.iter().filter(|mark| *mark == TaskPayload::RESTORED).count(), 1);
}

pub(crate) async fn a_fleet_that_moves_house_is_in_no_doubt(world: World) {
    let bed = Bed::new();
    let posts = unfinished(&world).await;
    bed.backup(&world.store, "past.tar.gz").await;
    let store = bed.empty(world.store.backend(), "past.db").await;
    let restored = bed.restore(&store, "past.tar.gz").await.unwrap();
    assert_eq!((restored.posts_in_doubt, restored.posts_to_ask), (0, 0));
    for id in posts {
        assert_eq!(task(&store, id).await, world.stored(id).await);
    }
    assert_eq!(store.task_counts().await.unwrap(), world.store.task_counts().await.unwrap());
}
