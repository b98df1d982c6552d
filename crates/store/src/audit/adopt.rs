//! What was decided before there was a log is taken into it when it begins, so that it is covered from then on.

use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, sea_query::Expr};
use uuid::Uuid;

use chimera_domain::{AuditRecord, TenantId, error_chain};

use super::{append, records};
use crate::{
    Result, batch,
    codec::Mapped,
    entity::{decisions, tickets},
};

/// Rows taken in at once.
const PAGE: u64 = 1_000;

/// Logs every decision and every answer, for each tenant. To be called when the log has just been made.
pub(crate) async fn adopt(db: &impl ConnectionTrait, now: DateTime<Utc>) -> Result<()> {
    let mut tenants: Vec<Uuid> = tenants_of::<decisions::Entity>(db).await?;
    tenants.extend(tenants_of::<tickets::Entity>(db).await?);
    tenants.sort_unstable();
    tenants.dedup();
    for tenant in tenants {
        adopt_of(db, TenantId::from_uuid(tenant), now).await?;
    }
    Ok(())
}

async fn tenants_of<E: EntityTrait>(db: &impl ConnectionTrait) -> Result<Vec<Uuid>> {
    let tenants = E::find().select_only().expr(Expr::col((E::default(), "tenant_id"))).distinct();
    Ok(tenants.into_tuple().all(db).await?)
}

async fn adopt_of(db: &impl ConnectionTrait, tenant: TenantId, now: DateTime<Utc>) -> Result<()> {
    let mut after = Uuid::nil();
    loop {
        let rows = decisions::Entity::find()
            .filter(batch::of_tenant::<decisions::Entity>(tenant))
            .filter(decisions::Column::Id.gt(after))
            .order_by_asc(decisions::Column::Id)
            .limit(PAGE)
            .all(db)
            .await?;
        let Some(last) = rows.last().map(|row| row.id) else { break };
        after = last;
        let read = rows.into_iter().map(decisions::Entity::read);
        append(db, tenant, &readable(read, |decision| records::decision_adopted(&decision, now))).await?;
    }
    after = Uuid::nil();
    loop {
        let rows = tickets::Entity::find()
            .filter(batch::of_tenant::<tickets::Entity>(tenant))
            .filter(tickets::Column::Id.gt(after))
            .filter(tickets::Column::Resolution.is_not_null())
            .order_by_asc(tickets::Column::Id)
            .limit(PAGE)
            .all(db)
            .await?;
        let Some(last) = rows.last().map(|row| row.id) else { return Ok(()) };
        after = last;
        let read = rows.into_iter().map(tickets::Entity::read);
        append(db, tenant, &readable(read, |ticket| records::answer_adopted(&ticket, now))).await?;
    }
}

/// One that can't be read stays outside, and is found unlogged.
fn readable<T>(rows: impl Iterator<Item = Result<T>>, record: impl Fn(T) -> AuditRecord) -> Vec<AuditRecord> {
    let told = rows.inspect(|row| {
        if let Err(error) = row {
            tracing::error!(error = %error_chain(error), "a row can't be taken into the audit log");
        }
    });
    told.filter_map(Result::ok).map(record).collect()
}
