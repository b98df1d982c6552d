//! The bare client.

use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QueryTrait as _, Statement, Value,
    sea_query::{Expr, ExprTrait},
};
use uuid::Uuid;

use chimera_domain::{EntryState, PublicationState, StateVersion, TaskState};

use super::{
    bare::{self, BareFigures, Ready},
    left::{Post, PublishedRows},
};
use crate::{
    Result, Store, batch,
    entity::{
        agents, artifacts, audit_head, audit_log, campaigns, decisions, dependencies, publications, signals,
        spend_ledger, tasks, tool_calls,
    },
};

/// What the bare client did.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct RawFigures {
    /// Posts written.
    pub posts: usize,
    /// Posts in one transaction.
    pub batch: usize,
    /// Transactions at the same time.
    pub lanes: usize,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// Statements sent, without begin and commit.
    pub statements: usize,
    /// Transactions committed.
    pub commits: usize,
}

impl PublishedRows {
    /// Writes it all anew into a database that was migrated and is otherwise empty: for each post a transaction for what
    /// is planned, one for each claim, result and verdict, and two for its publication, each over `batch` posts;
    /// `lanes` batches at the same time.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn replay(&self, into: &Store, batch: usize, lanes: usize) -> Result<RawFigures> {
        self.lay_ground(into).await?;
        let backend = into.db.get_database_backend();
        let ready = self.posts.chunks(batch.max(1)).map(|posts| Batch { posts, backend }.ready()).collect();
        let sent = bare::send(into, ready, self.posts.len(), batch, lanes).await?;
        let BareFigures { written: posts, batch, lanes, seconds, statements, commits } = sent;
        Ok(RawFigures { posts, batch, lanes, seconds, statements, commits })
    }

    /// What all posts rest on.
    async fn lay_ground(&self, into: &Store) -> Result<()> {
        let tx = into.begin().await?;
        batch::insert_rows::<agents::Entity>(&*tx, self.agents.clone(), None).await?;
        batch::insert_rows::<campaigns::Entity>(&*tx, self.campaigns.clone(), None).await?;
        let head = audit_head::Model {
            tenant_id: into.tenant.as_uuid(),
            seq: 0,
            hash: String::new(),
            state_version: StateVersion::FIRST.get(),
        };
        batch::insert_rows::<audit_head::Entity>(&*tx, vec![head], None).await?;
        tx.commit().await
    }
}

/// Posts that go together.
struct Batch<'a> {
    posts: &'a [Post],
    backend: DbBackend,
}

impl Batch<'_> {
    /// The transactions, in their order.
    fn ready(&self) -> Vec<Ready> {
        vec![
            self.planned(),
            self.claimed(false),
            self.handed_in(false),
            self.judged(false),
            self.claimed(true),
            self.handed_in(true),
            self.judged(true),
            self.publishing(),
            self.published(),
        ]
    }

    fn planned(&self) -> Ready {
        let fresh = |row: &tasks::Model| tasks::Model {
            state: if is_post(row) { TaskState::Pending } else { TaskState::Ready }.to_string(),
            state_version: StateVersion::FIRST.get(),
            attempts: 0,
            lease_owner: None,
            lease_expires_ms: None,
            result_artifact: None,
            ..row.clone()
        };
        [
            bare::inserts::<signals::Entity>(self.backend, self.each(|post| &post.signals).cloned()),
            bare::inserts::<tasks::Entity>(self.backend, self.each(|post| &post.tasks).map(fresh)),
            bare::inserts::<dependencies::Entity>(self.backend, self.each(|post| &post.edges).cloned()),
        ]
        .concat()
    }

    fn claimed(&self, posts: bool) -> Ready {
        let own: Vec<Uuid> = self.tasks(posts).map(|row| row.id).collect();
        let set = format!(
            "state = '{}', attempts = attempts + 1, lease_owner = 'bare', lease_expires_ms = 0",
            TaskState::Executing
        );
        let open = |row: &spend_ledger::Model| spend_ledger::Model {
            state: EntryState::Open.to_string(),
            cost_micros: 0,
            counted_micros: row.reserved_micros,
            state_version: StateVersion::FIRST.get(),
            ..row.clone()
        };
        let reserved = self.each(|post| &post.spent).filter(|row| row.task_id.is_some_and(|id| own.contains(&id)));
        let mut ready = vec![self.move_tasks(&set, &own)];
        ready.extend(bare::inserts::<spend_ledger::Entity>(self.backend, reserved.map(open)));
        ready
    }

    fn handed_in(&self, posts: bool) -> Ready {
        let own: Vec<Uuid> = self.tasks(posts).map(|row| row.id).collect();
        let of_own = |id: Option<Uuid>| id.is_some_and(|id| own.contains(&id));
        let made = self.each(|post| &post.artifacts).filter(|row| own.contains(&row.task_id));
        let mut ready = bare::inserts::<artifacts::Entity>(self.backend, made.cloned());
        // What the platform and the mind were asked is written down with the outcome.
        let calls = self.each(|post| &post.calls).filter(|row| !posts && of_own(row.task_id));
        ready.extend(bare::inserts::<tool_calls::Entity>(self.backend, calls.cloned()));
        let spent: Vec<&spend_ledger::Model> =
            self.each(|post| &post.spent).filter(|row| of_own(row.task_id)).collect();
        if !spent.is_empty() {
            let names = spent.iter().map(|row| row.reservation.as_str());
            let cost = spent.first().map_or(0, |row| row.cost_micros);
            let settle = spend_ledger::Entity::update_many()
                .col_expr(spend_ledger::Column::State, Expr::val(EntryState::Settled.as_str()))
                .col_expr(spend_ledger::Column::CostMicros, Expr::val(cost))
                .col_expr(spend_ledger::Column::CountedMicros, Expr::val(cost))
                .col_expr(spend_ledger::Column::StateVersion, Expr::col(spend_ledger::Column::StateVersion).add(1_i64))
                .filter(spend_ledger::Column::Reservation.is_in(names));
            ready.push(settle.build(self.backend));
        }
        let made = self.tasks(posts).filter_map(|row| Some((row.id, row.result_artifact?)));
        ready.push(self.yield_artifacts(made));
        ready
    }

    fn judged(&self, posts: bool) -> Ready {
        let own: Vec<Uuid> = self.tasks(posts).map(|row| row.id).collect();
        let verdicts: Vec<decisions::Model> =
            self.each(|post| &post.decisions).filter(|row| own.contains(&row.task_id)).cloned().collect();
        let about: Vec<Uuid> = verdicts.iter().map(|row| row.id).collect();
        let to = if posts { TaskState::Approved } else { TaskState::Done };
        let mut ready = bare::inserts::<decisions::Entity>(self.backend, verdicts);
        if posts {
            let asked = self.each(|post| &post.calls).filter(|row| row.server == "mind");
            ready.extend(bare::inserts::<tool_calls::Entity>(self.backend, asked.cloned()));
        }
        ready.push(self.move_tasks(&format!("state = '{to}'"), &own));
        if !posts {
            let waiting: Vec<Uuid> = self.tasks(true).map(|row| row.id).collect();
            ready.push(self.move_tasks(&format!("state = '{}'", TaskState::Ready), &waiting));
        }
        ready.extend(self.log(|row| about.contains(&row.subject_id)));
        ready
    }

    fn publishing(&self) -> Ready {
        let own: Vec<Uuid> = self.tasks(true).map(|row| row.id).collect();
        let begun = self.posts.iter().map(|post| publications::Model {
            state: PublicationState::Attempting.to_string(),
            external_id: None,
            url: None,
            state_version: StateVersion::FIRST.get(),
            ..post.publication.clone()
        });
        let set = format!("state = '{}', lease_owner = 'bare', lease_expires_ms = 0", TaskState::Publishing);
        let mut ready = vec![self.move_tasks(&set, &own)];
        ready.extend(bare::inserts::<publications::Entity>(self.backend, begun));
        ready.extend(self.log(|row| row.action == "publish_begun"));
        ready
    }

    fn published(&self) -> Ready {
        let own: Vec<Uuid> = self.tasks(true).map(|row| row.id).collect();
        let calls = self.each(|post| &post.calls).filter(|row| row.tool == "publish_post").cloned();
        let rows = self.posts.iter().map(|post| {
            let row = &post.publication;
            [row.id.into(), row.external_id.clone().into(), row.url.clone().into()]
        });
        let set = format!(
            "state = '{}', external_id = v.column2, url = v.column3, state_version = state_version + 1",
            PublicationState::Confirmed
        );
        let mut ready = vec![
            self.update_from("publications", &set, ["uuid", "text", "text"], rows),
            self.move_tasks(
                &format!("state = '{}', lease_owner = NULL, lease_expires_ms = NULL", TaskState::Published),
                &own,
            ),
        ];
        ready.extend(bare::inserts::<tool_calls::Entity>(self.backend, calls));
        ready.extend(self.log(|row| row.action == "publish_confirmed"));
        ready
    }

    /// Rows of one kind, over all posts.
    fn each<'b, T: 'b>(&'b self, rows: impl Fn(&'b Post) -> &'b Vec<T> + 'b) -> impl Iterator<Item = &'b T> {
        self.posts.iter().flat_map(rows)
    }

    /// The posts themselves, or the tasks that make their parts.
    fn tasks(&self, posts: bool) -> impl Iterator<Item = &tasks::Model> {
        self.each(|post| &post.tasks).filter(move |row| is_post(row) == posts)
    }

    /// The entries of the audit log that are chosen, and the head moved on by as many.
    fn log(&self, chosen: impl Fn(&audit_log::Model) -> bool) -> Vec<Statement> {
        let entries: Vec<audit_log::Model> =
            self.each(|post| &post.logged).filter(|row| chosen(row)).cloned().collect();
        let moved = audit_head::Entity::update_many()
            .col_expr(audit_head::Column::Seq, Expr::col(audit_head::Column::Seq).add(entries.len() as i64))
            .col_expr(audit_head::Column::Hash, Expr::val(entries.last().map(|row| row.hash.clone())))
            .col_expr(audit_head::Column::StateVersion, Expr::col(audit_head::Column::StateVersion).add(1_i64))
            .build(self.backend);
        let mut ready = bare::inserts::<audit_log::Entity>(self.backend, entries);
        ready.push(moved);
        ready
    }

    fn move_tasks(&self, set: &str, ids: &[Uuid]) -> Statement {
        tasks::Entity::update_many()
            .col_expr(tasks::Column::StateVersion, Expr::col(tasks::Column::StateVersion).add(1_i64))
            .filter(tasks::Column::Id.is_in(ids.iter().copied()))
            .build(self.backend)
            .with_more(set)
    }

    fn yield_artifacts(&self, made: impl Iterator<Item = (Uuid, Uuid)>) -> Statement {
        let set = format!(
            "state = '{}', result_artifact = v.column2, lease_owner = NULL, lease_expires_ms = NULL, state_version = state_version + 1",
            TaskState::JudgeReview
        );
        self.update_from("agent_tasks", &set, ["uuid", "uuid"], made.map(|(id, artifact)| [id.into(), artifact.into()]))
    }

    /// One statement that gives each row values of its own, by its id, which comes first.
    fn update_from<const N: usize>(
        &self,
        table: &str,
        set: &str,
        types: [&str; N],
        rows: impl Iterator<Item = [Value; N]>,
    ) -> Statement {
        let mut values: Vec<Value> = Vec::new();
        let mut list = String::new();
        for row in rows {
            list.push_str(if list.is_empty() { "(" } else { ", (" });
            for (at, (value, kind)) in row.into_iter().zip(types).enumerate() {
                values.push(value);
                let comma = if at == 0 { "" } else { ", " };
                let mark = match self.backend {
                    DbBackend::Postgres => format!("{comma}${}::{kind}", values.len()),
                    _ => format!("{comma}?"),
                };
                list.push_str(&mark);
            }
            list.push(')');
        }
        let sql = format!("UPDATE {table} SET {set} FROM (VALUES {list}) AS v WHERE id = v.column1");
        Statement::from_sql_and_values(self.backend, sql, values)
    }
}

fn is_post(row: &tasks::Model) -> bool {
    row.kind().is_ok_and(chimera_domain::TaskType::is_publishable)
}

/// More columns for an update that is built already.
trait WithMore {
    fn with_more(self, set: &str) -> Self;
}

impl WithMore for Statement {
    fn with_more(mut self, set: &str) -> Self {
        self.sql = self.sql.replacen(" SET ", &format!(" SET {set}, "), 1);
        self
    }
}
