//! Quiet hours: when a campaign plans and publishes nothing, by the clock of some place.

use std::{borrow::Cow, fmt, str::FromStr};

use chrono::{DateTime, Days, LocalResult, NaiveDateTime, NaiveTime, TimeDelta, TimeZone as _, Utc};
use chrono_tz::Tz;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// Hours of each day in a time zone of the IANA database, from the first minute on and up to the last one, past midnight
/// where the end is the earlier. Written `22:00-07:00 Europe/Berlin`.
///
/// What counts is what the clock on the wall says: in the night in which it goes back, an hour may be quiet twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct QuietHours {
    from: NaiveTime,
    to: NaiveTime,
    zone: Tz,
}

/// No quiet hours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuietHoursError {
    /// It does not look like any.
    #[error("{0:?} are no quiet hours; write them as 22:00-07:00 Europe/Berlin")]
    Form(String),
    /// Nobody knows the place.
    #[error("{0:?} is no time zone of the IANA database; name one such as Europe/Berlin, America/New_York or UTC")]
    Zone(String),
    /// It could mean the whole day as well as nothing.
    #[error("quiet hours that end when they begin could mean all day or never; pause the campaign, or leave them out")]
    Empty,
}

/// In which steps the end of a gap in the clock is looked for.
const GAP_STEP: TimeDelta = TimeDelta::minutes(15);
/// Steps over a day, for zones that once left out one.
const GAP_STEPS_MAX: usize = 100;

impl QuietHours {
    /// Whether it is quiet at this moment.
    #[must_use]
    pub fn is_quiet(self, now: DateTime<Utc>) -> bool {
        let time = now.with_timezone(&self.zone).time();
        if self.from < self.to { self.from <= time && time < self.to } else { time >= self.from || time < self.to }
    }

    /// When it ends to be quiet, if it is quiet now. It is not quiet any more then.
    #[must_use]
    pub fn until(self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        if !self.is_quiet(now) {
            return None;
        }
        let here = now.with_timezone(&self.zone);
        let next_day = u64::from(self.from > self.to && here.time() >= self.from);
        let mut end = here.date_naive().checked_add_days(Days::new(next_day))?.and_time(self.to);
        for _ in 0..GAP_STEPS_MAX {
            match self.after(end, now) {
                Some(moment) if !self.is_quiet(moment) => return Some(moment),
                _ => end += GAP_STEP,
            }
        }
        None
    }

    /// When the clock shows this, the next time after `now`; `None` where it never does.
    fn after(self, shown: NaiveDateTime, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let moments = match self.zone.from_local_datetime(&shown) {
            LocalResult::Single(moment) => [Some(moment), None],
            LocalResult::Ambiguous(first, second) => [Some(first), Some(second)],
            LocalResult::None => [None, None],
        };
        moments.into_iter().flatten().map(|moment| moment.to_utc()).find(|moment| *moment > now)
    }
}

impl FromStr for QuietHours {
    type Err = QuietHoursError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let form = || QuietHoursError::Form(text.to_owned());
        let (hours, zone) = text.trim().split_once(char::is_whitespace).ok_or_else(form)?;
        let (from, to) = hours.split_once('-').ok_or_else(form)?;
        let time = |text: &str| NaiveTime::parse_from_str(text, "%H:%M").map_err(|_| form());
        let (from, to) = (time(from)?, time(to)?);
        let zone = zone.trim();
        let zone = zone.parse().map_err(|_| QuietHoursError::Zone(zone.to_owned()))?;
        if from == to { Err(QuietHoursError::Empty) } else { Ok(Self { from, to, zone }) }
    }
}

impl fmt::Display for QuietHours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{} {}", self.from.format("%H:%M"), self.to.format("%H:%M"), self.zone.name())
    }
}

impl TryFrom<String> for QuietHours {
    type Error = QuietHoursError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<QuietHours> for String {
    fn from(hours: QuietHours) -> Self {
        hours.to_string()
    }
}

impl JsonSchema for QuietHours {
    fn schema_name() -> Cow<'static, str> {
        "QuietHours".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": r"^[0-2]?[0-9]:[0-5][0-9]-[0-2]?[0-9]:[0-5][0-9] +[A-Za-z0-9_+/-]+$",
            "description": "Hours of each day and an IANA time zone, such as 22:00-07:00 Europe/Berlin."
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn hours(text: &str) -> QuietHours {
        text.parse().unwrap()
    }

    #[test]
    fn a_night_is_quiet_on_the_clock_of_its_place() {
        let night = hours("22:00-07:00 Europe/Berlin");
        // In July Berlin is two hours ahead of UTC, in January one.
        assert_eq!(night.until(at("2026-07-01T19:59:59Z")), None);
        assert_eq!(night.until(at("2026-07-01T20:00:00Z")), Some(at("2026-07-02T05:00:00Z")));
        assert_eq!(night.until(at("2026-07-02T04:59:59Z")), Some(at("2026-07-02T05:00:00Z")));
        assert_eq!(night.until(at("2026-07-02T05:00:00Z")), None);
        assert_eq!(night.until(at("2026-01-01T21:00:00Z")), Some(at("2026-01-02T06:00:00Z")));
        let lunch = hours("12:00-13:30 Asia/Kathmandu");
        assert_eq!(lunch.until(at("2026-07-01T06:15:00Z")), Some(at("2026-07-01T07:45:00Z")));
        assert_eq!(lunch.until(at("2026-07-01T06:14:59Z")), None);
    }

    #[test]
    fn it_ends_when_the_clock_jumps_over_its_end_and_again_when_it_goes_back() {
        // On 29 March 2026 the clocks of Berlin go from 02:00 to 03:00 at 01:00 UTC.
        let short = hours("01:00-02:30 Europe/Berlin");
        assert_eq!(short.until(at("2026-03-29T00:30:00Z")), Some(at("2026-03-29T01:00:00Z")));
        // On 25 October 2026 they go from 03:00 to 02:00 at 01:00 UTC: 02:10 comes twice.
        let twice = hours("22:00-02:30 Europe/Berlin");
        assert_eq!(twice.until(at("2026-10-25T00:10:00Z")), Some(at("2026-10-25T00:30:00Z")));
        assert_eq!(twice.until(at("2026-10-25T00:45:00Z")), None);
        assert_eq!(twice.until(at("2026-10-25T01:10:00Z")), Some(at("2026-10-25T01:30:00Z")));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let told = |text: &str| text.parse::<QuietHours>().unwrap_err().to_string();
        assert!(told("night").contains("22:00-07:00 Europe/Berlin"));
        assert!(told("25:00-07:00 UTC").contains("write them as"));
        assert!(told("22:00-07:00 Berlin").contains("IANA"));
        assert!(told("07:00-07:00 UTC").contains("pause the campaign"));
    }

    proptest! {
        #[test]
        fn the_end_is_the_first_moment_that_is_not_quiet(
            seconds in 1_700_000_000_i64..1_900_000_000,
            from in 0_u32..1440,
            length in 1_u32..1440,
            zone in prop::sample::select(chrono_tz::TZ_VARIANTS.to_vec()),
        ) {
            let time = |minute: u32| NaiveTime::from_num_seconds_from_midnight_opt(minute % 1440 * 60, 0).unwrap();
            let hours = QuietHours { from: time(from), to: time(from + length), zone };
            prop_assert_eq!(hours.to_string().parse::<QuietHours>().unwrap(), hours);
            let now = DateTime::from_timestamp(seconds, 0).unwrap();
            match hours.until(now) {
                None => prop_assert!(!hours.is_quiet(now)),
                Some(end) => {
                    prop_assert!(hours.is_quiet(now) && !hours.is_quiet(end));
                    prop_assert!(end - now <= TimeDelta::hours(26), "{} {now} {end}", hours);
                    // Quiet up to it. Where the clock jumped, the end is found to a quarter of an hour.
                    let mut moment = now;
                    while moment < end - GAP_STEP {
                        prop_assert!(hours.is_quiet(moment), "{hours} {moment}");
                        moment += TimeDelta::minutes(7);
                    }
                }
            }
        }
    }
}
