//! The audit log. Whoever decides or does something appends to it in the same transaction, as the last thing before the
//! commit: the head is the last lock that is taken, so transactions that append wait for one another, but never in a
//! circle, and the chain never forks. A batch costs three statements, however many entries it has.

mod adopt;
pub(crate) mod records;
mod verify;

pub use verify::AuditReport;

use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait, LockType, OnConflict},
};

use chimera_domain::{AuditAction, AuditEntry, AuditHead, AuditRecord, AuditSubject, StateVersion, TenantId, TraceId};

use crate::{
    Result, RowKind, Store, StoreError, batch,
    codec::text,
    entity::{audit_head, audit_log},
    guards, migration,
};

/// Which entries to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Only those about this post.
    pub trace_id: Option<TraceId>,
    /// Only those by this actor, such as `judge` or `operator:mara`.
    pub actor: Option<String>,
    /// Only those of this kind.
    pub action: Option<AuditAction>,
    /// Only those before this number.
    pub before: Option<i64>,
    /// Only those from this number on: bounds how much is looked through for entries that are rare.
    pub from: Option<i64>,
    /// At most so many.
    pub limit: u64,
}

impl Store {
    /// Logs what was done outside of this store's own methods, such as a restore.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails; then nothing was written.
    pub async fn audit_append(&self, records: &[AuditRecord]) -> Result<()> {
        self.retrying(|| async {
            let tx = self.begin().await?;
            append(&*tx, self.tenant, records).await?;
            tx.commit().await
        })
        .await
    }

    /// Logs that these migrations were applied, and puts back triggers that someone took away. A log that has just been
    /// made takes in what was decided before it; a database that has just been made leaves it empty.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub(crate) async fn audit_migrated(&self, db: &impl ConnectionTrait, applied: &[String]) -> Result<()> {
        if applied.iter().any(|name| name == migration::AUDIT) {
            let now = self.database_now(db).await?;
            return adopt::adopt(db, now).await;
        }
        let gone = guards::missing(db).await?;
        if !gone.is_empty() {
            guards::install(db).await?;
        }
        self.audit_schema(db, AuditAction::SchemaMigrated, applied, &gone).await
    }

    /// Logs that these migrations were undone, unless the log went with them.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub(crate) async fn audit_rolled_back(&self, db: &impl ConnectionTrait, undone: &[String]) -> Result<()> {
        if undone.iter().any(|name| name.as_str() <= migration::AUDIT) {
            return Ok(());
        }
        self.audit_schema(db, AuditAction::SchemaRolledBack, undone, &[]).await
    }

    async fn audit_schema(
        &self,
        db: &impl ConnectionTrait,
        action: AuditAction,
        migrations: &[String],
        triggers: &[&str],
    ) -> Result<()> {
        if migrations.is_empty() && triggers.is_empty() {
            return Ok(());
        }
        let now = self.database_now(db).await?;
        let whole = (AuditSubject::Database, self.tenant.as_uuid());
        let record = AuditRecord::new(now, self.actor.clone(), action, whole.0, whole.1);
        let some = |names: &[&str]| (!names.is_empty()).then(|| names.join(" "));
        let migrations: Vec<&str> = migrations.iter().map(String::as_str).collect();
        let record = record.with_some("migrations", some(&migrations)).with_some("triggers", some(triggers));
        append(db, self.tenant, &[record]).await
    }

    /// Where the log ends.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn audit_head(&self) -> Result<AuditHead> {
        Ok(head(&self.db, self.tenant, None).await?.map_or_else(AuditHead::start, |(head, _)| head))
    }

    /// Entries of the log, newest first. They are not checked here: see [`Self::audit_verify`].
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn audit_entries(&self, filter: &AuditFilter) -> Result<Vec<AuditEntry>> {
        use audit_log::Column as C;
        let mut select = audit_log::Entity::find().filter(batch::of_tenant::<audit_log::Entity>(self.tenant));
        if let Some(trace_id) = filter.trace_id {
            select = select.filter(C::TraceId.eq(trace_id.to_string()));
        }
        if let Some(actor) = &filter.actor {
            select = select.filter(C::Actor.eq(text(actor)));
        }
        if let Some(action) = filter.action {
            select = select.filter(C::Action.eq(action.as_str()));
        }
        if let Some(before) = filter.before {
            select = select.filter(C::Seq.lt(before));
        }
        if let Some(from) = filter.from {
            select = select.filter(C::Seq.gte(from));
        }
        let rows = select.order_by_desc(C::Seq).limit(filter.limit).all(&self.db).await?;
        batch::read_all::<audit_log::Entity>(rows)
    }
}

/// Appends to the tenant's chain. To be called last before the commit; see the file's opening.
pub(crate) async fn append(db: &impl ConnectionTrait, tenant: TenantId, records: &[AuditRecord]) -> Result<()> {
    if records.is_empty() {
        return Ok(());
    }
    let (mut end, version) = lock_head(db, tenant).await?;
    let entries: Vec<AuditEntry> = records.iter().map(|record| end.append(tenant, record)).collect();
    batch::insert::<audit_log::Entity>(db, tenant, &entries).await?;
    use audit_head::Column as C;
    let moved = audit_head::Entity::update_many()
        .col_expr(C::Seq, Expr::val(end.seq))
        .col_expr(C::Hash, Expr::val(end.hash))
        .col_expr(C::StateVersion, Expr::col(C::StateVersion).add(1_i64))
        .filter(batch::of_tenant::<audit_head::Entity>(tenant))
        .filter(C::StateVersion.eq(version.get()))
        .exec(db)
        .await?;
    if moved.rows_affected == 1 {
        return Ok(());
    }
    // The head was locked, so this is a fault in this crate; it must not pass in silence.
    let found = StateVersion::new(0);
    Err(StoreError::Conflict { entity: RowKind::AuditEntry, id: tenant.as_uuid(), expected: version, found })
}

/// Locks the tenant's head until the transaction ends; makes it where there is none yet.
async fn lock_head(db: &impl ConnectionTrait, tenant: TenantId) -> Result<(AuditHead, StateVersion)> {
    if let Some(found) = head(db, tenant, Some(LockType::NoKeyUpdate)).await? {
        return Ok(found);
    }
    let start = AuditHead::start();
    let row = audit_head::Model {
        tenant_id: tenant.as_uuid(),
        seq: start.seq,
        hash: start.hash,
        state_version: StateVersion::FIRST.get(),
    };
    // Someone else may make it at the same time; whoever comes second waits here and finds it.
    batch::insert_rows::<audit_head::Entity>(db, vec![row], Some(OnConflict::new().do_nothing().to_owned())).await?;
    let made = head(db, tenant, Some(LockType::NoKeyUpdate)).await?;
    made.ok_or(StoreError::NotFound { entity: RowKind::AuditEntry, id: tenant.as_uuid() })
}

async fn head(
    db: &impl ConnectionTrait,
    tenant: TenantId,
    lock: Option<LockType>,
) -> Result<Option<(AuditHead, StateVersion)>> {
    let mut select = audit_head::Entity::find().filter(batch::of_tenant::<audit_head::Entity>(tenant));
    if let Some(lock) = lock {
        select = select.lock(lock);
    }
    let row = select.one(db).await?;
    Ok(row.map(|row| (AuditHead { seq: row.seq, hash: row.hash }, StateVersion::new(row.state_version))))
}
