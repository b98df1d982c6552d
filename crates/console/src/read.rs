//! What only looks: lists, media, and what pages bring along.

use axum::{
    Json,
    body::Body,
    extract::{Path, State},
    http::header,
    response::{IntoResponse, Response},
};
use chimera_domain::{TraceId, error_chain};
use chimera_store::TraceView;

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
    let (sha256, extension) = name.split_once('.').unwrap_or((&name, ""));
    let mime = match extension {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "mp4" => "video/mp4",
        _ => return Err(Problem::not_found("there is no such medium")),
    };
    let bytes = shared.blobs.get(sha256, mime).await.map_err(|error| {
        tracing::debug!(error = %error_chain(&error), "a medium was not served");
        Problem::not_found("there is no such medium")
    })?;
    let headers = [(header::CONTENT_TYPE, mime), (header::CACHE_CONTROL, "private, max-age=31536000, immutable")];
    Ok((headers, Body::from(bytes)).into_response())
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
