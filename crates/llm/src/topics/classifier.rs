//! How likely a text is of a sensitive topic, by weights that were learned from headlines with labels of people.
//!
//! One linear layer from a text's [`features`] to newsroom labels, then a softmax: multinomial logistic regression. The table
//! is made by `scripts/train-topics.py`, which says on what; docs/offline-mind.md says how well it does.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::embed::{DIMS, Embedding};

static WEIGHTS_JSON: &str = include_str!("../../assets/topic-weights.json");
static SHARED: LazyLock<Result<Classifier, &'static str>> = LazyLock::new(|| Classifier::read(WEIGHTS_JSON));

/// Features of a text beside its embedding, for each topic: a word, more than one, a hint, more than one, its standing.
const OF_TOPIC: usize = 5;
/// What brings words and standings to the size of the embedding's numbers, so that one penalty suits all.
const WORD: f32 = 0.5;
const STANDING: f32 = 0.25;

/// What the rules found of one topic.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Traces {
    /// Different words found, of any strength but hints.
    pub(super) words: usize,
    /// Different hints found.
    pub(super) hints: usize,
    /// How far the text stands above the benign background, in spreads.
    pub(super) standing: f32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    topics: Vec<TopicEntry>,
    labels: Vec<LabelEntry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TopicEntry {
    id: String,
    label: String,
    from: f32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LabelEntry {
    label: String,
    bias: f32,
    weights: Vec<f32>,
}

/// A topic that the classifier knows.
#[derive(Debug)]
struct Known {
    id: String,
    /// Which label stands for it.
    label: usize,
    from: f32,
}

/// The learned weights.
#[derive(Debug)]
pub(super) struct Classifier {
    known: Vec<Known>,
    /// Bias and weights of each label.
    labels: Vec<(f32, Vec<f32>)>,
}

impl Classifier {
    /// The weights in the binary.
    ///
    /// # Errors
    /// What is wrong with them; a test rules that out.
    pub(super) fn shared() -> Result<&'static Self, &'static str> {
        SHARED.as_ref().map_err(|reason| *reason)
    }

    fn read(json: &str) -> Result<Self, &'static str> {
        let file: File = serde_json::from_str(json).map_err(|_| "not JSON of topics and labels")?;
        let features = DIMS + OF_TOPIC * file.topics.len();
        if file.labels.iter().any(|label| label.weights.len() != features) {
            return Err("a label has more or fewer weights than a text has features");
        }
        let known = file.topics.into_iter().map(|topic| {
            let label = file.labels.iter().position(|entry| entry.label == topic.label);
            let label = label.ok_or("a topic names a label without weights")?;
            if !(topic.from > 0.0 && topic.from < 1.0) {
                return Err("a topic counts from a probability that is none");
            }
            Ok(Known { id: topic.id, label, from: topic.from })
        });
        Ok(Self {
            known: known.collect::<Result<_, _>>()?,
            labels: file.labels.into_iter().map(|label| (label.bias, label.weights)).collect(),
        })
    }

    /// Ids of the topics it knows, in the order in which [`features`] and [`Self::chances`] have them.
    pub(super) fn ids(&self) -> impl Iterator<Item = &str> {
        self.known.iter().map(|known| known.id.as_str())
    }

    /// How likely each topic is, 0 to 1, and from where on it counts.
    pub(super) fn chances(&self, features: &[f32]) -> Vec<Chance> {
        let logits: Vec<f32> = self
            .labels
            .iter()
            .map(|(bias, weights)| {
                bias + weights.iter().zip(features).map(|(weight, value)| weight * value).sum::<f32>()
            })
            .collect();
        let highest = logits.iter().copied().fold(f32::MIN, f32::max);
        let total: f32 = logits.iter().map(|logit| (logit - highest).exp()).sum();
        let of = |label: usize| logits.get(label).map_or(0.0, |logit| (logit - highest).exp() / total);
        self.known.iter().map(|known| Chance { chance: of(known.label), from: known.from }).collect()
    }
}

/// What the classifier says of one topic.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chance {
    /// How likely the text is of it, 0 to 1.
    pub(super) chance: f32,
    /// From where on that puts a text before a person.
    pub(super) from: f32,
}

impl Chance {
    pub(super) fn counts(self) -> bool {
        self.chance >= self.from
    }

    /// As a score: 0.5 where it begins to count, by log odds.
    pub(super) fn score(self) -> f64 {
        let odds = |p: f32| f64::from(p.clamp(1e-6, 1.0 - 1e-6) / (1.0 - p.clamp(1e-6, 1.0 - 1e-6)));
        let ratio = odds(self.chance) / odds(self.from);
        ratio / (1.0 + ratio)
    }
}

/// The numbers that the classifier weighs: the embedding, then of each topic it knows what the rules found.
pub(super) fn features(embedding: &Embedding, traces: &[Traces]) -> Vec<f32> {
    let flag = |yes: bool| if yes { WORD } else { 0.0 };
    let mut features = Vec::with_capacity(DIMS + OF_TOPIC * traces.len());
    features.extend_from_slice(embedding.values());
    for found in traces {
        features.extend([
            flag(found.words > 0),
            flag(found.words > 1),
            flag(found.hints > 0),
            flag(found.hints > 1),
            STANDING * found.standing,
        ]);
    }
    features
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_weights_are_whole() {
        let classifier = Classifier::shared().unwrap();
        let ids: Vec<&str> = classifier.ids().collect();
        assert_eq!(ids, ["politics", "health_advice", "financial_advice", "legal"]);
    }

    #[test]
    fn broken_weights_are_refused() {
        for (json, says) in [
            ("{}", "not JSON"),
            (r#"{"topics":[],"labels":[{"label":"A","bias":0,"weights":[1]}]}"#, "more or fewer"),
            (r#"{"topics":[{"id":"a","label":"A","from":0.1}],"labels":[]}"#, "without weights"),
        ] {
            let reason = Classifier::read(json).unwrap_err();
            assert!(reason.contains(says), "{reason}");
        }
    }

    #[test]
    fn chances_are_a_softmax_and_scores_half_where_they_begin_to_count() {
        let label = |name: &str, bias: f32| serde_json::json!({"label": name, "bias": bias, "weights": vec![0.0; DIMS + OF_TOPIC]});
        let topics = serde_json::json!([{"id": "a", "label": "A", "from": 0.25}]);
        let file = serde_json::json!({"topics": topics, "labels": [label("A", 3.0_f32.ln()), label("B", 0.0)]});
        let classifier = Classifier::read(&file.to_string()).unwrap();
        let chances = classifier.chances(&features(&Embedding::from_sum([1.0; DIMS]), &[Traces::default()]));
        assert!((chances[0].chance - 0.75).abs() < 1e-6 && chances[0].counts());
        assert!((chances[0].score() - 0.9).abs() < 1e-6, "odds of 3 against odds of 1/3");
        assert!((Chance { chance: 0.25, from: 0.25 }.score() - 0.5).abs() < 1e-6);
    }
}
