//! The binary table: its format, its checksum, and reading it once.

use sha2::{Digest, Sha256};

/// Numbers in one embedding.
pub const DIMS: usize = 128;

const MAGIC: &[u8; 8] = b"CHMEMBED";
const VERSION: u32 = 1;
const HEADER_BYTES: usize = 56;

/// Why a table could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// Not a table at all.
    #[error("this is not an embedding table: make one with scripts/distill-embeddings.py")]
    NotATable,
    /// A table of another time.
    #[error("embedding table of version {found} with {dims} dimensions; this program reads version 1 with 128")]
    OtherFormat {
        /// The version in the header.
        found: u32,
        /// The dimensions in the header.
        dims: u32,
    },
    /// Cut short or altered.
    #[error(
        "the embedding table is damaged (its checksum does not match): make it again with scripts/distill-embeddings.py"
    )]
    Damaged,
    /// The vocabulary does not fit the tokenizer.
    #[error("the embedding table's vocabulary cannot be used by the tokenizer")]
    Vocabulary,
}

/// A parsed table. Rows stay as they are in the file: `i8` with one scale each.
#[derive(Debug)]
pub(super) struct Table<'a> {
    pub(super) tokens: Vec<&'a str>,
    pub(super) scales: Vec<f32>,
    matrix: &'a [u8],
}

impl<'a> Table<'a> {
    /// Reads a table and checks every length and the checksum.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, TableError> {
        let (header, body) = bytes.split_at_checked(HEADER_BYTES).ok_or(TableError::NotATable)?;
        if !header.starts_with(MAGIC) {
            return Err(TableError::NotATable);
        }
        let (version, rows) = (word(header, 8)?, word(header, 12)?);
        let (dims, words) = (word(header, 16)?, word(header, 20)?);
        if version != VERSION || usize::try_from(dims) != Ok(DIMS) {
            return Err(TableError::OtherFormat { found: version, dims });
        }
        if header.get(24..) != Some(Sha256::digest(body).as_slice()) {
            return Err(TableError::Damaged);
        }
        let rows = usize::try_from(rows).map_err(|_| TableError::Damaged)?;
        let words = usize::try_from(words).map_err(|_| TableError::Damaged)?;
        let (vocabulary, body) = body.split_at_checked(words).ok_or(TableError::Damaged)?;
        let (scales, matrix) = body.split_at_checked(rows * 4).ok_or(TableError::Damaged)?;
        if matrix.len() != rows * DIMS {
            return Err(TableError::Damaged);
        }
        let tokens = tokens(vocabulary, rows).ok_or(TableError::Damaged)?;
        let (quads, _) = scales.as_chunks::<4>();
        Ok(Self { tokens, scales: quads.iter().map(|quad| f32::from_le_bytes(*quad)).collect(), matrix })
    }

    /// The row of a token, and the scale that turns it into numbers.
    pub(super) fn row(&self, id: u32) -> Option<(&'a [u8; DIMS], f32)> {
        let index = usize::try_from(id).ok()?;
        let (rows, _) = self.matrix.as_chunks::<DIMS>();
        Some((rows.get(index)?, *self.scales.get(index)?))
    }
}

fn word(header: &[u8], at: usize) -> Result<u32, TableError> {
    let bytes = header.get(at..).and_then(<[u8]>::first_chunk::<4>).ok_or(TableError::NotATable)?;
    Ok(u32::from_le_bytes(*bytes))
}

fn tokens(mut bytes: &[u8], rows: usize) -> Option<Vec<&str>> {
    let mut tokens = Vec::with_capacity(rows);
    while let Some((length, rest)) = bytes.split_first() {
        let (token, rest) = rest.split_at_checked(usize::from(*length))?;
        tokens.push(std::str::from_utf8(token).ok()?);
        bytes = rest;
    }
    (tokens.len() == rows).then_some(tokens)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Vec<u8> {
        let mut body = Vec::new();
        for token in ["[PAD]", "[UNK]", "hat"] {
            body.push(u8::try_from(token.len()).unwrap());
            body.extend(token.as_bytes());
        }
        let words = u32::try_from(body.len()).unwrap();
        for scale in [0.0_f32, 0.0, 0.5] {
            body.extend(scale.to_le_bytes());
        }
        body.extend([0_u8; DIMS * 2]);
        body.extend([2_u8; DIMS]);
        let mut bytes = MAGIC.to_vec();
        for number in [VERSION, 3, 128, words] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend(Sha256::digest(&body));
        bytes.extend(body);
        bytes
    }

    #[test]
    fn a_written_table_is_read_back() {
        let bytes = sample();
        let table = Table::parse(&bytes).unwrap();
        assert_eq!(table.tokens, ["[PAD]", "[UNK]", "hat"]);
        assert_eq!(table.row(2), Some((&[2_u8; DIMS], 0.5)));
        assert_eq!(table.row(3), None);
    }

    #[test]
    fn damage_is_seen_wherever_it_is() {
        let whole = sample();
        for at in HEADER_BYTES..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            assert_eq!(Table::parse(&bytes).unwrap_err(), TableError::Damaged, "byte {at}");
        }
        for length in 0..whole.len() {
            assert!(Table::parse(&whole[..length]).is_err(), "cut to {length}");
        }
        assert_eq!(Table::parse(b"{}").unwrap_err(), TableError::NotATable);
    }

    #[test]
    fn another_version_is_named() {
        let mut bytes = sample();
        bytes[8] = 9;
        assert_eq!(Table::parse(&bytes).unwrap_err(), TableError::OtherFormat { found: 9, dims: 128 });
    }
}
