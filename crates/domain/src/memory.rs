//! What an agent remembers: what happened to it, and what it knows, each with where that came from.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{AgentId, ArtifactId, MemoryId, Score, TenantId, TraceId, sha256_parts, wire::wire_enum};

wire_enum! {
    /// What kind of thing is remembered.
    pub enum MemoryKind ("memory kind") {
        /// Something that happened at a time.
        Episodic = "episodic",
        /// Something that holds.
        Semantic = "semantic",
    }
}

wire_enum! {
    /// Whose words a memory holds.
    pub enum MemorySource ("memory source") {
        /// A post of the agent's own that went out.
        OwnPost = "own_post",
        /// A person who operates the fleet.
        Operator = "operator",
        /// A program that stored it through a tool.
        Tool = "tool",
        /// A feed, a platform, an audience.
        Outside = "outside",
    }
}

impl MemorySource {
    /// Whether anybody may have written the words: then they are data to talk about, never instructions.
    #[must_use]
    pub const fn is_untrusted(self) -> bool {
        matches!(self, Self::Tool | Self::Outside)
    }
}

/// Where a memory came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// Whose words they are.
    pub source: MemorySource,
    /// Who or what said it: a person's name, a tool, an address.
    pub origin: String,
    /// The post on whose way it came up, if any.
    pub trace_id: Option<TraceId>,
    /// What of the agent's own it is about, if anything.
    pub artifact_id: Option<ArtifactId>,
}

/// What turned a text into numbers. Numbers of different models mean different things and are never compared.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EmbeddingModel {
    /// Its name.
    pub name: String,
    /// How many numbers it gives, 1..=[`MemoryVector::DIMS_MAX`].
    pub dims: u16,
}

/// One thing that an agent remembers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// This memory.
    pub id: MemoryId,
    /// Whose row this is.
    pub tenant_id: TenantId,
    /// Who remembers.
    pub agent_id: AgentId,
    /// What kind of thing it is.
    pub kind: MemoryKind,
    /// What is remembered, in words.
    pub content: String,
    /// Where it came from.
    pub provenance: Provenance,
    /// How much it matters, said by whoever wrote it down: see [`Self::ORDINARY`].
    pub importance: Score,
    /// What its vector was made with.
    pub model: EmbeddingModel,
    /// When it happened, or was learned.
    pub created_at: DateTime<Utc>,
}

impl MemoryId {
    /// The id of what these parts name: the same parts, the same id, so remembering again is harmless.
    #[must_use]
    pub fn of(parts: &[&[u8]]) -> Self {
        let hash = sha256_parts(parts);
        let id = hash.get(..32).and_then(|hex| Uuid::try_parse(hex).ok());
        Self::from_uuid(id.unwrap_or_default())
    }
}

impl Memory {
    /// The importance of what is neither trifling nor decisive.
    pub const ORDINARY: Score = Score::percent(50);
    /// The most bytes that are remembered of one thing: what an embedder reads of a text.
    pub const CONTENT_BYTES_MAX: usize = 8 * 1024;
}

/// A memory that a search came upon.
#[derive(Debug, Clone, PartialEq)]
pub struct FoundMemory {
    /// What is remembered.
    pub memory: Memory,
    /// The cosine between it and what was sought, -1..=1.
    pub similarity: f64,
}

/// A text as a direction in a model's space: finite numbers of length 1.
#[derive(Debug, Clone, PartialEq)]
pub struct MemoryVector {
    model: EmbeddingModel,
    values: Vec<f32>,
}

/// Why numbers are no direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VectorError {
    /// There are none, or too many.
    #[error("an embedding has 1 to {max} numbers, got {0}", max = MemoryVector::DIMS_MAX)]
    Dimensions(usize),
    /// One of them is not a number, or infinite.
    #[error("an embedding consists of finite numbers, but number {0} of it is none")]
    NotFinite(usize),
    /// All are zero: the text says nothing that the model knows.
    #[error("an embedding of zeros points nowhere: the text holds no word that the model knows")]
    Zero,
}

impl MemoryVector {
    /// The most numbers that a vector has: what an HNSW index over half-precision numbers takes in pgvector.
    pub const DIMS_MAX: u16 = 4_000;

    /// The direction of these numbers, brought to length 1.
    ///
    /// # Errors
    /// [`VectorError`].
    pub fn new(model: impl Into<String>, mut values: Vec<f32>) -> Result<Self, VectorError> {
        let dims = u16::try_from(values.len()).ok().filter(|dims| (1..=Self::DIMS_MAX).contains(dims));
        let dims = dims.ok_or(VectorError::Dimensions(values.len()))?;
        if let Some(place) = values.iter().position(|value| !value.is_finite()) {
            return Err(VectorError::NotFinite(place));
        }
        // The largest becomes 1 first, so that no square overflows or vanishes.
        let largest = values.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
        if largest == 0.0 {
            return Err(VectorError::Zero);
        }
        values.iter_mut().for_each(|value| *value /= largest);
        let length = values.iter().map(|value| value * value).sum::<f32>().sqrt();
        values.iter_mut().for_each(|value| *value /= length);
        Ok(Self { model: EmbeddingModel { name: model.into(), dims }, values })
    }

    /// What it was made with.
    #[must_use]
    pub const fn model(&self) -> &EmbeddingModel {
        &self.model
    }

    /// Its numbers.
    #[must_use]
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The cosine between two directions, -1..=1; `None` when they are of different models.
    #[must_use]
    pub fn cosine(&self, other: &Self) -> Option<f64> {
        (self.model == other.model).then(|| self.cosine_with(&other.values))
    }

    /// The cosine between this direction and bare numbers of length 1, -1..=1; what one has and the other lacks counts
    /// as 0.
    #[must_use]
    pub fn cosine_with(&self, values: &[f32]) -> f64 {
        let products = self.values.iter().zip(values).map(|(a, b)| f64::from(*a) * f64::from(*b));
        products.sum::<f64>().clamp(-1.0, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_direction_is_refused() {
        let new = |values: Vec<f32>| MemoryVector::new("m", values);
        assert_eq!(new(vec![]), Err(VectorError::Dimensions(0)));
        assert_eq!(new(vec![1.0; 4_001]), Err(VectorError::Dimensions(4_001)));
        assert_eq!(new(vec![1.0, f32::NAN]), Err(VectorError::NotFinite(1)));
        assert_eq!(new(vec![f32::NEG_INFINITY, 0.0]), Err(VectorError::NotFinite(0)));
        assert_eq!(new(vec![0.0, -0.0]), Err(VectorError::Zero));
        assert_eq!(new(vec![1.0; 4_000]).unwrap().model().dims, 4_000);
    }

    #[test]
    fn vectors_of_different_models_are_not_compared() {
        let one = MemoryVector::new("a", vec![1.0, 0.0]).unwrap();
        assert_eq!(one.cosine(&MemoryVector::new("b", vec![1.0, 0.0]).unwrap()), None);
        assert_eq!(one.cosine(&MemoryVector::new("a", vec![1.0, 0.0, 0.0]).unwrap()), None);
        assert_eq!(one.cosine(&one), Some(1.0));
    }

    #[test]
    fn only_what_the_fleet_or_its_operator_wrote_is_trusted() {
        let trusted: Vec<_> = MemorySource::ALL.iter().filter(|source| !source.is_untrusted()).collect();
        assert_eq!(trusted, [&MemorySource::OwnPost, &MemorySource::Operator]);
    }

    proptest! {
        #[test]
        fn every_direction_has_length_one(values in prop::collection::vec(prop::num::f32::NORMAL, 1..64)) {
            let vector = MemoryVector::new("m", values).unwrap();
            let length: f64 = vector.values().iter().map(|value| f64::from(*value).powi(2)).sum();
            prop_assert!((length - 1.0).abs() < 1e-4, "{length}");
            prop_assert!(vector.values().iter().all(|value| value.is_finite()));
        }

        #[test]
        fn a_cosine_stays_within_its_bounds(a in prop::collection::vec(-1.0_f32..1.0, 8), b in prop::collection::vec(-1.0_f32..1.0, 8)) {
            let (Ok(a), Ok(b)) = (MemoryVector::new("m", a), MemoryVector::new("m", b)) else { return Ok(()) };
            let cosine = a.cosine(&b).unwrap();
            prop_assert!((-1.0..=1.0).contains(&cosine));
            prop_assert_eq!(Some(cosine), b.cosine(&a));
        }
    }
}
