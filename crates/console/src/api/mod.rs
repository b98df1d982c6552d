//! The API for programs, and for the pages' own script. Everything is JSON; errors are problems.

pub(crate) mod alerts;
pub(crate) mod campaigns;
pub(crate) mod events;
pub(crate) mod hitl;
pub(crate) mod plans;
pub(crate) mod signals;
pub(crate) mod trends;

use axum::{
    Json,
    extract::{
        Query,
        rejection::{JsonRejection, QueryRejection},
    },
};
use chimera_domain::{CampaignId, IdParseError};
use chimera_store::Store;

use crate::problem::Problem;

/// Rows on a page where nothing is said.
const PAGE: u64 = 50;
/// The most rows on a page.
const PAGE_MAX: u64 = 200;

/// How many rows were asked for.
fn limit(wanted: Option<u64>) -> Result<u64, Problem> {
    match wanted.unwrap_or(PAGE) {
        limit @ 1..=PAGE_MAX => Ok(limit),
        _ => Err(Problem::bad_request(format!("`limit` is from 1 to {PAGE_MAX}"))),
    }
}

/// The id in a path or query.
pub(crate) fn id<T: std::str::FromStr<Err = IdParseError>>(text: &str) -> Result<T, Problem> {
    text.parse().map_err(|error: IdParseError| Problem::bad_request(error.to_string()))
}

/// The campaign of this slug.
async fn named(store: &Store, slug: &str) -> Result<CampaignId, Problem> {
    let found = store.campaign_by_slug(slug).await?;
    Ok(found.ok_or_else(|| Problem::not_found(format!("there is no campaign {slug}")))?.id)
}

fn body<T>(read: Result<Json<T>, JsonRejection>) -> Result<T, Problem> {
    read.map(|Json(body)| body).map_err(|error| Problem::new(error.status(), error.body_text()))
}

fn query<T>(read: Result<Query<T>, QueryRejection>) -> Result<T, Problem> {
    read.map(|Query(query)| query).map_err(|error| Problem::new(error.status(), error.body_text()))
}
