//! The rules as they are written, and their errors.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::{AtlasError, TableError};

static TOPICS_YAML: &str = include_str!("../../assets/topics.yaml");

/// Why rules for topics cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TopicError {
    /// Not the YAML that was expected.
    #[error("the topics are not valid YAML of the form `topics: [{{id, terms, ...}}]`")]
    Yaml(#[source] Box<serde_saphyr::Error>),
    /// A topic that could never be found.
    #[error("topic `{id}` has neither words nor prototypes, so it could never be found: give it some words")]
    NothingToFind {
        /// Which one.
        id: String,
    },
    /// A topic that means nothing in the atlas.
    #[error("topic `{id}` names `{atlas}`, which is not a topic of the atlas")]
    UnknownAtlasTopic {
        /// The topic at fault.
        id: String,
        /// What it names.
        atlas: String,
    },
    /// A word that would be found in every text.
    #[error("topic `{id}` has the term `{term}`, which has no letters or digits to look for")]
    EmptyTerm {
        /// Which topic.
        id: String,
        /// Which term.
        term: String,
    },
    /// No weights.
    #[error("the topics' weights are not usable: {reason}; make them again with scripts/train-topics.py")]
    Weights {
        /// What is wrong with them.
        reason: &'static str,
    },
    /// No atlas.
    #[error("the atlas is not usable")]
    Atlas(#[from] AtlasError),
    /// No embeddings.
    #[error("the embedding table is not usable")]
    Table(#[from] TableError),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleFile {
    #[serde(default)]
    pub(super) benign: Benign,
    pub(super) topics: Vec<TopicRules>,
}

/// Subjects of the atlas that weigh more than others against any sensitive topic.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Benign {
    pub(super) weight: f32,
    pub(super) atlas: Vec<String>,
}

/// One topic as written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct TopicRules {
    pub(super) id: String,
    pub(super) label: String,
    pub(super) standing: Option<f32>,
    pub(super) hint_standing: Option<f32>,
    pub(super) atlas: Vec<String>,
    pub(super) prototypes: Vec<String>,
    pub(super) terms: Vec<String>,
    pub(super) likely: Vec<String>,
    pub(super) hints: Vec<String>,
    pub(super) unless: Vec<String>,
    pub(super) together: Vec<Together>,
}

/// Words that matter only near each other.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Together {
    /// Words between them at most.
    pub(super) within: usize,
    /// One of each list.
    pub(super) all: Vec<Vec<String>>,
}

impl RuleFile {
    /// The rules in the binary.
    pub(super) fn built_in() -> Result<Self, TopicError> {
        Self::read(TOPICS_YAML)
    }

    pub(super) fn read(yaml: &str) -> Result<Self, TopicError> {
        serde_saphyr::from_str(yaml).map_err(|error| TopicError::Yaml(Box::new(error)))
    }

    /// Adds an operator's words: to a topic that is known, or as a topic of its own.
    pub(super) fn add_terms(&mut self, own: &BTreeMap<String, Vec<String>>) {
        for (id, terms) in own {
            let rules = TopicRules {
                id: id.clone(),
                label: id.replace('_', " "),
                terms: terms.clone(),
                ..TopicRules::default()
            };
            self.merge(rules);
        }
    }

    /// Adds an operator's file: lists are appended, numbers and labels replace.
    pub(super) fn extend(&mut self, other: Self) {
        for rules in other.topics {
            self.merge(rules);
        }
    }

    fn merge(&mut self, more: TopicRules) {
        let Some(known) = self.topics.iter_mut().find(|topic| topic.id == more.id) else {
            self.topics.push(more);
            return;
        };
        known.standing = more.standing.or(known.standing);
        known.hint_standing = more.hint_standing.or(known.hint_standing);
        known.atlas.extend(more.atlas);
        known.prototypes.extend(more.prototypes);
        known.terms.extend(more.terms);
        known.likely.extend(more.likely);
        known.hints.extend(more.hints);
        known.unless.extend(more.unless);
        known.together.extend(more.together);
    }
}
