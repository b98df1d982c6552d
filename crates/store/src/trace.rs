//! What an operator asks: the life of one post, and the list of posts.

use std::collections::HashMap;

use sea_orm::{
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait, Query, SubQueryStatement},
};
use uuid::Uuid;

use chimera_domain::{
    AgentTask, Artifact, HitlTicket, JudgeDecision, Publication, TaskId, TaskState, TaskType, TicketId, ToolCall,
    TraceId, TrendSignal,
};

use crate::{
    Result, Store, StorySource, batch,
    codec::Mapped,
    dialect::literal,
    entity::{artifacts, decisions, publications, signals, tasks, tickets, tool_calls},
    tasks::{artifacts_by_id, with_dependencies},
};

/// The whole life of one post, each list oldest first.
#[derive(Debug, Clone, PartialEq, serde::Serialize, schemars::JsonSchema)]
pub struct TraceView {
    /// What caused it.
    pub signal: Option<TrendSignal>,
    /// Where its campaign saw its story, the signal itself among them.
    pub sources: Vec<StorySource>,
    /// Its DAG.
    pub tasks: Vec<AgentTask>,
    /// What the tasks made.
    pub artifacts: Vec<Artifact>,
    /// What judges and people decided.
    pub decisions: Vec<JudgeDecision>,
    /// What people were asked.
    pub tickets: Vec<HitlTicket>,
    /// What went out.
    pub publications: Vec<Publication>,
    /// What was called.
    pub tool_calls: Vec<ToolCall>,
}

/// One post, for lists.
#[derive(Debug, Clone, PartialEq)]
pub struct PostRow {
    /// The task that is published.
    pub task: AgentTask,
    /// What it made.
    pub artifact: Option<Artifact>,
    /// The latest decision on it.
    pub decision: Option<JudgeDecision>,
    /// Its latest question.
    pub ticket: Option<HitlTicket>,
    /// Its latest entry in the publish ledger.
    pub publication: Option<Publication>,
    /// The signal's headline. Untrusted text.
    pub headline: String,
}

impl Store {
    /// The whole life of one post, or `None` when nothing carries this trace id. Each list is oldest first.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn trace(&self, trace_id: TraceId) -> Result<Option<TraceView>> {
        let (db, tenant, trace) = (&self.db, self.tenant, [trace_id.to_string()]);
        let signals = batch::find::<signals::Entity>(db, tenant, signals::Column::TraceId, trace.clone()).await?;
        let tasks = self.tasks_by_trace(trace_id).await?;
        let artifacts = batch::find::<artifacts::Entity>(db, tenant, artifacts::Column::TraceId, trace.clone()).await?;
        let decisions = batch::find::<decisions::Entity>(db, tenant, decisions::Column::TraceId, trace.clone()).await?;
        let tickets = batch::find::<tickets::Entity>(db, tenant, tickets::Column::TraceId, trace.clone()).await?;
        let publications =
            batch::find::<publications::Entity>(db, tenant, publications::Column::TraceId, trace.clone()).await?;
        let calls = batch::find::<tool_calls::Entity>(db, tenant, tool_calls::Column::TraceId, trace).await?;
        let signal = signals.into_iter().next().map(signals::Entity::read).transpose()?;
        let view = TraceView {
            sources: self.story_sources(signal.as_slice()).await?,
            signal,
            tasks,
            artifacts: sorted(batch::read_all::<artifacts::Entity>(artifacts)?, |a| (a.created_at, a.id)),
            decisions: sorted(batch::read_all::<decisions::Entity>(decisions)?, |d| (d.logged_at, d.id)),
            tickets: sorted(batch::read_all::<tickets::Entity>(tickets)?, |t| (t.created_at, t.id)),
            publications: sorted(batch::read_all::<publications::Entity>(publications)?, |p| (p.created_at, p.id)),
            tool_calls: sorted(batch::read_all::<tool_calls::Entity>(calls)?, |c| (c.called_at, c.id)),
        };
        let empty = view.signal.is_none() && view.tasks.is_empty() && view.tool_calls.is_empty();
        Ok((!empty).then_some(view))
    }

    /// Posts with what became of them, newest first.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn posts(&self, limit: u64) -> Result<Vec<PostRow>> {
        let types = TaskType::ALL.iter().filter(|t| t.is_publishable()).map(|t| literal(t.as_str()));
        let rows = tasks::Entity::find()
            .filter(batch::of_tenant::<tasks::Entity>(self.tenant))
            .filter(Expr::col((tasks::Entity, tasks::Column::TaskType)).is_in(types))
            .order_by_desc(tasks::Column::CreatedAt)
            .order_by_desc(tasks::Column::Id)
            .limit(limit)
            .all(&self.db)
            .await?;
        self.post_rows(rows).await
    }

    /// Posts that went out, the latest first; those that come after `after`, where the page before ended.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn posts_published(&self, after: Option<TaskId>, limit: u64) -> Result<Vec<PostRow>> {
        use tasks::{Column as C, Entity as E};
        let mut select = E::find()
            .filter(batch::of_tenant::<E>(self.tenant))
            .filter(C::State.eq(TaskState::Published.as_str()))
            .order_by_desc(C::UpdatedAt)
            .order_by_desc(C::Id)
            .limit(limit);
        if let Some(after) = after {
            select = select.filter(self.comes_after::<E>([C::UpdatedAt, C::Id], C::Id, after.as_uuid()));
        }
        self.post_rows(select.all(&self.db).await?).await
    }

    /// The posts of these tasks, in the order given.
    pub(crate) async fn post_rows(&self, rows: Vec<tasks::Model>) -> Result<Vec<PostRow>> {
        let order: HashMap<Uuid, usize> = rows.iter().enumerate().map(|(place, row)| (row.id, place)).collect();
        let mut tasks = with_dependencies(&self.db, self.tenant, rows).await?;
        tasks.sort_by_key(|task| order.get(&task.id.as_uuid()).copied());
        let results = tasks.iter().filter_map(|t| t.result_artifact);
        let artifacts = artifacts_by_id(&self.db, self.tenant, results).await?;
        let ids: Vec<Uuid> = tasks.iter().map(|t| t.id.as_uuid()).collect();
        let mut decisions = self.latest_decisions(&ids).await?;
        let mut publications = self.latest_publications(&ids).await?;
        let mut tickets = self.tickets_by_id(tasks.iter().filter_map(|t| t.hitl_ticket_id)).await?;
        Ok(tasks
            .into_iter()
            .map(|task| PostRow {
                artifact: task.result_artifact.and_then(|id| artifacts.get(&id)).cloned(),
                decision: decisions.remove(&task.id),
                ticket: task.hitl_ticket_id.and_then(|id| tickets.remove(&id)),
                publication: publications.remove(&task.id),
                headline: task.payload.headline.clone(),
                task,
            })
            .collect())
    }

    /// Whether a row comes after this one in a list that has the largest first: where the page before ended.
    pub(crate) fn comes_after<E: EntityTrait>(&self, order: [E::Column; 2], key: E::Column, after: Uuid) -> Expr {
        let place = Query::select()
            .columns(order)
            .from(E::default())
            .and_where(batch::of_tenant::<E>(self.tenant))
            .and_where(key.eq(after))
            .take();
        let own = Expr::tuple(order.map(|column| Expr::col((E::default(), column))));
        own.lt(Expr::from(SubQueryStatement::from(place)))
    }

    async fn latest_decisions(&self, tasks: &[Uuid]) -> Result<HashMap<TaskId, JudgeDecision>> {
        use decisions::{Column as C, Entity as E};
        let rows = batch::find::<E>(&self.db, self.tenant, C::TaskId, tasks.iter().copied()).await?;
        let all = sorted(batch::read_all::<E>(rows)?, |d| (d.logged_at, d.id));
        Ok(all.into_iter().map(|d| (d.task_id, d)).collect())
    }

    async fn latest_publications(&self, tasks: &[Uuid]) -> Result<HashMap<TaskId, Publication>> {
        use publications::{Column as C, Entity as E};
        let rows = batch::find::<E>(&self.db, self.tenant, C::TaskId, tasks.iter().copied()).await?;
        let all = sorted(batch::read_all::<E>(rows)?, |p| (p.created_at, p.id));
        Ok(all.into_iter().map(|p| (p.task_id, p)).collect())
    }

    async fn tickets_by_id(&self, ids: impl Iterator<Item = TicketId>) -> Result<HashMap<TicketId, HitlTicket>> {
        use tickets::{Column as C, Entity as E};
        let rows = batch::find::<E>(&self.db, self.tenant, C::Id, ids.map(TicketId::as_uuid)).await?;
        Ok(batch::read_all::<E>(rows)?.into_iter().map(|t| (t.id, t)).collect())
    }
}

fn sorted<T, K: Ord>(mut rows: Vec<T>, key: impl Fn(&T) -> K) -> Vec<T> {
    rows.sort_by_key(key);
    rows
}
