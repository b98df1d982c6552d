//! The desk's data, ready to be drawn.

use askama::Template;
use axum::http::StatusCode;
use chimera_domain::{Channel, HitlTicket, Question, TicketId, one_line};
use chimera_judge::Desk;
use chimera_store::TicketCase;
use chrono::{DateTime, Utc};

use super::{
    highlight::{Piece, pieces},
    is_open,
};
use crate::{
    pages::{Bar, Frame, Medium, Notice, counted},
    problem::Problem,
};

/// The longest excerpt in the list, in characters.
const EXCERPT: usize = 140;

/// What was just done, by the name that its form gave it.
pub(super) fn done(does: &str) -> Option<Notice> {
    let text = match does {
        "approve" => "Approved. It goes out within seconds.",
        "reject" => "Rejected.",
        "confirm" => "Noted: it is out.",
        _ => return None,
    };
    Some(Notice::done(text))
}

/// What was done of so many.
pub(super) fn done_of_many(chosen: usize, refused: &[Problem], does: &str) -> Notice {
    let done = chosen.saturating_sub(refused.len());
    let verb = if does == "reject" { "rejected" } else { "approved" };
    let why = refused.first().map(|problem| format!(" {} not taken: {}.", refused.len(), problem.detail));
    Notice {
        status: refused.first().map_or(StatusCode::OK, |problem| problem.status),
        text: format!("{done} {verb}.{}", why.unwrap_or_default()),
        bad: !refused.is_empty() || chosen == 0,
    }
}

/// What somebody had typed when their answer was not taken.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) text: String,
    pub(crate) hashtags: String,
    pub(crate) note: String,
}

/// The end of an SLA.
#[derive(Debug)]
pub(crate) struct Due {
    at: String,
    words: String,
    overdue: bool,
}

impl Due {
    fn of(ticket: &HitlTicket, now: DateTime<Utc>) -> Self {
        let left = ticket.sla_expires_at - now;
        let overdue = left <= chrono::Duration::zero();
        let minutes = left.num_minutes().abs();
        let span = match (minutes / 60, minutes % 60) {
            (hours, _) if hours >= 48 => format!("{} days", hours / 24),
            (0, minutes) => format!("{minutes} min"),
            (hours, minutes) => format!("{hours} h {minutes:02} min"),
        };
        let words = if overdue { format!("{span} overdue") } else { format!("{span} left") };
        Self { at: ticket.sla_expires_at.to_rfc3339(), words, overdue }
    }
}

/// One post in the list.
#[derive(Debug)]
pub(crate) struct Row {
    id: TicketId,
    hash: String,
    headline: String,
    excerpt: String,
    channel: Channel,
    agent: String,
    topics: String,
    is_it_out: bool,
    confidence: String,
    due: Due,
    current: bool,
}

/// The post that is looked at.
#[derive(Debug)]
pub(crate) struct Shown {
    id: TicketId,
    hash: String,
    trace: String,
    is_it_out: bool,
    /// How it was answered, if it was.
    answered: Option<String>,
    due: Due,
    agent: String,
    campaign: String,
    channel: Channel,
    chars: usize,
    chars_max: usize,
    media: Vec<Medium>,
    text: Vec<Piece>,
    plain: String,
    hashtags: Vec<String>,
    tags: String,
    label: String,
    headline: Vec<Piece>,
    summary: Vec<Piece>,
    source: String,
    topics: Vec<(String, String, String)>,
    flags: Vec<String>,
    confidence: String,
    bars: Vec<Bar>,
    reasoning: String,
    may_write_anew: bool,
    note: String,
    editing: bool,
}

/// The page.
#[derive(Debug, Template)]
#[template(path = "review.html")]
pub(crate) struct ReviewPage {
    pub(crate) frame: Frame,
    pub(crate) notice: Option<Notice>,
    pub(crate) now: DateTime<Utc>,
    pub(crate) may_answer: bool,
    pub(crate) after: Option<String>,
    pub(crate) draft: Option<Draft>,
    pub(crate) rows: Vec<Row>,
    pub(crate) shown: Option<Shown>,
    /// Where the next page begins.
    pub(crate) next: Option<TicketId>,
}

impl ReviewPage {
    pub(crate) fn empty() -> Self {
        Self {
            frame: Frame::nobody(),
            notice: None,
            now: DateTime::UNIX_EPOCH,
            may_answer: false,
            after: None,
            draft: None,
            rows: vec![],
            shown: None,
            next: None,
        }
    }

    /// How many posts wait, as it is shown.
    fn waiting(&self) -> Option<String> {
        counted(self.frame.review.open, self.frame.review.more)
    }

    /// How many of them have waited too long.
    fn overdue(&self) -> Option<String> {
        let review = self.frame.review;
        counted(review.overdue, review.more && review.overdue == review.open)
    }

    /// With those of `cases` that are `listed`, and the one that is `shown`.
    pub(crate) fn with(
        mut self,
        cases: &[TicketCase],
        listed: &[TicketId],
        shown: Option<TicketId>,
        page: u64,
        desk: &Desk,
    ) -> Self {
        let in_list = cases.iter().filter(|case| listed.contains(&case.ticket.id));
        self.rows = in_list.map(|case| row(case, shown, self.now)).collect();
        let full = u64::try_from(listed.len()).is_ok_and(|count| count >= page);
        self.next = listed.last().copied().filter(|_| full);
        let case = cases.iter().find(|case| Some(case.ticket.id) == shown);
        self.shown = case.map(|case| self.shown(case, desk));
        self
    }

    fn shown(&mut self, case: &TicketCase, desk: &Desk) -> Shown {
        let TicketCase { ticket, task, artifact, agent, campaign, decision } = case;
        let topics = &ticket.sensitive_topics;
        let draft = self.draft.take();
        let editing = draft.as_ref().is_some_and(|draft| !draft.text.is_empty() && draft.text != artifact.text);
        let tags = artifact.hashtags.join(" ");
        let (plain, tags, note) = match draft {
            Some(draft) => (draft.text, draft.hashtags, draft.note),
            None => (artifact.text.clone(), tags, String::new()),
        };
        let mut flags = decision.as_ref().map(|decision| decision.safety_flags.clone()).unwrap_or_default();
        flags.extend(task.payload.taint.iter().map(|taint| format!("source: {taint}")));
        Shown {
            id: ticket.id,
            hash: ticket.artifact_hash.clone(),
            trace: ticket.trace_id.to_string(),
            is_it_out: ticket.question == Question::IsItOut,
            answered: answered(ticket),
            due: Due::of(ticket, self.now),
            agent: agent.display_name.clone(),
            campaign: campaign.slug.clone(),
            channel: artifact.channel,
            chars: artifact.channel.post_length(&artifact.text, &artifact.hashtags),
            chars_max: artifact.channel.rules().text_chars_max,
            media: Medium::of(artifact),
            text: pieces(&artifact.text, topics),
            plain,
            hashtags: artifact.hashtags.clone(),
            tags,
            label: artifact.disclosure.label.clone(),
            headline: pieces(&task.payload.headline, topics),
            summary: pieces(&one_line(&task.payload.summary, 600), topics),
            source: task.payload.source_url.clone().unwrap_or_default(),
            topics: topics
                .iter()
                .map(|t| (t.topic.replace('_', " "), format!("{:.2}", t.score.get()), t.evidence.replace('`', "\"")))
                .collect(),
            flags: flags.into_iter().map(|flag| flag.replace('_', " ")).collect(),
            confidence: format!("{:.2}", ticket.confidence.get()),
            bars: decision.iter().flat_map(|decision| &decision.breakdown).map(Bar::of).collect(),
            reasoning: ticket.reasoning_trace.clone(),
            may_write_anew: ticket.question == Question::MayPublish && desk.may_write_anew(task),
            note,
            editing,
        }
    }
}

fn answered(ticket: &HitlTicket) -> Option<String> {
    if is_open(ticket) {
        return None;
    }
    let what = ticket.resolution.map(|resolution| resolution.as_str().to_lowercase().replace('_', " "));
    let at = ticket.resolved_at.map(|at| at.format(" at %F %H:%M UTC").to_string()).unwrap_or_default();
    let by = ticket.resolved_by.as_deref().unwrap_or("somebody");
    let note = ticket.resolution_note.as_ref().map(|note| format!(": {note}")).unwrap_or_default();
    Some(format!("{by} answered first{at}: {}{note}", what.unwrap_or_default()))
}

fn row(case: &TicketCase, shown: Option<TicketId>, now: DateTime<Utc>) -> Row {
    let TicketCase { ticket, task, artifact, agent, .. } = case;
    let mut topics: Vec<_> = ticket.sensitive_topics.iter().map(|t| t.topic.replace('_', " ")).collect();
    topics.dedup();
    Row {
        id: ticket.id,
        hash: ticket.artifact_hash.clone(),
        headline: task.payload.headline.clone(),
        excerpt: one_line(&artifact.text, EXCERPT),
        channel: artifact.channel,
        agent: agent.display_name.clone(),
        topics: topics.join(", "),
        is_it_out: ticket.question == Question::IsItOut,
        confidence: format!("{:.2}", ticket.confidence.get()),
        due: Due::of(ticket, now),
        current: shown == Some(ticket.id),
    }
}
