//! The console's pages: each file reads what its page shows and makes it ready to be drawn.

pub(crate) mod alerts;
pub(crate) mod audit;
pub(crate) mod campaign;
pub(crate) mod campaigns;
mod dag;
mod filter;
pub(crate) mod fleet;
mod frame;
mod media;
pub(crate) mod money;
pub(crate) mod plans;
pub(crate) mod published;
mod show;
pub(crate) mod signals;
pub(crate) mod system;
pub(crate) mod trace;

pub(crate) use frame::{Frame, Notice, counted};
pub(crate) use media::Medium;
pub(crate) use show::Bar;

use askama::Template;
use axum::{
    http::StatusCode,
    response::{Html, IntoResponse as _, Response},
};

use crate::problem::Problem;

/// Agents or campaigns on a page.
const PAGE: u64 = 50;

/// A page as an answer.
fn drawn(page: &impl Template) -> Result<Response, Problem> {
    Ok(Html(page.render()?).into_response())
}

/// The same, where the notice on it says how it went.
fn drawn_with(page: &impl Template, notice: Option<&Notice>) -> Result<Response, Problem> {
    let status = notice.map_or(StatusCode::OK, |notice| notice.status);
    Ok((status, drawn(page)?).into_response())
}

/// What the next page begins after: the last one's key, if this page is full.
fn next<T, K>(rows: &[T], page: u64, key: impl Fn(&T) -> K) -> Option<K> {
    let full = u64::try_from(rows.len()).is_ok_and(|count| count >= page);
    rows.last().filter(|_| full).map(key)
}
