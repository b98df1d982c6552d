//! Orders in disguise: written so that a rule does not see them and a model still does.

use std::borrow::Cow;

/// So many letters that stand alone in a row are a word spelt out.
const SPELT_OUT_MIN: usize = 8;

/// The text as it would read without its disguises, one reading for each kind that changes it.
pub(super) fn undisguised(text: &str) -> Vec<String> {
    let folded = folded(text);
    let mut readings = Vec::new();
    if let Cow::Owned(plain) = &folded {
        readings.push(plain.clone());
    }
    if let Some(plain) = without_digits_for_letters(&folded) {
        readings.push(plain);
    }
    readings.push(rot13(&folded));
    readings
}

/// Where a word is spelt out letter by letter, if one is, in bytes.
pub(super) fn spelt_out(text: &str) -> Option<std::ops::Range<usize>> {
    let (mut alone, mut begin, mut at) = (0, 0, 0);
    for piece in text.split_inclusive(char::is_whitespace) {
        let word = piece.trim();
        let is_letter = word.chars().count() == 1 && word.chars().all(char::is_alphabetic);
        if is_letter && alone == 0 {
            begin = at;
        }
        // Two blanks between words are part of the disguise.
        if !word.is_empty() {
            alone = if is_letter { alone + 1 } else { 0 };
        }
        at += piece.len();
        if alone >= SPELT_OUT_MIN {
            return Some(begin..at);
        }
    }
    None
}

/// Character references, escapes, and letters that only look different, as the letters they stand for.
fn folded(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|c| matches!(c, '&' | '\\') || plain_letter(c) != c) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some((letter, length)) = reference(rest) {
            out.push(letter);
            rest = rest.get(length..).unwrap_or_default();
        } else {
            out.push(plain_letter(c));
            rest = rest.get(c.len_utf8()..).unwrap_or_default();
        }
    }
    if out == text { Cow::Borrowed(text) } else { Cow::Owned(out) }
}

/// `&#105;`, `&#x69;`, `\u0069` or `\x69` at the beginning of a text, and its length in bytes.
fn reference(text: &str) -> Option<(char, usize)> {
    let number = |digits: &str, radix| u32::from_str_radix(digits, radix).ok().and_then(char::from_u32);
    if let Some(inner) = text.strip_prefix("&#") {
        let end = inner.char_indices().take(9).find(|(_, c)| *c == ';').map(|(end, _)| end)?;
        let digits = inner.get(..end)?;
        let letter = match digits.strip_prefix(['x', 'X']) {
            Some(hex) => number(hex, 16),
            None => number(digits, 10),
        };
        return letter.map(|letter| (letter, 2 + end + 1));
    }
    let digits = if text.starts_with("\\u") { 4 } else { 2 };
    let escaped = text.strip_prefix("\\u").or_else(|| text.strip_prefix("\\x"))?;
    number(escaped.get(..digits)?, 16).map(|letter| (letter, 2 + digits))
}

/// The ASCII sign that a full-width or mathematical letter looks like; any other as it is.
fn plain_letter(c: char) -> char {
    const LETTERS: &[u8; 52] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let code = u32::from(c);
    match code {
        0xff01..=0xff5e => char::from_u32(code - 0xfee0).unwrap_or(c),
        // Bold, italic, script and the others: thirteen alphabets, one after the other.
        0x1d400..=0x1d6a3 => {
            let place = usize::try_from((code - 0x1d400) % 52).unwrap_or_default();
            LETTERS.get(place).map_or(c, |letter| char::from(*letter))
        }
        _ => c,
    }
}

/// Digits within words as the letters that they stand for (`1gn0re`), where there are any.
fn without_digits_for_letters(text: &str) -> Option<String> {
    let is_disguised = |word: &str| {
        word.chars().any(|c| c.is_ascii_alphabetic())
            && word.chars().any(|c| matches!(c, '0' | '1' | '3' | '4' | '5' | '7' | '@' | '$'))
    };
    if !text.split_whitespace().any(is_disguised) {
        return None;
    }
    let letter = |c| match c {
        '0' => 'o',
        '1' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        c => c,
    };
    let read = |word: &str| if is_disguised(word) { word.chars().map(letter).collect() } else { word.to_owned() };
    Some(text.split_whitespace().map(read).collect::<Vec<String>>().join(" "))
}

fn rot13(text: &str) -> String {
    let turned = |c: char, first: u8| {
        let place = u8::try_from(c).unwrap_or(first).saturating_sub(first);
        char::from(first + (place + 13) % 26)
    };
    text.chars()
        .map(|c| match c {
            'a'..='z' => turned(c, b'a'),
            'A'..='Z' => turned(c, b'A'),
            c => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disguises_come_off() {
        for (disguised, plain) in [
            ("&#105;&#x67;n\\u006f\\x72e", "ignore"),
            ("\u{ff29}\u{ff47}\u{ff4e}\u{ff4f}\u{ff52}\u{ff45}", "Ignore"),
            ("\u{1d422}\u{1d420}nore", "ignore"),
            ("1gn0r3 @ll 2022", "ignore all 2022"),
            ("vtaber", "ignore"),
        ] {
            assert!(
                undisguised(disguised).iter().any(|reading| reading == plain),
                "{disguised}: {:?}",
                undisguised(disguised)
            );
        }
        assert_eq!(undisguised("R&D costs &#; \\ &#99999999; \\uz").len(), 1, "no more than the turned one");
    }

    #[test]
    fn letters_that_stand_alone_are_seen() {
        assert_eq!(spelt_out("Hear: I G N O R E  A L L rules"), Some(6..23));
        assert_eq!(spelt_out("A B C and J K R in the U S A"), None);
    }
}
