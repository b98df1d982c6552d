//! Everything around a task, loaded in batches: for workers, judges and publishers.

use std::collections::HashMap;

use sea_orm::ConnectionTrait;
use uuid::Uuid;

use chimera_domain::{
    Agent, AgentTask, Artifact, ArtifactId, Campaign, SignalId, TaskId, TaskState, TenantId, TrendSignal,
};

use super::with_dependencies;
use crate::{
    BadValue, Result, RowKind, Store, StoreError, batch,
    codec::Reader,
    entity::{agents, artifacts, campaigns, signals, tasks},
};

/// Everything a worker needs for one claimed task.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkOrder {
    /// The task.
    pub task: AgentTask,
    /// What the tasks made that it depends on, in the order of `depends_on`.
    pub inputs: Vec<Artifact>,
    /// The signal behind it.
    pub signal: TrendSignal,
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
    /// What the tasks made that it depends on, in the order of `depends_on`.
    pub inputs: Vec<Artifact>,
    /// The signal behind it.
    pub signal: TrendSignal,
    /// Who acts.
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
        let mut around = Surroundings::load(&self.db, self.tenant, tasks).await?;
        around.load_inputs(&self.db, self.tenant, tasks).await?;
        tasks
            .iter()
            .map(|task| {
                Ok(WorkOrder {
                    inputs: around.inputs(task),
                    signal: around.signal(task)?,
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
        match self.all_review_cases(ids).await {
            Err(StoreError::Corrupt { .. }) => {}
            read => return read,
        }
        // Something is damaged, which is rare: only now does each cost queries of its own.
        let (mut cases, mut unreadable) = (Vec::with_capacity(ids.len()), Vec::new());
        for id in ids {
            match self.all_review_cases(std::slice::from_ref(id)).await {
                Ok(case) => cases.extend(case),
                Err(error @ StoreError::Corrupt { .. }) => unreadable.push((*id, error)),
                Err(error) => return Err(error),
            }
        }
        cases.sort_by_key(|case| (case.task.created_at, case.task.id));
        self.bury(&unreadable).await?;
        Ok(cases)
    }

    async fn all_review_cases(&self, ids: &[TaskId]) -> Result<Vec<ReviewCase>> {
        let ids = ids.iter().map(|id| id.as_uuid());
        let mut rows = batch::find::<tasks::Entity>(&self.db, self.tenant, tasks::Column::Id, ids).await?;
        rows.retain(|row| row.state == TaskState::JudgeReview.as_str());
        let tasks = with_dependencies(&self.db, self.tenant, rows).await?;
        let mut around = Surroundings::load(&self.db, self.tenant, &tasks).await?;
        around.load_inputs(&self.db, self.tenant, &tasks).await?;
        tasks
            .into_iter()
            .map(|task| {
                Ok(ReviewCase {
                    artifact: around.artifact(&task)?,
                    inputs: around.inputs(&task),
                    signal: around.signal(&task)?,
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
    signals: HashMap<SignalId, TrendSignal>,
    agents: HashMap<Uuid, Agent>,
    campaigns: HashMap<Uuid, Campaign>,
    artifacts: HashMap<ArtifactId, Artifact>,
    results: HashMap<TaskId, ArtifactId>,
}

impl Surroundings {
    /// Loads the signals, agents, campaigns and results of `tasks`.
    pub(crate) async fn load(db: &impl ConnectionTrait, tenant: TenantId, tasks: &[AgentTask]) -> Result<Self> {
        let signals = batch::find::<signals::Entity>(
            db,
            tenant,
            signals::Column::Id,
            distinct(tasks.iter().map(|t| t.signal_id.as_uuid())),
        );
        let signals = batch::read_all::<signals::Entity>(signals.await?)?;
        let agents = batch::find::<agents::Entity>(
            db,
            tenant,
            agents::Column::Id,
            distinct(tasks.iter().map(|t| t.agent_id.as_uuid())),
        );
        let agents = batch::read_all::<agents::Entity>(agents.await?)?;
        let campaigns = batch::find::<campaigns::Entity>(
            db,
            tenant,
            campaigns::Column::Id,
            distinct(tasks.iter().map(|t| t.campaign_id.as_uuid())),
        );
        let campaigns = batch::read_all::<campaigns::Entity>(campaigns.await?)?;
        let results = tasks.iter().filter_map(|t| t.result_artifact);
        Ok(Self {
            signals: signals.into_iter().map(|s| (s.id, s)).collect(),
            agents: agents.into_iter().map(|a| (a.id.as_uuid(), a)).collect(),
            campaigns: campaigns.into_iter().map(|c| (c.id.as_uuid(), c)).collect(),
            artifacts: artifacts_by_id(db, tenant, results).await?,
            results: HashMap::new(),
        })
    }

    /// Loads what the dependencies of `tasks` made.
    pub(crate) async fn load_inputs(
        &mut self,
        db: &impl ConnectionTrait,
        tenant: TenantId,
        tasks: &[AgentTask],
    ) -> Result<()> {
        let parents = distinct(tasks.iter().flat_map(|t| &t.depends_on).map(|id| id.as_uuid()));
        for parent in batch::find::<tasks::Entity>(db, tenant, tasks::Column::Id, parents).await? {
            if let Some(artifact) = parent.result_artifact {
                self.results.insert(TaskId::from_uuid(parent.id), ArtifactId::from_uuid(artifact));
            }
        }
        let missing = self.results.values().copied().filter(|id| !self.artifacts.contains_key(id));
        self.artifacts.extend(artifacts_by_id(db, tenant, missing).await?);
        Ok(())
    }

    pub(crate) fn inputs(&self, task: &AgentTask) -> Vec<Artifact> {
        let results = task.depends_on.iter().filter_map(|id| self.results.get(id));
        results.filter_map(|id| self.artifacts.get(id)).cloned().collect()
    }

    pub(crate) fn artifact(&self, task: &AgentTask) -> Result<Artifact> {
        let artifact = task.result_artifact.and_then(|id| self.artifacts.get(&id));
        artifact.cloned().ok_or_else(|| dangling(task, "result_artifact"))
    }

    pub(crate) fn signal(&self, task: &AgentTask) -> Result<TrendSignal> {
        self.signals.get(&task.signal_id).cloned().ok_or_else(|| dangling(task, "signal_id"))
    }

    pub(crate) fn agent(&self, task: &AgentTask) -> Result<Agent> {
        self.agents.get(&task.agent_id.as_uuid()).cloned().ok_or_else(|| dangling(task, "agent_id"))
    }

    pub(crate) fn campaign(&self, task: &AgentTask) -> Result<Campaign> {
        self.campaigns.get(&task.campaign_id.as_uuid()).cloned().ok_or_else(|| dangling(task, "campaign_id"))
    }
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
