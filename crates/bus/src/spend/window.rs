//! Days, hours and amounts as the counters keep them.

use std::time::Duration;

use chimera_domain::Usd;
use chrono::{DateTime, Utc};

use super::{EntryState, SpendEntry, SpendError};

/// A billion dollars: sums of such amounts stay exact in a double, in which scripts count.
const AMOUNT_MAX: Usd = Usd::dollars(1_000_000_000);

/// How long a closed reservation is remembered, and an open one too: longer than any that is settled late.
pub(super) const REMEMBERED: Duration = Duration::from_secs(DAYS_REMEMBERED.unsigned_abs() * 24 * 60 * 60);

/// [`REMEMBERED`] in days.
pub(super) const DAYS_REMEMBERED: i64 = 7;

/// Days and hours since 1970, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Windows {
    pub(super) day: i64,
    pub(super) hour: i64,
}

impl Windows {
    pub(super) const fn at(moment: DateTime<Utc>) -> Self {
        let seconds = moment.timestamp();
        Self { day: seconds.div_euclid(24 * 60 * 60), hour: seconds.div_euclid(60 * 60) }
    }
}

/// The sums that a ledger's entries come to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sums {
    pub(super) windows: Windows,
    pub(super) today: Usd,
    pub(super) this_hour: Usd,
}

/// Sums up entries; windows that an entry shows to have begun are not begun again.
pub(super) fn sums(entries: &[SpendEntry], at: DateTime<Utc>) -> Result<Sums, SpendError> {
    let latest = entries.iter().map(|entry| entry.reserved_at).fold(at, DateTime::max);
    let windows = Windows::at(latest);
    let mut sums = Sums { windows, today: Usd::ZERO, this_hour: Usd::ZERO };
    for entry in entries {
        let amount = amount(entry.amount)?;
        let began = Windows::at(entry.reserved_at);
        if entry.state != EntryState::Released && began.day == windows.day {
            sums.today = sums.today.saturating_add(amount);
        }
        if entry.state != EntryState::Released && began.hour == windows.hour {
            sums.this_hour = sums.this_hour.saturating_add(amount);
        }
    }
    Ok(sums)
}

/// An amount that can be counted.
pub(super) fn amount(amount: Usd) -> Result<Usd, SpendError> {
    if amount < Usd::ZERO || amount > AMOUNT_MAX { Err(SpendError::Amount { amount }) } else { Ok(amount) }
}

/// A cap within what can be counted; none is the largest.
pub(super) fn cap(cap: Option<Usd>) -> Usd {
    cap.map_or(AMOUNT_MAX, |cap| cap.clamp(Usd::ZERO, AMOUNT_MAX))
}
