//! People: the reviewer, and the operator with the campaign's switch and the dead letters.

use chimera_domain::{CampaignStatus, PublicationState, Question, TaskEvent, TaskState, policy::WayBack};

use super::{
    Action, Flaw, Node, Protocol, Queue, World, planning,
    world::{ARTIFACTS, Entry},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Person {
    /// `ticket_resolve`: approve ("it is not out" where that was the question), reject, or "it is out".
    Answer(TaskEvent),
    /// `campaign_set_status`.
    Set(CampaignStatus),
    /// `task_retry_failed`.
    Retry(Node),
}

impl Person {
    pub(super) fn offer(protocol: &Protocol, world: &World, out: &mut Vec<Action>) {
        let mut push = |person| out.push(Action::Person(person));
        let patient = !protocol.flaws.has(Flaw::HastyPeople);
        let waits = patient && !world.is_calm();
        if world.is(Node::Post, TaskState::HitlQueue) {
            match world.question {
                Some(Question::IsItOut) if waits => {}
                Some(Question::IsItOut) if world.is_result_out() => push(Self::Answer(TaskEvent::ConfirmPublish)),
                _ => [TaskEvent::Approve, TaskEvent::Reject].map(Self::Answer).into_iter().for_each(&mut push),
            }
        }
        match world.campaign {
            CampaignStatus::Active if protocol.bounds.pauses => push(Self::Set(CampaignStatus::Paused)),
            CampaignStatus::Paused => push(Self::Set(CampaignStatus::Active)),
            _ => {}
        }
        if protocol.bounds.ends && world.campaign != CampaignStatus::Ended {
            push(Self::Set(CampaignStatus::Ended));
        }
        for node in Node::ALL {
            let wanted = world.retries > 0 && world.is_active() && world.is(node, TaskState::Failed);
            if wanted && (node == Node::Words || world.way_back() != WayBack::AskPerson) {
                push(Self::Retry(node));
            }
        }
    }

    pub(super) fn step(self, protocol: &Protocol, world: &mut World) {
        match self {
            Self::Set(status) => planning::set_status(world, status),
            // The command delivers nothing; the sweeper does.
            Self::Retry(node) => {
                world.retries -= 1;
                retry(node, protocol, world);
            }
            Self::Answer(event) => answer(event, world),
        }
    }
}

fn retry(node: Node, protocol: &Protocol, world: &mut World) {
    match (node, world.result) {
        (Node::Post, Some(made)) if world.way_back() == WayBack::PublishAgain => {
            world.moves(node, TaskEvent::Republish);
            if let Some(entry) = &mut world.ledger[made as usize] {
                *entry = Entry { state: PublicationState::Absent, attempts: 0 };
            }
        }
        _ => {
            world.moves(node, TaskEvent::Retry);
        }
    }
    world.task_mut(node).attempts = 0;
    let waited = node == Node::Words && world.is(Node::Post, TaskState::Cancelled);
    if waited && !protocol.flaws.has(Flaw::ForgetRevived) {
        world.moves(Node::Post, TaskEvent::Revive);
    }
}

fn answer(event: TaskEvent, world: &mut World) {
    world.moves(Node::Post, event);
    let asked = world.question.take();
    let Some(made) = world.result else { return };
    // What the person found goes into the ledger where it says UNKNOWN.
    if asked == Some(Question::IsItOut) {
        match event {
            TaskEvent::Approve => world.record(made, PublicationState::Absent),
            TaskEvent::ConfirmPublish => world.record(made, PublicationState::Confirmed),
            _ => {}
        }
    }
    if event == TaskEvent::Approve {
        world.approved[made as usize] = true;
        world.queues.push(Queue::Publish, Node::Post);
    }
}

impl World {
    /// Whether every call has ended, and nobody who lost his lease may yet make one.
    fn is_calm(&self) -> bool {
        let late = self.publishers.iter().any(|publisher| publisher.may_call_late());
        !late && ARTIFACTS.iter().all(|made| self.outside(*made).adrift == 0)
    }

    /// How the post may come back, by what the ledger says.
    fn way_back(&self) -> WayBack {
        let entries = ARTIFACTS.iter().filter_map(|made| Some((self.result == Some(*made), self.entry(*made)?.state)));
        WayBack::of(entries)
    }

    fn is_result_out(&self) -> bool {
        self.result.is_some_and(|made| self.outside(made).posts > 0)
    }
}
