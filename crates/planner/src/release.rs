//! What the governor held back: planned when its window has turned, dropped when its time is over; and plans that nobody
//! started in time.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use chimera_bus::Queue;
use chimera_domain::{
    Agent, AgentId, Campaign, CampaignId, Channel, SignalId, SignalOutcome, TrendSignal, error_chain,
    policy::{CampaignGovernor, DayMoney, Governor, GovernorVerdict, StoryVoices},
};
use chimera_store::{HeldPlan, PlanError};
use chimera_telemetry::{CONFLICTS, HELD_SIGNALS, TASKS_PLANNED};
use chrono::Duration;

use crate::{
    Planner, PlannerError, PlannerReport,
    dag::{PlanSeed, plan_posts},
    spans,
    trending::Trending,
    triage::{left, left_to_others, posts_budget},
};

/// Signals looked at, and dropped, in one round. The rest has its turn in the next.
const BATCH: u64 = 500;

impl Planner {
    /// Drops what has been held back too long, then plans of the rest what its governor has room for: the hottest first,
    /// of equally hot ones the older.
    pub(crate) async fn release(
        &self,
        campaigns: &[Arc<Campaign>],
        agents: &HashMap<AgentId, Arc<Agent>>,
        report: &mut PlannerReport,
    ) -> Result<(), PlannerError> {
        let now = self.ambient.now();
        let hours = self.config.held_hours_max;
        let note = format!("held back by the governor for more than {hours} hours");
        let stale = self.store.signals_expire(now - Duration::hours(i64::from(hours)), &note, BATCH, now).await?;
        report.stale = usize::try_from(stale).unwrap_or(usize::MAX);
        HELD_SIGNALS.add_for("stale", report.stale);
        let note = format!("no operator started it within {hours} hours");
        let dropped = self.store.drafts_expire(now - Duration::hours(i64::from(hours)), &note, BATCH, now).await?;
        if dropped > 0 {
            tracing::info!(tasks = dropped, "dropped plans that nobody started");
        }
        let all: Vec<_> = campaigns.iter().map(|campaign| campaign.id).collect();
        // Mostly nothing is held back, and then nobody needs to know what agents have left.
        if self.store.signals_held(&all, 1).await?.is_empty() {
            return Ok(());
        }
        let mut governors = self.governors(agents).await?;
        let mut wholes = self.campaign_governors(campaigns).await?;
        let with_room = campaigns.iter().map(|campaign| &**campaign);
        let with_room: Vec<&Campaign> = with_room.filter(|campaign| has_room(campaign, &governors, &wholes)).collect();
        let ids: Vec<_> = with_room.iter().map(|campaign| campaign.id).collect();
        let mut held: HashMap<_, Vec<TrendSignal>> = HashMap::new();
        for signal in self.store.signals_held(&ids, BATCH).await? {
            held.entry(signal.campaign_id).or_default().push(signal);
        }
        for campaign in with_room {
            let Some(signals) = held.remove(&campaign.id) else { continue };
            let Some(whole) = wholes.remove(&campaign.id) else { continue };
            self.release_of(campaign, agents, signals, (&mut governors, whole), report).await?;
        }
        Ok(())
    }

    async fn governors(
        &self,
        agents: &HashMap<AgentId, Arc<Agent>>,
    ) -> Result<HashMap<AgentId, Governor>, PlannerError> {
        let ids: Vec<AgentId> = agents.keys().copied().collect();
        let capped = agents.values().filter(|agent| agent.governor_limits.max_tasks_per_day.is_some());
        let by_day: Vec<AgentId> = capped.map(|agent| agent.id).collect();
        let mut used = self.store.governor_use(&ids, &by_day, self.ambient.now()).await?;
        let mut governor = |agent: &Agent| {
            (agent.id, Governor::new(agent.governor_limits, used.remove(&agent.id).unwrap_or_default()))
        };
        Ok(agents.values().map(|agent| governor(agent)).collect())
    }

    /// Who of the fleet posts about the stories of these signals.
    async fn voices_of(&self, signals: &[TrendSignal]) -> Result<StoryVoices, PlannerError> {
        let max = self.config.same_story_max;
        if max == 0 {
            return Ok(StoryVoices::default());
        }
        let stories: Vec<SignalId> = signals.iter().map(|signal| signal.story_id).collect();
        let wordings: Vec<String> = signals.iter().map(|signal| signal.content_hash.clone()).collect();
        Ok(StoryVoices::new(max, self.store.story_voices(&stories, &wordings).await?))
    }

    async fn campaign_governors(
        &self,
        campaigns: &[Arc<Campaign>],
    ) -> Result<HashMap<CampaignId, CampaignGovernor>, PlannerError> {
        let now = self.ambient.now();
        let mut used =
            self.store.campaign_use(&campaigns.iter().map(|campaign| &**campaign).collect::<Vec<_>>(), now).await?;
        let mut governor = |campaign: &Campaign| {
            let used = used.remove(&campaign.id).unwrap_or_default();
            (campaign.id, CampaignGovernor::new(campaign, used, now))
        };
        Ok(campaigns.iter().map(|campaign| governor(campaign)).collect())
    }

    async fn release_of(
        &self,
        campaign: &Campaign,
        agents: &HashMap<AgentId, Arc<Agent>>,
        signals: Vec<TrendSignal>,
        (governors, whole): (&mut HashMap<AgentId, Governor>, CampaignGovernor),
        report: &mut PlannerReport,
    ) -> Result<(), PlannerError> {
        let told = self.store.told_meanwhile(campaign.id, &signals).await?;
        let now = self.ambient.now();
        let mut plan = HeldPlan {
            campaign_id: campaign.id,
            campaign_version: campaign.state_version,
            planned: vec![],
            told: vec![],
            refused: vec![],
            tasks: vec![],
            decided_at: now,
        };
        let mut voices = self.voices_of(&signals).await?;
        let chosen = choose(campaign, signals, &told, (governors, whole), &mut voices);
        plan.told = chosen.told.into_iter().map(|signal| signal.id).collect();
        plan.refused = chosen.refused;
        let trending = if chosen.admitted.is_empty() { Trending::default() } else { self.trending().await? };
        for Admitted { signal, channels, left } in chosen.admitted {
            let Some(agent) = agents.get(&signal.agent_id) else { continue };
            let note = left_to_others(campaign, &channels);
            let signal = TrendSignal { outcome: SignalOutcome::Planned, decided_at: now, note, ..signal };
            let trending = trending.note(&signal.item.title).is_some();
            let (seed, video) = (self.config.seed, &self.config.video);
            let seed = PlanSeed { campaign, agent, signal: &signal, seed, video, trending, left: &left };
            let posts = plan_posts(seed, &*self.ambient).into_iter();
            plan.tasks.extend(posts.filter(|task| channels.contains(&task.channel)));
            plan.planned.push(signal);
        }
        if plan.planned.is_empty() && plan.told.is_empty() && plan.refused.is_empty() {
            return Ok(());
        }
        match self.store.plan_held(&plan).await {
            Ok(ready) => {
                tracing::info!(campaign = %campaign.slug, planned = plan.planned.len(), "planned what was held back");
                report.released += plan.planned.len();
                report.tasks += plan.tasks.len();
                HELD_SIGNALS.add_for("planned", plan.planned.len());
                HELD_SIGNALS.add_for("duplicate", plan.told.len());
                HELD_SIGNALS.add_for("refused", plan.refused.len());
                TASKS_PLANNED.add(plan.tasks.len());
                spans::planned_at_last(&plan, self.ambient.now());
                // The tasks are safe; should the queue lose them, the sweeper brings them.
                if let Err(error) = self.bus.push(Queue::Task, &ready).await {
                    tracing::warn!(error = %error_chain(&error), "planned tasks wait for the sweeper");
                }
                Ok(())
            }
            Err(PlanError::Store(error)) => Err(error.into()),
            Err(error) => {
                CONFLICTS.add_for("plan", 1);
                tracing::info!(campaign = %campaign.slug, reason = %error_chain(&error), "what is held back waits");
                Ok(())
            }
        }
    }
}

/// Whether any of a campaign's agents may plan one more of its posts.
fn has_room(
    campaign: &Campaign,
    governors: &HashMap<AgentId, Governor>,
    wholes: &HashMap<CampaignId, CampaignGovernor>,
) -> bool {
    let (budget, Some(whole)) = (posts_budget(campaign, &campaign.channels), wholes.get(&campaign.id)) else {
        return false;
    };
    let may = |id: &AgentId| {
        let governor = governors.get(id).copied();
        governor.is_some_and(|mut agent| whole.clone().admit(&mut agent, budget) == GovernorVerdict::Allowed)
    };
    campaign.agents.iter().any(may)
}

/// What becomes of signals that were held back; those in neither list go on waiting.
#[derive(Debug, Default)]
struct Chosen {
    admitted: Vec<Admitted>,
    told: Vec<TrendSignal>,
    /// Those whose story has no room for one more agent.
    refused: Vec<SignalId>,
}

/// A signal that is planned now.
#[derive(Debug)]
struct Admitted {
    signal: TrendSignal,
    /// Where its story has room.
    channels: Vec<Channel>,
    /// What agent and campaign have left for the day.
    left: Vec<DayMoney>,
}

/// Takes signals, the best first, for as long as the campaign's and their agents' governors have room, and of their stories
/// no more than the fleet may tell. An agent that left the campaign has no room.
fn choose(
    campaign: &Campaign,
    signals: Vec<TrendSignal>,
    told: &HashSet<SignalId>,
    (governors, mut whole): (&mut HashMap<AgentId, Governor>, CampaignGovernor),
    voices: &mut StoryVoices,
) -> Chosen {
    let mut chosen = Chosen::default();
    let (mut wordings, mut stories): (HashSet<String>, HashSet<SignalId>) = (HashSet::new(), HashSet::new());
    for signal in signals {
        let again = wordings.contains(&signal.content_hash) || stories.contains(&signal.story_id);
        if again || told.contains(&signal.id) {
            chosen.told.push(signal);
            continue;
        }
        let belongs = campaign.agents.contains(&signal.agent_id);
        let Some(governor) = governors.get_mut(&signal.agent_id).filter(|_| belongs) else { continue };
        let (story, wording) = (Some(signal.story_id), &*signal.content_hash);
        let channels = voices.clone().admit(story, wording, signal.agent_id, &campaign.channels);
        if channels.is_empty() {
            chosen.refused.push(signal.id);
        } else if whole.admit(governor, posts_budget(campaign, &channels)) == GovernorVerdict::Allowed {
            voices.admit(story, wording, signal.agent_id, &channels);
            wordings.insert(signal.content_hash.clone());
            stories.insert(signal.story_id);
            chosen.admitted.push(Admitted { signal, channels, left: left(governor, &whole) });
        }
    }
    chosen
}
