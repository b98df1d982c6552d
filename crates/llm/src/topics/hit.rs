//! What a scan finds.

use std::fmt;

use chimera_domain::{Score, SensitiveTopic};

/// Words quoted as evidence.
const QUOTED_MAX: usize = 4;

/// A sensitive topic found in a text.
#[derive(Debug, Clone, PartialEq)]
pub struct TopicHit {
    /// The topic's id, such as `politics`.
    pub topic: String,
    /// How sure the scanner is; every hit counts, however low.
    pub score: Score,
    /// Why.
    pub evidence: Evidence,
}

/// Why a topic was found. `Display` gives one line without personal data.
#[derive(Debug, Clone, PartialEq)]
pub enum Evidence {
    /// These words, as they stand in the text, each once.
    Words(Vec<String>),
    /// The text means much the same as this known case.
    Meaning {
        /// The known case.
        resembles: String,
        /// How far the text stands above the benign background, in spreads.
        standing: f32,
    },
    /// The classifier takes the text for one of the topic.
    Likely {
        /// Words that count within such a text, each once; none when it is meaning alone.
        words: Vec<String>,
        /// The known case that the text comes nearest to.
        resembles: String,
        /// The classifier's probability, 0 to 1.
        chance: f32,
    },
    /// Something that looks like personal data, named but not repeated.
    Pattern(&'static str),
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Words(words) => quoted(words, f),
            Self::Likely { words, resembles, chance } if words.is_empty() => {
                write!(f, "by meaning, reads like `{resembles}` (probability {chance:.2})")
            }
            Self::Likely { words, chance, .. } => {
                quoted(words, f)?;
                write!(f, " in a text that fits (probability {chance:.2})")
            }
            Self::Meaning { resembles, standing } => write!(f, "reads like `{resembles}` ({standing:.1})"),
            Self::Pattern(name) => write!(f, "contains {name}"),
        }
    }
}

fn quoted(words: &[String], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (at, word) in words.iter().take(QUOTED_MAX).enumerate() {
        write!(f, "{}`{word}`", if at == 0 { "" } else { ", " })?;
    }
    if words.len() > QUOTED_MAX {
        write!(f, " and {} more", words.len() - QUOTED_MAX)?;
    }
    Ok(())
}

impl From<TopicHit> for SensitiveTopic {
    fn from(hit: TopicHit) -> Self {
        Self { topic: hit.topic, score: hit.score, evidence: hit.evidence.to_string() }
    }
}
