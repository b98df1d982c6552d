//! `chimera alerts`

use std::process::ExitCode;

use chimera_domain::{Alert, AlertId, AlertKind, Ambient as _, one_line};
use chimera_store::Store;
use clap::{ArgGroup, Args, Subcommand};

use crate::{
    cli::{By, Global},
    compose, output,
    system::SystemAmbient,
};

/// Alerts acknowledged together at the most.
const ALL_MAX: u64 = 1_000;

/// Alerts: see and acknowledge them.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the alerts that nobody has acknowledged, the newest first. Some end by themselves: that a feed is down, when it
    /// can be read again; that a task gave up, when it is retried
    List {
        /// Only those of this kind, such as `feed_down` or `dead_letter`
        #[arg(long)]
        kind: Option<AlertKind>,
        /// How many
        #[arg(long, default_value_t = 50)]
        limit: u64,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Acknowledge alerts: they are listed no more, and raised again if it happens again. Mends nothing
    #[command(group = ArgGroup::new("which").required(true))]
    Ack {
        /// The alerts, as `chimera alerts list` shows them
        #[arg(group = "which")]
        ids: Vec<AlertId>,
        /// Every open alert, a thousand at the most
        #[arg(long, group = "which")]
        all: bool,
        #[command(flatten)]
        by: By,
    },
}

impl Options {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<ExitCode> {
        let store = compose::open_store(&global.load(true, None)?).await?;
        match self.command {
            Command::List { kind, limit, json } => list(&store, kind, limit, json).await,
            Command::Ack { ids, all, by } => acknowledge(&store.acting_as(by.operator()), ids, all).await,
        }
    }
}

async fn list(store: &Store, kind: Option<AlertKind>, limit: u64, json: bool) -> anyhow::Result<ExitCode> {
    // Few are open at a time, so one kind is picked from all of them.
    let among = if kind.is_some() { u64::from(u32::MAX) } else { limit };
    let mut alerts: Vec<Alert> = store.alerts_open(among).await?;
    alerts.retain(|alert| kind.is_none_or(|kind| alert.kind == kind));
    alerts.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    if json {
        output::json(&alerts)?;
        return Ok(ExitCode::SUCCESS);
    }
    let rows = alerts.into_iter().map(|alert| {
        [
            alert.id.to_string(),
            alert.severity.to_string(),
            alert.kind.to_string(),
            alert.created_at.format("%F %H:%M").to_string(),
            one_line(&alert.message, 120),
        ]
    });
    output::table(["alert", "severity", "kind", "since", "message"], rows);
    Ok(ExitCode::SUCCESS)
}

async fn acknowledge(store: &Store, ids: Vec<AlertId>, all: bool) -> anyhow::Result<ExitCode> {
    let ids = if all { store.alerts_open(ALL_MAX).await?.into_iter().map(|alert| alert.id).collect() } else { ids };
    let closed = store.alerts_acknowledge(&ids, SystemAmbient.now()).await?;
    for alert in &closed {
        output::note(&format!("acknowledged  {}  {}", alert.id, one_line(&alert.message, 120)));
    }
    let mut missed = ids.iter().filter(|id| closed.iter().all(|alert| alert.id != **id)).peekable();
    if all && missed.peek().is_none() && closed.is_empty() {
        output::note("no alert is open");
    }
    let code = if missed.peek().is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
    for id in missed {
        output::note(&format!("{id}: there is no open alert of this id"));
    }
    Ok(code)
}
