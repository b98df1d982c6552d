//! One way to turn values into bytes for a hash: the same on every machine and database, and no two lists of values
//! alike.
//!
//! A hash begins with a tag that names what is hashed and the version of its layout. Each field follows as its length in
//! bytes (8 bytes, big-endian) and its bytes: a text as UTF-8, an id as its 16 bytes, a whole number or a time (in
//! microseconds since 1970) as 8 bytes, big-endian two's complement, a real number as its IEEE 754 bits, big-endian. A
//! value that is absent is a length of 2^64 - 1 without bytes. A list is the number of its items, then the items.

use chrono::{DateTime, Utc};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

const ABSENT: u64 = u64::MAX;

/// A hash in the making.
pub(super) struct Canonical(Sha256);

impl Canonical {
    /// Nothing yet, under this tag.
    pub(super) fn new(tag: &str) -> Self {
        Self(Sha256::new()).text(tag)
    }

    pub(super) fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.update((bytes.len() as u64).to_be_bytes());
        self.0.update(bytes);
        self
    }

    /// A text. NUL counts as U+FFFD, which is what is stored for it.
    pub(super) fn text(self, text: &str) -> Self {
        if text.contains('\0') {
            self.bytes(text.replace('\0', "\u{FFFD}").as_bytes())
        } else {
            self.bytes(text.as_bytes())
        }
    }

    pub(super) fn id(self, id: Uuid) -> Self {
        self.bytes(id.as_bytes())
    }

    pub(super) fn int(self, number: i64) -> Self {
        self.bytes(&number.to_be_bytes())
    }

    /// A real number; the two zeros count as one, for PostgreSQL's JSON knows only one.
    pub(super) fn real(self, number: f64) -> Self {
        let bits = if number == 0.0 { 0 } else { number.to_bits() };
        self.bytes(&bits.to_be_bytes())
    }

    /// A time, cut to the microsecond.
    pub(super) fn time(self, time: DateTime<Utc>) -> Self {
        self.int(time.timestamp_micros())
    }

    pub(super) fn optional<T>(mut self, value: Option<T>, write: impl FnOnce(Self, T) -> Self) -> Self {
        match value {
            Some(value) => write(self, value),
            None => {
                self.0.update(ABSENT.to_be_bytes());
                self
            }
        }
    }

    pub(super) fn list<T>(self, items: &[T], write: impl Fn(Self, &T) -> Self) -> Self {
        let counted = self.int(i64::try_from(items.len()).unwrap_or(i64::MAX));
        items.iter().fold(counted, write)
    }

    pub(super) fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(write: impl FnOnce(Canonical) -> Canonical) -> [u8; 32] {
        write(Canonical::new("test")).finish()
    }

    #[test]
    fn the_layout_is_the_one_that_is_written_down() {
        let mut bytes = Vec::new();
        for field in [&b"test"[..], "é".as_bytes(), &(-2_i64).to_be_bytes(), &1.5_f64.to_bits().to_be_bytes()] {
            bytes.extend((field.len() as u64).to_be_bytes());
            bytes.extend(field);
        }
        bytes.extend([0xff; 8]);
        let wanted: [u8; 32] = Sha256::digest(bytes).into();
        assert_eq!(hash(|c| c.text("é").int(-2).real(1.5).optional(None::<&str>, Canonical::text)), wanted);
    }

    #[test]
    fn different_values_never_run_together() {
        let text = |c: Canonical, t: &&str| c.text(t);
        let all = [
            hash(|c| c.text("ab").text("c")),
            hash(|c| c.text("a").text("bc")),
            hash(|c| c.text("abc")),
            hash(|c| c.text("abc").text("")),
            hash(|c| c.text("abc").optional(None::<&str>, Canonical::text)),
            hash(|c| c.list(&["a", "bc"], text)),
            hash(|c| c.list(&["a"], text).text("bc")),
            hash(|c| c.list(&[], text).text("a").text("bc")),
        ];
        for (at, one) in all.iter().enumerate() {
            assert!(!all[at + 1..].contains(one), "{at}");
        }
    }

    #[test]
    fn what_a_database_evens_out_makes_no_difference() {
        assert_eq!(hash(|c| c.text("a\0b")), hash(|c| c.text("a\u{FFFD}b")));
        assert_eq!(hash(|c| c.real(-0.0)), hash(|c| c.real(0.0)));
        let fine = DateTime::from_timestamp(1, 999_999_999).unwrap();
        assert_eq!(hash(|c| c.time(fine)), hash(|c| c.time(DateTime::from_timestamp(1, 999_999_000).unwrap())));
    }
}
