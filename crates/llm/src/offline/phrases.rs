//! The bank of lines and words behind the offline writer, read from the data files beside it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::{ConfigProblem, MindError};

const PHRASES: &str = include_str!("phrases.yaml");
const WORDS: &str = include_str!("words.yaml");

/// Lines by register or theme; `any` fits all.
pub(super) type Bank = BTreeMap<String, Vec<String>>;

/// All lines.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Phrases {
    pub(super) registers: Bank,
    pub(super) emoji_traits: Vec<String>,
    pub(super) emoji: Bank,
    pub(super) frames: Bank,
    pub(super) frames_short: Bank,
    pub(super) topic_leads: Bank,
    pub(super) details: Bank,
    pub(super) bridges: Bank,
    pub(super) turns: Bank,
    /// By theme, then register.
    pub(super) takes: BTreeMap<String, Bank>,
    pub(super) asks: Bank,
    pub(super) calls: Bank,
    pub(super) sidesteps: Bank,
    pub(super) honest: Bank,
    pub(super) grave: Vec<String>,
    pub(super) themes: Bank,
}

/// Words without a subject of their own.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Words {
    pub(super) stop: BTreeSet<String>,
    pub(super) verbs: BTreeSet<String>,
}

impl Phrases {
    /// Reads the bank inside the program.
    pub(super) fn load() -> Result<Self, MindError> {
        serde_saphyr::from_str(PHRASES).map_err(|error| unreadable("phrases.yaml", error))
    }

    /// The theme of a headline among those that the goal names, or among all when it names none. `any` when no word
    /// gives one away.
    pub(super) fn theme(&self, goal: &str, headline: &str) -> &str {
        let count = |words: &[String], text: &str| {
            crate::text::words(text).filter(|word| words.iter().any(|known| known == word)).count()
        };
        let hits: Vec<(usize, usize, &str)> = self
            .themes
            .iter()
            .map(|(theme, words)| (count(words, goal), count(words, headline), theme.as_str()))
            .filter(|(in_goal, in_headline, _)| in_goal + in_headline > 0)
            .collect();
        let goal_speaks = hits.iter().any(|(in_goal, ..)| *in_goal > 0);
        hits.into_iter()
            .filter(|(in_goal, ..)| *in_goal > 0 || !goal_speaks)
            // On a tie the theme that comes first in the alphabet wins, whatever the order of the file.
            .max_by(|a, b| (3 * a.1 + a.0).cmp(&(3 * b.1 + b.0)).then(b.2.cmp(a.2)))
            .map_or("any", |(_, _, theme)| theme)
    }
}

impl Words {
    /// Reads the lists inside the program.
    pub(super) fn load() -> Result<Self, MindError> {
        serde_saphyr::from_str(WORDS).map_err(|error| unreadable("words.yaml", error))
    }
}

fn unreadable(file: &'static str, error: serde_saphyr::Error) -> MindError {
    MindError::Config { problem: ConfigProblem::BuiltIn(file), source: Some(Box::new(error)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bank_has_lines_for_any_persona_and_for_grave_news() {
        let phrases = Phrases::load().unwrap();
        for (name, bank) in [
            ("frames", &phrases.frames),
            ("frames_short", &phrases.frames_short),
            ("topic_leads", &phrases.topic_leads),
            ("details", &phrases.details),
            ("bridges", &phrases.bridges),
            ("turns", &phrases.turns),
            ("asks", &phrases.asks),
        ] {
            assert!(bank["any"].len() >= 2, "{name}");
            assert!(bank.contains_key("sober"), "{name}");
        }
        let known: BTreeSet<&str> = phrases.registers.keys().map(String::as_str).chain(["any", "sober"]).collect();
        for bank in [&phrases.frames, &phrases.bridges, &phrases.turns, &phrases.details, &phrases.topic_leads]
            .into_iter()
            .chain(phrases.takes.values())
        {
            for register in bank.keys() {
                assert!(known.contains(register.as_str()), "{register} is no register");
            }
        }
        for theme in phrases.takes.keys().chain(phrases.asks.keys()).chain(phrases.calls.keys()) {
            assert!(["any", "sober"].contains(&theme.as_str()) || phrases.themes.contains_key(theme), "{theme}");
        }
    }

    #[test]
    fn the_goal_decides_the_theme() {
        let phrases = Phrases::load().unwrap();
        assert_eq!(phrases.theme("Clothes and style", "Bank opens cafe"), "fashion");
        assert_eq!(phrases.theme("Reviews of phones and laptops", ""), "technology");
        let both = "Fashion, style, clothes and makeup";
        assert_eq!(phrases.theme(both, "Makeup artists go glossy"), "beauty");
        assert_eq!(phrases.theme(both, "Old jeans, new jackets"), "fashion");
        assert_eq!(phrases.theme("Whatever", "Nothing known"), "any");
    }
}
