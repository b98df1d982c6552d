//! The governor: how much may be planned for one agent.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{GovernorLimits, Usd};

/// What an agent has used so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct GovernorUse {
    /// Posts planned in the last sixty minutes.
    pub planned_last_hour: u32,
    /// Spent or reserved since midnight UTC.
    pub spent_today: Usd,
}

/// Whether one more post may be planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GovernorVerdict {
    /// It may.
    Allowed,
    /// Too many posts in the hour.
    HourlyCap,
    /// The day's money would not cover it.
    DailySpendCap,
}

impl GovernorVerdict {
    /// The reason code of an alert; empty when allowed.
    #[must_use]
    pub const fn reason_code(self) -> &'static str {
        match self {
            Self::Allowed => "",
            Self::HourlyCap => "hourly_task_cap",
            Self::DailySpendCap => "daily_spend_cap",
        }
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
        if self.used.planned_last_hour >= self.limits.max_tasks_per_hour {
            return GovernorVerdict::HourlyCap;
        }
        let spent = self.used.spent_today.saturating_add(cost);
        if spent > self.limits.max_daily_spend {
            return GovernorVerdict::DailySpendCap;
        }
        self.used.planned_last_hour += 1;
        self.used.spent_today = spent;
        GovernorVerdict::Allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let mut governor = Governor::new(limits, GovernorUse { spent_today: Usd::cents(90), planned_last_hour: 0 });
        assert_eq!(governor.admit(Usd::cents(11)), GovernorVerdict::DailySpendCap);
        assert_eq!(governor.admit(Usd::cents(10)), GovernorVerdict::Allowed);
        assert_eq!(governor.admit(Usd::from_micros(1)), GovernorVerdict::DailySpendCap);
    }
}
