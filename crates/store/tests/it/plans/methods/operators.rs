//! What people do: answer, let in, set, and start what was planned.

use super::*;

impl Caller<'_> {
    /// Questions to people.
    pub(super) async fn people(&self) {
        let Self { world, .. } = self;
        let (reviewed, artifacts) = self.reviewed_posts().await;
        let pairs: Vec<_> = reviewed.into_iter().zip(artifacts).collect();
        let page = TicketFilter { limit: 50, ..TicketFilter::default() };
        let tickets = ask(world, self.calls("task_decide"), &pairs).await;
        assert_eq!(self.calls("tickets_open").tickets_open(&page).await.unwrap().len(), BATCH);
        self.calls("hitl_depth").hitl_depth().await.unwrap();
        self.calls("hitl_glance").hitl_glance(3).await.unwrap();
        self.calls("ticket_cases").ticket_cases(&tickets).await.unwrap();
        self.calls("ticket_by_id").ticket_by_id(tickets[0].id).await.unwrap();
        answer(world, self.calls("ticket_resolve"), &tickets[0], Resolution::Approved).await;
        answer(world, self.calls("ticket_resolve"), &tickets[1], Resolution::Rejected).await;
        let begun = self.publish_begin(&[tickets[0].task_id], LEASE).await;
        let unknown = |_| PublishOutcome::Unknown { error: "cut off".to_owned() };
        self.settle(&begun, unknown).await;
        let open = self.calls("tickets_open").tickets_open(&page).await.unwrap();
        let doubt = open.iter().find(|t| t.task_id == tickets[0].task_id).unwrap();
        answer(world, self.calls("ticket_resolve"), doubt, Resolution::ConfirmedPublished).await;
        // The others are withdrawn.
        let waiting = world.store.tasks_by_ids(&[tickets[2].task_id]).await.unwrap().remove(0);
        let cancel = world.ruling(&waiting, &pairs[2].1, TaskEvent::Cancel);
        self.calls("task_decide").task_decide(vec![cancel], world.ambient.now()).await.unwrap();
    }

    /// Who is let in.
    pub(super) async fn access(&self) {
        let Self { world, .. } = self;
        let (now, tenant, life) = (world.ambient.now(), world.store.tenant(), chrono::Duration::hours(1));
        let made = |kind| Credential::grant(kind, AccessRole::Viewer, "mara", life, tenant, &world.ambient);
        let ((link, secret), (session, _)) = (made(CredentialKind::Link), made(CredentialKind::Session));
        self.calls("credential_grant").credential_grant(&link).await.unwrap();
        self.calls("credential_of").credential_of(CredentialKind::Link, &secret, now).await.unwrap().unwrap();
        self.calls("sign_in").sign_in(&secret, &session, now).await.unwrap().unwrap();
        self.calls("credentials_live").credentials_live(CredentialKind::Session, now).await.unwrap();
        let by = chimera_domain::Actor::system();
        self.calls("credential_end").credential_end(session.id, &by, now).await.unwrap().unwrap();
    }

    /// What an operator sets; at the end the campaign is over, and the sweeper takes its tasks along.
    pub(super) async fn settings(&self) {
        let Self { world, template, .. } = self;
        let (agent, campaign) = (&template.agent, &template.campaign);
        self.calls("agent_ids").agent_ids().await.unwrap();
        self.calls("agents").agents().await.unwrap();
        self.calls("agent_by_slug").agent_by_slug(&agent.persona_slug).await.unwrap();
        self.calls("agent_save").agent_save(agent).await.unwrap();
        self.calls("campaigns").campaigns().await.unwrap();
        self.calls("campaign_by_slug").campaign_by_slug(&campaign.slug).await.unwrap();
        self.calls("campaign_by_id").campaign_by_id(campaign.id).await.unwrap();
        self.calls("campaign_save").campaign_save(campaign).await.unwrap();
        let limits = CampaignLimits {
            daily_task_cap: Some(9_999),
            daily_budget_usd: Some(Usd::dollars(999)),
            quiet_hours: Some("01:00-02:00 UTC".parse().unwrap()),
            plan_review: false,
        };
        let resources = vec!["mcp://feeds/feed://a".to_owned()];
        let watchable = Campaign { resources, limits, ..campaign.clone() };
        let other =
            Campaign { slug: "another".to_owned(), id: CampaignId::generate(&world.ambient), ..watchable.clone() };
        self.calls("campaign_create").campaign_create(&other).await.unwrap();
        let store = self.calls("campaign_edit");
        let campaign = &store.campaign_edit(campaign.id, campaign.state_version, &watchable).await.unwrap();
        let campaign = &self.fitted(campaign).await;
        self.calls("campaign_use").campaign_use(&[campaign], world.ambient.now()).await.unwrap();
        let store = self.calls("campaign_set_status");
        let (version, now) = (campaign.state_version, world.ambient.now());
        store.campaign_set_status(campaign.id, version, CampaignStatus::Ended, now).await.unwrap();
        let wait = std::time::Duration::from_secs(0);
        let limits =
            SweepLimits { vanished_max: 2, ready_older_than: wait, review_older_than: wait, batch: 20, queued: QUEUED };
        let swept = self.calls("sweep").sweep(limits, now).await.unwrap();
        assert_eq!(swept.cancelled.len(), 20);
    }

    /// What was decided, marked and fitted to that; gives the campaign as it is then.
    async fn fitted(&self, campaign: &Campaign) -> Campaign {
        let Self { world, template, .. } = self;
        let now = world.ambient.now();
        self.calls("signals_waiting").signals_waiting(&[campaign.id]).await.unwrap();
        self.calls("planned_first").planned_first(&[template.agent.id], now).await.unwrap();
        let store = self.calls("campaign_calibrate");
        let fitted = store.campaign_calibrate(campaign.id, campaign.state_version, None, now).await.unwrap();
        let signals = self.calls("signals_scored").signals_scored(campaign.id, now - LATELY, None, 50).await.unwrap();
        self.calls("signals_scored").signals_scored(campaign.id, now - LATELY, signals.first(), 50).await.unwrap();
        for mark in [SignalMark::Up, SignalMark::Down] {
            self.calls("signal_mark").signal_mark(template.task.signal_id, mark, None, now).await.unwrap();
        }
        self.calls("reviews").reviews(50).await.unwrap();
        let open = world.store.tickets_open(&TicketFilter { limit: 1, ..TicketFilter::default() }).await.unwrap();
        for to in [Some("zoe"), None] {
            let store = self.calls("ticket_assign");
            store.ticket_assign(open[0].id, to, false, now).await.unwrap();
        }
        for map in [Some(fixtures::calibration(&world.ambient)), None] {
            let maps = map.into_iter().map(|map| (Some(campaign.id), map)).collect();
            self.calls("judge_calibrate").judge_calibrate(&maps, now).await.unwrap();
            self.calls("judge_maps").judge_maps(&[campaign.id]).await.unwrap();
        }
        self.calls("marks_of").marks_of(&signals).await.unwrap();
        self.calls("signals_marked").signals_marked(campaign.id, 50).await.unwrap();
        let channels = [Channel::Instagram, Channel::Threads];
        assert!(!self.calls("posted_since").posted_since(&channels, now - LATELY, 50).await.unwrap().is_empty());
        fitted
    }

    /// Plans that an operator looks at before they start.
    pub(super) async fn drafts(&self) {
        let now = self.world.ambient.now();
        let mut signals: Vec<_> = (0..3 * BATCH).map(|_| self.world.signal()).collect();
        signals.sort_by_key(|signal| signal.id);
        let draft = |task| AgentTask { state: TaskState::Draft, ..task };
        let tasks = signals.iter().flat_map(|signal| self.dag(signal)).map(draft).collect();
        self.world.store.plan_commit(&self.world.plan(signals, tasks)).await.unwrap();
        let page = async |filter: DraftFilter| self.calls("draft_plans").draft_plans(&filter).await.unwrap();
        let first = DraftFilter { limit: BATCH as u64, ..DraftFilter::default() };
        let next = async || page(first.clone()).await;
        let ids = |plans: &[DraftPlan]| plans.iter().map(|plan| plan.signal.id).collect::<Vec<_>>();
        let plans = next().await;
        let edit = |task: &AgentTask| DraftEdit {
            task_id: task.id,
            version: task.state_version,
            goal: Some("Another".to_owned()),
            priority: None,
            budget_cap_usd: None,
        };
        let after = plans.last().map(|plan| plan.signal.trace_id);
        let campaign = Some(self.template.campaign.id);
        for campaign in [None, campaign] {
            assert_eq!(page(DraftFilter { after, campaign, ..first.clone() }).await.len(), BATCH);
            assert_eq!(self.calls("drafts_waiting").drafts_waiting(campaign).await.unwrap(), 3 * BATCH as u64);
        }
        assert_eq!(self.calls("drafts_glance").drafts_glance(3).await.unwrap(), (3, true));
        self.calls("pulse").pulse().await.unwrap();
        let edits: Vec<_> = plans.iter().flat_map(|plan| &plan.tasks).map(edit).collect();
        self.calls("drafts_edit").drafts_edit(&edits, now).await.unwrap();
        let these = Drafts { signals: &ids(&plans), channel: None, seen: None };
        assert!(!self.calls("drafts_start").drafts_start(these, now).await.unwrap().is_empty());
        let these = Drafts { signals: &ids(&next().await), channel: None, seen: None };
        assert!(self.calls("drafts_drop").drafts_drop(these, "no", now).await.unwrap() > BATCH);
        let later = now + chrono::Duration::days(1);
        assert!(self.calls("drafts_expire").drafts_expire(later, "no", 1_000, later).await.unwrap() > BATCH as u64);
    }
}
