//! Every campaign, and what it does today.

use askama::Template;
use axum::{
    Extension,
    extract::{Query, State},
    response::Response,
};
use chimera_domain::{Campaign, CampaignStatus, SpendWindows, Usd};
use chimera_store::Doings;
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::{
    Frame, PAGE, drawn, next,
    show::{Chip, LastPost, dollars, percent},
};
use crate::{access::Visitor, problem::Problem, routes::Shared};

/// Which campaigns.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Wanted {
    /// Those after this one, by slug.
    after: Option<String>,
}

/// One campaign.
#[derive(Debug)]
struct Row {
    id: String,
    slug: String,
    goal: String,
    status: Status,
    agents: usize,
    channels: String,
    spent: String,
    /// What it may spend in a day, if that is limited.
    cap: Option<String>,
    share: f64,
    full: bool,
    chips: Vec<Chip>,
    published_today: u64,
    last: Option<LastPost>,
}

/// Where a campaign stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Status {
    pub(super) words: &'static str,
    pub(super) class: &'static str,
}

impl Status {
    pub(super) fn of(campaign: &Campaign, now: DateTime<Utc>) -> Self {
        let (words, class) = match campaign.status {
            CampaignStatus::Active if campaign.quiet_until(now).is_some() => ("quiet hours", "wait"),
            CampaignStatus::Active => ("active", "good"),
            CampaignStatus::Paused => ("paused", "wait"),
            CampaignStatus::Ended => ("ended", "idle"),
        };
        Self { words, class }
    }
}

#[derive(Debug, Template)]
#[template(path = "campaigns.html")]
struct CampaignsPage {
    frame: Frame,
    rows: Vec<Row>,
    next: Option<String>,
    is_first: bool,
}

pub(crate) async fn page(
    State(shared): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Problem> {
    let (store, now) = (&shared.access.store, shared.access.ambient.now());
    let campaigns = store.campaigns_page(wanted.after.as_deref(), PAGE).await?;
    let ids: Vec<_> = campaigns.iter().map(|campaign| campaign.id).collect();
    let spent = store.campaigns_spent(&ids, SpendWindows::midnight(now)).await?;
    let mut doings = store.campaigns_doings(&ids, now).await?;
    let rows = campaigns.iter().map(|campaign| {
        let spent = spent.get(&campaign.id).copied().unwrap_or_default();
        row(campaign, spent, &doings.remove(&campaign.id).unwrap_or_default(), now)
    });
    let rows = rows.collect();
    let page = CampaignsPage {
        frame: Frame::of(&shared, &visitor, "/campaigns").await?,
        rows,
        next: next(&campaigns, PAGE, |campaign| campaign.slug.clone()),
        is_first: wanted.after.is_none(),
    };
    drawn(&page)
}

fn row(campaign: &Campaign, spent: Usd, doings: &Doings, now: DateTime<Utc>) -> Row {
    let cap = campaign.limits.daily_budget_usd;
    let share = cap.map_or(0.0, |cap| percent(spent, cap));
    let channels: Vec<&str> = campaign.channels.iter().map(|channel| channel.as_str()).collect();
    Row {
        id: campaign.id.to_string(),
        slug: campaign.slug.clone(),
        goal: campaign.goal.clone(),
        status: Status::of(campaign, now),
        agents: campaign.agents.len(),
        channels: channels.join(", "),
        spent: dollars(spent),
        cap: cap.map(dollars),
        share,
        full: share >= 90.0,
        chips: Chip::of(&doings.tasks),
        published_today: doings.published_today,
        last: doings.last_post.as_ref().map(|post| LastPost::of(post, now)),
    }
}
