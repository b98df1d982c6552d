//! Planning: the signals and the whole DAG in one transaction, or nothing.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult as _, Iterable as _, QueryFilter, QuerySelect,
    sea_query::{LockType, Order, Query},
};

use chimera_domain::{
    Agent, AgentId, AgentTask, Alert, Campaign, CampaignId, CampaignStatus, GovernorLimits, SignalId, SignalOutcome,
    StateVersion, TaskId, ToolCall, TrendSignal, Usd,
    policy::{CampaignGovernor, CampaignUse, Governor, GovernorVerdict},
};

use crate::{
    Result, RowKind, Store, StoreError,
    alerts::{raise, record_calls},
    batch,
    codec::{Mapped, text},
    dialect::Purpose,
    entity::{agents, campaigns, signals},
    money, tasks,
};

/// Everything that one round of planning for one campaign writes, all or nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The campaign.
    pub campaign_id: CampaignId,
    /// Its version when it was read.
    pub campaign_version: StateVersion,
    /// What was seen, planned or not.
    pub signals: Vec<TrendSignal>,
    /// The DAGs. Dependencies lie within the plan or are tasks already stored.
    pub tasks: Vec<AgentTask>,
    /// What an operator should know.
    pub alerts: Vec<Alert>,
    /// What planning took, to be recorded as by [`Store::tool_calls_record`].
    pub calls: Vec<ToolCall>,
}

/// Why a plan was not committed. Nothing of it was written.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The campaign was changed, paused or ended since it was read.
    #[error("campaign {id} moved (expected {expected} ACTIVE, found {found} {status}): read it again")]
    CampaignMoved {
        /// The campaign.
        id: CampaignId,
        /// The version that the plan was made on.
        expected: StateVersion,
        /// The version it has now.
        found: StateVersion,
        /// The status it has now.
        status: CampaignStatus,
    },
    /// SOUL.md was edited since the agent was read.
    #[error("the SOUL.md of agent {agent_id} moved (planned under {planned}, in force is {present}): read it again")]
    PersonaMoved {
        /// The agent.
        agent_id: AgentId,
        /// The hash of the SOUL.md that was planned under.
        planned: String,
        /// The hash of the one in force.
        present: String,
    },
    /// Someone else has already recorded some of these signals, or planned the same story.
    #[error("{} of the signals are recorded already: drop them and plan the rest", event_keys.len())]
    AlreadyPlanned {
        /// The event keys of those signals.
        event_keys: Vec<String>,
    },
    /// Together with what others planned meanwhile, the plan would break the governor's cap.
    #[error("agent {agent_id} or its campaign has reached a cap ({reason_code}) meanwhile: read its use again")]
    OverCap {
        /// The agent.
        agent_id: AgentId,
        /// Which: [`GovernorVerdict::reason_code`].
        reason_code: &'static str,
    },
    /// Together with what others planned meanwhile, more agents would post about a story on one channel than may.
    #[error(
        "enough agents of the fleet post about story {story_id} meanwhile, without {agent_id}: read who does again"
    )]
    ToldByOthers {
        /// The agent for which there is no place.
        agent_id: AgentId,
        /// The story.
        story_id: SignalId,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<DbErr> for PlanError {
    fn from(source: DbErr) -> Self {
        Self::Store(source.into())
    }
}

impl Store {
    /// Records signals and their DAGs. The campaign must be ACTIVE at the version that was planned on, each agent's SOUL.md
    /// the one that was planned under, no signal may be recorded already, and no story planned twice, and the governor of each agent must still allow what is planned
    /// (agents are held against edits, and planned for by one planner at a time, so that two can't both take the last place; nor may more agents post about a story than [`Self::same_story_at_most`] says).
    /// Returns the tasks that may be claimed.
    ///
    /// # Errors
    /// [`PlanError`]; then nothing was written.
    pub async fn plan_commit(&self, plan: &Plan) -> Result<Vec<TaskId>, PlanError> {
        let committed = self.retrying(|| self.plan_once(plan)).await;
        match committed {
            Ok(Some(ready)) => Ok(ready),
            Ok(None) => Err(PlanError::AlreadyPlanned { event_keys: self.recorded(plan).await? }),
            Err(e) => Err(e),
        }
    }

    /// `None` when some signal is recorded already.
    async fn plan_once(&self, plan: &Plan) -> Result<Option<Vec<TaskId>>, PlanError> {
        let tx = self.begin().await?;
        let campaign = self.check_campaign(&*tx, plan.campaign_id, plan.campaign_version).await?;
        let planned: Vec<_> = plan.signals.iter().filter(|signal| signal.outcome.has_tasks()).collect();
        self.check_governor(&*tx, &campaign, &planned, &plan.tasks).await?;
        self.check_voices(&*tx, &planned, &plan.tasks).await?;
        let inserted = batch::insert_new::<signals::Entity>(&*tx, self.tenant, &plan.signals).await?;
        if inserted < plan.signals.len() {
            return Ok(None);
        }
        let inserted = tasks::graph::insert(&*tx, self.tenant, &plan.tasks.iter().collect::<Vec<_>>()).await?;
        raise(&*tx, self.tenant, &plan.alerts).await?;
        tx.entered(record_calls(&*tx, self.tenant, &plan.calls).await?);
        tx.commit().await?;
        Ok(Some(inserted.ready))
    }

    /// Locks the campaign against being paused until the plan is committed; other planners may go on.
    pub(crate) async fn check_campaign(
        &self,
        db: &impl ConnectionTrait,
        id: CampaignId,
        expected: StateVersion,
    ) -> Result<Campaign, PlanError> {
        let row = campaigns::Entity::find()
            .filter(batch::of_tenant::<campaigns::Entity>(self.tenant))
            .filter(campaigns::Column::Id.eq(id.as_uuid()))
            .lock(LockType::Share)
            .one(db)
            .await?
            .ok_or(StoreError::NotFound { entity: RowKind::Campaign, id: id.as_uuid() })?;
        let campaign = campaigns::Entity::read(row)?;
        if campaign.status == CampaignStatus::Active && campaign.state_version == expected {
            return Ok(campaign);
        }
        Err(PlanError::CampaignMoved { id, expected, found: campaign.state_version, status: campaign.status })
    }

    /// Asks the campaign's and each agent's governor again, under lock. "Now" is when the newest of the signals was planned.
    pub(crate) async fn check_governor(
        &self,
        db: &impl ConnectionTrait,
        campaign: &Campaign,
        planned: &[&TrendSignal],
        tasks: &[AgentTask],
    ) -> Result<(), PlanError> {
        let Some(now) = planned.iter().map(|s| s.decided_at).max() else { return Ok(()) };
        let mut ids: Vec<AgentId> = planned.iter().map(|s| s.agent_id).collect();
        ids.sort_unstable();
        ids.dedup();
        let mut whole = self.campaign_governor(db, campaign, now).await?;
        // Held against edits, which others may do at the same time; and nobody else plans for them meanwhile.
        let planned_for = Query::select()
            .columns(agents::Column::iter())
            .from(agents::Entity)
            .and_where(batch::of_tenant::<agents::Entity>(self.tenant))
            .and_where(agents::Column::Id.is_in(batch::padded(ids.iter().map(|id| id.as_uuid()))))
            .order_by(agents::Column::Id, Order::Asc)
            .lock(LockType::Share)
            .take();
        let locked = self.backend.one_at_a_time(planned_for, agents::Column::iter(), Purpose::Planning);
        let mut rows = Vec::with_capacity(ids.len());
        for row in db.query_all(&locked).await? {
            rows.push(agents::Model::from_query_result(&row, "")?);
        }
        let agents = batch::read_all::<agents::Entity>(rows)?;
        check_personas(tasks, &agents)?;
        let limits: HashMap<AgentId, GovernorLimits> =
            agents.into_iter().map(|agent| (agent.id, agent.governor_limits)).collect();
        let by_day: Vec<AgentId> =
            limits.iter().filter(|(_, limits)| limits.max_tasks_per_day.is_some()).map(|(id, _)| *id).collect();
        let mut used = money::used(db, self.tenant, &ids, &by_day, now).await?;
        let answers = planned.iter().any(|signal| signal.outcome == SignalOutcome::Answered);
        let mut replies = if answers { money::replies(db, self.tenant, &ids, now).await? } else { HashMap::new() };
        let mut governors: HashMap<AgentId, (Governor, Governor)> = limits
            .into_iter()
            .map(|(id, limits)| {
                let of_replies = Governor::new(limits.of_replies(), replies.remove(&id).unwrap_or_default());
                (id, (Governor::new(limits, used.remove(&id).unwrap_or_default()), of_replies))
            })
            .collect();
        let costs = costs(tasks);
        for signal in planned {
            let agent_id = signal.agent_id;
            let (governor, of_replies) = governors
                .get_mut(&agent_id)
                .ok_or(StoreError::NotFound { entity: RowKind::Agent, id: agent_id.as_uuid() })?;
            let cost = costs.get(&signal.id).copied().unwrap_or_default();
            let verdict = match signal.outcome {
                SignalOutcome::Answered => whole.admit_reply(governor, of_replies, cost),
                _ => whole.admit(governor, cost),
            };
            if verdict != GovernorVerdict::Allowed {
                return Err(PlanError::OverCap { agent_id, reason_code: verdict.reason_code() });
            }
        }
        Ok(())
    }

    /// The governor of a campaign. Where its limits are counted, nobody else plans for it until the transaction ends.
    async fn campaign_governor(
        &self,
        db: &impl ConnectionTrait,
        campaign: &Campaign,
        now: DateTime<Utc>,
    ) -> Result<CampaignGovernor, PlanError> {
        if !campaign.limits.are_counted() {
            return Ok(CampaignGovernor::new(campaign, CampaignUse::default(), now));
        }
        let of_campaign = Query::select()
            .column(campaigns::Column::Id)
            .from(campaigns::Entity)
            .and_where(batch::of_tenant::<campaigns::Entity>(self.tenant))
            .and_where(campaigns::Column::Id.eq(campaign.id.as_uuid()))
            .take();
        db.query_all(&self.backend.one_at_a_time(of_campaign, [campaigns::Column::Id], Purpose::Planning)).await?;
        let used = money::used_by_campaigns(db, self.tenant, &[campaign], now).await?;
        Ok(CampaignGovernor::new(campaign, used.get(&campaign.id).copied().unwrap_or_default(), now))
    }

    /// The event keys that keep the plan from being committed.
    async fn recorded(&self, plan: &Plan) -> Result<Vec<String>, PlanError> {
        use signals::Column as C;
        let keys: Vec<String> = plan.signals.iter().map(|s| text(&s.event_key)).collect();
        let stories: Vec<String> = plan.signals.iter().map(|s| text(&s.content_hash)).collect();
        let mut events: HashSet<String> =
            self.signals_having(plan.campaign_id, C::EventKey, &keys, None).await?.into_iter().collect();
        let mut planned: HashSet<String> = self
            .signals_having(plan.campaign_id, C::ContentHash, &stories, Some(SignalOutcome::Planned))
            .await?
            .into_iter()
            .collect();
        let told: Vec<SignalId> = plan.signals.iter().map(|s| s.story_id).collect();
        let mut told = self.stories_with(plan.campaign_id, &told, &[SignalOutcome::Planned]).await?;
        // The rest of the plan may hold one event or story twice.
        let mut in_the_way = Vec::new();
        for signal in &plan.signals {
            let is_planned = signal.outcome == SignalOutcome::Planned;
            let known_wording = is_planned && !planned.insert(signal.content_hash.clone());
            let known_story = known_wording || (is_planned && !told.insert(signal.story_id));
            if !events.insert(signal.event_key.clone()) || known_story {
                in_the_way.push(signal.event_key.clone());
            }
        }
        Ok(in_the_way)
    }
}

/// Whether every task is bound to the SOUL.md in force.
fn check_personas(tasks: &[AgentTask], agents: &[Agent]) -> Result<(), PlanError> {
    for agent in agents {
        let moved = |task: &&AgentTask| task.agent_id == agent.id && task.persona_lock.soul_hash != agent.soul_hash;
        if let Some(task) = tasks.iter().find(moved) {
            return Err(PlanError::PersonaMoved {
                agent_id: agent.id,
                planned: task.persona_lock.soul_hash.clone(),
                present: agent.soul_hash.clone(),
            });
        }
    }
    Ok(())
}

/// What each signal's tasks may cost together.
fn costs(tasks: &[AgentTask]) -> HashMap<SignalId, Usd> {
    let mut costs: HashMap<SignalId, Usd> = HashMap::new();
    for task in tasks {
        let cost = costs.entry(task.signal_id).or_default();
        *cost = cost.saturating_add(task.budget_cap_usd);
    }
    costs
}
