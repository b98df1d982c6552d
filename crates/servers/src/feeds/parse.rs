//! From bytes to items.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use chimera_domain::contracts::FeedItem;
use chimera_domain::sha256_parts;
use feed_rs::model::{Entry, Feed, FeedType, Link, Text};
use feed_rs::parser::Builder;
use url::Url;

use super::error::Found;
use super::plain::{self, Layout};
use super::sniff::{self, Format};
use super::{encoding, json, sieve};

/// Longest title, characters.
pub const TITLE_CHARS_MAX: usize = 500;
/// Longest summary, characters.
pub const SUMMARY_CHARS_MAX: usize = 5_000;
/// Longest title made from the summary of an item that has none, characters.
const TITLE_FROM_SUMMARY_CHARS: usize = 120;
/// Longest item id, characters; a longer one is replaced by its hash.
const ID_CHARS_MAX: usize = 500;
/// Longest item address, bytes.
const URL_BYTES_MAX: usize = 2_048;
/// Most categories of an item, and the longest of them in characters.
const CATEGORIES_MAX: usize = 20;
const CATEGORY_CHARS_MAX: usize = 100;
/// Longest language tag, characters (RFC 5646, 4.4.1).
const LANGUAGE_CHARS_MAX: usize = 35;

/// What a feed says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reading {
    pub(super) title: String,
    pub(super) items: Vec<FeedItem>,
    pub(super) warnings: Vec<String>,
}

/// Reads a feed of any format; `charset` is what the server declared, `base` completes relative addresses. Takes time in
/// proportion to the size of `bytes`, so call it off the runtime.
///
/// # Errors
///
/// What was found instead of a feed.
pub(super) fn read(
    bytes: &[u8],
    charset: Option<&str>,
    base: Option<&Url>,
    items_max: usize,
) -> Result<Reading, Found> {
    if let Some(found) = sniff::binary(bytes) {
        return Err(found);
    }
    let decoded = encoding::decode(bytes, charset);
    let mut warnings: Vec<String> = decoded.warning.into_iter().collect();
    let text = decoded.text.trim_start();
    let plain_feed = match sniff::format(text, base)? {
        Format::Xml => {
            let sifted = sieve::sift(text)?;
            warnings.extend(sifted.warnings);
            sifted.xml
        }
        Format::Json => {
            let (json, said) = json::normalise(text)?;
            warnings.extend(said);
            json
        }
    };
    let feed = parse(&plain_feed, base)?;
    let title = feed.title.as_ref().map(|t| prose(t, &feed, Layout::Line, TITLE_CHARS_MAX)).unwrap_or_default();
    let items = items(&feed, base, items_max, &mut warnings);
    Ok(Reading { title, items, warnings })
}

fn parse(plain_feed: &str, base: Option<&Url>) -> Result<Feed, Found> {
    // An empty id is filled in below from the item itself; the parser would draw a random one.
    let parser = Builder::new().base_uri(base).id_generator(|_, _, _| String::new()).build();
    // The sieve keeps from the parser what is known to make it panic; should there be more, one feed is lost, not the
    // server.
    catch_unwind(AssertUnwindSafe(|| parser.parse(plain_feed.as_bytes())))
        .map_err(|_| Found::Hostile { why: "makes the feed parser fail" })?
        .map_err(|error| Found::Damaged { line: 1, why: super::source::clip(&error.to_string()) })
}

fn items(feed: &Feed, base: Option<&Url>, items_max: usize, warnings: &mut Vec<String>) -> Vec<FeedItem> {
    let mut seen = HashSet::new();
    let mut empty = 0usize;
    let mut items: Vec<FeedItem> = Vec::new();
    for entry in &feed.entries {
        match item(entry, feed, base) {
            Some(item) if seen.insert(item.event_key()) => items.push(item),
            Some(_) => {}
            None => empty += 1,
        }
    }
    if empty > 0 {
        warnings.push(format!("{empty} items have neither title nor text and were left out"));
    }
    // Stable, so that items of one date, and those without, keep the feed's own order.
    items.sort_by_key(|item| std::cmp::Reverse(item.published_at));
    if items.len() > items_max {
        warnings.push(format!("only the newest {items_max} of {} items are given", items.len()));
        items.truncate(items_max);
    }
    items
}

fn item(entry: &Entry, feed: &Feed, base: Option<&Url>) -> Option<FeedItem> {
    let summary = summary(entry, feed);
    let title = entry.title.as_ref().map(|t| prose(t, feed, Layout::Line, TITLE_CHARS_MAX)).filter(|t| !t.is_empty());
    let title = title.unwrap_or_else(|| plain::from_text(&summary, Layout::Line, TITLE_FROM_SUMMARY_CHARS));
    if title.is_empty() {
        return None;
    }
    let url = address(&entry.links, base).or_else(|| web(&entry.id));
    let id = match entry.id.trim() {
        "" => url.clone().unwrap_or_else(|| sha256_parts(&[title.as_bytes(), summary.as_bytes()])),
        id if id.chars().count() > ID_CHARS_MAX => sha256_parts(&[id.as_bytes()]),
        id => id.to_owned(),
    };
    Some(FeedItem {
        id,
        title,
        summary,
        url,
        published_at: entry.published.or(entry.updated),
        language: entry.language.as_deref().and_then(language).or_else(|| feed.language.as_deref().and_then(language)),
        categories: categories(entry),
    })
}

/// The summary, or the content when that says nothing.
fn summary(entry: &Entry, feed: &Feed) -> String {
    let of = |text: &Text| prose(text, feed, Layout::Paragraphs, SUMMARY_CHARS_MAX);
    let content = || {
        let content = entry.content.as_ref()?;
        let body = content.body.as_deref()?;
        let is_plain = content.content_type.subty().as_str() == "plain";
        Some(strip(body, is_plain, Layout::Paragraphs, SUMMARY_CHARS_MAX))
    };
    let said = entry.summary.as_ref().map(of).filter(|s| !s.is_empty());
    said.or_else(content).unwrap_or_default()
}

/// The plain text of a feed's text. RSS never says whether a text is HTML, and usually it is.
fn prose(text: &Text, feed: &Feed, layout: Layout, limit: usize) -> String {
    let says_plain = text.content_type.subty().as_str() == "plain";
    let is_plain = says_plain && matches!(feed.feed_type, FeedType::Atom | FeedType::JSON);
    strip(&text.content, is_plain, layout, limit)
}

fn strip(text: &str, is_plain: bool, layout: Layout, limit: usize) -> String {
    if is_plain { plain::from_text(text, layout, limit) } else { plain::from_html(text, layout, limit) }
}

/// The address of the item itself among its links.
fn address(links: &[Link], base: Option<&Url>) -> Option<String> {
    let is_own = |link: &&Link| matches!(link.rel.as_deref(), None | Some("alternate"));
    links.iter().filter(is_own).find_map(|link| {
        let address = sniff::address(&link.href, base)?;
        (address.len() <= URL_BYTES_MAX).then_some(address)
    })
}

/// An id that is a web address.
fn web(id: &str) -> Option<String> {
    if id.len() > URL_BYTES_MAX { None } else { sniff::address(id, None) }
}

fn language(tag: &str) -> Option<String> {
    let tag = tag.trim().replace('_', "-");
    let fits = (2..=LANGUAGE_CHARS_MAX).contains(&tag.len());
    (fits && tag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')).then_some(tag)
}

fn categories(entry: &Entry) -> Vec<String> {
    let mut categories = Vec::new();
    for category in &entry.categories {
        let words = category.label.as_deref().unwrap_or(&category.term);
        let words = plain::from_html(words, Layout::Line, CATEGORY_CHARS_MAX);
        if !words.is_empty() && !categories.contains(&words) && categories.len() < CATEGORIES_MAX {
            categories.push(words);
        }
    }
    categories
}

#[cfg(test)]
mod tests;
