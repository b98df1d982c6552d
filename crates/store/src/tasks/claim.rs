//! Claims and heartbeats: one compare-and-set each, on the database's clock.

use std::time::Duration;

use sea_orm::{
    ColumnTrait, EntityTrait, QueryFilter,
    sea_query::{Expr, ExprTrait, LockBehavior, LockType, Query, SelectStatement},
};

use chimera_domain::{AgentTask, StateVersion, TaskId, TaskState, error_chain};

use super::{each_with_dependencies, ground};
use crate::{
    Result, Store, batch,
    codec::{text, wide},
    dialect::BINDS_MAX,
    entity::tasks::{Column, Entity},
    versioned::{self, Seen},
};

/// READY and EXECUTING are named here because a claim is one statement, without a reading before it;
/// a test holds this to [`TaskState::on`].
const CLAIMED_FROM: TaskState = TaskState::Ready;
const CLAIMED_TO: TaskState = TaskState::Executing;

impl Store {
    /// Takes those of these tasks that are READY and not void, and whose campaign is ACTIVE, for `worker`, until `lease` has passed on
    /// the database's clock. Each is given to one claimer only; its version is the fencing token. Highest priority first,
    /// then oldest. One that can't be read is logged and left out: its lease lapses, and in the end its attempts are used
    /// up.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn task_claim(&self, ids: &[TaskId], worker: &str, lease: Duration) -> Result<Vec<AgentTask>> {
        let mut rows = Vec::new();
        for chunk in ids.chunks(BINDS_MAX / 2) {
            let _turn = self.turn().await;
            let claim = Entity::update_many()
                .col_expr(Column::State, Expr::val(CLAIMED_TO.as_str()))
                .col_expr(Column::Attempts, Expr::col(Column::Attempts).add(1_i64))
                .col_expr(Column::StateVersion, Expr::col(Column::StateVersion).add(1_i64))
                .col_expr(Column::LeaseOwner, Expr::val(text(worker)))
                .col_expr(Column::LeaseExpiresMs, self.lease_end(lease))
                .col_expr(Column::UpdatedAt, self.backend.clock())
                .filter(Column::Id.in_subquery(self.claimable(chunk)));
            rows.extend(claim.exec_with_returning(&self.db).await?);
        }
        let mut claimed = Vec::with_capacity(rows.len());
        for task in each_with_dependencies(&self.db, self.tenant, rows).await? {
            match task {
                Ok(task) => claimed.push(task),
                Err(error) => tracing::error!(error = %error_chain(&error), "a claimed task can't be read"),
            }
        }
        claimed.sort_by_key(|task| task.priority);
        Ok(claimed)
    }

    /// Prolongs the leases of tasks that `worker` still holds at these versions, from now on the database's clock;
    /// returns those. A lease is not part of the row's content: versions stay, for they are the fencing tokens.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn task_heartbeat(
        &self,
        held: &[(TaskId, StateVersion)],
        worker: &str,
        lease: Duration,
    ) -> Result<Vec<TaskId>> {
        let held: Vec<Seen> = held.iter().map(|(id, version)| (id.as_uuid(), *version)).collect();
        let mut still = Vec::new();
        for chunk in held.chunks(BINDS_MAX / 4) {
            let _turn = self.turn().await;
            let beat = Entity::update_many()
                .col_expr(Column::LeaseExpiresMs, self.lease_end(lease))
                .filter(batch::of_tenant::<Entity>(self.tenant))
                .filter(Column::Id.is_in(chunk.iter().map(|(id, _)| *id)))
                .filter(versioned::is_still::<Entity>(chunk))
                .filter(Column::LeaseOwner.eq(text(worker)))
                .filter(Column::State.is_in([CLAIMED_TO, TaskState::Publishing].map(TaskState::as_str)));
            let rows = beat.exec_with_returning(&self.db).await?;
            still.extend(rows.into_iter().map(|row| TaskId::from_uuid(row.id)));
        }
        Ok(still)
    }

    /// The moment at which a lease of this length ends, in Unix milliseconds on the database's clock.
    pub(crate) fn lease_end(&self, lease: Duration) -> Expr {
        let millis = Ord::min(wide(u64::try_from(lease.as_millis()).unwrap_or(u64::MAX)), i64::MAX / 2);
        self.backend.clock_ms().add(millis)
    }

    /// Rows that another claimer holds locked are passed over, not waited for.
    fn claimable(&self, ids: &[TaskId]) -> SelectStatement {
        Query::select()
            .column(Column::Id)
            .from(Entity)
            .and_where(batch::of_tenant::<Entity>(self.tenant))
            .and_where(Column::Id.is_in(ids.iter().map(|id| id.as_uuid())))
            .and_where(Column::State.eq(CLAIMED_FROM.as_str()))
            .cond_where(ground::standing(self.tenant))
            .lock_with_behavior(LockType::NoKeyUpdate, LockBehavior::SkipLocked)
            .take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chimera_domain::{TaskEvent, TaskType};

    #[test]
    fn the_claim_is_the_move_that_the_state_machine_knows() {
        for task_type in TaskType::ALL {
            assert_eq!(CLAIMED_FROM.on(TaskEvent::Claim, *task_type), Ok(CLAIMED_TO));
        }
    }
}
