//! What a body is, before anything parses it.

use html5gum::{DefaultEmitter, Token, Tokenizer};
use url::Url;

use super::error::Found;
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
    for token in Tokenizer::new(text) {
        let Ok(token) = token;
        match token {
            Token::Doctype(doctype) if doctype.name.eq_ignore_ascii_case(b"html") => return Err(page(text, base)),
            Token::StartTag(tag) if is_page_tag(&tag.name) => return Err(page(text, base)),
            Token::StartTag(_) => return Ok(Format::Xml),
            Token::String(words) if !words.trim_ascii().is_empty() => break,
            _ => {}
        }
    }
    Err(Found::Text { start: clip(&plain::from_text(text, Layout::Line, SHOWN_CHARS)) })
}

fn is_page_tag(name: &[u8]) -> bool {
    matches!(name, b"html" | b"head" | b"body" | b"title" | b"meta" | b"script" | b"div" | b"p" | b"h1" | b"table")
}

/// Describes a web page: its title and the feeds that its head names.
fn page(text: &str, base: Option<&Url>) -> Found {
    let text = text.get(..text.floor_char_boundary(PAGE_BYTES)).unwrap_or(text);
    let mut emitter = DefaultEmitter::default();
    emitter.naively_switch_states(true);
    let (mut title, mut in_title, mut feeds) = (String::new(), false, Vec::new());
    for token in Tokenizer::new_with_emitter(text, emitter) {
        let Ok(token) = token;
        match token {
            Token::StartTag(tag) if **tag.name == *b"title" => in_title = title.is_empty(),
            Token::EndTag(tag) if **tag.name == *b"title" => in_title = false,
            Token::String(words) if in_title => title.push_str(&String::from_utf8_lossy(&words)),
            Token::StartTag(tag) if **tag.name == *b"link" && feeds.len() < PAGE_FEEDS_MAX => {
                let get = |key: &[u8]| {
                    let found = tag.attributes.iter().find(|(name, _)| ***name == *key);
                    found.map(|(_, value)| String::from_utf8_lossy(&value.value).into_owned()).unwrap_or_default()
                };
                let kind = get(b"type").to_ascii_lowercase();
                let is_feed = ["rss+xml", "atom+xml", "feed+json"].iter().any(|word| kind.contains(word));
                if is_feed && get(b"rel").to_ascii_lowercase().contains("alternate") {
                    feeds.extend(address(&get(b"href"), base));
                }
            }
            _ => {}
        }
    }
    Found::Page { title: plain::from_text(&title, Layout::Line, SHOWN_CHARS * 2), feeds }
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
        for xml in ["<rss>", "\n <?xml version='1.0'?><!-- hi --><?xml-stylesheet href='x'?><feed>", "<!DOCTYPE rss><rss>", "<opml>"] {
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
        assert_eq!(found.to_string(), "found an HTML page (\"Style & Co\"), not a feed; the page names https://example.com/feed; use that");
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
