//! What a person sees and does at the terminal's review desk. Pure: keys and the time go in, what is to be done comes out.

use std::{collections::BTreeSet, time::Duration};

use chimera_domain::{HitlTicket, Resolution, TicketId};
use chimera_store::HitlDepth;
use tokio::time::Instant;

/// How long an answer is held before it is given, so that it can be taken back.
pub(super) const UNDO_WITHIN: Duration = Duration::from_secs(5);

/// The longest reason, in characters, as for `chimera judge reject-ticket`.
const REASON_CHARS_MAX: usize = 2_000;

/// A key that means something here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Char(char),
    Up,
    Down,
    PageUp,
    PageDown,
    Enter,
    Backspace,
    Escape,
    /// Ctrl-C: out of here, whatever the mode.
    Interrupt,
}

/// What the person is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mode {
    Browse,
    Help,
    /// Says why posts are rejected.
    Reason {
        tickets: Vec<TicketId>,
        text: String,
    },
    /// Confirms one answer to several tickets.
    Confirm {
        tickets: Vec<TicketId>,
        resolution: Resolution,
    },
}

/// An answer that can still be taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) ticket: TicketId,
    /// What the person saw.
    pub(super) seen_hash: String,
    pub(super) resolution: Resolution,
    pub(super) note: Option<String>,
    pub(super) due: Instant,
}

/// The desk.
#[derive(Debug)]
pub(super) struct Desk {
    tickets: Vec<HitlTicket>,
    pub(super) depth: HitlDepth,
    cursor: usize,
    pub(super) selected: BTreeSet<TicketId>,
    held: Vec<Held>,
    pub(super) mode: Mode,
    /// The last thing to say, in the status line.
    pub(super) says: String,
    /// Lines of the post that are scrolled past.
    pub(super) scroll: u16,
    pub(super) leaving: bool,
}

impl Desk {
    pub(super) fn new() -> Self {
        Self {
            tickets: vec![],
            depth: HitlDepth::default(),
            cursor: 0,
            selected: BTreeSet::new(),
            held: vec![],
            mode: Mode::Browse,
            says: String::new(),
            scroll: 0,
            leaving: false,
        }
    }

    /// Takes what the database says now. Who looked at a ticket goes on looking at it, as long as it waits.
    pub(super) fn refresh(&mut self, depth: HitlDepth, tickets: Vec<HitlTicket>) {
        let looked_at = self.current().map(|ticket| ticket.id);
        self.depth = depth;
        self.tickets = tickets;
        self.selected.retain(|id| self.tickets.iter().any(|ticket| ticket.id == *id));
        match looked_at.and_then(|id| self.waiting().position(|ticket| ticket.id == id)) {
            Some(at) => self.cursor = at,
            None => self.step(0),
        }
    }

    /// Tickets to be answered, without those whose answer is held.
    pub(super) fn waiting(&self) -> impl Iterator<Item = &HitlTicket> {
        self.tickets.iter().filter(|ticket| self.held.iter().all(|held| held.ticket != ticket.id))
    }

    /// The ticket that is looked at.
    pub(super) fn current(&self) -> Option<&HitlTicket> {
        self.waiting().nth(self.cursor)
    }

    pub(super) const fn cursor(&self) -> usize {
        self.cursor
    }

    /// Answers that can still be taken back, the next one to be given first.
    pub(super) fn held(&self) -> &[Held] {
        &self.held
    }

    /// The answers whose time has come; all of them once the person leaves.
    pub(super) fn due(&mut self, now: Instant) -> Vec<Held> {
        let leaving = self.leaving;
        let (due, held) = std::mem::take(&mut self.held).into_iter().partition(|held| leaving || held.due <= now);
        self.held = held;
        due
    }

    pub(super) fn press(&mut self, key: Key, now: Instant) {
        if key == Key::Interrupt {
            self.leaving = true;
            return;
        }
        match std::mem::replace(&mut self.mode, Mode::Browse) {
            Mode::Browse => self.browse(key, now),
            Mode::Help => {}
            Mode::Reason { tickets, text } => self.reason(tickets, text, key, now),
            Mode::Confirm { tickets, resolution } => match key {
                Key::Char('y') | Key::Enter => self.hold(&tickets, resolution, None, now),
                _ => "nothing was answered".clone_into(&mut self.says),
            },
        }
    }

    fn browse(&mut self, key: Key, now: Instant) {
        match key {
            Key::Char('j') | Key::Down => self.step(1),
            Key::Char('k') | Key::Up => self.step(-1),
            Key::Char('g') => self.step(isize::MIN),
            Key::Char('G') => self.step(isize::MAX),
            Key::PageDown | Key::Char(' ') => self.scroll = self.scroll.saturating_add(10),
            Key::PageUp => self.scroll = self.scroll.saturating_sub(10),
            Key::Char('x') => self.select(),
            Key::Char('a') => self.answer(Resolution::Approved, now),
            Key::Char('o') => self.answer(Resolution::ConfirmedPublished, now),
            Key::Char('r') => {
                let tickets = self.meant();
                if !tickets.is_empty() {
                    self.mode = Mode::Reason { tickets, text: String::new() };
                }
            }
            Key::Char('u') => self.undo(),
            Key::Char('?') => self.mode = Mode::Help,
            Key::Char('q') => self.leaving = true,
            _ => {}
        }
    }

    fn step(&mut self, by: isize) {
        let before = self.cursor;
        let last = self.waiting().count().saturating_sub(1);
        self.cursor = self.cursor.saturating_add_signed(by).min(last);
        if self.cursor != before || by == 0 {
            self.scroll = 0;
        }
    }

    fn select(&mut self) {
        if let Some(id) = self.current().map(|ticket| ticket.id) {
            if !self.selected.remove(&id) {
                self.selected.insert(id);
            }
            self.step(1);
        }
    }

    /// Those selected, or else the one that is looked at.
    fn meant(&self) -> Vec<TicketId> {
        let selected: Vec<_> = self.waiting().map(|t| t.id).filter(|id| self.selected.contains(id)).collect();
        if selected.is_empty() { self.current().map(|ticket| ticket.id).into_iter().collect() } else { selected }
    }

    fn answer(&mut self, resolution: Resolution, now: Instant) {
        let tickets = self.meant();
        let unfit = |ticket: &HitlTicket| !ticket.question.takes(resolution) && tickets.contains(&ticket.id);
        if self.waiting().any(unfit) {
            "that is no answer to what is asked".clone_into(&mut self.says);
        } else if tickets.len() > 1 {
            self.mode = Mode::Confirm { tickets, resolution };
        } else {
            self.hold(&tickets, resolution, None, now);
        }
    }

    fn reason(&mut self, tickets: Vec<TicketId>, mut text: String, key: Key, now: Instant) {
        match key {
            Key::Enter => {
                let note = Some(text.trim()).filter(|note| !note.is_empty());
                return self.hold(&tickets, Resolution::Rejected, note, now);
            }
            Key::Escape => {
                "nothing was rejected".clone_into(&mut self.says);
                return;
            }
            Key::Backspace => {
                text.pop();
            }
            Key::Char(c) if text.chars().count() < REASON_CHARS_MAX => text.push(c),
            _ => {}
        }
        self.mode = Mode::Reason { tickets, text };
    }

    fn hold(&mut self, tickets: &[TicketId], resolution: Resolution, note: Option<&str>, now: Instant) {
        let due = now + UNDO_WITHIN;
        let held: Vec<Held> = self
            .waiting()
            .filter(|ticket| tickets.contains(&ticket.id))
            .map(|ticket| Held {
                ticket: ticket.id,
                seen_hash: ticket.artifact_hash.clone(),
                resolution,
                note: note.map(str::to_owned),
                due,
            })
            .collect();
        self.says = format!("{}: {}", counted(held.len()), in_words(resolution));
        self.selected.retain(|id| !tickets.contains(id));
        self.held.extend(held);
        self.step(0);
    }

    /// Takes back what was answered last, all of it when it was one answer to several.
    fn undo(&mut self) {
        let Some(due) = self.held.iter().map(|held| held.due).max() else {
            "there is nothing to take back: an answer that was given stands".clone_into(&mut self.says);
            return;
        };
        let before = self.held.len();
        self.held.retain(|held| held.due != due);
        self.says = format!("{}: taken back", counted(before - self.held.len()));
        self.step(0);
    }
}

pub(super) const fn in_words(resolution: Resolution) -> &'static str {
    match resolution {
        Resolution::Approved => "approved",
        Resolution::Rejected => "rejected",
        Resolution::ConfirmedPublished => "out already",
        Resolution::Withdrawn => "withdrawn",
    }
}

fn counted(posts: usize) -> String {
    if posts == 1 { "1 post".to_owned() } else { format!("{posts} posts") }
}

#[cfg(test)]
#[path = "desk_tests.rs"]
mod tests;
