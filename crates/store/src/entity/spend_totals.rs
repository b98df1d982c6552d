//! `spend_totals`: what the spend ledger counts of each agent, by hours. Written by triggers of `spend_ledger` alone.

use sea_orm::entity::prelude::*;

/// One row: what the entries of one hour that were written in one lane count.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "spend_totals")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) agent_id: Uuid,
    /// When the hour began in which the money was set aside.
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) hour: DateTimeUtc,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) lane: i32,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) tenant_id: Uuid,
    /// May be less than nothing: what one lane set aside another may give back.
    pub(crate) counted_micros: i64,
    /// When money was set aside last.
    pub(crate) latest: DateTimeUtc,
}

/// None are declared.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
