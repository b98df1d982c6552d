//! Trends: subjects told of much more often than they use to be.

use axum::{Json, extract::State};
use chimera_domain::Trend;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Asked, PAGE_MAX, limit};
use crate::{problem::Problem, routes::Shared};

/// Which trends.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    #[schemars(range(min = 1, max = PAGE_MAX))]
    limit: Option<u64>,
    /// Only those that last.
    #[serde(default)]
    hot: bool,
}

/// Trends.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Trends {
    trends: Vec<Trend>,
}

pub(crate) async fn list(State(shared): State<Shared>, Asked(wanted): Asked<Wanted>) -> Result<Json<Trends>, Problem> {
    let trends = shared.access.store.trends(wanted.hot, limit(wanted.limit)?).await?;
    Ok(Json(Trends { trends }))
}
