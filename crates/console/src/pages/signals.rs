//! What the fleet saw, what it made of it, and why; with what many tell of just now on top.

use std::collections::HashMap;

use askama::Template;
use axum::{
    Extension,
    extract::{Form, Path, Query, State},
    response::{IntoResponse as _, Redirect, Response},
};
use chimera_domain::{
    AccessRole, Campaign, CampaignId, MarkedSignal, SignalId, SignalMark, SignalOutcome, Trend, TrendSignal,
};
use chimera_store::{SignalFilter, StoreError, StorySource};
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::{
    Frame, PAGE, drawn,
    filter::{self, Choice},
    next,
    show::{self, When, web_address},
};
use crate::{access::Visitor, api::id, problem::Problem, routes::Shared};

/// Trends that are shown.
const TRENDS: u64 = 6;
/// Sources of a story that are named; of the others it is only said how many.
const SOURCES: usize = 8;

/// Which signals.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Wanted {
    /// Those read before this one.
    after: Option<String>,
    /// Only those of this campaign.
    #[serde(default)]
    campaign: String,
    /// Only those that came to this.
    #[serde(default)]
    outcome: String,
}

#[derive(Debug)]
struct Row {
    id: String,
    headline: String,
    link: Option<String>,
    outcome: &'static str,
    class: &'static str,
    score: String,
    /// 0 to 100, for drawing.
    share: f64,
    /// From where on its campaign plans, 0 to 100.
    threshold: f64,
    threshold_words: String,
    why: String,
    taint: String,
    campaign: String,
    resource: String,
    when: When,
    trace: Option<String>,
    /// What a person says of its score, and who.
    mark: Option<Mark>,
    /// Where else the campaign saw the story: where, and in which words.
    sources: Vec<(String, String)>,
    more_sources: usize,
}

impl Row {
    /// Whether a person says that it is relevant, or that it is not.
    fn is_marked(&self, up: bool) -> bool {
        self.mark.as_ref().is_some_and(|mark| mark.is_up == up)
    }
}

/// What a person says of a score.
#[derive(Debug)]
struct Mark {
    is_up: bool,
    by: String,
    when: When,
}

impl Mark {
    fn of(marked: &MarkedSignal, now: DateTime<Utc>) -> Self {
        let when = When::of(marked.marked_at, now);
        Self { is_up: marked.mark == SignalMark::Up, by: marked.marked_by.clone(), when }
    }
}

#[derive(Debug)]
struct Heat {
    label: String,
    items: u32,
    sources: u32,
    expected: String,
    z: String,
    since: When,
    headlines: Vec<String>,
}

#[derive(Debug, Template)]
#[template(path = "signals.html")]
struct SignalsPage {
    frame: Frame,
    trends: Vec<Heat>,
    rows: Vec<Row>,
    may_mark: bool,
    /// Where the page began, and what it was asked for.
    wanted: Wanted,
    campaigns: Vec<Choice>,
    outcomes: Vec<Choice>,
    is_filtered: bool,
    is_first: bool,
    next: Option<String>,
}

pub(crate) async fn page(
    State(shared): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Problem> {
    let (store, now) = (&shared.access.store, shared.access.ambient.now());
    let campaign = filter::chosen_campaign(&wanted.campaign)?;
    let known = |name: &str| name.parse().map_err(|_| Problem::bad_request("signals come to no such end"));
    let outcome: Option<SignalOutcome> = filter::chosen(&wanted.outcome, known)?;
    let after: Option<SignalId> = wanted.after.as_deref().map(id).transpose()?;
    let signals = store.signals_after(&SignalFilter { campaign, outcome, limit: PAGE }, after).await?;
    let (sources, marks) = (store.story_sources(&signals).await?, store.marks_of(&signals).await?);
    let trends = if after.is_none() { store.trends(true, TRENDS).await? } else { vec![] };
    let campaigns = store.campaigns_page(None, filter::CAMPAIGNS).await?;
    let page = SignalsPage {
        frame: Frame::of(&shared, &visitor, "/signals").await?,
        trends: trends.iter().map(|trend| heat(trend, now)).collect(),
        rows: rows(&signals, &campaigns, &sources, &marks, now),
        may_mark: visitor.may(AccessRole::Operator),
        next: next(&signals, PAGE, |signal| address(&signal.id.to_string(), &wanted)),
        is_filtered: campaign.is_some() || outcome.is_some(),
        is_first: after.is_none(),
        outcomes: filter::choices(SignalOutcome::ALL, |one| show::outcome(one).0.to_owned(), outcome),
        campaigns: filter::campaigns(&campaigns, campaign),
        wanted,
    };
    drawn(&page)
}

/// What a person says of a score, and the page that they look at.
#[derive(Debug, Deserialize)]
pub(crate) struct Said {
    does: String,
    #[serde(default)]
    after: String,
    #[serde(default)]
    campaign: String,
    #[serde(default)]
    outcome: String,
}

/// May be sent again: the last word counts.
pub(crate) async fn mark(
    State(shared): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Path(signal): Path<String>,
    Form(said): Form<Said>,
) -> Result<Response, Problem> {
    let signal: SignalId = id(&signal)?;
    let mark = match said.does.as_str() {
        "up" => SignalMark::Up,
        "down" => SignalMark::Down,
        _ => return Err(Problem::bad_request("`does` is one of: up, down")),
    };
    let (store, now) = (shared.access.store.acting_as(visitor.operator()), shared.access.ambient.now());
    match store.signal_mark(signal, mark, None, now).await {
        Ok(_) => {}
        Err(StoreError::NotFound { .. }) => return Err(Problem::not_found("there is no such signal")),
        Err(error) => return Err(error.into()),
    }
    let wanted = Wanted { after: None, campaign: said.campaign, outcome: said.outcome };
    Ok(Redirect::to(&format!("{}#s-{signal}", address(&said.after, &wanted))).into_response())
}

fn address(after: &str, wanted: &Wanted) -> String {
    filter::address("/signals", &[("after", after), ("campaign", &wanted.campaign), ("outcome", &wanted.outcome)])
}

fn rows(
    signals: &[TrendSignal],
    campaigns: &[Campaign],
    sources: &[StorySource],
    marks: &[MarkedSignal],
    now: DateTime<Utc>,
) -> Vec<Row> {
    let marks: HashMap<SignalId, &MarkedSignal> = marks.iter().map(|marked| (marked.signal.id, marked)).collect();
    let campaigns: HashMap<CampaignId, &Campaign> = campaigns.iter().map(|c| (c.id, c)).collect();
    let mut stories: HashMap<(CampaignId, SignalId), Vec<&StorySource>> = HashMap::new();
    for source in sources {
        stories.entry((source.campaign_id, source.story_id)).or_default().push(source);
    }
    let row = |signal: &TrendSignal| {
        let told = stories.get(&(signal.campaign_id, signal.story_id)).map_or(&[][..], Vec::as_slice);
        let others = told.iter().filter(|source| source.signal_id != signal.id);
        let all: Vec<(String, String)> = others.map(|s| (s.resource_uri.clone(), s.headline.clone())).collect();
        let campaign = campaigns.get(&signal.campaign_id);
        let (outcome, class) = show::outcome(signal.outcome);
        let threshold = campaign.map_or(Campaign::RELEVANCE_THRESHOLD, |campaign| campaign.relevance_threshold);
        Row {
            id: signal.id.to_string(),
            headline: signal.item.title.clone(),
            link: signal.item.url.as_deref().and_then(web_address),
            outcome,
            class,
            score: format!("{:.2}", signal.relevance.get()),
            share: signal.relevance.get() * 100.0,
            threshold: threshold.get() * 100.0,
            threshold_words: format!("{:.2}", threshold.get()),
            why: signal.reasons(),
            taint: signal.taint.join(", ").replace('_', " "),
            campaign: campaign.map(|campaign| campaign.slug.clone()).unwrap_or_default(),
            resource: signal.resource_uri.clone(),
            when: When::of(signal.ingested_at, now),
            trace: signal.outcome.has_tasks().then(|| signal.trace_id.to_string()),
            mark: marks.get(&signal.id).map(|marked| Mark::of(marked, now)),
            more_sources: all.len().saturating_sub(SOURCES),
            sources: all.into_iter().take(SOURCES).collect(),
        }
    };
    signals.iter().map(row).collect()
}

fn heat(trend: &Trend, now: DateTime<Utc>) -> Heat {
    Heat {
        label: trend.label.clone(),
        items: trend.items,
        sources: trend.sources,
        expected: format!("{:.1}", trend.expected),
        z: format!("{:.1}", trend.z),
        since: When::of(trend.began_at, now),
        headlines: trend.members.iter().rev().take(3).map(|member| member.headline.clone()).collect(),
    }
}
