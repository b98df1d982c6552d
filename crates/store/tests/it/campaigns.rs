//! Campaigns made, edited and ended by people; their quiet hours and caps.

use chimera_domain::{
    Actor, Agent, Ambient as _, AuditAction, Calibration, Campaign, CampaignId, CampaignLimits, CampaignOrigin,
    CampaignStatus, MonotoneMap, Score, SignalId, SignalMark, SignalOutcome, StateVersion, TaskState, TrendSignal, Usd,
    policy::calibration::CalibrationMethod,
};
use chimera_store::{AuditFilter, CampaignError, PlanError, Prunable, RowKind, Store, StoreError};
use chimera_testkit::fixtures;
use chrono::Duration;

use crate::{
    sweeping::sweep,
    world::{LEASE, World},
};

/// A campaign as an operator says it, not stored.
fn wanted(world: &World) -> Campaign {
    let limits = CampaignLimits {
        daily_task_cap: Some(7),
        daily_budget_usd: Some(Usd::from_micros(9_000_001)),
        quiet_hours: Some("22:00-07:00 Europe/Berlin".parse().unwrap()),
        plan_review: true,
    };
    let resources = vec!["mcp://feeds/feed://news".to_owned()];
    Campaign { limits, resources, ..fixtures::campaign(&world.ambient, &world.agent) }
}

fn mara(world: &World) -> Store {
    world.store.acting_as(Actor::operator("mara"))
}

/// What mara did to a campaign, with the columns that changed.
async fn logged(world: &World, id: CampaignId) -> Vec<(String, Option<String>)> {
    let filter =
        AuditFilter { trace_id: None, actor: Some("operator:mara".to_owned()), limit: 99, ..AuditFilter::default() };
    let mut entries = world.store.audit_entries(&filter).await.unwrap();
    entries.retain(|entry| entry.subject_id == id.as_uuid());
    entries.sort_by_key(|entry| entry.seq);
    let told = |entry: chimera_domain::AuditEntry| {
        let details: serde_json::Value = serde_json::from_str(&entry.details).unwrap();
        (entry.action, details["changed"].as_str().map(str::to_owned))
    };
    entries.into_iter().map(told).collect()
}

pub(crate) async fn a_campaign_is_created_once(world: World) {
    let (store, campaign) = (mara(&world), wanted(&world));
    assert_eq!(store.campaign_create(&campaign).await.unwrap(), campaign);
    assert_eq!(store.campaign_by_slug(&campaign.slug).await.unwrap().as_ref(), Some(&campaign));
    let again = Campaign { id: CampaignId::generate(&world.ambient), ..campaign.clone() };
    assert_eq!(store.campaign_create(&again).await.unwrap(), campaign, "there already");
    let other = Campaign { goal: "Another".to_owned(), ..again };
    let refused = store.campaign_create(&other).await.unwrap_err();
    assert!(matches!(refused, CampaignError::Taken { .. }), "{refused:?}");
    let nothing = Campaign { goal: " ".to_owned(), slug: "nothing".to_owned(), ..other };
    let refused = store.campaign_create(&nothing).await.unwrap_err();
    assert!(matches!(refused, CampaignError::Problem(_)) && refused.to_string().contains("goal"), "{refused:?}");
    assert_eq!(logged(&world, campaign.id).await, [(AuditAction::CampaignSaved.to_string(), None)]);
}

pub(crate) async fn an_edit_counts_only_at_the_version_that_was_read(world: World) {
    let store = mara(&world);
    let campaign = store.campaign_create(&wanted(&world)).await.unwrap();
    let first = campaign.state_version;
    // Limits and words to look for are no edit of the brief.
    let mut edited = Campaign { updated_at: world.ambient.now(), ..campaign.clone() };
    edited.limits.daily_task_cap = None;
    edited.terms.keywords = vec!["linen".to_owned()];
    edited.relevance_threshold = Score::percent(66);
    let after = store.campaign_edit(campaign.id, first, &edited).await.unwrap();
    assert_eq!(after, Campaign { state_version: first.next(), ..edited.clone() });
    let stale = store.campaign_edit(campaign.id, first, &campaign).await.unwrap_err();
    assert!(matches!(stale, CampaignError::Store(StoreError::Conflict { .. })), "{stale:?}");
    assert_eq!(store.campaign_edit(campaign.id, first.next(), &edited).await.unwrap(), after, "nothing to write");
    // What it denies is.
    edited.terms.deny.push("leather".to_owned());
    let after = store.campaign_edit(campaign.id, first.next(), &edited).await.unwrap();
    let third = StateVersion::new(3);
    assert_eq!((after.state_version, after.brief_version), (third, third));
    let nowhere = store.campaign_edit(CampaignId::generate(&world.ambient), first, &edited).await.unwrap_err();
    assert!(matches!(nowhere, CampaignError::Store(StoreError::NotFound { .. })), "{nowhere:?}");

    let ended =
        store.campaign_set_status(campaign.id, third, CampaignStatus::Ended, world.ambient.now()).await.unwrap();
    let over = store.campaign_edit(campaign.id, ended.state_version, &edited).await.unwrap_err();
    assert!(matches!(over, CampaignError::Over { .. }), "{over:?}");
    let changes: Vec<_> = logged(&world, campaign.id).await.into_iter().map(|(_, changed)| changed).collect();
    let told = |text: &str| Some(text.to_owned());
    assert_eq!(changes, [None, told("relevance_threshold terms daily_task_cap"), told("terms brief_version"), None]);
}

pub(crate) async fn one_alone_says_what_a_campaign_is(world: World) {
    let store = mara(&world);
    let theirs = Campaign { origin: CampaignOrigin::Configuration, ..wanted(&world) };
    let stored = store.campaign_save(&theirs).await.unwrap();
    let edited = Campaign { goal: "Linen".to_owned(), ..stored.clone() };
    let refused = store.campaign_edit(stored.id, stored.state_version, &edited).await.unwrap_err();
    assert!(matches!(refused, CampaignError::Configured { .. }), "{refused:?}");
    let taken = Campaign { origin: CampaignOrigin::Operator, ..edited };
    let taken = store.campaign_edit(stored.id, stored.state_version, &taken).await.unwrap();
    assert_eq!((taken.origin, taken.goal.as_str()), (CampaignOrigin::Operator, "Linen"));
    // The next start reads the files again.
    assert_eq!(store.campaign_save(&theirs).await.unwrap(), taken);
}

pub(crate) async fn a_quiet_campaign_publishes_nothing_until_its_hours_are_over(world: World) {
    let (task, _) = world.approved().await;
    // It is 10:20 UTC.
    let mut quiet = world.campaign.clone();
    quiet.limits.quiet_hours = Some("10:00-10:30 UTC".parse().unwrap());
    world.store.campaign_save(&quiet).await.unwrap();
    assert!(world.begin(&[task.id], "publisher", LEASE).await.is_empty());
    assert_eq!(sweep(&world).await.approved, [], "nobody is troubled with it");
    assert_eq!(world.stored(task.id).await.state, TaskState::Approved);
    world.ambient.advance(Duration::minutes(10));
    assert_eq!(sweep(&world).await.approved, [task.id]);
    let begun = world.begin(&[task.id], "publisher", LEASE).await;
    let (id, version) = (begun[0].task.id, begun[0].task.state_version);
    assert!(world.store.publish_stands(id, version, world.ambient.now()).await.unwrap());
    // What was begun right before the hour, and waits for its server, is not called for in it.
    world.ambient.advance(Duration::hours(24) - Duration::minutes(20));
    assert!(!world.store.publish_stands(id, version, world.ambient.now()).await.unwrap());
}

pub(crate) async fn a_campaigns_caps_hold_between_planners(world: World) {
    let second = world.store.agent_save(&fixtures::agent(&world.ambient)).await.unwrap();
    let limits = CampaignLimits { daily_task_cap: Some(3), ..CampaignLimits::default() };
    let agents = vec![world.agent.id, second.id];
    let campaign = world.store.campaign_save(&Campaign { agents, limits, ..world.campaign.clone() }).await.unwrap();
    let mut planners = tokio::task::JoinSet::new();
    for n in 0..8 {
        let agent: &Agent = if n % 2 == 0 { &world.agent } else { &second };
        let signal = fixtures::signal(&world.ambient, &campaign, agent);
        let mut plan = world.plan(vec![signal], vec![]);
        plan.campaign_version = campaign.state_version;
        let store = world.store.clone();
        planners.spawn(async move { store.plan_commit(&plan).await });
    }
    let outcomes = planners.join_all().await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 3, "{outcomes:?}");
    let capped =
        |o: &&Result<_, _>| matches!(o, Err(PlanError::OverCap { reason_code: "campaign_daily_task_cap", .. }));
    assert_eq!(outcomes.iter().filter(capped).count(), 5, "{outcomes:?}");
    let used = world.store.campaign_use(&[&campaign], world.ambient.now()).await.unwrap();
    assert_eq!(used[&campaign.id].planned_today, 3);
    let tomorrow = world.ambient.now() + Duration::hours(24);
    assert!(world.store.campaign_use(&[&campaign], tomorrow).await.unwrap().is_empty());
}

pub(crate) async fn marks_are_kept_with_their_signals_and_the_last_word_counts(world: World) {
    let store = mara(&world);
    let mut signal = world.signal();
    signal.outcome = SignalOutcome::BelowThreshold;
    let other = TrendSignal { outcome: SignalOutcome::BelowThreshold, ..world.signal() };
    store.plan_commit(&world.plan(vec![signal.clone(), other.clone()], vec![])).await.unwrap();
    let first = store.signal_mark(signal.id, SignalMark::Down, Some("no"), world.ambient.now()).await.unwrap();
    assert_eq!((first.mark, first.note.as_deref()), (SignalMark::Down, Some("no")));
    let last = store.signal_mark(signal.id, SignalMark::Up, None, world.ambient.now()).await.unwrap();
    assert_eq!((&last.signal, last.mark, last.marked_by.as_str()), (&signal, SignalMark::Up, "operator:mara"));
    assert_eq!(store.signals_marked(world.campaign.id, 9).await.unwrap(), [last]);
    let nowhere = SignalId::generate(&world.ambient);
    let refused = store.signal_mark(nowhere, SignalMark::Up, None, world.ambient.now()).await.unwrap_err();
    assert!(matches!(refused, StoreError::NotFound { entity: RowKind::Signal, .. }), "{refused:?}");
    let filter = AuditFilter { trace_id: Some(signal.trace_id), actor: None, limit: 9, ..AuditFilter::default() };
    assert_eq!(store.audit_entries(&filter).await.unwrap().len(), 2);
    // What somebody spoke about is not forgotten.
    let later = world.ambient.now() + Duration::days(400);
    assert_eq!(store.prune(Prunable::Signals, later, 99, later).await.unwrap(), 1);
    assert_eq!(store.signals_marked(world.campaign.id, 9).await.unwrap().len(), 1);
}

pub(crate) async fn a_calibration_is_void_with_its_goal(world: World) {
    let store = mara(&world);
    let campaign = store.campaign_create(&wanted(&world)).await.unwrap();
    let knots = vec![(Score::ZERO, Score::percent(5)), (Score::percent(90), Score::percent(75))];
    let calibration = Calibration {
        map: MonotoneMap::through(knots).unwrap(),
        method: CalibrationMethod::Isotonic,
        model: "scripted-1".to_owned(),
        examples: 321,
        error_before: Score::percent(20),
        error_after: Score::percent(3),
        fitted_at: world.ambient.now(),
    };
    let (first, now) = (campaign.state_version, world.ambient.now());
    let after = store.campaign_calibrate(campaign.id, first, Some(&calibration), now).await.unwrap();
    assert_eq!((after.calibration.as_ref(), after.brief_version), (Some(&calibration), campaign.brief_version));
    assert_eq!(after.state_version, first.next(), "what was scored without it is not planned");
    let stale = store.campaign_calibrate(campaign.id, first, None, now).await.unwrap_err();
    assert!(matches!(stale, StoreError::Conflict { .. }), "{stale:?}");
    let mut edited = after.clone();
    edited.limits.daily_task_cap = Some(3);
    let after = store.campaign_edit(campaign.id, after.state_version, &edited).await.unwrap();
    assert_eq!(after.calibration, Some(calibration));
    let edited = Campaign { goal: "Wool".to_owned(), ..after.clone() };
    let after = store.campaign_edit(campaign.id, after.state_version, &edited).await.unwrap();
    assert_eq!(after.calibration, None);
}

pub(crate) async fn scored_signals_come_in_pages(world: World) {
    let mut signals: Vec<TrendSignal> = (0..5).map(|_| world.signal()).collect();
    signals[1].outcome = SignalOutcome::Duplicate;
    signals[3].ingested_at = signals[2].ingested_at;
    world.store.plan_commit(&world.plan(signals.clone(), vec![])).await.unwrap();
    signals.remove(1);
    signals.sort_by_key(|signal| (signal.ingested_at, signal.id));
    let since = signals[0].ingested_at;
    let (mut read, mut last) = (vec![], None);
    loop {
        let page = world.store.signals_scored(world.campaign.id, since, last.as_ref(), 2).await.unwrap();
        let Some(newest) = page.last() else { break };
        last = Some(newest.clone());
        read.extend(page);
    }
    assert_eq!(read, signals);
    assert_eq!(world.store.signals_scored(world.campaign.id, read[1].ingested_at, None, 9).await.unwrap(), read[1..]);
}
