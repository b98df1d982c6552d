//! Sums, caps and amounts as the counters keep them.

use std::time::Duration;

use chimera_domain::{SpendEntry, SpendWindows, Usd};
use chrono::{DateTime, Utc};

use super::SpendError;

/// How long a closed reservation is remembered, and an open one too: longer than any that is settled late.
pub(super) const REMEMBERED: Duration = Duration::from_secs(DAYS_REMEMBERED.unsigned_abs() * 24 * 60 * 60);

/// [`REMEMBERED`] in days.
pub(super) const DAYS_REMEMBERED: i64 = 7;

/// The sums that a ledger's entries come to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sums {
    pub(super) windows: SpendWindows,
    pub(super) today: Usd,
    pub(super) this_hour: Usd,
}

/// Sums up entries; windows that an entry shows to have begun are not begun again.
pub(super) fn sums(entries: &[SpendEntry], at: DateTime<Utc>) -> Result<Sums, SpendError> {
    let latest = entries.iter().map(|entry| entry.reserved_at).fold(at, DateTime::max);
    let windows = SpendWindows::at(latest);
    let mut sums = Sums { windows, today: Usd::ZERO, this_hour: Usd::ZERO };
    for entry in entries {
        let amount = amount(entry.counted())?;
        let began = SpendWindows::at(entry.reserved_at);
        if began.day == windows.day {
            sums.today = sums.today.saturating_add(amount);
        }
        if began.hour == windows.hour {
            sums.this_hour = sums.this_hour.saturating_add(amount);
        }
    }
    Ok(sums)
}

/// An amount that can be counted.
pub(super) const fn amount(amount: Usd) -> Result<Usd, SpendError> {
    if amount.is_countable() { Ok(amount) } else { Err(SpendError::Amount { amount }) }
}

/// A cap within what can be counted; none is the largest.
pub(super) fn cap(cap: Option<Usd>) -> Usd {
    cap.map_or(Usd::COUNTABLE_MAX, |cap| cap.clamp(Usd::ZERO, Usd::COUNTABLE_MAX))
}
