//! A migrated database with one agent and one campaign, and short ways to bring tasks where a case needs them.

use std::{future::Future, sync::Arc, time::Duration};

use chimera_domain::{
    Agent, AgentTask, Ambient as _, Artifact, Campaign, HitlTicket, PublicationId, TaskEvent, TaskId, TaskState,
    TaskType, TenantId, TrendSignal, Verdict,
};
use chimera_store::{
    Claim, Plan, PublishCase, Ruling, Store, StoreConfig, Submission,
    memory::{MemoryIndex, in_database},
};
use chimera_testkit::{Backends, SeededAmbient, fixtures};

use crate::weaviate::Weaviate;

/// Long enough that no lease lapses in a test that is not about that.
pub(crate) const LEASE: Duration = Duration::from_secs(600);

/// Short enough that it lapses at once.
pub(crate) const MOMENT: Duration = Duration::from_millis(1);

/// See the file's opening.
pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) config: StoreConfig,
    pub(crate) ambient: SeededAmbient,
    pub(crate) agent: Agent,
    pub(crate) campaign: Campaign,
    /// Where memories are, if not in the database.
    pub(crate) weaviate: Option<Weaviate>,
    _backends: Backends,
}

impl World {
    /// On a fresh SQLite file.
    pub(crate) async fn sqlite() -> Self {
        Self::over(Backends::embedded()).await
    }

    /// On a fresh PostgreSQL database.
    pub(crate) async fn postgres() -> Self {
        Self::over(Backends::production()).await
    }

    pub(crate) async fn over(backends: Backends) -> Self {
        let store = backends.store().await;
        let ambient = SeededAmbient::new(42);
        let agent = store.agent_save(&fixtures::agent(&ambient)).await.unwrap();
        let campaign = store.campaign_save(&fixtures::campaign(&ambient, &agent)).await.unwrap();
        let config = backends.store_config();
        Self { store, config, ambient, agent, campaign, weaviate: None, _backends: backends }
    }

    /// What agents remember.
    pub(crate) fn memories(&self) -> Arc<dyn MemoryIndex> {
        match &self.weaviate {
            Some(weaviate) => weaviate.memories(self.store.tenant()),
            None => in_database(self.store.clone()),
        }
    }

    /// The same, as another process has it.
    pub(crate) async fn memories_elsewhere(&self) -> Arc<dyn MemoryIndex> {
        self.memories_of(self.store.tenant()).await
    }

    /// What agents of another tenant remember.
    pub(crate) async fn memories_of(&self, tenant: TenantId) -> Arc<dyn MemoryIndex> {
        match &self.weaviate {
            Some(weaviate) => weaviate.memories(tenant),
            None => in_database(Store::connect(&StoreConfig { tenant, ..self.config.clone() }).await.unwrap()),
        }
    }

    /// A PLANNED signal, not stored.
    pub(crate) fn signal(&self) -> TrendSignal {
        fixtures::signal(&self.ambient, &self.campaign, &self.agent)
    }

    /// A task, not stored.
    pub(crate) fn task(&self, signal: &TrendSignal, task_type: TaskType, depends_on: Vec<TaskId>) -> AgentTask {
        fixtures::task(&self.ambient, &self.campaign, &self.agent, signal, task_type, depends_on)
    }

    /// A plan with the campaign as it was read.
    pub(crate) fn plan(&self, signals: Vec<TrendSignal>, tasks: Vec<AgentTask>) -> Plan {
        Plan {
            campaign_id: self.campaign.id,
            campaign_version: self.campaign.state_version,
            signals,
            tasks,
            alerts: vec![],
            calls: vec![],
        }
    }

    /// Stores a signal with words, picture and post, in this order.
    pub(crate) async fn planned(&self) -> (TrendSignal, Vec<AgentTask>) {
        let signal = self.signal();
        let tasks = fixtures::dag(&self.ambient, &self.campaign, &self.agent, &signal);
        self.store.plan_commit(&self.plan(vec![signal.clone()], tasks.clone())).await.unwrap();
        (signal, tasks)
    }

    /// Stores a single task of this type, READY.
    pub(crate) async fn ready(&self, task_type: TaskType) -> AgentTask {
        let signal = self.signal();
        let task = self.task(&signal, task_type, vec![]);
        self.store.plan_commit(&self.plan(vec![signal], vec![task.clone()])).await.unwrap();
        self.stored(task.id).await
    }

    /// Claims a task for `worker`.
    pub(crate) async fn claimed(&self, id: TaskId, worker: &str) -> AgentTask {
        self.claim(id, worker, LEASE).await.expect("it can be claimed")
    }

    /// Claims a task, if that can be.
    pub(crate) async fn claim(&self, id: TaskId, worker: &str, lease: Duration) -> Option<AgentTask> {
        let claim = Claim::new(worker, lease, self.ambient.now());
        self.store.task_claim(&[id], claim).await.unwrap().tasks.pop()
    }

    /// Claims a task and hands in a result.
    pub(crate) async fn in_review(&self, id: TaskId) -> (AgentTask, Artifact) {
        let task = self.claimed(id, "worker").await;
        let artifact = fixtures::artifact(&self.ambient, &task);
        let submitted = self.store.task_submit(vec![self.submission(&task, &artifact)], self.ambient.now()).await;
        assert_eq!(submitted.unwrap().accepted, [id]);
        (self.stored(id).await, artifact)
    }

    pub(crate) fn submission(&self, task: &AgentTask, artifact: &Artifact) -> Submission {
        Submission {
            task_id: task.id,
            version: task.state_version,
            artifact: artifact.clone(),
            tool_calls: vec![fixtures::tool_call(&self.ambient, task)],
        }
    }

    /// A ruling without ticket or replacement.
    pub(crate) fn ruling(&self, task: &AgentTask, artifact: &Artifact, event: TaskEvent) -> Ruling {
        let verdict = match event {
            TaskEvent::Approve => Verdict::Approve,
            TaskEvent::AskHuman => Verdict::HitlQueue,
            _ => Verdict::Reject,
        };
        Ruling {
            decision: fixtures::decision(&self.ambient, task, artifact, verdict),
            task_version: task.state_version,
            event,
            ticket: None,
            replan: vec![],
        }
    }

    /// Brings an inner task to DONE.
    pub(crate) async fn done(&self, id: TaskId) {
        let (task, artifact) = self.in_review(id).await;
        let ruling = self.ruling(&task, &artifact, TaskEvent::Approve);
        self.store.task_decide(vec![ruling], self.ambient.now()).await.unwrap();
        assert_eq!(self.stored(id).await.state, TaskState::Done);
    }

    /// Brings a post to HITL_QUEUE.
    pub(crate) async fn waiting_for_a_person(&self) -> (AgentTask, Artifact, HitlTicket) {
        let ready = self.ready(TaskType::AssemblePost).await;
        let (task, artifact) = self.in_review(ready.id).await;
        let ticket = fixtures::ticket(&self.ambient, &task, &artifact);
        let ruling = Ruling { ticket: Some(ticket.clone()), ..self.ruling(&task, &artifact, TaskEvent::AskHuman) };
        self.store.task_decide(vec![ruling], self.ambient.now()).await.unwrap();
        (self.stored(task.id).await, artifact, ticket)
    }

    /// Brings a post to APPROVED.
    pub(crate) async fn approved(&self) -> (AgentTask, Artifact) {
        let ready = self.ready(TaskType::AssemblePost).await;
        self.approve(ready.id).await
    }

    /// Brings a READY post to APPROVED.
    pub(crate) async fn approve(&self, id: TaskId) -> (AgentTask, Artifact) {
        let (task, artifact) = self.in_review(id).await;
        let ruling = self.ruling(&task, &artifact, TaskEvent::Approve);
        let decided = self.store.task_decide(vec![ruling], self.ambient.now()).await.unwrap();
        assert_eq!(decided.approved, [task.id]);
        (self.stored(task.id).await, artifact)
    }

    /// Brings APPROVED posts to PUBLISHING.
    pub(crate) async fn begin(&self, ids: &[TaskId], publisher: &str, lease: Duration) -> Vec<PublishCase> {
        let new_ids: Vec<_> = ids.iter().map(|_| PublicationId::generate(&self.ambient)).collect();
        self.store.publish_begin(ids, publisher, lease, self.ambient.now(), &new_ids).await.unwrap()
    }

    /// Edits the campaign's brief.
    pub(crate) async fn edit_brief(&self) -> Campaign {
        let stored = self.store.campaign_by_id(self.campaign.id).await.unwrap().unwrap();
        let edited = Campaign { goal: format!("{} (edited)", stored.goal), ..stored };
        self.store.campaign_save(&edited).await.unwrap()
    }

    /// Edits the persona.
    pub(crate) async fn edit_persona(&self) -> Agent {
        let stored = self.store.agents_by_ids(&[self.agent.id]).await.unwrap().remove(0);
        let soul_hash = chimera_domain::sha256_hex(stored.soul_hash.as_bytes());
        self.store.agent_save(&Agent { soul_hash, ..stored }).await.unwrap()
    }

    /// The task as it is stored.
    pub(crate) async fn stored(&self, id: TaskId) -> AgentTask {
        self.store.tasks_by_ids(&[id]).await.unwrap().remove(0)
    }

    /// The states of these tasks, in the order given.
    pub(crate) async fn states(&self, tasks: &[AgentTask]) -> Vec<TaskState> {
        let mut states = Vec::new();
        for task in tasks {
            states.push(self.stored(task.id).await.state);
        }
        states
    }
}

/// Tries again until something comes, for at most twenty seconds.
pub(crate) async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, attempt: impl Fn() -> F) -> T {
    for _ in 0..4_000 {
        if let Some(found) = attempt().await {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("{what} never happened");
}

/// Sorted, for lists whose order means nothing.
pub(crate) fn sorted<T: Ord + Clone>(items: &[T]) -> Vec<T> {
    let mut items = items.to_vec();
    items.sort();
    items
}
