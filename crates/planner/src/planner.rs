//! One round of planning, with its effects.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use chimera_bus::{Bus, Queue};
use chimera_domain::{
    Agent, AgentId, Alert, AlertId, AlertKind, Ambient, Campaign, Severity, SignalOutcome, TenantId, TraceId,
    contracts::FeedDocument, error_chain, policy::Governor, sha256_hex,
};
use chimera_llm::{Asked, ItemText, Mind, MindError, PersonaBrief, Relevance, RelevanceAsk, injection_markers};
use chimera_mcp::{CallContext, Host};
use chimera_store::{Plan, PlanError, ResourceCursor, Store, StoreError};
use futures::{StreamExt as _, stream};

use crate::{
    PlannerConfig,
    triage::{Planned, Seen, Sighting, triage},
};

/// Why a round of planning stopped. What was committed stays; the next round goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum PlannerError {
    /// The database.
    #[error("planning: the store failed")]
    Store(#[from] StoreError),
}

/// What one round brought.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PlannerReport {
    /// Resources that had changed.
    pub resources_changed: usize,
    /// Resources that could not be read.
    pub resources_failed: usize,
    /// New items, over all campaigns.
    pub signals: usize,
    /// Tasks planned.
    pub tasks: usize,
}

/// Reads, scores and plans.
#[derive(Debug, Clone)]
pub struct Planner {
    store: Store,
    bus: Arc<dyn Bus>,
    host: Arc<Host>,
    mind: Arc<dyn Mind>,
    ambient: Arc<dyn Ambient>,
    config: PlannerConfig,
}

/// One read of one resource.
struct Read {
    cursor: ResourceCursor,
    document: Option<FeedDocument>,
    failed: bool,
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
        Self { store, bus, host, mind, ambient, config }
    }

    /// The settings.
    #[must_use]
    pub const fn config(&self) -> &PlannerConfig {
        &self.config
    }

    /// Reads every watched resource once and plans what is worth it.
    ///
    /// # Errors
    /// [`PlannerError`] when the store fails. A resource or a mind that fails is logged, alerted and tried next round.
    pub async fn tick(&self) -> Result<PlannerReport, PlannerError> {
        let campaigns = self.store.campaigns_active().await?;
        let agent_ids: Vec<AgentId> = campaigns.iter().flat_map(|c| c.agents.iter().copied()).collect();
        let agents: HashMap<AgentId, Agent> =
            self.store.agents_by_ids(&agent_ids).await?.into_iter().map(|a| (a.id, a)).collect();
        let mut watchers: BTreeMap<String, Vec<&Campaign>> = BTreeMap::new();
        for campaign in &campaigns {
            for uri in &campaign.resources {
                watchers.entry(uri.clone()).or_default().push(campaign);
            }
        }
        let uris: Vec<String> = watchers.keys().cloned().collect();
        let reads = self.read_all(&uris).await?;

        let mut report = PlannerReport::default();
        let mut seen_to_the_end = Vec::with_capacity(reads.len());
        for Read { cursor, document, failed } in reads {
            report.resources_failed += usize::from(failed);
            let mut complete = true;
            if let Some(document) = document {
                report.resources_changed += 1;
                for campaign in watchers.get(&cursor.resource_uri).into_iter().flatten() {
                    complete &= self.plan_for(campaign, &agents, &cursor.resource_uri, &document, &mut report).await?;
                }
            }
            // A cursor moves on only when every campaign has seen the content, so a crash re-reads instead of skipping.
            if complete {
                seen_to_the_end.push(cursor);
            }
        }
        self.store.cursors_save(&seen_to_the_end).await?;
        Ok(report)
    }

    async fn read_all(&self, uris: &[String]) -> Result<Vec<Read>, PlannerError> {
        let mut cursors: HashMap<String, ResourceCursor> =
            self.store.cursors(uris).await?.into_iter().map(|c| (c.resource_uri.clone(), c)).collect();
        let cursors: Vec<ResourceCursor> =
            uris.iter().map(|uri| cursors.remove(uri).unwrap_or_else(|| first_cursor(uri))).collect();
        let reads = stream::iter(cursors)
            .map(|cursor| self.read(cursor))
            .buffered(self.config.reads_at_once.max(1))
            .collect::<Vec<_>>()
            .await;
        let alerts: Vec<Alert> = reads
            .iter()
            .filter(|r| r.failed && r.cursor.failures >= self.config.feed_down_after)
            .map(|r| self.feed_alert(&r.cursor))
            .collect();
        if !alerts.is_empty() {
            self.store.alerts_raise(&alerts).await?;
        }
        Ok(reads)
    }

    async fn read(&self, mut cursor: ResourceCursor) -> Read {
        match self.fetch(&cursor.resource_uri).await {
            Ok((hash, document)) => {
                let changed = cursor.content_hash.as_deref() != Some(hash.as_str());
                cursor.content_hash = Some(hash);
                cursor.read_at = Some(self.ambient.now());
                cursor.failures = 0;
                cursor.last_error = None;
                Read { cursor, document: changed.then_some(document), failed: false }
            }
            Err(message) => {
                tracing::warn!(resource = %cursor.resource_uri, error = %message, "a resource can't be read");
                cursor.failures = cursor.failures.saturating_add(1);
                cursor.last_error = Some(message);
                Read { cursor, document: None, failed: true }
            }
        }
    }

    /// The resource's items, with a hash of them. Errors are one line for the operator.
    async fn fetch(&self, uri: &str) -> Result<(String, FeedDocument), String> {
        let (server, inner) = split_uri(uri).ok_or_else(|| {
            format!("{uri}: not a watched resource (want mcp://SERVER/RESOURCE-URI, such as mcp://feeds/feed://news)")
        })?;
        let context = CallContext::new(TraceId::generate(&*self.ambient));
        let read = self.host.read_resource(&context, server, inner).await.map_err(|e| error_chain(&e))?;
        let document: FeedDocument =
            serde_json::from_str(&read.text).map_err(|e| format!("{uri}: not a feed document: {e}"))?;
        let items = serde_json::to_vec(&document.items).map_err(|e| e.to_string())?;
        Ok((sha256_hex(&items), document))
    }

    /// Whether the campaign has seen the whole document.
    async fn plan_for(
        &self,
        campaign: &Campaign,
        agents: &HashMap<AgentId, Agent>,
        uri: &str,
        document: &FeedDocument,
        report: &mut PlannerReport,
    ) -> Result<bool, PlannerError> {
        let Some(agent) = campaign.agents.first().and_then(|id| agents.get(id)) else {
            tracing::warn!(campaign = %campaign.slug, "the campaign has no agent; give it one");
            return Ok(true);
        };
        let seen = Seen { campaign, agent, resource_uri: uri, seed: self.config.seed };
        let items: Vec<Sighting> = document.items.iter().cloned().map(Sighting::new).collect();
        let events: Vec<String> = items.iter().map(|s| s.event_key.clone()).collect();
        let stories: Vec<String> = items.iter().map(|s| s.content_hash.clone()).collect();
        let known = self.store.signals_known(campaign.id, &events, &stories).await?;
        let sorted = triage(items, &known.events, &known.stories);
        if sorted.fresh.is_empty() && sorted.duplicates.is_empty() {
            return Ok(true);
        }
        let scores = match self.score(campaign, agent, &sorted.fresh).await? {
            Ok(scores) => scores,
            Err(error) => {
                tracing::warn!(campaign = %campaign.slug, error = %error_chain(&error), "the mind could not score; next round");
                return Ok(false);
            }
        };
        let used = self.store.governor_use(&[agent.id], self.ambient.now()).await?;
        let mut governor = Governor::new(agent.governor_limits, used.get(&agent.id).copied().unwrap_or_default());
        let mut planned = Planned::default();
        for (sighting, relevance) in sorted.fresh.into_iter().zip(scores) {
            let taint = taint(&sighting);
            planned.scored(seen, sighting, relevance, taint, &mut governor, &*self.ambient);
        }
        for sighting in sorted.duplicates {
            planned.duplicate(seen, sighting, &*self.ambient);
        }
        self.commit(campaign, planned, report).await
    }

    /// Scores in batches. What was paid is written down, whether or not the last batch came through.
    async fn score(
        &self,
        campaign: &Campaign,
        agent: &Agent,
        fresh: &[Sighting],
    ) -> Result<Result<Vec<Relevance>, MindError>, StoreError> {
        let (mut scores, mut calls) = (Vec::with_capacity(fresh.len()), Vec::new());
        let mut failure = None;
        for batch in fresh.chunks(self.config.score_batch.max(1)) {
            let ask = RelevanceAsk {
                goal: campaign.goal.clone(),
                persona: Some(PersonaBrief::from(&agent.soul)),
                items: batch
                    .iter()
                    .map(|s| ItemText { title: s.item.title.clone(), summary: s.item.summary.clone() })
                    .collect(),
                budget: None,
            };
            let trace_id = TraceId::generate(&*self.ambient);
            let asked = Asked { mind: &*self.mind, question: "relevance", trace_id, task_id: None };
            let (answer, call) = asked.record(&*self.ambient, &ask, self.mind.relevance(&ask)).await;
            calls.push(call);
            match answer {
                Ok(answer) => scores.extend(answer.value),
                Err(error) => {
                    failure = Some(error);
                    break;
                }
            }
        }
        self.store.tool_calls_record(&calls).await?;
        Ok(failure.map_or(Ok(scores), Err))
    }

    async fn commit(
        &self,
        campaign: &Campaign,
        planned: Planned,
        report: &mut PlannerReport,
    ) -> Result<bool, PlannerError> {
        let Planned { signals, tasks, alerts } = planned;
        let count = |outcome| signals.iter().filter(|s| s.outcome == outcome).count();
        tracing::info!(
            campaign = %campaign.slug, read = signals.len(), planned = count(SignalOutcome::Planned),
            deferred = count(SignalOutcome::Deferred), duplicate = count(SignalOutcome::Duplicate), "planned"
        );
        let (signal_count, task_count) = (signals.len(), tasks.len());
        let plan = Plan { campaign_id: campaign.id, campaign_version: campaign.state_version, signals, tasks, alerts };
        match self.store.plan_commit(&plan).await {
            Ok(ready) => {
                report.signals += signal_count;
                report.tasks += task_count;
                // The tasks are safe; should the queue lose them, the sweeper brings them.
                if let Err(error) = self.bus.push(Queue::Task, &ready).await {
                    tracing::warn!(error = %error_chain(&error), "planned tasks wait for the sweeper");
                }
                Ok(true)
            }
            Err(PlanError::Store(error)) => Err(error.into()),
            Err(moved) => {
                tracing::info!(campaign = %campaign.slug, reason = %moved, "the plan is dropped; next round");
                Ok(false)
            }
        }
    }

    fn feed_alert(&self, cursor: &ResourceCursor) -> Alert {
        Alert {
            id: AlertId::generate(&*self.ambient),
            tenant_id: TenantId::DEFAULT,
            trace_id: None,
            kind: AlertKind::FeedDown,
            severity: Severity::Warning,
            subject: cursor.resource_uri.clone(),
            reason_code: "feed_down".to_owned(),
            message: format!(
                "{} failed {} times in a row: {}",
                cursor.resource_uri,
                cursor.failures,
                cursor.last_error.as_deref().unwrap_or("no reason given")
            ),
            acknowledged_by: None,
            created_at: self.ambient.now(),
        }
    }
}

/// `mcp://SERVER/REST` as server and the resource's own URI.
fn split_uri(uri: &str) -> Option<(&str, &str)> {
    uri.strip_prefix("mcp://")?.split_once('/').filter(|(server, inner)| !server.is_empty() && !inner.is_empty())
}

/// Names of the injection markers in an item.
fn taint(sighting: &Sighting) -> Vec<String> {
    let text = format!("{}\n{}", sighting.item.title, sighting.item.summary);
    let mut names: Vec<String> = injection_markers(&text).into_iter().map(|m| m.kind.as_str().to_owned()).collect();
    names.sort();
    names.dedup();
    names
}

/// The cursor of a resource never read before.
fn first_cursor(uri: &str) -> ResourceCursor {
    ResourceCursor { resource_uri: uri.to_owned(), content_hash: None, read_at: None, failures: 0, last_error: None }
}
