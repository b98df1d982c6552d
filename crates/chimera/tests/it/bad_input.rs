//! Mistakes: each is told in one screen, with the way out, and never by a panic.

use std::net::TcpListener;

use crate::chimera::{Chimera, Ended};

/// A terminal's worth of lines.
const SCREEN: usize = 24;

fn refused(ended: &Ended, needles: &[&str]) {
    let told = &ended.stderr;
    assert!(!ended.ok, "it succeeded:\n{told}");
    assert!(!told.contains("panicked"), "{told}");
    assert!(told.lines().count() <= SCREEN, "more than a screen:\n{told}");
    assert!(told.contains("error: "), "{told}");
    for needle in needles {
        assert!(told.contains(needle), "no {needle:?} in:\n{told}");
    }
}

pub(crate) fn a_broken_soul_names_file_line_and_key(chimera: &Chimera) {
    let soul = chimera.file(
        "fae.md",
        "---\nname: Fae\nslug: FAE\nvoice_traits: [a]\ncharacter_reference_id: c\ndisclosure: AI\n---\n",
    );
    let config = chimera.file("chimera.yaml", &format!("agents:\n  - soul: {}\n", soul.display()));
    let ended = chimera.run(&["--config", config.to_str().unwrap(), "up", "--bind", "127.0.0.1:0"]);
    refused(&ended, &["fae.md", "line 3", "`slug`", "a-z"]);
}

#[test]
fn an_unknown_key_is_answered_with_the_nearest() {
    let chimera = Chimera::new();
    let config = chimera.file("chimera.yaml", "judge:\n  threshold: {}\n");
    let ended = chimera.run(&["--config", config.to_str().unwrap(), "config", "check"]);
    refused(&ended, &["judge.threshold", "did you mean `thresholds`?"]);
    let mut command = chimera.command(&["config", "check"]);
    command.env("CHIMERA_PLANNER__SCORE_BACH", "5");
    refused(&Ended::of(command.output().unwrap()), &["planner.score_bach", "score_batch"]);
}

#[test]
fn a_missing_configuration_is_named() {
    let chimera = Chimera::new();
    refused(&chimera.run(&["--config", "nowhere.yaml", "config", "check"]), &["nowhere.yaml", "--config"]);
}

pub(crate) fn a_feed_that_is_no_feed_is_named(chimera: &Chimera) {
    let page =
        chimera.file("page.html", "<!doctype html><html><head><title>Hello</title></head><body>Hi</body></html>");
    refused(
        &chimera.run(&["demo", "--once", "--feed", page.to_str().unwrap()]),
        &["the feed can't be read", "page.html"],
    );
    refused(&chimera.run(&["demo", "--once", "--feed", "no-such.xml"]), &["no-such.xml", "https://"]);
}

pub(crate) fn an_unreachable_feed_is_named(chimera: &Chimera) {
    // A port that was free a moment ago, and on which nobody listens.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}/feed.xml");
    refused(&chimera.run(&["demo", "--once", "--feed", &url]), &["the feed can't be read", &url]);
}

pub(crate) fn an_unwritable_data_folder_is_named(chimera: &Chimera) {
    let file = chimera.file("a-file", "");
    let folder = file.join("data");
    refused(
        &chimera.run(&["--data-dir", folder.to_str().unwrap(), "up", "--bind", "127.0.0.1:0"]),
        &["a-file/data", "--data-dir"],
    );
}

pub(crate) fn a_taken_port_is_named(chimera: &Chimera) {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    refused(&chimera.run(&["up", "--bind", &address]), &[&address, "--bind"]);
    refused(&chimera.run(&["up", "--bind", "0.0.0.0:0"]), &["console.bind", "sign-in is for loopback"]);
}

pub(crate) fn commands_that_read_say_where_nothing_is(chimera: &Chimera) {
    let needles = if chimera.is_embedded() {
        ["there is no database in", "chimera demo"]
    } else {
        ["the database lacks", "chimera db migrate"]
    };
    for args in
        [["status"].as_slice(), &["worker", "check-queue"], &["judge", "view-queue"], &["planner", "view-signals"]]
    {
        refused(&chimera.run(args), &needles);
    }
    assert!(!chimera.data().exists(), "a command that reads must not make a database");
}

#[test]
fn bad_lines_are_numbered() {
    let chimera = Chimera::new();
    let lines = chimera.file("lines.jsonl", "{\"headline\": \"a\"}\n\n{\"nothing\": 1}\n");
    let input = lines.to_str().unwrap();
    refused(&chimera.run(&["planner", "score", "--goal", "fashion", "--input", input]), &["line 3", "headline"]);
    refused(&chimera.run(&["planner", "score", "--goal", " ", "--input", input]), &["--goal"]);
    refused(&chimera.run(&["judge", "scan", "--input", "nowhere.jsonl"]), &["nowhere.jsonl"]);
}

#[test]
fn servers_that_do_not_answer_are_named() {
    // A port that was free a moment ago, and on which nobody listens.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (database, queue) =
        (format!("postgres://me:hunter2@127.0.0.1:{port}/x"), format!("redis://me:hunter2@127.0.0.1:{port}/"));
    let embedded = format!("sqlite://{}?mode=rwc", tempfile::tempdir().unwrap().path().with_extension("db").display());
    for (database, queue, named) in
        [(database.as_str(), "redis://127.0.0.1/", "database"), (embedded.as_str(), queue.as_str(), "queue.url")]
    {
        let ended = Chimera::new().on(database, queue).run(&["up", "--bind", "127.0.0.1:0"]);
        refused(&ended, &[named]);
        assert!(!ended.stderr.contains("hunter2"), "{}", ended.stderr);
    }
}

#[test]
fn what_a_role_would_refuse_the_check_refuses() {
    let chimera = Chimera::new();
    let broken = chimera.file("souls/fae.md", "---\nname: Fae\n---\n");
    let cases = [
        ("database: {url: 'mysql://localhost/x'}", vec!["`database`", "postgres://user:password@host"]),
        ("database: {url: 'postgres://me:s3cret@[half/x'}", vec!["`database`"]),
        ("queue: {url: 'http://me:s3cret@localhost/'}", vec!["`queue`", "redis://"]),
        ("queue: {url: 'redis://me:s3cret@host:99999/'}", vec!["`queue`"]),
        ("queue: {url: 'redis://localhost/', prefix: 'a{b'}", vec!["`queue`", "prefix"]),
        ("queue: {prefix: ''}", vec!["`queue`", "prefix"]),
        ("judge: {lease_ms: 5}", vec!["judge.lease_ms"]),
        ("serve: {judge: 'localhost'}", vec!["serve.judge"]),
        (&*format!("agents: [{{soul: {}}}]", broken.display()), vec!["fae.md"]),
        ("agents: [{soul: nowhere.md}]", vec!["nowhere.md"]),
    ];
    for (text, wanted) in cases {
        chimera.file("configs/chimera.yaml", &format!("{text}\n"));
        let ended = chimera.run(&["config", "check"]);
        assert!(!ended.ok, "{text}: {}", ended.stdout);
        refused(&ended, &wanted);
        assert!(!ended.stderr.contains("s3cret"), "{}", ended.stderr);
    }
}

#[test]
fn a_campaign_that_is_not_there_is_answered_with_those_that_are() {
    let chimera = Chimera::new();
    assert!(chimera.run(&["db", "migrate"]).ok);
    refused(&chimera.run(&["judge", "view-queue", "--campaign", "nope"]), &["no campaign nope", "none at all"]);
    assert!(chimera.run(&["seed", "trends"]).ok);
    for command in [&["judge", "view-queue", "--campaign", "nope"][..], &["campaign", "pause", "nope"]] {
        refused(&chimera.run(command), &["no campaign nope", "fashion_drop"]);
    }
}
