//! How a dead letter may come back to work.

use crate::PublicationState;

/// How a dead letter may come back to work, at an operator's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WayBack {
    /// It never was on its way to the platform: it is made anew, and judged anew.
    MakeAgain,
    /// What was approved is certainly not out: it is published again, the same under the same idempotency key. Made anew,
    /// it would get a new key, and no platform could tell that it has the post already.
    PublishAgain,
    /// It may be out: only a person who has looked can tell.
    AskPerson,
}

impl WayBack {
    /// The way back of a task with these entries in the publish ledger; `about_result` says of an entry whether it is
    /// about what the task names as its result now.
    #[must_use]
    pub fn of(entries: impl IntoIterator<Item = (bool, PublicationState)>) -> Self {
        let mut way = Self::MakeAgain;
        for (about_result, state) in entries {
            match state {
                PublicationState::Attempting | PublicationState::Unknown | PublicationState::Confirmed => {
                    return Self::AskPerson;
                }
                PublicationState::Refused | PublicationState::Absent if about_result => way = Self::PublishAgain,
                PublicationState::Refused | PublicationState::Absent => {}
            }
        }
        way
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_out_comes_back_by_a_persons_word_only() {
        assert_eq!(WayBack::of([]), WayBack::MakeAgain);
        for &state in PublicationState::ALL {
            let certain = matches!(state, PublicationState::Refused | PublicationState::Absent);
            for (about_result, other) in [(true, false), (true, true), (false, true), (false, false)] {
                let mut entries = vec![(about_result, state)];
                if other {
                    entries.push((!about_result, PublicationState::Absent));
                }
                let wanted = if !certain {
                    WayBack::AskPerson
                } else if about_result || other {
                    WayBack::PublishAgain
                } else {
                    WayBack::MakeAgain
                };
                assert_eq!(WayBack::of(entries.clone()), wanted, "{entries:?}");
                entries.reverse();
                assert_eq!(WayBack::of(entries.clone()), wanted, "{entries:?}");
            }
        }
    }
}
