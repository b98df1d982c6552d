//! What is known about a story while it is played: who holds what, and what is out in the world.

use std::{
    collections::{HashMap, HashSet},
    sync::Mutex,
};

use chimera_domain::{
    Agent, AgentId, AgentTask, Ambient as _, Artifact, ArtifactId, Campaign, CampaignId, GovernorLimits, HitlTicket,
    Publication, StateVersion, TaskId, TraceId, Usd,
};
use chimera_store::{PublishCase, ReviewCase};
use chimera_testkit::fixtures;

use super::Flaw;
use crate::world::World;

/// What the agent may spend in a day: a few stories, but not everything that a long history would like.
pub(super) const DAILY: Usd = Usd::from_micros(2_400_000);

/// A campaign of its own with everything planned for it.
pub(super) struct Story<'a> {
    pub(super) world: &'a World,
    pub(super) campaign: CampaignId,
    pub(super) agent: AgentId,
    /// SOUL.md at first.
    pub(super) soul: String,
    /// Whether the platform takes a repeated key for a repeat.
    pub(super) keys: bool,
    pub(super) flaw: Option<Flaw>,
    /// Where the audit log stood.
    pub(super) log_from: i64,
    book: Mutex<Book>,
}

/// See the file's opening.
#[derive(Default)]
pub(super) struct Book {
    pub(super) traces: Vec<TraceId>,
    /// What workers hold, or believe to; and whether their lease lapses at once.
    pub(super) claims: Vec<(AgentTask, bool)>,
    /// The version at which each task was last claimed, begun or taken over.
    pub(super) holder: HashMap<TaskId, StateVersion>,
    /// What judges have read.
    pub(super) cases: Vec<ReviewCase>,
    /// Every question that was ever put.
    pub(super) questions: Vec<(AgentTask, Artifact, HitlTicket)>,
    /// What publishers hold, or believe to; and whether they took it over.
    pub(super) begun: Vec<Begun>,
    /// What a judge or a person approved, and what went to a publisher.
    pub(super) approved: HashSet<ArtifactId>,
    pub(super) sent: HashSet<ArtifactId>,
    /// Posts that are out, by their key: the story that they tell, and how many they are.
    pub(super) outside: HashMap<String, (TraceId, u32)>,
    /// The tasks as they were after the last step.
    pub(super) before: HashMap<TaskId, AgentTask>,
    /// Everything that was paid.
    pub(super) paid: Usd,
    /// Tasks that were retried or revived.
    pub(super) retried: HashSet<TaskId>,
}

/// What a publisher holds, or believes to.
#[derive(Clone)]
pub(super) struct Begun {
    pub(super) case: PublishCase,
    /// Taken over from one that vanished.
    pub(super) taken_over: bool,
    /// The lease lapses at once.
    pub(super) briefly: bool,
}

impl<'a> Story<'a> {
    pub(super) async fn begin(world: &'a World, keys: bool, flaw: Option<Flaw>) -> Self {
        let log_from = world.store.audit_head().await.unwrap().seq;
        let agent = fixtures::agent(&world.ambient);
        let governor_limits = GovernorLimits { max_daily_spend: DAILY, ..agent.governor_limits };
        let agent = world.store.agent_save(&Agent { governor_limits, ..agent }).await.unwrap();
        let campaign = world.store.campaign_save(&fixtures::campaign(&world.ambient, &agent)).await.unwrap();
        let (campaign, soul, book) = (campaign.id, agent.soul_hash, Mutex::default());
        Self { world, campaign, agent: agent.id, soul, keys, flaw, log_from, book }
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

    /// A call reaches the platform.
    pub(super) fn put_out(&self, case: &PublishCase) {
        let key = case.publication.idempotency_key.clone();
        self.book(|book| {
            let (_, posts) = book.outside.entry(key).or_insert((case.task.trace_id, 0));
            *posts = if self.keys { 1 } else { *posts + 1 };
        });
    }

    pub(super) fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
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
