//! What went out, the latest first.

use std::collections::HashMap;

use askama::Template;
use axum::{
    Extension,
    extract::{Query, State},
    response::Response,
};
use chimera_domain::{AgentId, one_line};
use chimera_store::PostRow;
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::{
    Frame, Medium, drawn, next,
    show::{When, web_address},
};
use crate::{access::Visitor, api::id, problem::Problem, routes::Shared};

/// Posts on a page.
const POSTS: u64 = 24;
/// The longest excerpt of a post, in characters.
const EXCERPT: usize = 220;

/// Which posts.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Wanted {
    /// Those that went out before this one.
    after: Option<String>,
}

#[derive(Debug)]
struct Card {
    key: String,
    trace: String,
    headline: String,
    agent: String,
    channel: String,
    when: When,
    text: String,
    tags: String,
    disclosure: String,
    by_machine: bool,
    media: Vec<Medium>,
    link: Option<String>,
}

#[derive(Debug, Template)]
#[template(path = "published.html")]
struct PublishedPage {
    frame: Frame,
    cards: Vec<Card>,
    next: Option<String>,
    is_first: bool,
}

pub(crate) async fn page(
    State(shared): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Problem> {
    let (store, now) = (&shared.access.store, shared.access.ambient.now());
    let after = wanted.after.as_deref().map(id).transpose()?;
    let posts = store.posts_published(after, POSTS).await?;
    let mut agents: Vec<AgentId> = posts.iter().map(|post| post.task.agent_id).collect();
    agents.sort_unstable();
    agents.dedup();
    let agents = store.agents_by_ids(&agents).await?;
    let names: HashMap<AgentId, &str> = agents.iter().map(|agent| (agent.id, agent.display_name.as_str())).collect();
    let page = PublishedPage {
        frame: Frame::of(&shared, &visitor, "/published").await?,
        next: next(&posts, POSTS, |post| post.task.id.to_string()),
        cards: posts.iter().map(|post| card(post, &names, now)).collect(),
        is_first: after.is_none(),
    };
    drawn(&page)
}

fn card(post: &PostRow, names: &HashMap<AgentId, &str>, now: DateTime<Utc>) -> Card {
    let artifact = post.artifact.as_ref();
    let tags = artifact.map(|a| a.hashtags.iter().map(|tag| format!("#{tag}")).collect::<Vec<_>>().join(" "));
    Card {
        key: post.task.id.to_string(),
        trace: post.task.trace_id.to_string(),
        headline: post.headline.clone(),
        agent: names.get(&post.task.agent_id).map(|name| (*name).to_owned()).unwrap_or_default(),
        channel: post.task.channel.to_string(),
        when: When::of(post.task.updated_at, now),
        text: artifact.map(|a| one_line(&a.text, EXCERPT)).unwrap_or_default(),
        tags: tags.unwrap_or_default(),
        disclosure: artifact.map(|a| a.disclosure.label.clone()).unwrap_or_default(),
        by_machine: artifact.is_some_and(|a| a.disclosure.ai_generated),
        media: artifact.map(Medium::chief).unwrap_or_default(),
        link: post.publication.as_ref().and_then(|p| p.url.as_deref()).and_then(web_address),
    }
}
