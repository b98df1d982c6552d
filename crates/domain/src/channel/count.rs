//! How long a text is, as each platform counts it.
//!
//! Where a platform's own parser can't be had to the last detail (which endings are domains, which emoji it knows), the
//! count errs on the long side: a post that fits by this count fits there.

use unicode_normalization::UnicodeNormalization as _;
use unicode_properties::{EmojiStatus, UnicodeEmoji as _, emoji};
use unicode_segmentation::UnicodeSegmentation as _;

use super::Channel;

/// What a platform counts a text in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counting {
    /// X's weighted length: after composition (NFC) a code point of the ranges 0..=4351, 8192..=8205, 8208..=8223 and
    /// 8242..=8247 counts 1 and any other 2; an emoji, however many code points it has, counts 2; a link counts 23.
    /// Source: twitter-text, configuration version 3.
    Weighted,
    /// Grapheme clusters (what a reader takes for one character), and for every ten bytes of UTF-8 at least one: 300 of
    /// these are 300 graphemes and 3,000 bytes. Source: the lexicon `app.bsky.feed.post`.
    GraphemesAndBytes,
    /// Grapheme clusters; a link counts 23. Source: Mastodon's `StatusLengthValidator`.
    GraphemesAndLinks,
    /// Unicode scalar values, but an emoji counts its bytes in UTF-8. Source: "Threads API posts" of Meta's developer pages.
    ScalarsAndEmojiBytes,
    /// UTF-16 code units. Source for TikTok: "Content Posting API". Unverified for Instagram and YouTube, which speak of
    /// characters; of all likely readings this is the longest.
    Utf16,
    /// Unicode scalar values.
    Scalars,
}

/// What a link counts where links count alike, however long they are.
const LINK: usize = 23;
/// Bytes of UTF-8 in which a text on Bluesky may spend one of its characters.
const BYTES_PER_GRAPHEME: usize = 10;
/// The longest emoji sequences join four emoji (families, kisses).
const JOINED_MAX: usize = 4;
/// The flags that are spelled in tags: England, Scotland, Wales.
const TAG_FLAGS: [&str; 3] = ["gbeng", "gbsct", "gbwls"];

impl Counting {
    /// The length of a text.
    #[must_use]
    pub fn length(self, text: &str) -> usize {
        match self {
            Self::Weighted => weighted(text),
            Self::GraphemesAndBytes => graphemes(text).max(text.len().div_ceil(BYTES_PER_GRAPHEME)),
            Self::GraphemesAndLinks => outside_links(text, false, |link| link.chars().count(), graphemes),
            Self::ScalarsAndEmojiBytes => text.graphemes(true).map(bytes_if_emoji).sum(),
            Self::Utf16 => text.encode_utf16().count(),
            Self::Scalars => text.chars().count(),
        }
    }

    /// The rule in a few words, for people and for the models that have to keep to it.
    #[must_use]
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Weighted => {
                "Latin, Greek, Cyrillic, Hebrew and Arabic letters count 1, other scripts and symbols 2, an emoji 2, a link 23"
            }
            Self::GraphemesAndBytes => "each visible character counts 1, and at least 1 for every 10 bytes of UTF-8",
            Self::GraphemesAndLinks => "each visible character counts 1, a link 23",
            Self::ScalarsAndEmojiBytes => {
                "each character counts 1, an emoji as many as it has bytes in UTF-8 (4 or more)"
            }
            Self::Utf16 => "each character counts 1, an emoji 2 or more (UTF-16 code units)",
            Self::Scalars => "each character counts 1",
        }
    }
}

impl Channel {
    /// The length of a text as the channel counts it, which is what its limits speak of.
    #[must_use]
    pub fn length(self, text: &str) -> usize {
        self.rules().counting.length(text)
    }

    /// The length of a post: the text and its hashtags (given without their sign), as they are posted.
    #[must_use]
    pub fn post_length<T: AsRef<str>>(self, text: &str, hashtags: &[T]) -> usize {
        self.length(&posted(text, hashtags))
    }

    /// The text cut to at most `max` as the channel counts, at a word's end where there is one near, with an ellipsis for
    /// what is lost; empty where there is no room for even that. Never cuts within what a reader takes for one character.
    #[must_use]
    pub fn fit(self, text: &str, max: usize) -> String {
        const ELLIPSIS: &str = "…";
        if self.length(text) <= max {
            return text.to_owned();
        }
        let ends: Vec<usize> = text.grapheme_indices(true).map(|(at, _)| at).collect();
        let cut_at = |nth: usize| ends.get(nth).and_then(|end| text.get(..*end)).unwrap_or_default();
        let fits = |head: &str| self.length(&format!("{}{ELLIPSIS}", whole_words(head))) <= max;
        if !fits("") {
            return String::new();
        }
        // A longer head is nearly always a longer text; where a link makes it a shorter one, the cut is earlier than need be.
        let (mut low, mut high) = (0, ends.len());
        while low + 1 < high {
            let middle = low.midpoint(high);
            if fits(cut_at(middle)) {
                low = middle;
            } else {
                high = middle;
            }
        }
        format!("{}{ELLIPSIS}", whole_words(cut_at(low)))
    }
}

/// A post's text as it stands on the platform: the words, then the hashtags.
pub(super) fn posted<T: AsRef<str>>(text: &str, hashtags: &[T]) -> String {
    let mut whole = text.to_owned();
    for tag in hashtags {
        whole.push_str(" #");
        whole.push_str(tag.as_ref());
    }
    whole
}

/// The links of a text: with a scheme, or written as a bare domain.
pub(super) fn links(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text;
    let mut before = None;
    while let Some((skipped, link)) = next_link(rest, before, true) {
        found.push(link.text);
        let end = skipped + link.text.len();
        before = link.text.chars().next_back();
        rest = rest.get(end..).unwrap_or_default();
    }
    found
}

/// Less the last word, if what is left is still most of it, and whatever no sentence ends with.
fn whole_words(head: &str) -> &str {
    let whole = match head.rfind(' ') {
        // A cut that throws away most of the room is worse than a broken word.
        Some(space) if space * 2 >= head.len() => head.get(..space).unwrap_or(head),
        _ => head,
    };
    let ends_well = |grapheme: &str| grapheme.chars().any(|c| c.is_alphanumeric() || c == ')' || c == '’');
    let end = whole.grapheme_indices(true).rev().find(|(_, grapheme)| ends_well(grapheme));
    end.and_then(|(at, grapheme)| whole.get(..at + grapheme.len())).unwrap_or_default()
}

fn graphemes(text: &str) -> usize {
    text.graphemes(true).count()
}

fn weighted(text: &str) -> usize {
    let composed: String = text.nfc().collect();
    outside_links(&composed, true, points, points)
}

/// The weight of a text without links.
fn points(text: &str) -> usize {
    text.graphemes(true).map(|grapheme| if is_emoji(grapheme) { 2 } else { grapheme.chars().map(weight).sum() }).sum()
}

const fn weight(c: char) -> usize {
    match c as u32 {
        0..=4_351 | 8_192..=8_205 | 8_208..=8_223 | 8_242..=8_247 => 1,
        _ => 2,
    }
}

/// The length of a text whose links count 23. A link of which it is not certain that the platform takes it for one counts
/// what it has if that is more.
fn outside_links(
    text: &str,
    bare_too: bool,
    length_of_link: impl Fn(&str) -> usize,
    length: impl Fn(&str) -> usize,
) -> usize {
    let (mut total, mut rest, mut before) = (0, text, None);
    while let Some((skipped, link)) = next_link(rest, before, bare_too) {
        total += length(rest.get(..skipped).unwrap_or_default());
        total += if link.is_certain { LINK } else { length_of_link(link.text).max(LINK) };
        before = link.text.chars().next_back();
        rest = rest.get(skipped + link.text.len()..).unwrap_or_default();
    }
    total + length(rest)
}

/// A link in a text.
struct Link<'a> {
    text: &'a str,
    /// Whether every platform takes it for one.
    is_certain: bool,
}

/// The next link, and how many bytes stand before it. `before` is the character before the text.
fn next_link(text: &str, before: Option<char>, bare_too: bool) -> Option<(usize, Link<'_>)> {
    let mut previous = before;
    for (at, c) in text.char_indices() {
        let begins = previous.is_none_or(|p| !p.is_ascii_alphanumeric() && !"@#$_-./".contains(p));
        previous = Some(c);
        if !begins || !c.is_ascii_alphanumeric() {
            continue;
        }
        let rest = text.get(at..).unwrap_or_default();
        let link = with_scheme(rest).or_else(|| bare_too.then(|| bare(rest)).flatten());
        if let Some(link) = link {
            return Some((at, link));
        }
    }
    None
}

fn with_scheme(text: &str) -> Option<Link<'_>> {
    let scheme =
        ["https://", "http://"].into_iter().find(|s| text.get(..s.len()).is_some_and(|t| t.eq_ignore_ascii_case(s)))?;
    let address = text.get(scheme.len()..)?;
    if let Some((length, is_known)) = domain(address) {
        let length = scheme.len() + length + path(address.get(length..).unwrap_or_default());
        return text.get(..length).map(|text| Link { text, is_certain: is_known });
    }
    // What stands in other scripts may be a domain or not.
    let end = address.find(char::is_whitespace).unwrap_or(address.len());
    text.get(..scheme.len() + end).map(|text| Link { text, is_certain: false })
}

fn bare(text: &str) -> Option<Link<'_>> {
    let (length, _) = domain(text)?;
    let length = length + path(text.get(length..).unwrap_or_default());
    text.get(..length).map(|text| Link { text, is_certain: false })
}

/// The length of the domain that a text begins with, and whether its ending is one that everybody knows.
fn domain(text: &str) -> Option<(usize, bool)> {
    const KNOWN: [&str; 22] = [
        "com", "org", "net", "edu", "gov", "mil", "int", "info", "biz", "app", "dev", "blog", "shop", "store", "site",
        "online", "xyz", "news", "tech", "cloud", "social", "studio",
    ];
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '.').unwrap_or(text.len());
    let mut host = text.get(..end)?.trim_end_matches(['.', '-']);
    // `example.com.Then` is a domain and a word.
    loop {
        let (name, ending) = host.rsplit_once('.')?;
        let labels_are_good = name.split('.').all(|l| !l.is_empty() && !l.starts_with('-') && !l.ends_with('-'));
        if labels_are_good && ending.len() >= 2 && ending.bytes().all(|b| b.is_ascii_alphabetic()) {
            let lower = ending.to_ascii_lowercase();
            return Some((host.len(), lower.len() == 2 || KNOWN.contains(&lower.as_str())));
        }
        host = name.trim_end_matches(['.', '-']);
    }
}

/// The length of the port, path and query that follow a domain, without the punctuation of the sentence around it.
fn path(text: &str) -> usize {
    if !text.starts_with(['/', ':', '?', '#']) {
        return 0;
    }
    let is_part = |c: char| c.is_ascii_alphanumeric() || "-._~:/?#[]@!$&'()*+,;=%".contains(c);
    let whole = text.find(|c| !is_part(c)).and_then(|end| text.get(..end)).unwrap_or(text);
    whole.trim_end_matches(|c: char| !c.is_ascii_alphanumeric() && c != '/').len()
}

fn bytes_if_emoji(grapheme: &str) -> usize {
    let is_emoji = grapheme.chars().any(|c| !c.is_ascii() && c.is_emoji_char_or_emoji_component());
    if is_emoji { grapheme.len() } else { grapheme.chars().count() }
}

/// Whether a grapheme cluster is one emoji: one that is drawn as a picture by itself or by its selector, with a tone, a
/// keycap, a flag, or up to four of these joined.
fn is_emoji(grapheme: &str) -> bool {
    let mut chars = grapheme.chars();
    let (first, second) = (chars.next(), chars.next());
    if let (Some(first), Some(second)) = (first, second)
        && emoji::is_regional_indicator(first)
    {
        return emoji::is_regional_indicator(second) && chars.next().is_none();
    }
    let parts: Vec<&str> = grapheme.split('\u{200d}').collect();
    parts.len() <= JOINED_MAX && parts.iter().all(|part| is_emoji_element(part))
}

/// One emoji by itself, or one that is joined with others.
fn is_emoji_element(part: &str) -> bool {
    let mut chars = part.chars();
    let Some(first) = chars.next() else { return false };
    let rest = chars.as_str();
    match rest {
        "" => shown_as_picture(first),
        "\u{fe0f}" => first.is_emoji_char() && !first.is_ascii() && !shown_as_picture(first),
        "\u{20e3}" | "\u{fe0f}\u{20e3}" => first.is_ascii_digit() || first == '#' || first == '*',
        "\u{1f3fb}" | "\u{1f3fc}" | "\u{1f3fd}" | "\u{1f3fe}" | "\u{1f3ff}" => matches!(
            first.emoji_status(),
            EmojiStatus::EmojiModifierBase | EmojiStatus::EmojiPresentationAndModifierBase
        ),
        _ if first == '\u{1f3f4}' => {
            let spelled = rest.chars().filter_map(|c| char::from_u32((c as u32).checked_sub(0xe_0000)?));
            let spelled: String = spelled.collect();
            spelled.strip_suffix('\u{7f}').is_some_and(|flag| TAG_FLAGS.contains(&flag))
        }
        _ => false,
    }
}

fn shown_as_picture(c: char) -> bool {
    !emoji::is_regional_indicator(c)
        && matches!(
            c.emoji_status(),
            EmojiStatus::EmojiPresentation
                | EmojiStatus::EmojiPresentationAndModifierBase
                | EmojiStatus::EmojiPresentationAndEmojiComponent
                | EmojiStatus::EmojiPresentationAndModifierAndEmojiComponent
        )
}
