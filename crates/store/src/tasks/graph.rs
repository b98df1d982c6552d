//! The DAG: inserting tasks with their edges, unlocking children, cancelling what can never start.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use sea_orm::{
    ConnectionTrait, EntityTrait, JoinType, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait, LockType, Query},
};
use uuid::Uuid;

use chimera_domain::{AgentTask, CancelReason, TaskEvent, TaskId, TaskState, TenantId};

use super::moves::{self, Move};
use crate::{
    Backend, Result, RowKind, StoreError, batch,
    codec::Mapped,
    dialect::LISTED_MAX,
    entity::{dependencies, tasks},
};

/// How many tasks one statement reads the children of.
pub(crate) const CHILDREN_OF_MAX: usize = LISTED_MAX;

/// What became of tasks just inserted.
#[derive(Debug, Default)]
pub(crate) struct Inserted {
    /// May be claimed.
    pub(crate) ready: Vec<TaskId>,
    /// Depend on a dead end.
    pub(crate) cancelled: Vec<TaskId>,
}

/// Inserts tasks with their edges. Where each begins follows from its dependencies, whatever state it was given:
/// READY when all are finished, CANCELLED when one is a dead end, PENDING otherwise. A DRAFT that is not cancelled stays one.
pub(crate) async fn insert(db: &impl ConnectionTrait, tenant: TenantId, new: &[&AgentTask]) -> Result<Inserted> {
    let own: HashSet<Uuid> = new.iter().map(|t| t.id.as_uuid()).collect();
    let outside = new.iter().flat_map(|t| &t.depends_on).map(|id| id.as_uuid()).filter(|id| !own.contains(id));
    // Locked, so that none of them ends between this reading and the commit without seeing its new dependents.
    let outside: HashSet<Uuid> = outside.collect();
    let stored = moves::lock(db, tenant, outside.iter().copied()).await?;
    if let Some(id) = outside.iter().find(|id| !stored.contains_key(id)) {
        return Err(StoreError::NotFound { entity: RowKind::Task, id: *id });
    }
    let mut states: HashMap<Uuid, TaskState> = HashMap::new();
    for (id, row) in &stored {
        states.insert(*id, row.standing()?);
    }
    let beginnings = beginnings(new, &states)?;
    let mut inserted = Inserted::default();
    let mut rows = Vec::with_capacity(new.len());
    for task in new {
        let state = match (beginnings.get(&task.id), task.state) {
            (Some(TaskState::Cancelled), _) => TaskState::Cancelled,
            (_, TaskState::Draft) => TaskState::Draft,
            (state, _) => state.copied().unwrap_or(TaskState::Pending),
        };
        match state {
            TaskState::Ready => inserted.ready.push(task.id),
            TaskState::Cancelled => inserted.cancelled.push(task.id),
            _ => {}
        }
        let mut row = tasks::Entity::write(task, tenant)?;
        row.state = state.to_string();
        row.cancel_reason = (state == TaskState::Cancelled).then(|| CancelReason::Dependency.to_string());
        rows.push(row);
    }
    batch::insert_rows::<tasks::Entity>(db, rows, None).await?;
    batch::insert_rows::<dependencies::Entity>(db, edges(tenant, new), None).await?;
    Ok(inserted)
}

/// Where each new task begins, given where its stored dependencies stand.
fn beginnings(new: &[&AgentTask], stored: &HashMap<Uuid, TaskState>) -> Result<HashMap<TaskId, TaskState>> {
    let mut begin: HashMap<TaskId, TaskState> = HashMap::with_capacity(new.len());
    loop {
        let before = begin.len();
        for task in new {
            if begin.contains_key(&task.id) {
                continue;
            }
            let standing = |id: &TaskId| begin.get(id).copied().or_else(|| stored.get(&id.as_uuid()).copied());
            let dead = task.depends_on.iter().any(|id| standing(id).is_some_and(TaskState::is_dead_end));
            let finished = task.depends_on.iter().all(|id| standing(id).is_some_and(TaskState::is_finished));
            let event = if dead {
                TaskEvent::Cancel
            } else if finished {
                TaskEvent::DepsDone
            } else {
                continue;
            };
            let state = TaskState::Pending
                .on(event, task.task_type)
                .map_err(|source| StoreError::Illegal { id: task.id, source })?;
            begin.insert(task.id, state);
        }
        // A task that is cancelled here may drag another new one with it; READY ones never change the rest.
        if begin.len() == before {
            return Ok(begin);
        }
    }
}

fn edges(tenant: TenantId, new: &[&AgentTask]) -> Vec<dependencies::Model> {
    let mut edges = Vec::new();
    for task in new {
        let mut seen = HashSet::new();
        let distinct = task.depends_on.iter().filter(|id| seen.insert(**id));
        edges.extend(distinct.zip(0_i64..).map(|(id, position)| dependencies::Model {
            tenant_id: tenant.as_uuid(),
            task_id: task.id.as_uuid(),
            depends_on_id: id.as_uuid(),
            position,
        }));
    }
    edges
}

/// Moves PENDING children of `finished` tasks to READY when nothing else holds them back. The finished tasks' own moves
/// must be written already.
///
/// Two transactions may finish two parents of one child at once, and neither sees the other's. So the child is locked
/// first: whoever locks it second reads the first one's commit, for each statement reads afresh (READ COMMITTED).
pub(crate) async fn unlock(
    db: &impl ConnectionTrait,
    tenant: TenantId,
    finished: &[TaskId],
    now: DateTime<Utc>,
) -> Result<Vec<TaskId>> {
    if finished.is_empty() {
        return Ok(vec![]);
    }
    let mut children = HashMap::new();
    for chunk in finished.chunks(CHILDREN_OF_MAX) {
        children.extend(waiting_for(db, tenant, chunk).await?.into_iter().map(|row| (row.id, row)));
    }
    if children.is_empty() {
        return Ok(vec![]);
    }
    start_unblocked(db, tenant, children.values(), now).await
}

/// Moves those of these PENDING tasks to READY that nothing holds back. They must be locked by this transaction.
pub(crate) async fn start_unblocked(
    db: &impl ConnectionTrait,
    tenant: TenantId,
    pending: impl Iterator<Item = &tasks::Model> + Clone,
    now: DateTime<Utc>,
) -> Result<Vec<TaskId>> {
    let blocked = blocked(db, tenant, pending.clone().map(|row| row.id).collect()).await?;
    let mut unlocked = Vec::new();
    for row in pending.filter(|row| !blocked.contains(&row.id)) {
        unlocked.push(Move::of(row, TaskEvent::DepsDone)?);
    }
    moves::apply(db, tenant, &unlocked, now).await?;
    Ok(unlocked.iter().map(Move::id).collect())
}

/// Locks the PENDING children of these tasks and reads them.
async fn waiting_for(db: &impl ConnectionTrait, tenant: TenantId, parents: &[TaskId]) -> Result<Vec<tasks::Model>> {
    let mut rows = lock_children(db, tenant, parents).await?;
    rows.retain(|row| row.state == TaskState::Pending.as_str());
    Ok(rows)
}

/// Locks whatever waits or waited for these tasks, in the order of ids as everywhere, and reads it. At most
/// [`CHILDREN_OF_MAX`] tasks.
///
/// The states are looked at by the caller, for SQLite would rather read every task of a state than look up a list of ids.
pub(crate) async fn lock_children(
    db: &impl ConnectionTrait,
    tenant: TenantId,
    parents: &[TaskId],
) -> Result<Vec<tasks::Model>> {
    use dependencies::Column as D;
    let children = Query::select()
        .column((dependencies::Entity, D::TaskId))
        .from(dependencies::Entity)
        .and_where(batch::of_tenant::<dependencies::Entity>(tenant))
        .and_where(
            Expr::col((dependencies::Entity, D::DependsOnId))
                .is_in(batch::padded(parents.iter().map(|id| id.as_uuid()))),
        )
        .take();
    let rows = tasks::Entity::find()
        .filter(batch::of_tenant::<tasks::Entity>(tenant))
        .filter(Backend::of(db).is_one_of(Expr::col((tasks::Entity, tasks::Column::Id)), children))
        .order_by_asc(tasks::Column::Id)
        .lock(LockType::NoKeyUpdate)
        .all(db);
    Ok(rows.await?)
}

/// Those of `tasks` with a dependency that is not finished.
async fn blocked(db: &impl ConnectionTrait, tenant: TenantId, ids: Vec<Uuid>) -> Result<HashSet<Uuid>> {
    use dependencies::Column as D;
    let finished: Vec<&str> = TaskState::ALL.iter().filter(|s| s.is_finished()).map(|s| s.as_str()).collect();
    let mut blocked = HashSet::new();
    for chunk in ids.chunks(LISTED_MAX) {
        let select = Query::select()
            .distinct()
            .column((dependencies::Entity, D::TaskId))
            .from(dependencies::Entity)
            .join(
                JoinType::InnerJoin,
                tasks::Entity,
                Expr::col((tasks::Entity, tasks::Column::Id)).equals((dependencies::Entity, D::DependsOnId)),
            )
            .and_where(batch::of_tenant::<dependencies::Entity>(tenant))
            .and_where(Expr::col((dependencies::Entity, D::TaskId)).is_in(batch::padded(chunk.iter().copied())))
            .and_where(Expr::col((tasks::Entity, tasks::Column::State)).is_not_in(finished.iter().copied()))
            .take();
        for row in db.query_all(&select).await? {
            blocked.insert(row.try_get_by_index(0)?);
        }
    }
    Ok(blocked)
}

/// Cancels every PENDING task that waits, directly or not, for one of `dead`, whose own moves must be written already.
///
/// Level by level, each locked before it is cancelled. A dependent that someone inserts meanwhile is not missed: who
/// inserts it locks what it waits for first, so either it is there when the next level is read, or it sees the dead end.
pub(crate) async fn cancel_dependents(
    db: &impl ConnectionTrait,
    tenant: TenantId,
    dead: &[TaskId],
    now: DateTime<Utc>,
) -> Result<Vec<TaskId>> {
    let mut cancelled = Vec::new();
    let mut level = dead.to_vec();
    while !level.is_empty() {
        let mut doomed = HashMap::new();
        for chunk in level.chunks(CHILDREN_OF_MAX) {
            for row in waiting_for(db, tenant, chunk).await? {
                let step = Move::cancel(&row, CancelReason::Dependency, "a task it depends on came to nothing")?;
                doomed.insert(row.id, step);
            }
        }
        moves::apply(db, tenant, doomed.values(), now).await?;
        level = doomed.values().map(Move::id).collect();
        cancelled.extend(&level);
    }
    Ok(cancelled)
}
