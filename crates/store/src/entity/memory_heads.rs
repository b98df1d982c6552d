//! `memory_heads`: how far each agent's memories have come. Whoever adds or forgets changes it in the same transaction, so
//! an index that a process holds knows from one row whether it is up to date.

use sea_orm::entity::prelude::*;

/// One row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "memory_heads")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) tenant_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) agent_id: Uuid,
    /// The highest place that was given to a memory. Places may have gaps.
    pub(crate) seq: i64,
    /// Memories that there are.
    pub(crate) live: i64,
    /// How often some were forgotten.
    pub(crate) forgotten: i64,
    pub(crate) state_version: i64,
}

/// None are declared: loads go through batches of ids.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
