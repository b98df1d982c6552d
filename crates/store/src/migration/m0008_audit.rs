//! The audit log with its head, and what keeps the append-only tables from being changed.

use sea_orm_migration::prelude::{
    ConditionalStatement, DbErr, DeriveMigrationName, Expr, ExprTrait, Index, MigrationTrait, SchemaManager, Table,
};
use sea_orm_migration::schema::{big_integer, big_integer_null, text, text_null, timestamp_with_time_zone, uuid};

use super::{create, drop, index};
use crate::guards;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let log = Table::create()
            .table("audit_log")
            .col(uuid("tenant_id"))
            .col(big_integer("seq"))
            .col(timestamp_with_time_zone("at"))
            .col(text("actor"))
            .col(text("action"))
            .col(text("subject_kind"))
            .col(uuid("subject_id"))
            .col(big_integer_null("version_before"))
            .col(big_integer_null("version_after"))
            .col(text_null("trace_id"))
            // A text, not JSON: it is hashed as it stands, and PostgreSQL would put its keys in another order.
            .col(text("details"))
            .col(text_null("subject_digest"))
            .col(text("prev_hash"))
            .col(text("hash"))
            .primary_key(Index::create().col("tenant_id").col("seq"))
            .take();
        let by_trace = index("audit_log_trace", "audit_log", &["tenant_id", "trace_id"])
            .and_where(Expr::col("trace_id").is_not_null())
            .take();
        create(manager, log, [by_trace]).await?;
        let mut tenant = uuid("tenant_id");
        tenant.primary_key();
        let head = Table::create()
            .table("audit_head")
            .col(tenant)
            .col(big_integer("seq"))
            .col(text("hash"))
            .col(big_integer("state_version"))
            .take();
        create(manager, head, []).await?;
        guards::install(manager.get_connection()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        guards::remove(manager.get_connection()).await?;
        drop(manager, &["audit_head", "audit_log"]).await
    }
}
