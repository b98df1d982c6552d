//! Who watches what, and when.

use chimera_domain::{Campaign, CampaignStatus, Score, SignalOutcome};
use chimera_planner::PlannerReport;

use crate::world::{FEED, World, item, told};

use SignalOutcome::{BelowThreshold, Planned};

pub(crate) async fn a_paused_campaign_plans_nothing_until_resumed(world: World) {
    world.set_status(&world.campaign, CampaignStatus::Paused).await;
    // Another campaign goes on reading, which must not cost the paused one its news.
    let other = world.another(|_| {}).await;
    world.feeds.set(FEED, &[item("1", "Silk again", "0.9")]);
    world.tick().await;
    assert!(world.signals(&world.campaign).await.is_empty());
    assert_eq!(world.outcomes(&other).await, told(&[("Silk again", Planned)]));
    world.set_status(&world.campaign, CampaignStatus::Active).await;
    world.tick().await;
    assert_eq!(world.outcomes(&world.campaign).await, told(&[("Silk again", Planned)]));
    assert_eq!(world.outcomes(&other).await.len(), 1);
}

pub(crate) async fn a_pause_between_reading_and_planning_wins_and_nothing_is_lost(world: World) {
    world.feeds.set(FEED, &[item("1", "Silk again", "0.9")]);
    let mind = std::sync::Arc::new(PausingMind {
        store: world.store.clone(),
        campaign: world.campaign.clone(),
        ambient: world.ambient.clone(),
        inner: world.mind.clone(),
    });
    let planner = chimera_planner::Planner::new(
        world.store.clone(),
        world.bus.clone(),
        world.host.clone(),
        mind,
        world.ambient.clone(),
        chimera_planner::PlannerConfig::default(),
    );
    let report = planner.tick().await.unwrap();
    assert_eq!((report.signals, report.tasks), (0, 0));
    assert!(world.tasks().await.is_empty() && world.signals(&world.campaign).await.is_empty());
    assert_eq!(world.cursor().await, None, "the content counts as unseen");
    assert!(world.store.spend_total(None).await.unwrap() > chimera_domain::Usd::ZERO, "the question was paid for");
    world.set_status(&world.campaign, CampaignStatus::Active).await;
    world.tick().await;
    assert_eq!(world.outcomes(&world.campaign).await, told(&[("Silk again", Planned)]));
}

/// A mind during whose answer an operator pauses the campaign.
#[derive(Debug)]
struct PausingMind {
    store: chimera_store::Store,
    campaign: Campaign,
    ambient: std::sync::Arc<chimera_testkit::SeededAmbient>,
    inner: std::sync::Arc<crate::fake::ScriptedMind>,
}

#[async_trait::async_trait]
impl chimera_llm::Mind for PausingMind {
    fn about(&self) -> chimera_llm::MindInfo {
        self.inner.about()
    }

    async fn relevance(
        &self,
        ask: &chimera_llm::RelevanceAsk,
    ) -> Result<chimera_llm::Answer<Vec<chimera_llm::Relevance>>, chimera_llm::MindError> {
        let (id, version) = (self.campaign.id, self.campaign.state_version);
        let now = chimera_domain::Ambient::now(&*self.ambient);
        self.store.campaign_set_status(id, version, CampaignStatus::Paused, now).await.unwrap();
        self.inner.relevance(ask).await
    }

    async fn write(
        &self,
        ask: &chimera_llm::WriteAsk,
    ) -> Result<chimera_llm::Answer<chimera_llm::Draft>, chimera_llm::MindError> {
        self.inner.write(ask).await
    }

    async fn opine(
        &self,
        ask: &chimera_llm::OpinionAsk,
    ) -> Result<chimera_llm::Answer<chimera_llm::Opinion>, chimera_llm::MindError> {
        self.inner.opine(ask).await
    }
}

pub(crate) async fn one_resource_is_read_once_for_all_its_watchers(world: World) {
    let picky = world.another(|c| c.relevance_threshold = Score::percent(95)).await;
    world.feeds.set(FEED, &[item("1", "Silk again", "0.9")]);
    let report = world.tick().await;
    assert_eq!(world.feeds.reads(FEED), 1);
    assert_eq!((report.resources_changed, report.signals, report.tasks), (1, 2, 4));
    assert_eq!(world.outcomes(&world.campaign).await, told(&[("Silk again", Planned)]));
    assert_eq!(world.outcomes(&picky).await, told(&[("Silk again", BelowThreshold)]));
}

pub(crate) async fn a_campaign_that_comes_late_sees_what_others_have_seen(world: World) {
    world.feeds.set(FEED, &[item("1", "Silk again", "0.9")]);
    world.tick().await;
    let late = world.another(|_| {}).await;
    world.tick().await;
    assert_eq!(world.outcomes(&late).await, told(&[("Silk again", Planned)]));
    assert_eq!(world.outcomes(&world.campaign).await.len(), 1);
    assert_eq!(world.tick().await, PlannerReport::default());
}

pub(crate) async fn a_campaign_without_an_agent_plans_when_it_gets_one(world: World) {
    let orphan = world.another(|c| c.agents.clear()).await;
    world.feeds.set(FEED, &[item("1", "Silk again", "0.9")]);
    world.tick().await;
    assert!(world.signals(&orphan).await.is_empty());
    let stored = world.store.campaign_save(&Campaign { agents: vec![world.agent.id], ..orphan }).await.unwrap();
    world.tick().await;
    assert_eq!(world.outcomes(&stored).await, told(&[("Silk again", Planned)]));
}
