//! Everything around a task, loaded in batches: for workers, judges and publishers.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, JoinType, QueryFilter, QueryTrait,
    sea_query::{Expr, ExprTrait},
};
use uuid::Uuid;

use chimera_domain::{Agent, AgentTask, Artifact, ArtifactId, Campaign, TaskId, TaskState, TaskType, TenantId};

use super::{ground::Grounds, with_dependencies};
use crate::{
    BadValue, Result, RowKind, Store, StoreError, batch,
    codec::Reader,
    dialect::LISTED_MAX,
    entity::{artifacts, tasks},
};

/// Everything a worker needs for one claimed task.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkOrder {
    /// The task.
    pub task: AgentTask,
    /// What the tasks made that it depends on, in the order of `depends_on`.
    pub inputs: Vec<Artifact>,
    /// Who acts.
    pub agent: Agent,
    /// For what.
    pub campaign: Campaign,
}

/// Everything a judge needs for one result.
#[derive(Debug, Clone, PartialEq)]
pub struct ReviewCase {
    /// The task, in JUDGE_REVIEW.
    pub task: AgentTask,
    /// What it made.
    pub artifact: Artifact,
    /// What these made.
    pub inputs: Vec<Artifact>,
    /// Who acts.
    pub agent: Agent,
    /// For what.
    pub campaign: Campaign,
}

/// A post that was planned under a SOUL.md that is no longer in force, and on which nobody works: to be planned anew.
#[derive(Debug, Clone, PartialEq)]
pub struct OutdatedPost {
    /// The task that would have been published.
    pub task: AgentTask,
    /// The tasks that it depends on, in the order of `depends_on`.
    pub parts: Vec<AgentTask>,
    /// What these made, as far as they have.
    pub inputs: Vec<Artifact>,
    /// Who acts, as they are now.
    pub agent: Agent,
    /// For what.
    pub campaign: Campaign,
}

impl Store {
    /// The given tasks with everything that a worker needs, in the order given, all or none.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when something of one of them can't be read: ask for them one by one. Another
    /// [`StoreError`] when the database fails.
    pub async fn work_orders(&self, tasks: &[AgentTask]) -> Result<Vec<WorkOrder>> {
        let around = Surroundings::load(&self.db, self.tenant, tasks).await?;
        tasks
            .iter()
            .map(|task| {
                Ok(WorkOrder {
                    inputs: around.inputs(task),
                    agent: around.agent(task)?,
                    campaign: around.campaign(task)?,
                    task: task.clone(),
                })
            })
            .collect()
    }

    /// Those of these tasks that are in JUDGE_REVIEW, with everything that a judge needs, oldest first.
    ///
    /// One of which something can't be read is left out, and does not come again: it is logged and becomes a dead letter
    /// with an alert. Retried by an operator, it is made anew.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn review_cases(&self, ids: &[TaskId]) -> Result<Vec<ReviewCase>> {
        self.readable_cases(self.rows_in_review(ids).await?).await
    }

    /// The same for `judge`, with posts set aside for it as by [`Self::review_reserve`]; those that another judge weighs
    /// are left out. Nobody asks the mind about a part, so none is set aside.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn review_take(&self, ids: &[TaskId], judge: &str, lease: Duration) -> Result<Vec<ReviewCase>> {
        let mut rows = self.rows_in_review(ids).await?;
        let is_post = |row: &tasks::Model| row.kind().map_or(true, TaskType::is_publishable);
        let posts: Vec<TaskId> = rows.iter().filter(|row| is_post(row)).map(|row| TaskId::from_uuid(row.id)).collect();
        let mine: HashSet<TaskId> = self.review_reserve(&posts, judge, lease).await?.into_iter().collect();
        rows.retain(|row| !is_post(row) || mine.contains(&TaskId::from_uuid(row.id)));
        self.readable_cases(rows).await
    }

    async fn readable_cases(&self, rows: Vec<tasks::Model>) -> Result<Vec<ReviewCase>> {
        let ids: Vec<TaskId> = rows.iter().map(|row| TaskId::from_uuid(row.id)).collect();
        match self.cases(rows).await {
            Err(StoreError::Corrupt { .. }) => {}
            read => return read,
        }
        // Something is damaged, which is rare: only now does each cost queries of its own.
        let (mut cases, mut unreadable) = (Vec::with_capacity(ids.len()), Vec::new());
        for id in ids {
            match self.cases(self.rows_in_review(&[id]).await?).await {
                Ok(case) => cases.extend(case),
                Err(error @ StoreError::Corrupt { .. }) => unreadable.push((id, error)),
                Err(error) => return Err(error),
            }
        }
        cases.sort_by_key(|case| (case.task.created_at, case.task.id));
        self.bury(&unreadable).await?;
        Ok(cases)
    }

    /// Those of these tasks that are posts planned under another SOUL.md than their agent's present one, that nobody works
    /// on and that are certainly not out, oldest first.
    ///
    /// One of which something can't be read is left out; an alert tells of it, once.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn outdated_posts(&self, ids: &[TaskId]) -> Result<Vec<OutdatedPost>> {
        match self.all_outdated_posts(ids).await {
            Err(StoreError::Corrupt { .. }) => {}
            read => return read,
        }
        let (mut posts, mut unreadable) = (Vec::with_capacity(ids.len()), Vec::new());
        for id in ids {
            match self.all_outdated_posts(std::slice::from_ref(id)).await {
                Ok(post) => posts.extend(post),
                Err(error @ StoreError::Corrupt { .. }) => unreadable.push((*id, error)),
                Err(error) => return Err(error),
            }
        }
        posts.sort_by_key(|post| (post.task.created_at, post.task.id));
        self.tell_unreadable(&unreadable, "a post whose persona was edited can't be planned anew").await?;
        Ok(posts)
    }

    async fn all_outdated_posts(&self, ids: &[TaskId]) -> Result<Vec<OutdatedPost>> {
        let wanted = self.renewable().filter(tasks::Column::Id.is_in(ids.iter().map(|id| id.as_uuid())));
        let posts = with_dependencies(&self.db, self.tenant, wanted.all(&self.db).await?).await?;
        if posts.is_empty() {
            return Ok(vec![]);
        }
        let mut around = Surroundings::load(&self.db, self.tenant, &posts).await?;
        around.load_parts(&self.db, self.tenant, &posts).await?;
        posts
            .into_iter()
            .map(|task| {
                Ok(OutdatedPost {
                    parts: around.parts(&task),
                    inputs: around.inputs(&task),
                    agent: around.agent(&task)?,
                    campaign: around.campaign(&task)?,
                    task,
                })
            })
            .collect()
    }

    async fn rows_in_review(&self, ids: &[TaskId]) -> Result<Vec<tasks::Model>> {
        let ids = ids.iter().map(|id| id.as_uuid());
        let mut rows = batch::find::<tasks::Entity>(&self.db, self.tenant, tasks::Column::Id, ids).await?;
        rows.retain(|row| row.state == TaskState::JudgeReview.as_str());
        Ok(rows)
    }

    async fn cases(&self, rows: Vec<tasks::Model>) -> Result<Vec<ReviewCase>> {
        if rows.is_empty() {
            return Ok(vec![]);
        }
        let tasks = with_dependencies(&self.db, self.tenant, rows).await?;
        let around = Surroundings::load(&self.db, self.tenant, &tasks).await?;
        tasks
            .into_iter()
            .map(|task| {
                Ok(ReviewCase {
                    artifact: around.artifact(&task)?.clone(),
                    inputs: around.inputs(&task),
                    agent: around.agent(&task)?,
                    campaign: around.campaign(&task)?,
                    task,
                })
            })
            .collect()
    }
}

/// Rows that tasks point to.
#[derive(Default)]
pub(crate) struct Surroundings {
    agents: HashMap<Uuid, Agent>,
    campaigns: HashMap<Uuid, Campaign>,
    results: HashMap<TaskId, Artifact>,
    parts: HashMap<TaskId, AgentTask>,
}

impl Surroundings {
    /// Loads the agents and campaigns of `tasks`, what they made, and what was made by those they depend on.
    async fn load(db: &impl ConnectionTrait, tenant: TenantId, tasks: &[AgentTask]) -> Result<Self> {
        let rests_on = tasks.iter().map(|t| (t.campaign_id.as_uuid(), t.agent_id.as_uuid()));
        let grounds = Grounds::glimpse(db, tenant, rests_on).await?;
        let parents = tasks.iter().flat_map(|t| &t.depends_on).copied();
        let done = tasks.iter().filter(|t| t.result_artifact.is_some()).map(|t| t.id);
        Self::on(db, tenant, grounds, parents.chain(done)).await
    }

    /// The same on grounds that are read already, and with the results of the tasks named.
    pub(crate) async fn on(
        db: &impl ConnectionTrait,
        tenant: TenantId,
        grounds: Grounds,
        makers: impl Iterator<Item = TaskId>,
    ) -> Result<Self> {
        let (campaigns, agents) = grounds.into_entities()?;
        Ok(Self {
            agents: agents.into_iter().map(|a| (a.id.as_uuid(), a)).collect(),
            campaigns: campaigns.into_iter().map(|c| (c.id.as_uuid(), c)).collect(),
            results: results_of(db, tenant, makers).await?,
            parts: HashMap::new(),
        })
    }

    /// Loads the tasks that `tasks` depend on.
    async fn load_parts(&mut self, db: &impl ConnectionTrait, tenant: TenantId, tasks: &[AgentTask]) -> Result<()> {
        let parts = distinct(tasks.iter().flat_map(|t| &t.depends_on).map(|id| id.as_uuid()));
        let parts = batch::find::<tasks::Entity>(db, tenant, tasks::Column::Id, parts).await?;
        self.parts = with_dependencies(db, tenant, parts).await?.into_iter().map(|part| (part.id, part)).collect();
        Ok(())
    }

    fn parts(&self, task: &AgentTask) -> Vec<AgentTask> {
        task.depends_on.iter().filter_map(|id| self.parts.get(id)).cloned().collect()
    }

    fn inputs(&self, task: &AgentTask) -> Vec<Artifact> {
        task.depends_on.iter().filter_map(|id| self.results.get(id)).cloned().collect()
    }

    pub(crate) fn artifact(&self, task: &AgentTask) -> Result<&Artifact> {
        self.results.get(&task.id).ok_or_else(|| dangling(task, "result_artifact"))
    }

    pub(crate) fn agent(&self, task: &AgentTask) -> Result<Agent> {
        self.agents.get(&task.agent_id.as_uuid()).cloned().ok_or_else(|| dangling(task, "agent_id"))
    }

    pub(crate) fn campaign(&self, task: &AgentTask) -> Result<Campaign> {
        self.campaigns.get(&task.campaign_id.as_uuid()).cloned().ok_or_else(|| dangling(task, "campaign_id"))
    }
}

/// What each of these tasks made and stands by, if anything: an artifact of an attempt before is no result.
async fn results_of(
    db: &impl ConnectionTrait,
    tenant: TenantId,
    makers: impl Iterator<Item = TaskId>,
) -> Result<HashMap<TaskId, Artifact>> {
    let mut results = HashMap::new();
    for chunk in distinct(makers.map(TaskId::as_uuid)).chunks(LISTED_MAX) {
        let mut select = artifacts::Entity::find()
            .filter(batch::of_tenant::<artifacts::Entity>(tenant))
            .filter(batch::of_tenant::<tasks::Entity>(tenant))
            .filter(tasks::Column::Id.is_in(batch::padded(chunk.iter().copied())));
        let made = Expr::col((tasks::Entity, tasks::Column::ResultArtifact));
        let made = made.equals((artifacts::Entity, artifacts::Column::Id));
        QueryTrait::query(&mut select).join(JoinType::InnerJoin, tasks::Entity, made);
        let rows = select.all(db).await?;
        results.extend(batch::read_all::<artifacts::Entity>(rows)?.into_iter().map(|a| (a.task_id, a)));
    }
    Ok(results)
}

/// These artifacts, by id.
pub(crate) async fn artifacts_by_id(
    db: &impl ConnectionTrait,
    tenant: TenantId,
    ids: impl IntoIterator<Item = ArtifactId>,
) -> Result<HashMap<ArtifactId, Artifact>> {
    let ids = distinct(ids.into_iter().map(ArtifactId::as_uuid));
    let rows = batch::find::<artifacts::Entity>(db, tenant, artifacts::Column::Id, ids).await?;
    Ok(batch::read_all::<artifacts::Entity>(rows)?.into_iter().map(|a| (a.id, a)).collect())
}

fn distinct(ids: impl Iterator<Item = Uuid>) -> Vec<Uuid> {
    let mut ids: Vec<Uuid> = ids.collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

fn dangling(task: &AgentTask, column: &'static str) -> StoreError {
    Reader { entity: RowKind::Task, id: task.id.as_uuid() }.corrupt(column, BadValue::Dangling)
}
