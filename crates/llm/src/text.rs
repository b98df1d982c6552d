//! Untrusted text made plain: no links, no markup, nothing invisible; and the small tools that look at words.

use chimera_domain::{Channel, shown};
use unicode_segmentation::UnicodeSegmentation;

/// Lower-case words, as Unicode sees them (`weight-loss` is two).
pub(crate) fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    text.unicode_words().map(|word| word.replace('’', "'").to_lowercase())
}

/// Length in Unicode scalar values. How long a post is, its channel says ([`Channel::length`]).
pub(crate) fn length(text: &str) -> usize {
    text.chars().count()
}

/// Sentences, trimmed, none empty.
pub(crate) fn sentences(text: &str) -> impl Iterator<Item = &str> {
    // Of an empty text the crate counts below zero.
    let said = Some(text).filter(|text| !text.is_empty());
    said.into_iter()
        .flat_map(UnicodeSegmentation::split_sentence_bounds)
        .map(str::trim)
        .filter(|sentence| sentence.chars().any(char::is_alphanumeric))
}

/// One line of visible text: no control or invisible characters, no markup, links, addresses, `@` or `#`.
pub(crate) fn plain(raw: &str) -> String {
    let mut seen = shown(raw);
    // What stands for lost bytes is honest in a quotation and ugly in a post.
    seen.retain(|c| c != '\u{fffd}');
    let unmarked = entities(&without_tags(&seen));
    let mut out = String::with_capacity(unmarked.len());
    for token in unmarked.split_whitespace() {
        let token = token.trim_start_matches(['@', '#']);
        if token.is_empty() || is_link(token) || is_address(token) {
            continue;
        }
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(token);
    }
    out
}

/// The text cut to at most `chars_max`, at a word's end where there is one, with an ellipsis for what is lost.
pub(crate) fn cut(text: &str, chars_max: usize) -> String {
    if length(text) <= chars_max {
        return text.to_owned();
    }
    let Some(room) = chars_max.checked_sub(1) else { return String::new() };
    let head: String = text.chars().take(room).collect();
    let whole = match head.rfind(' ') {
        // A cut that throws away most of the room is worse than a broken word.
        Some(space) if space * 2 >= head.len() => head.get(..space).unwrap_or(&head),
        _ => head.as_str(),
    };
    format!("{}…", whole.trim_end_matches(|c: char| !c.is_alphanumeric() && c != ')' && c != '’'))
}

/// The hashtags, from the first, that fit beside a text, as its channel counts.
pub(crate) fn tags_that_fit(channel: Channel, text: &str, tags: Vec<String>, chars_max: usize) -> Vec<String> {
    let mut fitting = Vec::new();
    for tag in tags {
        fitting.push(tag);
        if channel.post_length(text, &fitting) > chars_max {
            fitting.pop();
        }
    }
    fitting
}

/// The text with its first letter in upper case.
pub(crate) fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// A sentence begun in lower case, unless it begins with `I` or an acronym.
pub(crate) fn uncapitalised(text: &str) -> String {
    let first_word = text.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    let keeps = first_word == "I" || first_word.chars().skip(1).any(char::is_uppercase);
    let mut chars = text.chars();
    match chars.next() {
        Some(first) if !keeps => first.to_lowercase().chain(chars).collect(),
        _ => text.to_owned(),
    }
}

fn without_tags(text: &str) -> String {
    const TAG_BYTES_MAX: usize = 400;
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('<') {
        out.push_str(before);
        let opens = after.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '!');
        match after.find('>') {
            Some(end) if opens && end < TAG_BYTES_MAX => {
                out.push(' ');
                rest = after.get(end + 1..).unwrap_or_default();
            }
            _ => {
                out.push('<');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

fn entities(text: &str) -> String {
    const KNOWN: [(&str, &str); 8] = [
        ("&nbsp;", " "),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&apos;", "'"),
        ("&#8217;", "’"),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&amp;", "&"),
    ];
    if !text.contains('&') {
        return text.to_owned();
    }
    KNOWN.iter().fold(text.to_owned(), |text, (entity, character)| text.replace(entity, character))
}

fn is_link(token: &str) -> bool {
    const ENDINGS: [&str; 24] = [
        "com", "org", "net", "io", "co", "ly", "me", "app", "dev", "info", "biz", "xyz", "ru", "cn", "shop", "store",
        "site", "online", "top", "link", "click", "gg", "tk", "ai",
    ];
    let token = token.trim_matches(|c: char| !c.is_alphanumeric());
    let lower = token.to_lowercase();
    if lower.contains("://") || lower.starts_with("www.") || lower.starts_with("hxxp") {
        return true;
    }
    let (host, path) = lower.split_once('/').map_or((lower.as_str(), None), |(host, path)| (host, Some(path)));
    let Some((name, ending)) = host.rsplit_once('.') else { return false };
    let ending = ending.split(':').next().unwrap_or(ending);
    !name.is_empty()
        && ending.chars().all(|c| c.is_ascii_alphabetic())
        && ((path.is_some() && (2..=10).contains(&ending.len())) || ENDINGS.contains(&ending))
}

fn is_address(token: &str) -> bool {
    token.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_markup_and_the_invisible_go() {
        assert_eq!(
            plain(
                "Se\u{200b}e <b>this</b>:\u{202e} https://evil.example/x?y=1 now\u{e0041} &amp; bit.ly/3x www.x.org @you #tag"
            ),
            "See this : now & you tag"
        );
        assert_eq!(plain("mail me@evil.example today"), "mail today");
        assert_eq!(
            plain("3 < 5 and 7 > 6, U.S. prices at 1.5 and/or 2.0"),
            "3 < 5 and 7 > 6, U.S. prices at 1.5 and/or 2.0"
        );
        assert_eq!(plain("a\r\nb\tc"), "a b c");
    }

    #[test]
    fn cuts_keep_whole_words_and_the_limit() {
        assert_eq!(cut("short", 5), "short");
        assert_eq!(cut("a line of several words", 12), "a line of…");
        assert_eq!(cut("unbreakable", 5), "unbr…");
        assert_eq!(cut("abc", 0), "");
        for max in 0..40 {
            assert!(length(&cut("Ünïcödé wörds, öf sevéral lengths ☂ and more", max)) <= max);
        }
    }

    #[test]
    fn tags_take_only_what_the_text_leaves() {
        let tags = || ["Denim", "SlowFashion", "Wool"].map(str::to_owned).to_vec();
        let fitting = |max| tags_that_fit(Channel::Threads, "0123456789", tags(), max);
        assert_eq!(fitting(23), ["Denim", "Wool"]);
        assert!(fitting(10).is_empty());
        assert_eq!(tags_that_fit(Channel::X, "糸", vec!["糸".to_owned(), "a".to_owned()], 6), ["糸"]);
    }

    #[test]
    fn cases() {
        assert_eq!(uncapitalised("Clothes last."), "clothes last.");
        assert_eq!(uncapitalised("I mend."), "I mend.");
        assert_eq!(uncapitalised("AI helps."), "AI helps.");
        assert_eq!(capitalised("élan"), "Élan");
    }
}
