//! Texts to vectors.

use std::{ops::Range, sync::LazyLock};

use ahash::AHashMap;
use chimera_domain::{MemoryVector, VectorError};
use tokenizers::{
    Tokenizer, models::wordpiece::WordPiece, normalizers::bert::BertNormalizer, pre_tokenizers::bert::BertPreTokenizer,
};

use super::{
    lexicon::Lexicon,
    table::{DIMS, Table, TableError},
};

static TABLE_BYTES: &[u8] = include_bytes!("../../assets/minilm-128.bin");
static SHARED: LazyLock<Result<Embedder, TableError>> = LazyLock::new(|| Embedder::from_table(TABLE_BYTES));

/// The name of the table's rows as a model: vectors of another table are never compared with these. To be changed with the
/// table.
pub const EMBEDDING_MODEL: &str = "chimera-minilm-128";

/// Bytes of a text that are read; what follows is ignored, so that a hostile body cannot stall a poll.
pub const TEXT_BYTES_MAX: usize = 8 * 1024;

/// A text as a direction: 128 numbers of length 1, or all zero when the text holds no known word.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedding([f32; DIMS]);

impl Embedding {
    /// Brings any vector to length 1; the zero vector stays zero.
    #[must_use]
    pub fn from_sum(mut sum: [f32; DIMS]) -> Self {
        let length = sum.iter().map(|value| value * value).sum::<f32>().sqrt();
        if length > 0.0 && length.is_finite() {
            for value in &mut sum {
                *value /= length;
            }
            Self(sum)
        } else {
            Self([0.0; DIMS])
        }
    }

    /// The cosine of the angle between two texts, -1..=1; 0 when one of them is empty.
    #[must_use]
    pub fn cosine(&self, other: &Self) -> f32 {
        dot(&self.0, &other.0)
    }

    /// The numbers, for a vector index.
    #[must_use]
    pub const fn values(&self) -> &[f32; DIMS] {
        &self.0
    }

    /// Whether the text held no known word.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|value| *value == 0.0)
    }
}

/// The scalar product, eight at a time: builds without optimisation run it too, and there each step of a loop is dear.
pub(crate) fn dot(a: &[f32; DIMS], b: &[f32; DIMS]) -> f32 {
    let (left, _) = a.as_chunks::<8>();
    let (right, _) = b.as_chunks::<8>();
    let mut sum = 0.0;
    for ([a0, a1, a2, a3, a4, a5, a6, a7], [b0, b1, b2, b3, b4, b5, b6, b7]) in left.iter().zip(right) {
        sum += a0 * b0 + a1 * b1 + a2 * b2 + a3 * b3 + a4 * b4 + a5 * b5 + a6 * b6 + a7 * b7;
    }
    sum
}

/// One word of a text, with the sum of the rows of its pieces (not brought to length 1: common words are short).
#[derive(Debug, Clone, PartialEq)]
pub struct WordVector {
    /// Where it stands, in bytes of the text.
    pub span: Range<usize>,
    /// The sum of its rows.
    pub values: [f32; DIMS],
}

/// Turns texts into [`Embedding`]s. One is shared by the whole process.
pub struct Embedder {
    tokenizer: Tokenizer,
    lexicon: Lexicon,
    table: Table<'static>,
}

impl std::fmt::Debug for Embedder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Embedder").field("rows", &self.table.tokens.len()).field("dims", &DIMS).finish()
    }
}

impl Embedder {
    /// The embedder over the table in the binary; read and checked once.
    ///
    /// # Errors
    /// [`TableError`] when the binary was built with a damaged table.
    pub fn shared() -> Result<&'static Self, TableError> {
        SHARED.as_ref().map_err(Clone::clone)
    }

    fn from_table(bytes: &'static [u8]) -> Result<Self, TableError> {
        let table = Table::parse(bytes)?;
        let vocabulary: AHashMap<String, u32> =
            (0_u32..).zip(&table.tokens).map(|(id, token)| ((*token).to_owned(), id)).collect();
        let pieces = WordPiece::builder().vocab(vocabulary).build().map_err(|_| TableError::Vocabulary)?;
        let mut tokenizer = Tokenizer::new(pieces);
        tokenizer
            .with_normalizer(Some(BertNormalizer::default()))
            .map_err(|_| TableError::Vocabulary)?
            .with_pre_tokenizer(Some(BertPreTokenizer));
        Ok(Self { tokenizer, lexicon: Lexicon::default(), table })
    }

    /// The embedding of a text: the normalised mean of its tokens' rows. Reads at most [`TEXT_BYTES_MAX`].
    #[must_use]
    pub fn embed(&self, text: &str) -> Embedding {
        let mut sum = [0.0; DIMS];
        for id in self.lexicon.pieces(&self.tokenizer, readable(text)) {
            self.add_row(id, &mut sum);
        }
        Embedding::from_sum(sum)
    }

    /// Where a text points, for a memory: [`Self::embed`] with the model's name.
    ///
    /// # Errors
    /// [`VectorError::Zero`] when the text holds no known word.
    pub fn direction(&self, text: &str) -> Result<MemoryVector, VectorError> {
        MemoryVector::new(EMBEDDING_MODEL, self.embed(text).values().to_vec())
    }

    /// The embeddings of many texts, in the same order.
    #[must_use]
    pub fn embed_batch<T: AsRef<str>>(&self, texts: &[T]) -> Vec<Embedding> {
        texts.iter().map(|text| self.embed(text.as_ref())).collect()
    }

    /// The words of a text with their vectors; [`Embedding::from_sum`] over their sum is [`Self::embed`] of the text.
    #[must_use]
    pub fn words(&self, text: &str) -> Vec<WordVector> {
        let Ok(encoding) = self.tokenizer.encode(readable(text), false) else { return Vec::new() };
        let mut words: Vec<WordVector> = Vec::new();
        let mut last = None;
        for ((id, (start, end)), word) in
            encoding.get_ids().iter().zip(encoding.get_offsets()).zip(encoding.get_word_ids())
        {
            if *word != last || words.is_empty() {
                words.push(WordVector { span: *start..*end, values: [0.0; DIMS] });
                last = *word;
            }
            if let Some(current) = words.last_mut() {
                current.span.end = *end;
                self.add_row(*id, &mut current.values);
            }
        }
        words
    }

    fn add_row(&self, id: u32, sum: &mut [f32; DIMS]) {
        if let Some((row, scale)) = self.table.row(id) {
            let (totals, _) = sum.as_chunks_mut::<4>();
            let (values, _) = row.as_chunks::<4>();
            for ([t0, t1, t2, t3], [v0, v1, v2, v3]) in totals.iter_mut().zip(values) {
                *t0 += f32::from(v0.cast_signed()) * scale;
                *t1 += f32::from(v1.cast_signed()) * scale;
                *t2 += f32::from(v2.cast_signed()) * scale;
                *t3 += f32::from(v3.cast_signed()) * scale;
            }
        }
    }
}

/// The part of a text that is read, cut at a character boundary.
fn readable(text: &str) -> &str {
    text.get(..text.floor_char_boundary(TEXT_BYTES_MAX)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn embedder() -> &'static Embedder {
        Embedder::shared().unwrap()
    }

    #[test]
    fn the_shipped_table_is_whole() {
        let rows = embedder().table.tokens.len();
        assert_eq!(rows, 29_525);
        assert!(embedder().table.scales.iter().skip(2).all(|scale| *scale > 0.0));
    }

    #[test]
    fn near_meanings_lie_near() {
        let of = |text| embedder().embed(text);
        let dress = of("a summer dress with a floral print");
        assert!(
            dress.cosine(&of("linen skirts and blouses")) > dress.cosine(&of("the central bank raised interest")) + 0.2
        );
        let goal = of("the striker scored twice in the final");
        assert!(goal.cosine(&of("football championship")) > goal.cosine(&of("a recipe for lentil soup")) + 0.1);
    }

    #[test]
    fn embeddings_have_length_one_and_repeat() {
        let texts = ["Runway looks we love", "Größe 38, naïve café", "短い文", "ok"];
        for (text, embedding) in texts.iter().zip(embedder().embed_batch(&texts)) {
            assert!((embedding.cosine(&embedding) - 1.0).abs() < 1e-5, "{text}");
            assert_eq!(embedding, embedder().embed(text));
        }
    }

    #[test]
    fn words_met_before_are_taken_to_the_same_pieces() {
        let long = "x".repeat(120);
        let texts = [
            "It's LINEN's turn: 3.5% off -- \"soft\" & washed, #OOTD @home... (really?!)",
            "tabs\tand\r\nlines  and   spaces ",
            "unaffable antidisestablishmentarianism [UNK] [CLS] ##ing https://example.com/a_b-c?d=e&f=%20",
            "del\u{7f}ete\u{1}d control",
            "naïve café, 短い文 and ascii",
            long.as_str(),
        ];
        let embedder = embedder();
        for _ in 0..2 {
            for text in texts {
                let whole = embedder.tokenizer.encode_fast(text, false).unwrap();
                assert_eq!(embedder.lexicon.pieces(&embedder.tokenizer, text), whole.get_ids(), "{text:?}");
            }
        }
    }

    #[test]
    fn nothing_known_gives_the_empty_embedding() {
        for text in ["", "   \n\t", "\u{200b}\u{202e}", "\u{10ffff}"] {
            assert!(embedder().embed(text).is_empty(), "{text:?}");
            assert_eq!(embedder().embed(text).cosine(&embedder().embed("hat")), 0.0);
        }
    }

    #[test]
    fn words_add_up_to_the_text_and_point_at_it() {
        let text = "Moisturizers, Nordstrom & café-goers";
        let words = embedder().words(text);
        let seen: Vec<&str> = words.iter().map(|word| &text[word.span.clone()]).collect();
        assert_eq!(seen, ["Moisturizers", ",", "Nordstrom", "&", "café", "-", "goers"]);
        let mut sum = [0.0; DIMS];
        for word in &words {
            for (total, value) in sum.iter_mut().zip(word.values) {
                *total += value;
            }
        }
        assert!((Embedding::from_sum(sum).cosine(&embedder().embed(text)) - 1.0).abs() < 1e-5);
    }

    #[test]
    fn a_huge_text_is_cut_not_choked_on() {
        let long = "é".repeat(5_000_000);
        assert!(readable(&long).len() <= TEXT_BYTES_MAX);
        let _ = embedder().embed(&long);
    }
}
