//! Signals that the governor held back: planned when there is room, dropped when their time is over.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Duration, Utc};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait},
};

use chimera_domain::{AgentId, AgentTask, CampaignId, SignalId, SignalOutcome, StateVersion, TaskId, TrendSignal};

use crate::{
    PlanError, Result, Store, batch,
    codec::{text, time},
    dialect,
    entity::signals::{self, Column as C},
    tasks,
};

/// What becomes of signals of one campaign that were held back, all or nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct HeldPlan {
    /// The campaign.
    pub campaign_id: CampaignId,
    /// Its version when it was read.
    pub campaign_version: StateVersion,
    /// Those that are planned now, with their new outcome and its time.
    pub planned: Vec<TrendSignal>,
    /// Those whose story was planned meanwhile by way of another signal.
    pub told: Vec<SignalId>,
    /// Those whose story enough agents of the fleet post about meanwhile.
    pub refused: Vec<SignalId>,
    /// The DAGs of the planned ones.
    pub tasks: Vec<AgentTask>,
    /// When this was decided.
    pub decided_at: DateTime<Utc>,
}

/// Signals of one campaign for one agent that are held back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The campaign.
    pub campaign_id: CampaignId,
    /// The agent that would speak.
    pub agent_id: AgentId,
    /// How many.
    pub count: u64,
    /// When the first of them was read.
    pub since: DateTime<Utc>,
}

impl Store {
    /// How much is held back of these campaigns, and for which agents.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn signals_waiting(&self, campaigns: &[CampaignId]) -> Result<Vec<Waiting>> {
        if campaigns.is_empty() {
            return Ok(vec![]);
        }
        let select = signals::Entity::find()
            .select_only()
            .column(C::CampaignId)
            .column(C::AgentId)
            .expr(Expr::cust("COUNT(*)"))
            .expr(Expr::col(C::IngestedAt).min())
            .filter(batch::of_tenant::<signals::Entity>(self.tenant))
            .filter(C::CampaignId.is_in(campaigns.iter().map(|id| id.as_uuid())))
            .filter(is(SignalOutcome::Deferred))
            .group_by(C::CampaignId)
            .group_by(C::AgentId);
        let rows: Vec<(uuid::Uuid, uuid::Uuid, i64, DateTime<Utc>)> = select.into_tuple().all(&self.db).await?;
        let waiting = |(campaign, agent, count, since): (uuid::Uuid, uuid::Uuid, i64, _)| Waiting {
            campaign_id: CampaignId::from_uuid(campaign),
            agent_id: AgentId::from_uuid(agent),
            count: count.unsigned_abs(),
            since,
        };
        Ok(rows.into_iter().map(waiting).collect())
    }

    /// When the first post was planned, of those that were in the sixty minutes before `now`; agents without any are absent.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn planned_first(
        &self,
        agents: &[AgentId],
        now: DateTime<Utc>,
    ) -> Result<HashMap<AgentId, DateTime<Utc>>> {
        let select = signals::Entity::find()
            .select_only()
            .column(C::AgentId)
            .expr(Expr::col(C::DecidedAt).min())
            .filter(batch::of_tenant::<signals::Entity>(self.tenant))
            .filter(C::AgentId.is_in(batch::padded(agents.iter().map(|id| id.as_uuid()))))
            .filter(is(SignalOutcome::Planned))
            .filter(C::DecidedAt.gt(time(now - Duration::hours(1))))
            .group_by(C::AgentId);
        let rows: Vec<(uuid::Uuid, DateTime<Utc>)> = select.into_tuple().all(&self.db).await?;
        Ok(rows.into_iter().map(|(id, first)| (AgentId::from_uuid(id), first)).collect())
    }

    /// Signals of these campaigns that are held back: the most relevant first, of equally relevant ones the older.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn signals_held(&self, campaigns: &[CampaignId], limit: u64) -> Result<Vec<TrendSignal>> {
        if campaigns.is_empty() {
            return Ok(vec![]);
        }
        let rows = signals::Entity::find()
            .filter(batch::of_tenant::<signals::Entity>(self.tenant))
            .filter(C::CampaignId.is_in(campaigns.iter().map(|id| id.as_uuid())))
            .filter(is(SignalOutcome::Deferred))
            .order_by_desc(C::Relevance)
            .order_by_asc(C::IngestedAt)
            .order_by_asc(C::Id)
            .limit(limit)
            .all(&self.db)
            .await?;
        batch::read_all::<signals::Entity>(rows)
    }

    /// Those of these signals, all of one campaign, whose story the campaign has planned by way of another one.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn told_meanwhile(&self, campaign_id: CampaignId, held: &[TrendSignal]) -> Result<HashSet<SignalId>> {
        let planned = SignalOutcome::Planned;
        let hashes: Vec<String> = held.iter().map(|signal| signal.content_hash.clone()).collect();
        let worded = self.signals_having(campaign_id, C::ContentHash, &hashes, Some(planned)).await?;
        let worded: HashSet<String> = worded.into_iter().collect();
        let stories: Vec<SignalId> = held.iter().map(|signal| signal.story_id).collect();
        let told = self.stories_with(campaign_id, &stories, &[planned]).await?;
        let is_told = |s: &&TrendSignal| worded.contains(&s.content_hash) || told.contains(&s.story_id);
        Ok(held.iter().filter(is_told).map(|signal| signal.id).collect())
    }

    /// Plans signals that were held back, under the checks of [`Self::plan_commit`]. Returns the tasks that may be claimed.
    ///
    /// # Errors
    /// [`PlanError`]; then nothing was written.
    pub async fn plan_held(&self, plan: &HeldPlan) -> Result<Vec<TaskId>, PlanError> {
        self.retrying(|| self.plan_held_once(plan)).await
    }

    async fn plan_held_once(&self, plan: &HeldPlan) -> Result<Vec<TaskId>, PlanError> {
        let tx = self.begin().await?;
        let campaign = self.check_campaign(&*tx, plan.campaign_id, plan.campaign_version).await?;
        let planned: Vec<&TrendSignal> = plan.planned.iter().collect();
        self.check_governor(&*tx, &campaign, &planned, &plan.tasks).await?;
        self.check_voices(&*tx, &planned, &plan.tasks).await?;
        let ids: Vec<SignalId> = plan.planned.iter().map(|signal| signal.id).collect();
        let mut changed = self.decide_held(&*tx, &ids, SignalOutcome::Planned, None, plan.decided_at).await?;
        let told = Some("the story was planned meanwhile");
        changed += self.decide_held(&*tx, &plan.told, SignalOutcome::Duplicate, told, plan.decided_at).await?;
        let refused = Some("refused: enough agents of the fleet post about this story meanwhile");
        changed += self.decide_held(&*tx, &plan.refused, SignalOutcome::Refused, refused, plan.decided_at).await?;
        if changed < ids.len() + plan.told.len() + plan.refused.len() {
            let event_keys = plan.planned.iter().map(|signal| signal.event_key.clone()).collect();
            return Err(PlanError::AlreadyPlanned { event_keys });
        }
        let inserted = tasks::graph::insert(&*tx, self.tenant, &plan.tasks.iter().collect::<Vec<_>>()).await?;
        tx.commit().await?;
        Ok(inserted.ready)
    }

    /// Drops what was read before `before` and is still held back, the oldest first, at most `limit`; whatever the status of
    /// its campaign. Returns how many.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn signals_expire(
        &self,
        before: DateTime<Utc>,
        note: &str,
        limit: u64,
        now: DateTime<Utc>,
    ) -> Result<u64> {
        let oldest = signals::Entity::find()
            .select_only()
            .column(C::Id)
            .filter(batch::of_tenant::<signals::Entity>(self.tenant))
            .filter(is(SignalOutcome::Deferred))
            .filter(C::IngestedAt.lt(time(before)))
            .order_by_asc(C::IngestedAt)
            .limit(limit);
        let old: Vec<uuid::Uuid> = oldest.into_tuple().all(&self.db).await?;
        let ids: Vec<SignalId> = old.into_iter().map(SignalId::from_uuid).collect();
        if ids.is_empty() {
            return Ok(0);
        }
        let _turn = self.turn().await;
        let changed = self.decide_held(&self.db, &ids, SignalOutcome::Stale, Some(note), now).await?;
        Ok(u64::try_from(changed).unwrap_or(u64::MAX))
    }

    /// How many of these were held back until now.
    async fn decide_held(
        &self,
        db: &impl ConnectionTrait,
        ids: &[SignalId],
        outcome: SignalOutcome,
        note: Option<&str>,
        at: DateTime<Utc>,
    ) -> Result<usize> {
        let mut changed = 0;
        for ids in ids.chunks(dialect::BINDS_MAX / 2) {
            let update = signals::Entity::update_many()
                .col_expr(C::Outcome, Expr::value(outcome.as_str()))
                .col_expr(C::DecidedAt, Expr::value(time(at)))
                .col_expr(C::Note, Expr::value(note.map(text)))
                .filter(batch::of_tenant::<signals::Entity>(self.tenant))
                .filter(C::Id.is_in(ids.iter().map(|id| id.as_uuid())))
                .filter(is(SignalOutcome::Deferred));
            changed += update.exec(db).await?.rows_affected;
        }
        Ok(usize::try_from(changed).unwrap_or(usize::MAX))
    }
}

/// The outcome in the statement's text, so that the database sees which index is meant.
fn is(outcome: SignalOutcome) -> Expr {
    Expr::col((signals::Entity, C::Outcome)).eq(dialect::literal(outcome.as_str()))
}
