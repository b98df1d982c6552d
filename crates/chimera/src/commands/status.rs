//! `chimera status`

use std::process::ExitCode;

use chimera_console::{FleetStatus, fleet_status, post_summaries};
use chimera_domain::{TaskState, one_line};
use clap::Args;

use crate::{cli::Global, compose, output};

const POSTS_LISTED: u64 = 20;
const ALERTS_LISTED: u64 = 10;

/// What the fleet has done so far.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// As JSON
    #[arg(long)]
    json: bool,
}

impl Options {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<ExitCode> {
        let config = global.load(true, None)?;
        let store = compose::open_store(&config).await?;
        let status = fleet_status(&store).await?;
        if self.json {
            let mut answer = serde_json::to_value(&status)?;
            if let Some(answer) = answer.as_object_mut() {
                answer.insert("alerts".to_owned(), serde_json::to_value(store.alerts_open(ALERTS_LISTED).await?)?);
            }
            output::json(&answer)?;
            return Ok(ExitCode::SUCCESS);
        }
        print(&status);
        for alert in store.alerts_open(ALERTS_LISTED).await? {
            let about = one_line(&format!("{}: {}", alert.subject, alert.message), 140);
            output::line(&format!("alert     {} {} {about}", alert.severity, alert.kind));
        }
        let posts = post_summaries(&store, POSTS_LISTED).await?;
        if !posts.is_empty() {
            output::table(
                ["post", "confidence", "channel", "headline", "why", "trace"],
                posts.into_iter().map(|p| {
                    [
                        crate::output::name(&p.outcome),
                        p.confidence.map(|c| format!("{c:.2}")).unwrap_or_default(),
                        p.channel,
                        one_line(&p.headline, 60),
                        one_line(&p.why, 60),
                        p.trace_id.to_string(),
                    ]
                }),
            );
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The counts, for people.
pub(crate) fn print(status: &FleetStatus) {
    let (s, p) = (status.signals, status.posts);
    output::line(&format!("signals   {s}"));
    output::line(&format!(
        "posts     {} published, {} awaiting review, {} rejected, {} failed, {} in progress",
        p.published, p.awaiting_review, p.rejected, p.failed, p.in_progress
    ));
    if let Some(drafts) = status.tasks.get(&TaskState::Draft) {
        output::line(&format!("plans     {drafts} tasks wait for you to start them: `chimera plan list`"));
    }
    output::line(&format!("spent     ${}", status.spend_usd));
}
