//! The first page: each agent, and what came of the newest posts.

use askama::Template;
use axum::{
    Extension,
    extract::{Query, State},
    response::Response,
};
use chimera_domain::{Agent, Presence, TaskState, Usd};
use chimera_store::{Doings, FleetSpend, PostRow};
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::{
    Frame, Medium, PAGE, drawn, next,
    show::{Chip, LastPost, When, dollars, percent},
};
use crate::{
    access::Visitor,
    problem::Problem,
    read_model::{PostOutcome, PostSummary},
    routes::Shared,
};

/// The newest posts that are shown.
const POSTS: u64 = 12;

/// Which agents.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Wanted {
    /// Those after this one, by slug.
    after: Option<String>,
}

/// What an agent is doing, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Doing {
    words: &'static str,
    class: &'static str,
}

/// One agent.
#[derive(Debug)]
struct Row {
    name: String,
    slug: String,
    doing: Doing,
    spent: String,
    cap: String,
    /// 0 to 100, for drawing.
    share: f64,
    full: bool,
    chips: Vec<Chip>,
    published_today: u64,
    last: Option<LastPost>,
}

/// One of the newest posts.
#[derive(Debug)]
struct Card {
    post: PostSummary,
    label: &'static str,
    class: &'static str,
    confidence: String,
    when: When,
    media: Vec<Medium>,
}

#[derive(Debug, Template)]
#[template(path = "fleet.html")]
struct FleetPage {
    frame: Frame,
    rows: Vec<Row>,
    /// Where the next page begins.
    next: Option<String>,
    is_first: bool,
    in_work: u64,
    waiting: u64,
    gave_up: u64,
    spent: String,
    caps: String,
    reserved: String,
    cards: Vec<Card>,
}

pub(crate) async fn page(
    State(shared): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Problem> {
    let (store, now) = (&shared.access.store, shared.access.ambient.now());
    let agents = store.agents_page(wanted.after.as_deref(), PAGE).await?;
    let ids: Vec<_> = agents.iter().map(|agent| agent.id).collect();
    let (spend, mut doings) = (store.spend_use(&ids, now).await?, store.agents_doings(&ids, now).await?);
    let rows = agents.iter().map(|agent| {
        let spent = spend.get(&agent.id).map_or(Usd::ZERO, |used| used.today);
        row(agent, spent, &doings.remove(&agent.id).unwrap_or_default(), now)
    });
    let rows = rows.collect();
    let standing = store.tasks_standing().await?;
    let count = |state| standing.get(&state).map_or(0, |standing| standing.count);
    let FleetSpend { today, reserved, caps, .. } = store.fleet_spend(now).await?;
    let page = FleetPage {
        frame: Frame::of(&shared, &visitor, "/").await?,
        rows,
        next: next(&agents, PAGE, |agent| agent.persona_slug.clone()),
        is_first: wanted.after.is_none(),
        in_work: standing.values().map(|standing| standing.count).sum::<u64>()
            - count(TaskState::HitlQueue)
            - count(TaskState::Draft)
            - count(TaskState::Failed),
        waiting: count(TaskState::HitlQueue),
        gave_up: count(TaskState::Failed),
        spent: dollars(today),
        caps: dollars(caps),
        reserved: dollars(reserved),
        cards: store.posts(POSTS).await?.iter().map(|row| card(row, now)).collect(),
    };
    drawn(&page)
}

fn row(agent: &Agent, spent: Usd, doings: &Doings, now: DateTime<Utc>) -> Row {
    let cap = agent.governor_limits.max_daily_spend;
    let share = percent(spent, cap);
    Row {
        name: agent.display_name.clone(),
        slug: agent.persona_slug.clone(),
        doing: doing(agent.presence, share >= 100.0, doings),
        spent: dollars(spent),
        cap: dollars(cap),
        share,
        full: share >= 90.0,
        chips: Chip::of(&doings.tasks),
        published_today: doings.published_today,
        last: doings.last_post.as_ref().map(|post| LastPost::of(post, now)),
    }
}

/// What an agent is doing: why it can't, else what its tasks say.
fn doing(presence: Presence, spent_all: bool, doings: &Doings) -> Doing {
    let has = |states: &[TaskState]| states.iter().any(|state| doings.tasks.contains_key(state));
    let (words, class) = match presence {
        Presence::Quarantined => ("quarantined", "bad"),
        Presence::Offline => ("offline", "bad"),
        _ if spent_all => ("at its budget", "wait"),
        _ if has(&[TaskState::Executing, TaskState::JudgeReview, TaskState::Publishing]) => ("working", "good"),
        _ if has(&[TaskState::Pending, TaskState::Ready, TaskState::Approved]) => ("has work", "busy"),
        _ if has(&[TaskState::HitlQueue]) => ("awaiting review", "wait"),
        _ if has(&[TaskState::Draft]) => ("awaiting your start", "wait"),
        _ => ("idle", "idle"),
    };
    Doing { words, class }
}

fn card(row: &PostRow, now: DateTime<Utc>) -> Card {
    let post = PostSummary::of(row);
    let (label, class) = match post.outcome {
        PostOutcome::InProgress => ("in progress", "busy"),
        PostOutcome::Published => ("published", "good"),
        PostOutcome::AwaitingReview => ("awaiting review", "wait"),
        PostOutcome::Replaced => ("replaced", "idle"),
        PostOutcome::Rejected => ("rejected", "bad"),
        PostOutcome::Failed => ("failed", "bad"),
        PostOutcome::Cancelled => ("cancelled", "idle"),
    };
    Card {
        label,
        class,
        confidence: post.confidence.map(|c| format!("{c:.2}")).unwrap_or_default(),
        when: When::of(row.task.updated_at, now),
        media: row.artifact.as_ref().map(Medium::chief).unwrap_or_default(),
        post,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_does_what_its_tasks_say_unless_it_can_not() {
        let doings =
            |states: &[TaskState]| Doings { tasks: states.iter().map(|s| (*s, 1)).collect(), ..Doings::default() };
        let words = |states: &[TaskState]| doing(Presence::Idle, false, &doings(states)).words;
        assert_eq!(words(&[]), "idle");
        assert_eq!(words(&[TaskState::Failed]), "idle");
        assert_eq!(words(&[TaskState::HitlQueue]), "awaiting review");
        assert_eq!(words(&[TaskState::HitlQueue, TaskState::Pending]), "has work");
        assert_eq!(words(&[TaskState::HitlQueue, TaskState::Executing]), "working");
        let busy = doings(&[TaskState::Executing]);
        assert_eq!(doing(Presence::Idle, true, &busy).words, "at its budget");
        assert_eq!(doing(Presence::Quarantined, true, &busy).words, "quarantined");
    }
}
