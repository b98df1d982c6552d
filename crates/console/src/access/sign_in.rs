//! Signing in and out with a browser.
//!
//! A link leads to a page with one button; only the form behind it uses the link up. So a program that looks at links
//! before people do, as mail scanners do, changes nothing.

use askama::Template;
use axum::{
    Extension,
    extract::{Form, Query, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{Html, IntoResponse as _, Redirect, Response},
};
use chimera_domain::{AccessRole, Actor, Ambient, Credential, CredentialKind, Secret};
use chimera_store::{Store, StoreError};
use serde::Deserialize;

use super::{Access, Visitor, browser};
use crate::{pages::Frame, problem::Problem, routes::Shared};

/// Makes a link that signs `name` in, once and soon, on the console at `origin`, such as `http://127.0.0.1:7417`.
///
/// # Errors
/// [`StoreError`] when the link can't be stored.
pub async fn sign_in_link(
    store: &Store,
    name: &str,
    role: AccessRole,
    origin: &str,
    ambient: &dyn Ambient,
) -> Result<String, StoreError> {
    let life = CredentialKind::LINK_LIFE;
    let (link, secret) = Credential::grant(CredentialKind::Link, role, name, life, store.tenant(), ambient);
    store.credential_grant(&link).await?;
    Ok(format!("{origin}/sign-in?token={}", secret.reveal()))
}

/// The page that a link leads to.
#[derive(Debug, Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    frame: Frame,
    /// The link's secret, as it came.
    token: String,
    /// What went wrong.
    trouble: Option<&'static str>,
}

/// What a link carries.
#[derive(Deserialize)]
pub(crate) struct Brought {
    #[serde(default)]
    token: String,
}

fn page(status: StatusCode, token: &str, trouble: Option<&'static str>) -> Response {
    // Only what looks like a link's secret is shown again.
    let token = Secret::brought(CredentialKind::Link, token).map(|link| link.reveal().to_owned()).unwrap_or_default();
    match (SignInPage { frame: Frame::nobody(), token, trouble }).render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => Problem::from(error).into_response(),
    }
}

/// What somebody sees who is not signed in.
pub(crate) fn turned_away() -> Response {
    page(StatusCode::UNAUTHORIZED, "", Some("You are not signed in, or no longer."))
}

pub(crate) async fn sign_in_page(Query(brought): Query<Brought>) -> Response {
    page(StatusCode::OK, &brought.token, None)
}

pub(crate) async fn sign_in(
    State(shared): State<Shared>,
    headers: HeaderMap,
    Form(brought): Form<Brought>,
) -> Result<Response, Problem> {
    let Access { store, ambient, .. } = &shared.access;
    // A link that is pasted whole will do.
    let token = brought.token.trim();
    let token = token.rsplit_once("token=").map_or(token, |(_, token)| token);
    let Some(link) = Secret::brought(CredentialKind::Link, token) else {
        return Ok(page(StatusCode::UNAUTHORIZED, "", Some("That is no sign-in link.")));
    };
    let life = CredentialKind::SESSION_LIFE;
    // Name and role are the link's.
    let (session, secret) =
        Credential::grant(CredentialKind::Session, AccessRole::Viewer, "", life, store.tenant(), &**ambient);
    let Some(session) = store.sign_in(&link, &session, ambient.now()).await? else {
        return Ok(page(StatusCode::UNAUTHORIZED, "", Some("That link was used already, or is too old.")));
    };
    tracing::info!(name = session.name, role = %session.role, "somebody signed in");
    let cookie = cookie(&headers, secret.reveal(), life.num_seconds());
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response())
}

pub(crate) async fn sign_out(
    State(shared): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Access { store, ambient, .. } = &shared.access;
    let credential = &visitor.credential;
    if credential.kind != CredentialKind::Session {
        let detail = "a token doesn't sign out; `chimera console token revoke` ends it";
        return Err(Problem::new(StatusCode::CONFLICT, detail));
    }
    store.credential_end(credential.id, &Actor::human(&credential.name), ambient.now()).await?;
    Ok(([(header::SET_COOKIE, cookie(&headers, "", 0))], Redirect::to("/sign-in")).into_response())
}

/// A cookie for this host alone, that no script can read and no other site can make a browser send. It is not marked
/// `Secure`: on loopback there is no TLS, and not every browser takes loopback for safe.
fn cookie(headers: &HeaderMap, value: &str, life_s: i64) -> HeaderValue {
    let name = browser::cookie_name(headers);
    let text = format!("{name}={value}; Path=/; Max-Age={life_s}; HttpOnly; SameSite=Strict");
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}
