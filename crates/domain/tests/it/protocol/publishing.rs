//! Publishers: the intent is committed before the call; what is left behind is looked up, never called again blindly.

use chimera_domain::{
    PublicationState, Question, TaskEvent, TaskState,
    policy::{CallEnd, Look as Sight, LookAt, PublishStep},
};

use super::{
    Action, Fence, Flaw, Node, Protocol, Queue, World, able,
    world::{Entry, Made},
};

/// Calls of one post before it is given up.
pub(super) const CALLS_MAX: u8 = 2;

/// A publisher, with one case at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(super) enum Publisher {
    #[default]
    Idle,
    Holds(Hold),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Hold {
    pub(super) at: At,
    pub(super) fence: Fence,
    pub(super) made: Made,
    /// `PublishCase::previously_attempted`: an earlier call may yet arrive.
    doubt: bool,
    /// It committed the intent itself, while the campaign was ACTIVE.
    licensed: bool,
}

/// How far a publisher has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum At {
    /// Took over from one that vanished; looks.
    FindOut,
    /// Has begun, and looks first because of an earlier call.
    LookFirst,
    /// Is about to call, or in the call.
    Call,
    /// The call ended without a clear answer; looks.
    Unclear,
    /// Is about to write the outcome.
    Settle(Outcome),
}

/// `store::PublishOutcome`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Outcome {
    Confirmed,
    /// May be tried again. `sure`: no call can arrive any more; else the ledger keeps saying UNKNOWN.
    Absent {
        sure: bool,
    },
    /// It was not called after all.
    Withheld {
        sure: bool,
    },
    Unknown,
    Refused,
}

/// How a call ends for the one who made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// With the post's id.
    Answered,
    /// It succeeded, and the answer got lost.
    AnswerLost,
    /// It was cut off, and may yet arrive.
    CutOff,
    /// It never left, or was asked to come later.
    NoEffect,
    /// The platform will not have it.
    Refused,
    /// The id that was chosen is taken.
    Taken,
    /// Nothing was sent: the campaign was paused while the call waited its turn.
    Withheld,
}

impl Ending {
    const fn end(self) -> CallEnd {
        match self {
            Self::Answered => CallEnd::Out,
            Self::AnswerLost | Self::CutOff => CallEnd::Unclear,
            Self::NoEffect => CallEnd::NoEffect,
            Self::Refused => CallEnd::Refused,
            Self::Taken => CallEnd::Taken,
            Self::Withheld => CallEnd::Withheld,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Publishing {
    /// `publish_begin` of what was delivered; `again` leaves the delivery in the queue.
    Begin {
        again: bool,
    },
    /// `publish_stale`.
    TakeOver,
    /// `find_post`.
    Look(Sight),
    /// `publish_post`.
    Call(Ending),
    /// `publish_settle`.
    Settle,
    /// `task_heartbeat`.
    Beat,
    Crash,
    /// Dies in the midst of a call, which goes on its way.
    CrashInCall,
}

impl Publisher {
    pub(super) fn fence(&mut self) {
        if let Self::Holds(hold) = self {
            hold.fence = Fence::Stale;
        }
    }

    /// Whether it lost its lease before its call was over.
    pub(super) fn may_call_late(&self) -> bool {
        matches!(self, Self::Holds(hold) if hold.fence == Fence::Stale && matches!(hold.at, At::LookFirst | At::Call))
    }
}

impl Publishing {
    pub(super) fn offer(protocol: &Protocol, world: &World, out: &mut Vec<Action>) {
        let mut before = None;
        for (at, publisher) in world.publishers.iter().enumerate().take(protocol.bounds.publishers) {
            if before.replace(publisher) == Some(publisher) {
                continue;
            }
            let mut push = |step| out.push(Action::Publishing(at, step));
            match publisher {
                Publisher::Idle => idle(protocol, world, &mut push),
                Publisher::Holds(hold) => {
                    busy(hold, protocol, world, &mut push);
                    push(Self::Crash);
                    if hold.fence == Fence::Current && world.task(Node::Post).lapsed {
                        push(Self::Beat);
                    }
                }
            }
        }
    }

    pub(super) fn step(self, at: usize, protocol: &Protocol, world: &mut World) {
        let hold = match world.publishers[at] {
            Publisher::Holds(hold) => Some(hold),
            Publisher::Idle => None,
        };
        let next = match (self, hold) {
            (Self::Begin { again }, _) => {
                if !again {
                    world.queues.remove(Queue::Publish, Node::Post);
                }
                begin(protocol, world)
            }
            (Self::TakeOver, _) => take_over(world),
            (Self::Look(sight), Some(hold)) => Some(look(hold, sight, protocol, world)),
            (Self::Call(ending), Some(hold)) => Some(call(hold, ending, protocol, world)),
            (Self::CrashInCall, Some(hold)) => {
                call(hold, Ending::CutOff, protocol, world);
                None
            }
            (Self::Beat, _) => {
                world.task_mut(Node::Post).lapsed = false;
                hold
            }
            (Self::Settle, Some(hold)) => {
                settle(hold, protocol, world);
                None
            }
            _ => None,
        };
        world.publishers[at] = next.map_or(Publisher::Idle, Publisher::Holds);
    }
}

fn idle(protocol: &Protocol, world: &World, push: &mut impl FnMut(Publishing)) {
    let open = world.is_active() || protocol.flaws.has(Flaw::IgnorePause);
    if world.queues.has(Queue::Publish, Node::Post) && world.is(Node::Post, TaskState::Approved) && open {
        protocol.repeats().iter().for_each(|&again| push(Publishing::Begin { again }));
    }
    let forgets = protocol.flaws.has(Flaw::ForgetPublishing);
    if world.is(Node::Post, TaskState::Publishing) && world.task(Node::Post).lapsed && !forgets {
        push(Publishing::TakeOver);
    }
}

fn busy(hold: &Hold, protocol: &Protocol, world: &World, push: &mut impl FnMut(Publishing)) {
    let out = world.outside(hold.made).posts > 0;
    match hold.at {
        At::FindOut | At::LookFirst | At::Unclear => {
            push(Publishing::Look(Sight::CantTell));
            if protocol.platform.look_up {
                push(Publishing::Look(Sight::NotThere));
                if out {
                    push(Publishing::Look(Sight::Out));
                }
            }
        }
        At::Call => {
            let endings = [Ending::Answered, Ending::AnswerLost, Ending::CutOff, Ending::NoEffect];
            endings.map(Publishing::Call).into_iter().for_each(&mut *push);
            push(Publishing::CrashInCall);
            if !world.is_active() {
                push(Publishing::Call(Ending::Withheld));
            }
            push(Publishing::Call(Ending::Refused));
            if out && protocol.platform.client_chosen_id && protocol.keys_hold() {
                push(Publishing::Call(Ending::Taken));
            }
        }
        At::Settle(_) => push(Publishing::Settle),
    }
}

/// Moves the post to PUBLISHING and arms its ledger entry, in one transaction.
fn begin(protocol: &Protocol, world: &mut World) -> Option<Hold> {
    let made = world.result?;
    let hold = Hold { at: At::Call, fence: Fence::Current, made, doubt: false, licensed: world.is_active() };
    if protocol.flaws.has(Flaw::CallBeforeCommit) {
        return Some(Hold { licensed: false, ..hold });
    }
    let doubt = arm(made, world);
    let at = if protocol.platform.begin(doubt) == PublishStep::Look { At::LookFirst } else { At::Call };
    Some(Hold { at, doubt, ..hold })
}

/// Returns whether an earlier call may yet arrive.
fn arm(made: Made, world: &mut World) -> bool {
    world.moves(Node::Post, TaskEvent::StartPublish);
    let known = world.entry(made);
    let attempts = known.map_or(0, |entry| entry.attempts);
    world.ledger[made as usize] =
        Some(Entry { state: PublicationState::Attempting, attempts: CALLS_MAX.min(attempts + 1) });
    known.is_some_and(|entry| entry.state != PublicationState::Absent)
}

fn take_over(world: &mut World) -> Option<Hold> {
    let made = world.result?;
    world.touch(Node::Post);
    Some(Hold { at: At::FindOut, fence: Fence::Current, made, doubt: true, licensed: false })
}

impl Hold {
    /// On to the commit; what led there no longer matters.
    const fn settles(self, outcome: Outcome) -> Self {
        Self { at: At::Settle(outcome), doubt: false, licensed: true, ..self }
    }
}

fn attempts_left(hold: Hold, world: &World) -> bool {
    world.entry(hold.made).is_some_and(|entry| entry.attempts < CALLS_MAX)
}

fn look(hold: Hold, sight: Sight, protocol: &Protocol, world: &World) -> Hold {
    let attempts_left = attempts_left(hold, world);
    let at = match hold.at {
        At::FindOut => LookAt::LeftBehind,
        At::LookFirst => LookAt::BeforeCall,
        _ => LookAt::AfterCall { attempts_left },
    };
    let trusts = protocol.flaws.has(Flaw::TrustAbsence);
    let able = if trusts { able(true, false, protocol.platform.look_up) } else { protocol.platform };
    match able.after_look(at, sight) {
        PublishStep::TryAgain { .. } if at == LookAt::LeftBehind && protocol.flaws.has(Flaw::CallAfterTakeover) => {
            Hold { at: At::Call, ..hold }
        }
        PublishStep::AskPerson if sight == Sight::NotThere && !attempts_left && gives_up(at, protocol) => {
            hold.settles(Outcome::Refused)
        }
        PublishStep::Call => Hold { at: At::Call, ..hold },
        step => hold.settles(outcome(step)),
    }
}

fn gives_up(at: LookAt, protocol: &Protocol) -> bool {
    protocol.flaws.has(Flaw::GiveUpInDoubt) && matches!(at, LookAt::AfterCall { .. })
}

fn call(hold: Hold, ending: Ending, protocol: &Protocol, world: &mut World) -> Hold {
    if ending == Ending::Withheld {
        return match protocol.platform.after_call(ending.end(), hold.doubt, attempts_left(hold, world)) {
            PublishStep::TryAgain { sure } => hold.settles(Outcome::Withheld { sure }),
            step => hold.settles(outcome(step)),
        };
    }
    world.seen.unlicensed |= !hold.licensed;
    world.seen.unapproved |= !world.approved[hold.made as usize];
    let keys = protocol.keys_hold();
    let outside = world.outside_mut(hold.made);
    match ending {
        Ending::Answered | Ending::AnswerLost => outside.take(keys),
        Ending::CutOff => outside.set_adrift(),
        Ending::NoEffect | Ending::Refused | Ending::Taken | Ending::Withheld => {}
    }
    if ending.end() == CallEnd::Unclear && protocol.flaws.has(Flaw::RetryBlindly) {
        return hold.settles(Outcome::Absent { sure: true });
    }
    let doubt = hold.doubt && !protocol.flaws.has(Flaw::GiveUpInDoubt);
    match protocol.platform.after_call(ending.end(), doubt, attempts_left(hold, world)) {
        PublishStep::Look => Hold { at: At::Unclear, ..hold },
        step => hold.settles(outcome(step)),
    }
}

/// What is written down. There is nothing to write down about a look or a call yet to come: then a person is asked.
const fn outcome(step: PublishStep) -> Outcome {
    match step {
        PublishStep::Confirm => Outcome::Confirmed,
        PublishStep::TryAgain { sure } => Outcome::Absent { sure },
        PublishStep::GiveUp => Outcome::Refused,
        PublishStep::AskPerson | PublishStep::Look | PublishStep::Call => Outcome::Unknown,
    }
}

fn settle(hold: Hold, protocol: &Protocol, world: &mut World) {
    let At::Settle(outcome) = hold.at else { return };
    let unfenced = hold.fence == Fence::Stale;
    if unfenced && !protocol.flaws.has(Flaw::UnfencedSettle) {
        return;
    }
    if protocol.flaws.has(Flaw::CallBeforeCommit) && world.is(Node::Post, TaskState::Approved) {
        arm(hold.made, world);
    }
    if !world.is(Node::Post, TaskState::Publishing) {
        return;
    }
    world.seen.overwritten |= unfenced;
    let known_absent = protocol.flaws.has(Flaw::GiveUpInDoubt);
    let (event, state) = match outcome {
        Outcome::Confirmed => (TaskEvent::ConfirmPublish, PublicationState::Confirmed),
        Outcome::Absent { sure } if sure || known_absent => (TaskEvent::PublishAbsent, PublicationState::Absent),
        Outcome::Withheld { sure: true } => (TaskEvent::PublishAbsent, PublicationState::Absent),
        Outcome::Absent { .. } | Outcome::Withheld { sure: false } => {
            (TaskEvent::PublishAbsent, PublicationState::Unknown)
        }
        Outcome::Unknown => (TaskEvent::PublishUnknown, PublicationState::Unknown),
        Outcome::Refused => (TaskEvent::PublishRefused, PublicationState::Refused),
    };
    world.moves(Node::Post, event);
    world.record(hold.made, state);
    if matches!(outcome, Outcome::Withheld { .. })
        && let Some(entry) = &mut world.ledger[hold.made as usize]
    {
        entry.attempts = entry.attempts.saturating_sub(1);
    }
    if outcome == Outcome::Unknown {
        world.question = Some(Question::IsItOut);
    }
}
