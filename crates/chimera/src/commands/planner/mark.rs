//! `chimera planner mark`

use chimera_domain::{Ambient as _, SignalId, SignalMark, one_line};
use clap::Args;

use crate::{
    cli::{By, Global},
    compose, output,
    system::SystemAmbient,
};

/// The longest note, in characters.
const NOTE_CHARS_MAX: usize = 500;

/// Which signal, and whether it is relevant.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The signal's id, as `chimera planner view-signals --json` tells it
    signal: SignalId,
    #[command(flatten)]
    way: Way,
    /// Why
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    #[command(flatten)]
    by: By,
}

/// Up or down.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Way {
    /// It is relevant, and should score high
    #[arg(long)]
    up: bool,
    /// It is not relevant, and should score low
    #[arg(long)]
    down: bool,
}

impl Options {
    pub(super) async fn run(self, global: &Global) -> anyhow::Result<()> {
        let config = global.load(true, None)?;
        let store = compose::open_store(&config).await?.acting_as(self.by.operator());
        let mark = if self.way.up { SignalMark::Up } else { SignalMark::Down };
        let note = self.note.map(|note| one_line(&note, NOTE_CHARS_MAX));
        let marked = store.signal_mark(self.signal, mark, note.as_deref(), SystemAmbient.now()).await?;
        let signal = marked.signal;
        output::note(&format!(
            "{mark}  {} {}  {}",
            signal.relevance,
            signal.outcome,
            one_line(&signal.item.title, 100)
        ));
        Ok(())
    }
}
