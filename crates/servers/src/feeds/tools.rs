//! What the tools take and give.

use chimera_domain::contracts::{FeedDocument, FeedItem};
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::config::FeedSource;
use super::error::FeedsError;
use super::library::Feed;
use super::source::Source;

/// Arguments of `list_feeds`: none.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListFeeds {}

/// Arguments of `add_feed`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AddFeed {
    /// An http(s) URL, a file:// URL or the whole path of a file.
    pub source: String,
    /// What to call it; by default the host, or the file's name.
    #[serde(default)]
    pub name: Option<String>,
    /// Time between two polls while somebody is subscribed, seconds, 5 to 604,800.
    #[serde(default)]
    pub interval_seconds: Option<u64>,
}

impl AddFeed {
    pub(super) fn into_source(self) -> Result<FeedSource, FeedsError> {
        let name = match self.name {
            Some(name) => name,
            None => match Source::parse(&self.source)? {
                Source::Web(url) => format!("{} {}", url.host_str().unwrap_or_default(), url.path()),
                Source::File(path) => path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
            },
        };
        let interval_seconds = self.interval_seconds.unwrap_or(FeedSource::INTERVAL_SECONDS_DEFAULT);
        Ok(FeedSource { name: name.trim().to_owned(), source: self.source, interval_seconds })
    }
}

/// Result of `add_feed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AddedFeed {
    /// The resource to read or subscribe to.
    pub uri: String,
    /// What it is called here.
    pub name: String,
    /// What it calls itself. Untrusted text.
    pub title: String,
    /// How many items it has now.
    pub items: usize,
    /// Parts that could not be read, one line each.
    pub warnings: Vec<String>,
}

impl AddedFeed {
    pub(super) fn new(feed: &Feed, document: &FeedDocument) -> Self {
        Self {
            uri: feed.uri.to_string(),
            name: feed.name.clone(),
            title: document.title.clone(),
            items: document.items.len(),
            warnings: document.warnings.clone(),
        }
    }
}

/// Result of `list_feeds`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FeedList {
    /// The feeds, in the order of the configuration, then of adding.
    pub feeds: Vec<FeedEntry>,
}

/// One feed in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FeedEntry {
    /// The resource to read or subscribe to.
    pub uri: String,
    /// What it is called here.
    pub name: String,
    /// Its URL or file.
    pub source: String,
    /// What it calls itself, once read. Untrusted text.
    pub title: String,
    /// How many items it had when last read.
    pub items: usize,
    /// Time between two polls while somebody is subscribed, seconds.
    pub interval_seconds: u64,
    /// How many subscriptions it has.
    pub subscribers: usize,
    /// When it was last read well.
    pub fetched_at: Option<DateTime<Utc>>,
    /// When its content last changed.
    pub changed_at: Option<DateTime<Utc>>,
    /// How many reads in a row have failed.
    pub failures: u32,
    /// Why the last read failed.
    pub error: Option<String>,
}

impl FeedEntry {
    pub(super) fn new(feed: &Feed) -> Self {
        let standing = feed.standing().clone();
        Self {
            uri: feed.uri.to_string(),
            name: feed.name.clone(),
            source: feed.source.shown(),
            title: standing.title,
            items: standing.items,
            interval_seconds: feed.interval.as_secs(),
            subscribers: feed.interest.subscribers(),
            fetched_at: standing.fetched_at,
            changed_at: standing.changed_at,
            failures: standing.failures,
            error: standing.error,
        }
    }
}

/// Arguments of `read_feed`: one of `name` and `source`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadFeed {
    /// A feed's name or URI as `list_feeds` gives it.
    #[serde(default)]
    pub name: Option<String>,
    /// A feed's URL or file; one that is not configured is read only where the server allows it.
    #[serde(default)]
    pub source: Option<String>,
    /// Leave out items published before this time; items without a date stay.
    #[serde(default)]
    pub since: Option<DateTime<Utc>>,
    /// Most items wanted.
    #[serde(default)]
    pub limit: Option<usize>,
}

impl ReadFeed {
    /// The part of a document that was asked for.
    pub(super) fn narrow(&self, document: &FeedDocument) -> FeedDocument {
        let wanted = |item: &&FeedItem| match (self.since, item.published_at) {
            (Some(since), Some(at)) => at >= since,
            _ => true,
        };
        let items = document.items.iter().filter(wanted).take(self.limit.unwrap_or(usize::MAX));
        FeedDocument {
            source: document.source.clone(),
            title: document.title.clone(),
            fetched_at: document.fetched_at,
            items: items.cloned().collect(),
            warnings: document.warnings.clone(),
        }
    }
}
