//! Alerts, and the log of tool calls.

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use chimera_domain::{Alert, TenantId, ToolCall};

use crate::{
    Result, Store, batch,
    entity::{alerts, tool_calls},
};

impl Store {
    /// Raises alerts. One of the same kind, subject and reason that nobody has acknowledged yet is not repeated.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn alerts_raise(&self, alerts: &[Alert]) -> Result<()> {
        let _turn = self.turn().await;
        raise(&self.db, self.tenant, alerts).await
    }

    /// Alerts that nobody has acknowledged, newest first.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn alerts_open(&self, limit: u64) -> Result<Vec<Alert>> {
        use alerts::Column as C;
        let rows = alerts::Entity::find()
            .filter(batch::of_tenant::<alerts::Entity>(self.tenant))
            .filter(C::AcknowledgedBy.is_null())
            .order_by_desc(C::CreatedAt)
            .order_by_desc(C::Id)
            .limit(limit)
            .all(&self.db)
            .await?;
        batch::read_all::<alerts::Entity>(rows)
    }

    /// Records tool calls; one that is recorded already is left as it is.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn tool_calls_record(&self, calls: &[ToolCall]) -> Result<()> {
        let _turn = self.turn().await;
        record_calls(&self.db, self.tenant, calls).await
    }
}

pub(crate) async fn raise<'a>(
    db: &impl ConnectionTrait,
    tenant: TenantId,
    alerts: impl IntoIterator<Item = &'a Alert>,
) -> Result<()> {
    batch::insert_new::<alerts::Entity>(db, tenant, alerts).await?;
    Ok(())
}

pub(crate) async fn record_calls<'a>(
    db: &impl ConnectionTrait,
    tenant: TenantId,
    calls: impl IntoIterator<Item = &'a ToolCall>,
) -> Result<()> {
    batch::insert_new::<tool_calls::Entity>(db, tenant, calls).await?;
    Ok(())
}
