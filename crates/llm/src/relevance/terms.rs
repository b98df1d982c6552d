//! Terms in running text: whole words, any case, plain inflections, phrases.
//!
//! A term is one or more words. Each matches itself and its plural or possessive; a word that ends in `*` matches any
//! ending (`vot*`: vote, voters, voting). Hyphens and spaces are the same, and invisible characters inside a word are
//! skipped, so that hiding one does not hide the word.

use std::{collections::HashMap, ops::Range};

/// A word of a text: lower case, without possessive, and where it stands in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TextWord {
    pub(crate) text: String,
    pub(crate) span: Range<usize>,
}

/// Whether a character is shown as nothing: zero-width, joiners, direction marks, soft hyphen, tags.
pub(crate) const fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}'
    )
}

/// The words of a text.
pub(crate) fn text_words(text: &str) -> Vec<TextWord> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut span = 0..0;
    for (at, c) in text.char_indices() {
        if c.is_alphanumeric() || (matches!(c, '\'' | '’') && !word.is_empty()) {
            if word.is_empty() {
                span.start = at;
            }
            if c == '’' {
                word.push('\'');
            } else {
                word.extend(c.to_lowercase());
            }
            span.end = at + c.len_utf8();
        } else if word.is_empty() || !is_invisible(c) {
            finish(&mut word, &span, &mut words);
        }
    }
    finish(&mut word, &span, &mut words);
    words
}

fn finish(word: &mut String, span: &Range<usize>, words: &mut Vec<TextWord>) {
    if !word.is_empty() {
        let bare = word.trim_end_matches('\'');
        let bare = bare.strip_suffix("'s").unwrap_or(bare);
        if !bare.is_empty() {
            words.push(TextWord { text: bare.to_owned(), span: span.clone() });
        }
        word.clear();
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Pattern {
    stem: String,
    any_ending: bool,
}

impl Pattern {
    fn matches(&self, word: &str) -> bool {
        let Some(ending) = word.strip_prefix(self.stem.as_str()) else {
            return self.stem.strip_suffix('y').is_some_and(|stem| word.strip_prefix(stem) == Some("ies"));
        };
        self.any_ending || matches!(ending, "" | "s" | "es")
    }
}

/// A place where a term was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TermHit {
    /// The number the term was added with.
    pub(crate) tag: usize,
    /// Where, in bytes of the text.
    pub(crate) span: Range<usize>,
}

/// Many terms, searched for at once.
#[derive(Debug, Clone, Default)]
pub(crate) struct TermSet {
    /// By the first three letters of the first word, which every form of a term shares.
    by_start: HashMap<String, Vec<(Vec<Pattern>, usize)>>,
    len: usize,
}

impl TermSet {
    /// Adds a term under a number. A term without letters or digits is left out.
    pub(crate) fn insert(&mut self, term: &str, tag: usize) {
        let mut patterns = Vec::new();
        for part in term.split(|c: char| c.is_whitespace() || c == '-') {
            let any_ending = part.ends_with('*');
            let words = text_words(part);
            let last = words.len().saturating_sub(1);
            patterns.extend(
                words
                    .into_iter()
                    .enumerate()
                    .map(|(at, word)| Pattern { stem: word.text, any_ending: any_ending && at == last }),
            );
        }
        if let Some(first) = patterns.first() {
            self.by_start.entry(start(&first.stem)).or_default().push((patterns, tag));
            self.len += 1;
        }
    }

    /// Whether there is nothing to search for.
    pub(crate) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Every place of every term, in the order of the text.
    pub(crate) fn find(&self, words: &[TextWord]) -> Vec<TermHit> {
        let mut hits = Vec::new();
        for (at, word) in words.iter().enumerate() {
            let tail = words.get(at..).unwrap_or_default();
            // A stem shorter than three letters is filed under itself.
            let mut prefix = String::with_capacity(3);
            for c in word.text.chars().take(3) {
                prefix.push(c);
                for (patterns, tag) in self.by_start.get(&prefix).into_iter().flatten() {
                    let full = patterns.len() <= tail.len();
                    if full && patterns.iter().zip(tail).all(|(pattern, word)| pattern.matches(&word.text)) {
                        let end = tail.get(patterns.len() - 1).map_or(word.span.end, |last| last.span.end);
                        hits.push(TermHit { tag: *tag, span: word.span.start..end });
                    }
                }
            }
        }
        hits
    }
}

fn start(stem: &str) -> String {
    // `y` may turn into `ies`, so it does not take part in the key.
    let fixed = stem.strip_suffix('y').filter(|rest| !rest.is_empty()).unwrap_or(stem);
    fixed.chars().take(3).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(terms: &[&str], text: &str) -> Vec<String> {
        let mut set = TermSet::default();
        for (tag, term) in terms.iter().enumerate() {
            set.insert(term, tag);
        }
        set.find(&text_words(text)).into_iter().map(|hit| text[hit.span].to_owned()).collect()
    }

    #[test]
    fn whole_words_and_plain_inflections() {
        assert_eq!(found(&["court"], "Courts, a court's order, COURT; courtship"), ["Courts", "court's", "COURT"]);
        assert_eq!(found(&["tax"], "taxes on taxis"), ["taxes"]);
        assert_eq!(found(&["party"], "parties and a party"), ["parties", "party"]);
        assert_eq!(found(&["spy"], "spies"), ["spies"]);
    }

    #[test]
    fn any_ending_and_phrases() {
        assert_eq!(found(&["vot*"], "Voters voting; devote"), ["Voters", "voting"]);
        assert_eq!(found(&["self-harm"], "self harm and Self-Harm"), ["self harm", "Self-Harm"]);
        assert_eq!(found(&["credit scor*"], "your credit scores"), ["credit scores"]);
        assert_eq!(found(&["credit scor*"], "to their credit"), Vec::<String>::new());
    }

    #[test]
    fn hidden_characters_do_not_hide_a_word() {
        assert_eq!(found(&["suicide"], "sui\u{200b}cide"), ["sui\u{200b}cide"]);
        assert_eq!(found(&["the irs"], "the\u{a0}IRS’s rules"), ["the\u{a0}IRS’s"]);
    }

    #[test]
    fn odd_terms_are_harmless() {
        assert!(found(&["", "*", "--", "?"], "anything * at -- all").is_empty());
        assert_eq!(found(&["ax"], "ax axe axes"), ["ax", "axes"]);
    }
}
