//! The audit log: who did what, the latest first.

use askama::Template;
use axum::{
    Extension,
    extract::{Query, State},
    response::Response,
};
use chimera_domain::{AuditAction, AuditEntry};
use chimera_store::AuditFilter;
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::{
    Frame, PAGE, drawn,
    filter::{self, Choice},
    show::When,
};
use crate::{access::Visitor, problem::Problem, routes::Shared};

/// So many entries are looked through for those that are wanted, before somebody asks to look further back: what is rare
/// must not have the whole log read.
const LOOKED_THROUGH: i64 = 20_000;

/// Which entries.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Wanted {
    /// Those before this number.
    before: Option<i64>,
    /// Only those of this actor.
    #[serde(default)]
    actor: String,
    /// Only those of this kind.
    #[serde(default)]
    action: String,
}

#[derive(Debug)]
struct Row {
    seq: i64,
    when: When,
    actor: String,
    action: String,
    subject: String,
    versions: String,
    details: Vec<(String, String)>,
    trace: Option<String>,
}

#[derive(Debug, Template)]
#[template(path = "audit.html")]
struct AuditPage {
    frame: Frame,
    rows: Vec<Row>,
    actor: String,
    actions: Vec<Choice>,
    is_filtered: bool,
    is_first: bool,
    /// Where the log ends.
    head: (i64, String),
    /// The address of what comes before.
    next: Option<String>,
    looked_back_to: i64,
}

pub(crate) async fn page(
    State(shared): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Problem> {
    let (store, now) = (&shared.access.store, shared.access.ambient.now());
    let known =
        |name: &str| name.parse().map_err(|_| Problem::bad_request("the audit log knows no such kind of entry"));
    let action: Option<AuditAction> = filter::chosen(&wanted.action, known)?;
    let actor = filter::chosen(&wanted.actor, |actor| Ok(actor.to_owned()))?;
    let is_filtered = action.is_some() || actor.is_some();
    let head = store.audit_head().await?;
    let before = wanted.before.unwrap_or(i64::MAX).min(head.seq.saturating_add(1));
    let from = if is_filtered { before.saturating_sub(LOOKED_THROUGH).max(1) } else { 1 };
    let filter = AuditFilter { actor, action, from: Some(from), before: Some(before), limit: PAGE, trace_id: None };
    let entries = store.audit_entries(&filter).await?;
    let full = u64::try_from(entries.len()).is_ok_and(|count| count >= PAGE);
    // A full page goes on where it ends; another one, where nobody has looked yet.
    let next = if full { entries.last().map(|entry| entry.seq) } else { Some(from) };
    let page = AuditPage {
        frame: Frame::of(&shared, &visitor, "/audit").await?,
        rows: entries.iter().map(|entry| row(entry, now)).collect(),
        next: next.filter(|next| *next > 1).map(|next| address(next, &wanted)),
        actions: filter::choices(AuditAction::ALL, |one| one.as_str().replace('_', " "), action),
        actor: filter.actor.unwrap_or_default(),
        is_filtered,
        is_first: wanted.before.is_none(),
        head: (head.seq, head.hash.chars().take(12).collect()),
        looked_back_to: from,
    };
    drawn(&page)
}

fn address(before: i64, wanted: &Wanted) -> String {
    let before = before.to_string();
    filter::address("/audit", &[("before", &before), ("actor", wanted.actor.trim()), ("action", &wanted.action)])
}

fn row(entry: &AuditEntry, now: DateTime<Utc>) -> Row {
    let versions = match (entry.version_before, entry.version_after) {
        (Some(before), Some(after)) => format!("version {before} to {after}"),
        (None, Some(version)) | (Some(version), None) => format!("version {version}"),
        (None, None) => String::new(),
    };
    Row {
        seq: entry.seq,
        when: When::of(entry.at, now),
        actor: entry.actor.clone(),
        action: entry.action.replace('_', " "),
        subject: format!("{} {}", entry.subject_kind, entry.subject_id),
        versions,
        details: details(&entry.details),
        trace: entry.trace_id.clone(),
    }
}

/// What an entry says beside. One that can't be read was tampered with, and is shown as it stands.
fn details(text: &str) -> Vec<(String, String)> {
    match serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text) {
        Ok(details) => details
            .into_iter()
            .map(|(name, value)| {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                (name.replace('_', " "), value)
            })
            .collect(),
        Err(_) => vec![("unreadable".to_owned(), text.to_owned())],
    }
}
