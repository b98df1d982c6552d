//! What supervisors ask of a process: `/health`, `/ready` and `/metrics`. The same for every role.
//!
//! `/health` says that the process lives and no role loop has broken: restart it when this fails. `/ready` says that what
//! it depends on is there, and names what is missing: send it no work, but leave it running. Checks run side by side,
//! within [`CHECK_MAX`] each, and their answer holds for [`FRESH`]; asking often costs nothing.

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use async_trait::async_trait;
use axum::{
    Json, Router,
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use futures::{StreamExt as _, stream::FuturesUnordered};
use serde::Serialize;
use serde_json::json;
use tokio::{sync::Mutex, time::Instant};

/// How long one check may take; one that takes longer has failed.
pub const CHECK_MAX: Duration = Duration::from_secs(2);
/// How long an answer is given again without asking anew.
pub const FRESH: Duration = Duration::from_secs(1);
/// The media type of the Prometheus text format.
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Something that the process depends on.
#[async_trait]
pub trait Check: fmt::Debug + Send + Sync {
    /// Its name in the answer, such as `database`.
    fn name(&self) -> &str;
    /// What is missing of it; empty when it is there. The reasons say what to do and hold no secrets.
    async fn missing(&self) -> Vec<Missing>;
}

/// What the process has counted and can read.
#[async_trait]
pub trait Figures: fmt::Debug + Send + Sync {
    /// Everything as Prometheus text.
    async fn prometheus(&self) -> String;
}

/// Something that is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// Its name, such as `database`.
    pub name: String,
    /// What is wrong and what to do, in a sentence without secrets.
    pub reason: String,
}

impl Missing {
    /// A missing thing.
    #[must_use]
    pub fn new(name: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { name: name.into(), reason: reason.into() }
    }
}

/// The answers of one process. Clones share them.
#[derive(Debug, Clone)]
pub struct Probes {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    role: &'static str,
    instance: String,
    stage: RwLock<Stage>,
    figures: Arc<dyn Figures>,
    last_report: Mutex<Option<(Instant, u64, Arc<Report>)>>,
    last_figures: Mutex<Option<(Instant, String)>>,
}

/// How far the process has come.
#[derive(Debug, Clone, Default)]
struct Stage {
    /// Counts the changes, so that an answer from before one is not given after it.
    version: u64,
    /// Why there is nothing to check yet, or no more.
    held_up: Option<Missing>,
    checks: Vec<Arc<dyn Check>>,
    broken: Option<String>,
}

/// Whether the process can work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Report {
    pub(crate) ready: bool,
    pub(crate) role: &'static str,
    pub(crate) instance: String,
    /// The names of what is missing.
    pub(crate) missing: Vec<String>,
    /// Each name again, with what to do.
    pub(crate) reasons: serde_json::Map<String, serde_json::Value>,
}

impl Probes {
    /// The probes of a process that is not ready yet: it is starting.
    #[must_use]
    pub fn new(role: &'static str, instance: impl Into<String>, figures: Arc<dyn Figures>) -> Self {
        let held_up = Some(Missing::new("start", "the process is starting"));
        Self {
            inner: Arc::new(Inner {
                role,
                instance: instance.into(),
                stage: RwLock::new(Stage { held_up, ..Stage::default() }),
                figures,
                last_report: Mutex::default(),
                last_figures: Mutex::default(),
            }),
        }
    }

    /// It can't start for want of this.
    pub fn waits_for(&self, missing: Missing) {
        self.change(|stage| stage.held_up = Some(missing));
    }

    /// It runs; from now on it is ready when these checks find nothing missing.
    pub fn runs(&self, checks: Vec<Arc<dyn Check>>) {
        self.change(|stage| {
            stage.held_up = None;
            stage.checks = checks;
        });
    }

    /// It takes no more work.
    pub fn stops(&self) {
        self.waits_for(Missing::new("stop", "the process was asked to end; it finishes what it holds"));
    }

    /// A role loop has broken.
    pub fn broke(&self, role: impl Into<String>) {
        self.change(|stage| stage.broken = Some(role.into()));
    }

    /// The three routes.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/health", get(health))
            .route("/ready", get(ready))
            .route("/metrics", get(metrics))
            .with_state(self.clone())
    }

    fn change(&self, change: impl FnOnce(&mut Stage)) {
        let mut stage = self.inner.stage.write().unwrap_or_else(PoisonError::into_inner);
        stage.version += 1;
        change(&mut stage);
    }

    fn stage(&self) -> Stage {
        self.inner.stage.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What is asked for, by name.
    pub(crate) fn checked(&self) -> Vec<String> {
        self.stage().checks.iter().map(|check| check.name().to_owned()).collect()
    }

    /// The role that broke, if one did.
    pub(crate) fn broken(&self) -> Option<String> {
        self.stage().broken
    }

    pub(crate) async fn report(&self) -> Arc<Report> {
        // Whoever asks meanwhile waits for the same answer.
        let mut last = self.inner.last_report.lock().await;
        let stage = self.stage();
        if let Some((at, version, report)) = &*last
            && *version == stage.version
            && at.elapsed() < FRESH
        {
            return report.clone();
        }
        let missing = match stage.held_up {
            Some(missing) => vec![missing],
            None => missing_of(&stage.checks).await,
        };
        let report = Arc::new(Report {
            ready: missing.is_empty(),
            role: self.inner.role,
            instance: self.inner.instance.clone(),
            missing: missing.iter().map(|m| m.name.clone()).collect(),
            reasons: missing.into_iter().map(|m| (m.name, m.reason.into())).collect(),
        });
        *last = Some((Instant::now(), stage.version, report.clone()));
        report
    }

    async fn figures(&self) -> String {
        let mut last = self.inner.last_figures.lock().await;
        if let Some((at, text)) = &*last
            && at.elapsed() < FRESH
        {
            return text.clone();
        }
        let text = self.inner.figures.prometheus().await;
        *last = Some((Instant::now(), text.clone()));
        text
    }
}

/// Everything that these checks miss, by name.
async fn missing_of(checks: &[Arc<dyn Check>]) -> Vec<Missing> {
    let asked = checks.iter().map(|check| async move {
        tokio::time::timeout(CHECK_MAX, check.missing())
            .await
            .unwrap_or_else(|_| vec![Missing::new(check.name(), format!("no answer within {} s", CHECK_MAX.as_secs()))])
    });
    let mut missing: Vec<Missing> = asked.collect::<FuturesUnordered<_>>().concat().await;
    missing.sort_by(|a, b| a.name.cmp(&b.name));
    missing.dedup_by(|a, b| a.name == b.name);
    missing
}

async fn health(State(probes): State<Probes>) -> Response {
    let Inner { role, instance, .. } = &*probes.inner;
    match probes.stage().broken {
        None => Json(json!({"status": "live", "role": role, "instance": instance})).into_response(),
        Some(broken) => {
            let body = json!({"status": "broken", "broken": broken, "role": role, "instance": instance});
            (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response()
        }
    }
}

async fn ready(State(probes): State<Probes>) -> Response {
    let report = probes.report().await;
    let status = if report.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(&*report)).into_response()
}

async fn metrics(State(probes): State<Probes>) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static(PROMETHEUS))], probes.figures().await).into_response()
}

#[cfg(test)]
mod tests;
