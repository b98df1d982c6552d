//! `chimera plan`: what waits for its operator before it is made.

use std::process::ExitCode;

use chimera_domain::{
    AgentTask, Ambient as _, CampaignId, Channel, Criterion, Priority, SignalId, TraceId, Usd, one_line,
};
use chimera_store::{DraftFilter, DraftPlan, DraftWish, Drafts, Store, UnfitWish, draft_text};
use clap::{Args, Subcommand};
use serde_json::json;

use crate::{
    cli::{By, Global},
    commands::campaign,
    compose, output,
    system::SystemAmbient,
};

/// Plans that one command starts or drops, at the most.
const TOGETHER_MAX: u64 = 10_000;

/// Plans that wait for you: look at them, edit, start or drop them.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the plans that wait, the longest waiting first. A campaign has its plans wait with `--plan-review true`
    List {
        /// Only those of this campaign
        #[arg(long, value_name = "SLUG")]
        campaign: Option<String>,
        /// How many
        #[arg(long, default_value_t = 50)]
        limit: u64,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// A plan with its tasks
    Show {
        /// Its trace, as `chimera plan list` tells it
        trace: TraceId,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Change what is to be made
    Edit(Edit),
    /// Start plans: workers may begin
    Start(Which),
    /// Drop plans: nothing is made
    Drop {
        #[command(flatten)]
        which: Which,
        /// Why
        #[arg(long, default_value = "dropped by its operator", value_parser = draft_text)]
        because: String,
    },
}

/// Which plans.
#[derive(Debug, Args)]
struct Which {
    #[command(flatten)]
    these: These,
    /// Only the posts for this channel
    #[arg(long, value_name = "NAME")]
    channel: Option<Channel>,
    #[command(flatten)]
    by: By,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct These {
    /// Their traces, as `chimera plan list` tells them
    traces: Vec<TraceId>,
    /// All that wait
    #[arg(long)]
    all: bool,
    /// All of this campaign
    #[arg(long, value_name = "SLUG")]
    campaign: Option<String>,
}

/// What to change.
#[derive(Debug, Args)]
struct Edit {
    /// The plan's trace
    trace: TraceId,
    /// Only the posts for this channel
    #[arg(long, value_name = "NAME")]
    channel: Option<Channel>,
    /// What the posts are for, instead of the campaign's goal
    #[arg(long, value_name = "TEXT", value_parser = draft_text)]
    goal: Option<String>,
    /// How urgent they are: high, medium or low
    #[arg(long)]
    priority: Option<Priority>,
    /// The most each post may cost
    #[arg(long, value_name = "USD", value_parser = positive)]
    post_budget: Option<Usd>,
    #[command(flatten)]
    by: By,
}

fn positive(text: &str) -> Result<Usd, String> {
    let usd: Usd = text.parse().map_err(|error| format!("{error}"))?;
    if usd > Usd::ZERO { Ok(usd) } else { Err(UnfitWish::Budget.to_string()) }
}

impl Options {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<ExitCode> {
        let config = global.load(true, None)?;
        let store = compose::open_store(&config).await?;
        match self.command {
            Command::List { campaign, limit, json } => {
                let campaign = of_slug(&store, campaign.as_deref()).await?;
                list(&store.draft_plans(&DraftFilter { campaign, traces: vec![], after: None, limit }).await?, json)?;
            }
            Command::Show { trace, json } => show(&the(&store, trace).await?, json)?,
            Command::Edit(edit) => edit.make(&store).await?,
            Command::Start(which) => {
                let plans = which.plans(&store).await?;
                let signals = ids(&plans);
                let chosen = Drafts { signals: &signals, channel: which.channel, seen: None };
                let ready = store.acting_as(which.by.operator()).drafts_start(chosen, SystemAmbient.now()).await?;
                let begun = count(ready.len(), "task");
                let started = count(plans.len(), "plan");
                output::note(&format!("started {started}: a running fleet finds {begun} to begin with by itself"));
            }
            Command::Drop { which, because } => {
                let plans = which.plans(&store).await?;
                let signals = ids(&plans);
                let chosen = Drafts { signals: &signals, channel: which.channel, seen: None };
                let dropped =
                    store.acting_as(which.by.operator()).drafts_drop(chosen, &because, SystemAmbient.now()).await?;
                output::note(&format!("dropped {dropped} tasks of {}", count(plans.len(), "plan")));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Which {
    async fn plans(&self, store: &Store) -> anyhow::Result<Vec<DraftPlan>> {
        let campaign = of_slug(store, self.these.campaign.as_deref()).await?;
        let filter = DraftFilter { campaign, traces: self.these.traces.clone(), after: None, limit: TOGETHER_MAX };
        let mut waiting = store.draft_plans(&filter).await?;
        for trace in &self.these.traces {
            anyhow::ensure!(waiting.iter().any(|plan| plan.signal.trace_id == *trace), "{}", none(*trace));
        }
        if let Some(channel) = self.channel {
            waiting.retain(|plan| plan.tasks.iter().any(|task| task.channel == channel));
        }
        anyhow::ensure!(!waiting.is_empty(), "no such plan waits; `chimera plan list` shows those that do");
        Ok(waiting)
    }
}

impl Edit {
    async fn make(self, store: &Store) -> anyhow::Result<()> {
        let Self { trace, channel, goal, priority, post_budget, by } = self;
        let wish = DraftWish { goal, priority, post_budget_usd: post_budget }.checked()?;
        let plan = the(store, trace).await?;
        anyhow::ensure!(plan.tasks_for(channel).next().is_some(), "the plan has no post for that channel");
        let edits = plan.edits(channel, &wish);
        let edited = store.acting_as(by.operator()).drafts_edit(&edits, SystemAmbient.now()).await?;
        output::note(&format!("changed {} tasks; `chimera plan start {trace}` starts them", edited.len()));
        Ok(())
    }
}

async fn of_slug(store: &Store, slug: Option<&str>) -> anyhow::Result<Option<CampaignId>> {
    match slug {
        Some(slug) => Ok(Some(campaign::named(&store.campaigns().await?, slug)?.id)),
        None => Ok(None),
    }
}

async fn the(store: &Store, trace: TraceId) -> anyhow::Result<DraftPlan> {
    let filter = DraftFilter { traces: vec![trace], limit: 1, ..DraftFilter::default() };
    store.draft_plans(&filter).await?.pop().ok_or_else(|| anyhow::anyhow!("{}", none(trace)))
}

fn none(trace: TraceId) -> String {
    format!(
        "no plan of trace {trace} waits; `chimera plan list` shows those that do, `chimera trace` what became of others"
    )
}

fn ids(plans: &[DraftPlan]) -> Vec<SignalId> {
    plans.iter().map(|plan| plan.signal.id).collect()
}

fn count(n: usize, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

/// The headline; one that looks as if it gave orders says so.
fn headline(plan: &DraftPlan, chars_max: usize) -> String {
    let title = one_line(&plan.signal.item.title, chars_max);
    if plan.signal.taint.is_empty() { title } else { format!("{title} [{}]", plan.signal.taint.join(", ")) }
}

fn list(plans: &[DraftPlan], json: bool) -> anyhow::Result<()> {
    if json {
        return output::json(&plans.iter().map(of_plan).collect::<Vec<_>>());
    }
    let rows = plans.iter().map(|plan| {
        let channels: Vec<&str> = plan.channels().into_iter().map(Channel::as_str).collect();
        let since = plan.since().map(|since| since.format("%F %H:%M").to_string());
        [
            plan.signal.trace_id.to_string(),
            since.unwrap_or_default(),
            plan.signal.relevance.to_string(),
            format!("${}", plan.cost_max()),
            channels.join(" "),
            headline(plan, 80),
        ]
    });
    output::table(["trace", "since (UTC)", "score", "at most", "channels", "headline"], rows);
    Ok(())
}

fn show(plan: &DraftPlan, json: bool) -> anyhow::Result<()> {
    if json {
        return output::json(&of_plan(plan));
    }
    output::line(&headline(plan, 200));
    output::line(&format!("  {}  {}", plan.signal.relevance, one_line(&plan.signal.reasons(), 200)));
    let mut goals: Vec<&str> = plan.tasks.iter().map(|task| task.payload.goal.as_str()).collect();
    goals.dedup();
    for goal in goals {
        output::line(&format!("  goal: {}", one_line(goal, 300)));
    }
    let name = |task: &AgentTask| match &task.payload.video {
        Some(video) => format!("{} {} ({})", task.channel, task.task_type, video.tier),
        None => format!("{} {}", task.channel, task.task_type),
    };
    let rows = plan.tasks.iter().map(|task| {
        let needs = plan.tasks.iter().filter(|other| task.depends_on.contains(&other.id)).map(name);
        [
            name(task),
            task.priority.to_string(),
            format!("${}", task.budget_cap_usd),
            needs.collect::<Vec<_>>().join(", "),
            task.id.to_string(),
        ]
    });
    output::table(["task", "priority", "at most", "needs", "id"], rows);
    let wanted =
        plan.tasks.iter().map(|task| [name(task), Criterion::all_in_words(&task.payload.acceptance, task.channel)]);
    output::table(["task", "is accepted when it is"], wanted);
    Ok(())
}

fn of_plan(plan: &DraftPlan) -> serde_json::Value {
    json!({
        "trace_id": plan.signal.trace_id, "cost_max_usd": plan.cost_max(), "signal": plan.signal, "tasks": plan.tasks,
    })
}
