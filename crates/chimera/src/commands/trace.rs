//! `chimera trace`

use std::process::ExitCode;

use anyhow::Context as _;
use chimera_domain::{AgentTask, Criterion, TraceId, shown};
use chimera_store::TraceView;
use clap::Args;

use crate::{cli::Global, compose, output};

/// The whole life of one post.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The trace, as `chimera status` shows it
    id: TraceId,
    /// As JSON
    #[arg(long)]
    json: bool,
}

impl Options {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<ExitCode> {
        let config = global.load(true, None)?;
        let store = compose::open_store(&config).await?;
        let view = store.trace(self.id).await?.with_context(|| {
            format!(
                "there is no trace {}; `chimera status` and `chimera planner view-signals` list those there are",
                self.id
            )
        })?;
        if self.json {
            output::json(&view)?;
        } else {
            print(&view);
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Where a task stands; how its video was wanted and is made; and what its result has to be.
fn planned(task: &AgentTask) -> String {
    let mut detail = format!("{}, now {}", task.channel, task.state);
    detail.extend(task.last_error.iter().map(|error| format!(" ({error})")));
    if let Some(video) = &task.payload.video {
        detail.push_str(&format!("; wanted as {}, made as {}", video.wanted, video.tier));
    }
    if !task.payload.acceptance.is_empty() {
        detail.push_str("; accepted: ");
        detail.push_str(&Criterion::all_in_words(&task.payload.acceptance, task.channel));
    }
    detail
}

fn print(view: &TraceView) {
    let mut events: Vec<(chrono::DateTime<chrono::Utc>, String, String)> = Vec::new();
    if let Some(signal) = &view.signal {
        output::line(&shown(&signal.item.title));
        events.push((signal.ingested_at, format!("signal {} {}", signal.relevance, signal.outcome), signal.reasons()));
    }
    for source in view.sources.iter().filter(|s| view.signal.as_ref().is_none_or(|signal| signal.id != s.signal_id)) {
        let detail = format!("{}: {}", source.resource_uri, source.headline);
        events.push((source.read_at, format!("the same story, {}", source.outcome), detail));
    }
    for task in &view.tasks {
        events.push((task.created_at, format!("planned {}", task.task_type), planned(task)));
        for step in task.payload.video.iter().flat_map(|video| &video.steps) {
            let (what, why) = (format!("{} instead of {}", step.to, step.from), &step.why);
            events.push((step.at, what, format!("for want of {}: {why}", step.cause)));
        }
    }
    for call in &view.tool_calls {
        let detail =
            format!("{} in {} ms, ${}, attempt {}", call.status, call.latency_ms, call.cost_usd, call.attempts);
        events.push((call.called_at, format!("called {}/{}", call.server, call.tool), detail));
    }
    for artifact in &view.artifacts {
        let media: Vec<_> = artifact.media.iter().map(|m| format!("{} {}x{}", m.mime, m.width, m.height)).collect();
        events.push((
            artifact.created_at,
            format!("made {}", artifact.content_type),
            format!("{} {}", artifact.text, media.join(", ")),
        ));
    }
    for decision in &view.decisions {
        events.push((
            decision.logged_at,
            format!("{} by {}", decision.verdict, decision.decided_by),
            decision.reasoning_trace.clone(),
        ));
    }
    for ticket in &view.tickets {
        let detail = ticket.resolution.map_or_else(
            || "waits".to_owned(),
            |r| format!("{r} by {}", ticket.resolved_by.as_deref().unwrap_or("nobody")),
        );
        events.push((ticket.created_at, format!("ticket {}", ticket.question), detail));
    }
    for publication in &view.publications {
        let detail = publication.url.clone().or_else(|| publication.last_error.clone()).unwrap_or_default();
        events.push((publication.updated_at, format!("publication {}", publication.state), detail));
    }
    events.sort_by_key(|(at, _, _)| *at);
    let rows = events
        .into_iter()
        .map(|(at, what, detail)| [at.format("%H:%M:%S%.3f").to_string(), what, detail.trim().to_owned()]);
    output::table(["at", "what", "detail"], rows);
}
