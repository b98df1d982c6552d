//! Spending: what is set aside before a call that costs, how that ends, and in which day and hour it counts.
//!
//! reserve -> spend -> settle or release. An entry of the ledger is one reservation with its end; what it counts toward
//! the caps is [`LedgerEntry::counted`], whatever its state.

use std::fmt;

use chrono::{DateTime, NaiveTime, SubsecRound, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::{AgentId, CampaignId, StateVersion, TaskId, ToolCallId, TraceId, Usd, wire::wire_enum};

/// Names one reservation, once in a tenant; whoever starts afresh after a crash uses the same. It becomes part of keys:
/// keep it short, without white space.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReservationId(String);

impl ReservationId {
    /// A reservation's name.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The name of one attempt at a task: the version that the claim gave it is its fencing token.
    #[must_use]
    pub fn of_attempt(task_id: TaskId, version: StateVersion) -> Self {
        Self(format!("{task_id}:{}", version.get()))
    }

    /// The name of what a call cost that no attempt at a task made, such as a question to the mind.
    #[must_use]
    pub fn of_call(call: ToolCallId) -> Self {
        Self(format!("call:{call}"))
    }

    /// The name itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ReservationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The most that may be spent and reserved together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpendCaps {
    /// From midnight to midnight, UTC.
    pub daily: Usd,
    /// In one hour of the clock; None for no such cap.
    pub hourly: Option<Usd>,
}

/// A cap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpendCap {
    /// [`SpendCaps::daily`].
    Daily,
    /// [`SpendCaps::hourly`].
    Hourly,
}

impl SpendCap {
    /// Why something was refused, for programs.
    #[must_use]
    pub const fn reason_code(self) -> &'static str {
        match self {
            Self::Daily => "daily_spend_cap",
            Self::Hourly => "hourly_spend_cap",
        }
    }
}

impl SpendCaps {
    /// Caps that nothing reaches.
    pub const NONE: Self = Self { daily: Usd::COUNTABLE_MAX, hourly: None };

    /// The cap that has no room for `amount` beside what is used, and what it leaves: below zero when it was lowered or
    /// a settlement went beyond it. The daily one when both refuse.
    #[must_use]
    pub fn refusal(self, used: SpendUse, amount: Usd) -> Option<(SpendCap, Usd)> {
        let hourly = self.hourly.unwrap_or(Usd::COUNTABLE_MAX);
        [(SpendCap::Daily, used.today, self.daily), (SpendCap::Hourly, used.this_hour, hourly)]
            .into_iter()
            .map(|(which, used, cap)| (which, used, cap.clamp(Usd::ZERO, Usd::COUNTABLE_MAX)))
            .find(|(_, used, cap)| used.saturating_add(amount) > *cap)
            .map(|(which, used, cap)| (which, cap.saturating_sub(used)))
    }
}

/// A wish to spend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpendRequest {
    /// Whose money.
    pub agent_id: AgentId,
    /// Asking again with the same name reserves once.
    pub reservation: ReservationId,
    /// The most that it will cost; not negative, at most a billion dollars.
    pub amount: Usd,
    /// The caps as they stand now.
    pub caps: SpendCaps,
    /// The caller's present moment. One that lies before a window which has begun counts in that window.
    pub at: DateTime<Utc>,
}

/// The answer to a [`SpendRequest`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reserved {
    /// The money is set aside, now or by an earlier call with the same name. Settle or release it.
    Granted,
    /// It would go beyond a cap; nothing was set aside.
    Refused {
        /// The cap; the daily one when both refuse.
        cap: SpendCap,
        /// What that cap leaves: below zero when it was lowered or a settlement went beyond it.
        left: Usd,
    },
    /// A reservation of that name was settled or released before: the wish is an old one, come late.
    Closed,
}

/// What settling or releasing did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// The reservation was closed by this call.
    Now,
    /// It had been settled; nothing changed.
    AlreadySettled,
    /// It had been released; nothing changed.
    AlreadyReleased,
}

/// What an agent has spent and reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SpendUse {
    /// Since midnight, UTC.
    pub today: Usd,
    /// Since the hour began.
    pub this_hour: Usd,
}

impl SpendUse {
    /// The same with one more amount in both windows.
    #[must_use]
    pub const fn and(self, amount: Usd) -> Self {
        Self { today: self.today.saturating_add(amount), this_hour: self.this_hour.saturating_add(amount) }
    }

    /// What is left of it without this part.
    #[must_use]
    pub const fn without(self, part: Self) -> Self {
        Self { today: self.today.saturating_sub(part.today), this_hour: self.this_hour.saturating_sub(part.this_hour) }
    }
}

wire_enum! {
    /// How an entry of the spend ledger stands.
    pub enum EntryState ("ledger entry state") {
        /// Set aside: the call may be under way.
        Open = "OPEN",
        /// What it cost is known.
        Settled = "SETTLED",
        /// Nothing was spent; it does not count.
        Released = "RELEASED",
        /// Whoever reserved it vanished, or a call was cut off: all of it counts until someone knows better.
        Presumed = "PRESUMED",
    }
}

impl EntryState {
    /// Whether its end is known.
    #[must_use]
    pub const fn is_closed(self) -> bool {
        matches!(self, Self::Settled | Self::Released)
    }
}

/// One entry of the ledger, as counters see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpendEntry {
    /// The reservation's name.
    pub reservation: ReservationId,
    /// What counts: dollars set aside or spent, by the state.
    pub amount: Usd,
    /// When it was reserved: this says in which day and hour it counts.
    pub reserved_at: DateTime<Utc>,
    /// How it stands.
    pub state: EntryState,
    /// How often the ledger has written it: a later version replaces an earlier one.
    pub version: StateVersion,
}

impl SpendEntry {
    /// What of it counts toward the caps.
    #[must_use]
    pub const fn counted(&self) -> Usd {
        match self.state {
            EntryState::Released => Usd::ZERO,
            EntryState::Open | EntryState::Settled | EntryState::Presumed => self.amount,
        }
    }
}

/// One entry of the spend ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LedgerEntry {
    /// Its name.
    pub reservation: ReservationId,
    /// Whose money.
    pub agent_id: AgentId,
    /// For which campaign, if for one.
    pub campaign_id: Option<CampaignId>,
    /// For which task, if for one.
    pub task_id: Option<TaskId>,
    /// The task's version while it was worked on.
    pub task_version: Option<StateVersion>,
    /// In which post's life.
    pub trace_id: Option<TraceId>,
    /// What for: the type of the task, or the tool's name.
    pub purpose: String,
    /// What was set aside before the call.
    pub reserved: Usd,
    /// What it has cost, as far as calls on record say.
    pub cost: Usd,
    /// What counts toward the caps: what was set aside while it is OPEN, what it cost when SETTLED, nothing when RELEASED,
    /// the larger of both when PRESUMED.
    pub counted: Usd,
    /// How it stands.
    pub state: EntryState,
    /// When it was reserved: this says in which day and hour it counts.
    pub reserved_at: DateTime<Utc>,
    /// When it last changed.
    pub changed_at: DateTime<Utc>,
    /// How often it was written.
    pub state_version: StateVersion,
}

impl From<&LedgerEntry> for SpendEntry {
    fn from(entry: &LedgerEntry) -> Self {
        Self {
            reservation: entry.reservation.clone(),
            amount: entry.counted,
            reserved_at: entry.reserved_at,
            state: entry.state,
            version: entry.state_version,
        }
    }
}

/// The day and the hour in which a moment lies, UTC, counted since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SpendWindows {
    /// The day.
    pub day: i64,
    /// The hour.
    pub hour: i64,
}

impl SpendWindows {
    /// The windows of a moment.
    #[must_use]
    pub const fn at(moment: DateTime<Utc>) -> Self {
        let seconds = moment.timestamp();
        Self { day: seconds.div_euclid(24 * 60 * 60), hour: seconds.div_euclid(60 * 60) }
    }

    /// When the day of a moment began.
    #[must_use]
    pub fn midnight(moment: DateTime<Utc>) -> DateTime<Utc> {
        moment.date_naive().and_time(NaiveTime::MIN).and_utc()
    }

    /// When the hour of a moment began.
    #[must_use]
    pub fn hour_began(moment: DateTime<Utc>) -> DateTime<Utc> {
        let whole = moment.trunc_subsecs(0);
        whole - TimeDelta::seconds(whole.timestamp().rem_euclid(60 * 60))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn used(today: i32, this_hour: i32) -> SpendUse {
        SpendUse { today: Usd::dollars(today), this_hour: Usd::dollars(this_hour) }
    }

    #[test]
    fn a_cap_may_be_reached_and_not_passed() {
        let caps = SpendCaps { daily: Usd::dollars(50), hourly: Some(Usd::dollars(20)) };
        assert_eq!(caps.refusal(used(30, 0), Usd::dollars(20)), None);
        let cent_more = Usd::dollars(20).saturating_add(Usd::from_micros(1));
        assert_eq!(caps.refusal(used(30, 0), cent_more), Some((SpendCap::Daily, Usd::dollars(20))));
        assert_eq!(caps.refusal(used(20, 19), Usd::dollars(2)), Some((SpendCap::Hourly, Usd::dollars(1))));
        assert_eq!(caps.refusal(used(60, 0), Usd::ZERO), Some((SpendCap::Daily, Usd::dollars(-10))));
        assert_eq!(SpendCaps { hourly: None, ..caps }.refusal(used(20, 19), Usd::dollars(2)), None);
        let negative = SpendCaps { daily: Usd::dollars(-1), hourly: None };
        assert_eq!(negative.refusal(used(0, 0), Usd::from_micros(1)), Some((SpendCap::Daily, Usd::ZERO)));
    }

    proptest! {
        #[test]
        fn a_moment_lies_in_its_windows(seconds in -4_000_000_000_i64..4_000_000_000, nanos in 0_u32..1_000_000_000) {
            let moment = DateTime::from_timestamp(seconds, nanos).unwrap();
            let windows = SpendWindows::at(moment);
            prop_assert_eq!(SpendWindows::midnight(moment).timestamp(), windows.day * 86_400);
            prop_assert_eq!(SpendWindows::hour_began(moment).timestamp(), windows.hour * 3_600);
            prop_assert_eq!(SpendWindows::hour_began(moment).timestamp_subsec_nanos(), 0);
        }
    }
}
