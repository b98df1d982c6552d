//! Memories on SQLite: rows in the database, and in this process a shelf of vectors for each agent that is asked about.
//!
//! A shelf is filled from the rows when it is first needed, and looks at the agent's head before each search: rows that
//! anybody added since are read, and when anybody forgot some it is filled anew. So a restart loses nothing, and two
//! processes over one file agree. Shelves together stay within a bound; the one that was not used for longest goes first. An
//! agent that alone is beyond the bound is searched page by page from the database: slow, but right.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult as _, Order, QueryFilter, QuerySelect,
    sea_query::{Alias, Expr, ExprTrait, Query},
};
use uuid::Uuid;

use chimera_domain::{AgentId, EmbeddingModel, FoundMemory, Memory, MemoryKind};

use super::{
    Embedded, Forget, MemoryError, MemoryIndex, MemorySearch, rows,
    shelf::{Code, Mark, Shelf},
};
use crate::{
    Store, batch,
    codec::{Mapped as _, time},
    entity::{
        memories::{Column, EMBEDDING, Entity, Model},
        memory_heads,
    },
    vector,
};

/// What all shelves may take together unless told otherwise, in bytes: about 1.6 million memories of the built-in model.
const SHELVES_BYTES_MAX: usize = 256 << 20;
/// Rows read at once.
const PAGE: u64 = 4_096;

/// See the module's opening.
#[derive(Debug, Clone)]
pub struct EmbeddedMemory {
    store: Store,
    bytes_max: usize,
    shelves: Arc<Mutex<Shelves>>,
}

type Key = (AgentId, EmbeddingModel);

#[derive(Debug, Default)]
struct Shelves {
    by_key: HashMap<Key, Kept>,
    clock: u64,
}

#[derive(Debug)]
struct Kept {
    stand: Arc<Stand>,
    used: u64,
}

/// A shelf, and how far it has come.
#[derive(Debug)]
struct Stand {
    shelf: RwLock<Shelf>,
    /// Held while rows are read, so that they are read once.
    upto: tokio::sync::Mutex<Upto>,
}

/// How far a shelf has come.
#[derive(Debug, Clone, Copy, Default)]
struct Upto {
    seq: i64,
    forgotten: i64,
}

impl EmbeddedMemory {
    /// Over this store, which must be on SQLite.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self::bounded(store, SHELVES_BYTES_MAX)
    }

    /// Over this store, with shelves that take at most so many bytes.
    #[must_use]
    pub fn bounded(store: Store, bytes_max: usize) -> Self {
        Self { store, bytes_max, shelves: Arc::default() }
    }

    /// What the shelves take at the moment, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let shelves = self.shelves.lock().unwrap_or_else(PoisonError::into_inner);
        shelves.by_key.values().map(|kept| kept.stand.bytes()).sum()
    }

    /// About which memories are nearest.
    async fn near(
        &self,
        search: &MemorySearch,
        head: &memory_heads::Model,
        count: usize,
    ) -> Result<Vec<Uuid>, MemoryError> {
        let model = search.near.model();
        let rows = usize::try_from(head.live).unwrap_or_default();
        if Shelf::bytes_of(rows, model.dims.into()) > self.bytes_max {
            return self.near_by_pages(search, count).await;
        }
        let stand = self.stand((search.agent_id, model.clone()));
        self.catch_up(&stand, search, head).await?;
        let wanted = Wanted::of(search);
        let found = tokio::task::spawn_blocking(move || {
            let shelf = stand.shelf.read().unwrap_or_else(PoisonError::into_inner);
            shelf.nearest(&wanted.code, count, |mark| wanted.admits(mark))
        });
        let found = match found.await {
            Ok(found) => found,
            // It is never cancelled, so it panicked; let that be seen here.
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        };
        self.make_room();
        Ok(found.into_iter().map(|(id, _)| id).collect())
    }

    fn stand(&self, key: Key) -> Arc<Stand> {
        let mut shelves = self.shelves.lock().unwrap_or_else(PoisonError::into_inner);
        shelves.clock += 1;
        let used = shelves.clock;
        let dims = key.1.dims.into();
        let kept = shelves.by_key.entry(key).or_insert_with(|| Kept { stand: Arc::new(Stand::empty(dims)), used });
        kept.used = used;
        Arc::clone(&kept.stand)
    }

    /// Takes shelves away until the others are within the bound.
    fn make_room(&self) {
        let mut shelves = self.shelves.lock().unwrap_or_else(PoisonError::into_inner);
        let mut bytes: usize = shelves.by_key.values().map(|kept| kept.stand.bytes()).sum();
        if bytes <= self.bytes_max {
            return;
        }
        let mut sizes: Vec<(u64, usize, Key)> =
            shelves.by_key.iter().map(|(key, kept)| (kept.used, kept.stand.bytes(), key.clone())).collect();
        sizes.sort_unstable_by_key(|(used, ..)| *used);
        for (_, size, key) in sizes {
            if bytes <= self.bytes_max {
                return;
            }
            shelves.by_key.remove(&key);
            bytes -= size;
        }
    }

    /// Reads what the head says has changed.
    async fn catch_up(
        &self,
        stand: &Stand,
        search: &MemorySearch,
        head: &memory_heads::Model,
    ) -> Result<(), MemoryError> {
        let mut upto = stand.upto.lock().await;
        if head.forgotten > upto.forgotten {
            // What is forgotten while this goes on raises the count once more, so it is not missed.
            *upto = Upto { seq: 0, forgotten: head.forgotten };
            *stand.write() = Shelf::new(search.near.model().dims.into());
        }
        while upto.seq < head.seq {
            let page = self.page(search, upto.seq).await?;
            stand.write().extend(&page, usize::try_from(head.live).unwrap_or_default());
            let last = page.last().map_or(head.seq, |row| row.seq);
            let is_full = page.len() as u64 >= PAGE;
            upto.seq = if is_full { last } else { Ord::max(last, head.seq) };
        }
        Ok(())
    }

    async fn near_by_pages(&self, search: &MemorySearch, count: usize) -> Result<Vec<Uuid>, MemoryError> {
        let wanted = Wanted::of(search);
        let (mut nearest, mut seq) = (Vec::new(), 0);
        loop {
            let page = self.page(search, seq).await?;
            let mut shelf = Shelf::new(search.near.model().dims.into());
            shelf.extend(&page, 0);
            nearest.extend(shelf.nearest(&wanted.code, count, |mark| wanted.admits(mark)));
            nearest.sort_by(|(_, a), (_, b): &(Uuid, f32)| b.total_cmp(a));
            nearest.truncate(count);
            match page.last() {
                Some(last) if page.len() as u64 >= PAGE => seq = last.seq,
                _ => return Ok(nearest.into_iter().map(|(id, _)| id).collect()),
            }
        }
    }

    /// The agent's next vectors after this place.
    async fn page(&self, search: &MemorySearch, after: i64) -> Result<Vec<Row>, MemoryError> {
        let model = search.near.model();
        let select = Query::select()
            .columns([Column::Id, Column::Kind, Column::CreatedAt, Column::Seq])
            .column(Alias::new(EMBEDDING))
            .from(Entity)
            .and_where(Expr::col(Column::AgentId).eq(search.agent_id.as_uuid()))
            .and_where(batch::of_tenant::<Entity>(self.store.tenant))
            .and_where(Expr::col(Column::Seq).gt(after))
            .and_where(Expr::col(Column::Model).eq(model.name.as_str()))
            .and_where(Expr::col(Column::Dims).eq(i64::from(model.dims)))
            .order_by(Column::Seq, Order::Asc)
            .limit(PAGE)
            .take();
        let mut rows = Vec::new();
        for row in self.store.db.query_all(&select).await? {
            let kind: String = row.try_get_by_index(1)?;
            let at: DateTime<Utc> = row.try_get_by_index(2)?;
            let mark = Mark {
                id: row.try_get_by_index(0)?,
                is_episodic: kind == MemoryKind::Episodic.as_str(),
                at_us: at.timestamp_micros(),
            };
            let bytes: Vec<u8> = row.try_get_by_index(4)?;
            // Damaged ones point nowhere; `db verify` and restores name them.
            let values = vector::from_bytes(&bytes).unwrap_or_default();
            rows.push(Row { mark, seq: row.try_get_by_index(3)?, values });
        }
        Ok(rows)
    }

    /// These memories, with how near each is exactly. One that was forgotten meanwhile is left out.
    async fn exact(&self, search: &MemorySearch, ids: Vec<Uuid>) -> Result<Vec<FoundMemory>, MemoryError> {
        if ids.is_empty() {
            return Ok(vec![]);
        }
        let mut select = Entity::find()
            .filter(Column::Id.is_in(batch::padded(ids)))
            .filter(rows::beside_ids(&self.store, search.agent_id))
            .select_only()
            .columns(<Column as sea_orm::Iterable>::iter());
        let select = sea_orm::QueryTrait::query(&mut select).column(Alias::new(EMBEDDING));
        let mut found = Vec::new();
        for row in self.store.db.query_all(select).await? {
            let memory = Entity::read(Model::from_query_result(&row, "")?)?;
            let bytes: Vec<u8> = row.try_get("", EMBEDDING)?;
            let values = vector::from_bytes(&bytes).unwrap_or_default();
            found.push(FoundMemory { memory, similarity: search.near.cosine_with(&values) });
        }
        found.sort_by(|a, b| b.similarity.total_cmp(&a.similarity).then(b.memory.id.cmp(&a.memory.id)));
        found.truncate(search.limit());
        Ok(found)
    }
}

/// A vector from the database.
struct Row {
    mark: Mark,
    seq: i64,
    values: Vec<f32>,
}

impl Shelf {
    /// Adds rows; there will be so many in all.
    fn extend(&mut self, rows: &[Row], in_all: usize) {
        self.make_room(rows.len().max(in_all.saturating_sub(self.len())));
        rows.iter().for_each(|row| self.push(row.mark, &row.values));
    }
}

/// What a search takes.
struct Wanted {
    code: Code,
    is_episodic: Option<bool>,
    since_us: i64,
}

impl Wanted {
    fn of(search: &MemorySearch) -> Self {
        Self {
            code: Code::of(search.near.values()),
            is_episodic: search.kind.map(|kind| kind == MemoryKind::Episodic),
            since_us: search.since.map_or(i64::MIN, |since| time(since).timestamp_micros()),
        }
    }

    fn admits(&self, mark: &Mark) -> bool {
        mark.at_us >= self.since_us && self.is_episodic.is_none_or(|wanted| wanted == mark.is_episodic)
    }
}

impl Stand {
    fn empty(dims: usize) -> Self {
        Self { shelf: RwLock::new(Shelf::new(dims)), upto: tokio::sync::Mutex::default() }
    }

    fn bytes(&self) -> usize {
        self.shelf.read().unwrap_or_else(PoisonError::into_inner).bytes()
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Shelf> {
        self.shelf.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl MemoryIndex for EmbeddedMemory {
    async fn add(&self, memories: &[Embedded]) -> Result<usize, MemoryError> {
        rows::add(&self.store, memories).await
    }

    async fn search(&self, search: &MemorySearch) -> Result<Vec<FoundMemory>, MemoryError> {
        let Some(head) = rows::head(&self.store, search.agent_id).await? else { return Ok(vec![]) };
        // What rounding may have moved past each other is told apart by the exact numbers.
        let ids = self.near(search, &head, search.limit() * 2 + 16).await?;
        self.exact(search, ids).await
    }

    async fn recent(
        &self,
        agent_id: AgentId,
        kind: MemoryKind,
        since: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<Memory>, MemoryError> {
        rows::recent(&self.store, agent_id, kind, since, limit).await
    }

    async fn forget(&self, what: &Forget) -> Result<u64, MemoryError> {
        rows::forget(&self.store, what).await
    }

    async fn count(&self, agent_id: AgentId) -> Result<u64, MemoryError> {
        rows::count(&self.store, agent_id).await
    }
}
