//! What stands on the screen.

use super::*;
use chimera_domain::{Ambient as _, TaskType};
use chimera_store::HitlDepth;
use chimera_testkit::{SeededAmbient, fixtures};
use ratatui::{Terminal, backend::TestBackend};

fn post() -> Post {
    Post {
        headline: "Minister says linen is over".to_owned(),
        summary: "She said so on Monday.".to_owned(),
        source: "https://example.org/linen".to_owned(),
        whose: "bluesky · Fae · linen".to_owned(),
        text: "The minister and the linen.\nI'm Fae, an AI.".to_owned(),
        hashtags: "#linen".to_owned(),
        media: vec!["image/png 1080x1080, abc…: linen on a line".to_owned()],
        parts: vec![("task_fit".to_owned(), 0.62, "it is about linen".to_owned())],
        flags: vec!["tainted_source".to_owned()],
        topics: vec![("politics".to_owned(), "`Minister`".to_owned())],
        verdict: "HITL_QUEUE: a sensitive topic is always a person's decision".to_owned(),
    }
}

fn drawn(width: u16, height: u16, desk: &Desk, post: Option<&Post>) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    let now = SeededAmbient::new(7).now();
    terminal.draw(|frame| draw(frame, desk, post, now, Instant::now())).unwrap();
    terminal.backend().to_string()
}

fn with_a_ticket() -> Desk {
    let ambient = SeededAmbient::new(7);
    let agent = fixtures::agent(&ambient);
    let campaign = fixtures::campaign(&ambient, &agent);
    let signal = fixtures::signal(&ambient, &campaign, &agent);
    let task = fixtures::task(&ambient, &campaign, &agent, &signal, TaskType::AssemblePost, vec![]);
    let ticket = fixtures::ticket(&ambient, &task, &fixtures::artifact(&ambient, &task));
    let mut desk = Desk::new();
    desk.refresh(HitlDepth { open: 1, overdue: 1, ..HitlDepth::default() }, vec![ticket]);
    desk
}

#[tokio::test]
async fn a_post_is_shown_with_everything_that_matters() {
    let (desk, post) = (with_a_ticket(), post());
    for (width, height) in [(140, 40), (80, 40)] {
        let screen = drawn(width, height, &desk, Some(&post));
        for wanted in [
            "1 wait, 1 overdue",
            "politics",
            "The minister",
            "#linen",
            "image/png",
            "tainted_source",
            "0.62",
            "Minister says",
            "example.org",
            "a approve",
        ] {
            assert!(screen.contains(wanted), "{wanted} at {width}:\n{screen}");
        }
    }
    // However small the window, nothing breaks.
    for (width, height) in [(1, 1), (3, 2), (12, 5), (40, 10)] {
        drawn(width, height, &desk, Some(&post));
    }
    assert!(drawn(80, 20, &Desk::new(), None).contains("Nothing waits for a person."));
}

#[tokio::test]
async fn telling_words_stand_out_where_they_stand() {
    let telling = post().telling();
    assert_eq!(telling, ["minister"]);
    let spans = |line: &str| marked(line, &telling).spans.iter().map(|s| s.content.to_string()).collect::<Vec<_>>();
    assert_eq!(spans("A Minister, a minister."), ["A ", "Minister", ", a ", "minister", "."]);
    assert_eq!(spans("nobody"), ["nobody"]);
    assert_eq!(spans("İstanbul's minister").concat(), "İstanbul's minister", "whatever lower case does to lengths");
}

#[test]
fn what_is_left_reads_well() {
    let left = |seconds| countdown(chrono::TimeDelta::seconds(seconds));
    assert_eq!([left(3_900), left(720), left(40), left(-60)], ["1 h 05 m", "12 m", "40 s", "-1 m"]);
    assert_eq!([bar(0.0), bar(0.62), bar(1.0)], ["░░░░░░░░░░", "██████░░░░", "██████████"]);
}
