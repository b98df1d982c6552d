//! Alerts, and the log of tool calls.

use std::collections::BTreeMap;

use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait},
};
use uuid::Uuid;

use chimera_domain::{Actor, Alert, AlertId, AlertKind, LedgerEntry, TaskId, TenantId, ToolCall, Usd, sha256_parts};

use crate::{
    Result, Store, batch,
    codec::text,
    dialect::BINDS_MAX,
    entity::{alerts, tool_calls},
    spend,
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

    /// Records tool calls, and enters what they cost in the spend ledger; one that is recorded already is left as it is.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn tool_calls_record(&self, calls: &[ToolCall]) -> Result<()> {
        if calls.iter().all(|call| call.cost_usd <= Usd::ZERO) {
            let _turn = self.turn().await;
            insert_calls(&self.db, self.tenant, calls).await?;
            return Ok(());
        }
        self.retrying(|| async {
            let tx = self.begin().await?;
            tx.entered(record_calls(&*tx, self.tenant, calls).await?);
            tx.commit().await
        })
        .await
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

/// Acknowledges what told of these dead letters.
pub(crate) async fn acknowledge(
    db: &impl ConnectionTrait,
    tenant: TenantId,
    dead: &[TaskId],
    by: &Actor,
) -> Result<()> {
    use alerts::Column as C;
    let subjects: Vec<String> = dead.iter().map(ToString::to_string).collect();
    for chunk in subjects.chunks(BINDS_MAX - 4) {
        alerts::Entity::update_many()
            .col_expr(C::AcknowledgedBy, Expr::val(text(&by.to_string())))
            .col_expr(C::StateVersion, Expr::col(C::StateVersion).add(1_i64))
            .filter(batch::of_tenant::<alerts::Entity>(tenant))
            .filter(C::Kind.eq(AlertKind::DeadLetter.as_str()))
            .filter(C::Subject.is_in(chunk))
            .filter(C::AcknowledgedBy.is_null())
            .exec(db)
            .await?;
    }
    Ok(())
}

/// Records calls that no attempt at a task made, and enters what the new ones cost in the spend ledger. Returns the
/// entries.
pub(crate) async fn record_calls<'a>(
    db: &impl ConnectionTrait,
    tenant: TenantId,
    calls: impl IntoIterator<Item = &'a ToolCall>,
) -> Result<Vec<LedgerEntry>> {
    let new = insert_calls(db, tenant, calls).await?;
    spend::loose(db, tenant, &new).await
}

/// Records calls; gives those that were not recorded before. Whoever records a call enters what it cost.
pub(crate) async fn insert_calls<'a>(
    db: &impl ConnectionTrait,
    tenant: TenantId,
    calls: impl IntoIterator<Item = &'a ToolCall>,
) -> Result<Vec<&'a ToolCall>> {
    let mut by_id: BTreeMap<Uuid, &ToolCall> = calls.into_iter().map(|call| (call.id.as_uuid(), call)).collect();
    let written = batch::insert_unknown::<tool_calls::Entity>(db, tenant, by_id.values().copied()).await?;
    Ok(written.iter().filter_map(|id| by_id.remove(id)).collect())
}

/// The store draws no ids by chance: an alert's follows from its reason and from the row and version it is about, so that
/// one event alerts once.
pub(crate) fn alert_id(reason: &str, id: Uuid, version: i64) -> AlertId {
    let hash = sha256_parts(&[reason.as_bytes(), id.as_bytes(), &version.to_be_bytes()]);
    AlertId::from_uuid(hash.get(..32).and_then(|hex| Uuid::try_parse(hex).ok()).unwrap_or(id))
}
