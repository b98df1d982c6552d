//! The audit log: what goes in, and how.

use chimera_domain::{
    Actor, Ambient as _, AuditAction, AuditEntry, AuditRecord, AuditSubject, CampaignStatus,
    FindingKind::SubjectChanged, Resolution, StateVersion, TaskEvent, TaskId, TaskType, TenantId,
};
use chimera_store::{AuditFilter, AuditReport, PublishOutcome, Release, Settlement, Store, StoreConfig, StoreError};
use chimera_testkit::fixtures;

use crate::{
    sweeping::LIMITS,
    tampering::{forge, named, sql},
    tickets::answer,
    world::{LEASE, MOMENT, World, eventually},
};

/// Every entry, oldest first.
pub(crate) async fn log(store: &Store) -> Vec<AuditEntry> {
    let mut entries = store.audit_entries(&AuditFilter { limit: 100_000, ..AuditFilter::default() }).await.unwrap();
    entries.reverse();
    entries
}

/// Actor and action of each entry after the first `skipped`.
async fn deeds(store: &Store, skipped: usize) -> Vec<(String, String)> {
    log(store).await.into_iter().skip(skipped).map(|entry| (entry.actor, entry.action)).collect()
}

fn told(deeds: &[(String, String)]) -> Vec<(&str, &str)> {
    deeds.iter().map(|(actor, action)| (actor.as_str(), action.as_str())).collect()
}

pub(crate) fn detail(entry: &AuditEntry, name: &str) -> String {
    let details: serde_json::Value = serde_json::from_str(&entry.details).unwrap();
    details[name].as_str().unwrap_or_else(|| panic!("no {name} in {}", entry.details)).to_owned()
}

pub(crate) async fn verified(store: &Store) -> AuditReport {
    store.audit_verify(&[]).await.unwrap()
}

/// The log must hold from its first to its last entry.
pub(crate) async fn sound(store: &Store) -> AuditReport {
    let report = verified(store).await;
    assert_eq!((report.findings.as_slice(), report.more), (&[][..], 0));
    assert_eq!(report.entries, u64::try_from(report.head.seq).unwrap());
    report
}

/// Logs so many entries about nothing in particular.
pub(crate) async fn filled(world: &World, count: usize) {
    let records: Vec<AuditRecord> = (0..count).map(|n| note(world, n)).collect();
    world.store.audit_append(&records).await.unwrap();
}

pub(crate) fn note(world: &World, number: usize) -> AuditRecord {
    let subject = (AuditSubject::Database, world.store.tenant().as_uuid());
    let (at, actor) = (world.ambient.now(), Actor::operator("mara"));
    AuditRecord::new(at, actor, AuditAction::DatabaseRestored, subject.0, subject.1).with("number", number)
}

pub(crate) async fn decisions_and_answers_are_logged_with_what_they_did(world: World) {
    let before = log(&world.store).await.len();
    let (task, artifact, ticket) = world.waiting_for_a_person().await;
    let resolved = answer(&world, (&task, &artifact, &ticket), Resolution::Approved, "mara");
    world.store.ticket_resolve(&resolved, world.ambient.now()).await.unwrap();
    let deeds = deeds(&world.store, before).await;
    assert_eq!(told(&deeds), [("judge", "decided"), ("judge", "decided"), ("human:mara", "ticket_answered")]);

    let entries = log(&world.store).await;
    let [asked, _, answered] = &entries[before..] else { panic!("{entries:#?}") };
    assert_eq!((asked.version_before, asked.version_after), (Some(3), Some(4)));
    assert_eq!(asked.trace_id, Some(task.trace_id.to_string()));
    assert_eq!((asked.subject_kind.as_str(), detail(asked, "verdict").as_str()), ("decision", "HITL_QUEUE"));
    assert_eq!((detail(asked, "from"), detail(asked, "to")), ("JUDGE_REVIEW".to_owned(), "HITL_QUEUE".to_owned()));
    assert_eq!(detail(asked, "task"), task.id.to_string());
    assert_eq!((answered.subject_kind.as_str(), answered.subject_id), ("ticket", ticket.id.as_uuid()));
    assert_eq!((detail(answered, "resolution"), detail(answered, "note")), ("APPROVED".into(), "mara says so".into()));
    let by_trace = AuditFilter { trace_id: Some(task.trace_id), limit: 2, ..AuditFilter::default() };
    let mut newest = world.store.audit_entries(&by_trace).await.unwrap();
    newest.reverse();
    assert_eq!(newest, entries[before + 1..]);
    let by_mara = AuditFilter { actor: Some("human:mara".to_owned()), limit: 9, ..AuditFilter::default() };
    assert_eq!(world.store.audit_entries(&by_mara).await.unwrap(), [answered.clone()]);

    let report = sound(&world.store).await;
    assert_eq!((report.compared, report.head), (3, answered.head()));
    assert_eq!(world.store.audit_head().await.unwrap(), answered.head());
    // An answer that comes too late leaves no trace.
    let late = answer(&world, (&task, &artifact, &ticket), Resolution::Rejected, "late");
    world.store.ticket_resolve(&late, world.ambient.now()).await.unwrap_err();
    assert_eq!(log(&world.store).await, entries);
}

pub(crate) async fn hostile_text_and_odd_numbers_are_logged_as_they_are_stored(world: World) {
    let ready = world.ready(TaskType::AssemblePost).await;
    let (task, artifact) = world.in_review(ready.id).await;
    let mut ruling = world.ruling(&task, &artifact, TaskEvent::Reject);
    let decision = &mut ruling.decision;
    decision.reasoning_trace = "nul \0, quote \" and \u{202e}turned\n\\ back".to_owned();
    decision.decided_by = "judge\0\nfake:row".to_owned();
    decision.safety_flags = vec!["\0".to_owned(), String::new(), "é".to_owned()];
    decision.breakdown[0].weight = -0.0;
    decision.breakdown[1].weight = 1e-300;
    decision.sensitive_topics[0].evidence = "{\"z\":1,\"a\":2}".to_owned();
    world.store.task_decide(vec![ruling], world.ambient.now()).await.unwrap();
    let entry = log(&world.store).await.pop().unwrap();
    assert_eq!(entry.actor, "judge fake:row");
    assert_eq!(sound(&world.store).await.compared, 1);
}

pub(crate) async fn operators_acts_are_put_down_to_them(world: World) {
    let task = world.ready(TaskType::GenerateText).await;
    let held = world.claimed(task.id, "worker").await;
    let before = log(&world.store).await.len();
    assert_eq!(before, 2, "the world's agent and campaign");
    let (store, now) = (world.store.acting_as(Actor::operator("mara")), world.ambient.now());
    let mut agent = world.agent.clone();
    store.agent_save(&agent).await.unwrap();
    agent.display_name = "Another".to_owned();
    store.agent_save(&agent).await.unwrap();
    let campaign = &world.campaign;
    let relevance_threshold = chimera_domain::Score::percent(9);
    store.campaign_save(&chimera_domain::Campaign { relevance_threshold, ..campaign.clone() }).await.unwrap();
    let version = campaign.state_version.next();
    store.campaign_set_status(campaign.id, version, CampaignStatus::Paused, now).await.unwrap();
    store.campaign_set_status(campaign.id, version, CampaignStatus::Ended, now).await.unwrap_err();
    store.campaign_set_status(campaign.id, version.next(), CampaignStatus::Active, now).await.unwrap();
    let error = "no use".to_owned();
    let (task_id, version) = (task.id, held.state_version);
    let release = Release { task_id, version, error, exhausted: true, uncounted: false, tool_calls: vec![] };
    store.task_release(vec![release], vec![], now).await.unwrap();
    assert_eq!(store.task_retry_failed(&[task.id, task.id], now).await.unwrap().ready, [task.id]);
    let again = store.task_retry_failed(&[task.id], now).await.unwrap();
    assert_eq!(again.ready, [], "it is no dead letter any more");

    let mara = "operator:mara";
    let deeds = deeds(&store, before).await;
    let wanted = [
        (mara, "agent_saved"),
        (mara, "campaign_saved"),
        (mara, "campaign_status_set"),
        (mara, "campaign_status_set"),
        (mara, "task_retried"),
    ];
    assert_eq!(told(&deeds), wanted);
    let entries = log(&store).await;
    assert_eq!((entries[0].actor.as_str(), entries[0].version_before), ("system", None));
    assert_eq!((entries[2].version_before, entries[2].version_after), (Some(1), Some(2)));
    assert_eq!(detail(&entries[2], "changed"), "display_name");
    assert_eq!((detail(&entries[4], "from"), detail(&entries[4], "to")), ("ACTIVE".to_owned(), "PAUSED".to_owned()));
    assert_eq!(detail(&entries[6], "last_error"), "no use");
    sound(&store).await;
}

pub(crate) async fn each_step_of_publishing_is_logged(world: World) {
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(world.approved().await.0.id);
    }
    let before = log(&world.store).await.len();
    let cases = world.begin(&ids, "press", LEASE).await;
    let deeds_of = |actions: &[&'static str]| -> Vec<(&'static str, &'static str)> {
        actions.iter().map(|action| ("publisher:press", *action)).collect()
    };
    assert_eq!(told(&deeds(&world.store, before).await), deeds_of(&["publish_begun"; 4]));
    let error = || "so it is".to_owned();
    let outcomes = [
        PublishOutcome::Confirmed { external_id: "x-1".to_owned(), url: None },
        PublishOutcome::Absent { error: error(), sure: true, rest: std::time::Duration::ZERO },
        PublishOutcome::Unknown { error: error() },
        PublishOutcome::Refused { error: error() },
    ];
    let settlements: Vec<Settlement> = cases
        .iter()
        .zip(outcomes)
        .map(|(case, outcome)| {
            let asks = matches!(outcome, PublishOutcome::Unknown { .. });
            Settlement {
                task_id: case.task.id,
                task_version: case.task.state_version,
                publication_id: case.publication.id,
                publication_version: case.publication.state_version,
                outcome,
                tool_calls: vec![],
                ticket: asks.then(|| fixtures::ticket(&world.ambient, &case.task, &case.artifact)),
                alert: None,
            }
        })
        .collect();
    world.store.publish_settle(settlements.clone(), world.ambient.now()).await.unwrap();
    let wanted = deeds_of(&["publish_confirmed", "publish_absent", "publish_unknown", "publish_refused"]);
    assert_eq!(told(&deeds(&world.store, before + 4).await), wanted);
    let entries = log(&world.store).await;
    let (begun, confirmed) = (&entries[before], &entries[before + 4]);
    assert_eq!((begun.version_before, begun.version_after), (None, Some(1)));
    assert_eq!((confirmed.version_before, confirmed.version_after), (Some(1), Some(2)));
    assert_eq!(detail(confirmed, "external_id"), "x-1");
    // Too late: nothing happened, so nothing is logged.
    world.store.publish_settle(settlements, world.ambient.now()).await.unwrap();
    assert_eq!(log(&world.store).await.len(), before + 8);

    // The absent one again, by a publisher that dies.
    let absent = [cases[1].task.id];
    world.begin(&absent, "dead", MOMENT).await;
    eventually("the lease's end", || async {
        let cases = world.store.publish_stale("next", LEASE, 9).await.unwrap();
        (!cases.is_empty()).then_some(())
    })
    .await;
    let deeds = deeds(&world.store, before + 8).await;
    assert_eq!(told(&deeds), [("publisher:dead", "publish_begun"), ("publisher:next", "publish_taken_over")]);
    let entry = log(&world.store).await.pop().unwrap();
    assert_eq!(detail(&entry, "left_by"), "dead");
    sound(&world.store).await;
}

pub(crate) async fn what_an_ended_campaign_takes_along_is_logged(world: World) {
    let (task, _, ticket) = world.waiting_for_a_person().await;
    let idle = world.ready(TaskType::GenerateText).await;
    let campaign = &world.campaign;
    let now = world.ambient.now();
    world.store.campaign_set_status(campaign.id, campaign.state_version, CampaignStatus::Ended, now).await.unwrap();
    let before = log(&world.store).await.len();
    let swept = world.store.sweep(LIMITS, now).await.unwrap();
    assert_eq!(swept.cancelled.len(), 2);
    let entries = log(&world.store).await;
    let mut cancelled: Vec<_> = entries[before..before + 2].iter().map(|e| TaskId::from_uuid(e.subject_id)).collect();
    cancelled.sort_unstable();
    assert_eq!(cancelled, crate::world::sorted(&[task.id, idle.id]));
    let withdrawn = entries.last().unwrap();
    assert_eq!((withdrawn.actor.as_str(), withdrawn.action.as_str()), ("sweeper", "ticket_withdrawn"));
    assert_eq!(withdrawn.subject_id, ticket.id.as_uuid());
    assert_eq!(entries.len(), before + 3);
    assert_eq!(sound(&world.store).await.compared, 2);

    sound(&world.store).await;
}

pub(crate) async fn a_judges_withdrawal_is_put_down_to_the_judge(world: World) {
    let (task, artifact, _) = world.waiting_for_a_person().await;
    let before = log(&world.store).await.len();
    let cancel = world.ruling(&task, &artifact, TaskEvent::Cancel);
    world.store.task_decide(vec![cancel], world.ambient.now()).await.unwrap();
    let deeds = deeds(&world.store, before).await;
    assert_eq!(told(&deeds), [("judge", "decided"), ("judge", "ticket_withdrawn")]);
    sound(&world.store).await;
}

pub(crate) async fn many_at_once_make_one_chain_without_gaps(world: World) {
    let signals: Vec<_> = (0..24).map(|_| world.signal()).collect();
    let tasks: Vec<_> = signals.iter().map(|s| world.task(s, TaskType::GenerateText, vec![])).collect();
    world.store.plan_commit(&world.plan(signals, tasks.clone())).await.unwrap();
    let mut rulings = Vec::new();
    for task in &tasks {
        let (task, artifact) = world.in_review(task.id).await;
        rulings.push(world.ruling(&task, &artifact, TaskEvent::Approve));
    }
    let before = log(&world.store).await.len();
    let mut at_once = tokio::task::JoinSet::new();
    for (number, pair) in rulings.chunks(2).enumerate() {
        // Each with connections of its own, as processes have; and each ruling is made by two judges.
        for _ in 0..2 {
            let (config, pair, now) = (world.config.clone(), pair.to_vec(), world.ambient.now());
            at_once.spawn(async move {
                let store = Store::connect(&config).await.unwrap();
                store.task_decide(pair, now).await.unwrap().applied.len()
            });
        }
        let (store, records) = (world.store.clone(), [note(&world, number)]);
        at_once.spawn(async move { store.audit_append(&records).await.map(|()| 1).unwrap() });
    }
    let logged: usize = at_once.join_all().await.into_iter().sum();
    assert_eq!(logged, 24 + 12);
    let entries = log(&world.store).await;
    assert_eq!(entries.len(), before + logged);
    assert!(entries.iter().zip(1..).all(|(entry, seq)| entry.seq == seq));
    sound(&world.store).await;
}

pub(crate) async fn the_first_entries_of_a_new_log_may_come_at_once(world: World) {
    let tenants = [7_u128, 8];
    let mut at_once = tokio::task::JoinSet::new();
    for tenant in tenants.into_iter().cycle().take(12) {
        let tenant = TenantId::from_uuid(uuid::Uuid::from_u128(tenant));
        let (config, record) = (StoreConfig { tenant, ..world.config.clone() }, note(&world, 1));
        at_once.spawn(async move { Store::connect(&config).await.unwrap().audit_append(&[record]).await.unwrap() });
    }
    at_once.join_all().await;
    for tenant in tenants {
        let tenant = TenantId::from_uuid(uuid::Uuid::from_u128(tenant));
        let store = Store::connect(&StoreConfig { tenant, ..world.config.clone() }).await.unwrap();
        assert_eq!(sound(&store).await.entries, 6);
    }
    assert_eq!(sound(&world.store).await.entries, 2, "each tenant has a chain of its own");
}

pub(crate) async fn what_was_not_committed_leaves_no_gap(world: World) {
    let ready = world.ready(TaskType::GenerateText).await;
    let (task, artifact) = world.in_review(ready.id).await;
    let other = world.ready(TaskType::GenerateText).await;
    let (second, made) = world.in_review(other.id).await;
    let good = world.ruling(&task, &artifact, TaskEvent::Approve);
    world.store.task_decide(vec![good.clone()], world.ambient.now()).await.unwrap();
    let head = world.store.audit_head().await.unwrap();
    // A decision whose id is taken: the database refuses it in the middle of the transaction.
    let mut twice = world.ruling(&second, &made, TaskEvent::Approve);
    twice.decision.id = good.decision.id;
    let refused = world.store.task_decide(vec![twice], world.ambient.now()).await.unwrap_err();
    assert!(matches!(refused, StoreError::Database { .. }), "{refused:?}");
    assert_eq!(world.store.audit_head().await.unwrap(), head);
    world.store.task_decide(vec![world.ruling(&second, &made, TaskEvent::Approve)], world.ambient.now()).await.unwrap();
    assert_eq!(world.store.audit_head().await.unwrap().seq, head.seq + 1);
    sound(&world.store).await;
    assert_eq!(world.stored(second.id).await.state_version, StateVersion::new(4));
}

pub(crate) async fn a_log_made_anew_takes_in_what_was_decided_before(world: World) {
    let (task, artifact, ticket) = world.waiting_for_a_person().await;
    let resolved = answer(&world, (&task, &artifact, &ticket), Resolution::Approved, "mara");
    world.store.ticket_resolve(&resolved, world.ambient.now()).await.unwrap();
    world.waiting_for_a_person().await;
    let names: Vec<String> = world.store.migrations().await.unwrap().into_iter().map(|m| m.name).collect();
    let steps = names.iter().filter(|name| name.as_str() >= "m0008").count();
    world.store.rollback(u32::try_from(steps).unwrap()).await.unwrap();
    world.store.migrate().await.unwrap();
    let deeds = deeds(&world.store, 0).await;
    assert_eq!(told(&deeds), [("system", "adopted"); 4]);
    assert_eq!(sound(&world.store).await.compared, 4);
    forge(&world, &sql("UPDATE judge_decisions SET decided_by = 'human:mallory' WHERE decided_by = 'judge'")).await;
    assert!(named(&verified(&world.store).await).iter().all(|(kind, _)| *kind == SubjectChanged));
}
