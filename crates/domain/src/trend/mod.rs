//! Trends: subjects that are told of much more often than they use to be.
//!
//! Pure. [`Topics`] groups what is read by its subject, more loosely than stories are, and counts; [`TrendRule`] says when a
//! subject's count is no chance any more. A trend is told when it rises and once more when it is over.

mod rule;
mod topics;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{SignalId, StateVersion, TenantId, TrendId, wire::wire_enum};

pub use rule::{TrendRule, Velocity};
pub use topics::{Heat, SeenItem, TopicLimits, Topics};

wire_enum! {
    /// Whether a trend lasts.
    pub enum TrendState ("trend state") {
        /// It is told of much more often than it uses to be.
        Hot = "HOT",
        /// It was.
        Over = "OVER",
    }
}

/// One item of a trend. All its text is untrusted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TrendMember {
    /// The signal that was seen.
    pub signal_id: SignalId,
    /// The story that it tells.
    pub story_id: SignalId,
    /// Where it was seen.
    pub resource_uri: String,
    /// Its headline.
    pub headline: String,
    /// When it was told.
    pub at: DateTime<Utc>,
}

/// A subject that is, or was, told of much more often than it uses to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Trend {
    /// This trend.
    pub id: TrendId,
    /// Whose row this is.
    pub tenant_id: TenantId,
    /// The headline nearest to its middle. Untrusted text.
    pub label: String,
    /// Whether it lasts.
    pub state: TrendState,
    /// Items within the window, when last looked.
    pub items: u32,
    /// Resources that they came from.
    pub sources: u32,
    /// Items that were to be expected.
    pub expected: f64,
    /// How far the items are above that, in standard deviations.
    pub z: f64,
    /// The highest that `z` was.
    pub z_peak: f64,
    /// Its newest items, oldest first.
    pub members: Vec<TrendMember>,
    /// When it rose.
    pub began_at: DateTime<Utc>,
    /// When it was over.
    pub ended_at: Option<DateTime<Utc>>,
    /// Counts the writes of this row.
    pub state_version: StateVersion,
}
