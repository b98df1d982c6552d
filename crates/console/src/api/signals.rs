//! Signals: what was read, how it scored and why, and what people say of that.

use std::collections::HashMap;

use axum::{Extension, Json, extract::State, http::StatusCode};
use chimera_domain::{MarkedSignal, SignalId, SignalMark, SignalOutcome, TrendSignal};
use chimera_store::{SignalFilter, StoreError, StorySource};
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Asked, Given, Id, PAGE_MAX, limit, named, next};
use crate::{access::Visitor, problem::Problem, routes::Shared};

/// The longest note, in characters.
const NOTE_CHARS_MAX: usize = 500;

/// Which signals.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    /// Those read before this one: the `next` of the page before.
    after: Option<SignalId>,
    #[schemars(range(min = 1, max = PAGE_MAX))]
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
    #[schemars(length(max = NOTE_CHARS_MAX))]
    note: Option<String>,
}

/// A page of signals.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Signals")]
pub(crate) struct Page {
    signals: Vec<Told>,
    /// What the next page comes after; null on the last one.
    next: Option<SignalId>,
}

/// A signal as it is told.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Signal")]
struct Told {
    #[serde(flatten)]
    signal: TrendSignal,
    /// Why it scored as it did, step by step, and why it came to its outcome.
    reasons: String,
    /// Where its story was seen.
    sources: Vec<StorySource>,
    mark: Option<Mark>,
}

/// What a person says of a signal.
#[derive(Debug, Serialize, JsonSchema)]
struct Mark {
    mark: SignalMark,
    note: Option<String>,
    by: String,
    at: DateTime<Utc>,
}

/// A signal that is marked now.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Marked {
    signal_id: SignalId,
    mark: Mark,
}

impl From<MarkedSignal> for Mark {
    fn from(marked: MarkedSignal) -> Self {
        Self { mark: marked.mark, note: marked.note, by: marked.marked_by, at: marked.marked_at }
    }
}

pub(crate) async fn list(State(shared): State<Shared>, Asked(wanted): Asked<Wanted>) -> Result<Json<Page>, Problem> {
    let store = &shared.access.store;
    let campaign = named(store, wanted.campaign.as_deref()).await?;
    let filter = SignalFilter { campaign, outcome: wanted.outcome, limit: limit(wanted.limit)? };
    let signals = store.signals_after(&filter, wanted.after).await?;
    let next = next(&signals, filter.limit, |signal| signal.id);
    let (sources, marks) = (store.story_sources(&signals).await?, store.marks_of(&signals).await?);
    let mut marks: HashMap<SignalId, MarkedSignal> = marks.into_iter().map(|one| (one.signal.id, one)).collect();
    let told = |signal: TrendSignal| Told {
        reasons: signal.reasons(),
        sources: sources.iter().filter(|one| is_of(one, &signal)).cloned().collect(),
        mark: marks.remove(&signal.id).map(Mark::from),
        signal,
    };
    Ok(Json(Page { signals: signals.into_iter().map(told).collect(), next }))
}

fn is_of(source: &StorySource, signal: &TrendSignal) -> bool {
    source.story_id == signal.story_id && source.campaign_id == signal.campaign_id
}

/// May be sent again: the last word counts.
pub(crate) async fn mark(
    State(shared): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Id(signal_id): Id<SignalId>,
    Given(said): Given<Said>,
) -> Result<Json<Marked>, Problem> {
    let length = said.note.as_deref().unwrap_or_default().chars().count();
    if length > NOTE_CHARS_MAX {
        let detail = format!("the note has {length} characters; {NOTE_CHARS_MAX} at most");
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail));
    }
    let (store, now) = (shared.access.store.acting_as(visitor.operator()), shared.access.ambient.now());
    match store.signal_mark(signal_id, said.mark, said.note.as_deref(), now).await {
        Ok(marked) => Ok(Json(Marked { signal_id, mark: marked.into() })),
        Err(StoreError::NotFound { .. }) => Err(Problem::not_found("there is no such signal")),
        Err(error) => Err(error.into()),
    }
}
