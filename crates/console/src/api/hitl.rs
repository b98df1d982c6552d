//! The HITL queue, and answers to it.

use axum::{
    Extension, Json,
    extract::{
        Path, Query, State,
        rejection::{JsonRejection, QueryRejection},
    },
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use chimera_domain::{Actor, Resolution, TicketId};
use chimera_store::TicketFilter;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::{body, id, limit, named, query};
use crate::{
    access::Visitor,
    answers::{self, Said},
    problem::Problem,
    routes::Shared,
};

/// Which tickets.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    /// Those after this one: the `next` of the page before.
    after: Option<String>,
    limit: Option<u64>,
    /// Those of the campaign of this slug.
    campaign: Option<String>,
    topic: Option<String>,
    #[serde(default)]
    overdue: bool,
}

pub(crate) async fn queue(
    State(shared): State<Shared>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Response, Problem> {
    let wanted = query(wanted)?;
    let campaign = match &wanted.campaign {
        Some(slug) => Some(named(&shared.access.store, slug).await?),
        None => None,
    };
    let filter = TicketFilter {
        campaign,
        topic: wanted.topic,
        overdue: wanted.overdue,
        after: wanted.after.as_deref().map(id).transpose()?,
        limit: limit(wanted.limit)?,
    };
    let (depth, tickets) = (shared.waiting.depth().await?, shared.waiting.next(&filter).await?);
    let full = u64::try_from(tickets.len()).is_ok_and(|count| count == filter.limit);
    let next = tickets.last().filter(|_| full).map(|ticket| ticket.id);
    let depth = json!({
        "open": depth.open, "overdue": depth.overdue, "next_due": depth.next_due, "oldest": depth.oldest,
    });
    Ok(Json(json!({"depth": depth, "tickets": tickets, "next": next})).into_response())
}

pub(crate) async fn ticket(State(shared): State<Shared>, Path(ticket): Path<String>) -> Result<Response, Problem> {
    let store = &shared.access.store;
    let ticket = store.ticket_by_id(id(&ticket)?).await?;
    let missing = || Problem::not_found("there is no such ticket");
    let case = store.ticket_cases(&[ticket.ok_or_else(missing)?]).await?.into_iter().next().ok_or_else(missing)?;
    let told = json!({
        "ticket": case.ticket, "artifact": case.artifact, "decision": case.decision,
        "agent": {"id": case.agent.id, "slug": case.agent.persona_slug, "name": case.agent.display_name},
        "campaign": {"id": case.campaign.id, "slug": case.campaign.slug, "goal": case.campaign.goal},
        "source": {
            "headline": case.task.payload.headline, "summary": case.task.payload.summary,
            "url": case.task.payload.source_url, "taint": case.task.payload.taint,
        },
        "may_write_anew": shared.desk.may_write_anew(&case.task),
    });
    Ok(Json(told).into_response())
}

type Body = Result<Json<Said>, JsonRejection>;

pub(crate) async fn approve(
    State(shared): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Path(ticket): Path<String>,
    said: Body,
) -> Result<Response, Problem> {
    take(&shared, &visitor, &ticket, Resolution::Approved, said).await
}

pub(crate) async fn reject(
    State(shared): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Path(ticket): Path<String>,
    said: Body,
) -> Result<Response, Problem> {
    take(&shared, &visitor, &ticket, Resolution::Rejected, said).await
}

pub(crate) async fn confirm(
    State(shared): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Path(ticket): Path<String>,
    said: Body,
) -> Result<Response, Problem> {
    take(&shared, &visitor, &ticket, Resolution::ConfirmedPublished, said).await
}

/// Who is to have a ticket.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Hands {
    /// A name, as it signs in; null for nobody.
    to: Option<String>,
}

/// The longest name, in characters.
const NAME_CHARS_MAX: usize = 100;

/// May be sent again: what one has already is left as it is.
pub(crate) async fn claim(
    State(shared): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Path(ticket): Path<String>,
) -> Result<Response, Problem> {
    let who = visitor.credential.who();
    let ticket = shared.desk.assign(id(&ticket)?, Some(&who), true, Actor::human(&who)).await;
    Ok(Json(ticket.map_err(answers::problem)?).into_response())
}

/// May be sent again.
pub(crate) async fn assign(
    State(shared): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Path(ticket): Path<String>,
    hands: Result<Json<Hands>, JsonRejection>,
) -> Result<Response, Problem> {
    let (ticket, hands): (TicketId, Hands) = (id(&ticket)?, body(hands)?);
    let to = hands.to.as_deref().map(str::trim);
    if to.is_some_and(|name| name.is_empty() || name.chars().count() > NAME_CHARS_MAX) {
        let detail = format!("`to` is a name of 1 to {NAME_CHARS_MAX} characters, or null for nobody");
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail));
    }
    let ticket = shared.desk.assign(ticket, to, false, Actor::human(&visitor.credential.who())).await;
    Ok(Json(ticket.map_err(answers::problem)?).into_response())
}

async fn take(
    shared: &Shared,
    visitor: &Visitor,
    ticket: &str,
    resolution: Resolution,
    said: Body,
) -> Result<Response, Problem> {
    let ticket: TicketId = id(ticket)?;
    Ok(Json(answers::take(shared, visitor, ticket, resolution, body(said)?).await?).into_response())
}
