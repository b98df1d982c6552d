//! What a body is, before anything parses it.

use url::Url;

use super::error::Found;
use super::markup::{Piece, Pieces};
use super::plain::{self, Layout};
use super::source::clip;

/// How much of a page is searched for the feeds it names, bytes.
const PAGE_BYTES: usize = 262_144;
/// Most feeds of a page that are named in an error.
const PAGE_FEEDS_MAX: usize = 3;
/// How much of a text is shown in an error, characters.
const SHOWN_CHARS: usize = 40;

/// The formats that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// RSS or Atom.
    Xml,
    /// JSON Feed.
    Json,
}

/// Names bytes that are no text at all.
pub(super) fn binary(bytes: &[u8]) -> Option<Found> {
    let kind = match bytes {
        [0x1f, 0x8b, ..] => "gzip data that the server did not declare",
        [b'P', b'K', 3, 4, ..] => "a ZIP archive",
        [b'%', b'P', b'D', b'F', ..] => "a PDF file",
        [0x89, b'P', b'N', b'G', ..] => "a PNG picture",
        [0xff, 0xd8, 0xff, ..] => "a JPEG picture",
        [b'G', b'I', b'F', b'8', ..] => "a GIF picture",
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => "UTF-32 text",
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => "a video",
        _ => return None,
    };
    Some(Found::Bytes { kind })
}

/// Tells the format of a decoded text by its first token; `base` completes the addresses that a page names.
pub(super) fn format(text: &str, base: Option<&Url>) -> Result<Format, Found> {
    let text = text.trim_start();
    match text.chars().next() {
        None => return Err(Found::Empty),
        Some('{') => return Ok(Format::Json),
        Some('[') => return Err(Found::Json { why: "it is an array".to_owned() }),
        _ => {}
    }
    for piece in Pieces::new(text) {
        match piece {
            Piece::Declaration(said) if is_page_declaration(said) => return Err(page(text, base)),
            // A document type with declarations of its own ends further on than its first bracket.
            Piece::Declaration(said) if said.contains('[') => return Ok(Format::Xml),
            Piece::Start(tag) if is_page_tag(tag.name) => return Err(page(text, base)),
            Piece::Start(_) => return Ok(Format::Xml),
            Piece::Text(words) if !words.trim().is_empty() => break,
            _ => {}
        }
    }
    Err(Found::Text { start: clip(&plain::from_text(text, Layout::Line, SHOWN_CHARS)) })
}

fn is_page_declaration(said: &str) -> bool {
    let mut words = said.split_ascii_whitespace().map(str::to_ascii_lowercase);
    words.next().as_deref() == Some("doctype") && words.next().as_deref() == Some("html")
}

fn is_page_tag(name: &str) -> bool {
    const TAGS: [&str; 11] = ["html", "head", "body", "title", "meta", "script", "style", "div", "p", "h1", "table"];
    TAGS.iter().any(|tag| tag.eq_ignore_ascii_case(name))
}

/// Describes a web page: its title and the feeds that its head names.
fn page(text: &str, base: Option<&Url>) -> Found {
    let text = text.get(..text.floor_char_boundary(PAGE_BYTES)).unwrap_or(text);
    let (mut title, mut in_title, mut feeds) = (String::new(), false, Vec::new());
    let mut pieces = Pieces::new(text);
    while let Some(piece) = pieces.next() {
        match piece {
            Piece::Start(tag) if tag.name.eq_ignore_ascii_case("title") => in_title = title.is_empty(),
            Piece::End(name) if name.eq_ignore_ascii_case("title") => in_title = false,
            Piece::Text(words) if in_title => title.push_str(words),
            Piece::Start(tag) if tag.name.eq_ignore_ascii_case("script") => pieces.skip_to_end("script"),
            Piece::Start(tag) if tag.name.eq_ignore_ascii_case("link") && feeds.len() < PAGE_FEEDS_MAX => {
                let get = |key: &str| tag.attribute(key).unwrap_or_default().to_ascii_lowercase();
                let kind = get("type");
                let is_feed = ["rss+xml", "atom+xml", "feed+json"].iter().any(|word| kind.contains(word));
                if is_feed && get("rel").contains("alternate") {
                    feeds.extend(tag.attribute("href").and_then(|href| address(&href, base)));
                }
            }
            _ => {}
        }
    }
    Found::Page { title: plain::from_html(&title, Layout::Line, SHOWN_CHARS * 2), feeds }
}

/// A web address, completed.
pub(super) fn address(href: &str, base: Option<&Url>) -> Option<String> {
    let url = match base {
        Some(base) => base.join(href.trim()).ok()?,
        None => Url::parse(href.trim()).ok()?,
    };
    matches!(url.scheme(), "http" | "https").then(|| url.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn feeds_are_told_by_their_first_tag() {
        for xml in [
            "<rss>",
            "\n <?xml version='1.0'?><!-- hi --><?xml-stylesheet href='x'?><feed>",
            "<!DOCTYPE rss><rss>",
            "<opml>",
        ] {
            assert_eq!(format(xml, None), Ok(Format::Xml), "{xml}");
        }
        assert_eq!(format(" {\"version\":1}", None), Ok(Format::Json));
    }

    #[test]
    fn a_page_tells_where_its_feeds_are() {
        let html = "<!doctype HTML><html><head><title>Style &amp; Co</title><link rel='alternate home' type='application/rss+xml' href='/feed'>\
            <link rel=alternate type=application/atom+xml href=javascript:x><link rel=stylesheet href=a.css></head>";
        let base = Url::parse("https://example.com/blog/").unwrap();
        let found = format(html, Some(&base)).unwrap_err();
        assert_eq!(found, Found::Page { title: "Style & Co".into(), feeds: vec!["https://example.com/feed".into()] });
        assert_eq!(
            found.to_string(),
            "found an HTML page (\"Style & Co\"), not a feed; the page names https://example.com/feed; use that"
        );
        assert!(format("<html><body>x", None).unwrap_err().to_string().contains("look on the page"));
    }

    #[test]
    fn other_things_are_named() {
        assert_eq!(format(" \n", None), Err(Found::Empty));
        assert!(matches!(format("[1]", None), Err(Found::Json { .. })));
        let text = format("404: \u{1b}[2Jnot found", None).unwrap_err().to_string();
        assert!(text.contains("begins \"404: \u{FFFD}[2Jnot found\""), "{text}");
        assert!(matches!(binary(b"\x89PNG\r\n"), Some(Found::Bytes { kind: "a PNG picture" })));
        assert_eq!(binary(b"<rss>"), None);
    }
}
