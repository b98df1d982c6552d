//! The *feeds* server: RSS, Atom and JSON feeds as MCP resources.
//!
//! Each configured feed is one resource, `feed://SLUG`, where the slug is the feed's name in lower case with dashes; it
//! may also be read by its source itself. Reading gives a [`FeedDocument`](chimera_domain::contracts::FeedDocument) as
//! JSON. Subscribers (`resources/subscribe` of revision 2025-11-25, `subscriptions/listen` of 2026-07-28) hear when the
//! content changes; only feeds with subscribers are polled.
//!
//! What it defends against, and where:
//! - addresses inside the operator's network: `address`; files outside of the allowed folders: `fetch`;
//! - bodies without end and decompression bombs: `fetch`, which counts what comes out of the decompressor;
//! - entity bombs, external entities, deep nesting, markup where text should be: `sieve`, `markup`;
//! - words that say one encoding and bytes that are another: `encoding`;
//! - pages, archives and other things that are no feed: `sniff`, with an error that says what was found.
//!
//! Text is given as plain text and otherwise as it came: hidden and odd characters stay visible to whoever scans it for
//! injections. To read one more format, add it to `sniff::Format` and turn it into RSS, Atom or JSON Feed in `parse`.

mod config;
mod date;
mod encoding;
mod error;
mod fetch;
mod folder;
mod json;
mod library;
mod markup;
mod parse;
mod plain;
mod server;
mod sieve;
mod sniff;
mod source;
mod tools;
mod watch;

pub use config::{
    FEEDS_MAX, FeedLimits, FeedSource, FeedsConfig, INTERVAL_SECONDS_MAX, INTERVAL_SECONDS_MIN, NAME_CHARS_MAX,
};
pub use error::{FeedsError, Found};
pub use parse::{SUMMARY_CHARS_MAX, TITLE_CHARS_MAX};
pub use server::FeedsServer;
pub use tools::{AddFeed, AddedFeed, FeedEntry, FeedList, ListFeeds, ReadFeed};
