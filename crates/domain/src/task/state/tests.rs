//! Every pair of state and event, for both kinds of task, against the table of the specification.

use super::*;
use TaskEvent as E;
use TaskState as S;

const INNER: TaskType = TaskType::GenerateImage;
const POST: TaskType = TaskType::AssemblePost;

/// The legal moves, written out once more by hand: (from, event, to, inner nodes?, publishable nodes?).
const LEGAL: &[(S, E, S, bool, bool)] = &[
    (S::Draft, E::Start, S::Pending, true, true),
    (S::Draft, E::Cancel, S::Cancelled, true, true),
    (S::Pending, E::DepsDone, S::Ready, true, true),
    (S::Pending, E::Cancel, S::Cancelled, true, true),
    (S::Ready, E::Claim, S::Executing, true, true),
    (S::Ready, E::Cancel, S::Cancelled, true, true),
    (S::Executing, E::Submit, S::JudgeReview, true, true),
    (S::Executing, E::Release, S::Ready, true, true),
    (S::Executing, E::Exhaust, S::Failed, true, true),
    (S::Executing, E::Cancel, S::Cancelled, true, true),
    (S::JudgeReview, E::Exhaust, S::Failed, true, true),
    (S::JudgeReview, E::Approve, S::Done, true, false),
    (S::JudgeReview, E::Approve, S::Approved, false, true),
    (S::JudgeReview, E::AskHuman, S::HitlQueue, false, true),
    (S::JudgeReview, E::Reject, S::Rejected, true, true),
    (S::JudgeReview, E::Cancel, S::Cancelled, true, true),
    (S::HitlQueue, E::Approve, S::Approved, false, true),
    (S::HitlQueue, E::Reject, S::Rejected, true, true),
    (S::HitlQueue, E::ConfirmPublish, S::Published, false, true),
    (S::HitlQueue, E::Cancel, S::Cancelled, true, true),
    (S::Approved, E::StartPublish, S::Publishing, false, true),
    (S::Approved, E::Cancel, S::Cancelled, true, true),
    (S::Publishing, E::ConfirmPublish, S::Published, false, true),
    (S::Publishing, E::PublishAbsent, S::Approved, false, true),
    (S::Publishing, E::PublishUnknown, S::HitlQueue, false, true),
    (S::Publishing, E::PublishRefused, S::Failed, false, true),
    (S::Failed, E::Retry, S::Ready, true, true),
    (S::Failed, E::Republish, S::Approved, false, true),
    (S::Cancelled, E::Revive, S::Pending, true, true),
];

fn wanted(from: S, event: E, publishable: bool) -> Option<S> {
    LEGAL
        .iter()
        .find(|(f, e, _, inner, post)| *f == from && *e == event && if publishable { *post } else { *inner })
        .map(|(_, _, to, _, _)| *to)
}

#[test]
fn every_pair_does_what_the_table_says() {
    for task_type in [INNER, POST] {
        for &from in S::ALL {
            for &event in E::ALL {
                let got = from.on(event, task_type);
                match wanted(from, event, task_type.is_publishable()) {
                    Some(to) => assert_eq!(got, Ok(to), "{task_type} {from} {event}"),
                    None => assert_eq!(got, Err(IllegalTransition { task_type, from, event })),
                }
            }
        }
    }
}

#[test]
fn an_illegal_move_names_both_sides() {
    let refused = S::Done.on(E::Claim, INNER).unwrap_err();
    assert_eq!(refused.to_string(), "a generate_image task in DONE can't take claim");
}

#[test]
fn terminal_states_are_the_listed_ones_and_only_dead_letters_and_what_waited_for_them_come_back() {
    for &state in S::ALL {
        assert_eq!(state.is_terminal(), S::TERMINAL.contains(&state), "{state}");
        assert_eq!(
            state.is_terminal(),
            state.is_finished() != state.is_dead_end(),
            "{state}: an end is one or the other"
        );
        if state.is_terminal() {
            let ways_out: Vec<E> = E::ALL.iter().copied().filter(|&e| state.on(e, POST).is_ok()).collect();
            let wanted: &[E] = match state {
                S::Failed => &[E::Retry, E::Republish],
                S::Cancelled => &[E::Revive],
                _ => &[],
            };
            assert_eq!(ways_out, wanted, "{state}");
        }
    }
}

#[test]
fn nothing_is_published_without_an_approval_or_a_persons_word() {
    // Walks every path of events from PENDING. A path to PUBLISHING or PUBLISHED must contain an approval of what goes
    // out (a retry makes something new, so it needs a new one). The one way around is a person in HITL_QUEUE who says
    // that it is out; the store takes that only as the answer to the question which follows an unknown outcome. A post
    // is published again only where the ledger calls it refused; and nothing but an approval leads into the ledger.
    let mut open = vec![(S::Pending, false)];
    let mut seen = vec![];
    let (mut approved_out, mut said_to_be_out) = (0, 0);
    while let Some((state, approved)) = open.pop() {
        if seen.contains(&(state, approved)) {
            continue;
        }
        seen.push((state, approved));
        for &event in E::ALL {
            let Ok(next) = state.on(event, POST) else { continue };
            if event == E::Republish && !approved {
                continue;
            }
            let approved = (approved && !matches!(event, E::Retry | E::Revive)) || event == E::Approve;
            if matches!(next, S::Publishing | S::Published) {
                let persons_word = (state, event) == (S::HitlQueue, E::ConfirmPublish);
                assert!(approved || persons_word, "{state} reaches {next} by {event} without an approval");
                approved_out += usize::from(approved && next == S::Published);
                said_to_be_out += usize::from(!approved && next == S::Published);
            }
            open.push((next, approved));
        }
    }
    assert_eq!((approved_out, said_to_be_out), (2, 1), "each way out was walked");
}

#[test]
fn names_round_trip() {
    for &state in S::ALL {
        assert_eq!(state.as_str().parse(), Ok(state));
    }
    assert!("NOPE".parse::<S>().unwrap_err().to_string().contains("one of: DRAFT, PENDING"));
}
