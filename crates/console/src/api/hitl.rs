//! The HITL queue, and answers to it.

use axum::{Extension, Json, extract::State, http::StatusCode};
use chimera_domain::{
    Actor, AgentId, Artifact, CampaignId, HitlTicket, JudgeDecision, Resolution, TaskPayload, TicketId,
};
use chimera_store::{HitlDepth, TicketCase, TicketFilter};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Asked, Given, Id, PAGE_MAX, limit, named, next};
use crate::{
    access::Visitor,
    answers::{self, Said, Taken},
    problem::Problem,
    routes::Shared,
};

/// Which tickets.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    /// Those after this one: the `next` of the page before.
    after: Option<TicketId>,
    #[schemars(range(min = 1, max = PAGE_MAX))]
    limit: Option<u64>,
    /// Those of the campaign of this slug.
    campaign: Option<String>,
    topic: Option<String>,
    #[serde(default)]
    overdue: bool,
}

/// A page of the queue.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Tickets")]
pub(crate) struct Page {
    depth: HitlDepth,
    tickets: Vec<HitlTicket>,
    /// What the next page comes after; null on the last one.
    next: Option<TicketId>,
}

/// Everything that a person looks at to decide.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Case {
    ticket: HitlTicket,
    artifact: Artifact,
    decision: Option<JudgeDecision>,
    agent: Speaker,
    campaign: Matter,
    source: Source,
    /// Whether a rejected post may be written anew.
    may_write_anew: bool,
}

/// Who would speak.
#[derive(Debug, Serialize, JsonSchema)]
struct Speaker {
    id: AgentId,
    slug: String,
    name: String,
}

/// For what.
#[derive(Debug, Serialize, JsonSchema)]
struct Matter {
    id: CampaignId,
    slug: String,
    goal: String,
}

/// What it is about. Untrusted text.
#[derive(Debug, Serialize, JsonSchema)]
struct Source {
    headline: String,
    summary: String,
    url: Option<String>,
    /// Names of injection markers found in it.
    taint: Vec<String>,
}

impl Case {
    fn of(case: TicketCase, may_write_anew: bool) -> Self {
        let TicketCase { ticket, task, artifact, agent, campaign, decision } = case;
        let TaskPayload { headline, summary, source_url, taint, .. } = task.payload;
        Self {
            ticket,
            artifact,
            decision,
            agent: Speaker { id: agent.id, slug: agent.persona_slug, name: agent.display_name },
            campaign: Matter { id: campaign.id, slug: campaign.slug, goal: campaign.goal },
            source: Source { headline, summary, url: source_url, taint },
            may_write_anew,
        }
    }
}

pub(crate) async fn queue(State(shared): State<Shared>, Asked(wanted): Asked<Wanted>) -> Result<Json<Page>, Problem> {
    let filter = TicketFilter {
        campaign: named(&shared.access.store, wanted.campaign.as_deref()).await?,
        topic: wanted.topic,
        overdue: wanted.overdue,
        after: wanted.after,
        limit: limit(wanted.limit)?,
    };
    let (depth, tickets) = (shared.waiting.depth().await?, shared.waiting.next(&filter).await?);
    let next = next(&tickets, filter.limit, |ticket| ticket.id);
    Ok(Json(Page { depth, tickets, next }))
}

pub(crate) async fn ticket(State(shared): State<Shared>, Id(ticket): Id<TicketId>) -> Result<Json<Case>, Problem> {
    let store = &shared.access.store;
    let missing = || Problem::not_found("there is no such ticket");
    let ticket = store.ticket_by_id(ticket).await?.ok_or_else(missing)?;
    let case = store.ticket_cases(&[ticket]).await?.into_iter().next().ok_or_else(missing)?;
    let may_write_anew = shared.desk.may_write_anew(&case.task);
    Ok(Json(Case::of(case, may_write_anew)))
}

pub(crate) async fn approve(
    State(shared): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Id(ticket): Id<TicketId>,
    Given(said): Given<Said>,
) -> Result<Json<Taken>, Problem> {
    Ok(Json(answers::take(&shared, &visitor, ticket, Resolution::Approved, said).await?))
}

pub(crate) async fn reject(
    State(shared): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Id(ticket): Id<TicketId>,
    Given(said): Given<Said>,
) -> Result<Json<Taken>, Problem> {
    Ok(Json(answers::take(&shared, &visitor, ticket, Resolution::Rejected, said).await?))
}

pub(crate) async fn confirm(
    State(shared): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Id(ticket): Id<TicketId>,
    Given(said): Given<Said>,
) -> Result<Json<Taken>, Problem> {
    Ok(Json(answers::take(&shared, &visitor, ticket, Resolution::ConfirmedPublished, said).await?))
}

/// Who is to have a ticket.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Hands {
    /// A name, as it signs in; null for nobody.
    #[schemars(length(min = 1, max = NAME_CHARS_MAX))]
    to: Option<String>,
}

/// The longest name, in characters.
const NAME_CHARS_MAX: usize = 100;

/// May be sent again: what one has already is left as it is.
pub(crate) async fn claim(
    State(shared): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Id(ticket): Id<TicketId>,
) -> Result<Json<HitlTicket>, Problem> {
    let who = visitor.credential.who();
    let ticket = shared.desk.assign(ticket, Some(&who), true, Actor::human(&who)).await;
    ticket.map(Json).map_err(answers::problem)
}

/// May be sent again.
pub(crate) async fn assign(
    State(shared): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Id(ticket): Id<TicketId>,
    Given(hands): Given<Hands>,
) -> Result<Json<HitlTicket>, Problem> {
    let to = hands.to.as_deref().map(str::trim);
    if to.is_some_and(|name| name.is_empty() || name.chars().count() > NAME_CHARS_MAX) {
        let detail = format!("`to` is a name of 1 to {NAME_CHARS_MAX} characters, or null for nobody");
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail));
    }
    let ticket = shared.desk.assign(ticket, to, false, Actor::human(&visitor.credential.who())).await;
    ticket.map(Json).map_err(answers::problem)
}
