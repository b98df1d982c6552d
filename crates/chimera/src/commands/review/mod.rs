//! `chimera review`: the review desk in a terminal.

mod desk;
mod post;
mod view;

use std::{
    io::{IsTerminal as _, stdin, stdout},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use chimera_domain::{Ambient as _, TicketId, error_chain};
use chimera_judge::{Answer, Desk as AnswerDesk, HitlQueue};
use chimera_store::{Store, TicketFilter};
use clap::Args;
use ratatui::{
    DefaultTerminal,
    crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers},
};
use tokio::{sync::mpsc, time::Instant};

use self::{
    desk::{Desk, Held, Key},
    post::Post,
};
use crate::{
    cli::{Global, person},
    compose,
    system::SystemAmbient,
};

/// The screen is drawn, and answers are given, at least so often: countdowns run.
const BEAT: Duration = Duration::from_millis(250);
/// The queue is looked at so often without being told: notices may be lost.
const LOOK_AT_LEAST_EVERY: Duration = Duration::from_secs(2);

/// The posts that wait for a person, in this terminal.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Who decides
    #[arg(long, env = "USER", default_value = "operator", value_parser = person)]
    by: String,
    /// Only posts of this campaign
    #[arg(long, value_name = "SLUG")]
    campaign: Option<String>,
    /// Only posts with this sensitive topic, such as `politics`
    #[arg(long)]
    topic: Option<String>,
    /// The most posts to show at a time
    #[arg(long, default_value_t = 200)]
    limit: u64,
}

impl Options {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<ExitCode> {
        anyhow::ensure!(
            stdin().is_terminal() && stdout().is_terminal(),
            "the review desk needs a terminal; in scripts use `chimera judge view-queue`, `judge approve-ticket` and \
             `judge reject-ticket`"
        );
        // A log line would stand across the screen. What goes wrong is said in the desk's last line.
        let silent = Global { log: global.log.clone().or_else(|| Some("off".to_owned())), ..global.clone() };
        let config = silent.load(true, None)?;
        let store = compose::open_store(&config).await?;
        let bus = compose::Queues::open(&config, &SystemAmbient).await?.bus;
        let campaign = match &self.campaign {
            Some(slug) => Some(super::campaign::named(&store.campaigns().await?, slug)?.id),
            None => None,
        };
        let filter = TicketFilter { campaign, topic: self.topic, limit: self.limit, ..TicketFilter::default() };
        let sitting = Sitting {
            queue: HitlQueue::new(store.clone(), bus.clone()),
            answers: AnswerDesk::new(store.clone(), bus, Arc::new(SystemAmbient)),
            store,
            filter,
            by: self.by,
            desk: Desk::new(),
            post: None,
        };
        let terminal = ratatui::try_init().context("the terminal can't be drawn on")?;
        let ended = sitting.run(terminal).await;
        ratatui::try_restore().context("the terminal can't be set back; `reset` does it")?;
        ended?;
        Ok(ExitCode::SUCCESS)
    }
}

/// One person at the desk.
struct Sitting {
    queue: HitlQueue,
    answers: AnswerDesk,
    store: Store,
    filter: TicketFilter,
    by: String,
    desk: Desk,
    /// What was read last, and of which ticket.
    post: Option<(TicketId, Option<Post>)>,
}

impl Sitting {
    async fn run(mut self, mut terminal: DefaultTerminal) -> anyhow::Result<()> {
        let mut keys = keys();
        let mut listener = self.queue.listen();
        let mut look_at = Instant::now();
        loop {
            if look_at <= Instant::now() {
                self.look().await;
                look_at = Instant::now() + LOOK_AT_LEAST_EVERY;
            }
            self.read_post().await;
            let post = self.post.as_ref().and_then(|(_, post)| post.as_ref());
            terminal
                .draw(|frame| view::draw(frame, &self.desk, post, SystemAmbient.now(), Instant::now()))
                .context("the terminal can't be drawn on")?;
            tokio::select! {
                key = keys.recv() => match key {
                    Some(Some(key)) => self.desk.press(key, Instant::now()),
                    // The window has another size: it is drawn anew.
                    Some(None) => {}
                    None => self.desk.leaving = true,
                },
                heard = listener.heard(BEAT) => if heard { look_at = Instant::now() },
            }
            for held in self.desk.due(Instant::now()) {
                self.answer(held).await;
                look_at = Instant::now();
            }
            if self.desk.leaving {
                return Ok(());
            }
        }
    }

    /// A database that is away for a moment is no reason to leave.
    async fn look(&mut self) {
        let looked = async { anyhow::Ok((self.queue.depth().await?, self.queue.next(&self.filter).await?)) };
        match looked.await {
            Ok((depth, tickets)) => self.desk.refresh(depth, tickets),
            Err(error) => self.desk.says = format!("the queue can't be read: {error:#}"),
        }
    }

    /// Reads the post that the cursor is on, unless that was the last one read.
    async fn read_post(&mut self) {
        let Some(ticket) = self.desk.current() else { return };
        if self.post.as_ref().is_some_and(|(of, _)| *of == ticket.id) {
            return;
        }
        let (id, read) = (ticket.id, Post::read(&self.store, ticket).await);
        match read {
            Ok(post) => self.post = Some((id, post)),
            Err(error) => {
                self.post = None;
                self.desk.says = format!("the post can't be read: {error:#}");
            }
        }
    }

    async fn answer(&mut self, held: Held) {
        let Held { ticket, seen_hash, resolution, note, .. } = held;
        let (by, seen_hash) = (self.by.clone(), Some(seen_hash));
        let answer = Answer { ticket_id: ticket, resolution, by, note, seen_hash, edit: None, again: false };
        self.desk.says = match self.answers.answer(answer).await {
            Ok(_) => format!("given: {}", desk::in_words(resolution)),
            Err(error) => format!("not taken: {}", error_chain(&error)),
        };
    }
}

/// Keys as they are pressed, and `None` when the window has another size. Ends when the terminal does.
fn keys() -> mpsc::Receiver<Option<Key>> {
    let (send, receive) = mpsc::channel(64);
    // Reading keys blocks for good, so it has a thread that ends with the process.
    std::thread::spawn(move || {
        while let Ok(event) = event::read() {
            let meant = match event {
                Event::Key(key) if key.kind != KeyEventKind::Release => key_of(key).map(Some),
                Event::Resize(..) => Some(None),
                _ => None,
            };
            if let Some(meant) = meant
                && send.blocking_send(meant).is_err()
            {
                return;
            }
        }
    });
    receive
}

fn key_of(key: KeyEvent) -> Option<Key> {
    Some(match key.code {
        KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => Key::Interrupt,
        KeyCode::Char(_) if key.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT) => return None,
        KeyCode::Char(c) => Key::Char(c),
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        KeyCode::Enter => Key::Enter,
        KeyCode::Backspace => Key::Backspace,
        KeyCode::Esc => Key::Escape,
        _ => return None,
    })
}
