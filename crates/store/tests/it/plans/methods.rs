//! Every method of the store, called on batches.

mod operators;

use std::collections::BTreeSet;

use chimera_domain::{
    AccessRole, AgentTask, AlertKind, Ambient as _, Artifact, AuditRecord, Campaign, CampaignId, CampaignLimits,
    CampaignStatus, Channel, Credential, CredentialKind, EntryState, MemoryKind, PublicationId, Resolution, SignalMark,
    SignalOutcome, TaskEvent, TaskId, TaskState, TaskType, TrendSignal, Usd, policy::PacingRule,
};
use chimera_store::{
    AuditFilter, Blobs, Claim, DraftEdit, DraftFilter, DraftPlan, Drafts, Duty, HeldPlan, Prunable, PublishCase,
    PublishOutcome, Queued, Release, ResourceCursor, ReviewCase, Ruling, SignalFilter, Store, SweepLimits,
    TicketFilter,
    memory::{Forget, MemorySearch, in_database},
};
use chimera_testkit::fixtures;

use super::{
    Noted,
    acts::{Template, answer, ask, confirmed, settlements},
};
use crate::world::{LEASE, MOMENT, World, eventually};

/// What waits in the queues: the sweeper reckons what they lack.
const QUEUED: Queued = Queued { ready: 1, review: 1, approved: 1 };

/// How far back signals are looked for.
const LATELY: chrono::Duration = chrono::Duration::days(30);

/// Tasks of one call.
const BATCH: usize = 16;

/// Calls every method; gives their names.
pub(super) async fn call_all(world: &World, noted: &Noted, template: &Template) -> BTreeSet<&'static str> {
    let caller = Caller { world, noted, template, called: std::cell::RefCell::default() };
    caller.planning().await;
    caller.parts().await;
    caller.posts().await;
    caller.people().await;
    caller.access().await;
    caller.sweeping().await;
    caller.questions().await;
    caller.drafts().await;
    caller.settings().await;
    caller.memories().await;
    caller.retention().await;
    caller.called.into_inner()
}

struct Caller<'a> {
    world: &'a World,
    noted: &'a Noted,
    template: &'a Template,
    called: std::cell::RefCell<BTreeSet<&'static str>>,
}

impl Caller<'_> {
    fn calls(&self, method: &'static str) -> &Store {
        self.called.borrow_mut().insert(method);
        self.noted.calls(method)
    }

    async fn planning(&self) {
        let Self { world, template, .. } = self;
        let now = world.ambient.now();
        self.calls("campaigns_active").campaigns_active().await.unwrap();
        let running = self.calls("campaigns_running").campaigns_running().await.unwrap();
        let running: Vec<_> = running.into_iter().map(|(id, _)| id).collect();
        self.calls("campaigns_by_ids").campaigns_by_ids(&running).await.unwrap();
        self.calls("agent_versions").agent_versions(&[template.agent.id]).await.unwrap();
        self.calls("agents_by_ids").agents_by_ids(&[template.agent.id]).await.unwrap();
        let cursor = |n: usize| ResourceCursor {
            resource_uri: format!("file:///{n}"),
            content_hash: None,
            read_at: Some(now),
            rhythm: chimera_domain::policy::FeedRhythm::default(),
            failures: 0,
            last_error: None,
        };
        let cursors: Vec<_> = (0..BATCH).map(cursor).collect();
        self.calls("cursors_save").cursors_save(&cursors).await.unwrap();
        let uris: Vec<_> = cursors.iter().map(|c| c.resource_uri.clone()).collect();
        self.calls("cursors").cursors(&uris).await.unwrap();
        let signals: Vec<_> = (0..BATCH).map(|_| world.signal()).collect();
        let events: Vec<_> = signals.iter().map(|s| s.event_key.clone()).collect();
        let stories: Vec<_> = signals.iter().map(|s| s.content_hash.clone()).collect();
        self.calls("signals_known").signals_known(template.campaign.id, &events, &stories).await.unwrap();
        let hour = chrono::Duration::hours(1);
        self.calls("answered_since").answered_since("mcp://sandbox/m", now - hour, &events).await.unwrap();
        self.calls("governor_use").governor_use(&[template.agent.id], &[template.agent.id], now).await.unwrap();
        self.calls("replies_use").replies_use(&[template.agent.id], now).await.unwrap();
        let tasks = signals.iter().flat_map(|s| self.dag(s)).collect();
        let plan = world.plan(signals, tasks);
        self.calls("plan_commit").plan_commit(&plan).await.unwrap();
        // Again: the same plan is refused, after asking which of it is known.
        self.calls("plan_commit").plan_commit(&plan).await.unwrap_err();
        self.held_back().await;
    }

    /// Signals that the governor held back: most are planned, some are dropped.
    async fn held_back(&self) {
        let Self { world, template, .. } = self;
        let now = world.ambient.now();
        let held = (0..BATCH).map(|_| TrendSignal { outcome: SignalOutcome::Deferred, ..world.signal() }).collect();
        world.store.plan_commit(&world.plan(held, vec![])).await.unwrap();
        let held = self.calls("signals_held").signals_held(&[template.campaign.id], 500).await.unwrap();
        self.calls("told_meanwhile").told_meanwhile(template.campaign.id, &held).await.unwrap();
        let stories: Vec<_> = held.iter().map(|s| s.story_id).collect();
        self.calls("stories_told").stories_told(template.campaign.id, &stories).await.unwrap();
        let wordings: Vec<_> = held.iter().map(|s| s.content_hash.clone()).collect();
        self.calls("story_voices").story_voices(&stories, &wordings).await.unwrap();
        self.calls("story_sources").story_sources(&held).await.unwrap();
        self.calls("stories_since").stories_since(now - chrono::Duration::hours(1), 500).await.unwrap();
        let mut trend = fixtures::trend(&world.ambient, &held[0]);
        self.calls("trends_save").trends_save(std::slice::from_ref(&trend), &[]).await.unwrap();
        self.calls("trends").trends(true, 9).await.unwrap();
        (trend.state, trend.ended_at) = (chimera_domain::TrendState::Over, Some(now));
        world.store.trends_save(&[trend], &[]).await.unwrap();
        self.calls("trends").trends(false, 9).await.unwrap();
        self.calls("signals_since").signals_since(now - chrono::Duration::hours(1), 500).await.unwrap();
        let (told, kept) = held.split_at(2);
        let planned: Vec<_> = kept[2..].iter().cloned().map(|s| TrendSignal { decided_at: now, ..s }).collect();
        let plan = HeldPlan {
            campaign_id: template.campaign.id,
            campaign_version: template.campaign.state_version,
            tasks: planned.iter().flat_map(|signal| self.dag(signal)).collect(),
            planned,
            told: told.iter().map(|signal| signal.id).collect(),
            refused: vec![],
            decided_at: now,
        };
        self.calls("plan_held").plan_held(&plan).await.unwrap();
        let later = now + chrono::Duration::hours(1);
        assert_eq!(self.calls("signals_expire").signals_expire(later, "too late", 500, now).await.unwrap(), 2);
    }

    /// Inner tasks: some approved, some rejected with a replacement, some given back, some given up.
    async fn parts(&self) {
        let Self { world, .. } = self;
        let ids = self.plan_dags().await;
        let claim = Claim::new("worker", LEASE, world.ambient.now());
        let claimed = self.calls("task_claim").task_claim(&ids, claim).await.unwrap().tasks;
        assert_eq!(claimed.len(), 2 * BATCH);
        let held: Vec<_> = claimed.iter().map(|t| (t.id, t.state_version)).collect();
        assert_eq!(self.calls("task_heartbeat").task_heartbeat(&held, "worker", LEASE).await.unwrap().len(), ids.len());
        self.calls("work_orders").work_orders(&claimed).await.unwrap();
        let (back, kept) = claimed.split_at(4);
        let releases = back.iter().enumerate().map(|(n, task)| Release {
            task_id: task.id,
            version: task.state_version,
            error: "no".to_owned(),
            exhausted: n % 2 == 0,
            uncounted: n == 1,
            tool_calls: vec![fixtures::tool_call(&world.ambient, task)],
        });
        let alerts = vec![fixtures::alert(&world.ambient, AlertKind::DeadLetter, &back[0].id.to_string())];
        let now = world.ambient.now();
        let released = self.calls("task_release").task_release(releases.collect(), alerts, now).await.unwrap();
        assert_eq!((released.failed.len(), released.cancelled.len()), (2, 2));
        self.calls("dead_letters").dead_letters(Some(self.template.campaign.id)).await.unwrap();
        self.calls("task_retry_failed").task_retry_failed(&released.failed, now).await.unwrap();

        let results = kept.iter().map(|t| world.submission(t, &fixtures::artifact(&world.ambient, t))).collect();
        self.calls("task_submit").task_submit(results, now).await.unwrap();
        let ids: Vec<_> = kept.iter().map(|t| t.id).collect();
        let cases = self.calls("review_cases").review_cases(&ids).await.unwrap();
        let rulings = cases.iter().enumerate().map(|(n, case)| {
            if n % 8 != 0 {
                return world.ruling(&case.task, &case.artifact, TaskEvent::Approve);
            }
            let needs = vec![cases[1].task.id];
            let again = case.task.renewed(case.task.task_type, needs, "too plain", &world.ambient);
            Ruling { replan: vec![again], ..world.ruling(&case.task, &case.artifact, TaskEvent::Reject) }
        });
        let decided = self.calls("task_decide").task_decide(rulings.collect(), now).await.unwrap();
        assert!(!decided.ready.is_empty() && !decided.cancelled.is_empty(), "{decided:?}");
    }

    /// Posts: made, judged, published, and left behind by their publisher.
    async fn posts(&self) {
        let Self { world, .. } = self;
        let (reviewed, _) = self.reviewed_posts().await;
        let ids: Vec<_> = reviewed.iter().map(|t| t.id).collect();
        self.calls("outdated_posts").outdated_posts(&ids).await.unwrap();
        assert_eq!(self.calls("review_reserve").review_reserve(&ids, "judge", LEASE).await.unwrap().len(), ids.len());
        self.calls("review_release").review_release(&ids[..1], "judge").await.unwrap();
        let cases = self.calls("review_take").review_take(&ids, "judge", LEASE).await.unwrap();
        let ruling = |case: &ReviewCase| world.ruling(&case.task, &case.artifact, TaskEvent::Approve);
        let (rulings, calls): (Vec<_>, Vec<_>) =
            cases.iter().map(|case| (ruling(case), fixtures::tool_call(&world.ambient, &case.task))).unzip();
        let store = self.calls("task_decide_recording");
        let decided = store.task_decide_recording(&rulings, &calls, world.ambient.now()).await.unwrap();
        let ids = decided.approved;
        assert_eq!(ids.len(), BATCH);
        let begun = self.publish_begin(&ids, LEASE).await;
        let held: Vec<_> = begun.iter().map(|case| (case.task.id, case.task.state_version)).collect();
        self.calls("task_heartbeat").task_heartbeat(&held, "publisher", LEASE).await.unwrap();
        assert!(self.calls("publish_stands").publish_stands(held[0].0, held[0].1, world.ambient.now()).await.unwrap());
        let absent =
            |_| PublishOutcome::Absent { error: "busy".to_owned(), sure: true, rest: std::time::Duration::ZERO };
        self.settle(&begun, absent).await;
        let begun = self.publish_begin(&ids, MOMENT).await;
        assert_eq!(begun.len(), BATCH);
        let taken = eventually("the leases' end", || async {
            let store = self.calls("publish_stale");
            Some(store.publish_stale("next", LEASE, 100).await.unwrap()).filter(|taken| taken.len() == BATCH)
        })
        .await;
        self.settle(&taken, confirmed).await;
    }

    async fn sweeping(&self) {
        let Self { world, .. } = self;
        self.calls("duty_hold").duty_hold(Duty::Sweep, "sweeper", LEASE).await.unwrap();
        self.calls("duty_release").duty_release(Duty::Sweep, "sweeper").await.unwrap();
        self.calls("leases_end").leases_end("nobody").await.unwrap();
        let ids = self.plan_dags().await;
        let claim = Claim::new("dead", MOMENT, world.ambient.now());
        world.store.task_claim(&ids[..BATCH], claim).await.unwrap();
        let wait = std::time::Duration::from_secs(0);
        let limits = SweepLimits {
            vanished_max: 2,
            ready_older_than: wait,
            review_older_than: wait,
            batch: 500,
            queued: QUEUED,
        };
        eventually("the leases' end", || async {
            let swept = self.calls("sweep").sweep(limits, world.ambient.now()).await.unwrap();
            (swept.ready.len() >= 2 * BATCH).then_some(())
        })
        .await;
        // Once more, and they have no attempts left; their posts go with them.
        world.store.task_claim(&ids[..BATCH], claim).await.unwrap();
        eventually("the leases' end", || async {
            let swept = self.calls("sweep").sweep(limits, world.ambient.now()).await.unwrap();
            (!swept.failed.is_empty()).then_some(swept)
        })
        .await;
    }

    /// What the console's pages ask.
    async fn pages(&self) {
        let Self { world, template, .. } = self;
        let (now, campaign) = (world.ambient.now(), template.campaign.id);
        for after in [None, Some("a")] {
            self.calls("agents_page").agents_page(after, 50).await.unwrap();
            self.calls("campaigns_page").campaigns_page(after, 50).await.unwrap();
        }
        let doings = self.calls("agents_doings").agents_doings(&[template.agent.id], now).await.unwrap();
        assert!(doings[&template.agent.id].last_post.is_some());
        self.calls("campaigns_doings").campaigns_doings(&[campaign], now).await.unwrap();
        let midnight = chimera_domain::SpendWindows::midnight(now);
        self.calls("campaigns_spent").campaigns_spent(&[campaign], midnight).await.unwrap();
        self.calls("spend_by_day").spend_by_day(&[template.agent.id], midnight, 14).await.unwrap();
        let alert = world.store.alerts_open(1).await.unwrap().first().map(|alert| alert.id);
        for after in [None, alert] {
            self.calls("alerts_page").alerts_page(after, 50).await.unwrap();
        }
        let rare = AuditFilter {
            actor: Some("nobody".to_owned()),
            action: Some(chimera_domain::AuditAction::Decided),
            before: Some(1_000),
            from: Some(1),
            limit: 50,
            trace_id: None,
        };
        self.calls("audit_entries").audit_entries(&rare).await.unwrap();
        for after in [None, Some(template.task.id)] {
            self.calls("posts_published").posts_published(after, 50).await.unwrap();
        }
        for after in [None, Some(template.task.signal_id)] {
            self.calls("campaign_plans").campaign_plans(campaign, after, 12).await.unwrap();
        }
    }

    /// What operators and pages ask.
    async fn questions(&self) {
        let Self { world, template, .. } = self;
        let ids: Vec<_> = [template.task.id].into_iter().chain(self.plan_dags().await).collect();
        self.calls("tasks_by_ids").tasks_by_ids(&ids).await.unwrap();
        self.calls("tasks_by_trace").tasks_by_trace(template.task.trace_id).await.unwrap();
        self.calls("trace").trace(template.task.trace_id).await.unwrap().unwrap();
        self.calls("task_counts").task_counts().await.unwrap();
        self.calls("tasks_standing").tasks_standing().await.unwrap();
        self.calls("alerts_standing").alerts_standing().await.unwrap();
        self.calls("fleet_spend").fleet_spend(self.world.ambient.now()).await.unwrap();
        self.calls("fleet_busy").fleet_busy().await.unwrap();
        for states in [&[TaskState::Failed][..], &[TaskState::Ready, TaskState::Executing, TaskState::Published]] {
            self.calls("tasks_in").tasks_in(states, 50).await.unwrap();
        }
        assert_eq!(self.calls("posts").posts(50).await.unwrap().len(), 50);
        self.pages().await;
        let campaign = Some(template.campaign.id);
        for (campaign, outcome) in [
            (None, None),
            (campaign, None),
            (None, Some(SignalOutcome::Deferred)),
            (campaign, Some(SignalOutcome::Planned)),
        ] {
            let filter = SignalFilter { campaign, outcome, limit: 50 };
            let newest = self.calls("signals").signals(&filter).await.unwrap();
            let after = newest.first().map(|signal| signal.id);
            self.calls("signals_after").signals_after(&filter, after).await.unwrap();
        }
        for campaign in [None, campaign] {
            self.calls("signal_counts").signal_counts(campaign).await.unwrap();
            self.calls("spend_total").spend_total(campaign).await.unwrap();
        }
        self.calls("spend_totals_forget").spend_totals_forget(world.ambient.now()).await.unwrap();
        self.calls("spend_use").spend_use(&[template.agent.id], world.ambient.now()).await.unwrap();
        self.calls("spend_check").spend_check(&[template.agent.id], world.ambient.now()).await.unwrap();
        let since = world.ambient.now() - chrono::Duration::hours(24);
        for (state, limit) in [(None, Some(50)), (Some(EntryState::Presumed), Some(50)), (None, None)] {
            self.calls("spend_entries").spend_entries(&[template.agent.id], since, state, limit).await.unwrap();
        }
        self.calls("audit_head").audit_head().await.unwrap();
        for (trace_id, actor) in [(None, None), (Some(template.task.trace_id), None), (None, Some("judge".to_owned()))]
        {
            self.calls("audit_entries")
                .audit_entries(&AuditFilter { trace_id, actor, limit: 50, ..AuditFilter::default() })
                .await
                .unwrap();
        }
        let subject = chimera_domain::AuditSubject::Task;
        let record = AuditRecord::new(
            world.ambient.now(),
            chimera_domain::Actor::system(),
            chimera_domain::AuditAction::TaskRetried,
            subject,
            template.task.id.as_uuid(),
        );
        self.calls("audit_append").audit_append(&[record]).await.unwrap();
        let alerts: Vec<_> =
            (0..BATCH).map(|n| fixtures::alert(&world.ambient, AlertKind::DeadLetter, &n.to_string())).collect();
        self.calls("alerts_raise").alerts_raise(&alerts).await.unwrap();
        self.calls("alerts_open").alerts_open(50).await.unwrap();
        let untold = self.calls("alerts_untold").alerts_untold(world.ambient.now(), 50).await.unwrap();
        self.calls("alert_told").alert_told(&untold[0]).await.unwrap();
        self.calls("alert_not_told").alert_not_told(&untold[1], "down", Some(world.ambient.now())).await.unwrap();
        self.calls("alert_not_told").alert_not_told(&untold[2], "down", None).await.unwrap();
        self.calls("alerts_tellings").alerts_tellings(&alerts).await.unwrap();
        let long_ago = world.ambient.now() - chrono::Duration::hours(1);
        self.calls("alerts_pass_over").alerts_pass_over(long_ago, 50).await.unwrap();
        let over = |subject: &str| subject != "1";
        self.calls("alerts_end")
            .alerts_end(AlertKind::DeadLetter, over, &chimera_domain::Actor::system())
            .await
            .unwrap();
        let ids: Vec<_> = alerts.iter().map(|alert| alert.id).collect();
        self.calls("alerts_acknowledge").alerts_acknowledge(&ids, world.ambient.now()).await.unwrap();
        let calls: Vec<_> = (0..BATCH).map(|_| fixtures::tool_call(&world.ambient, &template.task)).collect();
        self.calls("tool_calls_record").tool_calls_record(&calls).await.unwrap();
    }

    /// What an agent remembers; that is a trait's, so nobody finds its methods missing here.
    async fn memories(&self) {
        let Self { world, template, .. } = self;
        let (agent, now) = (template.agent.id, world.ambient.now());
        let index = |method| in_database(self.calls(method).clone());
        let batch: Vec<_> = (0..BATCH).map(|_| fixtures::memory(&world.ambient, agent)).collect();
        assert_eq!(index("memory_add").add(&batch).await.unwrap(), BATCH);
        assert_eq!(index("memory_add").add(&batch).await.unwrap(), 0);
        let search = MemorySearch::new(agent, batch[0].1.clone(), 10);
        let narrow = MemorySearch { kind: Some(MemoryKind::Semantic), since: Some(now), ..search.clone() };
        for search in [search, narrow] {
            assert!(!index("memory_search").search(&search).await.unwrap().is_empty());
        }
        let since = now - chrono::Duration::hours(1);
        assert!(!index("memory_recent").recent(agent, MemoryKind::Semantic, since, 10).await.unwrap().is_empty());
        index("memory_count").count(agent).await.unwrap();
        let ids = Forget::Ids(agent, batch.iter().map(|(memory, _)| memory.id).collect());
        assert_eq!(index("memory_forget").forget(&ids).await.unwrap(), BATCH as u64);
        let old = Forget::OlderThan(agent, now - chrono::Duration::days(50));
        assert!(index("memory_forget").forget(&old).await.unwrap() > 1_000);
    }

    /// Of what is old, a part.
    async fn retention(&self) {
        let now = self.world.ambient.now();
        for what in Prunable::ALL {
            let old = self.calls("prunable").prunable(what, now).await.unwrap();
            let gone = self.calls("prune").prune(what, now, 100, now).await.unwrap();
            assert_eq!(gone, old.min(100), "{what:?}");
            assert!(old > 1_000, "{what:?}: {old}");
        }
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::new(folder.path().to_owned());
        blobs.put(b"stray", "image/png").await.unwrap();
        let later = chrono::DateTime::<chrono::Utc>::MAX_UTC;
        let collected = self.calls("blobs_collect").blobs_collect(&blobs, later, true).await.unwrap();
        assert_eq!(collected.files, 1);
    }

    /// Plans as many posts as a batch has; gives their parts.
    async fn plan_dags(&self) -> Vec<TaskId> {
        let signals: Vec<_> = (0..BATCH).map(|_| self.world.signal()).collect();
        let tasks = signals.iter().flat_map(|s| self.dag(s)).collect();
        self.calls("plan_commit").plan_commit(&self.world.plan(signals, tasks)).await.unwrap()
    }

    fn dag(&self, signal: &chimera_domain::TrendSignal) -> Vec<AgentTask> {
        fixtures::dag(&self.world.ambient, &self.template.campaign, &self.template.agent, signal)
    }

    /// Plans posts without parts and brings them into review.
    async fn reviewed_posts(&self) -> (Vec<AgentTask>, Vec<Artifact>) {
        let Self { world, .. } = self;
        let signals: Vec<_> = (0..BATCH).map(|_| world.signal()).collect();
        let tasks = signals.iter().map(|s| world.task(s, TaskType::AssemblePost, vec![])).collect();
        let ids = world.store.plan_commit(&world.plan(signals, tasks)).await.unwrap();
        let claim = Claim::new("worker", LEASE, world.ambient.now());
        let claimed = world.store.task_claim(&ids, claim).await.unwrap().tasks;
        let artifacts: Vec<_> = claimed.iter().map(|t| fixtures::artifact(&world.ambient, t)).collect();
        let results = claimed.iter().zip(&artifacts).map(|(t, a)| world.submission(t, a)).collect();
        world.store.task_submit(results, world.ambient.now()).await.unwrap();
        let of: std::collections::HashMap<_, _> = artifacts.into_iter().map(|a| (a.task_id, a)).collect();
        let tasks = world.store.tasks_by_ids(&ids).await.unwrap();
        let artifacts = tasks.iter().map(|t| of[&t.id].clone()).collect();
        (tasks, artifacts)
    }

    async fn publish_begin(&self, ids: &[TaskId], lease: std::time::Duration) -> Vec<PublishCase> {
        let world = self.world;
        let new_ids: Vec<_> = ids.iter().map(|_| PublicationId::generate(&world.ambient)).collect();
        // What a pace asks is asked, and holds nobody back.
        let pacing = PacingRule { fleet_posts_per_hour: Some(u32::MAX), ..PacingRule::default() };
        let store = self.calls("publish_begin").clone().paced(pacing);
        store.publish_begin(ids, "publisher", lease, world.ambient.now(), &new_ids).await.unwrap()
    }

    async fn settle(&self, begun: &[PublishCase], outcome: impl Fn(usize) -> PublishOutcome) {
        let settlements = settlements(self.world, begun, outcome);
        self.calls("publish_settle").publish_settle(settlements, self.world.ambient.now()).await.unwrap();
    }
}
