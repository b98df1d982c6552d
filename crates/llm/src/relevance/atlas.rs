//! The atlas: topics with lines of our own writing, read once and embedded.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::embed::{DIMS, Embedder, Embedding, TableError, dot};

use super::contest::pulls;

static ATLAS_YAML: &str = include_str!("../../assets/atlas.yaml");
static SHARED: LazyLock<Result<Atlas, String>> = LazyLock::new(|| {
    let embedder = Embedder::shared().map_err(|error| error.to_string())?;
    Atlas::from_yaml(ATLAS_YAML, embedder).map_err(|error| error.to_string())
});

/// Fewer topics than this leave a goal without competition.
const TOPICS_MIN: usize = 8;

/// Why an atlas cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AtlasError {
    /// Not the YAML that was expected.
    #[error("the atlas is not valid YAML of the form `topics: [{{id, label, lines}}]`")]
    Yaml(#[source] Box<serde_saphyr::Error>),
    /// A topic says nothing.
    #[error("topic `{id}` of the atlas needs at least one line with English words")]
    EmptyTopic {
        /// Which one.
        id: String,
    },
    /// Two topics of one name.
    #[error("topic `{id}` stands twice in the atlas")]
    Twice {
        /// Which one.
        id: String,
    },
    /// A share that makes no sense.
    #[error("topic `{id}` of the atlas is said to be {found} times as common as others; give 0.1 to 100")]
    Common {
        /// Which one.
        id: String,
        /// What it says.
        found: f32,
    },
    /// Too small to compare with.
    #[error("the atlas has {found} topics; at least {TOPICS_MIN} are needed to compare a goal with")]
    TooSmall {
        /// How many there are.
        found: usize,
    },
    /// No embeddings.
    #[error("the atlas cannot be embedded")]
    Table(#[from] TableError),
    /// The atlas in the binary is broken, which a test rules out.
    #[error("the built-in atlas cannot be used: {reason}")]
    BuiltIn {
        /// What was found.
        reason: &'static str,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AtlasFile {
    topics: Vec<TopicEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TopicEntry {
    id: String,
    label: String,
    #[serde(default = "ordinary")]
    common: f32,
    lines: Vec<String>,
}

const fn ordinary() -> f32 {
    1.0
}

/// One subject.
#[derive(Debug, Clone)]
pub(crate) struct AtlasTopic {
    pub(crate) id: String,
    pub(crate) label: String,
    /// How much of a general feed it makes up beside an ordinary topic.
    pub(crate) common: f32,
    /// The mean of its lines, not brought to length 1: a topic of many faces is short.
    pub(crate) centroid: [f32; DIMS],
    pub(crate) lines: Vec<Embedding>,
    /// The pull of every topic on each line, the background of every contest.
    pub(crate) line_pulls: Vec<Vec<f32>>,
}

/// What the offline mind knows about the subjects people write about.
#[derive(Debug, Clone)]
pub struct Atlas {
    topics: Vec<AtlasTopic>,
    mean_length: f32,
}

impl Atlas {
    /// The atlas in the binary.
    ///
    /// # Errors
    /// [`AtlasError::BuiltIn`] when the binary was built with a broken table or atlas.
    pub fn shared() -> Result<&'static Self, AtlasError> {
        SHARED.as_ref().map_err(|reason| AtlasError::BuiltIn { reason })
    }

    /// An operator's own atlas, in the form of `assets/atlas.yaml`.
    ///
    /// # Errors
    /// [`AtlasError`] with the topic at fault.
    pub fn from_yaml(yaml: &str, embedder: &Embedder) -> Result<Self, AtlasError> {
        let file: AtlasFile = serde_saphyr::from_str(yaml).map_err(|error| AtlasError::Yaml(Box::new(error)))?;
        let mut topics: Vec<AtlasTopic> = Vec::with_capacity(file.topics.len());
        for entry in file.topics {
            if topics.iter().any(|topic| topic.id == entry.id) {
                return Err(AtlasError::Twice { id: entry.id });
            }
            let lines: Vec<Embedding> =
                entry.lines.iter().map(|line| embedder.embed(line)).filter(|line| !line.is_empty()).collect();
            if lines.is_empty() {
                return Err(AtlasError::EmptyTopic { id: entry.id });
            }
            if !(0.1..=100.0).contains(&entry.common) {
                return Err(AtlasError::Common { id: entry.id, found: entry.common });
            }
            let centroid = mean(&lines);
            topics.push(AtlasTopic {
                id: entry.id,
                label: entry.label,
                common: entry.common,
                centroid,
                lines,
                line_pulls: Vec::new(),
            });
        }
        if topics.len() < TOPICS_MIN {
            return Err(AtlasError::TooSmall { found: topics.len() });
        }
        let lengths: f32 = topics.iter().map(|topic| dot(&topic.centroid, &topic.centroid).sqrt()).sum();
        #[expect(clippy::cast_precision_loss, reason = "a handful of topics")]
        let mean_length = lengths / topics.len() as f32;
        let mut atlas = Self { topics, mean_length };
        let line_pulls: Vec<Vec<Vec<f32>>> =
            atlas.topics.iter().map(|topic| topic.lines.iter().map(|line| pulls(line, &atlas)).collect()).collect();
        for (topic, line_pulls) in atlas.topics.iter_mut().zip(line_pulls) {
            topic.line_pulls = line_pulls;
        }
        Ok(atlas)
    }

    /// Ids and labels of the topics.
    pub fn topics(&self) -> impl Iterator<Item = (&str, &str)> {
        self.topics.iter().map(|topic| (topic.id.as_str(), topic.label.as_str()))
    }

    pub(crate) fn all(&self) -> &[AtlasTopic] {
        &self.topics
    }

    /// The mean length of the centroids, which goals are brought to so that they compete on equal terms.
    pub(crate) const fn mean_length(&self) -> f32 {
        self.mean_length
    }
}

/// The mean of embeddings, not brought to length 1.
pub(crate) fn mean(lines: &[Embedding]) -> [f32; DIMS] {
    let mut sum = [0.0; DIMS];
    for line in lines {
        for (total, value) in sum.iter_mut().zip(line.values()) {
            *total += value;
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "a handful of lines")]
    let count = lines.len() as f32;
    sum.map(|total| total / count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn embedder() -> &'static Embedder {
        Embedder::shared().unwrap()
    }

    #[test]
    fn the_built_in_atlas_is_whole() {
        let atlas = Atlas::shared().unwrap();
        assert!(atlas.topics().count() >= 50);
        assert!(atlas.all().iter().all(|topic| topic.lines.len() >= 4), "every topic needs a few lines");
    }

    #[test]
    fn errors_name_the_topic() {
        let error = Atlas::from_yaml("topics: [{id: a, label: A, lines: ['']}]", embedder()).unwrap_err();
        assert_eq!(error.to_string(), "topic `a` of the atlas needs at least one line with English words");
        let twice = "topics: [{id: a, label: A, lines: [hat]}, {id: a, label: A, lines: [cap]}]";
        assert!(matches!(Atlas::from_yaml(twice, embedder()), Err(AtlasError::Twice { .. })));
        assert!(matches!(Atlas::from_yaml("topics: []", embedder()), Err(AtlasError::TooSmall { found: 0 })));
        assert!(matches!(Atlas::from_yaml("themes: []", embedder()), Err(AtlasError::Yaml(_))));
    }
}
