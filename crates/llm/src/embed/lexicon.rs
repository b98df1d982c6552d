//! The pieces of words that were met before. Words repeat far more than texts do, and taking a word to pieces costs a
//! hundred times what looking it up does.

use std::sync::{PoisonError, RwLock};

use ahash::AHashMap;
use tokenizers::Tokenizer;

/// So many words are remembered; then all are forgotten, and the common ones are soon back.
const WORDS_MAX: usize = 16_384;
/// Longer words are not remembered, in bytes.
const WORD_BYTES_MAX: usize = 32;

/// Words with the ids of their pieces.
#[derive(Debug, Default)]
pub(super) struct Lexicon {
    known: RwLock<AHashMap<Box<str>, Box<[u32]>>>,
}

impl Lexicon {
    /// The ids of a text's pieces, as `tokenizer` gives them. Of texts beyond ASCII, and of those with control characters,
    /// nothing is remembered: there letters and words are more than bytes between spaces.
    pub(super) fn pieces(&self, tokenizer: &Tokenizer, text: &str) -> Vec<u32> {
        if !text.bytes().all(|byte| matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~')) {
            return whole(tokenizer, text);
        }
        let lower = text.to_ascii_lowercase();
        let mut ids = Vec::with_capacity(lower.len() / 4);
        let mut unknown: Vec<(&str, Vec<u32>)> = Vec::new();
        {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            for word in words(&lower) {
                if let Some(pieces) = known.get(word) {
                    ids.extend_from_slice(pieces);
                } else {
                    let pieces = whole(tokenizer, word);
                    ids.extend_from_slice(&pieces);
                    unknown.push((word, pieces));
                }
            }
        }
        self.learn(unknown);
        ids
    }

    fn learn(&self, mut words: Vec<(&str, Vec<u32>)>) {
        words.retain(|(word, _)| word.len() <= WORD_BYTES_MAX);
        if words.is_empty() {
            return;
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() + words.len() > WORDS_MAX {
            known.clear();
        }
        known.extend(words.into_iter().take(WORDS_MAX).map(|(word, pieces)| (word.into(), pieces.into())));
    }
}

/// The words of an ASCII text as BERT's pre-tokeniser splits them: at white space, each sign of punctuation by itself.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split_ascii_whitespace()
        .flat_map(|run| run.split_inclusive(|c: char| c.is_ascii_punctuation()))
        .flat_map(|part| {
            let sign = part.len() - usize::from(part.ends_with(|c: char| c.is_ascii_punctuation()));
            let (word, sign) = part.split_at(sign);
            [word, sign]
        })
        .filter(|word| !word.is_empty())
}

/// Without special tokens and truncation the tokenizer cannot fail; were it to, the text counts as empty.
fn whole(tokenizer: &Tokenizer, text: &str) -> Vec<u32> {
    tokenizer.encode_fast(text, false).map_or_else(|_| Vec::new(), |encoding| encoding.get_ids().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_stand_alone() {
        let of = |text| words(text).collect::<Vec<_>>();
        assert_eq!(of("it's $5.00,\tor\nso..."), ["it", "'", "s", "$", "5", ".", "00", ",", "or", "so", ".", ".", "."]);
        assert_eq!(of(" \n"), [""; 0]);
    }
}
