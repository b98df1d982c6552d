//! How a post's money is divided among its parts.

use crate::{Modality, Usd};

/// What is made for a post of these, in this order, with the most that each may cost. A video begins with a picture, so
/// one is made for it even where the post shows none.
///
/// The budget is split by what the parts usually cost: words 1, a picture 4, a video 15 parts. The shares never add up
/// to more than the budget.
#[must_use]
pub fn budget_parts(budget: Usd, modalities: &[Modality]) -> Vec<(Modality, Usd)> {
    let weight = |m: &Modality| match m {
        Modality::Text => 1,
        Modality::Image => 4,
        Modality::Video => 15,
    };
    let mut parts = modalities.to_vec();
    if parts.contains(&Modality::Video) {
        parts.push(Modality::Image);
    }
    parts.sort();
    parts.dedup();
    let total: i64 = parts.iter().map(weight).sum::<i64>().max(1);
    let share = |m: Modality| (m, Usd::from_micros(budget.micros() / total * weight(&m)));
    parts.into_iter().map(share).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_never_exceed_the_budget() {
        for micros in [0, 1, 19, 20, 999_999, 2_000_003] {
            let budget = Usd::from_micros(micros);
            let parts = budget_parts(budget, &[Modality::Text, Modality::Image, Modality::Video]);
            assert!(parts.into_iter().map(|(_, share)| share).sum::<Usd>() <= budget);
        }
    }

    #[test]
    fn a_video_begins_with_a_picture() {
        let made = |modalities: &[Modality]| {
            budget_parts(Usd::dollars(1), modalities).into_iter().map(|(part, _)| part).collect::<Vec<_>>()
        };
        assert_eq!(made(&[Modality::Text, Modality::Video]), [Modality::Text, Modality::Image, Modality::Video]);
        assert_eq!(made(&[Modality::Text, Modality::Image]), [Modality::Text, Modality::Image]);
    }
}
