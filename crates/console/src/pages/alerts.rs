//! What an operator should know, until somebody has seen it.

use std::collections::HashMap;

use askama::Template;
use axum::{
    Extension,
    extract::{Query, RawForm, State},
    response::{IntoResponse as _, Redirect, Response},
};
use chimera_domain::{AccessRole, Alert, AlertId, Severity};
use chimera_store::Telling;
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::{Frame, Notice, PAGE, drawn_with, next, show::When};
use crate::{access::Visitor, api::id, problem::Problem, routes::Shared};

/// Which alerts.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Wanted {
    /// Those raised before this one.
    after: Option<String>,
    /// How many were just acknowledged.
    done: Option<u64>,
}

#[derive(Debug)]
struct Row {
    id: String,
    severity: &'static str,
    class: &'static str,
    kind: String,
    subject: String,
    message: String,
    when: When,
    trace: Option<String>,
    /// What the webhook was told of it, where there is one.
    webhook: Option<Webhook>,
}

/// How far the webhook was told.
#[derive(Debug)]
struct Webhook {
    /// Whether somebody has to look into it.
    is_late: bool,
    says: String,
}

impl Webhook {
    fn of(telling: &Telling, raised_at: DateTime<Utc>, now: DateTime<Utc>) -> Self {
        let (is_late, says) = match telling {
            Telling::Told => (false, "The webhook was told.".to_owned()),
            Telling::GivenUp(why) => (true, format!("The webhook could not be told, and is not tried again: {why}")),
            Telling::Waits { tries: 0, .. } => {
                (false, format!("To be told to the webhook since {}.", When::of(raised_at, now).full))
            }
            Telling::Waits { tries, again, error } => {
                let again =
                    again.map(|at| format!(", again from {} on", at.format("%H:%M:%S UTC"))).unwrap_or_default();
                let tries = if *tries == 1 { "once".to_owned() } else { format!("{tries} times") };
                let why = error.as_deref().unwrap_or("it did not answer");
                (true, format!("The webhook was tried {tries} in vain{again}: {why}"))
            }
        };
        Self { is_late, says }
    }
}

#[derive(Debug, Template)]
#[template(path = "alerts.html")]
struct AlertsPage {
    frame: Frame,
    notice: Option<Notice>,
    rows: Vec<Row>,
    may_act: bool,
    is_first: bool,
    next: Option<String>,
    has_webhook: bool,
}

pub(crate) async fn page(
    State(shared): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Problem> {
    let notice = wanted.done.map(|count| match count {
        0 => Notice::done("Somebody had seen them already."),
        1 => Notice::done("Acknowledged. It is told again if it happens again."),
        count => Notice::done(format!("{count} acknowledged. They are told again if they happen again.")),
    });
    let after: Option<AlertId> = wanted.after.as_deref().map(id).transpose()?;
    let alerts = shared.access.store.alerts_page(after, PAGE).await?;
    let tellings =
        if shared.has_webhook { shared.access.store.alerts_tellings(&alerts).await? } else { HashMap::new() };
    let now = shared.access.ambient.now();
    let page = AlertsPage {
        frame: Frame::of(&shared, &visitor, "/alerts").await?,
        rows: alerts.iter().map(|alert| row(alert, tellings.get(&alert.id), now)).collect(),
        may_act: visitor.may(AccessRole::Operator),
        is_first: after.is_none(),
        next: next(&alerts, PAGE, |alert| alert.id.to_string()),
        notice,
        has_webhook: shared.has_webhook,
    };
    drawn_with(&page, page.notice.as_ref())
}

fn row(alert: &Alert, telling: Option<&Telling>, now: DateTime<Utc>) -> Row {
    let class = match alert.severity {
        Severity::Info => "idle",
        Severity::Warning => "wait",
        Severity::Critical => "bad",
    };
    Row {
        id: alert.id.to_string(),
        severity: alert.severity.as_str(),
        class,
        kind: alert.kind.to_string().replace('_', " "),
        subject: alert.subject.clone(),
        message: alert.message.clone(),
        when: When::of(alert.created_at, now),
        trace: alert.trace_id.map(|trace| trace.to_string()),
        webhook: telling.map(|telling| Webhook::of(telling, alert.created_at, now)),
    }
}

pub(crate) async fn acknowledge(
    State(shared): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    RawForm(form): RawForm,
) -> Result<Response, Problem> {
    let fields = url::form_urlencoded::parse(&form).filter(|(name, _)| name == "alert");
    let chosen: Vec<AlertId> = fields.map(|(_, value)| id(&value)).collect::<Result<_, _>>()?;
    if chosen.is_empty() {
        return Err(Problem::bad_request("choose an alert first"));
    }
    let store = shared.access.store.acting_as(visitor.operator());
    let closed = store.alerts_acknowledge(&chosen, shared.access.ambient.now()).await?;
    Ok(Redirect::to(&format!("/alerts?done={}", closed.len())).into_response())
}
