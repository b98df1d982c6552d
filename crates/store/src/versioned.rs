//! The one way in which a mutable row is written: by naming the version that was read.

use sea_orm::{
    ConnectionTrait, EntityTrait, QueryFilter, QuerySelect,
    sea_query::{Expr, ExprTrait, Query, SelectStatement},
};
use uuid::Uuid;

use chimera_domain::{StateVersion, TenantId};

use crate::{Entity, Result, StoreError, batch::of_tenant};

/// Rows written by one statement; bounds its size and the work of its CASE expressions, which is quadratic.
const ROWS_PER_STATEMENT: usize = 200;

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
            .filter(Expr::col((E::default(), "id")).is_in(chunk.iter().map(|(id, _)| *id)))
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
    entity: Entity,
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

/// Whether a row still has the version that was read. A list of row values: SQLite takes one from a subquery only.
pub(crate) fn is_still<E: EntityTrait>(rows: &[Seen]) -> Expr {
    let pairs = rows.iter().map(|(id, version)| (*id, version.get()));
    let list: SelectStatement = Query::select().expr(Expr::cust("*")).from_values(pairs, "seen").take();
    Expr::tuple([Expr::col((E::default(), "id")), Expr::col((E::default(), "state_version"))]).in_subquery(list)
}
