//! Mistakes that can be switched on, to show that the properties would notice them.

/// A way of getting the protocol wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Flaw {
    /// Plans are inserted without the unique index on events and stories.
    PlansUnchecked,
    /// The governor is asked before the transaction, not in it.
    GovernorAskedEarly,
    /// A result is taken whatever version the worker claimed.
    UnfencedSubmit,
    /// A ruling is taken whatever version the judge saw.
    UnfencedRuling,
    /// A settlement is taken whatever version the publisher began at.
    UnfencedSettle,
    /// The platform is called first and PUBLISHING is committed afterwards.
    CallBeforeCommit,
    /// A call that was cut off is taken for one without effect.
    RetryBlindly,
    /// "Not there" is trusted on a platform that takes repeats.
    TrustAbsence,
    /// The idempotency key is new for each attempt.
    KeyPerAttempt,
    /// `publish_begin` doesn't look at the campaign.
    IgnorePause,
    /// Whoever takes over from a vanished publisher calls again at once.
    CallAfterTakeover,
    /// A post is given up, or written down as absent, while an earlier call may yet arrive.
    GiveUpInDoubt,
    /// Nobody takes over what is left in PUBLISHING.
    ForgetPublishing,
    /// Nobody puts back what is left in EXECUTING.
    ForgetExecuting,
    /// Nobody delivers again what waits in READY.
    ForgetReady,
    /// Tasks that wait for a dead end are not cancelled.
    ForgetDependents,
    /// A task is retried, but not what was cancelled because it waited for it.
    ForgetRevived,
    /// People answer while calls are under way.
    HastyPeople,
}

/// Which mistakes are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Flaws(u32);

impl Flaws {
    pub(super) const fn none() -> Self {
        Self(0)
    }

    pub(super) const fn only(flaw: Flaw) -> Self {
        Self(1 << flaw as u32)
    }

    pub(super) const fn has(self, flaw: Flaw) -> bool {
        self.0 & (1 << flaw as u32) != 0
    }
}
