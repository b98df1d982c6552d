//! The rows of memories, whatever finds them again.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, Iterable as _, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait as _,
    sea_query::{Alias, Expr, ExprTrait, OnConflict, Query, SelectStatement},
};
use uuid::Uuid;

use chimera_domain::{AgentId, Memory, MemoryId, MemoryKind};

use super::{Embedded, Forget, MemoryError, MemorySearch};
use crate::{
    Backend, Store, batch,
    codec::{Mapped as _, time},
    dialect::BINDS_MAX,
    entity::{
        memories::{Column, EMBEDDING, Entity, Model},
        memory_heads::{self, Column as Head, Entity as Heads},
    },
    store::WriteTx,
    vector,
};

/// Memories that one statement forgets.
const FORGET_BATCH: usize = 5_000;

/// Memories with the vectors that go with them, by id: one that is named twice counts once.
type Batch<'a> = BTreeMap<Uuid, (Model, &'a [f32])>;

pub(super) async fn add(store: &Store, memories: &[Embedded]) -> Result<usize, MemoryError> {
    let mut batch = Batch::new();
    for (memory, vector) in memories {
        if memory.model != *vector.model() {
            let (said, found) = (memory.model.clone(), vector.model().clone());
            return Err(MemoryError::OtherModel { id: memory.id, said, found });
        }
        let row = Entity::write(memory, store.tenant)?;
        batch.entry(row.id).or_insert((row, vector.values()));
    }
    if batch.is_empty() {
        return Ok(0);
    }
    store
        .retrying(|| async {
            let tx = store.begin().await?;
            let added = insert(&tx, store, &batch).await?;
            tx.commit().await?;
            Ok(added)
        })
        .await
}

async fn insert(tx: &WriteTx, store: &Store, batch: &Batch<'_>) -> Result<usize, MemoryError> {
    let mut wanted: BTreeMap<Uuid, i64> = BTreeMap::new();
    for (row, _) in batch.values() {
        *wanted.entry(row.agent_id).or_default() += 1;
    }
    // Takes the agents' heads, always in the same order; who adds to the same agent waits here.
    let mut next = places(tx, store, &wanted).await?;
    let mut rows = Vec::with_capacity(batch.len());
    for (row, values) in batch.values() {
        let seq = next.entry(row.agent_id).or_default();
        *seq += 1;
        rows.push((Model { seq: *seq, ..row.clone() }, *values));
    }
    let mut rows = rows.into_iter();
    let mut known = wanted;
    let mut added = 0;
    while rows.len() > 0 {
        let together = batch::rows_together::<Entity>(rows.len());
        let statement = insert_rows(rows.by_ref().take(together), store.backend)?;
        for found in tx.query_all(&statement).await? {
            let agent: Uuid = found.try_get_by_index(0)?;
            known.entry(agent).and_modify(|count| *count -= 1);
            added += 1;
        }
    }
    known.retain(|_, count| *count > 0);
    uncount(tx, store, &known, 0).await?;
    Ok(added)
}

/// Gives each agent places for so many memories more; returns the place before the first of them.
async fn places(tx: &WriteTx, store: &Store, wanted: &BTreeMap<Uuid, i64>) -> Result<BTreeMap<Uuid, i64>, MemoryError> {
    let (mine, new) = (|c| Expr::col((Heads, c)), |c| Expr::col((Alias::new("excluded"), c)));
    let on_conflict = OnConflict::columns([Head::TenantId, Head::AgentId])
        .value(Head::Seq, mine(Head::Seq).add(new(Head::Seq)))
        .value(Head::Live, mine(Head::Live).add(new(Head::Live)))
        .value(Head::StateVersion, mine(Head::StateVersion).add(1_i64))
        .to_owned();
    let heads: Vec<memory_heads::Model> = wanted
        .iter()
        .map(|(agent, count)| memory_heads::Model {
            tenant_id: store.tenant.as_uuid(),
            agent_id: *agent,
            seq: *count,
            live: *count,
            forgotten: 0,
            state_version: 1,
        })
        .collect();
    let mut places = BTreeMap::new();
    let mut heads = heads.into_iter();
    while heads.len() > 0 {
        let together = batch::rows_together::<Heads>(heads.len());
        let chunk: Vec<memory_heads::ActiveModel> = heads.by_ref().take(together).map(Into::into).collect();
        let mut insert = Heads::insert_many(chunk).on_conflict(on_conflict.clone());
        let insert = insert.query().returning(Query::returning().columns([Head::AgentId, Head::Seq]));
        for row in tx.query_all(insert).await? {
            let (agent, seq): (Uuid, i64) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
            places.insert(agent, seq - wanted.get(&agent).copied().unwrap_or_default());
        }
    }
    Ok(places)
}

pub(crate) fn insert_rows<'a>(
    rows: impl Iterator<Item = (Model, &'a [f32])>,
    backend: Backend,
) -> Result<sea_orm::sea_query::InsertStatement, DbErr> {
    let mut insert = Query::insert();
    let columns = Column::iter().map(sea_orm::sea_query::IntoIden::into_iden);
    insert.into_table(Entity).columns(columns.chain([sea_orm::sea_query::IntoIden::into_iden(EMBEDDING)]));
    for (row, values) in rows {
        let Model { id, tenant_id, agent_id, seq, kind, content, source, origin, trace_id, artifact_id, .. } = row;
        let Model { importance, model, dims, created_at, .. } = row;
        insert
            .values([
                Expr::val(id),
                Expr::val(tenant_id),
                Expr::val(agent_id),
                Expr::val(seq),
                Expr::val(kind),
                Expr::val(content),
                Expr::val(source),
                Expr::val(origin),
                Expr::val(trace_id),
                Expr::val(artifact_id),
                Expr::val(importance),
                Expr::val(model),
                Expr::val(dims),
                Expr::val(created_at),
                numbers(values, backend),
            ])
            .map_err(|error| DbErr::Custom(error.to_string()))?;
    }
    insert.on_conflict(OnConflict::new().do_nothing().to_owned());
    insert.returning_col(Column::AgentId);
    Ok(insert)
}

/// The numbers as the column holds them.
fn numbers(values: &[f32], backend: Backend) -> Expr {
    match backend {
        Backend::Sqlite => Expr::val(vector::to_bytes(values)),
        Backend::Postgres => {
            Expr::cust_with_exprs("CAST($1 AS real[])", [Expr::val(vector::to_text(values, vector::ARRAY))])
        }
    }
}

/// Takes memories that are not there off the agents' counts. `forgot` is 1 where some were forgotten.
async fn uncount(tx: &WriteTx, store: &Store, gone: &BTreeMap<Uuid, i64>, forgot: i64) -> Result<(), MemoryError> {
    for chunk in gone.iter().collect::<Vec<_>>().chunks(BINDS_MAX / 4) {
        let mut counts = Expr::case(Expr::val(false), Expr::val(0_i64));
        for (agent, count) in chunk {
            counts = counts.case(Expr::col(Head::AgentId).eq(**agent), Expr::val(**count));
        }
        let counts = counts.finally(Expr::val(0_i64));
        let update = Heads::update_many()
            .col_expr(Head::Live, Expr::col(Head::Live).sub(counts))
            .col_expr(Head::Forgotten, Expr::col(Head::Forgotten).add(forgot))
            .col_expr(Head::StateVersion, Expr::col(Head::StateVersion).add(1_i64))
            .filter(batch::of_tenant::<Heads>(store.tenant))
            .filter(Head::AgentId.is_in(chunk.iter().map(|(agent, _)| **agent)));
        update.exec(&**tx).await?;
    }
    Ok(())
}

/// The agent's head, if it remembers or has ever remembered anything.
pub(super) async fn head(store: &Store, agent_id: AgentId) -> Result<Option<memory_heads::Model>, MemoryError> {
    let select =
        Heads::find().filter(Head::AgentId.eq(agent_id.as_uuid())).filter(batch::of_tenant::<Heads>(store.tenant));
    Ok(select.one(&store.db).await?)
}

pub(super) async fn count(store: &Store, agent_id: AgentId) -> Result<u64, MemoryError> {
    Ok(head(store, agent_id).await?.map_or(0, |head| u64::try_from(head.live).unwrap_or_default()))
}

pub(super) async fn recent(
    store: &Store,
    agent_id: AgentId,
    kind: MemoryKind,
    since: DateTime<Utc>,
    limit: usize,
) -> Result<Vec<Memory>, MemoryError> {
    let rows = Entity::find()
        .filter(Column::AgentId.eq(agent_id.as_uuid()))
        .filter(batch::of_tenant::<Entity>(store.tenant))
        .filter(Column::CreatedAt.gte(time(since)))
        .filter(Column::Kind.eq(kind.as_str()))
        .order_by_desc(Column::CreatedAt)
        .order_by_desc(Column::Id)
        .limit(u64::try_from(limit.min(MemorySearch::LIMIT_MAX)).unwrap_or(u64::MAX))
        .all(&store.db)
        .await?;
    Ok(batch::read_all::<Entity>(rows)?)
}

pub(super) async fn forget(store: &Store, what: &Forget) -> Result<u64, MemoryError> {
    let mut gone = 0;
    if let Forget::Ids(agent, ids) = what {
        for chunk in ids.chunks(FORGET_BATCH) {
            gone += forget_some(store, *agent, &these(store, *agent, chunk)).await?;
        }
        return Ok(gone);
    }
    let (agent, before) = match what {
        Forget::Ids(agent, _) | Forget::Agent(agent) => (*agent, None),
        Forget::OlderThan(agent, before) => (*agent, Some(*before)),
    };
    loop {
        let some = forget_some(store, agent, &older(store, agent, before)).await?;
        gone += some;
        if some < FORGET_BATCH as u64 {
            return Ok(gone);
        }
    }
}

fn of_agent(store: &Store, agent_id: AgentId) -> SelectStatement {
    let mut select = Query::select();
    select.column(Column::Id).from(Entity).and_where(Expr::col(Column::AgentId).eq(agent_id.as_uuid()));
    select.and_where(batch::of_tenant::<Entity>(store.tenant));
    select
}

/// Whether a row is this agent's, in a form that no index is looked up by: where ids are listed, the ids are to lead.
/// Without statistics SQLite would rather read all that the agent remembers.
pub(super) fn beside_ids(store: &Store, agent_id: AgentId) -> Expr {
    let own = Expr::col((Entity, Column::AgentId)).eq(agent_id.as_uuid()).and(batch::of_tenant::<Entity>(store.tenant));
    Expr::expr(Expr::case(own, Expr::val(1_i64)).finally(Expr::val(0_i64))).eq(1_i64)
}

fn these(store: &Store, agent_id: AgentId, ids: &[MemoryId]) -> SelectStatement {
    let mut select = Query::select();
    select.column(Column::Id).from(Entity).and_where(beside_ids(store, agent_id));
    select.and_where(Expr::col(Column::Id).is_in(batch::padded(ids.iter().map(|id| id.as_uuid()))));
    select
}

fn older(store: &Store, agent_id: AgentId, before: Option<DateTime<Utc>>) -> SelectStatement {
    let mut select = of_agent(store, agent_id);
    if let Some(before) = before {
        select.and_where(Expr::col(Column::CreatedAt).lt(time(before)));
    }
    select.order_by(Column::CreatedAt, sea_orm::Order::Asc).limit(FORGET_BATCH as u64);
    select
}

async fn forget_some(store: &Store, agent_id: AgentId, ids: &SelectStatement) -> Result<u64, MemoryError> {
    store
        .retrying(|| async {
            let tx = store.begin().await?;
            let mut delete = Query::delete();
            delete.from_table(Entity).and_where(store.backend.is_one_of(Expr::col((Entity, Column::Id)), ids.clone()));
            let gone = tx.execute(&delete).await?.rows_affected();
            if gone > 0 {
                let counts = BTreeMap::from([(agent_id.as_uuid(), i64::try_from(gone).unwrap_or(i64::MAX))]);
                uncount(&tx, store, &counts, 1).await?;
            }
            tx.commit().await?;
            Ok(gone)
        })
        .await
}
