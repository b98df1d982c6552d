//! Trends: subjects told of much more often than they use to be.

use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
    response::{IntoResponse as _, Response},
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::{limit, query};
use crate::{problem::Problem, routes::Shared};

/// Which trends.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    limit: Option<u64>,
    /// Only those that last.
    #[serde(default)]
    hot: bool,
}

pub(crate) async fn list(
    State(shared): State<Shared>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Response, Problem> {
    let wanted = query(wanted)?;
    let trends = shared.access.store.trends(wanted.hot, limit(wanted.limit)?).await?;
    Ok(Json(json!({"trends": trends})).into_response())
}
