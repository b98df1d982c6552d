//! What an operator says of a campaign on the command line.

use std::str::FromStr;

use chimera_domain::{Campaign, CampaignTerms, Channel, QuietHours, Score, Usd};
use chimera_store::Store;
use clap::{Args, ValueEnum};

use crate::config::CampaignConfig;

/// What is said; what is not said stays as it is, or as it is by default.
#[derive(Debug, Args)]
pub(super) struct Wishes {
    /// What it is for, in a sentence or two
    #[arg(long, value_name = "TEXT")]
    goal: Option<String>,
    /// The slug of an agent that posts for it; may be repeated
    #[arg(long = "agent", value_name = "SLUG")]
    agents: Vec<String>,
    /// What it watches, as mcp://SERVER/RESOURCE-URI; may be repeated
    #[arg(long = "resource", value_name = "URI")]
    resources: Vec<String>,
    /// Where it posts: x, instagram, threads, tiktok, youtube_shorts, bluesky, mastodon or blog; may be repeated
    #[arg(long = "channel", value_name = "NAME")]
    channels: Vec<Channel>,
    /// A signal below this is left alone, 0 to 1 [default: 0.75]
    #[arg(long, value_name = "SCORE", value_parser = score)]
    threshold: Option<Score>,
    /// The most one post may cost [default: 1]
    #[arg(long, value_name = "USD")]
    post_budget: Option<Usd>,
    /// Length of its videos, 2 to 15 seconds [default: 2]
    #[arg(long, value_name = "SECONDS")]
    video_seconds: Option<u32>,
    /// The most posts that may be planned in a UTC day, or `none`
    #[arg(long, value_name = "N")]
    daily_task_cap: Option<Limit<u32>>,
    /// The most that it may cost in a UTC day, or `none`
    #[arg(long, value_name = "USD")]
    daily_budget: Option<Limit<Usd>>,
    /// When it plans and publishes nothing, such as "22:00-07:00 Europe/Berlin", or `none`
    #[arg(long, value_name = "HOURS ZONE")]
    quiet_hours: Option<Limit<QuietHours>>,
    /// Whether its plans wait for an operator, who looks at them with `chimera plan` [default: false]
    #[arg(long, value_name = "BOOL")]
    plan_review: Option<bool>,
    /// A term that speaks for a text (`*` ends a word that may go on); may be repeated
    #[arg(long = "keyword", value_name = "TERM")]
    keywords: Vec<String>,
    /// A term that makes a text relevant whatever else it says; may be repeated
    #[arg(long, value_name = "TERM")]
    allow: Vec<String>,
    /// A term that makes a text irrelevant whatever else it says; may be repeated
    #[arg(long, value_name = "TERM")]
    deny: Vec<String>,
    /// A headline that it wants; may be repeated
    #[arg(long = "example", value_name = "TEXT")]
    examples: Vec<String>,
    /// A headline that only looks as if it wanted it; may be repeated
    #[arg(long = "counter-example", value_name = "TEXT")]
    counter_examples: Vec<String>,
    /// Lists to empty, before what is given here goes in
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    clear: Vec<List>,
}

/// A list that may be emptied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum List {
    /// What it watches
    Resources,
    /// Terms that speak for a text
    Keywords,
    /// Terms that always make relevant
    Allow,
    /// Terms that always make irrelevant
    Deny,
    /// Headlines that it wants
    Examples,
    /// Headlines that it does not want
    CounterExamples,
}

/// A limit, or `none`.
#[derive(Debug, Clone, Copy)]
struct Limit<T>(Option<T>);

impl<T: FromStr> FromStr for Limit<T> {
    type Err = T::Err;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "none" { Ok(Self(None)) } else { text.parse().map(|limit| Self(Some(limit))) }
    }
}

fn score(text: &str) -> Result<Score, String> {
    let value: f64 = text.parse().map_err(|_| "a score is a number from 0 to 1".to_owned())?;
    Score::new(value).map_err(|error| error.to_string())
}

impl Wishes {
    /// A new campaign as it is said to be.
    pub(super) fn of_new(self, slug: &str) -> anyhow::Result<CampaignConfig> {
        let mut wanted = CampaignConfig {
            slug: slug.to_owned(),
            goal: String::new(),
            agents: vec![],
            resources: vec![],
            channels: vec![],
            relevance_threshold: Campaign::RELEVANCE_THRESHOLD,
            post_budget_usd: Campaign::POST_BUDGET,
            video_seconds: Campaign::VIDEO_SECONDS,
            terms: CampaignTerms::default(),
            limits: chimera_domain::CampaignLimits::default(),
        };
        self.put_into(&mut wanted);
        checked(wanted)
    }

    /// A campaign as it is, but for what is said.
    pub(super) async fn of_edited(self, before: &Campaign, store: &Store) -> anyhow::Result<CampaignConfig> {
        let agents = super::show::agents(before, store).await?;
        let mut wanted = CampaignConfig {
            slug: before.slug.clone(),
            goal: before.goal.clone(),
            agents,
            resources: before.resources.clone(),
            channels: before.channels.clone(),
            relevance_threshold: before.relevance_threshold,
            post_budget_usd: before.post_budget_usd,
            video_seconds: before.video_seconds,
            terms: before.terms.clone(),
            limits: before.limits.clone(),
        };
        self.put_into(&mut wanted);
        checked(wanted)
    }

    fn put_into(self, wanted: &mut CampaignConfig) {
        let cleared = |list: List| self.clear.contains(&list);
        let replace = |list: &mut Vec<String>, given: Vec<String>, cleared: bool| {
            if cleared || !given.is_empty() {
                *list = given;
            }
        };
        let terms = &mut wanted.terms;
        replace(&mut wanted.resources, self.resources, cleared(List::Resources));
        replace(&mut terms.keywords, self.keywords, cleared(List::Keywords));
        replace(&mut terms.allow, self.allow, cleared(List::Allow));
        replace(&mut terms.deny, self.deny, cleared(List::Deny));
        replace(&mut terms.examples, self.examples, cleared(List::Examples));
        replace(&mut terms.counter_examples, self.counter_examples, cleared(List::CounterExamples));
        replace(&mut wanted.agents, self.agents, false);
        if !self.channels.is_empty() {
            wanted.channels = self.channels;
        }
        set(&mut wanted.goal, self.goal);
        set(&mut wanted.relevance_threshold, self.threshold);
        set(&mut wanted.post_budget_usd, self.post_budget);
        set(&mut wanted.video_seconds, self.video_seconds);
        set(&mut wanted.limits.daily_task_cap, self.daily_task_cap.map(|limit| limit.0));
        set(&mut wanted.limits.daily_budget_usd, self.daily_budget.map(|limit| limit.0));
        set(&mut wanted.limits.quiet_hours, self.quiet_hours.map(|limit| limit.0));
        set(&mut wanted.limits.plan_review, self.plan_review);
    }
}

fn set<T>(place: &mut T, given: Option<T>) {
    if let Some(given) = given {
        *place = given;
    }
}

fn checked(wanted: CampaignConfig) -> anyhow::Result<CampaignConfig> {
    wanted.sketch().check()?;
    Ok(wanted)
}
