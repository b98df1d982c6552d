//! One round of planning, with its effects.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use chimera_bus::{Bus, Queue};
use chimera_domain::{
    Agent, AgentId, Ambient, Campaign, SignalOutcome, ToolCall, error_chain,
    policy::{CampaignGovernor, Governor},
};
use chimera_llm::{Mind, TableError, injection_markers};
use chimera_mcp::Host;
use chimera_store::{Plan, PlanError, Store, StoreError};
use chimera_telemetry::{
    CONFLICTS, DUPLICATES, RESOURCES, RESOURCES_FAILING, SIGNALS, SIGNALS_REFUSED, STAGE_DURATION, TASKS_PLANNED,
};
use futures::{StreamExt as _, stream};
use tokio_util::sync::CancellationToken;

use crate::{
    PlannerConfig,
    backoff::Backoff,
    course::Course,
    known::Cast,
    reading::Read,
    schedule::Schedule,
    sift::Sieve,
    spans::{self, Origin},
    spotter::Spotting,
    stories::Stories,
    triage::{Planned, Room},
};

/// Why a round of planning stopped. What was committed stays; the next round goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum PlannerError {
    /// The database.
    #[error("planning: the store failed")]
    Store(#[from] StoreError),
    /// The built-in embeddings, without which no trend is spotted.
    #[error("spotting trends: this program was built with damaged embeddings")]
    Embeddings(#[from] TableError),
}

/// What one round brought.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlannerReport {
    /// Resources that had changed.
    pub resources_changed: usize,
    /// Resources that could not be read.
    pub resources_failed: usize,
    /// Signals that were held back, and are planned now.
    pub released: usize,
    /// Signals that were held back for too long, and are dropped.
    pub stale: usize,
    /// New items, over all campaigns.
    pub signals: usize,
    /// Tasks planned.
    pub tasks: usize,
    /// Why the mind left items unscored, if it did; they are asked about again in the next round.
    pub mind_trouble: Option<String>,
}

/// Who watches what, as a round of planning found it.
#[derive(Debug)]
pub(crate) struct Round {
    campaigns: Vec<Arc<Campaign>>,
    pub(crate) agents: HashMap<AgentId, Arc<Agent>>,
    /// Resources that say who speaks to which agent.
    mentions: BTreeMap<String, AgentId>,
    report: PlannerReport,
    /// Why what was held back could not be planned.
    pub(crate) trouble: Option<PlannerError>,
}

impl Round {
    /// The watched resources, each with the campaigns that watch it.
    pub(crate) fn watchers(&self) -> BTreeMap<String, Vec<&Campaign>> {
        let mut watchers: BTreeMap<String, Vec<&Campaign>> = BTreeMap::new();
        for campaign in &self.campaigns {
            for uri in campaign.resources.iter().collect::<HashSet<_>>() {
                watchers.entry(uri.clone()).or_default().push(campaign);
            }
        }
        for (uri, agent) in &self.mentions {
            let speaks = |campaign: &&Arc<Campaign>| campaign.agents.contains(agent);
            watchers
                .entry(uri.clone())
                .or_default()
                .extend(self.campaigns.iter().filter(speaks).map(|campaign| &**campaign));
        }
        watchers
    }

    /// The agent that is spoken to in this resource.
    pub(crate) fn spoken_to(&self, uri: &str) -> Option<&Agent> {
        self.mentions.get(uri).and_then(|id| self.agents.get(id)).map(|agent| &**agent)
    }

    /// Whether an account is one of the agents that act.
    pub(crate) fn is_ours(&self, account: &str) -> bool {
        self.agents.values().any(|agent| agent.persona_slug.eq_ignore_ascii_case(account.trim_start_matches('@')))
    }
}

/// Reads, scores and plans.
#[derive(Debug, Clone)]
pub struct Planner {
    pub(crate) store: Store,
    pub(crate) bus: Arc<dyn Bus>,
    pub(crate) host: Arc<Host>,
    pub(crate) mind: Arc<dyn Mind>,
    pub(crate) sieve: Option<Arc<Sieve>>,
    pub(crate) ambient: Arc<dyn Ambient>,
    pub(crate) config: PlannerConfig,
    pub(crate) backoff: Backoff,
    pub(crate) stories: Stories,
    pub(crate) spotting: Spotting,
    pub(crate) schedule: Schedule,
    pub(crate) cast: Cast,
}

impl Planner {
    /// A planner over its dependencies.
    #[must_use]
    pub fn new(
        store: Store,
        bus: Arc<dyn Bus>,
        host: Arc<Host>,
        mind: Arc<dyn Mind>,
        ambient: Arc<dyn Ambient>,
        config: PlannerConfig,
    ) -> Self {
        let store = store.same_story_at_most(config.same_story_max);
        let stories = Stories::new(&config);
        let sieve = Sieve::of(&config, &*mind).map(Arc::new);
        Self {
            store,
            bus,
            host,
            mind,
            sieve,
            ambient,
            config,
            backoff: Backoff::default(),
            stories,
            spotting: Spotting::default(),
            schedule: Schedule::default(),
            cast: Cast::default(),
        }
    }

    /// The settings.
    #[must_use]
    pub const fn config(&self) -> &PlannerConfig {
        &self.config
    }

    /// Reads every watched resource once and plans what is worth it. A resource that keeps failing is left alone for a
    /// while.
    ///
    /// # Errors
    /// [`PlannerError`] when the store fails; campaigns that it did not fail for have planned. A resource or a mind that
    /// fails is logged, alerted and tried next round.
    pub async fn tick(&self) -> Result<PlannerReport, PlannerError> {
        self.tick_until(&CancellationToken::new()).await
    }

    /// The same, ended early between two campaigns, or in the middle of a read.
    ///
    /// # Errors
    /// As for [`Self::tick`].
    pub async fn tick_until(&self, cancel: &CancellationToken) -> Result<PlannerReport, PlannerError> {
        // Boxed, for it is large and callers hold it in futures of their own.
        Box::pin(self.whole_round(cancel)).await
    }

    async fn whole_round(&self, cancel: &CancellationToken) -> Result<PlannerReport, PlannerError> {
        let round = self.begin_round().await?;
        let jobs = self.jobs(&round.watchers(), |_| true).await?;
        let reads: Vec<Read> = stream::iter(jobs)
            .map(|(cursor, audience)| async move { self.read(cursor, &audience, cancel).await })
            .buffered(self.config.reads_at_once.max(1))
            .filter_map(async |read| read)
            .collect()
            .await;
        let mut report = self.plan_round(&round, reads, cancel).await?;
        (report.released, report.stale) = (round.report.released, round.report.stale);
        report.tasks += round.report.tasks;
        round.trouble.map_or(Ok(report), Err)
    }

    /// Looks which campaigns run, releases what was held back, and learns what other planners have told.
    pub(crate) async fn begin_round(&self) -> Result<Round, PlannerError> {
        let campaigns = self.campaigns().await?;
        let agents = self.agents_of(&campaigns).await?;
        let (mut report, mut trouble) = (PlannerReport::default(), None);
        match self.release(&campaigns, &agents, &mut report).await {
            Err(PlannerError::Store(error)) if error.is_retryable() => return Err(error.into()),
            Err(error) => {
                tracing::error!(error = %error_chain(&error), "what was held back can't be planned");
                trouble = Some(error);
            }
            Ok(()) => {}
        }
        self.learn_stories().await?;
        let replies = &self.config.replies;
        let mentions = agents.values().filter_map(|agent| Some((replies.of(&agent.persona_slug)?, agent.id))).collect();
        let round = Round { campaigns, agents, mentions, report, trouble };
        let watchers = round.watchers();
        self.schedule.forget_all_but(&watchers);
        RESOURCES.set(number(watchers.len()));
        RESOURCES_FAILING.set(number(watchers.keys().filter(|uri| self.backoff.is_failing(uri)).count()));
        Ok(round)
    }

    /// Plans from what was read in a round.
    pub(crate) async fn plan_round(
        &self,
        round: &Round,
        reads: Vec<Read>,
        cancel: &CancellationToken,
    ) -> Result<PlannerReport, PlannerError> {
        let watchers = round.watchers();
        let calls = self.settle(&watchers, &reads).await?;
        let mut course = Course { calls, report: PlannerReport::default(), trouble: None, cancel };
        let planned = self.plan_all(reads, &watchers, round, &mut course).await;
        // What no plan has taken along.
        let Course { calls, report, trouble, .. } = course;
        let recorded = if calls.is_empty() { Ok(()) } else { self.store.tool_calls_record(&calls).await };
        planned?;
        recorded?;
        trouble.map_or(Ok(report), Err)
    }

    /// How much more may be planned for a campaign by this agent.
    pub(crate) async fn room(&self, campaign: &Campaign, agent: &Agent) -> Result<Room, PlannerError> {
        let now = self.ambient.now();
        let by_day: Vec<AgentId> = agent.governor_limits.max_tasks_per_day.map(|_| agent.id).into_iter().collect();
        let used = self.store.governor_use(&[agent.id], &by_day, now).await?;
        let of_campaign = self.store.campaign_use(&[campaign], now).await?;
        Ok(Room {
            agent: Governor::new(agent.governor_limits, used.get(&agent.id).copied().unwrap_or_default()),
            campaign: CampaignGovernor::new(campaign, of_campaign.get(&campaign.id).copied().unwrap_or_default(), now),
        })
    }

    pub(crate) async fn commit(
        &self,
        campaign: &Campaign,
        planned: Planned,
        origin: &Origin<'_>,
        calls: &mut Vec<ToolCall>,
        report: &mut PlannerReport,
    ) -> Result<bool, PlannerError> {
        let Planned { signals, tasks, alerts, told, reworded, turned_away, .. } = planned;
        let count = |outcome| signals.iter().filter(|s| s.outcome == outcome).count();
        tracing::info!(
            campaign = %campaign.slug, read = signals.len(), planned = count(SignalOutcome::Planned),
            deferred = count(SignalOutcome::Deferred), refused = count(SignalOutcome::Refused), duplicate = count(SignalOutcome::Duplicate), "planned"
        );
        let (signal_count, task_count, planned_count) = (signals.len(), tasks.len(), count(SignalOutcome::Planned));
        let copied = count(SignalOutcome::Duplicate).saturating_sub(reworded);
        let (campaign_id, campaign_version) = (campaign.id, campaign.state_version);
        let mut plan = Plan { campaign_id, campaign_version, signals, tasks, alerts, calls: std::mem::take(calls) };
        let committed = self.store.plan_commit(&plan).await;
        if committed.is_err() {
            *calls = std::mem::take(&mut plan.calls);
        }
        match committed {
            Ok(ready) => {
                self.stories.tell(told);
                report.signals += signal_count;
                report.tasks += task_count;
                SIGNALS.add(signal_count);
                DUPLICATES.add_for("copied", copied);
                DUPLICATES.add_for("reworded", reworded);
                TASKS_PLANNED.add(task_count);
                turned_away.into_iter().for_each(|reason| SIGNALS_REFUSED.add_for(reason, 1));
                let now = self.ambient.now();
                let took = (now - origin.read.ended).to_std().unwrap_or_default();
                (0..planned_count).for_each(|_| STAGE_DURATION.observe_for("planned", took));
                spans::begin_posts(&plan, &campaign.slug, origin, now);
                // The tasks are safe; should the queue lose them, the sweeper brings them.
                if let Err(error) = self.bus.push(Queue::Task, &ready).await {
                    tracing::warn!(error = %error_chain(&error), "planned tasks wait for the sweeper");
                }
                Ok(true)
            }
            Err(PlanError::Store(error)) => Err(error.into()),
            Err(moved) => {
                CONFLICTS.add_for("plan", 1);
                tracing::info!(campaign = %campaign.slug, reason = %moved, "the plan is dropped; next round");
                Ok(false)
            }
        }
    }
}

/// A count as metrics have it.
#[expect(clippy::cast_precision_loss, reason = "no count comes near 2^53")]
pub(crate) const fn number(n: usize) -> f64 {
    n as f64
}

/// Names of the injection markers in an item.
pub(crate) fn taint(title: &str, summary: &str) -> Vec<String> {
    let text = format!("{title}\n{summary}");
    let mut names: Vec<String> = injection_markers(&text).into_iter().map(|m| m.kind.as_str().to_owned()).collect();
    // What no honest headline needs, and what a picture of it would carry to readers.
    if title.contains("://") || title.to_lowercase().contains("www.") {
        names.push("link_in_headline".to_owned());
    }
    if title.chars().any(|c| c == char::REPLACEMENT_CHARACTER || (c.is_control() && !c.is_whitespace())) {
        names.push("control_characters".to_owned());
    }
    names.sort();
    names.dedup();
    names
}
