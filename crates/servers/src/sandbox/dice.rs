//! Repeatable chance: the same seed and names always fall the same way.

use sha2::{Digest, Sha256};

/// A stream of numbers that depends on nothing but a seed and the names it was made with.
///
/// SHA-256 spreads the names, SplitMix64 (Steele, Lea, Flood, OOPSLA 2014) makes the stream; neither may change, or
/// recorded runs would no longer repeat.
#[derive(Debug, Clone)]
pub(super) struct Dice(u64);

impl Dice {
    /// Dice for one purpose. Names are told apart by their lengths, so `["ab", "c"]` and `["a", "bc"]` differ.
    pub(super) fn new(seed: u64, names: &[&str]) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(seed.to_be_bytes());
        for name in names {
            hasher.update((name.len() as u64).to_be_bytes());
            hasher.update(name.as_bytes());
        }
        let digest = hasher.finalize();
        Self(digest.iter().take(8).fold(0, |bits, byte| (bits << 8) | u64::from(*byte)))
    }

    /// The next 64 bits.
    pub(super) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number from 0 (inclusive) to 1 (exclusive).
    pub(super) fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A number from `low` to `high`, all equally likely.
    pub(super) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// A nearly normal number: mean 0, deviation 1, never beyond 6 (the sum of twelve uniform ones).
    pub(super) fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }

    /// One of the items, all equally likely; nothing when there are none.
    pub(super) fn pick<T: Copy>(&mut self, items: &[T]) -> Option<T> {
        let count = items.len() as u64;
        let index = self.bits().checked_rem(count)?;
        items.get(usize::try_from(index).ok()?).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_never_changes() {
        let mut dice = Dice::new(7, &["a", "b"]);
        let again = Dice::new(7, &["a", "b"]).bits();
        assert_eq!(dice.bits(), again);
        assert_ne!(Dice::new(7, &["ab"]).bits(), again);
        assert_ne!(Dice::new(8, &["a", "b"]).bits(), again);
    }

    #[test]
    fn splitmix_gives_its_published_first_number() {
        assert_eq!(Dice(0).bits(), 0xE220_A839_7B1D_CDAF);
    }

    #[test]
    fn numbers_stay_in_their_bounds_and_picks_reach_every_item() {
        let mut dice = Dice::new(1, &["bounds"]);
        let mut seen = [false; 3];
        for _ in 0..1_000 {
            assert!((0.0..1.0).contains(&dice.unit()));
            assert!(dice.normal().abs() <= 6.0);
            seen[dice.pick(&[0_usize, 1, 2]).unwrap()] = true;
        }
        assert_eq!(seen, [true; 3]);
        assert_eq!(dice.pick::<u8>(&[]), None);
    }
}
