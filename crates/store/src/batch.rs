//! Many rows in few statements.

use sea_orm::{
    ActiveModelBehavior, ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, Iterable,
    QueryFilter, Value,
    sea_query::{CaseStatement, Expr, ExprTrait, OnConflict},
};
use uuid::Uuid;

use chimera_domain::TenantId;

use crate::{
    Result,
    codec::Mapped,
    dialect::{BINDS_MAX, LISTED_MAX},
};

/// Rows of this tenant.
pub(crate) fn of_tenant<E: EntityTrait>(tenant: TenantId) -> Expr {
    Expr::col((E::default(), "tenant_id")).eq(tenant.as_uuid())
}

/// Inserts every entity; a row that breaks a unique index is an error.
pub(crate) async fn insert<'a, E>(
    db: &impl ConnectionTrait,
    tenant: TenantId,
    entities: impl IntoIterator<Item = &'a E::Domain>,
) -> Result<()>
where
    E: Mapped,
    E::Domain: 'a,
    E::Model: IntoActiveModel<E::ActiveModel>,
    E::ActiveModel: ActiveModelTrait<Entity = E> + ActiveModelBehavior + Send,
{
    insert_rows::<E>(db, rows::<E>(tenant, entities)?, None).await?;
    Ok(())
}

/// Inserts entities; one that breaks any unique index is left out. Returns how many went in.
pub(crate) async fn insert_new<'a, E>(
    db: &impl ConnectionTrait,
    tenant: TenantId,
    entities: impl IntoIterator<Item = &'a E::Domain>,
) -> Result<usize>
where
    E: Mapped,
    E::Domain: 'a,
    E::Model: IntoActiveModel<E::ActiveModel>,
    E::ActiveModel: ActiveModelTrait<Entity = E> + ActiveModelBehavior + Send,
{
    insert_rows::<E>(db, rows::<E>(tenant, entities)?, Some(OnConflict::new().do_nothing().to_owned())).await
}

/// Inserts entities; one that breaks any unique index is left out. Returns the ids of those that went in.
pub(crate) async fn insert_unknown<'a, E>(
    db: &impl ConnectionTrait,
    tenant: TenantId,
    entities: impl IntoIterator<Item = &'a E::Domain>,
) -> Result<Vec<Uuid>>
where
    E: Mapped,
    E::Domain: 'a,
    E::Model: IntoActiveModel<E::ActiveModel>,
    E::ActiveModel: ActiveModelTrait<Entity = E> + ActiveModelBehavior + Send,
{
    let mut written = Vec::new();
    let mut rows = rows::<E>(tenant, entities)?.into_iter();
    while rows.len() > 0 {
        let together = rows_together::<E>(rows.len());
        let chunk = rows.by_ref().take(together).map(IntoActiveModel::into_active_model);
        let mut insert = E::insert_many(chunk).on_conflict(OnConflict::new().do_nothing().to_owned());
        let insert = sea_orm::QueryTrait::query(&mut insert).returning_col("id");
        for row in db.query_all(insert).await? {
            written.push(row.try_get_by_index(0)?);
        }
    }
    Ok(written)
}

/// As many rows as one statement has bound values for.
fn rows_max<E: EntityTrait>() -> usize {
    (BINDS_MAX / E::Column::iter().count().max(1)).max(1)
}

/// Up to so many rows or values are written to a statement just as they are.
const FEW: usize = 8;

/// How many of `left` rows go into one statement: a power of two, unless they are few.
///
/// A statement of another length is another statement, which each connection has to prepare: that costs the database more
/// than a small batch itself. So there are but a handful of lengths.
pub(crate) fn rows_together<E: EntityTrait>(left: usize) -> usize {
    together(left, rows_max::<E>())
}

/// The same for a statement that has room for `max`.
fn together(left: usize, max: usize) -> usize {
    let most = left.min(max);
    if most <= FEW { most } else { 1 << most.ilog2() }
}

/// The values, with the last one repeated until their number is a power of two, unless they are few: for lists in which
/// a repetition makes no difference. See [`rows_together`].
pub(crate) fn padded<T: Clone>(values: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut values: Vec<T> = values.into_iter().collect();
    if values.len() > FEW
        && let Some(last) = values.last().cloned()
    {
        values.resize(values.len().next_power_of_two(), last);
    }
    values
}

fn rows<'a, E>(tenant: TenantId, entities: impl IntoIterator<Item = &'a E::Domain>) -> Result<Vec<E::Model>>
where
    E: Mapped,
    E::Domain: 'a,
    E::Model: IntoActiveModel<E::ActiveModel>,
    E::ActiveModel: ActiveModelTrait<Entity = E> + ActiveModelBehavior + Send,
{
    entities.into_iter().map(|entity| E::write(entity, tenant)).collect()
}

/// Inserts rows, as many to a statement as its bound values allow. Returns how many went in.
pub(crate) async fn insert_rows<E>(
    db: &impl ConnectionTrait,
    rows: Vec<E::Model>,
    on_conflict: Option<OnConflict>,
) -> Result<usize>
where
    E: EntityTrait,
    E::Model: IntoActiveModel<E::ActiveModel>,
    E::ActiveModel: ActiveModelTrait<Entity = E> + ActiveModelBehavior + Send,
{
    let mut inserted = 0;
    let mut rows = rows.into_iter();
    while rows.len() > 0 {
        let together = rows_together::<E>(rows.len());
        let chunk = rows.by_ref().take(together).map(IntoActiveModel::into_active_model);
        let mut insert = E::insert_many(chunk);
        if let Some(on_conflict) = &on_conflict {
            insert = insert.on_conflict(on_conflict.clone());
        }
        let count = db.execute(sea_orm::QueryTrait::query(&mut insert)).await?.rows_affected();
        inserted += usize::try_from(count).unwrap_or(usize::MAX);
    }
    Ok(inserted)
}

/// This tenant's rows whose `column` is one of `values`, in no particular order.
pub(crate) async fn find<E: EntityTrait>(
    db: &impl ConnectionTrait,
    tenant: TenantId,
    column: E::Column,
    values: impl IntoIterator<Item = impl Into<Value>>,
) -> Result<Vec<E::Model>> {
    let values: Vec<Value> = values.into_iter().map(Into::into).collect();
    let mut found = Vec::new();
    for chunk in values.chunks(LISTED_MAX) {
        let select = E::find().filter(of_tenant::<E>(tenant)).filter(column.is_in(padded(chunk.iter().cloned())));
        found.extend(select.all(db).await?);
    }
    Ok(found)
}

/// The entities that rows hold.
pub(crate) fn read_all<E>(rows: Vec<E::Model>) -> Result<Vec<E::Domain>>
where
    E: Mapped,
    E::Model: IntoActiveModel<E::ActiveModel>,
    E::ActiveModel: ActiveModelTrait<Entity = E> + ActiveModelBehavior + Send,
{
    rows.into_iter().map(E::read).collect()
}

/// Sets `column` to a value of its own for each row named by its id, and leaves it as it is in all others. The statement
/// writes `rows` rows.
pub(crate) fn per_row<E: EntityTrait>(
    column: E::Column,
    rows: usize,
    values: impl IntoIterator<Item = (Uuid, Value)>,
) -> (E::Column, Expr) {
    let values = values.into_iter().map(|(id, value)| (id, Expr::val(value)));
    (column, by_id::<E>(rows, values, Expr::col((E::default(), column))))
}

/// A value of its own for each row named by its id, and `otherwise` for all others of the `rows` rows.
pub(crate) fn by_id<E: EntityTrait>(
    rows: usize,
    values: impl IntoIterator<Item = (Uuid, Expr)>,
    otherwise: Expr,
) -> Expr {
    let values: Vec<(Uuid, Expr)> = values.into_iter().collect();
    // Mostly a batch goes one way, and nothing has to be told apart.
    if let Some((_, first)) = values.first()
        && values.len() == rows
        && values.iter().all(|(_, value)| value == first)
    {
        return first.clone();
    }
    let mut case: Option<CaseStatement> = None;
    for (id, value) in padded(values) {
        let condition = Expr::col((E::default(), "id")).eq(id);
        case = Some(case.unwrap_or_default().case(condition, value));
    }
    match case {
        Some(case) => case.finally(otherwise).into(),
        None => otherwise,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_come_in_a_handful_of_lengths() {
        let lengths = |mut left: usize, max: usize| {
            let mut lengths = Vec::new();
            while left > 0 {
                lengths.push(together(left, max));
                left -= lengths.last().copied().unwrap_or(left);
            }
            lengths
        };
        assert_eq!(lengths(7, 500), [7]);
        assert_eq!(lengths(100, 500), [64, 32, 4]);
        assert_eq!(lengths(1_000, 500), [256, 256, 256, 128, 64, 32, 8]);
        assert_eq!(padded([1, 2, 3]), [1, 2, 3]);
        assert_eq!(padded(1..=9), [1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 9, 9, 9, 9, 9]);
        assert_eq!(padded(0..0), [0; 0]);
    }
}
