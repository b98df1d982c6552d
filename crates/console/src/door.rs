//! What stands before every route, and what every answer carries.

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request},
    http::{HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
};

use crate::problem::Problem;

/// The largest body of a request, in bytes. An answer with the longest post and note is far below.
pub(crate) const BODY_BYTES_MAX: usize = 256 * 1024;

/// What a page may load, send to and show itself in: nothing but its own, and nobody.
const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// Routes that only loopback's names lead to.
pub(crate) fn behind_guard(routes: Router) -> Router {
    dressed(routes, |routes| routes.layer(middleware::from_fn(guard)))
}

/// With a word for what is not there, whatever stands before all of it, and headers that keep every answer to itself.
pub(crate) fn dressed(routes: Router, before: impl FnOnce(Router) -> Router) -> Router {
    let routes = routes.fallback(async || Problem::not_found("there is no such page"));
    before(routes).layer(DefaultBodyLimit::max(BODY_BYTES_MAX)).layer(middleware::from_fn(dress))
}

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
    // Not `no-referrer`: with that, browsers hide the origin of our own forms from us too.
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
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
