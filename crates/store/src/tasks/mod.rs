//! Tasks: read here; claimed, submitted, released, decided and swept in the files beside.

mod attempts;
mod claim;
mod decide;
mod draft_plan;
mod drafts;

pub(crate) mod graph;
pub(crate) mod ground;
pub(crate) mod moves;
mod orders;
mod results;
mod retry;
mod sweep;
mod unreadable;

pub use claim::{Claim, Claimed};
pub use decide::{Decided, Ruling};
pub use draft_plan::{DRAFT_TEXT_MAX, DraftEdit, DraftPlan, DraftWish, UnfitWish, draft_text};
pub use drafts::{DraftError, DraftFilter, Drafts};
pub use orders::{OutdatedPost, ReviewCase, WorkOrder};
pub use results::{Release, Released, Submission, Submitted};
pub use retry::{NotRetried, Retried};
pub use sweep::{Queued, SweepLimits, Swept};

pub(crate) use decide::{aftermath, check_verdict};
pub(crate) use orders::{Surroundings, artifacts_by_id};

use std::collections::HashMap;

use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, sea_query::Expr,
};
use uuid::Uuid;

use chimera_domain::{AgentTask, TaskId, TaskState, TenantId, TraceId};

use crate::{
    Result, RowKind, Store, batch,
    codec::{Mapped, Reader},
    entity::{
        dependencies,
        tasks::{Column, Entity, Model},
    },
};

/// Tasks counted by state; states without tasks are absent.
pub type TaskCounts = HashMap<TaskState, u64>;

impl Store {
    /// The tasks with these ids, oldest first; unknown ids are left out.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn tasks_by_ids(&self, ids: &[TaskId]) -> Result<Vec<AgentTask>> {
        let ids = ids.iter().map(|id| id.as_uuid());
        with_dependencies(&self.db, self.tenant, batch::find::<Entity>(&self.db, self.tenant, Column::Id, ids).await?)
            .await
    }

    /// The tasks of one post, oldest first.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn tasks_by_trace(&self, trace_id: TraceId) -> Result<Vec<AgentTask>> {
        let trace = [trace_id.to_string()];
        let rows = batch::find::<Entity>(&self.db, self.tenant, Column::TraceId, trace).await?;
        with_dependencies(&self.db, self.tenant, rows).await
    }

    /// How many tasks stand where; states without tasks are absent.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn task_counts(&self) -> Result<TaskCounts> {
        let select = Entity::find()
            .select_only()
            .column(Column::State)
            .expr(Expr::cust("COUNT(*)"))
            .filter(batch::of_tenant::<Entity>(self.tenant))
            .group_by(Column::State);
        let reader = Reader { entity: RowKind::Task, id: self.tenant.as_uuid() };
        let counts: Vec<(String, i64)> = select.into_tuple().all(&self.db).await?;
        counts.into_iter().map(|(name, n)| Ok((reader.name("state", &name)?, n.unsigned_abs()))).collect()
    }

    /// Tasks in any of these states, oldest first.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn tasks_in(&self, states: &[TaskState], limit: u64) -> Result<Vec<AgentTask>> {
        let rows = Entity::find()
            .filter(batch::of_tenant::<Entity>(self.tenant))
            .filter(Column::State.is_in(states.iter().map(|s| s.as_str())))
            .order_by_asc(Column::CreatedAt)
            .order_by_asc(Column::Id)
            .limit(limit)
            .all(&self.db)
            .await?;
        with_dependencies(&self.db, self.tenant, rows).await
    }

    /// How many tasks the fleet has yet to bring to an end by itself: all but the ended ones and those that wait for a
    /// person, or for one to start them.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn fleet_busy(&self) -> Result<u64> {
        let asked = [TaskState::HitlQueue, TaskState::Draft];
        let live = TaskState::ALL.iter().filter(|s| !s.is_terminal() && !asked.contains(s));
        let count = Entity::find()
            .filter(batch::of_tenant::<Entity>(self.tenant))
            .filter(Column::State.is_in(live.map(|s| s.as_str())))
            .count(&self.db);
        Ok(count.await?)
    }
}

/// The tasks that rows hold, with their dependencies, oldest first.
pub(crate) async fn with_dependencies(
    db: &impl ConnectionTrait,
    tenant: TenantId,
    rows: Vec<Model>,
) -> Result<Vec<AgentTask>> {
    each_with_dependencies(db, tenant, rows).await?.into_iter().collect()
}

/// The same, where one that can't be read must not spoil the others.
async fn each_with_dependencies(
    db: &impl ConnectionTrait,
    tenant: TenantId,
    mut rows: Vec<Model>,
) -> Result<Vec<Result<AgentTask>>> {
    rows.sort_by_key(|row| (row.created_at, row.id));
    let ids = rows.iter().map(|row| row.id);
    let mut edges = batch::find::<dependencies::Entity>(db, tenant, dependencies::Column::TaskId, ids).await?;
    edges.sort_by_key(|edge| edge.position);
    let mut by_task: HashMap<Uuid, Vec<TaskId>> = HashMap::new();
    for edge in edges {
        by_task.entry(edge.task_id).or_default().push(TaskId::from_uuid(edge.depends_on_id));
    }
    let tasks = rows.into_iter().map(|row| {
        let depends_on = by_task.remove(&row.id).unwrap_or_default();
        Ok(AgentTask { depends_on, ..Entity::read(row)? })
    });
    Ok(tasks.collect())
}
