//! Which video a post gets: the dear one only for what is hot, and only while there is money.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Score, Usd, VideoPlan, VideoTier};

/// When a post's video is a hero one, made from words alone, and not a daily one, the post's picture set in motion.
/// Where nothing is said, all are daily.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct VideoRule {
    /// A signal of this relevance or more may have a hero video, 0 to 1. Nothing said: none may.
    pub hero_from: Option<Score>,
    /// The same for a signal that is part of a trend. Nothing said: as for all.
    pub hero_from_trending: Option<Score>,
    /// What a hero video may cost. A post whose budget leaves less for its video has a daily one. Nothing said: all
    /// that its budget leaves.
    pub hero_usd: Option<Usd>,
    /// What a daily video may cost. Nothing said: all that the post's budget leaves for its video.
    pub daily_usd: Option<Usd>,
    /// A hero video is planned only while so much of the day's money is left beyond the signal's posts, the agent's and
    /// the campaign's, in percent.
    pub hero_keeps_percent: u8,
}

impl Default for VideoRule {
    fn default() -> Self {
        Self { hero_from: None, hero_from_trending: None, hero_usd: None, daily_usd: None, hero_keeps_percent: 50 }
    }
}

/// Somebody's money of the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayMoney {
    /// The most.
    pub cap: Usd,
    /// What is left of it.
    pub left: Usd,
}

impl VideoRule {
    /// The video of a post about such a signal, and the most it may cost, of the `share` of the post's budget that is
    /// there for it. `left` is what agent and campaign have once the signal's posts are paid.
    #[must_use]
    pub fn plan(&self, relevance: Score, trending: bool, share: Usd, left: &[DayMoney]) -> (VideoPlan, Usd) {
        let from = self.hero_from_trending.filter(|_| trending).or(self.hero_from);
        let is_hot = from.is_some_and(|from| relevance >= from);
        let has_budget = self.hero_usd.is_none_or(|price| price <= share);
        let keeps = |money: &DayMoney| {
            i128::from(money.left.micros()) * 100
                >= i128::from(money.cap.micros()) * i128::from(self.hero_keeps_percent)
        };
        if is_hot && has_budget && left.iter().all(keeps) {
            return (VideoPlan::of(VideoTier::Hero, self.daily_usd), self.hero_usd.unwrap_or(share));
        }
        let plan = VideoPlan::of(VideoTier::Daily, self.daily_usd);
        let cap = plan.cap(share);
        (plan, cap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SHARE: Usd = Usd::cents(75);

    fn rule() -> VideoRule {
        VideoRule {
            hero_from: Some(Score::percent(90)),
            hero_from_trending: Some(Score::percent(80)),
            hero_usd: Some(Usd::cents(60)),
            daily_usd: Some(Usd::cents(10)),
            hero_keeps_percent: 50,
        }
    }

    fn money(left: i32) -> DayMoney {
        DayMoney { cap: Usd::dollars(10), left: Usd::dollars(left) }
    }

    #[test]
    fn only_what_is_hot_and_can_be_afforded_has_a_hero_video() {
        let tier = |percent, trending, share, left: &[DayMoney]| {
            let (plan, cap) = rule().plan(Score::percent(percent), trending, share, left);
            (plan.tier, cap)
        };
        let (hero, daily) = ((VideoTier::Hero, Usd::cents(60)), (VideoTier::Daily, Usd::cents(10)));
        let rich = [money(9), money(5)];
        assert_eq!(tier(90, false, SHARE, &rich), hero);
        assert_eq!(tier(89, false, SHARE, &rich), daily);
        assert_eq!(tier(80, true, SHARE, &rich), hero, "a trend asks for less");
        assert_eq!(tier(79, true, SHARE, &rich), daily);
        assert_eq!(tier(99, true, Usd::cents(59), &rich), daily, "the post's budget has not the money");
        assert_eq!(tier(99, true, SHARE, &[money(9), money(4)]), daily, "nor has the campaign's day");
        assert_eq!(tier(99, true, SHARE, &[money(4)]), daily, "nor the agent's");
        assert_eq!(tier(99, true, SHARE, &[]), hero);
    }

    proptest! {
        /// Where nothing is set, a video is a daily one; whatever is set, it costs no more than the post has for it.
        #[test]
        fn the_default_is_daily_and_no_cap_is_beyond_the_share(
            relevance in 0.0..=1.0_f64, trending: bool, share in 0_i64..2_000_000, left in -5..10_i32,
            (hero, daily) in (prop::option::of(0_i64..2_000_000), prop::option::of(0_i64..2_000_000)), keeps in 0_u8..120,
        ) {
            let (relevance, share) = (Score::clamped(relevance), Usd::from_micros(share));
            let (plan, cap) = VideoRule::default().plan(relevance, trending, share, &[money(left)]);
            prop_assert_eq!((plan, cap), (VideoPlan::of(VideoTier::Daily, None), share));
            let rule = VideoRule {
                hero_usd: hero.map(Usd::from_micros),
                daily_usd: daily.map(Usd::from_micros),
                hero_keeps_percent: keeps,
                ..rule()
            };
            let (plan, cap) = rule.plan(relevance, trending, share, &[money(left)]);
            prop_assert!(cap <= share && cap >= Usd::ZERO);
            prop_assert!(plan.tier != VideoTier::Picture && plan.wanted == plan.tier && plan.steps.is_empty());
        }
    }
}
