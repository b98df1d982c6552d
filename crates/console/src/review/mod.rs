//! The review desk: what waits for a person, and one post at a time to decide on.
//!
//! Drawn by the server, and usable without a script. `review.js` adds keys, a moment to undo, and a look again whenever
//! the queue has changed; it sends the same answers to the API.

mod highlight;
mod view;

use askama::Template as _;
use axum::{
    Extension,
    extract::{Form, Path, Query, State},
    http::{StatusCode, header},
    response::{Html, IntoResponse, Redirect, Response},
};
use chimera_domain::{AccessRole, HitlTicket, Resolution, TicketId};
use chimera_store::TicketFilter;
use serde::Deserialize;

use crate::{
    access::Visitor,
    answers::{self, Said},
    api::id,
    pages::{Frame, Notice},
    problem::Problem,
    routes::Shared,
};
use view::{Draft, ReviewPage};

/// Tickets in the list.
const LISTED: u64 = 50;

/// What the page shows.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Wanted {
    /// The ticket to look at; the first one where none is named.
    ticket: Option<String>,
    /// The list begins after this one.
    after: Option<String>,
    /// What was just done.
    done: Option<String>,
}

pub(crate) async fn page(
    State(shared): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Problem> {
    let notice = wanted.done.as_deref().and_then(view::done);
    draw(&shared, &visitor, &wanted, notice, None).await
}

/// The page, with a word on what was done or not.
async fn draw(
    shared: &Shared,
    visitor: &Visitor,
    wanted: &Wanted,
    notice: Option<Notice>,
    draft: Option<Draft>,
) -> Result<Response, Problem> {
    let store = &shared.access.store;
    let after: Option<TicketId> = wanted.after.as_deref().map(id).transpose()?;
    let filter = TicketFilter { after, limit: LISTED, ..TicketFilter::default() };
    let mut tickets = shared.waiting.next(&filter).await?;
    let listed: Vec<TicketId> = tickets.iter().map(|ticket| ticket.id).collect();
    let shown: Option<TicketId> = match wanted.ticket.as_deref() {
        Some(ticket) => Some(id(ticket)?),
        None => listed.first().copied(),
    };
    if let Some(shown) = shown.filter(|shown| !listed.contains(shown)) {
        tickets.extend(store.ticket_by_id(shown).await?);
    }
    let cases = store.ticket_cases(&tickets).await?;
    let status = notice.as_ref().map_or(StatusCode::OK, |notice| notice.status);
    let page = ReviewPage {
        frame: Frame::of(shared, visitor, "/review").await?,
        notice,
        now: shared.access.ambient.now(),
        may_answer: visitor.may(AccessRole::Reviewer),
        after: wanted.after.clone(),
        draft,
        ..ReviewPage::empty()
    };
    let page = page.with(&cases, &listed, shown, LISTED, &shared.desk);
    Ok((status, Html(page.render()?)).into_response())
}

/// What the form of one post says.
#[derive(Debug, Deserialize)]
pub(crate) struct Decision {
    does: String,
    seen_hash: String,
    #[serde(default)]
    note: String,
    /// The text as it stands in the form, changed or not.
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    hashtags: Option<String>,
    #[serde(default)]
    again: Option<String>,
    #[serde(default)]
    after: Option<String>,
}

fn resolution(does: &str) -> Result<Resolution, Problem> {
    match does {
        "approve" => Ok(Resolution::Approved),
        "reject" => Ok(Resolution::Rejected),
        "confirm" => Ok(Resolution::ConfirmedPublished),
        _ => Err(Problem::bad_request("`does` is one of: approve, reject, confirm")),
    }
}

pub(crate) async fn decide(
    State(shared): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Path(ticket): Path<String>,
    Form(decision): Form<Decision>,
) -> Result<Response, Problem> {
    let (ticket_id, resolution) = (id(&ticket)?, resolution(&decision.does)?);
    let approves = resolution == Resolution::Approved;
    let tags = |text: &String| text.split_whitespace().map(str::to_owned).collect();
    let said = Said {
        seen_hash: decision.seen_hash,
        note: Some(decision.note.clone()),
        text: decision.text.clone().filter(|_| approves),
        hashtags: decision.hashtags.as_ref().filter(|_| approves && decision.text.is_some()).map(tags),
        again: decision.again.is_some() && resolution == Resolution::Rejected,
    };
    match answers::take(&shared, &visitor, ticket_id, resolution, said).await {
        Ok(_) => Ok(back(decision.after.as_deref(), &decision.does)),
        Err(problem) => {
            let draft = Draft {
                text: decision.text.unwrap_or_default(),
                hashtags: decision.hashtags.unwrap_or_default(),
                note: decision.note,
            };
            let wanted = Wanted { ticket: Some(ticket), after: decision.after, done: None };
            draw(&shared, &visitor, &wanted, Some(Notice::refused(&problem)), Some(draft)).await
        }
    }
}

fn back(after: Option<&str>, done: &str) -> Response {
    // Only what can be nothing but an id goes into an address.
    let after = after.and_then(|after| id::<TicketId>(after).ok());
    let after = after.map(|after| format!("after={after}&")).unwrap_or_default();
    Redirect::to(&format!("/review?{after}done={done}")).into_response()
}

pub(crate) async fn decide_many(
    State(shared): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    axum::extract::RawForm(form): axum::extract::RawForm,
) -> Result<Response, Problem> {
    let (mut chosen, mut does, mut note) = (Vec::new(), String::new(), String::new());
    for (name, value) in url::form_urlencoded::parse(&form) {
        match &*name {
            // What the list shows of a post is what the hash beside it names.
            "ticket" => chosen.extend(value.split_once(' ').map(|(id, hash)| (id.to_owned(), hash.to_owned()))),
            "does" => does = value.into_owned(),
            "note" => note = value.into_owned(),
            _ => {}
        }
    }
    let resolution = resolution(&does)?;
    let mut refused = Vec::new();
    for (ticket, seen_hash) in &chosen {
        let (seen_hash, note) = (seen_hash.clone(), Some(note.clone()));
        let said = Said { seen_hash, note, text: None, hashtags: None, again: false };
        if let Err(problem) = answers::take(&shared, &visitor, id(ticket)?, resolution, said).await {
            refused.push(problem);
        }
    }
    let notice = view::done_of_many(chosen.len(), &refused, &does);
    draw(&shared, &visitor, &Wanted::default(), Some(notice), None).await
}

pub(crate) async fn script() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], include_str!("../../assets/review.js"))
}

/// Whether a ticket still waits.
fn is_open(ticket: &HitlTicket) -> bool {
    ticket.resolution.is_none()
}
