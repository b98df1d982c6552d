//! Plans that wait for their operator: what they would make, why and at what cost; and the forms that start, change or drop
//! them.

use std::collections::HashMap;

use askama::Template;
use axum::{
    Extension,
    extract::{Form, Path, Query, State},
    response::{IntoResponse as _, Redirect, Response},
};
use chimera_domain::{AccessRole, Campaign, CampaignId, Channel, Priority, Usd};
use chimera_store::{DRAFT_TEXT_MAX, DraftFilter, DraftPlan, DraftWish};
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::{
    Frame, Notice,
    dag::Dag,
    drawn_with,
    filter::{self, Choice},
    next,
    show::{When, dollars},
};
use crate::{
    access::Visitor,
    api::plans::{DROPPED, drop_seen, edit_seen, start_seen, warning},
    problem::Problem,
    read::trace_id,
    routes::Shared,
};

/// Plans on a page: each with its DAGs and forms.
const PAGE: u64 = 20;

/// Which plans.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Wanted {
    /// Those after the one of this trace.
    after: Option<String>,
    /// Only those of this campaign.
    #[serde(default)]
    campaign: String,
    /// What was just done.
    done: Option<String>,
}

/// The post for one channel.
#[derive(Debug)]
struct Part {
    channel: Channel,
    cost: String,
    dag: Dag,
}

/// One plan.
#[derive(Debug)]
struct Card {
    trace: String,
    version: String,
    headline: String,
    warning: Option<String>,
    why: String,
    campaign: String,
    campaign_id: String,
    since: Option<When>,
    cost: String,
    /// What its posts are for, and how urgent they are; nothing where they differ.
    goal: Option<String>,
    priority: Option<Priority>,
    parts: Vec<Part>,
    /// What somebody typed about it that was not taken.
    typed: Option<Act>,
}

impl Card {
    fn of(plan: &DraftPlan, campaigns: &HashMap<CampaignId, &Campaign>, now: DateTime<Utc>) -> Self {
        let signal = &plan.signal;
        let (first, all) = (plan.tasks.first(), || plan.tasks.iter());
        let goal = first.filter(|first| all().all(|task| task.payload.goal == first.payload.goal));
        let priority = first.filter(|first| all().all(|task| task.priority == first.priority));
        Self {
            trace: signal.trace_id.to_string(),
            version: plan.version(),
            headline: signal.item.title.clone(),
            warning: warning(signal),
            why: signal.reasons(),
            campaign: campaigns.get(&signal.campaign_id).map_or("a campaign", |campaign| &campaign.slug).to_owned(),
            campaign_id: signal.campaign_id.to_string(),
            since: plan.since().map(|since| When::of(since, now)),
            cost: dollars(plan.cost_max()),
            goal: goal.map(|task| task.payload.goal.clone()),
            priority: priority.map(|task| task.priority),
            parts: plan.channels().into_iter().map(|channel| part(plan, channel)).collect(),
            typed: None,
        }
    }

    /// Whether the form that does this lies open, with what was typed.
    fn typed_for(&self, does: &str) -> Option<&Act> {
        self.typed.as_ref().filter(|typed| typed.does == does)
    }
}

fn part(plan: &DraftPlan, channel: Channel) -> Part {
    let tasks: Vec<_> = plan.tasks_for(Some(channel)).cloned().collect();
    let cost: Usd = tasks.iter().map(|task| task.budget_cap_usd).sum();
    Part { channel, cost: dollars(cost), dag: Dag::of(&tasks) }
}

#[derive(Debug, Template)]
#[template(path = "plans.html")]
struct PlansPage {
    frame: Frame,
    notice: Option<Notice>,
    waiting: u64,
    cards: Vec<Card>,
    may_act: bool,
    wanted: Wanted,
    campaigns: Vec<Choice>,
    priorities: &'static [Priority],
    text_max: usize,
    is_first: bool,
    next: Option<String>,
}

pub(crate) async fn page(
    State(shared): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Problem> {
    let notice = match wanted.done.as_deref() {
        Some("start") => Some(Notice::done("Started. It is made and judged from here on.")),
        Some("edit") => Some(Notice::done("Changed. It still waits to be started.")),
        Some("drop") => Some(Notice::done("Dropped. Nothing of it is made.")),
        _ => None,
    };
    draw(&shared, &visitor, wanted, notice, None).await
}

/// The page, with a word on what was done or not, and what was typed about the plan of a trace.
async fn draw(
    shared: &Shared,
    visitor: &Visitor,
    wanted: Wanted,
    notice: Option<Notice>,
    typed: Option<(String, Act)>,
) -> Result<Response, Problem> {
    let (store, now) = (&shared.access.store, shared.access.ambient.now());
    let campaign = filter::chosen_campaign(&wanted.campaign)?;
    let after = filter::chosen(wanted.after.as_deref().unwrap_or_default(), trace_id)?;
    let plans = store.draft_plans(&DraftFilter { campaign, after, limit: PAGE, ..DraftFilter::default() }).await?;
    let campaigns = store.campaigns_page(None, filter::CAMPAIGNS).await?;
    let known: HashMap<CampaignId, &Campaign> = campaigns.iter().map(|campaign| (campaign.id, campaign)).collect();
    let mut cards: Vec<Card> = plans.iter().map(|plan| Card::of(plan, &known, now)).collect();
    if let Some((trace, act)) = typed
        && let Some(card) = cards.iter_mut().find(|card| card.trace == trace)
    {
        card.typed = Some(act);
    }
    let with_plans = |known: &&Campaign| known.limits.plan_review || Some(known.id) == campaign;
    let page = PlansPage {
        frame: Frame::of(shared, visitor, "/plans").await?,
        notice,
        waiting: store.drafts_waiting(campaign).await?,
        cards,
        may_act: visitor.may(AccessRole::Operator),
        campaigns: filter::campaigns(campaigns.iter().filter(with_plans), campaign),
        priorities: Priority::ALL,
        text_max: DRAFT_TEXT_MAX,
        is_first: after.is_none(),
        next: next(&plans, PAGE, |plan| address(&plan.signal.trace_id.to_string(), &wanted.campaign, "")),
        wanted,
    };
    drawn_with(&page, page.notice.as_ref())
}

fn address(after: &str, campaign: &str, done: &str) -> String {
    filter::address("/plans", &[("after", after), ("campaign", campaign), ("done", done)])
}

/// What a form says. Empty fields say nothing.
#[derive(Debug, Deserialize)]
pub(crate) struct Act {
    does: String,
    /// The version that the page showed.
    seen: String,
    #[serde(default)]
    channel: String,
    #[serde(default)]
    goal: String,
    #[serde(default)]
    priority: String,
    #[serde(default)]
    budget: String,
    #[serde(default)]
    because: String,
    /// The page that it stood on.
    #[serde(default)]
    after: String,
    #[serde(default)]
    campaign: String,
}

impl Act {
    fn channel(&self) -> Result<Option<Channel>, Problem> {
        filter::chosen(&self.channel, |name| name.parse().map_err(|_| Problem::bad_request("there is no such channel")))
    }

    fn wish(&self) -> Result<DraftWish, Problem> {
        let said = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let priority = said(&self.priority).map(|name| name.parse()).transpose();
        let budget = said(&self.budget).map(|usd| usd.trim_start_matches('$').parse()).transpose();
        Ok(DraftWish {
            // Browsers send line ends of a text as two characters each.
            goal: said(&self.goal.replace("\r\n", "\n")),
            priority: priority.map_err(|_| Problem::bad_request("there is no such priority"))?,
            post_budget_usd: budget
                .map_err(|_| Problem::bad_request("what a post may cost is an amount of dollars, such as 0.40"))?,
        })
    }

    async fn take(&self, shared: &Shared, visitor: &Visitor, plan: &str) -> Result<(), Problem> {
        let (plan, channel) = (trace_id(plan)?, self.channel()?);
        match self.does.as_str() {
            "start" => {
                start_seen(shared, visitor, plan, &self.seen, channel).await?;
            }
            "drop" => {
                let because = Some(self.because.as_str()).filter(|text| !text.trim().is_empty()).unwrap_or(DROPPED);
                drop_seen(shared, visitor, plan, &self.seen, channel, because).await?;
            }
            "edit" => edit_seen(shared, visitor, plan, &self.seen, channel, self.wish()?).await?,
            _ => return Err(Problem::bad_request("`does` is one of: start, edit, drop")),
        }
        Ok(())
    }
}

pub(crate) async fn act(
    State(shared): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Path(plan): Path<String>,
    Form(act): Form<Act>,
) -> Result<Response, Problem> {
    match act.take(&shared, &visitor, &plan).await {
        Ok(()) => {
            let place = if act.does == "edit" { format!("#p-{plan}") } else { String::new() };
            let address = address(&act.after, &act.campaign, &act.does);
            Ok(Redirect::to(&format!("{address}{place}")).into_response())
        }
        Err(problem) => {
            let wanted = Wanted { after: Some(act.after.clone()), campaign: act.campaign.clone(), done: None };
            draw(&shared, &visitor, wanted, Some(Notice::refused(&problem)), Some((plan, act))).await
        }
    }
}
