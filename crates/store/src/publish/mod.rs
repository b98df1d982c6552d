//! Publishing: PUBLISHING and its ledger entry are committed before the platform is called, and settled after.

mod begin;
mod pace;
mod settle;

pub use begin::PublishCase;
pub use settle::{PublishOutcome, Settled, Settlement};

use sea_orm::sea_query::{Expr, ExprTrait, Query, SelectStatement};

use chimera_domain::{PublicationState, TenantId};

use crate::{Backend, batch, dialect::literal, entity::publications};

/// Ids of tasks whose post may be out without anybody knowing. They may not be cancelled: that would end the matter in
/// silence, with the post in the world or not.
pub(crate) fn perhaps_out(tenant: TenantId) -> SelectStatement {
    use publications::Column as C;
    Query::select()
        .column((publications::Entity, C::TaskId))
        .from(publications::Entity)
        .and_where(batch::of_tenant::<publications::Entity>(tenant))
        .and_where(
            Expr::col((publications::Entity, C::State))
                .is_in([PublicationState::Attempting, PublicationState::Unknown].map(|state| literal(state.as_str()))),
        )
        .take()
}

/// Ids of tasks whose post rests after a failed call.
pub(crate) fn resting(tenant: TenantId, backend: Backend) -> SelectStatement {
    use publications::Column as C;
    let not_before = || Expr::col((publications::Entity, C::NotBeforeMs));
    Query::select()
        .column((publications::Entity, C::TaskId))
        .from(publications::Entity)
        .and_where(batch::of_tenant::<publications::Entity>(tenant))
        .and_where(not_before().is_not_null())
        .and_where(not_before().gt(backend.clock_ms()))
        .take()
}
