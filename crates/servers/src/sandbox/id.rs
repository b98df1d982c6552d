//! Names of posts and of the simulated audience's comments: `sbx-12` and `sbx-12.c3`.

use std::fmt;

use super::error::Refusal;

const PREFIX: &str = "sbx-";

/// Something that can be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RemarkId {
    /// A post, by its number in the file.
    Post(i64),
    /// A simulated comment: below which post, and its number there, from 0.
    Comment(i64, u64),
}

impl RemarkId {
    /// Reads either kind of name.
    pub(super) fn parse(text: &str) -> Result<Self, Refusal> {
        let read = || {
            let rest = text.strip_prefix(PREFIX)?;
            let Some((post, comment)) = rest.split_once(".c") else { return Some(Self::Post(number(rest)?)) };
            Some(Self::Comment(number(post)?, u64::try_from(number(comment)?).ok()?))
        };
        read().ok_or_else(|| Refusal::MalformedId { id: text.to_owned() })
    }

    /// The post itself, or the one that the comment stands below.
    pub(super) const fn post(self) -> i64 {
        match self {
            Self::Post(seq) | Self::Comment(seq, _) => seq,
        }
    }
}

/// Digits only: `str::parse` would also take a sign.
fn number(text: &str) -> Option<i64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

impl fmt::Display for RemarkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Post(seq) => write!(f, "{PREFIX}{seq}"),
            Self::Comment(seq, index) => write!(f, "{PREFIX}{seq}.c{index}"),
        }
    }
}

/// The number of a post; a comment's name is refused.
pub(super) fn post_seq(text: &str) -> Result<i64, Refusal> {
    match RemarkId::parse(text)? {
        RemarkId::Post(seq) => Ok(seq),
        RemarkId::Comment(..) => Err(Refusal::MalformedId { id: text.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for id in [RemarkId::Post(12), RemarkId::Comment(12, 0), RemarkId::Comment(1, 40)] {
            assert_eq!(RemarkId::parse(&id.to_string()).unwrap(), id);
        }
        for text in ["", "12", "sbx-", "sbx-+1", "sbx--1", "sbx-1.c", "sbx-1.cx", "SBX-1", "sbx-99999999999999999999"] {
            assert!(RemarkId::parse(text).is_err(), "{text}");
        }
        assert!(post_seq("sbx-1.c1").is_err());
    }
}
