//! What is around every page.

use axum::http::StatusCode;
use chimera_store::HitlGlance;

use crate::{access::Visitor, problem::Problem, routes::Shared};

/// So many plans are counted on every page.
const COUNTED_MAX: u64 = 1_000;

/// The pages that the navigation leads to, in its order.
const PLACES: [(&str, &str); 10] = [
    ("/", "Fleet"),
    ("/campaigns", "Campaigns"),
    ("/signals", "Signals"),
    ("/plans", "Plans"),
    ("/review", "Review"),
    ("/published", "Published"),
    ("/money", "Money"),
    ("/alerts", "Alerts"),
    ("/audit", "Audit"),
    ("/system", "Health"),
];

/// One link of the navigation.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) path: &'static str,
    pub(crate) name: &'static str,
    pub(crate) is_here: bool,
    /// How many things wait there for somebody, as it is shown; `None` where nothing does.
    pub(crate) waiting: Option<String>,
    /// Whether one of them should not have waited so long.
    pub(crate) late: bool,
}

/// What is around every page.
#[derive(Debug)]
pub(crate) struct Frame {
    /// Who looks.
    pub(crate) who: Option<String>,
    pub(crate) role: &'static str,
    /// What forms carry.
    pub(crate) csrf: String,
    pub(crate) places: Vec<Place>,
    /// The HITL queue.
    pub(crate) review: HitlGlance,
}

/// A number that may be only the first part of a larger one, `None` for none.
pub(crate) fn counted(count: u64, more: bool) -> Option<String> {
    (count > 0).then(|| format!("{count}{}", if more { "+" } else { "" }))
}

impl Frame {
    /// For somebody who is signed in and looks at the page `here`.
    pub(crate) async fn of(shared: &Shared, visitor: &Visitor, here: &'static str) -> Result<Self, Problem> {
        let review = shared.waiting.glance().await?;
        let alerts = shared.access.store.alerts_standing().await?.values().sum();
        let (plans, more_plans) = shared.access.store.drafts_glance(COUNTED_MAX).await?;
        let credential = &visitor.credential;
        let place = |(path, name): (&'static str, &'static str)| {
            let (waiting, late) = match path {
                "/review" => (counted(review.open, review.more), review.overdue > 0),
                "/plans" => (counted(plans, more_plans), false),
                "/alerts" => (counted(alerts, false), false),
                _ => (None, false),
            };
            Place { path, name, is_here: path == here, waiting, late }
        };
        Ok(Self {
            who: Some(credential.who()),
            role: credential.role.as_str(),
            csrf: visitor.csrf.clone().unwrap_or_default(),
            places: PLACES.map(place).into(),
            review,
        })
    }

    /// For somebody who isn't.
    pub(crate) const fn nobody() -> Self {
        Self {
            who: None,
            role: "",
            csrf: String::new(),
            places: vec![],
            review: HitlGlance { open: 0, overdue: 0, more: false },
        }
    }
}

/// What was done, or not.
#[derive(Debug)]
pub(crate) struct Notice {
    pub(crate) status: StatusCode,
    pub(crate) text: String,
    pub(crate) bad: bool,
}

impl Notice {
    /// That something was done.
    pub(crate) fn done(text: impl Into<String>) -> Self {
        Self { status: StatusCode::OK, text: text.into(), bad: false }
    }

    /// That it was not, and why.
    pub(crate) fn refused(problem: &Problem) -> Self {
        Self { status: problem.status, text: format!("Not taken: {}", problem.detail), bad: true }
    }
}
