//! How a post's money is divided among its parts.

use crate::{Modality, Usd};

/// Splits a post's budget by what the parts usually cost: words 1, a picture 4, a video 15 parts. The shares never add
/// up to more than the budget.
#[must_use]
pub fn budget_shares(budget: Usd, modalities: &[Modality]) -> Vec<Usd> {
    let weight = |m: &Modality| match m {
        Modality::Text => 1,
        Modality::Image => 4,
        Modality::Video => 15,
    };
    let total: i64 = modalities.iter().map(weight).sum::<i64>().max(1);
    modalities.iter().map(|m| Usd::from_micros(budget.micros() / total * weight(m))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_never_exceed_the_budget() {
        for micros in [0, 1, 19, 20, 999_999, 2_000_003] {
            let budget = Usd::from_micros(micros);
            let shares = budget_shares(budget, &[Modality::Text, Modality::Image, Modality::Video]);
            assert!(shares.into_iter().sum::<Usd>() <= budget);
        }
    }
}
