//! The life of one post.

use askama::Template;
use axum::{
    Extension,
    extract::{Path, State},
    response::Response,
};
use chimera_store::TraceView;

use super::{Frame, Medium, drawn};
use crate::{access::Visitor, problem::Problem, read::trace_id, routes::Shared};

/// One thing that happened.
#[derive(Debug)]
struct Event {
    at: String,
    what: String,
    detail: String,
    media: Vec<Medium>,
}

#[derive(Debug, Template)]
#[template(path = "trace.html")]
struct TracePage {
    frame: Frame,
    id: String,
    headline: String,
    events: Vec<Event>,
}

pub(crate) async fn page(
    State(shared): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let view = shared.access.store.trace(trace_id(&id)?).await?;
    let view = view.ok_or_else(|| Problem::not_found("there is no such trace"))?;
    drawn(&TracePage::new(Frame::of(&shared, &visitor, "").await?, &id, &view))
}

impl TracePage {
    fn new(frame: Frame, id: &str, view: &TraceView) -> Self {
        let mut events: Vec<(chrono::DateTime<chrono::Utc>, Event)> = Vec::new();
        let mut add = |at: chrono::DateTime<chrono::Utc>, what: String, detail: String, media| {
            events.push((at, Event { at: at.format("%H:%M:%S%.3f").to_string(), what, detail, media }));
        };
        if let Some(signal) = &view.signal {
            let what = format!("signal {} ({})", signal.outcome, signal.relevance);
            add(signal.ingested_at, what, format!("{}\n{}", signal.item.title, signal.reasons()), vec![]);
        }
        for task in &view.tasks {
            add(
                task.created_at,
                format!("planned {}", task.task_type),
                format!("{} {}", task.channel, task.state),
                vec![],
            );
        }
        for call in &view.tool_calls {
            let what = format!("called {}/{}", call.server, call.tool);
            let detail =
                format!("{} in {} ms, ${}, {} attempts", call.status, call.latency_ms, call.cost_usd, call.attempts);
            add(call.called_at, what, detail, vec![]);
        }
        for artifact in &view.artifacts {
            add(
                artifact.created_at,
                format!("made {}", artifact.content_type),
                artifact.text.clone(),
                Medium::of(artifact),
            );
        }
        for decision in &view.decisions {
            let what = format!("{} by {}", decision.verdict, decision.decided_by);
            add(decision.logged_at, what, decision.reasoning_trace.clone(), vec![]);
        }
        for publication in &view.publications {
            let detail = publication.url.clone().or_else(|| publication.last_error.clone()).unwrap_or_default();
            add(publication.updated_at, format!("publication {}", publication.state), detail, vec![]);
        }
        events.sort_by_key(|(at, _)| *at);
        Self {
            frame,
            id: id.to_owned(),
            headline: view.signal.as_ref().map(|s| s.item.title.clone()).unwrap_or_default(),
            events: events.into_iter().map(|(_, event)| event).collect(),
        }
    }
}
