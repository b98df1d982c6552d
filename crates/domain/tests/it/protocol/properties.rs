//! What must hold in every state that can be reached, and what must be reachable for that to mean anything.

use chimera_domain::{CampaignStatus, PublicationState, TaskState};
use stateright::Property;

use super::{
    Node, Protocol, World,
    working::ATTEMPTS_MAX,
    world::{ARTIFACTS, Made},
};

pub(super) const PLANNED_ONCE: &str = "a story is planned once";
pub(super) const NO_OVERDRAFT: &str = "the governor's places are never overdrawn";
pub(super) const FENCED: &str = "what comes late overwrites nothing";
pub(super) const POSTED_ONCE: &str = "a story is posted at most once";
pub(super) const APPROVED: &str = "nothing goes out that nobody approved";
pub(super) const LICENSED: &str = "no call without an intent committed by its caller while the campaign was active";
pub(super) const ON_RECORD: &str = "no post is out that the ledger calls absent or refused";
pub(super) const OUT: &str = "what is PUBLISHED is out";
pub(super) const REVIVED: &str = "nothing stays cancelled because of a task that lives again";
pub(super) const BOUNDED: &str = "no task is attempted more often than allowed";
pub(super) const LEGAL: &str = "no role asks for a move that the state machine forbids";

/// All of them.
pub(super) fn all() -> Vec<Property<Protocol>> {
    vec![
        Property::always(PLANNED_ONCE, |_, world: &World| world.plans <= 1),
        Property::always(NO_OVERDRAFT, |protocol, world: &World| world.places <= protocol.places()),
        Property::always(FENCED, |_, world: &World| !world.seen.overwritten),
        Property::always(POSTED_ONCE, |_, world: &World| {
            ARTIFACTS.iter().map(|made| world.outside(*made).posts).sum::<u8>() <= 1
        }),
        Property::always(APPROVED, |_, world: &World| !world.seen.unapproved),
        Property::always(LICENSED, |_, world: &World| !world.seen.unlicensed),
        Property::always(ON_RECORD, |_, world: &World| ARTIFACTS.iter().all(|made| is_on_record(*made, world))),
        Property::always(OUT, |_, world: &World| {
            !world.is(Node::Post, TaskState::Published)
                || world.result.is_some_and(|made| world.outside(made).posts > 0)
        }),
        Property::always(REVIVED, |_, world: &World| {
            let cancelled = world.campaign != CampaignStatus::Ended && world.is(Node::Post, TaskState::Cancelled);
            !cancelled || world.task(Node::Words).state.is_dead_end()
        }),
        Property::always(BOUNDED, |_, world: &World| world.tasks.iter().all(|task| task.attempts <= ATTEMPTS_MAX)),
        Property::always(LEGAL, |_, world: &World| !world.seen.illegal),
        Property::sometimes("a post is published", |_, world: &World| world.is(Node::Post, TaskState::Published)),
        Property::sometimes("a person is asked", |_, world: &World| world.question.is_some()),
        Property::sometimes("a post is given up", |_, world: &World| world.is(Node::Post, TaskState::Failed)),
        Property::sometimes("words are given up, and the post with them", |_, world: &World| {
            world.is(Node::Words, TaskState::Failed) && world.is(Node::Post, TaskState::Cancelled)
        }),
        Property::sometimes("a call is adrift", |_, world: &World| world.outside.iter().any(|one| one.adrift > 0)),
    ]
}

fn is_on_record(made: Made, world: &World) -> bool {
    let denied = |state| matches!(state, PublicationState::Absent | PublicationState::Refused);
    world.outside(made).posts == 0 || world.entry(made).is_some_and(|entry| !denied(entry.state))
}
