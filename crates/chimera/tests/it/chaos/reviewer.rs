//! A person who answers questions at random while everything breaks: no approval may get lost.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
};

use super::world::World;
use crate::dice::Dice;

/// Between two answers, in milliseconds.
const REST: (u64, u64) = (500, 2_000);

/// Answers that the command said it had taken: task by ticket.
#[derive(Default)]
pub(super) struct Answers {
    pub(super) approved: BTreeMap<String, String>,
    pub(super) rejected: BTreeMap<String, String>,
}

/// Answers one question after the other until told to end. Questions whether a post is out are left open: they are for
/// the count at the end.
pub(super) fn review(world: &World, mut dice: Dice, end: &AtomicBool) -> Answers {
    let mut answers = Answers::default();
    while !end.load(Ordering::Relaxed) {
        std::thread::sleep(dice.millis(REST.0, REST.1));
        let open = "SELECT id, task_id FROM hitl_queue_items WHERE resolution IS NULL AND question = 'may_publish' \
            ORDER BY created_at LIMIT 20";
        let Some(open) = world.try_ask(open).filter(|open| !open.is_empty()) else { continue };
        let open: Vec<&str> = open.lines().collect();
        let (ticket, task) = dice.one(&open).split_once('|').unwrap();
        let approve = dice.percent(80);
        let act = if approve { "approve-ticket" } else { "reject-ticket" };
        // A command that fails because the database is away has promised nothing.
        if world.chimera.run(&["judge", act, ticket, "--by", "mara"]).ok {
            let taken = if approve { &mut answers.approved } else { &mut answers.rejected };
            taken.insert(ticket.to_owned(), task.to_owned());
        }
    }
    answers
}
