//! A migrated database, an agent with a campaign, a server of feeds, a scripted mind, and a planner over them.

use std::sync::Arc;

use chimera_bus::Bus;
use chimera_domain::{
    Agent, AgentTask, Ambient as _, Campaign, CampaignStatus, CampaignTerms, Channel, GovernorLimits, Score,
    SignalOutcome, TrendSignal, Usd, contracts::FeedItem,
};
use chimera_mcp::{Host, HostConfig};
use chimera_planner::{Planner, PlannerConfig, PlannerReport};
use chimera_store::{ResourceCursor, SignalFilter, Store};
use chimera_testkit::{Backends, SeededAmbient, fixtures};

use crate::fake::{Feeds, ScriptedMind};

/// The feed's own name, and the campaign's name for it.
pub(crate) const FEED: &str = "feed://news";
pub(crate) const RESOURCE: &str = "mcp://feeds/feed://news";

/// See the file's opening.
pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) bus: Arc<dyn Bus>,
    pub(crate) ambient: Arc<SeededAmbient>,
    pub(crate) agent: Agent,
    pub(crate) campaign: Campaign,
    pub(crate) feeds: Feeds,
    pub(crate) host: Arc<Host>,
    pub(crate) mind: Arc<ScriptedMind>,
    pub(crate) planner: Planner,
    _backends: Backends,
}

/// An item whose score the scripted mind reads off its summary.
pub(crate) fn item(id: &str, title: &str, score: &str) -> FeedItem {
    FeedItem {
        id: id.to_owned(),
        title: title.to_owned(),
        summary: score.to_owned(),
        url: Some(format!("https://news.test/{id}")),
        published_at: None,
        language: None,
        categories: vec![],
    }
}

impl World {
    pub(crate) async fn over(backends: Backends) -> Self {
        let (store, bus) = (backends.store().await, backends.bus().await);
        let ambient = Arc::new(SeededAmbient::new(42));
        let limits =
            GovernorLimits { max_daily_spend: Usd::dollars(500), max_tasks_per_hour: 99, ..GovernorLimits::default() };
        let agent = Agent { governor_limits: limits, ..fixtures::agent(&*ambient) };
        let agent = store.agent_save(&agent).await.unwrap();
        let campaign = Campaign {
            resources: vec![RESOURCE.to_owned()],
            channels: vec![Channel::Instagram],
            relevance_threshold: Score::percent(75),
            terms: CampaignTerms::default(),
            ..fixtures::campaign(&*ambient, &agent)
        };
        let campaign = store.campaign_save(&campaign).await.unwrap();
        let (feeds, mind) = (Feeds::default(), Arc::new(ScriptedMind::default()));
        let served = feeds.clone();
        let host = Host::builder(HostConfig::default(), ambient.clone()).in_process("feeds", move || served.clone());
        let host = Arc::new(host.build().unwrap());
        let planner = Planner::new(
            store.clone(),
            bus.clone(),
            host.clone(),
            mind.clone(),
            ambient.clone(),
            PlannerConfig::default(),
        );
        Self { store, bus, ambient, agent, campaign, feeds, host, mind, planner, _backends: backends }
    }

    /// Another planner over the same things.
    pub(crate) fn planner_with(&self, config: PlannerConfig) -> Planner {
        let (host, mind) = (self.host.clone(), self.mind.clone());
        Planner::new(self.store.clone(), self.bus.clone(), host, mind, self.ambient.clone(), config)
    }

    /// Another planner, over another host.
    pub(crate) fn planner_over(&self, host: Host, config: PlannerConfig) -> Planner {
        let (host, mind) = (Arc::new(host), self.mind.clone());
        Planner::new(self.store.clone(), self.bus.clone(), host, mind, self.ambient.clone(), config)
    }

    pub(crate) async fn tick(&self) -> PlannerReport {
        self.planner.tick().await.unwrap()
    }

    /// A second campaign with the same agent and resource, changed as wanted.
    pub(crate) async fn another(&self, change: impl FnOnce(&mut Campaign)) -> Campaign {
        let fresh = fixtures::campaign(&*self.ambient, &self.agent);
        let mut campaign = Campaign { id: fresh.id, slug: fresh.slug, ..self.campaign.clone() };
        change(&mut campaign);
        self.store.campaign_save(&campaign).await.unwrap()
    }

    pub(crate) async fn set_status(&self, campaign: &Campaign, status: CampaignStatus) {
        let stored = self.store.campaign_by_id(campaign.id).await.unwrap().unwrap();
        self.store.campaign_set_status(stored.id, stored.state_version, status, self.ambient.now()).await.unwrap();
    }

    /// Signals of this campaign, oldest first.
    pub(crate) async fn signals(&self, campaign: &Campaign) -> Vec<TrendSignal> {
        let filter = SignalFilter { campaign: Some(campaign.id), outcome: None, limit: 1_000 };
        let mut signals = self.store.signals(&filter).await.unwrap();
        signals.reverse();
        signals
    }

    /// Titles and outcomes of this campaign's signals, oldest first.
    pub(crate) async fn outcomes(&self, campaign: &Campaign) -> Vec<(String, SignalOutcome)> {
        self.signals(campaign).await.into_iter().map(|s| (s.item.title, s.outcome)).collect()
    }

    pub(crate) async fn tasks(&self) -> Vec<AgentTask> {
        self.store.tasks_in(chimera_domain::TaskState::ALL, 1_000).await.unwrap()
    }

    pub(crate) async fn cursor(&self) -> Option<ResourceCursor> {
        self.store.cursors(&[RESOURCE.to_owned()]).await.unwrap().pop()
    }
}

/// Titles with their outcomes, for comparing.
pub(crate) fn told(rows: &[(&str, SignalOutcome)]) -> Vec<(String, SignalOutcome)> {
    rows.iter().map(|(title, outcome)| ((*title).to_owned(), *outcome)).collect()
}
