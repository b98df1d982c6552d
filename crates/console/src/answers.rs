//! People's answers, however they come: one way to the desk, and one to say why an answer was not taken.
//!
//! An answer may be sent again: the same person's same answer about the same hash, with the same note, is taken once and
//! told again. So no key is needed to make it repeatable.

use axum::http::StatusCode;
use chimera_domain::{Resolution, TaskId, TicketId, error_chain};
use chimera_judge::{Answer, DeskError, Edit};
use chimera_store::TicketError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{access::Visitor, problem::Problem, routes::Shared};

/// The longest note, in characters: as long as the command line takes.
pub(crate) const NOTE_MAX: usize = 2_000;

/// What somebody says to a ticket.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Said {
    /// The hash of what they saw, `artifact_hash` of the ticket.
    pub(crate) seen_hash: String,
    /// Why.
    #[serde(default)]
    #[schemars(length(max = NOTE_MAX))]
    pub(crate) note: Option<String>,
    /// With an approval: the text to publish instead.
    #[serde(default)]
    pub(crate) text: Option<String>,
    /// With an approval and a text: the hashtags to publish instead, without the sign.
    #[serde(default)]
    pub(crate) hashtags: Option<Vec<String>>,
    /// With a rejection and a note: have it written anew.
    #[serde(default)]
    pub(crate) again: bool,
}

/// An answer that was taken.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Taken {
    pub(crate) ticket_id: TicketId,
    pub(crate) task_id: TaskId,
    pub(crate) resolution: Resolution,
    /// Whether it had been taken before.
    pub(crate) repeated: bool,
}

/// Takes an answer.
pub(crate) async fn take(
    shared: &Shared,
    visitor: &Visitor,
    ticket_id: TicketId,
    resolution: Resolution,
    said: Said,
) -> Result<Taken, Problem> {
    let note = said.note.map(|note| note.trim().to_owned()).filter(|note| !note.is_empty());
    if note.as_ref().is_some_and(|note| note.chars().count() > NOTE_MAX) {
        return Err(unfit(format!("the note has more than {NOTE_MAX} characters")));
    }
    let edits = said.text.is_some() || said.hashtags.is_some();
    if (edits && (resolution != Resolution::Approved || said.text.is_none()))
        || (said.again && resolution != Resolution::Rejected)
    {
        let detail = "a text, and hashtags with it, go with an approval; `again` goes with a rejection";
        return Err(unfit(detail));
    }
    let by = visitor.credential.who();
    let answer = Answer {
        ticket_id,
        resolution,
        by: by.clone(),
        note: note.clone(),
        seen_hash: Some(said.seen_hash.clone()),
        edit: said.text.map(|text| Edit { text, hashtags: said.hashtags }),
        again: said.again,
    };
    let error = match shared.desk.answer(answer).await {
        Ok(task_id) => return Ok(Taken { ticket_id, task_id, resolution, repeated: false }),
        Err(error) => error,
    };
    if let DeskError::Refused(TicketError::AlreadyResolved { .. }) = &error
        && let Some(ticket) = shared.access.store.ticket_by_id(ticket_id).await?
        && (ticket.resolution, ticket.resolved_by.as_deref()) == (Some(resolution), Some(&*by))
        && (&ticket.artifact_hash, &ticket.resolution_note) == (&said.seen_hash, &note)
    {
        return Ok(Taken { ticket_id, task_id: ticket.task_id, resolution, repeated: true });
    }
    Err(problem(error))
}

fn unfit(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
}

/// Why an answer was not taken, with what a program needs to go on.
pub(crate) fn problem(error: DeskError) -> Problem {
    let said = error_chain(&error);
    let conflict = |detail: String| Problem::new(StatusCode::CONFLICT, detail);
    match error {
        DeskError::NotFound(_) => Problem::not_found(said),
        DeskError::WrongAnswer { .. } | DeskError::NotAgain(_) => unfit(said),
        DeskError::Unfit(faults) => unfit(said).with("faults", json!(faults)),
        DeskError::Store(error) => error.into(),
        DeskError::Refused(refused) => match refused {
            TicketError::AlreadyResolved { by, at, resolution, .. } => {
                let detail = format!("{by} was first: {resolution} at {}", at.format("%F %H:%M:%S UTC"));
                conflict(detail).with("by", by).with("at", at.to_rfc3339()).with("resolution", resolution.as_str())
            }
            TicketError::WrongArtifact { expected, .. } => {
                let detail = "what you saw is not what the ticket asks about: look again";
                Problem::new(StatusCode::PRECONDITION_FAILED, detail).with("expected_hash", expected)
            }
            TicketError::Taken { by, .. } => conflict(said).with("by", by),
            TicketError::WrongAnswer { .. } => unfit(said),
            TicketError::NotFound { .. } => Problem::not_found(said),
            TicketError::Store(error) => error.into(),
            TicketError::Stale { .. } | TicketError::Outdated { .. } | TicketError::TaskMoved { .. } => conflict(said),
        },
    }
}
