//! What the `feeds` server gives as a resource: one feed, its items as structured JSON.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::sha256_parts;

/// One feed, as read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FeedDocument {
    /// The feed's own URL or file.
    pub source: String,
    /// The feed's title. Untrusted text.
    pub title: String,
    /// When it was fetched.
    pub fetched_at: DateTime<Utc>,
    /// Its items, newest first where they have dates.
    pub items: Vec<FeedItem>,
    /// Parts that could not be read, one line each.
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// One item of a feed. Every text in it is untrusted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FeedItem {
    /// The item's own id, or its link, or a hash of its content.
    pub id: String,
    /// The headline, as plain text.
    pub title: String,
    /// The summary, as plain text without markup.
    #[serde(default)]
    pub summary: String,
    /// Where it can be read.
    #[serde(default)]
    pub url: Option<String>,
    /// When it was published.
    #[serde(default)]
    pub published_at: Option<DateTime<Utc>>,
    /// BCP 47 tag, when the feed gives one.
    #[serde(default)]
    pub language: Option<String>,
    /// The feed's own labels.
    #[serde(default)]
    pub categories: Vec<String>,
}

impl FeedItem {
    /// Names this version of this item within its resource: an edited item is a new event, a repeated one is not.
    #[must_use]
    pub fn event_key(&self) -> String {
        sha256_parts(&[self.id.as_bytes(), self.title.as_bytes(), self.summary.as_bytes()])
    }

    /// Names the story: equal for items that differ only in case, punctuation and spacing.
    #[must_use]
    pub fn content_hash(&self) -> String {
        sha256_parts(&[plain(&self.title).as_bytes(), plain(&self.summary).as_bytes()])
    }
}

/// Lower-case letters and digits, single spaces between.
fn plain(text: &str) -> String {
    let lower = text.to_lowercase();
    lower.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).collect::<Vec<_>>().join(" ")
}
