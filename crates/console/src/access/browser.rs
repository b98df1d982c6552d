//! What a browser says about itself: its cookie, and where a request comes from.

use axum::http::{HeaderMap, StatusCode, header};
use chimera_domain::{CredentialKind, Secret};

use crate::problem::Problem;

/// The field of a form that proves that it is ours.
pub(crate) const CSRF_FIELD: &str = "csrf";
/// The same, for a script.
pub(crate) const CSRF_HEADER: &str = "x-csrf-token";

/// The name of the session's cookie. Cookies know no ports, so two consoles on one machine go by their names.
pub(super) fn cookie_name(headers: &HeaderMap) -> String {
    let port = host(headers).rsplit_once(':').map_or("80", |(_, port)| port);
    let port: String = port.chars().filter(char::is_ascii_digit).collect();
    format!("chimera_session_{port}")
}

/// The session that the browser holds.
pub(super) fn session(headers: &HeaderMap) -> Option<Secret> {
    let name = cookie_name(headers);
    let cookies = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(known, _)| *known == name).and_then(|(_, value)| Secret::brought(CredentialKind::Session, value))
}

/// Whether the browser says that a page of this very console sent the request. Where it says nothing at all, no browser of
/// today sent it, and what only a cookie vouches for is refused.
pub(super) fn is_own(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let site = text("sec-fetch-site");
    if site.is_some_and(|site| site != "same-origin") {
        return false;
    }
    match text(header::ORIGIN.as_str()) {
        Some(origin) => origin.strip_prefix("http://").is_some_and(|origin| origin.eq_ignore_ascii_case(host(headers))),
        None => site.is_some(),
    }
}

pub(super) fn foreign() -> Problem {
    Problem::new(
        StatusCode::FORBIDDEN,
        "this did not come from a page of this console, or from one that is too old: open the page again",
    )
}

pub(super) fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded"))
}

/// What a form says to prove that it is ours.
pub(super) fn csrf_field(form: &[u8]) -> Option<String> {
    let mut fields = url::form_urlencoded::parse(form);
    fields.find(|(name, _)| name == CSRF_FIELD).map(|(_, value)| value.into_owned())
}

fn host(headers: &HeaderMap) -> &str {
    headers.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default()
}
