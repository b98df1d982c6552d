//! What follows from a call to a platform, by what the platform can do to keep posts single.
//!
//! A call that was cut off may yet arrive, so nothing that is seen afterwards proves that there is no post. What helps is
//! only that a repeat does no harm. With an id that the client chose it never does. With an idempotency key it does none
//! for as long as the platform remembers keys, which is often no more than hours, while a pause may be longer: so a repeat
//! under a key needs a look that shows no post. Everything else is for a person to say, who has looked.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a platform can do to keep posts single. By default nothing, for what is trusted wrongly doubles posts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PlatformAbilities {
    /// The same key never makes a second post, for as long as the platform remembers it.
    pub idempotency_key: bool,
    /// The key is the post's own id there, or part of it: a second post under it is refused as taken, or answered with
    /// the first, for ever.
    pub client_chosen_id: bool,
    /// A post can be found by its key.
    pub look_up: bool,
}

/// How a call to publish ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallEnd {
    /// With the post's id.
    Out,
    /// Refused, because the id that was chosen is taken.
    Taken,
    /// The platform will not have it.
    Refused,
    /// It certainly had no effect.
    NoEffect,
    /// Nobody can tell.
    Unclear,
    /// Nothing was sent: while the call waited its turn the campaign was paused, or the post became void.
    Withheld,
}

/// What a look at the platform shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Look {
    /// The post.
    Out,
    /// None, by the platform's word. A call may yet arrive.
    NotThere,
    /// The platform can't be asked, or gave no clear answer.
    CantTell,
}

/// When somebody looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LookAt {
    /// At what a publisher left behind that vanished. Only the gate lets anyone call again: the campaign may be paused.
    LeftBehind,
    /// Before a call, because an earlier one may yet arrive.
    BeforeCall,
    /// After a call that ended unclear.
    AfterCall {
        /// Whether the post may be called for again.
        attempts_left: bool,
    },
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublishStep {
    /// Look whether the post is out.
    Look,
    /// Call.
    Call,
    /// Write down: it is out.
    Confirm,
    /// Write down that it is to be tried again, by way of the gate.
    TryAgain {
        /// Whether it is certainly not out.
        sure: bool,
    },
    /// Write down that nobody can tell, and ask a person.
    AskPerson,
    /// Write down that the platform refuses it, or that it is given up; it is certainly not out.
    GiveUp,
}

impl PlatformAbilities {
    /// Every combination.
    pub const ALL: [Self; 8] = [
        Self { idempotency_key: false, client_chosen_id: false, look_up: false },
        Self { idempotency_key: false, client_chosen_id: false, look_up: true },
        Self { idempotency_key: false, client_chosen_id: true, look_up: false },
        Self { idempotency_key: false, client_chosen_id: true, look_up: true },
        Self { idempotency_key: true, client_chosen_id: false, look_up: false },
        Self { idempotency_key: true, client_chosen_id: false, look_up: true },
        Self { idempotency_key: true, client_chosen_id: true, look_up: false },
        Self { idempotency_key: true, client_chosen_id: true, look_up: true },
    ];

    /// Whether a repeat of a call makes no second post.
    #[must_use]
    pub const fn keeps_posts_single(self) -> bool {
        self.idempotency_key || self.client_chosen_id
    }

    /// How a post begins whose intent was just committed; `in_doubt` when an earlier call may yet arrive.
    #[must_use]
    pub const fn begin(self, in_doubt: bool) -> PublishStep {
        if in_doubt { PublishStep::Look } else { PublishStep::Call }
    }

    /// What follows from a look. A platform that can't be asked can't tell.
    #[must_use]
    pub const fn after_look(self, at: LookAt, look: Look) -> PublishStep {
        let harmless = match look {
            Look::Out => return PublishStep::Confirm,
            Look::NotThere => self.keeps_posts_single(),
            Look::CantTell => self.client_chosen_id,
        };
        match at {
            LookAt::BeforeCall if harmless => PublishStep::Call,
            LookAt::LeftBehind | LookAt::AfterCall { attempts_left: true } if harmless => {
                PublishStep::TryAgain { sure: false }
            }
            // Nobody gives a post up while a call may yet arrive.
            _ => PublishStep::AskPerson,
        }
    }

    /// What follows from a call; `in_doubt` when an earlier one may yet arrive.
    #[must_use]
    pub const fn after_call(self, end: CallEnd, in_doubt: bool, attempts_left: bool) -> PublishStep {
        match end {
            CallEnd::Out => PublishStep::Confirm,
            // Nobody else makes ids of our artifacts.
            CallEnd::Taken if self.client_chosen_id => PublishStep::Confirm,
            CallEnd::Unclear => PublishStep::Look,
            // It was no attempt, so none is used up.
            CallEnd::Withheld => PublishStep::TryAgain { sure: !in_doubt },
            CallEnd::NoEffect if attempts_left => PublishStep::TryAgain { sure: !in_doubt },
            CallEnd::Taken | CallEnd::Refused | CallEnd::NoEffect if in_doubt => PublishStep::AskPerson,
            CallEnd::Taken | CallEnd::Refused | CallEnd::NoEffect => PublishStep::GiveUp,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use PublishStep as S;

    const fn able(idempotency_key: bool, client_chosen_id: bool, look_up: bool) -> PlatformAbilities {
        PlatformAbilities { idempotency_key, client_chosen_id, look_up }
    }

    /// After an unclear end: what becomes of the post when a look shows none, and when nobody can tell.
    #[test]
    fn what_is_unclear_is_repeated_only_where_that_is_harmless() {
        let again = S::TryAgain { sure: false };
        let table = [
            (able(false, false, false), S::AskPerson, S::AskPerson),
            (able(false, false, true), S::AskPerson, S::AskPerson),
            (able(false, true, false), again, again),
            (able(false, true, true), again, again),
            (able(true, false, false), again, S::AskPerson),
            (able(true, false, true), again, S::AskPerson),
            (able(true, true, false), again, again),
            (able(true, true, true), again, again),
        ];
        assert_eq!(table.map(|(abilities, ..)| abilities), PlatformAbilities::ALL);
        for (abilities, not_there, cant_tell) in table {
            let left = LookAt::AfterCall { attempts_left: true };
            for (look, wanted) in [(Look::NotThere, not_there), (Look::CantTell, cant_tell), (Look::Out, S::Confirm)] {
                assert_eq!(abilities.after_look(left, look), wanted, "{abilities:?} {look:?}");
                assert_eq!(abilities.after_look(LookAt::LeftBehind, look), wanted, "{abilities:?} {look:?}");
                let at_once = if wanted == again { S::Call } else { wanted };
                assert_eq!(abilities.after_look(LookAt::BeforeCall, look), at_once, "{abilities:?} {look:?}");
                let spent = if wanted == again { S::AskPerson } else { wanted };
                let none_left = LookAt::AfterCall { attempts_left: false };
                assert_eq!(abilities.after_look(none_left, look), spent, "{abilities:?} {look:?}");
            }
        }
    }

    #[test]
    fn a_call_that_ended_clearly_needs_no_look() {
        for abilities in PlatformAbilities::ALL {
            assert_eq!((abilities.begin(false), abilities.begin(true)), (S::Call, S::Look));
            for (in_doubt, left) in [(false, false), (false, true), (true, false), (true, true)] {
                let after = |end| abilities.after_call(end, in_doubt, left);
                let for_good = if in_doubt { S::AskPerson } else { S::GiveUp };
                assert_eq!((after(CallEnd::Out), after(CallEnd::Unclear)), (S::Confirm, S::Look));
                assert_eq!(after(CallEnd::Withheld), S::TryAgain { sure: !in_doubt });
                assert_eq!(after(CallEnd::Refused), for_good);
                assert_eq!(after(CallEnd::NoEffect), if left { S::TryAgain { sure: !in_doubt } } else { for_good });
                let taken = if abilities.client_chosen_id { S::Confirm } else { for_good };
                assert_eq!(after(CallEnd::Taken), taken, "{abilities:?}");
            }
        }
    }

    /// Whatever a platform can do: in doubt, nothing is written down as certain but what was seen.
    #[test]
    fn in_doubt_nothing_is_certain_but_what_was_seen() {
        for abilities in PlatformAbilities::ALL {
            for left in [false, true] {
                for end in [CallEnd::Refused, CallEnd::NoEffect, CallEnd::Unclear, CallEnd::Withheld] {
                    let step = abilities.after_call(end, true, left);
                    assert!(
                        !matches!(step, S::GiveUp | S::Confirm | S::TryAgain { sure: true }),
                        "{abilities:?} {end:?}"
                    );
                }
                for look in [Look::NotThere, Look::CantTell] {
                    for at in [LookAt::LeftBehind, LookAt::BeforeCall, LookAt::AfterCall { attempts_left: left }] {
                        let step = abilities.after_look(at, look);
                        assert!(!matches!(step, S::GiveUp | S::Confirm | S::TryAgain { sure: true }), "{abilities:?}");
                    }
                }
            }
        }
    }
}
