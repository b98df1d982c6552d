//! `chimera judge`

mod calibrate;

use std::{path::PathBuf, process::ExitCode, sync::Arc};

use chimera_domain::{Actor, Resolution, TicketId, one_line, shown};
use chimera_judge::{Answer, Desk};
use clap::{Args, Subcommand};
use serde_json::json;

use crate::{
    cli::{Global, person},
    commands::{hitl, lines, serve},
    compose,
    lifecycle::EXIT_CODES,
    output,
    role::Role,
    system::SystemAmbient,
};

/// The judge as a process of its own; posts that wait for a person.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    command: Command,
}

/// Who answers, and why.
#[derive(Debug, Args)]
struct Reviewer {
    /// The ticket, as `chimera judge view-queue` shows it
    ticket: TicketId,
    /// Who decides
    #[arg(long, env = "USER", default_value = "operator", value_parser = person)]
    by: String,
    /// Why, in 2,000 characters at most
    #[arg(long, value_parser = reason)]
    note: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Judge what workers made, until told to end. Needs PostgreSQL and Redis
    #[command(after_help = EXIT_CODES)]
    Serve(serve::Options),
    /// List the posts that wait, the one due first first
    ViewQueue(hitl::ViewQueue),
    /// List the posts whose answer is overdue
    #[command(after_help = hitl::SLA_EXIT_CODES)]
    CheckSla(hitl::CheckSla),
    /// Let a post go out
    ApproveTicket {
        #[command(flatten)]
        reviewer: Reviewer,
        /// The post is out already (for a publish call whose outcome is unknown)
        #[arg(long)]
        is_out: bool,
    },
    /// Take a post in hand that nobody else has, so that two don't read the same
    ClaimTicket {
        /// The ticket, as `chimera judge view-queue` shows it
        ticket: TicketId,
        /// Who takes it
        #[arg(long, env = "USER", default_value = "operator", value_parser = person)]
        by: String,
    },
    /// Put a post into somebody's hands, or into nobody's
    AssignTicket {
        /// The ticket, as `chimera judge view-queue` shows it
        ticket: TicketId,
        /// Who is to have it; without it nobody has
        #[arg(long, value_parser = person)]
        to: Option<String>,
        /// Who says so
        #[arg(long, env = "USER", default_value = "operator", value_parser = person)]
        by: String,
    },
    /// Keep a post from going out
    RejectTicket {
        #[command(flatten)]
        reviewer: Reviewer,
    },
    /// Fit the judge's confidence to what people decided, so that it means how often they let such posts go out
    Calibrate(calibrate::Options),
    /// Look for sensitive topics in texts, without writing anything
    Scan {
        /// JSON Lines with `headline`, `title` or `text`, and perhaps `description`; `-` for standard input
        #[arg(long)]
        input: PathBuf,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
}

impl Options {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<ExitCode> {
        let load = || global.load(true, None);
        match self.command {
            Command::Serve(options) => return options.run(Role::Judge, global, None).await,
            Command::ViewQueue(options) => return options.run(&load()?).await,
            Command::CheckSla(options) => return options.run(&load()?).await,
            Command::ApproveTicket { reviewer, is_out } => {
                let resolution = if is_out { Resolution::ConfirmedPublished } else { Resolution::Approved };
                answer(&load()?, reviewer, resolution).await?;
            }
            Command::ClaimTicket { ticket, by } => {
                let taken = desk(&load()?).await?.assign(ticket, Some(&by), true, Actor::human(&by)).await?;
                output::note(&format!("{by} has it in hand; due {}", taken.sla_expires_at.format("%F %H:%M UTC")));
            }
            Command::AssignTicket { ticket, to, by } => {
                desk(&load()?).await?.assign(ticket, to.as_deref(), false, Actor::human(&by)).await?;
                output::note(&format!("{} has it in hand", to.as_deref().unwrap_or("nobody")));
            }
            Command::RejectTicket { reviewer } => answer(&load()?, reviewer, Resolution::Rejected).await?,
            Command::Calibrate(options) => options.run(global).await?,
            Command::Scan { input, json } => scan(&load()?, &input, json)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The longest note on an answer, in characters.
const NOTE_MAX: usize = 2_000;

fn reason(note: &str) -> Result<String, String> {
    let length = note.chars().count();
    if length <= NOTE_MAX { Ok(note.to_owned()) } else { Err(format!("{length} characters; {NOTE_MAX} at most")) }
}

async fn desk(config: &crate::config::Config) -> anyhow::Result<Desk> {
    let store = compose::open_store(config).await?;
    // Without Redis the queue of a running `up` is in its own process; its sweeper finds the approved post within seconds.
    // A Redis that is away keeps no answer from being given.
    let bus = compose::Queues::open(config, &SystemAmbient).await?.bus;
    Ok(Desk::new(store, bus, Arc::new(SystemAmbient)))
}

async fn answer(config: &crate::config::Config, reviewer: Reviewer, resolution: Resolution) -> anyhow::Result<()> {
    let desk = desk(config).await?;
    let Reviewer { ticket, by, note } = reviewer;
    desk.answer(Answer { ticket_id: ticket, resolution, by, note, seen_hash: None, edit: None, again: false }).await?;
    output::note(match resolution {
        Resolution::Approved => {
            "approved; a running `chimera up` or `publisher serve` publishes it within seconds, otherwise the next one does"
        }
        Resolution::ConfirmedPublished => "noted: the post is out",
        Resolution::Rejected | Resolution::Withdrawn => "rejected",
    });
    Ok(())
}

fn scan(config: &crate::config::Config, input: &std::path::Path, json: bool) -> anyhow::Result<()> {
    let scanner = compose::scanner(config)?;
    for item in lines::read(input)? {
        let hits = scanner.scan(&format!("{}\n{}", item.title, item.summary));
        if json {
            let topics: Vec<_> = hits
                .iter()
                .map(|h| json!({"topic": h.topic, "score": h.score, "evidence": h.evidence.to_string()}))
                .collect();
            output::json_line(&json!({"headline": item.title, "sensitive": !hits.is_empty(), "topics": topics}))?;
        } else {
            let found: Vec<_> = hits.iter().map(|h| format!("{} {} ({})", h.topic, h.score, h.evidence)).collect();
            let found = if found.is_empty() { "-".to_owned() } else { found.join("; ") };
            output::line(&format!("{}  {}", one_line(&item.title, 90), shown(&found)));
        }
    }
    Ok(())
}
