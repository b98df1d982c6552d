//! One campaign: what it is, what it plans, and the way to hold it still.

use std::collections::HashMap;

use askama::Template;
use axum::{
    Extension,
    extract::{Form, Path, Query, State},
    response::{IntoResponse as _, Redirect, Response},
};
use chimera_domain::{
    AccessRole, Agent, Campaign, CampaignId, CampaignOrigin, CampaignStatus, SpendWindows, StateVersion,
};
use chimera_store::{PlannedSignal, ResourceCursor};
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::{
    Frame, Notice,
    campaigns::Status,
    dag::Dag,
    drawn_with, next,
    show::{Chip, LastPost, When, dollars},
};
use crate::{
    access::Visitor,
    api::{campaigns::set_status, id},
    problem::Problem,
    routes::Shared,
};

/// Planned signals on a page.
const PLANS: u64 = 12;

/// What the page shows.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Wanted {
    /// What was planned before this signal.
    after: Option<String>,
    /// What was just done.
    done: Option<String>,
}

/// Where a campaign looks.
#[derive(Debug)]
struct Resource {
    uri: String,
    read: Option<When>,
    failures: u32,
    error: String,
}

impl Resource {
    fn of(uri: &str, cursor: Option<&ResourceCursor>, now: DateTime<Utc>) -> Self {
        let failures = cursor.map_or(0, |cursor| cursor.failures);
        let error = cursor.and_then(|cursor| cursor.last_error.clone()).filter(|_| failures > 0);
        Self {
            uri: uri.to_owned(),
            read: cursor.and_then(|cursor| cursor.read_at).map(|at| When::of(at, now)),
            failures,
            error: error.unwrap_or_default(),
        }
    }
}

/// One planned signal.
#[derive(Debug)]
struct PlanCard {
    headline: String,
    trace: String,
    why: String,
    when: When,
    dag: Dag,
}

impl PlanCard {
    fn of(plan: &PlannedSignal, now: DateTime<Utc>) -> Self {
        let PlannedSignal { signal, tasks } = plan;
        Self {
            headline: signal.item.title.clone(),
            trace: signal.trace_id.to_string(),
            why: signal.reasons(),
            when: When::of(signal.decided_at, now),
            dag: Dag::of(tasks),
        }
    }
}

#[derive(Debug, Template)]
#[template(path = "campaign.html")]
struct CampaignPage {
    frame: Frame,
    notice: Option<Notice>,
    campaign: Campaign,
    status: Status,
    may_act: bool,
    is_paused: bool,
    is_over: bool,
    is_configured: bool,
    quiet_until: Option<String>,
    /// The names of its agents; the id where there is none of that id.
    agents: Vec<String>,
    channels: Vec<&'static str>,
    resources: Vec<Resource>,
    limits: Vec<(&'static str, String)>,
    spent: String,
    published_today: u64,
    chips: Vec<Chip>,
    last: Option<LastPost>,
    plans: Vec<PlanCard>,
    /// Plans that wait for their operator.
    drafts: u64,
    is_first: bool,
    next: Option<String>,
}

pub(crate) async fn page(
    State(shared): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Path(campaign): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Problem> {
    let notice = match wanted.done.as_deref() {
        Some("pause") => Some(Notice::done("Paused. It plans and publishes nothing until it is resumed.")),
        Some("resume") => Some(Notice::done("Resumed. It goes on where it was.")),
        Some("end") => Some(Notice::done("Ended. What was not out yet is withdrawn.")),
        _ => None,
    };
    draw(&shared, &visitor, id(&campaign)?, &wanted, notice).await
}

async fn draw(
    shared: &Shared,
    visitor: &Visitor,
    id: CampaignId,
    wanted: &Wanted,
    notice: Option<Notice>,
) -> Result<Response, Problem> {
    let (store, now) = (&shared.access.store, shared.access.ambient.now());
    let campaign = store.campaign_by_id(id).await?.ok_or_else(|| Problem::not_found("there is no such campaign"))?;
    let after = wanted.after.as_deref().map(crate::api::id).transpose()?;
    let plans = store.campaign_plans(id, after, PLANS).await?;
    let drafts = store.drafts_waiting(Some(id)).await?;
    let agents = store.agents_by_ids(&campaign.agents).await?;
    let cursors = store.cursors(&campaign.resources).await?;
    let spent = store.campaigns_spent(&[id], SpendWindows::midnight(now)).await?;
    let doings = store.campaigns_doings(&[id], now).await?.remove(&id).unwrap_or_default();
    let cursors: HashMap<&str, &ResourceCursor> = cursors.iter().map(|c| (c.resource_uri.as_str(), c)).collect();
    let resources = campaign.resources.iter().map(|uri| Resource::of(uri, cursors.get(uri.as_str()).copied(), now));
    let page = CampaignPage {
        frame: Frame::of(shared, visitor, "/campaigns").await?,
        notice,
        status: Status::of(&campaign, now),
        may_act: visitor.may(AccessRole::Operator),
        is_paused: campaign.status == CampaignStatus::Paused,
        is_over: campaign.status == CampaignStatus::Ended,
        is_configured: campaign.origin == CampaignOrigin::Configuration,
        quiet_until: campaign.quiet_until(now).map(|until| until.format("%F %H:%M UTC").to_string()),
        agents: names(&campaign, &agents),
        channels: campaign.channels.iter().map(|channel| channel.as_str()).collect(),
        resources: resources.collect(),
        limits: limits(&campaign),
        spent: dollars(spent.get(&id).copied().unwrap_or_default()),
        published_today: doings.published_today,
        chips: Chip::of(&doings.tasks),
        last: doings.last_post.as_ref().map(|post| LastPost::of(post, now)),
        drafts,
        is_first: wanted.after.is_none(),
        next: next(&plans, PLANS, |plan| plan.signal.id.to_string()),
        plans: plans.iter().map(|plan| PlanCard::of(plan, now)).collect(),
        campaign,
    };
    drawn_with(&page, page.notice.as_ref())
}

fn names(campaign: &Campaign, agents: &[Agent]) -> Vec<String> {
    let name = |id| agents.iter().find(|agent| agent.id == id).map(|agent| agent.display_name.clone());
    campaign.agents.iter().map(|id| name(*id).unwrap_or_else(|| id.to_string())).collect()
}

/// What a campaign may do, line by line.
fn limits(campaign: &Campaign) -> Vec<(&'static str, String)> {
    let limits = &campaign.limits;
    let lines = [
        ("a post costs at most", Some(dollars(campaign.post_budget_usd))),
        ("a signal counts from", Some(campaign.relevance_threshold.to_string())),
        ("dollars a day", limits.daily_budget_usd.map(dollars)),
        ("posts a day", limits.daily_task_cap.map(|cap| cap.to_string())),
        ("quiet hours", limits.quiet_hours.map(|hours| hours.to_string())),
        ("plans", limits.plan_review.then(|| "wait to be started".to_owned())),
    ];
    lines.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

/// What the form says.
#[derive(Debug, Deserialize)]
pub(crate) struct Act {
    does: String,
    /// The version that the page showed.
    version: i64,
}

pub(crate) async fn act(
    State(shared): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Path(campaign): Path<String>,
    Form(act): Form<Act>,
) -> Result<Response, Problem> {
    let id: CampaignId = id(&campaign)?;
    let to = match act.does.as_str() {
        "pause" => CampaignStatus::Paused,
        "resume" => CampaignStatus::Active,
        "end" => CampaignStatus::Ended,
        _ => return Err(Problem::bad_request("`does` is one of: pause, resume, end")),
    };
    match set_status(&shared, &visitor, id, StateVersion::new(act.version), to).await {
        Ok(_) => Ok(Redirect::to(&format!("/campaigns/{id}?done={}", act.does)).into_response()),
        Err(problem) => draw(&shared, &visitor, id, &Wanted::default(), Some(Notice::refused(&problem))).await,
    }
}
