//! Memories in Weaviate, over REST and GraphQL, with vectors of our own.
//!
//! Each model has a class of its own, so vectors of different models never meet; each agent is a tenant of it (in Weaviate's
//! sense: a shard with an index of its own), named after Chimera's tenant and the agent. So a search sees one agent's
//! vectors and no others, however few they are.
//!
//! Two things differ from a database: a batch is not all or nothing (what failed is named, and adding it again is harmless),
//! and two processes that add the same memory at the same moment may both count it as new.

mod graphql;
mod wire;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::{Mutex, PoisonError},
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use chimera_domain::{
    AgentId, ArtifactId, EmbeddingModel, FoundMemory, Memory, MemoryId, MemoryKind, Provenance, TenantId, TraceId,
    sha256_hex,
};

use super::{Embedded, Forget, MemoryError, MemoryIndex, MemorySearch};
use crate::{
    RowKind,
    codec::{Reader, Writer, text, time},
};

use graphql::{PROPERTIES, Query};
use wire::Wire;
pub use wire::{WeaviateConfig, WeaviateError};

/// Objects sent together.
const BATCH: usize = 500;
/// Rounds of deletion after which something is wrong: each takes thousands.
const FORGET_ROUNDS_MAX: usize = 1_000;

/// See the module's opening.
#[derive(Debug)]
pub struct WeaviateMemory {
    wire: Wire,
    tenant: TenantId,
    prefix: String,
    /// Classes with tenants of which this process knows that they are there.
    known: Mutex<HashSet<(String, String)>>,
}

impl WeaviateMemory {
    /// The memories of one tenant there. Asks nothing yet.
    ///
    /// # Errors
    /// [`MemoryError::Weaviate`] when the address or the key can't be used.
    pub fn new(config: &WeaviateConfig, tenant: TenantId) -> Result<Self, MemoryError> {
        Ok(Self { wire: Wire::new(config)?, tenant, prefix: config.prefix.clone(), known: Mutex::default() })
    }

    /// The class of a model's vectors. A name may hold letters, digits and underscores.
    fn class_of(&self, model: &EmbeddingModel) -> String {
        let hash = sha256_hex(model.name.as_bytes());
        format!("{}Memory_{}_{}", self.prefix, hash.get(..12).unwrap_or_default(), model.dims)
    }

    /// Weaviate's name for an agent of this tenant: 64 characters, as many as it takes.
    fn shard_of(&self, agent_id: AgentId) -> String {
        format!("{}{}", self.tenant.as_uuid().simple(), agent_id.as_uuid().simple())
    }

    /// Whether an agent has anything in a class.
    async fn has(&self, class: &str, shard: &str) -> Result<bool, MemoryError> {
        let key = (class.to_owned(), shard.to_owned());
        if self.known.lock().unwrap_or_else(PoisonError::into_inner).contains(&key) {
            return Ok(true);
        }
        let there = self.wire.has_tenant(class, shard).await?;
        if there {
            self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(key);
        }
        Ok(there)
    }

    /// Makes the class and the agent's place in it where they are missing.
    async fn ensure(&self, class: &str, shard: &str) -> Result<(), MemoryError> {
        if !self.has(class, shard).await? {
            self.wire.ensure_class(class, schema(class)).await?;
            self.wire.ensure_tenant(class, shard).await?;
        }
        Ok(())
    }

    /// The classes in which an agent has something.
    async fn classes_of(&self, shard: &str) -> Result<Vec<String>, MemoryError> {
        let ours = format!("{}Memory_", self.prefix);
        let mut found = Vec::new();
        for class in self.wire.classes().await? {
            if class.starts_with(&ours) && self.has(&class, shard).await? {
                found.push(class);
            }
        }
        Ok(found)
    }

    async fn get(&self, class: &str, query: &Query) -> Result<Vec<FoundMemory>, MemoryError> {
        let answer = self.wire.graphql(&query.get(class)).await?;
        let rows = answer.pointer(&format!("/Get/{class}")).and_then(Value::as_array);
        let rows = rows.ok_or(WeaviateError::Answer { what: "found objects" })?;
        rows.iter().map(|row| self.read(row)).collect()
    }

    fn read(&self, row: &Value) -> Result<FoundMemory, MemoryError> {
        let odd = |what| MemoryError::Weaviate(WeaviateError::Answer { what });
        let word = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default();
        let number = |name: &str| row.get(name).and_then(Value::as_f64);
        let id: Uuid = row
            .pointer("/_additional/id")
            .and_then(Value::as_str)
            .and_then(|id| id.parse().ok())
            .ok_or_else(|| odd("an object's id"))?;
        let reader = Reader { entity: RowKind::Memory, id };
        let agent: Uuid = word("agentId").parse().map_err(|_| odd("an object's agentId"))?;
        let whole = |name: &'static str| row.get(name).and_then(Value::as_i64).ok_or_else(|| odd(name));
        let created_at = DateTime::from_timestamp_micros(whole("atUs")?).ok_or_else(|| odd("atUs"))?;
        let trace = Some(word("traceId")).filter(|text| !text.is_empty());
        let artifact = Some(word("artifactId")).filter(|text| !text.is_empty());
        let memory = Memory {
            id: MemoryId::from_uuid(id),
            tenant_id: self.tenant,
            agent_id: AgentId::from_uuid(agent),
            kind: reader.name("kind", word("kind"))?,
            content: word("content").to_owned(),
            provenance: Provenance {
                source: reader.name("source", word("source"))?,
                origin: word("origin").to_owned(),
                trace_id: trace.map(|text| reader.trace(text)).transpose()?,
                artifact_id: artifact.and_then(|text| text.parse().ok()).map(ArtifactId::from_uuid),
            },
            importance: reader.score("importance", number("importance").unwrap_or(f64::NAN))?,
            model: EmbeddingModel {
                name: word("model").to_owned(),
                dims: u16::try_from(whole("dims")?).map_err(|_| odd("dims"))?,
            },
            created_at,
        };
        let distance = row.pointer("/_additional/distance").and_then(Value::as_f64);
        Ok(FoundMemory { memory, similarity: (1.0 - distance.unwrap_or(1.0)).clamp(-1.0, 1.0) })
    }

    /// Deletes what a filter names; returns how many there were.
    async fn delete(&self, class: &str, shard: &str, filter: &Value) -> Result<u64, MemoryError> {
        let mut gone = 0;
        for _ in 0..FORGET_ROUNDS_MAX {
            let deleted = self.wire.delete(class, shard, filter).await?;
            gone += deleted.successful;
            if deleted.successful == 0 || deleted.matches <= deleted.successful {
                break;
            }
        }
        Ok(gone)
    }

    async fn count_in(&self, class: &str, shard: &str) -> Result<u64, MemoryError> {
        let answer = self.wire.graphql(&graphql::count(class, shard)).await?;
        let count = answer.pointer(&format!("/Aggregate/{class}/0/meta/count")).and_then(Value::as_u64);
        Ok(count.ok_or(WeaviateError::Answer { what: "a count" })?)
    }
}

/// What a class of memories looks like.
fn schema(class: &str) -> Value {
    let properties = PROPERTIES.map(|(name, kind, filtered)| match kind {
        "text" => json!({
            "name": name, "dataType": [kind], "indexFilterable": filtered, "indexSearchable": false,
            "tokenization": "field",
        }),
        _ => json!({"name": name, "dataType": [kind], "indexFilterable": filtered}),
    });
    json!({
        "class": class,
        "description": "What agents of Chimera remember, by one embedding model",
        "vectorConfig": {"default": {
            "vectorizer": {"none": {}}, "vectorIndexType": "hnsw", "vectorIndexConfig": {"distance": "cosine"},
        }},
        "properties": properties,
        "multiTenancyConfig": {"enabled": true},
    })
}

fn object(class: &str, shard: &str, memory: &Memory, values: &[f32]) -> Value {
    let Provenance { source, origin, trace_id, artifact_id } = &memory.provenance;
    json!({
        "class": class,
        "id": memory.id,
        "tenant": shard,
        "vectors": {"default": values},
        "properties": {
            "agentId": memory.agent_id,
            "kind": memory.kind,
            "content": text(&memory.content),
            "source": source,
            "origin": text(origin),
            "traceId": trace_id.map(|trace: TraceId| trace.to_string()).unwrap_or_default(),
            "artifactId": artifact_id.map(|id| id.to_string()).unwrap_or_default(),
            "importance": memory.importance,
            "model": text(&memory.model.name),
            "dims": memory.model.dims,
            "atUs": time(memory.created_at).timestamp_micros(),
        },
    })
}

#[async_trait]
impl MemoryIndex for WeaviateMemory {
    async fn add(&self, memories: &[Embedded]) -> Result<usize, MemoryError> {
        let mut places: BTreeMap<(String, String), HashMap<MemoryId, &Embedded>> = BTreeMap::new();
        for embedded in memories {
            let (memory, vector) = embedded;
            Writer::new(RowKind::Memory, memory.id.as_uuid(), self.tenant, memory.tenant_id)?;
            if memory.model != *vector.model() {
                let (said, found) = (memory.model.clone(), vector.model().clone());
                return Err(MemoryError::OtherModel { id: memory.id, said, found });
            }
            let place = (self.class_of(&memory.model), self.shard_of(memory.agent_id));
            places.entry(place).or_default().entry(memory.id).or_insert(embedded);
        }
        let mut added = 0;
        for ((class, shard), mut wanted) in places {
            self.ensure(&class, &shard).await?;
            let ids: Vec<MemoryId> = wanted.keys().copied().collect();
            for ids in ids.chunks(BATCH) {
                let query = Query::of(&shard, ids.len()).only(graphql::named(ids));
                for known in self.get(&class, &query).await? {
                    wanted.remove(&known.memory.id);
                }
            }
            let objects: Vec<Value> =
                wanted.values().map(|(memory, vector)| object(&class, &shard, memory, vector.values())).collect();
            for chunk in objects.chunks(BATCH) {
                self.wire.insert(chunk).await?;
                added += chunk.len();
            }
        }
        Ok(added)
    }

    async fn search(&self, search: &MemorySearch) -> Result<Vec<FoundMemory>, MemoryError> {
        let (class, shard) = (self.class_of(search.near.model()), self.shard_of(search.agent_id));
        if search.limit() == 0 || !self.has(&class, &shard).await? {
            return Ok(vec![]);
        }
        let query = Query::of(&shard, search.limit())
            .near(search.near.values())
            .only(search.kind.map(graphql::of_kind))
            .only(search.since.map(graphql::since));
        self.get(&class, &query).await
    }

    async fn recent(
        &self,
        agent_id: AgentId,
        kind: MemoryKind,
        since: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<Memory>, MemoryError> {
        let (shard, limit) = (self.shard_of(agent_id), limit.min(MemorySearch::LIMIT_MAX));
        let query = Query::of(&shard, limit).only(graphql::of_kind(kind)).only(graphql::since(since)).newest_first();
        let mut all = Vec::new();
        for class in self.classes_of(&shard).await? {
            all.extend(self.get(&class, &query).await?.into_iter().map(|found| found.memory));
        }
        all.sort_by_key(|memory| std::cmp::Reverse((memory.created_at, memory.id)));
        all.truncate(limit);
        Ok(all)
    }

    async fn forget(&self, what: &Forget) -> Result<u64, MemoryError> {
        let (Forget::Ids(agent, _) | Forget::Agent(agent) | Forget::OlderThan(agent, _)) = what;
        let shard = self.shard_of(*agent);
        let mut gone = 0;
        for class in self.classes_of(&shard).await? {
            match what {
                // The shard stays: another process may know that it is there.
                Forget::Agent(_) => gone += self.delete(&class, &shard, &graphql::everything()).await?,
                Forget::Ids(_, ids) => {
                    let distinct: BTreeSet<MemoryId> = ids.iter().copied().collect();
                    for ids in distinct.into_iter().collect::<Vec<_>>().chunks(BATCH) {
                        gone += self.delete(&class, &shard, &graphql::named(ids)).await?;
                    }
                }
                Forget::OlderThan(_, before) => {
                    gone += self.delete(&class, &shard, &graphql::before(*before)).await?;
                }
            }
        }
        Ok(gone)
    }

    async fn count(&self, agent_id: AgentId) -> Result<u64, MemoryError> {
        let shard = self.shard_of(agent_id);
        let mut count = 0;
        for class in self.classes_of(&shard).await? {
            count += self.count_in(&class, &shard).await?;
        }
        Ok(count)
    }
}
