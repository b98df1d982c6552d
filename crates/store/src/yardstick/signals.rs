//! What planners and claims leave behind, and the bare client that writes it anew.

use std::collections::HashMap;

use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QueryOrder, QueryTrait as _, Statement,
    sea_query::{Expr, ExprTrait},
};
use uuid::Uuid;

use chimera_domain::{StateVersion, TaskState};

use super::bare::{self, BareFigures, Ready};
use crate::{
    Result, Store, batch,
    entity::{agents, campaigns, dependencies, signals, spend_ledger, tasks, tool_calls},
};

/// Every row that planning has written: signals, the DAGs of those that were planned, and the record of the questions asked.
#[derive(Debug, Clone)]
pub struct PlannedRows {
    agents: Vec<agents::Model>,
    campaigns: Vec<campaigns::Model>,
    signals: Vec<signals::Model>,
    tasks: HashMap<String, Vec<tasks::Model>>,
    edges: HashMap<Uuid, Vec<dependencies::Model>>,
    calls: Vec<tool_calls::Model>,
}

/// The money that was set aside with claims, and what it rests on.
#[derive(Debug, Clone)]
pub struct ClaimedRows {
    planned: PlannedRows,
    entries: Vec<spend_ledger::Model>,
}

impl Store {
    /// Reads everything that planning has written.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn planned_rows(&self) -> Result<PlannedRows> {
        let (db, tenant) = (&self.db, self.tenant);
        let signals = signals::Entity::find()
            .filter(batch::of_tenant::<signals::Entity>(tenant))
            .order_by_asc(signals::Column::Id)
            .all(db)
            .await?;
        let mut tasks: HashMap<String, Vec<tasks::Model>> = HashMap::new();
        for row in tasks::Entity::find().filter(batch::of_tenant::<tasks::Entity>(tenant)).all(db).await? {
            tasks.entry(row.trace_id.clone()).or_default().push(row);
        }
        let mut edges: HashMap<Uuid, Vec<dependencies::Model>> = HashMap::new();
        for row in dependencies::Entity::find().filter(batch::of_tenant::<dependencies::Entity>(tenant)).all(db).await?
        {
            edges.entry(row.task_id).or_default().push(row);
        }
        Ok(PlannedRows {
            agents: agents::Entity::find().filter(batch::of_tenant::<agents::Entity>(tenant)).all(db).await?,
            campaigns: campaigns::Entity::find().filter(batch::of_tenant::<campaigns::Entity>(tenant)).all(db).await?,
            signals,
            tasks,
            edges,
            calls: tool_calls::Entity::find().filter(batch::of_tenant::<tool_calls::Entity>(tenant)).all(db).await?,
        })
    }

    /// Reads the open entries of the spend ledger, and what they rest on.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn claimed_rows(&self) -> Result<ClaimedRows> {
        let entries = spend_ledger::Entity::find()
            .filter(batch::of_tenant::<spend_ledger::Entity>(self.tenant))
            .filter(spend_ledger::Column::TaskId.is_not_null())
            .all(&self.db)
            .await?;
        Ok(ClaimedRows { planned: self.planned_rows().await?, entries })
    }
}

impl PlannedRows {
    /// How many rows there are but for agents and campaigns.
    #[must_use]
    pub fn rows(&self) -> usize {
        let of_dags: usize = self.tasks.values().map(Vec::len).sum();
        let edges: usize = self.edges.values().map(Vec::len).sum();
        self.signals.len() + of_dags + edges + self.calls.len()
    }

    /// Writes it all anew into a database that was migrated and is otherwise empty: `batch` signals with what belongs to
    /// them in a transaction, `lanes` transactions at the same time.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn replay(&self, into: &Store, batch: usize, lanes: usize) -> Result<BareFigures> {
        self.lay_ground(into).await?;
        let ready = self.ready(into.db.get_database_backend(), batch.max(1), |row| row.clone());
        bare::send(into, ready, self.signals.len(), batch, lanes).await
    }

    async fn lay_ground(&self, into: &Store) -> Result<()> {
        let tx = into.begin().await?;
        batch::insert_rows::<agents::Entity>(&*tx, self.agents.clone(), None).await?;
        batch::insert_rows::<campaigns::Entity>(&*tx, self.campaigns.clone(), None).await?;
        tx.commit().await
    }

    fn ready(&self, backend: DbBackend, batch: usize, task: impl Fn(&tasks::Model) -> tasks::Model) -> Vec<Vec<Ready>> {
        let batches = self.signals.len().div_ceil(batch).max(1);
        let mut calls = self.calls.chunks(self.calls.len().div_ceil(batches).max(1));
        let transactions = self.signals.chunks(batch).map(|signals| {
            let tasks: Vec<tasks::Model> =
                signals.iter().filter_map(|row| self.tasks.get(&row.trace_id)).flatten().map(&task).collect();
            let edges: Vec<dependencies::Model> =
                tasks.iter().filter_map(|row| self.edges.get(&row.id)).flatten().cloned().collect();
            let mut ready = bare::inserts::<signals::Entity>(backend, signals.to_vec());
            ready.extend(bare::inserts::<tasks::Entity>(backend, tasks));
            ready.extend(bare::inserts::<dependencies::Entity>(backend, edges));
            ready.extend(bare::inserts::<tool_calls::Entity>(backend, calls.next().unwrap_or_default().to_vec()));
            vec![ready]
        });
        transactions.collect()
    }
}

/// Signals in one transaction of what is written before the clock starts.
const GROUND_BATCH: usize = 500;

impl ClaimedRows {
    /// How many reservations there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Writes the reservations anew, and moves their tasks from READY to EXECUTING, in a database that was migrated and is
    /// otherwise empty: `batch` of them in a transaction, `lanes` transactions at the same time. What they rest on is
    /// written before the clock starts.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn replay(&self, into: &Store, batch: usize, lanes: usize) -> Result<BareFigures> {
        self.planned.lay_ground(into).await?;
        let backend = into.db.get_database_backend();
        let ready = self.planned.ready(backend, GROUND_BATCH, as_before_the_claim);
        bare::send(into, ready, self.planned.signals.len(), GROUND_BATCH, 1).await?;
        let claims = self.entries.chunks(batch.max(1)).map(|entries| {
            let ids: Vec<Uuid> = entries.iter().filter_map(|row| row.task_id).collect();
            let mut ready = bare::inserts::<spend_ledger::Entity>(backend, entries.to_vec());
            ready.push(claim(backend, &ids));
            vec![ready]
        });
        bare::send(into, claims.collect(), self.entries.len(), batch, lanes).await
    }
}

fn as_before_the_claim(row: &tasks::Model) -> tasks::Model {
    if row.state != TaskState::Executing.as_str() {
        return row.clone();
    }
    tasks::Model {
        state: TaskState::Ready.to_string(),
        state_version: StateVersion::FIRST.get(),
        attempts: 0,
        lease_owner: None,
        lease_expires_ms: None,
        ..row.clone()
    }
}

fn claim(backend: DbBackend, ids: &[Uuid]) -> Statement {
    tasks::Entity::update_many()
        .col_expr(tasks::Column::State, Expr::val(TaskState::Executing.as_str()))
        .col_expr(tasks::Column::Attempts, Expr::col(tasks::Column::Attempts).add(1_i64))
        .col_expr(tasks::Column::StateVersion, Expr::col(tasks::Column::StateVersion).add(1_i64))
        .col_expr(tasks::Column::LeaseOwner, Expr::val("bare"))
        .col_expr(tasks::Column::LeaseExpiresMs, Expr::val(0_i64))
        .filter(tasks::Column::Id.is_in(ids.iter().copied()))
        .build(backend)
}
