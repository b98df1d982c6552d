//! Every column comes back as it was written.

use chimera_domain::{
    Actor, AlertId, AlertKind, Ambient as _, ArtifactId, CampaignStatus, GovernorLimits, Priority, Score,
    SignalOutcome, StateVersion, TaskEvent, TaskState, TaskType, TenantId, TicketId, TraceId, Usd,
};
use chimera_store::{
    AuditFilter, KnownSignals, PublishOutcome, ResourceCursor, RowKind, SignalFilter, Store, StoreConfig, StoreError,
};
use chimera_testkit::fixtures;
use chrono::Duration;
use uuid::Uuid;

use crate::world::{LEASE, World};

pub(crate) async fn an_agent_comes_back_whole_and_is_written_only_when_it_differs(world: World) {
    let (store, ambient) = (&world.store, &world.ambient);
    let agent = fixtures::agent(ambient);
    assert_eq!(store.agent_save(&agent).await.unwrap(), agent);
    assert_eq!(store.agent_by_slug(&agent.persona_slug).await.unwrap().as_ref(), Some(&agent));
    assert_eq!(store.agents_by_ids(&[agent.id]).await.unwrap(), [agent.clone()]);
    let versions = store.agent_versions(&[agent.id, fixtures::agent(ambient).id]).await.unwrap();
    assert_eq!(versions, [(agent.id, agent.state_version)]);
    assert_eq!(store.agent_by_slug("nobody").await.unwrap(), None);

    // Read again under a fresh id, as every start of the program does: nothing is written.
    let again = chimera_domain::Agent { id: fixtures::agent(ambient).id, updated_at: ambient.now(), ..agent.clone() };
    assert_eq!(store.agent_save(&again).await.unwrap(), agent);

    let limits = GovernorLimits { max_daily_spend: Usd::cents(1), max_tasks_per_hour: 1, ..GovernorLimits::default() };
    let tighter = chimera_domain::Agent { governor_limits: limits, updated_at: ambient.now(), ..agent.clone() };
    let saved = store.agent_save(&tighter).await.unwrap();
    assert_eq!(saved, chimera_domain::Agent { state_version: StateVersion::new(2), ..tighter.clone() });

    let mut rewritten = chimera_domain::Agent { soul_hash: "f".repeat(64), ..tighter };
    rewritten.soul.backstory = "Another life.".to_owned();
    let saved = store.agent_save(&rewritten).await.unwrap();
    let version = (StateVersion::new(3), agent.soul_version + 1);
    assert_eq!((saved.state_version, saved.soul_version), version);
    assert_eq!(saved.soul, rewritten.soul);

    let mut slugs: Vec<_> = store.agents().await.unwrap().into_iter().map(|a| a.persona_slug).collect();
    assert_eq!(slugs.len(), 2);
    assert!(slugs.is_sorted());
    slugs.retain(|slug| *slug == world.agent.persona_slug);
    assert_eq!(slugs.len(), 1);
}

pub(crate) async fn a_campaign_comes_back_whole_and_keeps_its_status(world: World) {
    let (store, ambient) = (&world.store, &world.ambient);
    let campaign = fixtures::campaign(ambient, &world.agent);
    assert_eq!(store.campaign_save(&campaign).await.unwrap(), campaign);
    assert_eq!(store.campaign_save(&campaign).await.unwrap(), campaign, "unchanged, so not written");
    assert_eq!(store.campaign_by_slug(&campaign.slug).await.unwrap().as_ref(), Some(&campaign));
    assert_eq!(store.campaign_by_id(campaign.id).await.unwrap().as_ref(), Some(&campaign));

    let now = ambient.now();
    let paused =
        store.campaign_set_status(campaign.id, StateVersion::FIRST, CampaignStatus::Paused, now).await.unwrap();
    let wanted = chimera_domain::Campaign {
        status: CampaignStatus::Paused,
        state_version: StateVersion::new(2),
        updated_at: now,
        ..campaign.clone()
    };
    assert_eq!(paused, wanted);
    assert_eq!(store.campaigns_active().await.unwrap(), [world.campaign.clone()]);
    let running = [(world.campaign.id, world.campaign.state_version)];
    assert_eq!(store.campaigns_running().await.unwrap(), running);
    assert_eq!(store.campaigns_by_ids(&[world.campaign.id]).await.unwrap(), [world.campaign.clone()]);
    assert_eq!(store.campaigns().await.unwrap().len(), 2);

    // The configuration is read again with another goal; the pause stays.
    let edited = chimera_domain::Campaign {
        goal: "Another goal".to_owned(),
        channels: vec![chimera_domain::Channel::Blog],
        relevance_threshold: Score::percent(61),
        updated_at: ambient.now(),
        ..campaign
    };
    let saved = store.campaign_save(&edited).await.unwrap();
    let third = StateVersion::new(3);
    let wanted = chimera_domain::Campaign {
        status: CampaignStatus::Paused,
        brief_version: third,
        state_version: third,
        ..edited
    };
    assert_eq!(saved, wanted);
}

pub(crate) async fn statuses_change_only_at_the_version_that_was_read(world: World) {
    let (store, campaign) = (&world.store, &world.campaign);
    let now = world.ambient.now();
    let (stale, status) = (StateVersion::new(7), CampaignStatus::Ended);
    let refused = store.campaign_set_status(campaign.id, stale, status, now).await.unwrap_err();
    let StoreError::Conflict { entity, id, expected, found } = refused else { panic!("{refused:?}") };
    assert_eq!(
        (entity, id, expected, found),
        (RowKind::Campaign, campaign.id.as_uuid(), stale, campaign.state_version)
    );
    let nobody = chimera_domain::CampaignId::from_uuid(Uuid::from_u128(9));
    let refused = store.campaign_set_status(nobody, stale, status, now).await.unwrap_err();
    assert!(matches!(refused, StoreError::NotFound { entity: RowKind::Campaign, .. }), "{refused:?}");
    assert_eq!(store.campaign_by_id(campaign.id).await.unwrap().as_ref(), Some(campaign));
}

pub(crate) async fn cursors_are_replaced_whole(world: World) {
    let store = &world.store;
    let first = ResourceCursor {
        resource_uri: "file:///a.xml".to_owned(),
        content_hash: Some("abc".to_owned()),
        read_at: Some(world.ambient.now()),
        rhythm: chimera_domain::policy::FeedRhythm {
            changed_at: Some(world.ambient.now()),
            gap: Some(chrono::TimeDelta::milliseconds(7)),
        },
        failures: 3,
        last_error: Some("timed out".to_owned()),
    };
    let second = ResourceCursor {
        resource_uri: "file:///b.xml".to_owned(),
        content_hash: None,
        read_at: None,
        rhythm: chimera_domain::policy::FeedRhythm::default(),
        failures: 0,
        last_error: None,
    };
    store.cursors_save(&[first.clone(), second.clone()]).await.unwrap();
    let uris = [first.resource_uri.clone(), second.resource_uri.clone(), "file:///never.xml".to_owned()];
    let mut read = store.cursors(&uris).await.unwrap();
    read.sort_by(|a, b| a.resource_uri.cmp(&b.resource_uri));
    assert_eq!(read, [first.clone(), second.clone()]);

    let swapped = [
        ResourceCursor { resource_uri: second.resource_uri.clone(), ..first.clone() },
        ResourceCursor { resource_uri: first.resource_uri.clone(), ..second.clone() },
        ResourceCursor { resource_uri: first.resource_uri.clone(), failures: 8, ..second.clone() },
    ];
    store.cursors_save(&swapped).await.unwrap();
    let mut read = store.cursors(&uris).await.unwrap();
    read.sort_by(|a, b| b.resource_uri.cmp(&a.resource_uri));
    assert_eq!(read, [swapped[0].clone(), swapped[2].clone()], "of two for one resource the later counts");
}

pub(crate) async fn signals_come_back_whole_newest_first(world: World) {
    let store = &world.store;
    let mut signals: Vec<_> = (0..4).map(|_| world.signal()).collect();
    signals[1].outcome = SignalOutcome::BelowThreshold;
    signals[2].outcome = SignalOutcome::Deferred;
    signals[2].item.published_at = None;
    signals[2].item.url = None;
    store.plan_commit(&world.plan(signals.clone(), vec![])).await.unwrap();

    let all = SignalFilter { campaign: None, outcome: None, limit: 9 };
    let newest_first: Vec<_> = signals.iter().rev().cloned().collect();
    assert_eq!(store.signals(&all).await.unwrap(), newest_first);
    assert_eq!(store.signals(&SignalFilter { limit: 2, ..all }).await.unwrap(), newest_first[..2]);
    let one = SignalFilter { campaign: Some(world.campaign.id), outcome: Some(SignalOutcome::Deferred), ..all };
    assert_eq!(store.signals(&one).await.unwrap(), signals[2..3]);
    let nobody = Some(chimera_domain::CampaignId::from_uuid(Uuid::from_u128(9)));
    assert_eq!(store.signals(&SignalFilter { campaign: nobody, ..all }).await.unwrap(), []);

    let counts = store.signal_counts(Some(world.campaign.id)).await.unwrap();
    let wanted = [(SignalOutcome::Planned, 2), (SignalOutcome::BelowThreshold, 1), (SignalOutcome::Deferred, 1)];
    assert_eq!(counts, wanted.into_iter().collect());
    assert_eq!(store.signal_counts(None).await.unwrap(), counts);
    assert!(store.signal_counts(nobody).await.unwrap().is_empty());

    let events = [signals[0].event_key.clone(), "unknown".to_owned()];
    let stories = [signals[3].content_hash.clone(), "unknown".to_owned()];
    let known = store.signals_known(world.campaign.id, &events, &stories).await.unwrap();
    let wanted = KnownSignals {
        events: [signals[0].event_key.clone()].into(),
        stories: [(signals[3].content_hash.clone(), signals[3].story_id)].into(),
    };
    assert_eq!(known, wanted);
}

pub(crate) async fn tasks_come_back_whole(world: World) {
    let signal = world.signal();
    let parents: Vec<_> = (0..3).map(|_| world.task(&signal, TaskType::GenerateText, vec![])).collect();
    // Not in the order of ids, and given twice.
    let depends_on = vec![parents[2].id, parents[0].id, parents[1].id, parents[0].id];
    let mut task = world.task(&signal, TaskType::ReplyComment, depends_on);
    task.priority = Priority::Low;
    task.attempts = 4;
    task.state_version = StateVersion::new(12);
    task.lease_owner = Some("worker-7".to_owned());
    task.last_error = Some("the tool said \"no\"".to_owned());
    task.result_artifact = Some(ArtifactId::generate(&world.ambient));
    task.hitl_ticket_id = Some(TicketId::generate(&world.ambient));
    let mut tasks = parents.clone();
    tasks.push(task.clone());
    world.store.plan_commit(&world.plan(vec![signal.clone()], tasks)).await.unwrap();

    task.depends_on.pop();
    let mut wanted = parents;
    wanted.push(task.clone());
    assert_eq!(world.store.tasks_by_trace(signal.trace_id).await.unwrap(), wanted);
    assert_eq!(world.store.tasks_by_ids(&[task.id]).await.unwrap(), [task.clone()]);
    let states = [TaskState::Pending, TaskState::Ready];
    assert_eq!(world.store.tasks_in(&states, 99).await.unwrap(), wanted);
    assert_eq!(world.store.tasks_in(&states, 1).await.unwrap(), wanted[..1]);
    assert_eq!(world.store.tasks_in(&[TaskState::Failed], 99).await.unwrap(), []);
    let counts = world.store.task_counts().await.unwrap();
    assert_eq!(counts, [(TaskState::Pending, 1), (TaskState::Ready, 3)].into_iter().collect());
}

pub(crate) async fn a_trace_holds_the_whole_life_of_a_post(world: World) {
    let (store, ambient) = (&world.store, &world.ambient);
    let signal = world.signal();
    let task = world.task(&signal, TaskType::AssemblePost, vec![]);
    store.plan_commit(&world.plan(vec![signal.clone()], vec![task.clone()])).await.unwrap();
    let claimed = world.claimed(task.id, "worker").await;
    let artifact = fixtures::artifact(ambient, &claimed);
    let submission = world.submission(&claimed, &artifact);
    let mut calls = artifact.tool_log.clone();
    calls.extend(submission.tool_calls.clone());
    store.task_submit(vec![submission], ambient.now()).await.unwrap();
    let reviewed = world.stored(task.id).await;
    let ruling = world.ruling(&reviewed, &artifact, TaskEvent::Approve);
    let decision = ruling.decision.clone();
    store.task_decide(vec![ruling], ambient.now()).await.unwrap();
    let case = world.begin(&[task.id], "publisher", LEASE).await.remove(0);
    let ticket = fixtures::ticket(ambient, &case.task, &artifact);
    let settled_at = ambient.now();
    let settlement = crate::publishing::settlement(
        &case,
        PublishOutcome::Unknown { error: "cut off".to_owned() },
        Some(ticket.clone()),
    );
    calls.extend(settlement.tool_calls.clone());
    store.publish_settle(vec![settlement], settled_at).await.unwrap();

    let view = store.trace(signal.trace_id).await.unwrap().unwrap();
    let publication = chimera_domain::Publication {
        state: chimera_domain::PublicationState::Unknown,
        last_error: Some("cut off".to_owned()),
        state_version: StateVersion::new(2),
        updated_at: settled_at,
        ..case.publication
    };
    calls.sort_by_key(|call| call.called_at);
    assert_eq!(view.signal, Some(signal));
    assert_eq!(view.tasks, [world.stored(task.id).await]);
    assert_eq!(view.artifacts, [artifact]);
    assert_eq!(view.decisions, [decision]);
    assert_eq!(view.tickets, [ticket]);
    assert_eq!(view.publications, [publication]);
    assert_eq!(view.tool_calls, calls);
    assert_eq!(store.trace(TraceId::generate(ambient)).await.unwrap(), None);
}

pub(crate) async fn posts_are_listed_newest_first_with_their_latest(world: World) {
    let (waiting, artifact, ticket) = world.waiting_for_a_person().await;
    let fresh = world.ready(TaskType::AssemblePost).await;
    world.ready(TaskType::GenerateText).await;
    let rows = world.store.posts(9).await.unwrap();
    let tasks: Vec<_> = rows.iter().map(|row| row.task.clone()).collect();
    assert_eq!(tasks, [fresh.clone(), waiting.clone()]);
    assert!(rows[0].artifact.is_none() && rows[0].decision.is_none() && rows[0].ticket.is_none());
    assert_eq!(rows[0].headline, fresh.payload.headline);
    assert_eq!(rows[1].artifact.as_ref(), Some(&artifact));
    assert_eq!(rows[1].ticket.as_ref(), Some(&ticket));
    assert_eq!(rows[1].decision.as_ref().map(|d| d.task_id), Some(waiting.id));
    assert_eq!(world.store.posts(1).await.unwrap(), rows[..1]);
}

pub(crate) async fn the_same_alert_is_raised_once_until_acknowledged(world: World) {
    let ambient = &world.ambient;
    let first = fixtures::alert(ambient, AlertKind::FeedDown, "file:///a.xml");
    let repeated = fixtures::alert(ambient, AlertKind::FeedDown, "file:///a.xml");
    let mut other = fixtures::alert(ambient, AlertKind::DeadLetter, "file:///a.xml");
    other.trace_id = None;
    let mut seen = fixtures::alert(ambient, AlertKind::FeedDown, "file:///b.xml");
    seen.acknowledged_by = Some("mara".to_owned());
    world.store.alerts_raise(&[first.clone(), repeated.clone(), seen]).await.unwrap();
    world.store.alerts_raise(&[repeated, other.clone()]).await.unwrap();
    assert_eq!(world.store.alerts_open(9).await.unwrap(), [other.clone(), first]);
    assert_eq!(world.store.alerts_open(1).await.unwrap(), [other]);
}

pub(crate) async fn an_alert_ends_with_its_condition_or_at_a_persons_word(world: World) {
    let ambient = &world.ambient;
    let alert = |kind, subject: &str| fixtures::alert(ambient, kind, subject);
    let all = [
        alert(AlertKind::FeedDown, "file:///a.xml"),
        alert(AlertKind::FeedDown, "file:///b.xml"),
        alert(AlertKind::DeadLetter, "file:///a.xml"),
    ];
    world.store.alerts_raise(&all).await.unwrap();
    let planner = Actor::recorded("planner");
    let lasts = |subject: &str| subject.ends_with("b.xml");
    assert_eq!(world.store.alerts_end(AlertKind::FeedDown, lasts, &planner).await.unwrap(), ["file:///a.xml"]);
    assert_eq!(world.store.alerts_open(9).await.unwrap().len(), 2);
    // It is raised again when it happens again.
    world.store.alerts_raise(&[alert(AlertKind::FeedDown, "file:///a.xml")]).await.unwrap();
    assert_eq!(world.store.alerts_open(9).await.unwrap().len(), 3);

    let mara = world.store.acting_as(Actor::operator("mara"));
    let ids = [all[1].id, all[2].id, all[0].id];
    let mut closed: Vec<AlertId> =
        mara.alerts_acknowledge(&ids, ambient.now()).await.unwrap().iter().map(|a| a.id).collect();
    closed.sort();
    assert_eq!(closed, [all[1].id, all[2].id], "the third one was over already");
    assert_eq!(mara.alerts_acknowledge(&ids, ambient.now()).await.unwrap(), []);
    let log = world.store.audit_entries(&AuditFilter { limit: 9, ..AuditFilter::default() }).await.unwrap();
    let acts: Vec<&str> = log.iter().filter(|e| e.actor == "operator:mara").map(|e| e.action.as_str()).collect();
    assert_eq!(acts, ["alert_acknowledged"; 2]);
}

pub(crate) async fn hostile_text_is_kept_but_for_nul(world: World) {
    let mut signal = world.signal();
    let hostile = "'; DROP TABLE agents; -- \u{202e}\u{1f600} $1 ? \\ \"";
    signal.item.title = format!("{hostile}\0");
    signal.item.summary = "x".repeat(200_000);
    signal.why = format!("{hostile}\0");
    world.store.plan_commit(&world.plan(vec![signal.clone()], vec![])).await.unwrap();
    let read = world.store.trace(signal.trace_id).await.unwrap().unwrap().signal.unwrap();
    signal.item.title = format!("{hostile}\u{fffd}");
    signal.why = format!("{hostile}\u{fffd}");
    assert_eq!(read, signal);
}

pub(crate) async fn another_tenant_sees_nothing(world: World) {
    let (task, artifact, ticket) = world.waiting_for_a_person().await;
    let tenant = TenantId::from_uuid(Uuid::from_u128(77));
    let other = Store::connect(&StoreConfig { tenant, ..world.config.clone() }).await.unwrap();
    assert_eq!(other.agents().await.unwrap(), []);
    assert_eq!(other.campaign_by_id(world.campaign.id).await.unwrap(), None);
    assert_eq!(other.tasks_by_ids(&[task.id]).await.unwrap(), []);
    assert_eq!(other.trace(task.trace_id).await.unwrap(), None);
    assert_eq!(other.ticket_by_id(ticket.id).await.unwrap(), None);
    assert_eq!(other.spend_total(None).await.unwrap(), Usd::ZERO);
    assert_eq!(other.fleet_busy().await.unwrap(), 0);
    let ruling = world.ruling(&task, &artifact, TaskEvent::Reject);
    let decided = other.task_decide(vec![ruling], world.ambient.now() + Duration::hours(1)).await.unwrap();
    assert_eq!(decided.conflicts, [task.id]);
    let refused = other.agent_save(&world.agent).await.unwrap_err();
    assert!(matches!(refused, StoreError::ForeignTenant { entity: RowKind::Agent, .. }), "{refused:?}");
}
