//! Choices that look free and are not: each follows from the ask alone.

use chimera_domain::sha256_parts;

/// A source of choices. Every choice has a label of its own, so that adding one leaves the others as they were.
#[derive(Debug, Clone)]
pub(super) struct Dice {
    seed: String,
}

impl Dice {
    pub(super) fn new(parts: &[&str]) -> Self {
        let bytes: Vec<&[u8]> = parts.iter().map(|part| part.as_bytes()).collect();
        Self { seed: sha256_parts(&bytes) }
    }

    /// A number in `0..sides`, or 0 without sides.
    pub(super) fn roll(&self, label: &str, sides: usize) -> usize {
        let digest = sha256_parts(&[self.seed.as_bytes(), label.as_bytes()]);
        // Fifteen hexadecimal digits always fit 64 bits; sides are few, so the modulo's slant is beyond notice.
        let number = digest.get(..15).and_then(|hex| u64::from_str_radix(hex, 16).ok()).unwrap_or(0);
        u64::try_from(sides)
            .ok()
            .and_then(|sides| number.checked_rem(sides))
            .and_then(|rest| usize::try_from(rest).ok())
            .unwrap_or(0)
    }

    /// Whether a chance of `percent` in a hundred comes true.
    pub(super) fn chance(&self, label: &str, percent: usize) -> bool {
        self.roll(label, 100) < percent
    }

    /// The options in an order of chance.
    pub(super) fn shuffled<T>(&self, label: &str, options: impl IntoIterator<Item = T>) -> Vec<T> {
        let mut rest: Vec<T> = options.into_iter().collect();
        let mut out = Vec::with_capacity(rest.len());
        while !rest.is_empty() {
            let at = self.roll(&format!("{label}#{}", out.len()), rest.len());
            out.push(rest.swap_remove(at));
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_chooses_the_same_and_another_otherwise() {
        let (a, b) = (Dice::new(&["one"]), Dice::new(&["two"]));
        let order = |dice: &Dice| dice.shuffled("x", 0..20);
        assert_eq!(order(&a), order(&a));
        assert_ne!(order(&a), order(&b));
        assert_ne!(a.shuffled("x", 0..20), a.shuffled("y", 0..20));
        let mut sorted = order(&a);
        sorted.sort_unstable();
        assert_eq!(sorted, (0..20).collect::<Vec<_>>());
    }

    #[test]
    fn all_sides_come_up() {
        let seen: std::collections::BTreeSet<_> = (0..200).map(|n| Dice::new(&[&n.to_string()]).roll("d", 6)).collect();
        assert_eq!(seen.len(), 6);
        assert_eq!(Dice::new(&[]).roll("d", 0), 0);
    }
}
