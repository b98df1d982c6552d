//! The desk, one key after another.

use super::*;
use chimera_domain::{Question, TaskType};
use chimera_testkit::{SeededAmbient, fixtures};

/// A desk with so many tickets, the last of which asks whether a post is out.
fn desk(count: usize) -> Desk {
    let ambient = SeededAmbient::new(7);
    let agent = fixtures::agent(&ambient);
    let campaign = fixtures::campaign(&ambient, &agent);
    let signal = fixtures::signal(&ambient, &campaign, &agent);
    let tickets = (0..count)
        .map(|at| {
            let task = fixtures::task(&ambient, &campaign, &agent, &signal, TaskType::AssemblePost, vec![]);
            let artifact = fixtures::artifact(&ambient, &task);
            let mut ticket = fixtures::ticket(&ambient, &task, &artifact);
            if at + 1 == count {
                ticket.question = Question::IsItOut;
            }
            ticket
        })
        .collect();
    let mut desk = Desk::new();
    desk.refresh(HitlDepth { open: count as u64, ..HitlDepth::default() }, tickets);
    desk
}

fn press(desk: &mut Desk, keys: &str, now: Instant) {
    for key in keys.chars() {
        desk.press(if key == '\n' { Key::Enter } else { Key::Char(key) }, now);
    }
}

fn ids(desk: &Desk) -> Vec<TicketId> {
    desk.waiting().map(|ticket| ticket.id).collect()
}

#[tokio::test]
async fn an_answer_is_held_bound_to_what_was_seen_and_given_in_time() {
    let (mut desk, now) = (desk(3), Instant::now());
    let all = ids(&desk);
    let seen = desk.current().unwrap().artifact_hash.clone();
    press(&mut desk, "a", now);
    assert_eq!(ids(&desk), all[1..], "it is out of the way");
    assert_eq!(desk.current().unwrap().id, all[1], "the next one is looked at");
    assert!(desk.due(now).is_empty());
    let given = desk.due(now + UNDO_WITHIN);
    let held = &given[0];
    assert_eq!((given.len(), held.ticket, held.resolution), (1, all[0], Resolution::Approved));
    assert_eq!((&held.seen_hash, held.note.as_deref()), (&seen, None));
    assert!(desk.due(now + UNDO_WITHIN).is_empty(), "given once");
}

#[tokio::test]
async fn an_answer_can_be_taken_back_and_leaving_gives_what_is_held() {
    let (mut desk, now) = (desk(3), Instant::now());
    let all = ids(&desk);
    press(&mut desk, "au", now);
    assert_eq!(ids(&desk), all);
    assert!(desk.due(now + UNDO_WITHIN).is_empty());
    press(&mut desk, "u", now);
    assert!(desk.says.contains("nothing to take back"));
    press(&mut desk, "aq", now);
    assert!(desk.leaving);
    assert_eq!(desk.due(now).len(), 1);
}

#[tokio::test]
async fn a_rejection_takes_a_reason_or_none_and_escape_leaves_it() {
    let (mut desk, now) = (desk(3), Instant::now());
    press(&mut desk, "rx", now);
    assert!(matches!(&desk.mode, Mode::Reason { text, .. } if text == "x"), "keys are letters here");
    desk.press(Key::Escape, now);
    assert!(desk.held().is_empty() && desk.mode == Mode::Browse);
    press(&mut desk, "roff key", now);
    desk.press(Key::Backspace, now);
    press(&mut desk, "\nr\n", now);
    let notes: Vec<_> = desk.due(now + UNDO_WITHIN).into_iter().map(|held| (held.resolution, held.note)).collect();
    assert_eq!(notes, [(Resolution::Rejected, Some("off ke".to_owned())), (Resolution::Rejected, None)]);
}

#[tokio::test]
async fn several_are_answered_at_once_after_a_question_and_taken_back_as_one() {
    let (mut desk, now) = (desk(4), Instant::now());
    let all = ids(&desk);
    press(&mut desk, "xxan", now);
    assert!(desk.held().is_empty() && desk.says.contains("nothing"));
    press(&mut desk, "ay", now);
    assert_eq!(ids(&desk), all[2..]);
    assert!(desk.selected.is_empty());
    press(&mut desk, "u", now);
    assert_eq!(ids(&desk), all);
}

#[tokio::test]
async fn only_what_was_asked_is_answered() {
    let (mut desk, now) = (desk(2), Instant::now());
    press(&mut desk, "o", now);
    assert!(desk.held().is_empty() && desk.says.contains("no answer"), "the first asks whether it may go out");
    press(&mut desk, "xxo", now);
    assert!(desk.held().is_empty(), "one of both asks something else");
    press(&mut desk, "kxGo", now);
    assert_eq!(desk.held()[0].resolution, Resolution::ConfirmedPublished);
}

#[tokio::test]
async fn whoever_looks_at_a_ticket_goes_on_looking_at_it() {
    let (mut desk, now) = (desk(4), Instant::now());
    press(&mut desk, "jjx", now);
    press(&mut desk, "k", now);
    let (looked_at, mut tickets) = (desk.current().unwrap().id, desk.tickets.clone());
    tickets.remove(0);
    desk.refresh(desk.depth, tickets.clone());
    assert_eq!(desk.current().unwrap().id, looked_at);
    assert!(desk.selected.contains(&looked_at));
    tickets.retain(|ticket| ticket.id != looked_at);
    desk.refresh(desk.depth, tickets);
    assert!(desk.selected.is_empty() && desk.current().is_some());
    desk.refresh(HitlDepth::default(), vec![]);
    press(&mut desk, "jkgGxaro\nu?", now);
    assert!(desk.current().is_none() && desk.held().is_empty(), "an empty desk takes every key");
}
