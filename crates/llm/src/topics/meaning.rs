//! What a topic means, and how far a text stands above the benign background.

use crate::{
    Atlas, Embedder, Embedding,
    relevance::{Contest, mean},
};

use super::rules::{Benign, TopicError, TopicRules};

/// How far above the background a text must stand when a topic with prototypes does not say so itself.
const STANDING_DEFAULT: f32 = 3.0;
/// What a topic's prototypes weigh beside one topic of the atlas, and when there is no such topic.
const PROTOTYPES_WEIGHT: f32 = 0.5;
const PROTOTYPES_ALONE_WEIGHT: f32 = 1.0;

/// The meaning of a topic: its contest with benign subjects, and known cases.
#[derive(Debug, Clone)]
pub(super) struct Meaning {
    pub(super) contest: Contest,
    pub(super) standing: f32,
    pub(super) hint_standing: f32,
    pub(super) prototypes: Vec<(String, Embedding)>,
}

impl Meaning {
    /// `None` for a topic without known cases.
    pub(super) fn new(
        rules: &TopicRules,
        benign: &Benign,
        atlas: &Atlas,
        embedder: &Embedder,
    ) -> Result<Option<Self>, TopicError> {
        for name in rules.atlas.iter().chain(&benign.atlas) {
            if !atlas.topics().any(|(id, _)| id == name) {
                return Err(TopicError::UnknownAtlasTopic { id: rules.id.clone(), atlas: name.clone() });
            }
        }
        let prototypes: Vec<(String, Embedding)> = rules
            .prototypes
            .iter()
            .map(|line| (line.clone(), embedder.embed(line)))
            .filter(|(_, embedding)| !embedding.is_empty())
            .collect();
        if prototypes.is_empty() {
            return Ok(None);
        }
        let wanted: Vec<f32> =
            atlas.topics().map(|(id, _)| if rules.atlas.iter().any(|name| name == id) { 1.0 } else { 0.0 }).collect();
        let against = atlas
            .topics()
            .zip(&wanted)
            .map(|((id, _), wanted)| {
                let weight = if benign.atlas.iter().any(|name| name == id) { benign.weight } else { 1.0 };
                weight * (1.0 - wanted)
            })
            .collect();
        let lines: Vec<Embedding> = prototypes.iter().map(|(_, embedding)| embedding.clone()).collect();
        let centroid = Embedding::from_sum(mean(&lines)).values().map(|value| value * atlas.mean_length());
        let weight = if rules.atlas.is_empty() { PROTOTYPES_ALONE_WEIGHT } else { PROTOTYPES_WEIGHT };
        let standing = rules.standing.unwrap_or(STANDING_DEFAULT);
        Ok(Some(Self {
            contest: Contest::new(wanted, against, vec![centroid], weight, 0.5, atlas),
            standing,
            hint_standing: rules.hint_standing.unwrap_or(standing),
            prototypes,
        }))
    }

    /// The known case that a text comes nearest to.
    pub(super) fn nearest(&self, text: &Embedding) -> String {
        let nearest = self.prototypes.iter().max_by(|a, b| text.cosine(&a.1).total_cmp(&text.cosine(&b.1)));
        nearest.map(|(line, _)| line.clone()).unwrap_or_default()
    }
}
