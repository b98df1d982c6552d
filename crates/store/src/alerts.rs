//! Alerts, and the log of tool calls.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, UpdateMany,
    sea_query::{Expr, ExprTrait, LockType},
};
use uuid::Uuid;

use chimera_domain::{Actor, Alert, AlertId, AlertKind, LedgerEntry, TaskId, TenantId, ToolCall, Usd, sha256_parts};

use crate::{
    Result, Store,
    audit::{self, records},
    batch,
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
        self.alerts_page(None, limit).await
    }

    /// The same, those that come after `after`: where the page before ended, acknowledged since or not.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn alerts_page(&self, after: Option<AlertId>, limit: u64) -> Result<Vec<Alert>> {
        use alerts::{Column as C, Entity as E};
        let mut select = E::find()
            .filter(batch::of_tenant::<E>(self.tenant))
            .filter(C::AcknowledgedBy.is_null())
            .order_by_desc(C::CreatedAt)
            .order_by_desc(C::Id)
            .limit(limit);
        if let Some(after) = after {
            select = select.filter(self.comes_after::<E>([C::CreatedAt, C::Id], C::Id, after.as_uuid()));
        }
        batch::read_all::<E>(select.all(&self.db).await?)
    }

    /// Ends alerts of a kind whose condition is over: those that nobody has acknowledged, and of whose subject `lasts` does
    /// not say that it lasts. `by` counts as whoever acknowledged them. Returns their subjects.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn alerts_end(&self, kind: AlertKind, lasts: impl Fn(&str) -> bool, by: &Actor) -> Result<Vec<String>> {
        use alerts::Column as C;
        let open: Vec<(Uuid, String)> = alerts::Entity::find()
            .select_only()
            .columns([C::Id, C::Subject])
            .filter(batch::of_tenant::<alerts::Entity>(self.tenant))
            .filter(C::Kind.eq(kind.as_str()))
            .filter(C::AcknowledgedBy.is_null())
            .into_tuple()
            .all(&self.db)
            .await?;
        let (ids, subjects): (Vec<Uuid>, Vec<String>) = open.into_iter().filter(|(_, subject)| !lasts(subject)).unzip();
        for chunk in ids.chunks(BINDS_MAX - 3) {
            let _turn = self.turn().await;
            close(self.tenant, by).filter(C::Id.is_in(chunk.iter().copied())).exec(&self.db).await?;
        }
        Ok(subjects)
    }

    /// Acknowledges alerts at the word of whoever holds this store ([`Self::acting_as`]), and logs that. Those that are
    /// unknown or acknowledged already are left alone. Returns those that were open.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails; then nothing was written.
    pub async fn alerts_acknowledge(&self, ids: &[AlertId], now: DateTime<Utc>) -> Result<Vec<Alert>> {
        use alerts::Column as C;
        self.retrying(|| async {
            let tx = self.begin().await?;
            let mut open = Vec::new();
            for chunk in ids.chunks(BINDS_MAX - 3) {
                let wanted = chunk.iter().map(|id| id.as_uuid());
                let rows = alerts::Entity::find()
                    .filter(batch::of_tenant::<alerts::Entity>(self.tenant))
                    .filter(C::Id.is_in(wanted))
                    .filter(C::AcknowledgedBy.is_null())
                    .order_by_asc(C::Id)
                    .lock(LockType::NoKeyUpdate)
                    .all(&*tx)
                    .await?;
                let found = rows.iter().map(|row| row.id);
                close(self.tenant, &self.actor).filter(C::Id.is_in(found)).exec(&*tx).await?;
                open.extend(rows);
            }
            let logged: Vec<_> =
                open.iter().map(|row| records::alert_acknowledged(row, self.actor.clone(), now)).collect();
            audit::append(&*tx, self.tenant, &logged).await?;
            tx.commit().await?;
            batch::read_all::<alerts::Entity>(open)
        })
        .await
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
        close(tenant, by)
            .filter(C::Kind.eq(AlertKind::DeadLetter.as_str()))
            .filter(C::Subject.is_in(chunk))
            .exec(db)
            .await?;
    }
    Ok(())
}

/// Closes alerts that are open.
fn close(tenant: TenantId, by: &Actor) -> UpdateMany<alerts::Entity> {
    use alerts::Column as C;
    alerts::Entity::update_many()
        .col_expr(C::AcknowledgedBy, Expr::val(text(&by.to_string())))
        .col_expr(C::StateVersion, Expr::col(C::StateVersion).add(1_i64))
        .filter(batch::of_tenant::<alerts::Entity>(tenant))
        .filter(C::AcknowledgedBy.is_null())
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
