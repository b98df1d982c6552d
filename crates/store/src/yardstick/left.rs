//! Reading what a run left behind.

use std::collections::HashMap;

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use chimera_domain::PublicationState;

use crate::{
    Result, Store, batch,
    entity::{
        agents, artifacts, audit_log, campaigns, decisions, dependencies, publications, signals, spend_ledger, tasks,
        tool_calls,
    },
};

/// Every row of some posts that were published, and of what they rest on.
#[derive(Debug, Clone)]
pub struct PublishedRows {
    pub(super) agents: Vec<agents::Model>,
    pub(super) campaigns: Vec<campaigns::Model>,
    pub(super) posts: Vec<Post>,
}

/// Every row of one post.
#[derive(Debug, Clone)]
pub(super) struct Post {
    pub(super) publication: publications::Model,
    pub(super) signals: Vec<signals::Model>,
    pub(super) tasks: Vec<tasks::Model>,
    pub(super) edges: Vec<dependencies::Model>,
    pub(super) artifacts: Vec<artifacts::Model>,
    pub(super) calls: Vec<tool_calls::Model>,
    pub(super) decisions: Vec<decisions::Model>,
    pub(super) spent: Vec<spend_ledger::Model>,
    pub(super) logged: Vec<audit_log::Model>,
}

impl PublishedRows {
    /// How many posts there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.posts.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.posts.is_empty()
    }

    /// Rows of one post on average, without those that all posts share.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a count of rows in memory")]
    pub fn rows_per_post(&self) -> f64 {
        let rows: usize = self.posts.iter().map(Post::rows).sum();
        rows as f64 / self.len().max(1) as f64
    }
}

impl Post {
    fn rows(&self) -> usize {
        let Self { publication: _, signals, tasks, edges, artifacts, calls, decisions, spent, logged } = self;
        let lists =
            [tasks.len(), edges.len(), artifacts.len(), calls.len(), decisions.len(), spent.len(), logged.len()];
        1 + signals.len() + lists.iter().sum::<usize>()
    }
}

impl Store {
    /// Reads up to `limit` posts that were published, the oldest first, with every row of theirs.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn published_rows(&self, limit: u64) -> Result<PublishedRows> {
        let (db, tenant) = (&self.db, self.tenant);
        let published = publications::Entity::find()
            .filter(batch::of_tenant::<publications::Entity>(tenant))
            .filter(publications::Column::State.eq(PublicationState::Confirmed.as_str()))
            .order_by_asc(publications::Column::CreatedAt)
            .order_by_asc(publications::Column::Id)
            .limit(limit)
            .all(db)
            .await?;
        let traces = || published.iter().map(|row| row.trace_id.as_str());
        let tasks = batch::find::<tasks::Entity>(db, tenant, tasks::Column::TraceId, traces()).await?;
        let task_ids = tasks.iter().map(|row| row.id);
        let edges = batch::find::<dependencies::Entity>(db, tenant, dependencies::Column::TaskId, task_ids).await?;
        let trace_of: HashMap<Uuid, String> = tasks.iter().map(|row| (row.id, row.trace_id.clone())).collect();
        let mut edges = by(edges, |row| trace_of.get(&row.task_id).cloned());
        let mut tasks = by(tasks, |row| Some(row.trace_id.clone()));
        let mut signals =
            by(batch::find::<signals::Entity>(db, tenant, signals::Column::TraceId, traces()).await?, |row| {
                Some(row.trace_id.clone())
            });
        let mut artifacts =
            by(batch::find::<artifacts::Entity>(db, tenant, artifacts::Column::TraceId, traces()).await?, |row| {
                Some(row.trace_id.clone())
            });
        let mut calls =
            by(batch::find::<tool_calls::Entity>(db, tenant, tool_calls::Column::TraceId, traces()).await?, |row| {
                Some(row.trace_id.clone())
            });
        let mut decisions =
            by(batch::find::<decisions::Entity>(db, tenant, decisions::Column::TraceId, traces()).await?, |row| {
                Some(row.trace_id.clone())
            });
        let mut spent = by(
            batch::find::<spend_ledger::Entity>(db, tenant, spend_ledger::Column::TraceId, traces()).await?,
            |row| row.trace_id.clone(),
        );
        let mut logged =
            by(batch::find::<audit_log::Entity>(db, tenant, audit_log::Column::TraceId, traces()).await?, |row| {
                row.trace_id.clone()
            });
        let posts = published.iter().map(|publication| {
            let trace = &publication.trace_id;
            Post {
                signals: signals.remove(trace).unwrap_or_default(),
                tasks: tasks.remove(trace).unwrap_or_default(),
                edges: edges.remove(trace).unwrap_or_default(),
                artifacts: artifacts.remove(trace).unwrap_or_default(),
                calls: calls.remove(trace).unwrap_or_default(),
                decisions: decisions.remove(trace).unwrap_or_default(),
                spent: spent.remove(trace).unwrap_or_default(),
                logged: logged.remove(trace).unwrap_or_default(),
                publication: publication.clone(),
            }
        });
        let posts = posts.collect();
        Ok(PublishedRows {
            agents: agents::Entity::find().filter(batch::of_tenant::<agents::Entity>(tenant)).all(db).await?,
            campaigns: campaigns::Entity::find().filter(batch::of_tenant::<campaigns::Entity>(tenant)).all(db).await?,
            posts,
        })
    }
}

/// Rows by their trace; those without one are left out.
fn by<M>(rows: Vec<M>, trace: impl Fn(&M) -> Option<String>) -> HashMap<String, Vec<M>> {
    let mut sorted: HashMap<String, Vec<M>> = HashMap::new();
    for row in rows {
        if let Some(trace) = trace(&row) {
            sorted.entry(trace).or_default().push(row);
        }
    }
    sorted
}
