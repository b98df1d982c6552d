//! What an operator should know, and that somebody has seen it.

use axum::{
    Extension, Json,
    extract::{Path, Query, State, rejection::QueryRejection},
    response::{IntoResponse as _, Response},
};
use chimera_domain::AlertId;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::{id, limit, query};
use crate::{access::Visitor, problem::Problem, routes::Shared};

/// How many.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    limit: Option<u64>,
}

pub(crate) async fn list(
    State(shared): State<Shared>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Response, Problem> {
    let limit = limit(query(wanted)?.limit)?;
    Ok(Json(shared.access.store.alerts_open(limit).await?).into_response())
}

/// May be sent again: an alert that somebody has acknowledged already is left as it is.
pub(crate) async fn acknowledge(
    State(shared): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Path(alert): Path<String>,
) -> Result<Response, Problem> {
    let alert: AlertId = id(&alert)?;
    let store = shared.access.store.acting_as(visitor.operator());
    let closed = store.alerts_acknowledge(&[alert], shared.access.ambient.now()).await?;
    Ok(Json(json!({"alert_id": alert, "was_open": !closed.is_empty()})).into_response())
}
