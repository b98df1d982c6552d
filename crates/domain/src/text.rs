//! Untrusted text made safe to show: nothing that drives a terminal, turns the writing around, or can't be seen.

/// Whether a character may be shown as it is. Not so: control characters and line separators, those that steer the
/// direction of writing, those that take no room (Unicode's default-ignorables, tags among them), blanks that pass for
/// letters, and private ones, whose look nobody knows. Joiners and emoji selectors are not visible either;
/// [`shown`] keeps them where they belong.
#[must_use]
pub const fn visible(c: char) -> bool {
    !matches!(
        c,
        // C0, delete and C1.
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}'
        // Soft hyphen, grapheme joiner, Arabic letter mark, and letters of scripts that are drawn as nothing.
        | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{2800}' | '\u{3164}' | '\u{ffa0}'
        // Zero-width ones; line and paragraph separators; embeddings, overrides and isolates.
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        // Variation selectors, annotations, the place of an object.
        | '\u{fe00}'..='\u{fe0f}' | '\u{fff0}'..='\u{fffc}'
        // Shorthand and musical format controls.
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        // Private use; tags; more variation selectors; the rest of the planes that hold nothing to see.
        | '\u{e000}'..='\u{f8ff}' | '\u{e0000}'..='\u{10ffff}'
    )
}

/// The text with its line breaks and what is [`visible`]; other controls and blanks become spaces, the rest is left out.
/// Joiners stay within emoji and after letters of scripts that are spelt with them, the emoji selector after emoji.
#[must_use]
pub fn shown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut previous = ' ';
    for c in text.chars() {
        let c = match c {
            '\n' => '\n',
            c if c.is_control() || c.is_whitespace() => ' ',
            c if visible(c) || belongs_after(previous, c) => c,
            _ => continue,
        };
        out.push(c);
        previous = c;
    }
    out
}

/// The text on one line: [`shown`], its blanks joined into single spaces, cut to at most `chars_max` Unicode scalar
/// values with an ellipsis for what is lost.
#[must_use]
pub fn one_line(text: &str, chars_max: usize) -> String {
    let mut line = String::new();
    for word in shown(text).split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if line.chars().nth(chars_max).is_none() {
        return line;
    }
    let Some(room) = chars_max.checked_sub(1) else { return String::new() };
    let head: String = line.chars().take(room).collect();
    format!("{}…", head.trim_end())
}

/// Whether an invisible character does its work behind this one: at most one of them, and nothing can hide in it.
const fn belongs_after(previous: char, c: char) -> bool {
    match c {
        '\u{fe0f}' => is_pictograph(previous) || matches!(previous, '#' | '*' | '0'..='9'),
        '\u{200d}' => is_pictograph(previous) || previous == '\u{fe0f}' || is_joined(previous),
        '\u{200c}' => is_joined(previous),
        _ => false,
    }
}

/// Emoji, or a sign that becomes one with a selector.
const fn is_pictograph(c: char) -> bool {
    matches!(c, '©' | '®' | '\u{203c}' | '\u{2049}' | '\u{2122}' | '\u{2139}' | '\u{2190}'..='\u{27bf}'
        | '\u{2900}'..='\u{2bff}' | '\u{3030}' | '\u{303d}' | '\u{3297}' | '\u{3299}' | '\u{1f000}'..='\u{1faff}')
        && c != '\u{2800}'
}

/// Letters and marks of Arabic and of the scripts of India, whose spelling needs joiners and non-joiners.
const fn is_joined(c: char) -> bool {
    matches!(c, '\u{620}'..='\u{6ff}' | '\u{750}'..='\u{77f}' | '\u{900}'..='\u{dff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_drives_a_terminal_or_hides_is_gone() {
        assert_eq!(shown("a\u{1b}[31mb\u{9b}c\u{7}"), "a [31mb c ");
        assert_eq!(shown("pay\u{202e}lap\u{2066}x\u{2069}"), "paylapx");
        assert_eq!(shown("ig\u{200b}no\u{ad}re\u{2060} th\u{feff}is\u{e0069}\u{e0067}"), "ignore this");
        assert_eq!(shown("x\u{3164}\u{2800}\u{115f}\u{e000}\u{f0000}\u{fe01}\u{e0100}y"), "xy");
        assert_eq!(shown("a\r\nb\tc\u{2028}d\u{a0}e"), "a \nb c d e");
        assert_eq!(shown("Ünïcödé, 時尚, עברית, �"), "Ünïcödé, 時尚, עברית, �");
    }

    #[test]
    fn emoji_and_spelling_stay_whole_but_carry_no_hidden_load() {
        for whole in ["👩‍🚀", "❤️", "🏳️‍🌈", "1️⃣", "👍🏽", "می‌خواهم", "क्‍ष", "🇩🇪"]
        {
            assert_eq!(shown(whole), whole);
        }
        assert_eq!(shown("a\u{200d}b\u{fe0f}c\u{200c}"), "abc");
        assert_eq!(shown("❤\u{fe0f}\u{fe0f}\u{fe0f}"), "❤\u{fe0f}");
        assert_eq!(shown("👩\u{200d}\u{200d}\u{200b}\u{fe00}x"), "👩\u{200d}x");
    }

    #[test]
    fn one_line_is_one_bounded_line() {
        assert_eq!(one_line("  a\n\n b\u{7}\t\u{2029}c ", 10), "a b c");
        assert_eq!(one_line("several words", 8), "several…");
        assert_eq!(one_line("exactly", 7), "exactly");
        assert_eq!((one_line("ab", 1).as_str(), one_line("ab", 0).as_str(), one_line("", 0).as_str()), ("…", "", ""));
        for max in 0..30 {
            assert!(one_line("ünïcödé ☂ wörds, 👩‍🚀 and more", max).chars().count() <= max);
        }
    }

    #[test]
    fn nothing_that_unicode_calls_a_control_is_visible() {
        assert!(('\0'..=char::MAX).filter(|c| c.is_control()).all(|c| !visible(c)));
        assert!(visible(' ') && visible('\u{a0}') && visible('…'));
    }
}
