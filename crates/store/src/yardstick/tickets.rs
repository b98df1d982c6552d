//! A HITL queue of any length, and the query of its first page with nothing around it.

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Statement};
use uuid::Uuid;

use crate::{
    Backend, Result, RowKind, Store, StoreError, batch,
    entity::{artifacts, decisions, signals, tasks, tickets},
};

/// Copies in one transaction.
const AT_ONCE: u64 = 1_000;

/// A ticket with the rows that it rests on.
struct Original {
    ticket: tickets::Model,
    task: tasks::Model,
    signal: signals::Model,
    artifact: artifacts::Model,
    decisions: Vec<decisions::Model>,
}

impl Store {
    /// Makes copies of the ticket that was opened first, numbered from `from`, 1 or more, up to and without `to`: each about
    /// a post of its own, with signal, task, artifact and decisions, a millisecond younger than the one before. A number
    /// given twice is an error.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no ticket, or what it rests on is gone; others when the database fails.
    pub async fn tickets_copy(&self, from: u64, to: u64) -> Result<()> {
        let original = self.first_ticket().await?;
        let mut next = from;
        while next < to {
            let end = to.min(next + AT_ONCE);
            let tx = self.begin().await?;
            let numbers = || (next..end).map(u128::from);
            let signals = numbers().map(|n| original.signal(n)).collect();
            batch::insert_rows::<signals::Entity>(&*tx, signals, None).await?;
            batch::insert_rows::<tasks::Entity>(&*tx, numbers().map(|n| original.task(n)).collect(), None).await?;
            let artifacts = numbers().map(|n| original.artifact(n)).collect();
            batch::insert_rows::<artifacts::Entity>(&*tx, artifacts, None).await?;
            let decisions = numbers().flat_map(|n| original.decisions(n)).collect();
            batch::insert_rows::<decisions::Entity>(&*tx, decisions, None).await?;
            batch::insert_rows::<tickets::Entity>(&*tx, numbers().map(|n| original.ticket(n)).collect(), None).await?;
            tx.commit().await?;
            next = end;
        }
        Ok(())
    }

    async fn first_ticket(&self) -> Result<Original> {
        let (db, tenant) = (&self.db, self.tenant);
        let none = |entity| StoreError::NotFound { entity, id: Uuid::nil() };
        let ticket = tickets::Entity::find()
            .filter(batch::of_tenant::<tickets::Entity>(tenant))
            .order_by_asc(tickets::Column::CreatedAt)
            .limit(1)
            .one(db)
            .await?
            .ok_or_else(|| none(RowKind::Ticket))?;
        let task = tasks::Entity::find_by_id(ticket.task_id).one(db).await?.ok_or_else(|| none(RowKind::Task))?;
        let signal = signals::Entity::find_by_id(task.signal_id).one(db).await?;
        let artifact = artifacts::Entity::find_by_id(ticket.artifact_id).one(db).await?;
        let about = decisions::Entity::find().filter(decisions::Column::TaskId.eq(task.id));
        Ok(Original {
            signal: signal.ok_or_else(|| none(RowKind::Signal))?,
            artifact: artifact.ok_or_else(|| none(RowKind::Artifact))?,
            decisions: about.all(db).await?,
            ticket,
            task,
        })
    }

    /// Has the database look at what these tables hold now, as it does by itself after a while.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn analyze(&self) -> Result<()> {
        if self.backend == Backend::Postgres {
            // SQLite is left as it is in use: nobody runs ANALYZE there.
            let tables = "trend_signals, agent_tasks, artifacts, judge_decisions, hitl_queue_items";
            self.db.execute_unprepared(&format!("ANALYZE {tables}")).await?;
        }
        Ok(())
    }

    /// The first page of the HITL queue as a bare client asks for it: one statement, whose rows are counted and not read.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn tickets_bare(&self, limit: u64) -> Result<usize> {
        let backend = self.db.get_database_backend();
        let sql = format!(
            "SELECT * FROM hitl_queue_items WHERE tenant_id = {} AND resolution IS NULL \
             ORDER BY sla_expires_at, created_at, id LIMIT {limit}",
            if backend == sea_orm::DbBackend::Postgres { "$1" } else { "?" }
        );
        let asked = Statement::from_sql_and_values(backend, sql, [self.tenant.as_uuid().into()]);
        Ok(self.db.query_all_raw(asked).await?.len())
    }
}

impl Original {
    fn trace(&self, n: u128) -> String {
        // Trace ids are 32 hexadecimal digits.
        let first = u128::from_str_radix(&self.ticket.trace_id, 16).unwrap_or_default();
        format!("{:032x}", first.wrapping_add(n))
    }

    fn later(&self, n: u128) -> chrono::Duration {
        chrono::Duration::milliseconds(i64::try_from(n).unwrap_or_default())
    }

    fn signal(&self, n: u128) -> signals::Model {
        let row = &self.signal;
        signals::Model {
            id: copy(row.id, n),
            story_id: Some(copy(row.id, n)),
            trace_id: self.trace(n),
            event_key: format!("{}-{n}", row.event_key),
            content_hash: format!("{}-{n}", row.content_hash),
            ingested_at: row.ingested_at + self.later(n),
            ..row.clone()
        }
    }

    fn task(&self, n: u128) -> tasks::Model {
        let row = &self.task;
        tasks::Model {
            id: copy(row.id, n),
            trace_id: self.trace(n),
            signal_id: copy(row.signal_id, n),
            result_artifact: row.result_artifact.map(|id| copy(id, n)),
            hitl_ticket_id: row.hitl_ticket_id.map(|id| copy(id, n)),
            created_at: row.created_at + self.later(n),
            updated_at: row.updated_at + self.later(n),
            ..row.clone()
        }
    }

    fn artifact(&self, n: u128) -> artifacts::Model {
        let row = &self.artifact;
        artifacts::Model {
            id: copy(row.id, n),
            trace_id: self.trace(n),
            task_id: copy(row.task_id, n),
            created_at: row.created_at + self.later(n),
            ..row.clone()
        }
    }

    fn decisions(&self, n: u128) -> impl Iterator<Item = decisions::Model> {
        self.decisions.iter().map(move |row| decisions::Model {
            id: copy(row.id, n),
            trace_id: self.trace(n),
            task_id: copy(row.task_id, n),
            artifact_id: row.artifact_id.map(|id| copy(id, n)),
            logged_at: row.logged_at + self.later(n),
            ..row.clone()
        })
    }

    fn ticket(&self, n: u128) -> tickets::Model {
        let row = &self.ticket;
        tickets::Model {
            id: copy(row.id, n),
            trace_id: self.trace(n),
            task_id: copy(row.task_id, n),
            artifact_id: copy(row.artifact_id, n),
            sla_expires_at: row.sla_expires_at + self.later(n),
            created_at: row.created_at + self.later(n),
            ..row.clone()
        }
    }
}

/// The id of a copy: near the original's, as ids made at about the same time are.
fn copy(id: Uuid, n: u128) -> Uuid {
    Uuid::from_u128(id.as_u128().wrapping_add(n))
}
