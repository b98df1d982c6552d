//! Whether somebody asks if a machine is speaking, and the plain answer to that. No persona plays around it.
//!
//! Patterns in the languages of `tongues.rs` are laid over the words, or over the signs where a script has no gaps between words. What
//! no pattern knows is not seen; the label below every reply says what its author is all the same.

mod pattern;
mod tongues;

use std::sync::LazyLock;

use self::pattern::{Pattern, Spoken};
use crate::wire::wire_enum;

wire_enum! {
    /// A language in which the question is understood and answered.
    pub enum Tongue ("language") {
        /// English.
        English = "en",
        /// Spanish.
        Spanish = "es",
        /// French.
        French = "fr",
        /// Italian.
        Italian = "it",
        /// German.
        German = "de",
        /// Portuguese.
        Portuguese = "pt",
        /// Dutch.
        Dutch = "nl",
        /// Swedish.
        Swedish = "sv",
        /// Polish.
        Polish = "pl",
        /// Turkish.
        Turkish = "tr",
        /// Russian.
        Russian = "ru",
        /// Ukrainian.
        Ukrainian = "uk",
        /// Arabic.
        Arabic = "ar",
        /// Hindi.
        Hindi = "hi",
        /// Japanese.
        Japanese = "ja",
        /// Chinese.
        Chinese = "zh",
        /// Korean.
        Korean = "ko",
    }
}

/// A language's patterns, ready to be laid over a text.
struct Compiled {
    tongue: Tongue,
    asks: Vec<Pattern>,
    claims: Vec<Pattern>,
}

static COMPILED: LazyLock<Vec<Compiled>> = LazyLock::new(|| {
    let compile = |tongue: &Tongue| {
        let words = tongues::of(*tongue);
        let all = |lines: &[&str]| lines.iter().map(|line| Pattern::read(line, &words)).collect();
        Compiled { tongue: *tongue, asks: all(words.asks), claims: all(words.claims) }
    };
    Tongue::ALL.iter().map(compile).collect()
});

/// The language in which a text asks, or says to its reader's face, whether a machine or a human being is speaking; `None` when it
/// does not.
#[must_use]
pub fn asks_who_speaks(text: &str) -> Option<Tongue> {
    let spoken = Spoken::hear(text);
    let asks = |known: &&Compiled| known.asks.iter().any(|pattern| pattern.is_in(&spoken));
    COMPILED.iter().find(asks).map(|known| known.tongue)
}

/// Whether a reply gives the plain answer in this language, word for word, and nothing beside it claims the opposite.
#[must_use]
pub fn answers_plainly(reply: &str, tongue: Tongue) -> bool {
    let Some((before, after)) = reply.split_once(tongue.plain_answer()) else { return false };
    !claims_to_be_human(&format!("{before}. {after}"))
}

/// Whether a text claims, of its own author, to be human or no machine.
#[must_use]
pub fn claims_to_be_human(text: &str) -> bool {
    let spoken = Spoken::hear(text);
    COMPILED.iter().any(|known| known.claims.iter().any(|pattern| pattern.is_in(&spoken)))
}

impl Tongue {
    /// The plain answer to the question who speaks.
    #[must_use]
    pub const fn plain_answer(self) -> &'static str {
        tongues::of(self).answer
    }
}

#[cfg(test)]
mod tests;
