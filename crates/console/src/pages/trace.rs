//! The life of one post: what happened, in order, with every call, cost and decision.

use askama::Template;
use axum::{
    Extension,
    extract::{Path, State},
    response::Response,
};
use chimera_domain::{
    Agent, Artifact, Campaign, HitlTicket, JudgeDecision, Publication, PublicationState, TaskState, ToolCall,
    ToolStatus, Usd, Verdict,
};
use chimera_store::{StorySource, TraceView};
use chrono::{DateTime, Utc};

use super::{
    Frame, Medium,
    dag::Dag,
    drawn,
    show::{self, Bar, dollars, span, web_address},
};
use crate::{access::Visitor, problem::Problem, read::trace_id, routes::Shared};

/// One thing that happened.
#[derive(Debug, Default)]
struct Event {
    at: DateTime<Utc>,
    /// The time of day.
    clock: String,
    full: String,
    /// How long after the beginning.
    since: String,
    what: String,
    /// How it ended, and by what class that is drawn.
    end: Option<(String, &'static str)>,
    /// What it cost, if anything.
    cost: Option<String>,
    facts: Vec<String>,
    text: String,
    reasoning: String,
    bars: Vec<Bar>,
    media: Vec<Medium>,
    link: Option<String>,
}

#[derive(Debug, Template)]
#[template(path = "trace.html")]
struct TracePage {
    frame: Frame,
    id: String,
    headline: String,
    state: Option<(&'static str, &'static str)>,
    agent: Option<String>,
    campaign: Option<(String, String)>,
    cost: String,
    calls: usize,
    took: String,
    dag: Dag,
    /// Where else its story was told: where, in which words, and what became of it there.
    sources: Vec<(String, String, String)>,
    events: Vec<Event>,
}

pub(crate) async fn page(
    State(shared): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let store = &shared.access.store;
    let view = store.trace(trace_id(&id)?).await?;
    let view = view.ok_or_else(|| Problem::not_found("there is no such trace"))?;
    let agents = view.signal.as_ref().map(|s| s.agent_id).or_else(|| view.tasks.first().map(|t| t.agent_id));
    let agent = store.agents_by_ids(agents.as_slice()).await?.pop();
    let campaign = match view.signal.as_ref().map(|signal| signal.campaign_id) {
        Some(campaign) => store.campaign_by_id(campaign).await?,
        None => None,
    };
    drawn(&page_of(Frame::of(&shared, &visitor, "").await?, &id, &view, agent.as_ref(), campaign.as_ref()))
}

fn page_of(frame: Frame, id: &str, view: &TraceView, agent: Option<&Agent>, campaign: Option<&Campaign>) -> TracePage {
    let mut events: Vec<Event> = signal(view).into_iter().chain(plans(view)).collect();
    events.extend(view.tool_calls.iter().map(call));
    events.extend(view.artifacts.iter().map(made));
    events.extend(view.decisions.iter().map(decided));
    events.extend(view.tickets.iter().flat_map(asked));
    events.extend(view.publications.iter().map(published));
    events.sort_by_key(|event| event.at);
    let begin = events.first().map(|event| event.at).unwrap_or_default();
    for event in &mut events {
        event.clock = event.at.format("%H:%M:%S%.3f").to_string();
        event.full = event.at.to_rfc3339();
        event.since = span(event.at - begin);
    }
    let end = events.last().map(|event| event.at).unwrap_or_default();
    let post = view.tasks.iter().rfind(|task| task.task_type.is_publishable());
    let called: Usd = view.tool_calls.iter().map(|call| call.cost_usd).sum();
    TracePage {
        frame,
        id: id.to_owned(),
        headline: view.signal.as_ref().map(|signal| signal.item.title.clone()).unwrap_or_default(),
        state: post.map(|post| show::state(post.state)),
        agent: agent.map(|agent| agent.display_name.clone()),
        campaign: campaign.map(|campaign| (campaign.id.to_string(), campaign.slug.clone())),
        cost: dollars(view.artifacts.iter().map(beyond_calls).fold(called, Usd::saturating_add)),
        calls: view.tool_calls.len(),
        took: span(end - begin),
        dag: Dag::of(&view.tasks),
        sources: view.sources.iter().filter(|source| !is_own(view, source)).map(told_elsewhere).collect(),
        events,
    }
}

/// What an artifact cost beside the calls in its own log, which count by themselves.
fn beyond_calls(artifact: &Artifact) -> Usd {
    let all = artifact.costs.inference_usd.saturating_add(artifact.costs.media_generation_usd);
    let called: Usd = artifact.tool_log.iter().map(|call| call.cost_usd).sum();
    Ord::max(all.saturating_sub(called), Usd::ZERO)
}

fn is_own(view: &TraceView, source: &StorySource) -> bool {
    view.signal.as_ref().is_some_and(|signal| signal.id == source.signal_id)
}

fn told_elsewhere(source: &StorySource) -> (String, String, String) {
    (source.resource_uri.clone(), source.headline.clone(), show::outcome(source.outcome).0.to_owned())
}

fn signal(view: &TraceView) -> Option<Event> {
    let signal = view.signal.as_ref()?;
    let (outcome, class) = show::outcome(signal.outcome);
    let mut facts = vec![format!("relevance {}", signal.relevance), signal.reasons(), signal.resource_uri.clone()];
    facts.extend(signal.taint.iter().map(|taint| format!("taint: {taint}")));
    Some(Event {
        at: signal.ingested_at,
        what: "signal read".to_owned(),
        end: Some((outcome.to_owned(), class)),
        facts,
        text: signal.item.summary.clone(),
        link: signal.item.url.as_deref().and_then(web_address),
        ..Event::default()
    })
}

/// What was planned, a line for all that was planned at once; and what a task says of its own end.
fn plans(view: &TraceView) -> Vec<Event> {
    let mut events: Vec<Event> = Vec::new();
    for task in &view.tasks {
        let what = show::making(task);
        match events.iter_mut().find(|event| event.at == task.created_at) {
            Some(event) => {
                event.what.push_str(", ");
                event.what.push_str(what);
            }
            None => events.push(Event {
                at: task.created_at,
                what: format!("planned: {what}"),
                facts: task.payload.correction.iter().map(|why| format!("written anew: {why}")).collect(),
                ..Event::default()
            }),
        }
    }
    let videos = view.tasks.iter().filter_map(|task| task.payload.video.as_ref());
    events.extend(videos.flat_map(|video| &video.steps).map(|step| Event {
        at: step.at,
        what: format!("{} instead of {}", step.to, step.from),
        end: Some((format!("for want of {}", step.cause), "wait")),
        facts: vec![step.why.clone()],
        ..Event::default()
    }));
    let ended = view.tasks.iter().filter(|task| matches!(task.state, TaskState::Failed | TaskState::Cancelled));
    events.extend(ended.map(|task| {
        let (words, class) = show::state(task.state);
        let reason = task.cancel_reason.map(|reason| reason.to_string().replace('_', " "));
        Event {
            at: task.updated_at,
            what: show::task(task.task_type).to_owned(),
            end: Some((words.to_owned(), class)),
            facts: reason.into_iter().chain(task.last_error.clone()).collect(),
            ..Event::default()
        }
    }));
    events
}

fn call(call: &ToolCall) -> Event {
    let class = match call.status {
        ToolStatus::Success => "good",
        _ => "bad",
    };
    let mut facts = vec![format!("{} ms", call.latency_ms)];
    facts.extend((call.attempts > 1).then(|| format!("{} attempts", call.attempts)));
    facts.extend(call.error.clone());
    Event {
        at: call.called_at,
        what: format!("called {}/{}", call.server, call.tool),
        end: Some((call.status.to_string(), class)),
        cost: cost(call.cost_usd),
        facts,
        ..Event::default()
    }
}

fn made(artifact: &Artifact) -> Event {
    let tags = artifact.hashtags.iter().map(|tag| format!("#{tag}")).collect::<Vec<_>>().join(" ");
    let models = artifact.disclosure.models.join(", ");
    Event {
        at: artifact.created_at,
        what: format!("made {}", artifact.content_type),
        cost: cost(beyond_calls(artifact)),
        facts: [tags, models].into_iter().filter(|fact| !fact.is_empty()).collect(),
        text: artifact.text.clone(),
        media: Medium::of(artifact),
        ..Event::default()
    }
}

fn cost(amount: Usd) -> Option<String> {
    (amount > Usd::ZERO).then(|| dollars(amount))
}

fn decided(decision: &JudgeDecision) -> Event {
    let (verdict, class) = match decision.verdict {
        Verdict::Approve => ("approved", "good"),
        Verdict::Reject => ("rejected", "bad"),
        Verdict::HitlQueue => ("asks a person", "wait"),
    };
    let mut facts = vec![format!("confidence {:.2}", decision.confidence.get())];
    let topics = decision.sensitive_topics.iter();
    facts.extend(topics.map(|t| format!("{} {:.2}: {}", t.topic.replace('_', " "), t.score.get(), t.evidence)));
    facts.extend(decision.safety_flags.iter().map(|flag| flag.replace('_', " ")));
    Event {
        at: decision.logged_at,
        what: format!("decided by {}", decision.decided_by),
        end: Some((verdict.to_owned(), class)),
        facts,
        reasoning: decision.reasoning_trace.clone(),
        bars: decision.breakdown.iter().map(Bar::of).collect(),
        ..Event::default()
    }
}

fn asked(ticket: &HitlTicket) -> Vec<Event> {
    let question = ticket.question.to_string().replace('_', " ");
    let due = format!("due {}", ticket.sla_expires_at.format("%F %H:%M UTC"));
    let mut events = vec![Event {
        at: ticket.created_at,
        what: format!("a person is asked: {question}"),
        facts: vec![due],
        ..Event::default()
    }];
    if let (Some(at), Some(resolution)) = (ticket.resolved_at, ticket.resolution) {
        events.push(Event {
            at,
            what: format!("answered by {}", ticket.resolved_by.as_deref().unwrap_or("nobody")),
            end: Some((resolution.to_string().to_lowercase().replace('_', " "), "idle")),
            text: ticket.resolution_note.clone().unwrap_or_default(),
            ..Event::default()
        });
    }
    events
}

fn published(publication: &Publication) -> Event {
    let (words, class) = match publication.state {
        PublicationState::Attempting => ("under way", "busy"),
        PublicationState::Confirmed => ("out", "good"),
        PublicationState::Unknown => ("outcome unknown", "wait"),
        PublicationState::Absent => ("not out", "wait"),
        PublicationState::Refused => ("refused", "bad"),
    };
    let address = publication.url.as_deref().and_then(web_address);
    let shown = publication.url.clone().filter(|_| address.is_none());
    let attempts = (publication.attempts > 1).then(|| format!("{} attempts", publication.attempts));
    Event {
        at: publication.updated_at,
        what: format!("publishing on {}", publication.channel),
        end: Some((words.to_owned(), class)),
        facts: shown.into_iter().chain(attempts).chain(publication.last_error.clone()).collect(),
        link: address,
        ..Event::default()
    }
}
