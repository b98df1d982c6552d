//! Times as feeds write them, made fit for the feed parser, which reads RFC 3339 and RFC 2822 and their near relatives.

use std::borrow::Cow;

/// Longest text that may be a time, bytes.
const DATE_BYTES_MAX: usize = 64;

/// Adds the seconds that W3C-DTF lets a time leave out (`2026-03-01T08:00+01:00`); anything else passes as it is, what is
/// too long for a time as nothing.
pub(super) fn complete(text: &str) -> Cow<'_, str> {
    let text = text.trim();
    if text.len() > DATE_BYTES_MAX {
        return Cow::Borrowed("");
    }
    // The length of `2026-03-01T08:00`.
    const MINUTES: usize = 16;
    let Some((front, zone)) = text.split_at_checked(MINUTES) else { return Cow::Borrowed(text) };
    let is_time = front.as_bytes().iter().enumerate().all(|(at, byte)| match at {
        4 | 7 => *byte == b'-',
        10 => matches!(byte, b'T' | b't' | b' '),
        13 => *byte == b':',
        _ => byte.is_ascii_digit(),
    });
    if is_time && zone.starts_with(['Z', 'z', '+', '-']) {
        return Cow::Owned(format!("{front}:00{zone}"));
    }
    Cow::Borrowed(text)
}

#[cfg(test)]
mod tests {
    use super::complete;

    #[test]
    fn only_missing_seconds_are_added() {
        assert_eq!(complete(" 2026-03-01T08:00+01:00 "), "2026-03-01T08:00:00+01:00");
        assert_eq!(complete("2026-03-01 08:00Z"), "2026-03-01 08:00:00Z");
        for same in
            ["2026-03-01T08:00:00Z", "2026-03-01", "Tue, 10 Nov 2026 09:30:00 GMT", "tomorrow", "2026-03-01T08:00é"]
        {
            assert_eq!(complete(same), same);
        }
        assert_eq!(complete(&"2".repeat(100)), "");
    }
}
