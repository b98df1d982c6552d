//! SOUL.md: who an agent is. Markdown with a YAML front matter; the body is the backstory.

mod contradiction;
mod parse;
mod topic;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use contradiction::Contradiction;
pub use parse::{SoulError, SoulProblem};
pub use topic::banned_topic;

/// A persona, as its SOUL.md states it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Soul {
    /// The persona's name, 1 to 80 characters.
    pub name: String,
    /// The persona's slug: 3 to 100 of `a-z`, `0-9` and `-`.
    pub slug: String,
    /// How it sounds: short adjectives or phrases, at least one.
    pub voice_traits: Vec<String>,
    /// What it holds true.
    pub core_beliefs: Vec<String>,
    /// Hard rules, which win over voice and goal.
    pub directives: Vec<String>,
    /// What it never speaks about.
    pub banned_topics: Vec<String>,
    /// The face and mark that every picture must keep.
    pub character_reference_id: String,
    /// How it says that it is an AI. Asked outright, it always says so.
    pub disclosure: String,
    /// The markdown after the front matter.
    pub backstory: String,
}

impl Soul {
    /// Reads a SOUL.md.
    ///
    /// # Errors
    /// [`SoulError`] with the line and, where there is one, the key to mend.
    pub fn parse(text: &str) -> Result<Self, SoulError> {
        parse::parse(text)
    }
}

#[cfg(test)]
mod tests;
