//! What an operator configures: the feeds, and what the server may touch.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::error::FeedsError;

/// Shortest time between two polls of one feed, seconds.
pub const INTERVAL_SECONDS_MIN: u64 = 5;
/// Longest time between two polls of one feed, seconds (a week).
pub const INTERVAL_SECONDS_MAX: u64 = 604_800;
/// Longest name of a feed, characters.
pub const NAME_CHARS_MAX: usize = 100;
/// Most feeds one server keeps, configured and added.
pub const FEEDS_MAX: usize = 1_000;

/// Configuration of the feeds server.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FeedsConfig {
    /// The feeds, each a resource `feed://SLUG`.
    pub feeds: Vec<FeedSource>,
    /// A folder whose `.xml`, `.rss`, `.atom` and `.json` files are feeds too, each by the name of its file. One that is put
    /// there while the server runs is found when somebody asks for it.
    pub folder: Option<PathBuf>,
    /// Whether clients may add feeds (`add_feed`) and read sources that are not configured.
    pub dynamic: bool,
    /// Whether feeds may live at private addresses: localhost, the local network, cloud metadata.
    pub allow_private: bool,
    /// Hosts, by name or address, that feeds may live at although they are private; a narrower `allow_private`.
    pub private_hosts: Vec<String>,
    /// Folders that files named by clients must lie in; files named here in `feeds` may lie anywhere.
    pub file_roots: Vec<PathBuf>,
    /// Whether requests go through the proxy of the environment (`HTTPS_PROXY`). The proxy then resolves names, so only
    /// addresses written out as numbers are still checked for being private.
    pub use_system_proxy: bool,
    /// Bounds of one read.
    pub limits: FeedLimits,
}

/// One feed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FeedSource {
    /// What people call it; its slug (lower case, dashes) makes the resource URI `feed://SLUG`.
    pub name: String,
    /// An `http(s)://` URL, a `file://` URL or the whole path of a file.
    pub source: String,
    /// Time between two polls while somebody is subscribed, seconds, 5 to 604,800.
    #[serde(default = "default_interval")]
    pub interval_seconds: u64,
}

fn default_interval() -> u64 {
    FeedSource::INTERVAL_SECONDS_DEFAULT
}

impl FeedSource {
    /// Time between two polls when nothing is configured, seconds.
    pub const INTERVAL_SECONDS_DEFAULT: u64 = 300;

    /// A feed polled at the default interval.
    pub fn new(name: impl Into<String>, source: impl Into<String>) -> Self {
        Self { name: name.into(), source: source.into(), interval_seconds: Self::INTERVAL_SECONDS_DEFAULT }
    }
}

/// Bounds of one read, so that no feed can exhaust the process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FeedLimits {
    /// Largest body, bytes, after decompression.
    pub body_bytes_max: usize,
    /// Most items given, newest first.
    pub items_max: usize,
    /// Longest time for one fetch, redirects and body included, seconds.
    pub timeout_seconds: u64,
    /// Most redirects followed.
    pub redirects_max: usize,
    /// Most feeds fetched at the same time.
    pub fetches_max: usize,
}

impl Default for FeedLimits {
    fn default() -> Self {
        Self { body_bytes_max: 10_000_000, items_max: 500, timeout_seconds: 30, redirects_max: 5, fetches_max: 4 }
    }
}

impl FeedsConfig {
    /// Checks what the types cannot say; the server checks each source on its own.
    ///
    /// # Errors
    ///
    /// The first value out of its range, by its key.
    pub fn validate(&self) -> Result<(), FeedsError> {
        let limits = &self.limits;
        let ranges = [
            ("limits.body_bytes_max", limits.body_bytes_max, 1_000, 100_000_000),
            ("limits.items_max", limits.items_max, 1, 10_000),
            ("limits.redirects_max", limits.redirects_max, 0, 20),
            ("limits.fetches_max", limits.fetches_max, 1, 64),
            ("feeds (their number)", self.feeds.len(), 0, FEEDS_MAX as u64),
        ];
        for (key, value, min, max) in ranges {
            within(key, u64::try_from(value).unwrap_or(u64::MAX), min, max)?;
        }
        within("limits.timeout_seconds", limits.timeout_seconds, 1, 600)?;
        for root in &self.file_roots {
            if !root.is_absolute() {
                return Err(FeedsError::RelativeRoot { root: root.clone() });
            }
        }
        self.feeds.iter().try_for_each(FeedSource::validate)
    }
}

impl FeedSource {
    pub(super) fn validate(&self) -> Result<(), FeedsError> {
        if self.name.trim().is_empty() || self.name.chars().count() > NAME_CHARS_MAX {
            return Err(FeedsError::Name { name: self.name.clone() });
        }
        within("interval_seconds", self.interval_seconds, INTERVAL_SECONDS_MIN, INTERVAL_SECONDS_MAX)
    }
}

fn within(key: &'static str, value: u64, min: u64, max: u64) -> Result<(), FeedsError> {
    if (min..=max).contains(&value) { Ok(()) } else { Err(FeedsError::OutOfRange { key, value, min, max }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_keys_are_refused_and_defaults_fill_the_rest() {
        let wrong = serde_json::from_str::<FeedsConfig>(r#"{"feed":[]}"#).unwrap_err();
        assert!(wrong.to_string().contains("unknown field `feed`"), "{wrong}");
        let right: FeedsConfig =
            serde_json::from_str(r#"{"feeds":[{"name":"A","source":"https://a.example/feed"}]}"#).unwrap();
        assert_eq!(right.feeds, [FeedSource::new("A", "https://a.example/feed")]);
        assert_eq!(right.limits, FeedLimits::default());
        assert!(!right.dynamic && !right.allow_private);
        right.validate().unwrap();
    }

    #[test]
    fn values_out_of_range_are_named() {
        let mut config = FeedsConfig { feeds: vec![FeedSource::new("A", "/a.xml")], ..Default::default() };
        config.feeds[0].interval_seconds = 4;
        assert_eq!(config.validate().unwrap_err().to_string(), "interval_seconds is 4; it must be 5 to 604800");
        config.feeds[0] = FeedSource::new(" ", "/a.xml");
        assert!(config.validate().unwrap_err().to_string().contains("1 to 100 characters"));
        let config = FeedsConfig { file_roots: vec!["feeds".into()], ..Default::default() };
        assert!(config.validate().unwrap_err().to_string().contains("whole path"));
    }
}
