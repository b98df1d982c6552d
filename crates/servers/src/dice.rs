//! Repeatable chance: the same seed and names always fall the same way.

use sha2::{Digest, Sha256};

/// SplitMix64 (Steele, Lea, Flood, OOPSLA 2014), seeded directly or with SHA-256: tiny, portable, and the same on every
/// machine and compiler. Neither the stream nor the seeding may change, or recorded runs would no longer repeat and
/// agents would change their looks; a general-purpose generator may do that between versions.
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    /// Starts from the given state.
    #[cfg(test)]
    pub(crate) const fn from_seed(seed: u64) -> Self {
        Self(seed)
    }

    /// Dice for one purpose: a seed, and names that are told apart by their lengths, so `["ab", "c"]` and `["a", "bc"]`
    /// differ. Numbers go in big-endian.
    pub(crate) fn from_names(seed: u64, names: &[&str]) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(seed.to_be_bytes());
        for name in names {
            hasher.update((name.len() as u64).to_be_bytes());
            hasher.update(name.as_bytes());
        }
        Self::from_digest(hasher)
    }

    /// Dice for a list of parts, told apart by their lengths too. Lengths go in little-endian.
    pub(crate) fn from_parts(parts: &[&[u8]]) -> Self {
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        Self::from_digest(hasher)
    }

    fn from_digest(hasher: Sha256) -> Self {
        Self(hasher.finalize().iter().take(8).fold(0, |bits, byte| (bits << 8) | u64::from(*byte)))
    }

    /// The next 64 bits.
    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number from 0 (inclusive) to 1 (exclusive), in steps of 2^-53.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A number from 0 (inclusive) to 1 (exclusive), in steps of 2^-16, which any target draws alike.
    pub(crate) fn unit_f32(&mut self) -> f32 {
        let bits = u16::try_from(self.bits() >> 48).unwrap_or(u16::MAX);
        f32::from(bits) / 65_536.0
    }

    /// A number from `low` to `high`, all equally likely.
    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// The same in steps of 2^-16 of the way.
    pub(crate) fn between_f32(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit_f32()
    }

    /// True with the given probability.
    pub(crate) fn chance(&mut self, probability: f32) -> bool {
        self.unit_f32() < probability
    }

    /// A nearly normal number: mean 0, deviation 1, never beyond 6 (the sum of twelve uniform ones).
    pub(crate) fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }

    /// A number in `0..count`; 0 when `count` is 0.
    #[expect(clippy::cast_possible_truncation, reason = "the remainder is below a usize")]
    pub(crate) fn below(&mut self, count: usize) -> usize {
        (self.bits() % (count.max(1) as u64)) as usize
    }

    /// One of the items, all equally likely; nothing, at the price of a number, when there are none.
    pub(crate) fn pick<T: Copy>(&mut self, items: &[T]) -> Option<T> {
        let index = self.below(items.len());
        items.get(index).copied()
    }

    /// One of the items; the default when there is none.
    pub(crate) fn pick_or_default<T: Copy + Default>(&mut self, items: &[T]) -> T {
        self.pick(items).unwrap_or_default()
    }

    /// Puts `items` in a random order (Fisher-Yates).
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES_SEED: u64 = 0xE59E_CA1A_8662_1424;
    const PARTS_SEED: u64 = 0xCF6A_B613_E394_2391;

    #[test]
    fn both_seedings_are_what_they_always_were() {
        // SHA-256 of the length-prefixed parts, worked out apart from this code.
        assert_eq!(Dice::from_names(7, &["a", "b"]).0, NAMES_SEED);
        assert_eq!(Dice::from_parts(&[b"a", b"b"]).0, PARTS_SEED);
        assert_ne!(Dice::from_names(7, &["ab"]).0, NAMES_SEED);
        assert_ne!(Dice::from_names(8, &["a", "b"]).0, NAMES_SEED);
        assert_ne!(Dice::from_parts(&[b"ab"]).0, PARTS_SEED);
    }

    #[test]
    fn splitmix_gives_its_published_first_number() {
        assert_eq!(Dice::from_seed(0).bits(), 0xE220_A839_7B1D_CDAF);
    }

    #[test]
    fn numbers_stay_in_their_bounds_and_picks_reach_every_item() {
        let mut dice = Dice::from_names(1, &["bounds"]);
        let mut seen = [false; 3];
        for _ in 0..1_000 {
            assert!((0.0..1.0).contains(&dice.unit()));
            assert!((0.0..1.0).contains(&dice.unit_f32()));
            assert!(dice.normal().abs() <= 6.0);
            seen[dice.pick(&[0_usize, 1, 2]).unwrap()] = true;
        }
        assert_eq!(seen, [true; 3]);
        assert_eq!(dice.pick::<u8>(&[]), None);
        assert_eq!(dice.pick_or_default::<u8>(&[]), 0);
    }
}
