//! How a persona sounds, read from its voice traits.

use super::{
    phrases::{Bank, Phrases},
    rules::Rules,
};
use crate::text::words;

/// The registers a persona speaks in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Voice {
    /// The registers, the first trait's first.
    registers: Vec<String>,
    /// Whether emoji suit it.
    pub(super) emoji: bool,
    /// Whether the news is grave and all else falls silent.
    pub(super) sober: bool,
}

/// The register a persona without a known trait falls back to.
const PLAIN: &str = "plain";

impl Voice {
    pub(super) fn of(traits: &[String], phrases: &Phrases, rules: &Rules, sober: bool) -> Self {
        let mut registers: Vec<String> = Vec::new();
        let mut emoji = false;
        for voice_trait in traits {
            // What a trait denies ("never loud", "not cute") or explains after a comma doesn't set the tone.
            let head = voice_trait.split([',', ';', ':', '(']).next().unwrap_or_default();
            let head = head.to_lowercase().replace("plain-spoken", "plainspoken").replace("down-to-earth", "plain");
            let said: Vec<String> = words(&head).collect();
            if said.iter().any(|word| ["not", "never", "no", "without", "hardly"].contains(&word.as_str())) {
                continue;
            }
            emoji |= said.iter().any(|word| phrases.emoji_traits.contains(word));
            for (register, signs) in &phrases.registers {
                if said.iter().any(|word| signs.contains(word)) && !registers.contains(register) {
                    registers.push(register.clone());
                }
            }
        }
        if registers.is_empty() {
            registers.push(PLAIN.to_owned());
        }
        Self { registers, emoji: rules.emoji.unwrap_or(emoji) && !sober, sober }
    }

    /// The lines of a bank that suit this voice: its own registers' first, each with its register's rank, then those for all.
    pub(super) fn lines<'a>(&self, bank: &'a Bank) -> Vec<&'a str> {
        if self.sober {
            return bank.get("sober").into_iter().flatten().map(String::as_str).collect();
        }
        let own = self.registers.iter().filter_map(|register| bank.get(register)).flatten();
        own.chain(bank.get("any").into_iter().flatten()).map(String::as_str).collect()
    }

    /// Only the lines that are this voice's own.
    pub(super) fn own_lines<'a>(&self, bank: &'a Bank) -> Vec<&'a str> {
        if self.sober {
            return Vec::new();
        }
        self.registers.iter().filter_map(|register| bank.get(register)).flatten().map(String::as_str).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn voice(traits: &[&str]) -> Voice {
        let traits: Vec<String> = traits.iter().map(|text| (*text).to_owned()).collect();
        Voice::of(&traits, &Phrases::load().unwrap(), &Rules::read(&[], &[]), false)
    }

    #[test]
    fn traits_call_up_registers_in_their_order() {
        assert_eq!(voice(&["wry, never at the reader's cost", "warm"]).registers, ["wry", "warm"]);
        assert_eq!(voice(&["plain-spoken"]).registers, ["plain"]);
        assert_eq!(voice(&["never loud", "mysterious"]).registers, ["plain"]);
        assert!(voice(&["playful"]).emoji);
        assert!(!voice(&["warm"]).emoji);
    }

    #[test]
    fn a_directive_against_emoji_beats_the_voice() {
        let rules = Rules::read(&["Never use emoji".to_owned()], &[]);
        assert!(!Voice::of(&["playful".to_owned()], &Phrases::load().unwrap(), &rules, false).emoji);
    }
}
