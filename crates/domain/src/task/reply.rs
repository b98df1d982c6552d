//! What a reply answers.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    contracts::Mention,
    honesty::{Tongue, asks_who_speaks},
};

/// Something that somebody said. Untrusted text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Remark {
    /// Who, by account.
    pub author: String,
    /// What.
    pub text: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// The remark that a reply answers, and what was said before it. Untrusted text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReplyTo {
    /// The platform's name of the remark.
    pub id: String,
    /// Who speaks, by account.
    pub author: String,
    /// What they say.
    pub text: String,
    /// What was said above it, oldest first; the first is the post that the thread began with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub thread: Vec<Remark>,
}

impl ReplyTo {
    /// The longest text of one remark that is kept, in Unicode scalar values.
    pub const TEXT_CHARS_MAX: usize = 2_000;
    /// The longest name of an account that is kept, in Unicode scalar values.
    pub const AUTHOR_CHARS_MAX: usize = 200;
    /// Remarks above it that are kept: the first, and the newest.
    pub const THREAD_MAX: usize = 8;

    /// The language in which the remark asks who speaks, if it asks that. Then the answer is a rule's, not a writer's.
    #[must_use]
    pub fn asked_in(&self) -> Option<Tongue> {
        asks_who_speaks(&self.text)
    }

    /// All that strangers say here.
    #[must_use]
    pub fn everything(&self) -> String {
        let above = self.thread.iter().map(|remark| format!("{}: {}", remark.author, remark.text));
        let all: Vec<String> = above.chain([format!("{}: {}", self.author, self.text)]).collect();
        all.join("\n")
    }
}

impl From<&Mention> for ReplyTo {
    fn from(mention: &Mention) -> Self {
        let cut = |text: &str| text.chars().take(Self::TEXT_CHARS_MAX).collect::<String>();
        let named = |author: &str| author.chars().take(Self::AUTHOR_CHARS_MAX).collect::<String>();
        let newest_from = mention.thread.len().saturating_sub(Self::THREAD_MAX - 1).max(1);
        let (first, rest) = mention.thread.split_at(mention.thread.len().min(1));
        let kept = first.iter().chain(rest.iter().skip(newest_from - 1));
        Self {
            id: mention.id.clone(),
            author: named(&mention.author),
            text: cut(&mention.text),
            thread: kept
                .map(|remark| Remark { author: named(&remark.author), text: cut(&remark.text), at: remark.at })
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Channel;

    #[test]
    fn of_a_long_thread_the_first_and_the_newest_are_kept() {
        let remark = |n: usize| Remark { author: "a".to_owned(), text: n.to_string(), at: DateTime::UNIX_EPOCH };
        for (length, wanted) in [(0, vec![]), (1, vec![0]), (8, (0..8).collect()), (11, vec![0, 4, 5, 6, 7, 8, 9, 10])]
        {
            let mention = Mention {
                id: "m".to_owned(),
                channel: Channel::Threads,
                author: "b".to_owned(),
                text: "x".repeat(ReplyTo::TEXT_CHARS_MAX + 1),
                url: None,
                at: DateTime::UNIX_EPOCH,
                thread: (0..length).map(remark).collect(),
            };
            let reply = ReplyTo::from(&mention);
            let kept: Vec<usize> = reply.thread.iter().map(|remark| remark.text.parse().unwrap()).collect();
            assert_eq!((kept, reply.text.len()), (wanted, ReplyTo::TEXT_CHARS_MAX));
        }
    }
}
