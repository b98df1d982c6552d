//! The words of each language: how people ask who speaks, how an author claims to be human, and the plain answer.
//!
//! Patterns are written as `pattern.rs` reads them. To teach a language, add lines here and phrases to the tests.

mod asian;
mod germanic;
mod romance;
mod slavic;

use super::Tongue;

/// What is known of one language.
pub(super) struct Words {
    /// Whether words stand apart; if not, patterns are laid over single signs.
    pub(super) spaced: bool,
    /// Lists that patterns name: `bot`, `human`, `f` (words that fill), `end` (words after which nothing to the matter follows).
    pub(super) lists: &'static [(&'static str, &'static str)],
    /// Questions, and accusations.
    pub(super) asks: &'static [&'static str],
    /// Claims of an author.
    pub(super) claims: &'static [&'static str],
    /// The answer.
    pub(super) answer: &'static str,
}

/// The words of a language.
pub(super) const fn of(tongue: Tongue) -> Words {
    match tongue {
        Tongue::English => germanic::ENGLISH,
        Tongue::Spanish => romance::SPANISH,
        Tongue::French => romance::FRENCH,
        Tongue::Italian => romance::ITALIAN,
        Tongue::German => germanic::GERMAN,
        Tongue::Portuguese => romance::PORTUGUESE,
        Tongue::Dutch => germanic::DUTCH,
        Tongue::Swedish => germanic::SWEDISH,
        Tongue::Polish => slavic::POLISH,
        Tongue::Turkish => asian::TURKISH,
        Tongue::Russian => slavic::RUSSIAN,
        Tongue::Ukrainian => slavic::UKRAINIAN,
        Tongue::Arabic => asian::ARABIC,
        Tongue::Hindi => asian::HINDI,
        Tongue::Japanese => asian::JAPANESE,
        Tongue::Chinese => asian::CHINESE,
        Tongue::Korean => asian::KOREAN,
    }
}
