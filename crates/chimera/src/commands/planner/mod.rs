//! `chimera planner`

mod calibrate;
mod governor;
mod mark;
mod replay;

use std::{path::PathBuf, process::ExitCode};

use chimera_domain::{SignalOutcome, TrendSignal, one_line};
use chimera_llm::RelevanceAsk;
use chimera_store::{SignalFilter, StorySource};
use clap::{Args, Subcommand};
use serde_json::json;

use crate::{
    cli::Global,
    commands::{lines, serve},
    compose,
    lifecycle::EXIT_CODES,
    output,
    role::Role,
};

/// Texts put before the mind at once.
const SCORE_BATCH: usize = 64;

/// The planner as a process of its own; signals and their scores.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Read what campaigns watch and plan posts, until told to end. Needs PostgreSQL and Redis
    #[command(after_help = EXIT_CODES)]
    Serve(serve::Options),
    /// List the newest signals, with their scores and reasons
    ViewSignals {
        /// Only those with this outcome: PLANNED, BELOW_THRESHOLD, DUPLICATE, DEFERRED, STALE, ANSWERED or REFUSED
        #[arg(long)]
        outcome: Option<SignalOutcome>,
        /// How many
        #[arg(long, default_value_t = 50)]
        limit: u64,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// List trends: subjects told of much more often than they use to be. Those that last come first
    ViewTrends {
        /// Only those that last
        #[arg(long)]
        hot: bool,
        /// How many
        #[arg(long, default_value_t = 20)]
        limit: u64,
        /// As JSON, with their newest items
        #[arg(long)]
        json: bool,
    },
    /// What agents and campaigns may still plan, what waits, and until when
    CheckGovernor(governor::Options),
    /// Say whether a signal is relevant, for the next calibration; also of some that were scored right
    Mark(mark::Options),
    /// Fit a campaign's scores to examples, so that they mean something: marks, the campaign's own examples, a file
    Calibrate(calibrate::Options),
    /// Score stored signals again and tell which decisions would be other ones. Writes nothing
    ReplayTrends(replay::Options),
    /// Score texts against a goal, without writing anything
    Score {
        /// The goal, in words
        #[arg(long)]
        goal: String,
        /// JSON Lines with `headline`, `title` or `text`, and perhaps `description`; `-` for standard input
        #[arg(long)]
        input: PathBuf,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
}

/// A signal, and where its story was seen.
#[derive(serde::Serialize)]
struct Listed<'a> {
    #[serde(flatten)]
    signal: &'a TrendSignal,
    sources: Vec<&'a StorySource>,
}

impl Options {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::Serve(options) => return options.run(Role::Planner, global, None).await,
            Command::CheckGovernor(options) => options.run(global).await?,
            Command::Mark(options) => options.run(global).await?,
            Command::Calibrate(options) => options.run(global).await?,
            Command::ReplayTrends(options) => options.run(global).await?,
            Command::ViewSignals { outcome, limit, json } => {
                let config = global.load(true, None)?;
                let store = compose::open_store(&config).await?;
                let signals = store.signals(&SignalFilter { campaign: None, outcome, limit }).await?;
                let sources = store.story_sources(&signals).await?;
                let of = |s: &TrendSignal| {
                    let told = |o: &&StorySource| o.story_id == s.story_id && o.campaign_id == s.campaign_id;
                    sources.iter().filter(told).collect::<Vec<_>>()
                };
                if json {
                    output::json(&signals.iter().map(|s| Listed { signal: s, sources: of(s) }).collect::<Vec<_>>())?;
                } else {
                    let rows = signals.iter().map(|s| {
                        let why = s.reasons();
                        let why = if s.taint.is_empty() { why } else { format!("{why} [{}]", s.taint.join(", ")) };
                        [
                            s.relevance.to_string(),
                            s.outcome.to_string(),
                            of(s).len().to_string(),
                            one_line(&s.item.title, 60),
                            one_line(&why, 80),
                            s.trace_id.to_string(),
                        ]
                    });
                    output::table(["score", "outcome", "sources", "headline", "why", "trace"], rows);
                }
            }
            Command::ViewTrends { hot, limit, json } => {
                let config = global.load(true, None)?;
                let trends = compose::open_store(&config).await?.trends(hot, limit).await?;
                if json {
                    output::json(&trends)?;
                } else {
                    let rows = trends.into_iter().map(|t| {
                        [
                            t.state.to_string(),
                            t.began_at.format("%Y-%m-%d %H:%M").to_string(),
                            t.items.to_string(),
                            t.sources.to_string(),
                            format!("{:.1}", t.expected),
                            format!("{:.1}", t.z_peak),
                            one_line(&t.label, 80),
                        ]
                    });
                    output::table(["state", "since", "items", "resources", "expected", "highest z", "headline"], rows);
                }
            }
            Command::Score { goal, input, json } => {
                let config = global.load(true, None)?;
                anyhow::ensure!(!goal.trim().is_empty(), "--goal is empty; say in words what the campaign looks for");
                let items = lines::read(&input)?;
                let (mind, choice) = compose::choose_mind(&config).await?;
                output::note(&choice);
                for batch in items.chunks(SCORE_BATCH) {
                    let ask = RelevanceAsk { goal: goal.clone(), persona: None, items: batch.to_vec(), budget: None };
                    let scores = mind.relevance(&ask).await?.value;
                    for (item, relevance) in batch.iter().zip(scores) {
                        if json {
                            output::json_line(
                                &json!({"headline": item.title, "score": relevance.score, "why": relevance.why}),
                            )?;
                        } else {
                            output::line(&format!(
                                "{}  {}  ({})",
                                relevance.score,
                                one_line(&item.title, 90),
                                one_line(&relevance.why, 90)
                            ));
                        }
                    }
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
