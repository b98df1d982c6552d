//! What an operator should know, and that somebody has seen it.

use axum::{Extension, Json, extract::State};
use chimera_domain::{Alert, AlertId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Asked, Id, PAGE_MAX, limit};
use crate::{access::Visitor, problem::Problem, routes::Shared};

/// How many.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    #[schemars(range(min = 1, max = PAGE_MAX))]
    limit: Option<u64>,
}

/// An alert that is acknowledged now.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Acknowledged {
    alert_id: AlertId,
    /// Whether nobody had acknowledged it before.
    was_open: bool,
}

pub(crate) async fn list(
    State(shared): State<Shared>,
    Asked(wanted): Asked<Wanted>,
) -> Result<Json<Vec<Alert>>, Problem> {
    Ok(Json(shared.access.store.alerts_open(limit(wanted.limit)?).await?))
}

/// May be sent again: an alert that somebody has acknowledged already is left as it is.
pub(crate) async fn acknowledge(
    State(shared): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Id(alert_id): Id<AlertId>,
) -> Result<Json<Acknowledged>, Problem> {
    let store = shared.access.store.acting_as(visitor.operator());
    let closed = store.alerts_acknowledge(&[alert_id], shared.access.ambient.now()).await?;
    Ok(Json(Acknowledged { alert_id, was_open: !closed.is_empty() }))
}
