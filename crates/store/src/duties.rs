//! Duties: what one process at a time does, such as sweeping. Held by a lease on the database's clock.

use std::time::Duration;

use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter,
    sea_query::{Expr, ExprTrait, OnConflict, Query},
};

use chimera_domain::StateVersion;

use crate::{
    Result, Store, batch,
    codec::text,
    entity::duties::{Column, Entity},
};

/// What one process at a time does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Duty {
    /// Putting back and delivering again what was lost.
    Sweep,
    /// Deleting old rows that nobody needs any more.
    Prune,
    /// Spotting trends.
    Trends,
    /// Telling the webhook of alerts.
    Notify,
}

impl Duty {
    /// Its name in the database and in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sweep => "sweep",
            Self::Prune => "prune",
            Self::Trends => "trends",
            Self::Notify => "notify",
        }
    }
}

impl Store {
    /// Takes on a duty, or prolongs it, until `lease` has passed on the database's clock; one statement. `None` when
    /// someone else holds it. The version counts the changes of hands: whoever has another one holds it no more.
    ///
    /// A holder may hold it longer than it knows, and one that was slow may go on for a moment after its lease: a duty
    /// keeps others from doing the same work twice, and must be harmless when it is.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn duty_hold(&self, duty: Duty, owner: &str, lease: Duration) -> Result<Option<StateVersion>> {
        let column = |column| Expr::col((Entity, column));
        let lapsed = column(Column::LeaseExpiresMs).lte(self.backend.clock_ms());
        let counted =
            Expr::case(lapsed.clone(), column(Column::StateVersion).add(1_i64)).finally(column(Column::StateVersion));
        let conflict = OnConflict::columns([Column::TenantId, Column::Name])
            .update_columns([Column::Owner, Column::LeaseExpiresMs])
            .value(Column::StateVersion, counted)
            .action_and_where(column(Column::Owner).eq(text(owner)).or(lapsed))
            .to_owned();
        let mut hold = Query::insert();
        hold.into_table(Entity)
            .columns([Column::TenantId, Column::Name, Column::Owner, Column::LeaseExpiresMs, Column::StateVersion])
            .values([
                self.tenant.as_uuid().into(),
                duty.as_str().into(),
                text(owner).into(),
                self.lease_end(lease),
                1_i64.into(),
            ])
            .map_err(|error| DbErr::Custom(error.to_string()))?
            .on_conflict(conflict)
            .returning_col(Column::StateVersion);
        let _turn = self.turn().await;
        let row = self.db.query_one(&hold).await?;
        Ok(row.map(|row| row.try_get_by_index::<i64>(0)).transpose()?.map(StateVersion::new))
    }

    /// Lays a duty down, so that the next one need not wait for the lease to lapse. False when someone else holds it.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn duty_release(&self, duty: Duty, owner: &str) -> Result<bool> {
        let _turn = self.turn().await;
        let released = Entity::update_many()
            .col_expr(Column::LeaseExpiresMs, self.backend.clock_ms())
            .filter(batch::of_tenant::<Entity>(self.tenant))
            .filter(Column::Name.eq(duty.as_str()))
            .filter(Column::Owner.eq(text(owner)))
            .exec(&self.db)
            .await?;
        Ok(released.rows_affected > 0)
    }
}
