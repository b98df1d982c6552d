//! What is known about a story while it is played: who holds what, and what is out in the world.

use std::{
    collections::{HashMap, HashSet},
    sync::Mutex,
};

use chimera_domain::{
    Agent, AgentId, AgentTask, Ambient as _, Artifact, Campaign, CampaignId, HitlTicket, Publication, TaskId, TraceId,
    Usd,
};
use chimera_store::{PublishCase, ReviewCase};
use chimera_testkit::fixtures;

use crate::world::World;

/// A campaign of its own with everything planned for it.
pub(super) struct Story<'a> {
    pub(super) world: &'a World,
    pub(super) campaign: CampaignId,
    pub(super) agent: AgentId,
    /// SOUL.md at first.
    pub(super) soul: String,
    book: Mutex<Book>,
}

/// See the file's opening.
#[derive(Default)]
pub(super) struct Book {
    pub(super) traces: Vec<TraceId>,
    /// What workers hold, or believe to.
    pub(super) claims: Vec<AgentTask>,
    /// What judges have read.
    pub(super) cases: Vec<ReviewCase>,
    /// Every question that was ever put.
    pub(super) questions: Vec<(AgentTask, Artifact, HitlTicket)>,
    /// What publishers hold, or believe to; and whether they took it over.
    pub(super) begun: Vec<(PublishCase, bool)>,
    /// Keys of posts that are out, by the story that they tell.
    pub(super) outside: HashMap<String, TraceId>,
    /// The tasks as they were after the last step.
    pub(super) before: HashMap<TaskId, AgentTask>,
    /// Everything that was paid.
    pub(super) paid: Usd,
    /// Tasks that were retried or revived.
    pub(super) retried: HashSet<TaskId>,
}

impl<'a> Story<'a> {
    pub(super) async fn begin(world: &'a World) -> Self {
        let agent = world.store.agent_save(&fixtures::agent(&world.ambient)).await.unwrap();
        let campaign = world.store.campaign_save(&fixtures::campaign(&world.ambient, &agent)).await.unwrap();
        Self { world, campaign: campaign.id, agent: agent.id, soul: agent.soul_hash, book: Mutex::default() }
    }

    /// Reads or writes the book; never across an await.
    pub(super) fn book<T>(&self, act: impl FnOnce(&mut Book) -> T) -> T {
        act(&mut self.book.lock().unwrap())
    }

    pub(super) async fn campaign(&self) -> Campaign {
        self.world.store.campaign_by_id(self.campaign).await.unwrap().unwrap()
    }

    pub(super) async fn agent(&self) -> Agent {
        self.world.store.agents_by_ids(&[self.agent]).await.unwrap().remove(0)
    }

    /// Every task of the story, in the order of their birth.
    pub(super) async fn tasks(&self) -> Vec<AgentTask> {
        let mut tasks = Vec::new();
        for trace in self.book(|book| book.traces.clone()) {
            tasks.extend(self.world.store.tasks_by_trace(trace).await.unwrap());
        }
        tasks
    }

    pub(super) async fn ids(&self) -> Vec<TaskId> {
        self.tasks().await.iter().map(|task| task.id).collect()
    }

    /// Whether this post is out.
    pub(super) fn is_out(&self, artifact: &Artifact) -> bool {
        let key = Publication::idempotency_key(artifact.id, &artifact.content_hash);
        self.book(|book| book.outside.contains_key(&key))
    }

    /// Fresh words and a fresh post of them, in place of a post; bound to the campaign and the persona as they are.
    pub(super) fn again(&self, post: &AgentTask, campaign: &Campaign, agent: &Agent) -> Vec<AgentTask> {
        let ambient = &self.world.ambient;
        let words = post.renewed(chimera_domain::TaskType::GenerateText, vec![], "again", ambient);
        let again = post.renewed(post.task_type, vec![words.id], "again", ambient);
        [words, again].map(|task| task.rebound(campaign, agent)).to_vec()
    }

    pub(super) fn now(&self) -> chrono::DateTime<chrono::Utc> {
        self.world.ambient.now()
    }
}
