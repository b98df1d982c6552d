//! Signals: what was read, how it scored and why, and what people say of that.

use std::collections::HashMap;

use axum::{
    Extension, Json,
    extract::{
        Path, Query, State,
        rejection::{JsonRejection, QueryRejection},
    },
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use chimera_domain::{MarkedSignal, SignalId, SignalMark, SignalOutcome, TrendSignal};
use chimera_store::{SignalFilter, StoreError, StorySource};
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{body, id, limit, named, query};
use crate::{access::Visitor, problem::Problem, routes::Shared};

/// The longest note, in characters.
const NOTE_CHARS_MAX: usize = 500;

/// Which signals.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    /// Those read before this one: the `next` of the page before.
    after: Option<String>,
    limit: Option<u64>,
    /// Those of the campaign of this slug.
    campaign: Option<String>,
    /// Those that this became of.
    outcome: Option<SignalOutcome>,
}

/// What a person says of a signal.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Said {
    /// Whether it is relevant, and should score high, or is not.
    mark: SignalMark,
    /// Why, in 500 characters at most.
    note: Option<String>,
}

/// A signal as it is told.
#[derive(Debug, Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    signal: &'a TrendSignal,
    /// Why it scored as it did, step by step, and why it came to its outcome.
    reasons: String,
    /// Where its story was seen.
    sources: Vec<&'a StorySource>,
    mark: Option<Mark>,
}

#[derive(Debug, Serialize)]
struct Mark {
    mark: SignalMark,
    note: Option<String>,
    by: String,
    at: DateTime<Utc>,
}

impl From<MarkedSignal> for Mark {
    fn from(marked: MarkedSignal) -> Self {
        Self { mark: marked.mark, note: marked.note, by: marked.marked_by, at: marked.marked_at }
    }
}

pub(crate) async fn list(
    State(shared): State<Shared>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Response, Problem> {
    let (wanted, store) = (query(wanted)?, &shared.access.store);
    let campaign = match &wanted.campaign {
        Some(slug) => Some(named(store, slug).await?),
        None => None,
    };
    let filter = SignalFilter { campaign, outcome: wanted.outcome, limit: limit(wanted.limit)? };
    let after = wanted.after.as_deref().map(id).transpose()?;
    let signals = store.signals_after(&filter, after).await?;
    let full = u64::try_from(signals.len()).is_ok_and(|count| count == filter.limit);
    let next = signals.last().filter(|_| full).map(|signal| signal.id);
    let sources = store.story_sources(&signals).await?;
    let marks = store.marks_of(&signals).await?;
    let mut marks: HashMap<SignalId, MarkedSignal> = marks.into_iter().map(|one| (one.signal.id, one)).collect();
    let told = |signal| Told {
        reasons: TrendSignal::reasons(signal),
        sources: sources.iter().filter(|one| is_of(one, signal)).collect(),
        mark: marks.remove(&signal.id).map(Mark::from),
        signal,
    };
    let told: Vec<Told<'_>> = signals.iter().map(told).collect();
    Ok(Json(serde_json::json!({"signals": told, "next": next})).into_response())
}

fn is_of(source: &StorySource, signal: &TrendSignal) -> bool {
    source.story_id == signal.story_id && source.campaign_id == signal.campaign_id
}

/// May be sent again: the last word counts.
pub(crate) async fn mark(
    State(shared): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Path(signal): Path<String>,
    said: Result<Json<Said>, JsonRejection>,
) -> Result<Response, Problem> {
    let (signal, said): (SignalId, Said) = (id(&signal)?, body(said)?);
    let length = said.note.as_deref().unwrap_or_default().chars().count();
    if length > NOTE_CHARS_MAX {
        let detail = format!("the note has {length} characters; {NOTE_CHARS_MAX} at most");
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail));
    }
    let (store, now) = (shared.access.store.acting_as(visitor.operator()), shared.access.ambient.now());
    match store.signal_mark(signal, said.mark, said.note.as_deref(), now).await {
        Ok(marked) => Ok(Json(serde_json::json!({"signal_id": signal, "mark": Mark::from(marked)})).into_response()),
        Err(StoreError::NotFound { .. }) => Err(Problem::not_found("there is no such signal")),
        Err(error) => Err(error.into()),
    }
}
