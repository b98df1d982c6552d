//! The pages' data, ready to be drawn.

use askama::Template;
use chimera_domain::{Artifact, Modality};
use chimera_store::{PostRow, TraceView};

use crate::{
    access::Visitor,
    read_model::{FleetStatus, PostOutcome, PostSummary},
};

/// What is around every page.
#[derive(Debug)]
pub(crate) struct Frame {
    /// Who looks.
    pub(crate) who: Option<String>,
    pub(crate) role: &'static str,
    /// What forms carry.
    pub(crate) csrf: String,
}

impl Frame {
    /// For somebody who is signed in.
    pub(crate) fn of(visitor: &Visitor) -> Self {
        let credential = &visitor.credential;
        let csrf = visitor.csrf.clone().unwrap_or_default();
        Self { who: Some(credential.who()), role: credential.role.as_str(), csrf }
    }

    /// For somebody who isn't.
    pub(crate) const fn nobody() -> Self {
        Self { who: None, role: "", csrf: String::new() }
    }
}

/// A picture or video on a page.
#[derive(Debug)]
pub(crate) struct Medium {
    pub(crate) is_video: bool,
    pub(crate) src: String,
    pub(crate) alt: String,
    /// What a video shows before it plays: the post's picture, if it has one.
    pub(crate) poster: String,
}

impl Medium {
    pub(crate) fn of(artifact: &Artifact) -> Vec<Self> {
        let extension =
            |mime: &str| if mime == "video/mp4" { "mp4" } else { mime.rsplit('/').next().unwrap_or("png") }.to_owned();
        let src = |m: &chimera_domain::MediaRef| format!("/media/{}.{}", m.sha256, extension(&m.mime));
        let poster = artifact.media.iter().find(|m| m.modality == Modality::Image).map(src).unwrap_or_default();
        artifact
            .media
            .iter()
            .map(|m| Self {
                is_video: m.modality == Modality::Video,
                src: src(m),
                alt: m.alt_text.clone(),
                poster: poster.clone(),
            })
            .collect()
    }
}

/// One post on the overview.
#[derive(Debug)]
pub(crate) struct Card {
    post: PostSummary,
    label: &'static str,
    class: String,
    confidence: String,
    text: String,
    hashtags: Vec<String>,
    media: Vec<Medium>,
}

/// The first page.
#[derive(Debug, Template)]
#[template(path = "overview.html")]
pub(crate) struct OverviewPage {
    frame: Frame,
    status: FleetStatus,
    cards: Vec<Card>,
}

impl OverviewPage {
    pub(crate) fn new(frame: Frame, status: FleetStatus, rows: &[PostRow]) -> Self {
        let mut cards: Vec<Card> = rows.iter().map(card).collect();
        cards.sort_by_key(|c| c.post.outcome);
        Self { frame, status, cards }
    }
}

fn card(row: &PostRow) -> Card {
    let post = PostSummary::of(row);
    let label = match post.outcome {
        PostOutcome::InProgress => "in progress",
        PostOutcome::Published => "published",
        PostOutcome::AwaitingReview => "awaiting review",
        PostOutcome::Replaced => "replaced",
        PostOutcome::Rejected => "rejected",
        PostOutcome::Failed => "failed",
        PostOutcome::Cancelled => "cancelled",
    };
    Card {
        label,
        class: label.replace(' ', "-"),
        confidence: post.confidence.map(|c| format!("{c:.2}")).unwrap_or_default(),
        text: row.artifact.as_ref().map(|a| a.text.clone()).unwrap_or_default(),
        hashtags: row.artifact.as_ref().map(|a| a.hashtags.clone()).unwrap_or_default(),
        media: row.artifact.as_ref().map(Medium::of).unwrap_or_default(),
        post,
    }
}

/// One thing that happened.
#[derive(Debug)]
pub(crate) struct Event {
    at: String,
    what: String,
    detail: String,
    media: Vec<Medium>,
}

/// The life of one post.
#[derive(Debug, Template)]
#[template(path = "trace.html")]
pub(crate) struct TracePage {
    frame: Frame,
    id: String,
    headline: String,
    events: Vec<Event>,
}

impl TracePage {
    pub(crate) fn new(frame: Frame, id: &str, view: &TraceView) -> Self {
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
