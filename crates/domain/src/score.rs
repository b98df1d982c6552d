//! Scores: relevance, confidence and their parts.

use std::{borrow::Cow, cmp::Ordering, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// A number in 0..=1, never NaN, so scores have a total order.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Score(f64);

/// A number outside 0..=1.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("a score lies in 0..=1, got {0}")]
pub struct ScoreOutOfRange(pub f64);

impl Score {
    /// The lowest score.
    pub const ZERO: Self = Self(0.0);
    /// The highest score.
    pub const ONE: Self = Self(1.0);

    /// Checks the range.
    ///
    /// # Errors
    /// [`ScoreOutOfRange`] when the number is outside 0..=1 or not a number.
    pub const fn new(value: f64) -> Result<Self, ScoreOutOfRange> {
        if value >= 0.0 && value <= 1.0 { Ok(Self(value)) } else { Err(ScoreOutOfRange(value)) }
    }

    /// Brings any number into range; not-a-number becomes 0, the cautious reading.
    #[must_use]
    pub const fn clamped(value: f64) -> Self {
        if value.is_nan() { Self::ZERO } else { Self(value.clamp(0.0, 1.0)) }
    }

    /// A percentage known at compile time, 0..=100.
    ///
    /// # Panics
    /// At compile time (in a `const`) when `percent` is above 100.
    #[must_use]
    pub const fn percent(percent: u8) -> Self {
        assert!(percent <= 100, "a percentage lies in 0..=100");
        Self(percent as f64 / 100.0)
    }

    /// The number, 0..=1.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl Eq for Score {}

impl PartialOrd for Score {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Score {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2}", self.0)
    }
}

impl TryFrom<f64> for Score {
    type Error = ScoreOutOfRange;

    fn try_from(value: f64) -> Result<Self, Self::Error> {
        Self::new(value)
    }
}

impl From<Score> for f64 {
    fn from(score: Score) -> Self {
        score.0
    }
}

impl JsonSchema for Score {
    fn schema_name() -> Cow<'static, str> {
        "Score".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "number", "minimum": 0, "maximum": 1})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_is_kept() {
        assert!(Score::new(1.0).is_ok());
        assert!(Score::new(1.000_001).is_err());
        assert!(Score::new(f64::NAN).is_err());
        assert_eq!(Score::clamped(f64::NAN), Score::ZERO);
        assert_eq!(Score::clamped(7.0), Score::ONE);
        assert!(serde_json::from_str::<Score>("-0.1").is_err());
    }

    #[test]
    fn percentages_equal_their_fractions() {
        assert_eq!(Score::percent(75), Score::new(0.75).unwrap());
        assert!(Score::percent(90) > Score::percent(70));
    }
}
