//! Who is let in, and how far.
//!
//! A browser has a session, by a cookie that it got for a one-time link; a program has a token. Every route says what it
//! needs ([`Needs`]), and nothing of it runs before that is there. What a cookie vouches for must also come from a page of
//! ours: by what the browser says of its origin, and by a token that only our own forms know.

mod browser;
mod limit;
mod sign_in;

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, Method, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use chimera_domain::{AccessRole, Actor, Ambient, Credential, CredentialKind, Secret, sha256_hex};
use chimera_store::Store;

use crate::{door::BODY_BYTES_MAX, problem::Problem};
use limit::Limiter;

pub(crate) use browser::CSRF_HEADER;
pub use sign_in::sign_in_link;
pub(crate) use sign_in::{sign_in, sign_in_page, sign_out, turned_away};

/// What a route needs of whoever asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Nothing: it tells nothing of the fleet.
    Nothing,
    /// A session or a token of this role, or of one that may do more.
    Role(AccessRole),
}

/// Lets people and programs in.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    pub(crate) store: Store,
    pub(crate) ambient: Arc<dyn Ambient>,
    limiter: Arc<Limiter>,
}

/// Who asks.
#[derive(Debug, Clone)]
pub(crate) struct Visitor {
    pub(crate) credential: Credential,
    /// What forms must carry; `None` for a program, which sends no cookie by accident.
    pub(crate) csrf: Option<String>,
}

impl Visitor {
    /// Whether they may do what needs this role.
    pub(crate) fn may(&self, needed: AccessRole) -> bool {
        self.credential.role.may(needed)
    }

    /// As the audit log names whoever runs the fleet.
    pub(crate) fn operator(&self) -> Actor {
        Actor::operator(&self.credential.who())
    }
}

impl Access {
    pub(crate) fn new(store: Store, ambient: Arc<dyn Ambient>) -> Self {
        let limiter = Arc::new(Limiter::new(ambient.clone()));
        Self { store, ambient, limiter }
    }

    /// Whoever sent this, if they are known.
    async fn visitor(&self, headers: &HeaderMap) -> Result<Option<Visitor>, Problem> {
        let now = self.ambient.now();
        // Whoever brings a token acts by it, whatever cookies lie about.
        if let Some(authorization) = headers.get(header::AUTHORIZATION) {
            let token = authorization.to_str().ok().and_then(bearer);
            let Some(token) = token.and_then(|text| Secret::brought(CredentialKind::Token, text)) else {
                return Ok(None);
            };
            let credential = self.store.credential_of(CredentialKind::Token, &token, now).await?;
            return Ok(credential.map(|credential| Visitor { credential, csrf: None }));
        }
        let Some(session) = browser::session(headers) else { return Ok(None) };
        let credential = self.store.credential_of(CredentialKind::Session, &session, now).await?;
        Ok(credential.map(|credential| Visitor { credential, csrf: Some(session.form_token()) }))
    }

    /// The request with whoever sent it, if they may do what is needed.
    async fn admitted(&self, needs: Needs, request: Request) -> Result<Request, Problem> {
        let (parts, body) = request.into_parts();
        let changes = !matches!(parts.method, Method::GET | Method::HEAD);
        let Needs::Role(needed) = needs else {
            if changes && !browser::is_own(&parts.headers) {
                return Err(browser::foreign());
            }
            return Ok(Request::from_parts(parts, body));
        };
        let Some(visitor) = self.visitor(&parts.headers).await? else { return Err(unknown()) };
        self.limiter.check(visitor.credential.id)?;
        let role = visitor.credential.role;
        if !role.may(needed) {
            let detail = format!("this needs the role {needed}, and yours is {role}");
            return Err(Problem::new(StatusCode::FORBIDDEN, detail).with("needs", needed.as_str()));
        }
        let mut request = match &visitor.csrf {
            Some(csrf) if changes => own(parts, body, csrf).await?,
            _ => Request::from_parts(parts, body),
        };
        request.extensions_mut().insert(visitor);
        Ok(request)
    }
}

/// Lets a request pass that may.
pub(crate) async fn admit(
    State((access, needs)): State<(Access, Needs)>,
    request: Request,
    next: Next,
) -> Result<Response, Response> {
    let wants_page = wants_page(&request);
    match access.admitted(needs, request).await {
        Ok(request) => Ok(next.run(request).await),
        Err(problem) if wants_page && problem.status == StatusCode::UNAUTHORIZED => Err(turned_away()),
        Err(problem) => Err(problem.into_response()),
    }
}

/// The request, if a page of ours sent it.
async fn own(parts: Parts, body: Body, csrf: &str) -> Result<Request, Problem> {
    if !browser::is_own(&parts.headers) {
        return Err(browser::foreign());
    }
    let (brought, body) = match parts.headers.get(CSRF_HEADER) {
        Some(brought) => (brought.to_str().ok().map(str::to_owned), body),
        None if browser::is_form(&parts.headers) => {
            let bytes = axum::body::to_bytes(body, BODY_BYTES_MAX).await.map_err(|_| too_large())?;
            (browser::csrf_field(&bytes), Body::from(bytes))
        }
        None => (None, body),
    };
    // Hashes are compared, so that the time it takes tells nothing.
    let same = brought.is_some_and(|brought| sha256_hex(brought.as_bytes()) == sha256_hex(csrf.as_bytes()));
    if same { Ok(Request::from_parts(parts, body)) } else { Err(browser::foreign()) }
}

fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn wants_page(request: &Request) -> bool {
    let accept = request.headers().get(header::ACCEPT).and_then(|a| a.to_str().ok()).unwrap_or_default();
    accept.contains("text/html")
}

fn unknown() -> Problem {
    Problem::new(
        StatusCode::UNAUTHORIZED,
        "sign in first: `chimera console sign-in` makes a link for a browser, `chimera console token create` a token for a program",
    )
}

fn too_large() -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("at most {BODY_BYTES_MAX} bytes are taken"))
}
