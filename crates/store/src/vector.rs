//! Embeddings in columns: numbers of four bytes each, little-endian, on SQLite; `real[]` on PostgreSQL, which goes over
//! the wire as text, so that no type of an extension is needed.

use std::fmt::Write as _;

/// The bytes of numbers.
pub(crate) fn to_bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// The numbers that these bytes are; `None` when they are cut off.
pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Vec<f32>> {
    let (numbers, rest) = bytes.as_chunks::<4>();
    rest.is_empty().then(|| numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
}

/// The numbers between two brackets, each with as many digits as make it come back exactly.
pub(crate) fn to_text(values: &[f32], brackets: [char; 2]) -> String {
    let [open, close] = brackets;
    let mut text = String::with_capacity(values.len() * 12 + 2);
    text.push(open);
    for (place, value) in values.iter().enumerate() {
        if place > 0 {
            text.push(',');
        }
        // Writing to a text can't fail.
        let _ = write!(text, "{value}");
    }
    text.push(close);
    text
}

/// How PostgreSQL writes an array.
pub(crate) const ARRAY: [char; 2] = ['{', '}'];
/// How pgvector writes a vector.
pub(crate) const VECTOR: [char; 2] = ['[', ']'];

/// The numbers of a PostgreSQL array; `None` when it is none of bare numbers.
pub(crate) fn from_array(text: &str) -> Option<Vec<f32>> {
    let inner = text.strip_prefix('{')?.strip_suffix('}')?;
    if inner.is_empty() {
        return Some(vec![]);
    }
    inner.split(',').map(|number| number.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_damaged_is_told() {
        assert_eq!(from_bytes(&[0; 7]), None);
        assert_eq!(from_bytes(&[]), Some(vec![]));
        assert_eq!(from_array("{}"), Some(vec![]));
        for text in ["", "{", "{1,}", "{1,NULL}", "{{1},{2}}", "[1]"] {
            assert_eq!(from_array(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn numbers_come_back_bit_for_bit(values in prop::collection::vec(prop::num::f32::NORMAL | prop::num::f32::SUBNORMAL | prop::num::f32::ZERO, 0..20)) {
            let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
            prop_assert_eq!(bits(&from_bytes(&to_bytes(&values)).unwrap()), bits(&values));
            prop_assert_eq!(bits(&from_array(&to_text(&values, ARRAY)).unwrap()), bits(&values));
        }
    }
}
