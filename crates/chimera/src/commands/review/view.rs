//! How the terminal's review desk looks.

use chimera_domain::{HitlTicket, Question, one_line};
use chrono::{DateTime, Utc};
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    style::{Color, Modifier, Style, Stylize as _},
    text::{Line, Span, Text},
    widgets::{Block, Borders, List, ListItem, ListState, Padding, Paragraph, Wrap},
};
use tokio::time::Instant;

use super::{
    desk::{Desk, Mode, in_words},
    post::Post,
};

/// Narrower than this, the queue stands above the post and not beside it.
const BESIDE_FROM: u16 = 100;

/// The one colour that calls; everything else is the terminal's own.
const ACCENT: Color = Color::Cyan;

const KEYS: &[(&str, &str)] = &[
    ("j k ↓ ↑", "next, previous"),
    ("g G", "first, last"),
    ("space, PgUp", "scroll the post"),
    ("a", "approve: let it go out (asked whether it is out: it is not, publish it again)"),
    ("r", "reject, with a reason"),
    ("o", "it is out already (when that is asked)"),
    ("x", "select; a, r and o then answer all that are selected"),
    ("u", "take back the last answer, within five seconds"),
    ("q", "leave; answers that are held are given at once"),
];

/// Draws the desk. `post` is the one the cursor is on, once it is read.
pub(super) fn draw(frame: &mut Frame<'_>, desk: &Desk, post: Option<&Post>, now: DateTime<Utc>, clock: Instant) {
    let [head, body, foot] =
        Layout::vertical([Constraint::Length(1), Constraint::Min(1), Constraint::Length(1)]).areas(frame.area());
    frame.render_widget(heading(desk), head);
    let (queue, shown) = if body.width >= BESIDE_FROM {
        let [queue, shown] = Layout::horizontal([Constraint::Length(42), Constraint::Min(1)]).areas(body);
        (queue, shown)
    } else {
        let rows = u16::try_from(desk.waiting().count().max(3)).unwrap_or(u16::MAX).saturating_add(1);
        let queue = Constraint::Length(rows.min(body.height / 3));
        let [queue, shown] = Layout::vertical([queue, Constraint::Min(1)]).areas(body);
        (queue, shown)
    };
    draw_queue(frame, queue, desk, now);
    draw_post(frame, shown, desk, post);
    frame.render_widget(footing(desk, clock), foot);
}

fn heading(desk: &Desk) -> Line<'static> {
    let depth = desk.depth;
    let mut spans = vec![Span::from(" review desk  ").bold(), Span::from(format!("{} wait", depth.open))];
    if depth.overdue > 0 {
        spans.push(Span::from(format!(", {} overdue", depth.overdue)).red().bold());
    }
    if !desk.selected.is_empty() {
        spans.push(Span::from(format!(", {} selected", desk.selected.len())).fg(ACCENT));
    }
    Line::from(spans)
}

fn draw_queue(frame: &mut Frame<'_>, area: Rect, desk: &Desk, now: DateTime<Utc>) {
    let items: Vec<ListItem<'_>> = desk.waiting().map(|ticket| row(ticket, desk, now)).collect();
    let block = Block::new().borders(Borders::TOP);
    if items.is_empty() {
        let nothing = Paragraph::new("Nothing waits for a person.\n\nNew questions show up here by themselves.");
        frame.render_widget(nothing.wrap(Wrap { trim: true }).dim().block(block), area);
        return;
    }
    let list = List::new(items).block(block).highlight_style(Style::new().add_modifier(Modifier::REVERSED));
    frame.render_stateful_widget(list, area, &mut ListState::default().with_selected(Some(desk.cursor())));
}

fn row(ticket: &HitlTicket, desk: &Desk, now: DateTime<Utc>) -> ListItem<'static> {
    let mark = if desk.selected.contains(&ticket.id) { "x " } else { "  " };
    let left = ticket.sla_expires_at.signed_duration_since(now);
    let due = Span::from(format!("{:>8}  ", countdown(left)));
    let due = if left < chrono::TimeDelta::zero() { due.red().bold() } else { due };
    let topics: Vec<&str> = ticket.sensitive_topics.iter().map(|found| found.topic.as_str()).collect();
    let about = match ticket.question {
        Question::IsItOut => "is it out?".to_owned(),
        Question::MayPublish if topics.is_empty() => "unsure or marked".to_owned(),
        Question::MayPublish => topics.join(", "),
    };
    ListItem::new(Line::from(vec![
        Span::from(mark).fg(ACCENT),
        due,
        Span::from(format!("{} ", ticket.confidence)).dim(),
        Span::from(about),
    ]))
}

/// `1 h 05 m`, `12 m`, `40 s`; with a minus when it is over.
fn countdown(left: chrono::TimeDelta) -> String {
    let sign = if left < chrono::TimeDelta::zero() { "-" } else { "" };
    let seconds = left.num_seconds().unsigned_abs();
    match (seconds / 3_600, seconds / 60 % 60) {
        (0, 0) => format!("{sign}{seconds} s"),
        (0, minutes) => format!("{sign}{minutes} m"),
        (hours, minutes) => format!("{sign}{hours} h {minutes:02} m"),
    }
}

fn draw_post(frame: &mut Frame<'_>, area: Rect, desk: &Desk, post: Option<&Post>) {
    let block = Block::new().borders(Borders::TOP | Borders::LEFT).padding(Padding::horizontal(1));
    let text = match (&desk.mode, desk.current(), post) {
        (Mode::Help, _, _) => help(),
        (_, None, _) => Text::default(),
        (_, Some(_), None) => Text::from("reading…").dim(),
        (_, Some(ticket), Some(post)) => of_post(ticket, post),
    };
    frame.render_widget(Paragraph::new(text).wrap(Wrap { trim: false }).scroll((desk.scroll, 0)).block(block), area);
}

fn help() -> Text<'static> {
    let mut lines = vec![Line::from("Keys").bold(), Line::default()];
    let row = |(keys, what): &(&'static str, &'static str)| {
        Line::from(vec![Span::from(format!("{keys:<14}")).fg(ACCENT), Span::from(*what)])
    };
    lines.extend(KEYS.iter().map(row));
    lines.extend([Line::default(), Line::from("any key goes back").dim()]);
    Text::from(lines)
}

fn of_post(ticket: &HitlTicket, post: &Post) -> Text<'static> {
    let telling = post.telling();
    let mut lines = vec![Line::from(post.whose.clone()).dim()];
    if ticket.question == Question::IsItOut {
        let asks = "Nobody knows whether this went out. Look at the account: o it is out, a it is not and shall be, \
                    r it is not and shall not be.";
        lines.push(Line::from(asks).fg(ACCENT));
    }
    lines.push(Line::default());
    lines.extend(post.text.lines().map(|line| marked(line, &telling)));
    if !post.hashtags.is_empty() {
        lines.push(Line::from(post.hashtags.clone()).fg(ACCENT));
    }
    lines.extend(post.media.iter().map(|medium| Line::from(format!("▣ {medium}")).dim()));
    lines.extend([Line::default(), Line::from("why a person").bold()]);
    lines.extend(post.topics.iter().map(|(topic, evidence)| Line::from(format!("  {topic}: {evidence}"))));
    lines.extend(post.flags.iter().map(|flag| Line::from(format!("  {flag}"))));
    lines.push(Line::from(format!("  {}", post.verdict)));
    lines.extend([Line::default(), Line::from(format!("confidence {}", ticket.confidence)).bold()]);
    lines.extend(post.parts.iter().map(|(name, score, reason)| {
        Line::from(vec![
            Span::from(format!("  {name:<14} ")),
            Span::from(bar(*score)).fg(ACCENT),
            Span::from(format!(" {score:.2} ")),
            Span::from(reason.clone()).dim(),
        ])
    }));
    lines.extend([Line::default(), Line::from("from").bold(), marked(&post.headline, &telling)]);
    lines.extend(post.summary.lines().map(|line| marked(line, &telling)));
    lines.push(Line::from(post.source.clone()).dim());
    Text::from(lines)
}

fn bar(score: f64) -> String {
    let full = (1..=10).filter(|tenth| score * 10.0 >= f64::from(*tenth) - 0.5).count();
    format!("{}{}", "█".repeat(full), "░".repeat(10 - full))
}

/// A line in which the telling words stand out.
fn marked(line: &str, telling: &[String]) -> Line<'static> {
    let lower = line.to_lowercase();
    let mut spans = Vec::new();
    let mut rest = 0;
    // Where lower case has other lengths, places no longer fit; then the line is shown plain.
    if lower.len() == line.len() {
        while let Some((start, end)) = next_mark(&lower, rest, telling) {
            spans.push(Span::from(line.get(rest..start).unwrap_or_default().to_owned()));
            let words = line.get(start..end).unwrap_or_default().to_owned();
            spans.push(Span::from(words).fg(ACCENT).add_modifier(Modifier::BOLD | Modifier::UNDERLINED));
            rest = end;
        }
    }
    spans.push(Span::from(line.get(rest..).unwrap_or_default().to_owned()));
    Line::from(spans)
}

/// The first place from `from` on where one of the words stands, the longest where several do.
fn next_mark(lower: &str, from: usize, telling: &[String]) -> Option<(usize, usize)> {
    let tail = lower.get(from..)?;
    telling
        .iter()
        .filter_map(|words| tail.find(words.as_str()).map(|at| (from + at, from + at + words.len())))
        .min_by_key(|(start, end)| (*start, std::cmp::Reverse(*end)))
}

fn footing(desk: &Desk, clock: Instant) -> Line<'static> {
    match &desk.mode {
        Mode::Reason { tickets, text } => Line::from(vec![
            Span::from(format!(" why reject {}? ", posts(tickets.len()))).fg(ACCENT).bold(),
            Span::from(one_line(text, 200)),
            Span::from("▏"),
            Span::from("  Enter rejects, Esc goes back").dim(),
        ]),
        Mode::Confirm { tickets, resolution } => {
            Line::from(format!(" {}: {}? y or n", posts(tickets.len()), in_words(*resolution))).fg(ACCENT).bold()
        }
        Mode::Browse | Mode::Help => {
            let mut spans = vec![Span::from(" a approve  r reject  x select  u undo  ? keys  q leave").dim()];
            if let Some(next) = desk.held().first() {
                let left = next.due.saturating_duration_since(clock).as_secs() + 1;
                spans.push(Span::from(format!("  {} held, given in {left} s", posts(desk.held().len()))).fg(ACCENT));
            }
            if !desk.says.is_empty() {
                spans.push(Span::from(format!("  {}", one_line(&desk.says, 200))));
            }
            Line::from(spans)
        }
    }
}

fn posts(count: usize) -> String {
    if count == 1 { "1 post".to_owned() } else { format!("{count} posts") }
}

#[cfg(test)]
#[path = "view_tests.rs"]
mod tests;
