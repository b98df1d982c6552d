//! The HITL queue as people see it: what waits for them, and how long yet.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait as _, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Alias, Expr, ExprTrait as _, Order, Query, SelectStatement, SubQueryStatement},
};

use chimera_domain::{
    Agent, AgentTask, Artifact, Campaign, CampaignId, HitlTicket, JudgeDecision, TaskId, TicketId, error_chain,
};

use crate::{
    BadValue, Result, RowKind, Store, batch,
    codec::{Mapped as _, Reader},
    entity::{
        decisions, tasks,
        tickets::{Column, Entity},
    },
    tasks::{artifacts_by_id, ground::Grounds},
};

/// Which of the tickets that wait for an answer are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TicketFilter {
    /// Only those about posts of this campaign.
    pub campaign: Option<CampaignId>,
    /// Only those with this sensitive topic.
    pub topic: Option<String>,
    /// Only those whose answer is overdue, by the database's clock.
    pub overdue: bool,
    /// Only those that come after this one, answered or not: where the page before ended.
    pub after: Option<TicketId>,
    /// The most to give.
    pub limit: u64,
}

/// The HITL queue in numbers, all of the same moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, schemars::JsonSchema)]
pub struct HitlDepth {
    /// Tickets that wait for an answer.
    pub open: u64,
    /// Those of them whose answer is overdue, by the database's clock.
    pub overdue: u64,
    /// When the next one falls overdue; `None` when none is left to.
    pub next_due: Option<DateTime<Utc>>,
    /// Since when the longest waiting one waits.
    pub oldest: Option<DateTime<Utc>>,
}

/// The HITL queue at a glance, which costs the same however long it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HitlGlance {
    /// Tickets that wait for an answer, as far as they were counted.
    pub open: u64,
    /// Those of the counted ones whose answer is overdue, by the database's clock; these are counted first.
    pub overdue: u64,
    /// Whether there are more tickets than were counted.
    pub more: bool,
}

/// Everything that a person looks at to answer a ticket.
#[derive(Debug, Clone, PartialEq)]
pub struct TicketCase {
    /// The question.
    pub ticket: HitlTicket,
    /// The task that waits.
    pub task: AgentTask,
    /// What is asked about.
    pub artifact: Artifact,
    /// Who would speak.
    pub agent: Agent,
    /// For what.
    pub campaign: Campaign,
    /// How the judge weighed it, if it did.
    pub decision: Option<JudgeDecision>,
}

/// The order of the queue: by the end of the SLA, then by age. None of these ever changes, so pages are stable.
const ORDER: [Column; 3] = [Column::SlaExpiresAt, Column::CreatedAt, Column::Id];

impl Store {
    /// Tickets that wait for an answer, the one due first first. One that can't be read is logged and left out.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn tickets_open(&self, filter: &TicketFilter) -> Result<Vec<HitlTicket>> {
        let mut select = Entity::find().filter(self.is_open()).limit(filter.limit);
        if let Some(campaign) = filter.campaign {
            select = select.filter(Column::TaskId.in_subquery(self.tasks_of(campaign)));
        }
        if let Some(topic) = &filter.topic {
            select = select.filter(self.backend.names_topic(Expr::col((Entity, Column::SensitiveTopics)), topic));
        }
        if filter.overdue {
            select = select.filter(self.is_overdue());
        }
        if let Some(after) = filter.after {
            let place = Expr::tuple(ORDER.map(|column| Expr::col((Entity, column))));
            select = select.filter(place.gt(Expr::from(SubQueryStatement::from(self.place_of(after)))));
        }
        let rows = ORDER.iter().fold(select, |select, column| select.order_by_asc(*column)).all(&self.db).await?;
        let mut tickets = Vec::with_capacity(rows.len());
        for row in rows {
            match Entity::read(row) {
                Ok(ticket) => tickets.push(ticket),
                Err(error) => tracing::error!(error = %error_chain(&error), "a ticket can't be read"),
            }
        }
        Ok(tickets)
    }

    /// These tickets with everything that a person looks at, in the order given. One of which something can't be read is
    /// logged and left out.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn ticket_cases(&self, tickets: &[HitlTicket]) -> Result<Vec<TicketCase>> {
        let (db, tenant) = (&self.db, self.tenant);
        let ids: Vec<TaskId> = tickets.iter().map(|ticket| ticket.task_id).collect();
        let tasks: HashMap<TaskId, AgentTask> =
            self.tasks_by_ids(&ids).await?.into_iter().map(|task| (task.id, task)).collect();
        let mut artifacts = artifacts_by_id(db, tenant, tickets.iter().map(|ticket| ticket.artifact_id)).await?;
        let pairs = tasks.values().map(|task| (task.campaign_id.as_uuid(), task.agent_id.as_uuid()));
        let (campaigns, agents) = Grounds::glimpse(db, tenant, pairs).await?.into_entities()?;
        let rows =
            batch::find::<decisions::Entity>(db, tenant, decisions::Column::TaskId, ids.iter().map(|id| id.as_uuid()));
        let mut weighed = batch::read_all::<decisions::Entity>(rows.await?)?;
        weighed.retain(|decision| !decision.breakdown.is_empty());
        weighed.sort_by_key(|decision| (decision.logged_at, decision.id));
        let mut weighed: HashMap<TaskId, JudgeDecision> = weighed.into_iter().map(|d| (d.task_id, d)).collect();
        let mut cases = Vec::with_capacity(tickets.len());
        for ticket in tickets {
            let task = tasks.get(&ticket.task_id);
            let around = task.and_then(|task| {
                let agent = agents.iter().find(|agent| agent.id == task.agent_id)?;
                let campaign = campaigns.iter().find(|campaign| campaign.id == task.campaign_id)?;
                Some((task.clone(), agent.clone(), campaign.clone()))
            });
            let Some(((task, agent, campaign), artifact)) = around.zip(artifacts.remove(&ticket.artifact_id)) else {
                let reader = Reader { entity: RowKind::Ticket, id: ticket.id.as_uuid() };
                let error = reader.corrupt("artifact_id", BadValue::Dangling);
                tracing::error!(error = %error_chain(&error), "a ticket can't be shown");
                continue;
            };
            let decision = weighed.remove(&ticket.task_id);
            cases.push(TicketCase { ticket: ticket.clone(), task, artifact, agent, campaign, decision });
        }
        Ok(cases)
    }

    /// How many tickets wait for an answer, and how long yet.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn hitl_depth(&self) -> Result<HitlDepth> {
        let overdue = Expr::case(self.is_overdue(), 1_i64).finally(0_i64);
        let due = Expr::case(self.is_overdue().not(), Expr::col(Column::SlaExpiresAt));
        type Moment = Option<DateTime<Utc>>;
        let counted: Option<(i64, Option<i64>, Moment, Moment)> = Entity::find()
            .select_only()
            .expr(Expr::col(Column::Id).count())
            .expr(Expr::expr(overdue).sum().cast_as("bigint"))
            .expr(Expr::expr(due).min())
            .expr(Expr::col(Column::CreatedAt).min())
            .filter(self.is_open())
            .into_tuple()
            .one(&self.db)
            .await?;
        let (open, overdue, next_due, oldest) = counted.unwrap_or_default();
        let overdue = overdue.unwrap_or_default().unsigned_abs();
        Ok(HitlDepth { open: open.unsigned_abs(), overdue, next_due, oldest })
    }

    /// How many tickets wait for an answer, counted up to `counted_max`: for pages that show it beside other things.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn hitl_glance(&self, counted_max: u64) -> Result<HitlGlance> {
        let overdue = Expr::case(Expr::col(Alias::new("due")).lt(self.backend.clock()), 1_i64).finally(0_i64);
        // The first in the order of the queue, so that its index gives them and no more.
        let first = Query::select()
            .expr_as(Expr::col((Entity, Column::SlaExpiresAt)), "due")
            .from(Entity)
            .cond_where(self.is_open())
            .order_by((Entity, Column::SlaExpiresAt), Order::Asc)
            .limit(counted_max.saturating_add(1))
            .take();
        let counted = Query::select()
            .expr(Expr::cust("COUNT(*)"))
            .expr(Expr::expr(overdue).sum().cast_as("bigint"))
            .from_subquery(first, "first")
            .take();
        let Some(row) = self.db.query_one(&counted).await? else { return Ok(HitlGlance::default()) };
        let (open, overdue): (i64, Option<i64>) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
        let (open, overdue) = (open.unsigned_abs(), overdue.unwrap_or_default().unsigned_abs());
        let at_most = |count| Ord::min(count, counted_max);
        Ok(HitlGlance { open: at_most(open), overdue: at_most(overdue), more: open > counted_max })
    }

    fn is_open(&self) -> Condition {
        Condition::all().add(batch::of_tenant::<Entity>(self.tenant)).add(Column::Resolution.is_null())
    }

    fn is_overdue(&self) -> Expr {
        Expr::col((Entity, Column::SlaExpiresAt)).lt(self.backend.clock())
    }

    fn tasks_of(&self, campaign: CampaignId) -> SelectStatement {
        Query::select()
            .column(tasks::Column::Id)
            .from(tasks::Entity)
            .and_where(batch::of_tenant::<tasks::Entity>(self.tenant))
            .and_where(tasks::Column::CampaignId.eq(campaign.as_uuid()))
            .take()
    }

    fn place_of(&self, ticket: TicketId) -> SelectStatement {
        Query::select()
            .columns(ORDER)
            .from(Entity)
            .and_where(batch::of_tenant::<Entity>(self.tenant))
            .and_where(Column::Id.eq(ticket.as_uuid()))
            .take()
    }
}
