//! The publish ledger.

use chimera_domain::{
    AgentTask, AlertKind, Ambient as _, Artifact, CampaignStatus, HitlTicket, Publication, PublicationId,
    PublicationState, Question, Resolution, StateVersion, TaskEvent, TaskId, TaskState, Verdict,
};
use chimera_store::{PublishCase, PublishOutcome, Settled, Settlement, StoreError, TicketError};
use chimera_testkit::{SeededAmbient, fixtures};
use sea_orm::{ConnectionTrait as _, Database};

use crate::{
    sweeping::sweep,
    tickets::answer,
    world::{LEASE, MOMENT, World, eventually, sorted},
};

pub(crate) fn settlement(case: &PublishCase, outcome: PublishOutcome, ticket: Option<HitlTicket>) -> Settlement {
    let ambient = SeededAmbient::new(case.publication.attempts.into()).at(case.task.created_at);
    Settlement {
        task_id: case.task.id,
        task_version: case.task.state_version,
        publication_id: case.publication.id,
        publication_version: case.publication.state_version,
        outcome,
        tool_calls: vec![fixtures::tool_call(&ambient, &case.task)],
        ticket,
        alert: None,
    }
}

fn confirmed() -> PublishOutcome {
    PublishOutcome::Confirmed { external_id: "post-1".to_owned(), url: Some("https://example.org/post-1".to_owned()) }
}

async fn ledger(world: &World, case: &PublishCase) -> Publication {
    world.store.trace(case.task.trace_id).await.unwrap().unwrap().publications.remove(0)
}

pub(crate) async fn a_confirmed_post_is_published_once(world: World) {
    let (task, artifact) = world.approved().await;
    let new_id = PublicationId::generate(&world.ambient);
    let now = world.ambient.now();
    let mut begun = world.store.publish_begin(&[task.id], "publisher", LEASE, now, &[new_id]).await.unwrap();
    let case = begun.remove(0);
    let publication = Publication {
        id: new_id,
        tenant_id: task.tenant_id,
        trace_id: task.trace_id,
        task_id: task.id,
        artifact_id: artifact.id,
        channel: artifact.channel,
        idempotency_key: Publication::idempotency_key(artifact.id, &artifact.content_hash),
        state: PublicationState::Attempting,
        attempts: 1,
        external_id: None,
        url: None,
        last_error: None,
        state_version: StateVersion::FIRST,
        created_at: now,
        updated_at: now,
    };
    let publishing = chimera_domain::AgentTask {
        state: TaskState::Publishing,
        state_version: task.state_version.next(),
        lease_owner: Some("publisher".to_owned()),
        updated_at: now,
        ..task.clone()
    };
    let wanted = PublishCase {
        task: publishing,
        artifact,
        publication: publication.clone(),
        agent: world.agent.clone(),
        campaign: world.campaign.clone(),
        previously_attempted: false,
        approved_at: Some(task.updated_at),
    };
    assert_eq!(case, wanted);
    assert_eq!(world.stored(task.id).await, case.task);
    assert_eq!(ledger(&world, &case).await, publication);
    assert_eq!(world.begin(&[task.id], "second", LEASE).await, [], "it is under way already");

    let now = world.ambient.now();
    let call = settlement(&case, confirmed(), None);
    let settled = world.store.publish_settle(vec![call.clone()], now).await.unwrap();
    assert_eq!(settled, Settled { published: vec![task.id], ..Settled::default() });
    let published = chimera_domain::AgentTask {
        state: TaskState::Published,
        state_version: case.task.state_version.next(),
        lease_owner: None,
        updated_at: now,
        ..case.task.clone()
    };
    assert_eq!(world.stored(task.id).await, published);
    let out = Publication {
        state: PublicationState::Confirmed,
        external_id: Some("post-1".to_owned()),
        url: Some("https://example.org/post-1".to_owned()),
        state_version: StateVersion::FIRST.next(),
        updated_at: now,
        ..publication
    };
    assert_eq!(ledger(&world, &case).await, out);
    // Told twice, the second is fenced and changes nothing.
    let settled = world.store.publish_settle(vec![call], world.ambient.now()).await.unwrap();
    assert_eq!(settled, Settled { fenced: vec![task.id], ..Settled::default() });
    assert_eq!(ledger(&world, &case).await, out);
}

pub(crate) async fn a_paused_campaign_publishes_nothing(world: World) {
    let (task, _) = world.approved().await;
    let (campaign, now) = (&world.campaign, world.ambient.now());
    let version = campaign.state_version;
    world.store.campaign_set_status(campaign.id, version, CampaignStatus::Paused, now).await.unwrap();
    assert_eq!(world.begin(&[task.id], "publisher", LEASE).await, []);
    assert_eq!(world.stored(task.id).await, task);
    assert_eq!(world.store.trace(task.trace_id).await.unwrap().unwrap().publications, []);
    world.store.campaign_set_status(campaign.id, version.next(), CampaignStatus::Active, now).await.unwrap();
    assert_eq!(world.begin(&[task.id], "publisher", LEASE).await.len(), 1);
    let refused = world.store.publish_begin(&[task.id], "publisher", LEASE, now, &[]).await.unwrap_err();
    assert!(matches!(refused, StoreError::TooFewIds { given: 0, wanted: 1 }), "{refused:?}");
}

pub(crate) async fn an_absent_post_is_tried_again_with_the_same_key(world: World) {
    let (task, _) = world.approved().await;
    let first = world.begin(&[task.id], "publisher", LEASE).await.remove(0);
    let absent = settlement(
        &first,
        PublishOutcome::Absent { error: "503".to_owned(), sure: true, rest: std::time::Duration::ZERO },
        None,
    );
    let settled = world.store.publish_settle(vec![absent], world.ambient.now()).await.unwrap();
    assert_eq!(settled, Settled { approved_again: vec![task.id], ..Settled::default() });
    let entry = ledger(&world, &first).await;
    assert_eq!((entry.state, entry.last_error.as_deref()), (PublicationState::Absent, Some("503")));
    assert_eq!(world.stored(task.id).await.last_error.as_deref(), Some("503"));

    let second = world.begin(&[task.id], "publisher", LEASE).await.remove(0);
    assert!(!second.previously_attempted, "the platform said that it is not there");
    let rearmed = Publication {
        state: PublicationState::Attempting,
        attempts: 2,
        state_version: entry.state_version.next(),
        updated_at: second.publication.updated_at,
        ..entry
    };
    assert_eq!(second.publication, rearmed);
    assert_eq!(ledger(&world, &second).await, rearmed);
    let settled = world.store.publish_settle(vec![settlement(&second, confirmed(), None)], world.ambient.now()).await;
    assert_eq!(settled.unwrap().published, [task.id]);
}

/// The rest is in the ledger, so whoever publishes keeps to it.
pub(crate) async fn a_post_rests_as_long_as_the_ledger_says(world: World) {
    let (task, _) = world.approved().await;
    let (other, _) = world.approved().await;
    let first = world.begin(&[task.id], "publisher", LEASE).await.remove(0);
    let busy = PublishOutcome::Absent { error: "429".to_owned(), sure: true, rest: LEASE };
    world.store.publish_settle(vec![settlement(&first, busy, None)], world.ambient.now()).await.unwrap();
    let rested = world.stored(task.id).await;
    assert_eq!(rested.state, TaskState::Approved);
    // The database's clock says when it is over, not a process's. The others go on.
    world.ambient.advance(chrono::Duration::hours(1));
    assert_eq!(sweep(&world).await.approved, [other.id]);
    let begun = world.begin(&[task.id, other.id], "another", LEASE).await;
    assert_eq!(begun.iter().map(|case| case.task.id).collect::<Vec<_>>(), [other.id]);
    assert_eq!((world.stored(task.id).await, ledger(&world, &first).await.attempts), (rested, 1));

    let db = Database::connect(world.config.url.as_str()).await.unwrap();
    let over = "UPDATE publications SET not_before_ms = 1 WHERE not_before_ms IS NOT NULL";
    assert_eq!(db.execute_unprepared(over).await.unwrap().rows_affected(), 1);
    assert_eq!(sweep(&world).await.approved, [task.id]);
    let again = world.begin(&[task.id], "another", LEASE).await.remove(0);
    assert_eq!(again.publication.attempts, 2);
    world.store.publish_settle(vec![settlement(&again, confirmed(), None)], world.ambient.now()).await.unwrap();
    assert_eq!(db.execute_unprepared(over).await.unwrap().rows_affected(), 0, "it rests no more");
}

/// What was begun but not called, because the campaign was paused meanwhile, is as if it had not begun.
pub(crate) async fn what_was_not_called_counts_as_not_begun(world: World) {
    let (task, _) = world.approved().await;
    let case = world.begin(&[task.id], "publisher", LEASE).await.remove(0);
    let (id, version) = (task.id, case.task.state_version);
    assert!(world.store.publish_stands(id, version, world.ambient.now()).await.unwrap());
    assert!(
        !world.store.publish_stands(id, task.state_version, world.ambient.now()).await.unwrap(),
        "another version is another's"
    );
    let (campaign, now) = (&world.campaign, world.ambient.now());
    let paused = CampaignStatus::Paused;
    world.store.campaign_set_status(campaign.id, campaign.state_version, paused, now).await.unwrap();
    assert!(!world.store.publish_stands(id, version, world.ambient.now()).await.unwrap());
    for sure in [true, false] {
        if !sure {
            let version = campaign.state_version.next();
            world.store.campaign_set_status(campaign.id, version, CampaignStatus::Active, now).await.unwrap();
        }
        let case = if sure { case.clone() } else { world.begin(&[id], "publisher", LEASE).await.remove(0) };
        assert_eq!((case.publication.attempts, case.previously_attempted), (1, false));
        let withheld = PublishOutcome::Withheld { why: "paused".to_owned(), sure };
        let settled = world.store.publish_settle(vec![settlement(&case, withheld, None)], now).await.unwrap();
        assert_eq!(settled, Settled { approved_again: vec![id], ..Settled::default() });
        let entry = ledger(&world, &case).await;
        let state = if sure { PublicationState::Absent } else { PublicationState::Unknown };
        assert_eq!((entry.state, entry.attempts, entry.last_error.as_deref()), (state, 0, Some("paused")));
    }
}

/// Brings a post to HITL_QUEUE with the question whether it is out; `case` is the publish call of which nobody knows.
async fn perhaps_out(world: &World) -> (AgentTask, Artifact, HitlTicket, PublishCase) {
    let (task, artifact) = world.approved().await;
    let case = world.begin(&[task.id], "publisher", LEASE).await.remove(0);
    let ticket = HitlTicket { question: Question::IsItOut, ..fixtures::ticket(&world.ambient, &case.task, &artifact) };
    let unknown = settlement(&case, unknown(), Some(ticket.clone()));
    let settled = world.store.publish_settle(vec![unknown], world.ambient.now()).await.unwrap();
    assert_eq!(settled, Settled { waiting: vec![task.id], ..Settled::default() });
    (world.stored(task.id).await, artifact, ticket, case)
}

fn unknown() -> PublishOutcome {
    PublishOutcome::Unknown { error: "cut off".to_owned() }
}

pub(crate) async fn an_unknown_outcome_waits_for_a_person(world: World) {
    let (task, artifact) = world.approved().await;
    let case = world.begin(&[task.id], "publisher", LEASE).await.remove(0);
    let silent = settlement(&case, unknown(), None);
    let refused = world.store.publish_settle(vec![silent], world.ambient.now()).await.unwrap_err();
    assert!(matches!(refused, StoreError::TicketMissing { id } if id == task.id), "{refused:?}");

    let ticket = HitlTicket { question: Question::IsItOut, ..fixtures::ticket(&world.ambient, &case.task, &artifact) };
    let mut asking = settlement(&case, unknown(), Some(ticket.clone()));
    let alert = fixtures::alert(&world.ambient, AlertKind::PublishUnknown, &task.id.to_string());
    asking.alert = Some(alert.clone());
    let settled = world.store.publish_settle(vec![asking], world.ambient.now()).await.unwrap();
    assert_eq!(settled, Settled { waiting: vec![task.id], ..Settled::default() });
    let waiting = world.stored(task.id).await;
    assert_eq!((waiting.state, waiting.hitl_ticket_id), (TaskState::HitlQueue, Some(ticket.id)));
    assert_eq!(world.store.ticket_by_id(ticket.id).await.unwrap().as_ref(), Some(&ticket));
    assert_eq!(world.store.alerts_open(1).await.unwrap(), [alert]);

    use PublicationState::{Absent, Confirmed};
    for (resolution, state, found) in [
        (Resolution::ConfirmedPublished, TaskState::Published, Confirmed),
        (Resolution::Approved, TaskState::Approved, Absent),
        (Resolution::Rejected, TaskState::Rejected, Absent),
    ] {
        let (waiting, artifact, ticket, case) = perhaps_out(&world).await;
        let says = answer(&world, (&waiting, &artifact, &ticket), resolution, "mara");
        let decided = world.store.ticket_resolve(&says, world.ambient.now()).await.unwrap();
        assert_eq!(decided.applied, [waiting.id]);
        assert_eq!((world.stored(waiting.id).await.state, ledger(&world, &case).await.state), (state, found));
        if resolution == Resolution::Approved {
            assert_eq!(decided.approved, [waiting.id]);
            let again = world.begin(&[waiting.id], "publisher", LEASE).await.remove(0);
            assert!(!again.previously_attempted, "the person said that it is not there");
            assert_eq!(again.publication.attempts, 2);
        }
    }
}

pub(crate) async fn a_post_that_may_be_out_is_not_cancelled(world: World) {
    let (asked, artifact, ticket, case) = perhaps_out(&world).await;
    let (gone, its_artifact, its_ticket, _) = perhaps_out(&world).await;
    let cancel = world.ruling(&asked, &artifact, TaskEvent::Cancel);
    let refused = world.store.task_decide(vec![cancel], world.ambient.now()).await.unwrap_err();
    assert!(matches!(refused, StoreError::Illegal { id, .. } if id == asked.id), "{refused:?}");
    let withdraw = answer(&world, (&asked, &artifact, &ticket), Resolution::Withdrawn, "mara");
    let refused = world.store.ticket_resolve(&withdraw, world.ambient.now()).await.unwrap_err();
    assert!(matches!(refused, TicketError::WrongAnswer { .. }), "{refused:?}");

    let (campaign, now) = (&world.campaign, world.ambient.now());
    world.store.campaign_set_status(campaign.id, campaign.state_version, CampaignStatus::Ended, now).await.unwrap();
    assert_eq!(sweep(&world).await.cancelled, []);
    assert_eq!((world.stored(asked.id).await, world.stored(gone.id).await), (asked.clone(), gone.clone()));
    assert_eq!(world.store.ticket_by_id(ticket.id).await.unwrap(), Some(ticket.clone()));
    assert_eq!(ledger(&world, &case).await.state, PublicationState::Unknown);

    // The question can still be answered; one that is not out is then cancelled like everything else.
    let out = answer(&world, (&asked, &artifact, &ticket), Resolution::ConfirmedPublished, "mara");
    world.store.ticket_resolve(&out, world.ambient.now()).await.unwrap();
    let not_out = answer(&world, (&gone, &its_artifact, &its_ticket), Resolution::Approved, "mara");
    world.store.ticket_resolve(&not_out, world.ambient.now()).await.unwrap();
    assert_eq!(sweep(&world).await.cancelled, [gone.id]);
    assert_eq!(world.states(&[asked, gone]).await, [TaskState::Published, TaskState::Cancelled]);
}

pub(crate) async fn nobody_but_the_asked_says_that_a_post_is_out(world: World) {
    let (task, artifact, ticket) = world.waiting_for_a_person().await;
    let says = answer(&world, (&task, &artifact, &ticket), Resolution::ConfirmedPublished, "mara");
    let refused = world.store.ticket_resolve(&says, world.ambient.now()).await.unwrap_err();
    let TicketError::WrongAnswer { id, question, resolution } = refused else { panic!("{refused:?}") };
    assert_eq!((id, question, resolution), (ticket.id, Question::MayPublish, Resolution::ConfirmedPublished));

    // A judge has no say in what waits for a person, neither that it is out nor that it may go out.
    for event in [TaskEvent::ConfirmPublish, TaskEvent::Approve, TaskEvent::Reject] {
        let mut ruling = world.ruling(&task, &artifact, event);
        if event == TaskEvent::ConfirmPublish {
            ruling.decision.verdict = Verdict::Approve;
        }
        let refused = world.store.task_decide(vec![ruling], world.ambient.now()).await.unwrap_err();
        assert!(matches!(refused, StoreError::Illegal { id, .. } if id == task.id), "{refused:?}");
    }
    assert_eq!(world.stored(task.id).await, task);
    assert_eq!(world.store.ticket_by_id(ticket.id).await.unwrap(), Some(ticket));
}

pub(crate) async fn a_refused_post_is_a_dead_letter(world: World) {
    let (task, _) = world.approved().await;
    let case = world.begin(&[task.id], "publisher", LEASE).await.remove(0);
    let refused = settlement(&case, PublishOutcome::Refused { error: "banned word".to_owned() }, None);
    let settled = world.store.publish_settle(vec![refused], world.ambient.now()).await.unwrap();
    assert_eq!(settled, Settled { failed: vec![task.id], ..Settled::default() });
    let dead = world.stored(task.id).await;
    assert_eq!((dead.state, dead.last_error.as_deref()), (TaskState::Failed, Some("banned word")));
    assert_eq!(ledger(&world, &case).await.state, PublicationState::Refused);
}

pub(crate) async fn a_dead_publishers_posts_are_looked_up_by_the_next(world: World) {
    let (task, _) = world.approved().await;
    let (kept, _) = world.approved().await;
    let dead = world.begin(&[task.id], "dead", MOMENT).await.remove(0);
    world.begin(&[kept.id], "alive", LEASE).await;
    let taken = eventually("the lease's end", || async {
        let cases = world.store.publish_stale("next", LEASE, 9).await.unwrap();
        (!cases.is_empty()).then_some(cases)
    })
    .await;
    let [case] = taken.as_slice() else { panic!("{taken:?}") };
    let wanted = PublishCase {
        task: chimera_domain::AgentTask {
            state_version: dead.task.state_version.next(),
            lease_owner: Some("next".to_owned()),
            updated_at: case.task.updated_at,
            ..dead.task.clone()
        },
        previously_attempted: true,
        approved_at: None,
        ..dead.clone()
    };
    assert_eq!(*case, wanted);
    assert_eq!(world.store.publish_stale("third", LEASE, 9).await.unwrap(), []);

    // It was not dead but slow: whatever it says now, the next one decides.
    let late = settlement(
        &dead,
        PublishOutcome::Absent { error: "timed out".to_owned(), sure: true, rest: std::time::Duration::ZERO },
        None,
    );
    let settled = world.store.publish_settle(vec![late], world.ambient.now()).await.unwrap();
    assert_eq!(settled.fenced, [task.id]);
    let settled = world.store.publish_settle(vec![settlement(case, confirmed(), None)], world.ambient.now()).await;
    assert_eq!(settled.unwrap().published, [task.id]);
}

pub(crate) async fn of_many_publishers_each_post_has_one(world: World) {
    let mut ids: Vec<TaskId> = Vec::new();
    for _ in 0..6 {
        ids.push(world.approved().await.0.id);
    }
    let mut publishers = tokio::task::JoinSet::new();
    for number in 0..4_usize {
        let (store, mut ids, now) = (world.store.clone(), ids.clone(), world.ambient.now());
        let new_ids: Vec<_> = ids.iter().map(|_| PublicationId::generate(&world.ambient)).collect();
        ids.rotate_left(number);
        publishers.spawn(async move {
            let begun = store.publish_begin(&ids, &format!("publisher-{number}"), LEASE, now, &new_ids).await;
            begun.unwrap().into_iter().map(|case| case.task.id).collect::<Vec<_>>()
        });
    }
    let begun: Vec<TaskId> = publishers.join_all().await.into_iter().flatten().collect();
    assert_eq!(sorted(&begun), sorted(&ids));
}
