//! `task_dependencies`: the edges of the DAG; `position` keeps their order.

use sea_orm::entity::prelude::*;

/// One row.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "task_dependencies")]
pub(crate) struct Model {
    pub(crate) tenant_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) task_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) depends_on_id: Uuid,
    pub(crate) position: i64,
}

/// None are declared: loads go through batches of ids.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
