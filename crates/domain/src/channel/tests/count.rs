//! How long texts are.

use proptest::prelude::*;
use unicode_segmentation::UnicodeSegmentation as _;

use crate::Channel;

const FAMILY: &str = "👨\u{200d}👩\u{200d}👧\u{200d}👦";

/// The lengths of one text on the channels, in their order.
fn lengths(text: &str) -> Vec<usize> {
    Channel::ALL.iter().map(|channel| channel.length(text)).collect()
}

#[test]
fn each_channel_counts_its_own_way() {
    //                                     x   instagram threads tiktok youtube bluesky mastodon blog
    assert_eq!(lengths("Silk, again."), [12, 12, 12, 12, 12, 12, 12, 12]);
    assert_eq!(lengths("Grüße"), [5, 5, 5, 5, 5, 5, 5, 5]);
    assert_eq!(lengths("u\u{308}"), [1, 2, 2, 2, 2, 1, 1, 2]);
    assert_eq!(lengths("日本語"), [6, 3, 3, 3, 3, 3, 3, 3]);
    assert_eq!(lengths("🧵"), [2, 2, 4, 2, 2, 1, 1, 1]);
    assert_eq!(lengths(FAMILY), [2, 11, 25, 11, 11, 3, 1, 7]);
    assert_eq!(lengths("https://example.com/a/long/way/to/go"), [23, 36, 36, 36, 36, 36, 23, 36]);
}

#[test]
fn x_weighs_as_its_documentation_says() {
    let lengths = [
        ("\u{10ff}", 1), // the last of the first range
        ("\u{1100}", 2), // and the one after it
        ("\u{2010}", 1), // a hyphen
        ("“quoted” — so", 13),
        ("…", 2),
        ("€", 2),
        ("Привет", 6),
        ("👍", 2),
        ("👍🏽", 2),
        ("🇩🇪", 2),
        ("1\u{fe0f}\u{20e3}", 2),
        ("❤\u{fe0f}", 2),
        ("❤", 2),
        ("🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}", 2),
        ("©", 1),
        ("©\u{fe0f}", 2),
        ("🎈🏽", 4), // a balloon has no skin
        ("https://x.com", 23),
        ("see https://example.com/silk?a=b.", 4 + 23 + 1),
        ("(https://example.com)", 1 + 23 + 1),
        ("https://example.com https://example.org", 23 + 1 + 23),
        ("HTTP://EXAMPLE.COM/", 23),
        ("a.io", 23), // a bare domain is a link there
        ("me@example.com", 14),
        ("1.5 kg, e.g. this", 17),
    ];
    for (text, length) in lengths {
        assert_eq!(Channel::X.length(text), length, "{text:?}");
    }
    assert_eq!(Channel::X.length(&"ü".repeat(280)), 280);
    assert_eq!(Channel::X.length(&"縫".repeat(140)), 280);
}

#[test]
fn what_may_be_no_link_counts_what_it_has() {
    let long = format!("https://example.{}/{}", "unheardof", "a".repeat(60));
    assert_eq!(Channel::X.length(&long), long.len());
    let long = format!("example.com/{}", "a".repeat(60));
    assert_eq!(Channel::X.length(&long), long.len(), "a bare domain may be none");
    assert_eq!(Channel::Mastodon.length("example.com"), 11, "a link needs its scheme there");
    assert_eq!(Channel::X.length("http://もじ.みんな"), 23);
}

#[test]
fn a_post_is_as_long_as_what_is_posted() {
    for channel in Channel::ALL {
        assert_eq!(channel.post_length::<&str>("añ☂", &[]), channel.length("añ☂"));
        assert_eq!(channel.post_length("añ☂", &["ünal", "b"]), channel.length("añ☂ #ünal #b"));
    }
}

#[test]
fn cuts_end_with_a_word() {
    let channel = Channel::Mastodon;
    assert_eq!(channel.fit("short", 5), "short");
    assert_eq!(channel.fit("a line of several words", 12), "a line of…");
    assert_eq!(channel.fit("unbreakable", 5), "unbr…");
    assert_eq!(channel.fit("abc", 0), "");
    assert_eq!(channel.fit(&format!("{FAMILY}{FAMILY}x"), 2), "…");
    assert_eq!(Channel::X.fit("日本語の布", 7), "日本…");
    assert_eq!(Channel::Bluesky.fit("cafe\u{301}s everywhere", 6), "cafe\u{301}s…");
}

/// Text of all kinds: words, several scripts, marks that combine, joined emoji, flags, links.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        6 => "[a-z]{1,9}",
        3 => Just(" ".to_owned()),
        1 => Just("\n\n".to_owned()),
        2 => "[äöüñçЖЯπ日本語한국عربי]{1,4}",
        1 => "[\u{300}-\u{30f}\u{200d}\u{fe0f}\u{200b}]{1,2}",
        2 => prop::sample::select(vec![FAMILY, "👍🏽", "🇩🇪", "🇦", "🧵", "❤\u{fe0f}", "1\u{fe0f}\u{20e3}", "☂"]).prop_map(str::to_owned),
        1 => prop::sample::select(vec!["https://example.com/a?b=c", "http://x.unheardof/", "example.org", "a.b@c.de", "http://"]).prop_map(str::to_owned),
        1 => "\\PC{0,3}",
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

fn channel() -> impl Strategy<Value = Channel> {
    prop::sample::select(Channel::ALL)
}

proptest! {
    /// Paragraphs count what they have: nothing joins over a blank line. Bluesky's bytes are rounded up once for each.
    #[test]
    fn paragraphs_add_up(channel in channel(), one in text(), other in text()) {
        let (sum, whole) = (channel.length(&one) + 2 + channel.length(&other), channel.length(&format!("{one}\n\n{other}")));
        if channel == Channel::Bluesky {
            prop_assert!(whole <= sum, "{whole} > {sum}");
        } else {
            prop_assert_eq!(whole, sum);
        }
    }

    /// Plain words are as long everywhere as they are.
    #[test]
    fn ascii_is_as_long_as_it_is(channel in channel(), text in "[a-zA-Z0-9 ,;!?'()-]{0,400}") {
        prop_assert_eq!(channel.length(&text), text.len());
    }

    /// Any string at all is counted and cut.
    #[test]
    fn nothing_panics(channel in channel(), text in any::<String>(), max in 0_usize..60) {
        let cut = channel.fit(&text, max);
        prop_assert!(channel.length(&cut) <= max);
    }

    /// A cut keeps the limit and splits nothing that a reader takes for one character.
    #[test]
    fn cuts_fit_and_split_no_grapheme(channel in channel(), text in text(), max in 0_usize..200) {
        let cut = channel.fit(&text, max);
        prop_assert!(channel.length(&cut) <= max, "{cut:?} has {}", channel.length(&cut));
        if cut != text && !cut.is_empty() {
            let head = cut.strip_suffix('…').expect("says that it was cut");
            prop_assert!(text.starts_with(head));
            let ends: Vec<usize> = text.grapheme_indices(true).map(|(at, _)| at).collect();
            prop_assert!(ends.contains(&head.len()), "{head:?} ends within a character of {text:?}");
        }
        prop_assert_eq!(channel.fit(&cut, max), cut, "a cut is not cut again");
    }

    /// A text that fits is left as it is, and most of the room is used by one that does not.
    #[test]
    fn cuts_lose_little(channel in channel(), words in prop::collection::vec("[a-z]{1,9}", 1..80), max in 40_usize..200) {
        let text = words.join(" ");
        let cut = channel.fit(&text, max);
        if channel.length(&text) <= max {
            prop_assert_eq!(cut, text);
        } else {
            prop_assert!(channel.length(&cut) + 12 >= max, "{cut:?} for {max}");
        }
    }
}
