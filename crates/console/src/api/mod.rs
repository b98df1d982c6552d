//! The API for programs, and for the pages' own script. Everything is JSON; errors are problems.
//!
//! A handler takes what `takes.rs` reads and gives what `gives.rs` sends; the OpenAPI document is written from these types.

pub(crate) mod alerts;
pub(crate) mod campaigns;
pub(crate) mod events;
mod gives;
pub(crate) mod hitl;
pub(crate) mod plans;
pub(crate) mod signals;
mod takes;
pub(crate) mod trends;

use chimera_domain::{CampaignId, IdParseError};
use chimera_store::Store;

use crate::problem::Problem;

pub(crate) use gives::{Endpoint, Tagged};
pub(crate) use takes::{Asked, Given, Id, Seen};

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

/// The id in a path or form of a page.
pub(crate) fn id<T: std::str::FromStr<Err = IdParseError>>(text: &str) -> Result<T, Problem> {
    text.parse().map_err(|error: IdParseError| Problem::bad_request(error.to_string()))
}

/// The campaign of this slug, if one is named.
async fn named(store: &Store, slug: Option<&str>) -> Result<Option<CampaignId>, Problem> {
    let Some(slug) = slug else { return Ok(None) };
    let found = store.campaign_by_slug(slug).await?;
    Ok(Some(found.ok_or_else(|| Problem::not_found(format!("there is no campaign {slug}")))?.id))
}

/// Where the next page begins: after the last of these, if they fill this one.
fn next<T, K>(rows: &[T], limit: u64, key: impl Fn(&T) -> K) -> Option<K> {
    let full = u64::try_from(rows.len()).is_ok_and(|count| count >= limit);
    rows.last().filter(|_| full).map(key)
}
