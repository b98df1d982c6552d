//! What an agent remembers: recalled before it writes, and kept once a post is out.
//!
//! A memory that can't be had is no reason not to write, and one that can't be kept none to call a post back: both are told
//! in the log, and the work goes on. Nor is anybody waited for long, or asked again at once after going silent.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chimera_domain::{
    Memory, MemoryId, MemoryKind, MemorySource, Provenance, error_chain,
    policy::{RecallWeights, WriterContext},
};
use chimera_llm::{Embedder, TableError, injection_markers};
use chimera_store::{
    PublishCase, WorkOrder,
    memory::{Embedded, MemoryError, MemoryIndex, MemorySearch},
};
use chrono::{DateTime, TimeDelta, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, timeout};

/// So many times as many come from the index, by similarity alone, as are told by the whole score.
const CANDIDATES: usize = 4;
/// The longest that a writer waits for memories, or a publisher to keep some.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long memories are left alone once they could not be had.
const REST: Duration = Duration::from_secs(30);

/// What a writer is told of what its agent remembers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RecallConfig {
    /// How far back its own posts are told, in hours.
    pub posts_hours: u32,
    /// How many of them at the most.
    pub posts_max: usize,
    /// How many memories of the matter at the most; 0 tells none.
    pub memories_max: usize,
    /// How much of a prompt all this may take, in tokens; 0 tells nothing, and nothing is looked for.
    pub tokens_max: usize,
}

impl Default for RecallConfig {
    fn default() -> Self {
        Self { posts_hours: 3, posts_max: 8, memories_max: 8, tokens_max: 1_500 }
    }
}

/// Agents' memories, as workers and publishers use them. Cloning it is cheap.
#[derive(Debug, Clone)]
pub struct Remembrance {
    index: Arc<dyn MemoryIndex>,
    config: RecallConfig,
    /// Until when memories are left alone.
    rests_until: Arc<Mutex<Option<Instant>>>,
}

/// Why nothing was recalled or kept.
#[derive(Debug, thiserror::Error)]
enum RemembranceError {
    #[error("memories can't be reached")]
    Memory(#[from] MemoryError),
    #[error("embeddings can't be made")]
    Table(#[from] TableError),
    #[error("memories did not answer within {} ms", PATIENCE.as_millis())]
    Slow(#[from] tokio::time::error::Elapsed),
}

impl Remembrance {
    /// Memories in `index`.
    #[must_use]
    pub fn new(index: Arc<dyn MemoryIndex>, config: RecallConfig) -> Self {
        Self { index, config, rests_until: Arc::default() }
    }

    /// What the agent remembers of a task's matter, and what it published lately.
    pub async fn recall(&self, order: &WorkOrder, now: DateTime<Utc>) -> WriterContext {
        if self.config.tokens_max == 0 {
            return WriterContext::default();
        }
        self.tried(self.recalled(order, now)).await.unwrap_or_default()
    }

    async fn recalled(&self, order: &WorkOrder, now: DateTime<Utc>) -> Result<WriterContext, RemembranceError> {
        let (task, config) = (&order.task, &self.config);
        let since = now.checked_sub_signed(TimeDelta::hours(config.posts_hours.into())).unwrap_or(now);
        let limit = config.posts_max.saturating_mul(CANDIDATES);
        // What tools had remembered happened, too, but was no post.
        let happened = self.index.recent(task.agent_id, MemoryKind::Episodic, since, limit).await?;
        let is_post = |memory: &Memory| memory.provenance.source == MemorySource::OwnPost;
        let posts = happened.into_iter().filter(is_post).take(config.posts_max).collect();
        let matter = format!("{}\n{}", task.payload.headline, task.payload.summary);
        // A headline without a known word is near to nothing.
        let near = Embedder::shared()?.direction(&matter).ok().filter(|_| config.memories_max > 0);
        let found = match near {
            Some(near) => {
                let search = MemorySearch::new(task.agent_id, near, config.memories_max.saturating_mul(CANDIDATES));
                self.index.search(&search).await?
            }
            None => vec![],
        };
        // What strangers had remembered must not give orders, however long ago they said it.
        let honest = found.into_iter().filter(|found| is_own(&found.memory) || !gives_orders(&found.memory));
        let best = RecallWeights::default().best(honest, now, config.memories_max);
        Ok(WriterContext::assemble(posts, best, config.tokens_max))
    }

    /// Keeps posts that are out, each once: the memory's id follows from the publication's.
    pub(crate) async fn remember(&self, posts: &[Embedded]) {
        self.tried(async { Ok(self.index.add(posts).await?) }).await;
    }

    /// Does it, unless memories rest; tells what went wrong, and lets them rest then.
    async fn tried<T>(&self, doing: impl Future<Output = Result<T, RemembranceError>>) -> Option<T> {
        if self.rests_until().is_some_and(|until| Instant::now() < until) {
            return None;
        }
        let done = timeout(PATIENCE, doing).await.map_err(RemembranceError::from).flatten();
        let until = done.is_err().then(|| Instant::now() + REST);
        *self.rests_until() = until;
        if let Err(error) = &done {
            let (error, rest_ms) = (error_chain(error), REST.as_millis());
            tracing::warn!(error, rest_ms, "posts are written without memories, and not remembered, for a while");
        }
        done.ok()
    }

    fn rests_until(&self) -> MutexGuard<'_, Option<Instant>> {
        self.rests_until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether these are the agent's own words, or its operator's.
const fn is_own(memory: &Memory) -> bool {
    matches!(memory.provenance.source, MemorySource::OwnPost | MemorySource::Operator)
}

fn gives_orders(memory: &Memory) -> bool {
    !injection_markers(&memory.content).is_empty()
}

/// A post that is out, as its agent remembers it; nothing where no word of it is known, for it could never be found again.
pub(crate) fn own_post(case: &PublishCase, now: DateTime<Utc>) -> Option<Embedded> {
    let (task, artifact) = (&case.task, &case.artifact);
    let text = artifact.text.trim();
    // A reply is told to one person; among its posts it would keep the agent from saying so again.
    if text.is_empty() || text.len() > Memory::CONTENT_BYTES_MAX || artifact.in_reply_to.is_some() {
        return None;
    }
    let vector = Embedder::shared().ok()?.direction(text).ok()?;
    let publication = case.publication.id.as_uuid();
    let memory = Memory {
        id: MemoryId::of(&[b"own post", publication.as_bytes()]),
        tenant_id: task.tenant_id,
        agent_id: task.agent_id,
        kind: MemoryKind::Episodic,
        content: text.to_owned(),
        provenance: Provenance {
            source: MemorySource::OwnPost,
            origin: artifact.channel.as_str().to_owned(),
            trace_id: Some(task.trace_id),
            artifact_id: Some(artifact.id),
        },
        importance: Memory::ORDINARY,
        model: vector.model().clone(),
        created_at: now,
    };
    Some((memory, vector))
}
