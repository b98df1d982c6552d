//! The governor: how much may be planned for one agent, and for one campaign.

use chrono::{DateTime, TimeDelta, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::DayMoney;
use crate::{Campaign, CampaignLimits, GovernorLimits, SpendWindows, Usd};

/// What an agent has used so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct GovernorUse {
    /// Posts planned in the last sixty minutes.
    pub planned_last_hour: u32,
    /// Posts planned since midnight UTC; 0 where no cap asks for it.
    pub planned_today: u32,
    /// Spent or reserved since midnight UTC.
    pub spent_today: Usd,
}

/// What a campaign has used so far, all its agents together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct CampaignUse {
    /// Posts planned since midnight UTC; 0 where no cap asks for it.
    pub planned_today: u32,
    /// Spent or reserved since midnight UTC; 0 where no budget asks for it.
    pub spent_today: Usd,
}

/// Whether one more post may be planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GovernorVerdict {
    /// It may.
    Allowed,
    /// Too many posts of the agent in the hour.
    HourlyCap,
    /// Too many posts of the agent in the day.
    DailyCap,
    /// The agent's money of the day would not cover it.
    DailySpendCap,
    /// The campaign is quiet at this hour.
    QuietHours,
    /// Too many posts of the campaign in the day.
    CampaignDailyCap,
    /// The campaign's money of the day would not cover it.
    CampaignBudget,
}

impl GovernorVerdict {
    /// The reason code of an alert; empty when allowed.
    #[must_use]
    pub const fn reason_code(self) -> &'static str {
        match self {
            Self::Allowed => "",
            Self::HourlyCap => "hourly_task_cap",
            Self::DailyCap => "daily_task_cap",
            Self::DailySpendCap => "daily_spend_cap",
            Self::QuietHours => "quiet_hours",
            Self::CampaignDailyCap => "campaign_daily_task_cap",
            Self::CampaignBudget => "campaign_daily_budget",
        }
    }

    /// When there is room again, as far as the clock alone decides it: an hour after the first post of the last sixty minutes
    /// was planned, at the next midnight UTC, or at the end of the quiet hours. `None` when it is allowed, or nobody knows.
    #[must_use]
    pub fn until(
        self,
        now: DateTime<Utc>,
        first_planned: Option<DateTime<Utc>>,
        quiet_until: Option<DateTime<Utc>>,
    ) -> Option<DateTime<Utc>> {
        match self {
            Self::Allowed => None,
            Self::HourlyCap => first_planned.map(|first| first + TimeDelta::hours(1)),
            Self::QuietHours => quiet_until,
            Self::DailyCap | Self::DailySpendCap | Self::CampaignDailyCap | Self::CampaignBudget => {
                Some(SpendWindows::midnight(now) + TimeDelta::days(1))
            }
        }
    }

    /// Whether it is the campaign, not the agent, that has no room.
    #[must_use]
    pub const fn is_of_campaign(self) -> bool {
        matches!(self, Self::QuietHours | Self::CampaignDailyCap | Self::CampaignBudget)
    }
}

/// Counts what is planned against an agent's limits.
#[derive(Debug, Clone, Copy)]
pub struct Governor {
    limits: GovernorLimits,
    used: GovernorUse,
}

impl Governor {
    /// A governor for an agent that has already used something.
    #[must_use]
    pub const fn new(limits: GovernorLimits, used: GovernorUse) -> Self {
        Self { limits, used }
    }

    /// Asks for one more post of at most `cost`, and counts it when allowed.
    pub fn admit(&mut self, cost: Usd) -> GovernorVerdict {
        let verdict = self.check(cost);
        if verdict == GovernorVerdict::Allowed {
            self.count(cost);
        }
        verdict
    }

    /// The agent's money of the day, beyond what is counted.
    #[must_use]
    pub const fn money(&self) -> DayMoney {
        let cap = self.limits.max_daily_spend;
        DayMoney { cap, left: cap.saturating_sub(self.used.spent_today) }
    }

    fn check(&self, cost: Usd) -> GovernorVerdict {
        if self.used.planned_last_hour >= self.limits.max_tasks_per_hour {
            return GovernorVerdict::HourlyCap;
        }
        if self.limits.max_tasks_per_day.is_some_and(|cap| self.used.planned_today >= cap) {
            return GovernorVerdict::DailyCap;
        }
        if self.used.spent_today.saturating_add(cost) > self.limits.max_daily_spend {
            return GovernorVerdict::DailySpendCap;
        }
        GovernorVerdict::Allowed
    }

    fn count(&mut self, cost: Usd) {
        self.used.planned_last_hour = self.used.planned_last_hour.saturating_add(1);
        self.used.planned_today = self.used.planned_today.saturating_add(1);
        self.used.spent_today = self.used.spent_today.saturating_add(cost);
    }
}

/// Counts what is planned against a campaign's limits, whichever of its agents speaks.
#[derive(Debug, Clone)]
pub struct CampaignGovernor {
    limits: CampaignLimits,
    quiet: bool,
    used: CampaignUse,
}

impl CampaignGovernor {
    /// The governor, as of `now`, of a campaign that has already used something.
    #[must_use]
    pub fn new(campaign: &Campaign, used: CampaignUse, now: DateTime<Utc>) -> Self {
        Self { limits: campaign.limits.clone(), quiet: campaign.quiet_until(now).is_some(), used }
    }

    /// Asks for one more post of at most `cost` of both the campaign and its agent, and counts it with both when both
    /// allow it. Quiet hours come first: nothing else needs to be known while they last.
    pub fn admit(&mut self, agent: &mut Governor, cost: Usd) -> GovernorVerdict {
        let verdict = match self.check(cost) {
            GovernorVerdict::Allowed => agent.admit(cost),
            refused => refused,
        };
        if verdict == GovernorVerdict::Allowed {
            self.used.planned_today = self.used.planned_today.saturating_add(1);
            self.used.spent_today = self.used.spent_today.saturating_add(cost);
        }
        verdict
    }

    /// Asks for one more reply of at most `cost`: of the campaign, which must not be quiet, of the money that both have for
    /// the day, and of the agent's `share` for replies ([`GovernorLimits::of_replies`]), which alone counts it. Posts lose no
    /// place by it.
    pub fn admit_reply(&mut self, agent: &mut Governor, share: &mut Governor, cost: Usd) -> GovernorVerdict {
        if self.quiet {
            return GovernorVerdict::QuietHours;
        }
        if self.money().is_some_and(|money| cost > money.left) {
            return GovernorVerdict::CampaignBudget;
        }
        if cost > agent.money().left {
            return GovernorVerdict::DailySpendCap;
        }
        let verdict = share.admit(cost);
        if verdict == GovernorVerdict::Allowed {
            agent.used.spent_today = agent.used.spent_today.saturating_add(cost);
            self.used.spent_today = self.used.spent_today.saturating_add(cost);
        }
        verdict
    }

    /// The campaign's money of the day, beyond what is counted; `None` where it has no budget.
    #[must_use]
    pub fn money(&self) -> Option<DayMoney> {
        let money = |cap: Usd| DayMoney { cap, left: cap.saturating_sub(self.used.spent_today) };
        self.limits.daily_budget_usd.map(money)
    }

    fn check(&self, cost: Usd) -> GovernorVerdict {
        if self.quiet {
            return GovernorVerdict::QuietHours;
        }
        if self.limits.daily_task_cap.is_some_and(|cap| self.used.planned_today >= cap) {
            return GovernorVerdict::CampaignDailyCap;
        }
        let spent = self.used.spent_today.saturating_add(cost);
        if self.limits.daily_budget_usd.is_some_and(|budget| spent > budget) {
            return GovernorVerdict::CampaignBudget;
        }
        GovernorVerdict::Allowed
    }
}

impl CampaignLimits {
    /// Whether what the campaign has planned or spent today has to be known to plan for it.
    #[must_use]
    pub const fn are_counted(&self) -> bool {
        self.daily_task_cap.is_some() || self.daily_budget_usd.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::tests::campaign;
    use proptest::prelude::*;

    fn now() -> DateTime<Utc> {
        "2026-07-01T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn ten_an_hour_and_not_eleven() {
        let mut governor = Governor::new(GovernorLimits::default(), GovernorUse::default());
        let admitted = (0..20).filter(|_| governor.admit(Usd::cents(1)) == GovernorVerdict::Allowed).count();
        assert_eq!(admitted, 10);
        assert_eq!(governor.admit(Usd::ZERO), GovernorVerdict::HourlyCap);
    }

    #[test]
    fn the_days_money_is_never_overdrawn() {
        let limits =
            GovernorLimits { max_daily_spend: Usd::dollars(1), max_tasks_per_hour: 100, ..GovernorLimits::default() };
        let used = GovernorUse { spent_today: Usd::cents(90), ..GovernorUse::default() };
        let mut governor = Governor::new(limits, used);
        assert_eq!(governor.admit(Usd::cents(11)), GovernorVerdict::DailySpendCap);
        assert_eq!(governor.admit(Usd::cents(10)), GovernorVerdict::Allowed);
        assert_eq!(governor.admit(Usd::from_micros(1)), GovernorVerdict::DailySpendCap);
    }

    #[test]
    fn each_refusal_says_when_the_clock_lifts_it() {
        let at = |text: &str| Some(text.parse::<DateTime<Utc>>().unwrap());
        let (first, quiet) = (at("2026-07-01T11:20:00Z"), at("2026-07-01T13:00:00Z"));
        let until = |verdict: GovernorVerdict| verdict.until(now(), first, quiet);
        assert_eq!(until(GovernorVerdict::Allowed), None);
        assert_eq!(until(GovernorVerdict::HourlyCap), at("2026-07-01T12:20:00Z"));
        assert_eq!(until(GovernorVerdict::QuietHours), quiet);
        assert_eq!(until(GovernorVerdict::CampaignBudget), at("2026-07-02T00:00:00Z"));
        assert_eq!(GovernorVerdict::HourlyCap.until(now(), None, None), None, "a cap of nothing never turns");
    }

    #[test]
    fn a_quiet_campaign_plans_nothing_and_uses_up_nothing() {
        let mut campaign = campaign();
        campaign.limits.quiet_hours = Some("11:00-13:00 UTC".parse().unwrap());
        let mut agent = Governor::new(GovernorLimits::default(), GovernorUse::default());
        let mut quiet = CampaignGovernor::new(&campaign, CampaignUse::default(), now());
        assert_eq!(quiet.admit(&mut agent, Usd::ZERO), GovernorVerdict::QuietHours);
        assert_eq!((agent.used, quiet.used), (GovernorUse::default(), CampaignUse::default()));
        let later = now() + chrono::TimeDelta::hours(1);
        let mut awake = CampaignGovernor::new(&campaign, CampaignUse::default(), later);
        assert_eq!(awake.admit(&mut agent, Usd::ZERO), GovernorVerdict::Allowed);
    }

    #[test]
    fn a_flood_of_comments_takes_half_and_no_post_loses_its_place() {
        let limits =
            GovernorLimits { max_tasks_per_hour: 5, max_daily_spend: Usd::cents(100), ..GovernorLimits::default() };
        let mut agent = Governor::new(limits, GovernorUse::default());
        let mut share = Governor::new(limits.of_replies(), GovernorUse::default());
        let mut whole = CampaignGovernor::new(&campaign(), CampaignUse::default(), now());
        let flood = |whole: &mut CampaignGovernor, agent: &mut Governor, share: &mut Governor, cost| {
            (0..50).filter(|_| whole.admit_reply(agent, share, cost) == GovernorVerdict::Allowed).count()
        };
        assert_eq!(flood(&mut whole, &mut agent, &mut share, Usd::cents(1)), 3);
        assert_eq!((0..9).filter(|_| whole.admit(&mut agent, Usd::ZERO) == GovernorVerdict::Allowed).count(), 5);
        let mut share = Governor::new(
            GovernorLimits { max_tasks_per_hour: 99, ..limits }.of_replies(),
            GovernorUse { spent_today: Usd::cents(3), ..GovernorUse::default() },
        );
        assert_eq!(flood(&mut whole, &mut agent, &mut share, Usd::cents(10)), 4, "half of the day's money");
        assert_eq!(agent.money().left, Usd::cents(57));
        let spent = GovernorUse { spent_today: Usd::cents(95), ..GovernorUse::default() };
        let mut poor = Governor::new(limits, spent);
        let mut share = Governor::new(limits.of_replies(), GovernorUse::default());
        assert_eq!(whole.admit_reply(&mut poor, &mut share, Usd::cents(6)), GovernorVerdict::DailySpendCap);
        assert_eq!(whole.admit_reply(&mut poor, &mut share, Usd::ZERO), GovernorVerdict::Allowed, "the truth is free");
    }

    proptest! {
        /// Whatever is asked for: no cap is ever broken, what is refused uses up nothing, and a refusal names a cap that
        /// the post would really have broken.
        #[test]
        fn no_cap_is_broken_and_no_refusal_is_without_cause(
            (hourly, daily, spend) in (0_u32..6, prop::option::of(0_u32..8), 0_i64..40),
            (cap, budget) in (prop::option::of(1_u32..8), prop::option::of(0_i64..40)),
            costs in prop::collection::vec(0_i64..9, 0..30),
        ) {
            let limits = GovernorLimits {
                max_daily_spend: Usd::from_micros(spend),
                max_tasks_per_hour: hourly,
                max_tasks_per_day: daily,
                ..GovernorLimits::default()
            };
            let budget = budget.map(Usd::from_micros);
            let mut campaign = campaign();
            campaign.limits = CampaignLimits { daily_task_cap: cap, daily_budget_usd: budget, ..CampaignLimits::default() };
            let mut agent = Governor::new(limits, GovernorUse::default());
            let mut both = CampaignGovernor::new(&campaign, CampaignUse::default(), now());
            let (mut posts, mut spent) = (0_u32, Usd::ZERO);
            for cost in costs.into_iter().map(Usd::from_micros) {
                let wanted = spent.saturating_add(cost);
                match both.admit(&mut agent, cost) {
                    GovernorVerdict::Allowed => (posts, spent) = (posts + 1, wanted),
                    GovernorVerdict::HourlyCap => prop_assert_eq!(posts, hourly),
                    GovernorVerdict::DailyCap => prop_assert_eq!(Some(posts), daily),
                    GovernorVerdict::DailySpendCap => prop_assert!(wanted > limits.max_daily_spend),
                    GovernorVerdict::CampaignDailyCap => prop_assert_eq!(Some(posts), cap),
                    GovernorVerdict::CampaignBudget => prop_assert!(budget.is_some_and(|budget| wanted > budget)),
                    GovernorVerdict::QuietHours => prop_assert!(false, "never quiet"),
                }
                prop_assert!(posts <= hourly && spent <= limits.max_daily_spend);
                prop_assert!(daily.is_none_or(|cap| posts <= cap) && cap.is_none_or(|cap| posts <= cap));
                prop_assert!(budget.is_none_or(|budget| spent <= budget));
                prop_assert_eq!((agent.used.planned_last_hour, both.used.planned_today), (posts, posts));
                prop_assert_eq!((agent.used.spent_today, both.used.spent_today), (spent, spent));
            }
        }
    }
}
