//! The one way in which a mutable row is written: by naming the version that was read.

use sea_orm::{
    ActiveModelBehavior, ActiveModelTrait, ConnectionTrait, EntityTrait, IdenStatic as _, IntoActiveModel,
    Iterable as _, ModelTrait as _, QueryFilter, QuerySelect, Select,
    sea_query::{Expr, ExprTrait, Query, SelectStatement},
};
use uuid::Uuid;

use chimera_domain::{AuditRecord, StateVersion, TenantId};

use crate::{
    Result, RowKind, Store, StoreError, audit,
    batch::{self, of_tenant},
    codec::Mapped,
};

/// Rows written by one statement; bounds its size and the work of its CASE expressions, which is quadratic.
const ROWS_PER_STATEMENT: usize = 200;

/// How often a save that met another one is tried in all.
const SAVE_ATTEMPTS_MAX: u32 = 5;

/// A row as the caller read it.
pub(crate) type Seen = (Uuid, StateVersion);

/// Writes `set` to each row whose version is still the one given, and counts the write. Rows that someone else has
/// written meanwhile are left alone; the rows written are returned, as they are now, in no particular order.
pub(crate) async fn update<E: EntityTrait>(
    db: &impl ConnectionTrait,
    tenant: TenantId,
    rows: &[Seen],
    set: impl Fn(&[Seen]) -> Vec<(E::Column, Expr)>,
) -> Result<Vec<E::Model>> {
    let mut written = Vec::with_capacity(rows.len());
    for chunk in rows.chunks(ROWS_PER_STATEMENT) {
        let mut update = E::update_many()
            .filter(of_tenant::<E>(tenant))
            .filter(Expr::col((E::default(), "id")).is_in(batch::padded(chunk.iter().map(|(id, _)| *id))))
            .filter(is_still::<E>(chunk));
        for (column, value) in set(chunk) {
            update = update.col_expr(column, value);
        }
        let counted = Expr::col((E::default(), "state_version")).add(1_i64);
        sea_orm::QueryTrait::query(&mut update).value("state_version", counted);
        written.extend(update.exec_with_returning(db).await?);
    }
    Ok(written)
}

/// Writes one row, or says who stood in the way.
///
/// # Errors
/// [`StoreError::Conflict`] with both versions, or [`StoreError::NotFound`].
pub(crate) async fn update_one<E: EntityTrait>(
    db: &impl ConnectionTrait,
    tenant: TenantId,
    entity: RowKind,
    (id, expected): Seen,
    set: Vec<(E::Column, Expr)>,
) -> Result<E::Model> {
    let written = update::<E>(db, tenant, &[(id, expected)], |_| set.clone()).await?;
    if let Some(row) = written.into_iter().next() {
        return Ok(row);
    }
    let found: Option<i64> = E::find()
        .select_only()
        .expr(Expr::col((E::default(), "state_version")))
        .filter(of_tenant::<E>(tenant))
        .filter(Expr::col((E::default(), "id")).eq(id))
        .into_tuple()
        .one(db)
        .await?;
    Err(found.map_or(StoreError::NotFound { entity, id }, |found| StoreError::Conflict {
        entity,
        id,
        expected,
        found: StateVersion::new(found),
    }))
}

/// Inserts `entity`, or brings the stored row that `find` finds up to date: `differences` names what is to be written,
/// if anything is. `logged` says what goes into the audit log: it is given the row as it is now and the names of the
/// columns that changed, none when the row is new. Returns the entity as it stands.
///
/// # Errors
/// [`StoreError`] when the database fails, or others keep saving the same entity.
pub(crate) async fn save<E>(
    store: &Store,
    kind: RowKind,
    entity: &E::Domain,
    find: Select<E>,
    differences: impl Fn(&E::Model) -> (Seen, Vec<(E::Column, Expr)>),
    logged: impl Fn(&E::Model, &str) -> AuditRecord,
) -> Result<E::Domain>
where
    E: Mapped,
    E::Model: IntoActiveModel<E::ActiveModel>,
    E::ActiveModel: ActiveModelTrait<Entity = E> + ActiveModelBehavior + Send,
{
    let mut attempt = 1;
    loop {
        let Some(stored) = find.clone().one(&store.db).await? else {
            // Whether this insert or another one made the row, the next reading finds it. If it never does, the id is
            // taken by another row, and the last insert says so.
            let tx = store.begin().await?;
            if attempt == SAVE_ATTEMPTS_MAX {
                batch::insert::<E>(&*tx, store.tenant, [entity]).await?;
            } else if batch::insert_new::<E>(&*tx, store.tenant, [entity]).await? == 0 {
                attempt += 1;
                continue;
            }
            let row = E::write(entity, store.tenant)?;
            audit::append(&*tx, store.tenant, &[logged(&row, "")]).await?;
            tx.commit().await?;
            return E::read(row);
        };
        let (seen, set) = differences(&stored);
        if set.is_empty() {
            return E::read(stored);
        }
        let tx = store.begin().await?;
        match update_one::<E>(&*tx, store.tenant, kind, seen, set).await {
            Err(StoreError::Conflict { .. }) if attempt < SAVE_ATTEMPTS_MAX => attempt += 1,
            Err(error) => return Err(error),
            Ok(row) => {
                audit::append(&*tx, store.tenant, &[logged(&row, &changed::<E>(&stored, &row))]).await?;
                tx.commit().await?;
                return E::read(row);
            }
        }
    }
}

/// The names of the columns in which two versions of a row differ, but for what every write changes.
pub(crate) fn changed<E: EntityTrait>(before: &E::Model, after: &E::Model) -> String {
    let columns = E::Column::iter().filter(|column| before.get(*column) != after.get(*column));
    let names: Vec<&str> = columns.map(|column| column.as_str()).collect();
    let told = names.into_iter().filter(|name| !["state_version", "updated_at"].contains(name));
    told.collect::<Vec<_>>().join(" ")
}

/// Whether a row still has the version that was read. A list of row values: SQLite takes one from a subquery only.
///
/// To be used beside a condition on the ids: where all versions are the same, they alone are compared.
pub(crate) fn is_still<E: EntityTrait>(rows: &[Seen]) -> Expr {
    let version_is = Expr::col((E::default(), "state_version"));
    if let Some((_, first)) = rows.first()
        && rows.iter().all(|(_, version)| version == first)
    {
        return version_is.eq(first.get());
    }
    let pairs = batch::padded(rows.iter().map(|(id, version)| (*id, version.get())));
    let list: SelectStatement = Query::select().expr(Expr::cust("*")).from_values(pairs, "seen").take();
    Expr::tuple([Expr::col((E::default(), "id")), version_is]).in_subquery(list)
}
