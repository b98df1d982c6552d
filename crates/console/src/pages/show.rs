//! Times, money and states in the words of people.

use chimera_domain::{AgentTask, Component, PublicationState, SignalOutcome, TaskState, TaskType, Usd, VideoTier};
use chimera_store::PostRow;
use chrono::{DateTime, Duration, Utc};

/// A moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct When {
    /// For programs.
    pub(super) at: String,
    /// To the second.
    pub(super) full: String,
    /// How long ago; the day where that is long.
    pub(super) words: String,
}

impl When {
    pub(super) fn of(at: DateTime<Utc>, now: DateTime<Utc>) -> Self {
        let ago = now - at;
        let words = match ago.num_minutes() {
            ..1 => "just now".to_owned(),
            minutes @ 1..60 => format!("{minutes} min ago"),
            minutes @ 60..2_880 => format!("{} h ago", minutes / 60),
            minutes @ 2_880..10_080 => format!("{} days ago", minutes / 1_440),
            _ => at.format("%F").to_string(),
        };
        Self { at: at.to_rfc3339(), full: at.format("%F %H:%M:%S UTC").to_string(), words }
    }
}

/// How long something took, to two digits or so.
pub(super) fn span(took: Duration) -> String {
    match took.num_milliseconds() {
        ms @ ..1_000 => format!("{} ms", ms.max(0)),
        ms @ 1_000..60_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        ms @ 60_000..3_600_000 => format!("{} min", ms / 60_000),
        ms @ 3_600_000..172_800_000 => format!("{} h", ms / 3_600_000),
        ms => format!("{} days", ms / 86_400_000),
    }
}

/// Dollars: cents are enough, unless there would be nothing else to see.
pub(super) fn dollars(amount: Usd) -> String {
    if amount == Usd::ZERO {
        "$0".to_owned()
    } else if amount.micros().unsigned_abs() < 10_000 {
        format!("${amount}")
    } else {
        format!("${:.2}", amount.to_decimal().round_dp(2))
    }
}

/// The part of `whole` that `part` is, 0 to 100; all of nothing is all.
#[expect(clippy::cast_precision_loss, reason = "a bar needs no more than fifteen digits")]
pub(super) fn percent(part: Usd, whole: Usd) -> f64 {
    match (part.micros(), whole.micros()) {
        (..=0, _) => 0.0,
        (_, ..=0) => 100.0,
        (part, whole) => (part as f64 * 100.0 / whole as f64).min(100.0),
    }
}

/// A state, for people, and by what class it is drawn.
pub(super) const fn state(state: TaskState) -> (&'static str, &'static str) {
    match state {
        TaskState::Draft => ("waits for your start", "wait"),
        TaskState::Pending => ("planned", "idle"),
        TaskState::Ready => ("ready", "busy"),
        TaskState::Executing => ("being made", "busy"),
        TaskState::JudgeReview => ("being judged", "busy"),
        TaskState::HitlQueue => ("awaiting review", "wait"),
        TaskState::Approved => ("approved", "busy"),
        TaskState::Publishing => ("going out", "busy"),
        TaskState::Published => ("published", "good"),
        TaskState::Done => ("done", "good"),
        TaskState::Rejected => ("rejected", "bad"),
        TaskState::Failed => ("gave up", "bad"),
        TaskState::Cancelled => ("cancelled", "idle"),
    }
}

/// What became of a signal, for people, and by what class it is drawn.
pub(super) const fn outcome(outcome: SignalOutcome) -> (&'static str, &'static str) {
    match outcome {
        SignalOutcome::Planned => ("planned", "good"),
        SignalOutcome::BelowThreshold => ("not relevant", "idle"),
        SignalOutcome::Duplicate => ("told before", "idle"),
        SignalOutcome::Deferred => ("held back", "wait"),
        SignalOutcome::Stale => ("too late", "idle"),
        SignalOutcome::Answered => ("answered", "good"),
        SignalOutcome::Refused => ("left to others", "idle"),
    }
}

/// An address from outside, if it may be a link: one of the web, and nothing that a browser would run.
pub(super) fn web_address(text: &str) -> Option<String> {
    let address = url::Url::parse(text).ok().filter(|url| matches!(url.scheme(), "https" | "http"))?;
    Some(address.into())
}

/// One part of a confidence.
#[derive(Debug)]
pub(crate) struct Bar {
    pub(crate) name: String,
    pub(crate) score: String,
    /// 0 to 100, for drawing.
    pub(crate) width: f64,
    pub(crate) reason: String,
    pub(crate) weak: bool,
}

impl Bar {
    pub(crate) fn of(part: &Component) -> Self {
        Self {
            name: part.name.replace('_', " "),
            score: format!("{:.2}", part.score.get()),
            width: part.score.get() * 100.0,
            reason: part.reason.clone(),
            weak: part.score.get() < 0.7,
        }
    }
}

/// What a task makes.
pub(super) const fn task(task_type: TaskType) -> &'static str {
    match task_type {
        TaskType::TrendAnalysis => "analysis",
        TaskType::GenerateText => "words",
        TaskType::GenerateImage => "picture",
        TaskType::GenerateVideo => "video",
        TaskType::AssemblePost => "post",
        TaskType::ReplyComment => "reply",
        TaskType::Publish => "publishing",
        TaskType::ExecuteTransaction => "payment",
        TaskType::StatusUpdate => "status",
    }
}

/// What this task makes: of a video, by its tier.
pub(super) fn making(of: &AgentTask) -> &'static str {
    match of.payload.video.as_ref().map(|video| video.tier) {
        Some(VideoTier::Hero) => "hero video",
        Some(VideoTier::Daily) => "daily video",
        Some(VideoTier::Picture) => "picture for video",
        None => task(of.task_type),
    }
}

/// Tasks in one state.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Chip {
    pub(super) count: u64,
    pub(super) words: &'static str,
    pub(super) class: &'static str,
}

impl Chip {
    /// One for each state that there are tasks in, in the order of a task's life.
    pub(super) fn of<'a>(tasks: impl IntoIterator<Item = (&'a TaskState, &'a u64)>) -> Vec<Self> {
        tasks
            .into_iter()
            .filter(|(_, count)| **count > 0)
            .map(|(standing, count)| {
                let (words, class) = state(*standing);
                Self { count: *count, words, class }
            })
            .collect()
    }
}

/// What went out last.
#[derive(Debug)]
pub(super) struct LastPost {
    pub(super) when: When,
    pub(super) headline: String,
    pub(super) trace: String,
    pub(super) channel: String,
}

impl LastPost {
    pub(super) fn of(post: &PostRow, now: DateTime<Utc>) -> Self {
        let out = post.publication.as_ref().filter(|p| p.state == PublicationState::Confirmed);
        Self {
            when: When::of(out.map_or(post.task.updated_at, |p| p.updated_at), now),
            headline: post.headline.clone(),
            trace: post.task.trace_id.to_string(),
            channel: post.task.channel.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_told_by_how_long_ago_it_was() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let words = |ago: Duration| When::of(now - ago, now).words;
        assert_eq!(words(Duration::seconds(-90)), "just now");
        assert_eq!(words(Duration::seconds(59)), "just now");
        assert_eq!(words(Duration::minutes(59)), "59 min ago");
        assert_eq!(words(Duration::minutes(119)), "1 h ago");
        assert_eq!(words(Duration::hours(48)), "2 days ago");
        assert_eq!(words(Duration::days(7)), "2027-01-08");
    }

    #[test]
    fn money_is_told_in_cents_unless_that_hides_it() {
        assert_eq!(dollars(Usd::ZERO), "$0");
        assert_eq!(dollars(Usd::from_micros(1)), "$0.000001");
        assert_eq!(dollars(Usd::cents(1)), "$0.01");
        assert_eq!(dollars(Usd::from_micros(1_249_999)), "$1.25");
        assert_eq!(dollars(Usd::cents(150)), "$1.50");
    }

    #[test]
    fn a_bar_never_leaves_its_track() {
        let share = |part, whole| percent(Usd::dollars(part), Usd::dollars(whole));
        assert_eq!((share(0, 0), share(1, 0), share(-1, 5)), (0.0, 100.0, 0.0));
        assert_eq!((share(1, 4), share(9, 4)), (25.0, 100.0));
    }

    #[test]
    fn a_span_has_two_digits_or_so() {
        let spans = [0, 999, 1_000, 61_000, 7_200_000, 172_800_000].map(|ms| span(Duration::milliseconds(ms)));
        assert_eq!(spans, ["0 ms", "999 ms", "1.0 s", "1 min", "2 h", "2 days"]);
    }

    #[test]
    fn only_addresses_of_the_web_become_links() {
        assert_eq!(web_address("https://example.org/a b\"").as_deref(), Some("https://example.org/a%20b%22"));
        for other in ["javascript:alert(1)", "data:text/html,x", "sandbox://1", "/review", "", "file:///etc/passwd"] {
            assert_eq!(web_address(other), None, "{other}");
        }
    }
}
