//! Routes and what stands before them.

use std::net::SocketAddr;

use askama::Template as _;
use axum::{
    Json, Router,
    body::Body,
    extract::{Path, Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{Html, IntoResponse, Response},
    routing::get,
};
use chimera_domain::{TraceId, error_chain};
use chimera_store::{Blobs, Store, StoreError};
use serde_json::json;

use crate::{
    Probes,
    pages::{OverviewPage, TracePage},
    read_model::{POSTS_SHOWN, fleet_status, post_summaries, status_with},
};

#[derive(Debug, Clone)]
struct Shared {
    store: Store,
    blobs: Blobs,
}

/// Everything the console answers, the probes among it.
pub fn router(store: Store, blobs: Blobs, probes: &Probes) -> Router {
    let own = Router::new()
        .route("/", get(overview))
        .route("/traces/{id}", get(trace_page))
        .route("/media/{name}", get(media))
        .route("/style.css", get(style))
        .route("/api/status", get(status))
        .route("/api/posts", get(posts))
        .route("/api/traces/{id}", get(trace))
        .with_state(Shared { store, blobs });
    behind_guard(own.merge(probes.router()))
}

/// What a role answers that is a process of its own. On loopback only its names are answered, as the console does;
/// elsewhere any name is: supervisors come by the address of a pod. Nothing of the fleet's content is told here.
pub fn probe_router(probes: &Probes, address: SocketAddr) -> Router {
    if address.ip().is_loopback() { behind_guard(probes.router()) } else { dressed(probes.router(), |routes| routes) }
}

fn behind_guard(routes: Router) -> Router {
    dressed(routes, |routes| routes.layer(middleware::from_fn(guard)))
}

/// With a word for what is not there, whatever stands before all of it, and headers that keep every answer to itself.
fn dressed(routes: Router, before: impl FnOnce(Router) -> Router) -> Router {
    before(routes.fallback(async || Problem::not_found("there is no such page"))).layer(middleware::from_fn(dress))
}

/// What a page may load and who may show it: nothing but its own style, pictures and videos, and nobody.
const CSP: &str = "default-src 'none'; style-src 'self'; img-src 'self'; media-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// Refuses requests that came by another name than loopback's (DNS rebinding).
async fn guard(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|h| h.to_str().ok()).unwrap_or_default();
    if is_loopback(host) {
        next.run(request).await
    } else {
        Problem::new(StatusCode::MISDIRECTED_REQUEST, "open the console by its loopback address").into_response()
    }
}

/// Keeps every answer to itself.
async fn dress(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CSP));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    // What the fleet does is nobody else's to keep; media, named by their content, say otherwise themselves.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Whether a Host header, `name` or `name:port`, names this machine's loopback.
fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    ["localhost", "127.0.0.1", "[::1]"].iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// An error as RFC 9457 has it.
#[derive(Debug)]
struct Problem {
    status: StatusCode,
    detail: String,
}

impl Problem {
    fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into() }
    }

    fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let title = self.status.canonical_reason().unwrap_or("error");
        let body = json!({"title": title, "status": self.status.as_u16(), "detail": self.detail});
        (self.status, [(header::CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response()
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        tracing::error!(error = %error_chain(&error), "a request failed");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "the database can't be read; the log says why")
    }
}

impl From<askama::Error> for Problem {
    fn from(error: askama::Error) -> Self {
        tracing::error!(error = %error, "a page could not be drawn");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "the page could not be drawn; the log says why")
    }
}

async fn status(State(shared): State<Shared>) -> Result<Response, Problem> {
    Ok(Json(fleet_status(&shared.store).await?).into_response())
}

async fn posts(State(shared): State<Shared>) -> Result<Response, Problem> {
    Ok(Json(post_summaries(&shared.store, POSTS_SHOWN).await?).into_response())
}

async fn trace(State(shared): State<Shared>, Path(id): Path<String>) -> Result<Response, Problem> {
    let view = shared.store.trace(trace_id(&id)?).await?;
    Ok(Json(view.ok_or_else(|| Problem::not_found("there is no such trace"))?).into_response())
}

async fn overview(State(shared): State<Shared>) -> Result<Html<String>, Problem> {
    let rows = shared.store.posts(POSTS_SHOWN).await?;
    let status = status_with(&shared.store, &rows).await?;
    Ok(Html(OverviewPage::new(status, &rows).render()?))
}

async fn trace_page(State(shared): State<Shared>, Path(id): Path<String>) -> Result<Html<String>, Problem> {
    let view = shared.store.trace(trace_id(&id)?).await?;
    let view = view.ok_or_else(|| Problem::not_found("there is no such trace"))?;
    Ok(Html(TracePage::new(&id, &view).render()?))
}

fn trace_id(text: &str) -> Result<TraceId, Problem> {
    text.parse().map_err(|e: chimera_domain::TraceParseError| Problem::new(StatusCode::BAD_REQUEST, e.to_string()))
}

/// A picture or video by its content's name, `SHA256.png` and the like.
async fn media(State(shared): State<Shared>, Path(name): Path<String>) -> Result<Response, Problem> {
    let (sha256, extension) = name.split_once('.').unwrap_or((&name, ""));
    let mime = match extension {
        "png" => "image/png",
        "jpg" => "image/jpeg",
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

async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("../assets/style.css"))
}
