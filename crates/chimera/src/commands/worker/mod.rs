//! `chimera worker`

mod retry;

use std::process::ExitCode;

use chimera_domain::{TaskState, one_line};
use clap::{Args, Subcommand};

use crate::{cli::Global, commands::serve, compose, lifecycle::EXIT_CODES, output, role::Role};

/// A pool of workers as a process of its own; the work that waits.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Execute tasks, until told to end. Needs PostgreSQL and Redis
    #[command(after_help = EXIT_CODES)]
    StartPool {
        #[command(flatten)]
        serve: serve::Options,
        /// Tasks executed at the same time [default: see `worker.concurrency` in the configuration]
        #[arg(long, value_name = "N")]
        concurrency: Option<usize>,
    },
    /// List the tasks that are not at an end, and the dead letters with what went wrong
    CheckQueue {
        /// How many
        #[arg(long, default_value_t = 50)]
        limit: u64,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Put dead letters back to work, and whatever was cancelled because it waited for them
    RetryFailed(retry::Options),
}

impl Options {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::StartPool { serve, concurrency } => serve.run(Role::Worker, global, concurrency).await,
            Command::CheckQueue { limit, json } => check_queue(global, limit, json).await,
            Command::RetryFailed(options) => options.run(global).await,
        }
    }
}

async fn check_queue(global: &Global, limit: u64, json: bool) -> anyhow::Result<ExitCode> {
    let config = global.load(true, None)?;
    let store = compose::open_store(&config).await?;
    let live: Vec<TaskState> = TaskState::ALL.iter().copied().filter(|s| !s.is_terminal()).collect();
    let mut tasks = store.tasks_in(&live, limit).await?;
    let dead = store.tasks_in(&[TaskState::Failed], limit).await?;
    if json {
        tasks.extend(dead);
        output::json(&tasks)?;
        return Ok(ExitCode::SUCCESS);
    }
    let counts = store.task_counts().await?;
    let line: Vec<String> = TaskState::ALL.iter().filter_map(|s| counts.get(s).map(|n| format!("{n} {s}"))).collect();
    output::line(&if line.is_empty() { "no task yet".to_owned() } else { line.join(", ") });
    if !tasks.is_empty() {
        output::table(
            ["task", "type", "state", "attempts", "held by", "last error"],
            tasks.into_iter().map(|t| {
                [
                    t.id.to_string(),
                    t.task_type.to_string(),
                    t.state.to_string(),
                    t.attempts.to_string(),
                    t.lease_owner.unwrap_or_default(),
                    one_line(&t.last_error.unwrap_or_default(), 60),
                ]
            }),
        );
    }
    if !dead.is_empty() {
        output::table(
            ["dead letter", "type", "attempts", "what went wrong"],
            dead.into_iter().map(|t| {
                let error = one_line(&t.last_error.unwrap_or_default(), 120);
                [t.id.to_string(), t.task_type.to_string(), t.attempts.to_string(), error]
            }),
        );
        output::note(
            "once the cause is mended, `chimera worker retry-failed TASK...` puts them back to work, and \
             `chimera worker retry-failed --all` every one",
        );
    }
    Ok(ExitCode::SUCCESS)
}
