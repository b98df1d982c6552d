//! What only looks: lists, media, and what pages bring along.

use axum::{
    Json,
    body::Body,
    extract::{Path, Query, State, rejection::QueryRejection},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use chimera_domain::{TraceId, error_chain};
use chimera_store::{BlobError, TraceView};
use serde::Deserialize;

use crate::{
    api::Id,
    problem::Problem,
    read_model::{FleetStatus, POSTS_SHOWN, PostSummary, fleet_status, post_summaries},
    routes::Shared,
};

pub(crate) async fn status(State(shared): State<Shared>) -> Result<Json<FleetStatus>, Problem> {
    Ok(Json(fleet_status(&shared.access.store).await?))
}

pub(crate) async fn posts(State(shared): State<Shared>) -> Result<Json<Vec<PostSummary>>, Problem> {
    Ok(Json(post_summaries(&shared.access.store, POSTS_SHOWN).await?))
}

pub(crate) async fn trace(State(shared): State<Shared>, Id(id): Id<TraceId>) -> Result<Json<TraceView>, Problem> {
    let view = shared.access.store.trace(id).await?;
    view.map(Json).ok_or_else(|| Problem::not_found("there is no such trace"))
}

pub(crate) fn trace_id(text: &str) -> Result<TraceId, Problem> {
    text.parse().map_err(|e: chimera_domain::TraceParseError| Problem::bad_request(e.to_string()))
}

/// A picture or video by its content's name, `SHA256.png` and the like.
pub(crate) async fn media(State(shared): State<Shared>, Path(name): Path<String>) -> Result<Response, Problem> {
    let (mime, bytes) = medium(&shared, &name).await?;
    let headers = [(header::CONTENT_TYPE, mime), (header::CACHE_CONTROL, "private, max-age=31536000, immutable")];
    Ok((headers, Body::from(bytes)).into_response())
}

/// What a link ends with.
#[derive(Debug, Deserialize)]
pub(crate) struct Signature {
    until: i64,
    signature: String,
}

/// The same for whoever has a link to it, until the link ends. What is wrong with one that does not open is not said.
pub(crate) async fn signed(
    State(shared): State<Shared>,
    Path(name): Path<String>,
    link: Result<Query<Signature>, QueryRejection>,
) -> Result<Response, Problem> {
    let now = shared.access.ambient.now();
    if !link.is_ok_and(|Query(link)| shared.blobs.opens(&name, link.until, &link.signature, now)) {
        return Err(Problem::not_found("there is no such medium, or this address of it has ended"));
    }
    let (mime, bytes) = medium(&shared, &name).await?;
    Ok(([(header::CONTENT_TYPE, mime)], Body::from(bytes)).into_response())
}

async fn medium(shared: &Shared, name: &str) -> Result<(&'static str, Vec<u8>), Problem> {
    let (sha256, extension) = name.split_once('.').unwrap_or((name, ""));
    let mime = match extension {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "mp4" => "video/mp4",
        _ => return Err(Problem::not_found("there is no such medium")),
    };
    let bytes = shared.blobs.get(sha256, mime).await.map_err(|error| {
        if matches!(error, BlobError::Bucket { .. }) && !error.is_missing() {
            tracing::warn!(error = %error_chain(&error), "a medium can't be served");
            return Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the medium can't be read now; try again later");
        }
        tracing::debug!(error = %error_chain(&error), "a medium was not served");
        Problem::not_found("there is no such medium")
    })?;
    Ok((mime, bytes))
}

pub(crate) async fn icon() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "image/svg+xml")], include_str!("../assets/icon.svg"))
}

pub(crate) async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("../assets/style.css"))
}

pub(crate) async fn script() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], include_str!("../assets/live.js"))
}
