//! Schema changes by many processes, and by some that are killed.

use std::{
    process::{Child, Stdio},
    time::Duration,
};

use chimera_testkit::TestPostgres;
use serde_json::Value;

use crate::chimera::{Chimera, Ended};

const PROCESSES: usize = 8;

/// Kills of a process that is at it; a later one comes later in its course.
const KILLS: u32 = 12;

fn migrate(chimera: &Chimera) -> Child {
    let mut command = chimera.command(&["db", "migrate"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Whether each migration is applied, where the database can say so.
fn applied(chimera: &Chimera) -> Option<Vec<bool>> {
    let ended = chimera.run(&["db", "status", "--json"]);
    let states: Value = ended.ok.then(|| serde_json::from_str(&ended.stdout).unwrap())?;
    Some(states.as_array().unwrap().iter().map(|state| state["applied"].as_bool().unwrap()).collect())
}

fn all_applied(chimera: &Chimera) -> usize {
    let applied = applied(chimera).unwrap();
    assert!(applied.iter().all(|applied| *applied), "{applied:?}");
    applied.len()
}

/// The number in "N migrations applied".
fn count(ended: &Ended) -> usize {
    let said = ended.stderr.split_whitespace().find_map(|word| word.parse().ok());
    said.unwrap_or_else(|| panic!("it does not say how many: {}", ended.stderr))
}

pub(crate) fn of_eight_processes_that_start_at_once_each_succeeds(chimera: &Chimera) {
    let started: Vec<Child> = (0..PROCESSES).map(|_| migrate(chimera)).collect();
    let ended: Vec<Ended> = started.into_iter().map(|child| Ended::of(child.wait_with_output().unwrap())).collect();
    for one in &ended {
        assert!(one.ok, "{}", one.stderr);
    }
    let each: Vec<usize> = ended.iter().map(count).collect();
    assert_eq!(each.iter().sum::<usize>(), all_applied(chimera), "each migration is applied once: {each:?}");
}

pub(crate) fn a_process_killed_in_the_middle_leaves_nothing_half_done(chimera: &Chimera) {
    if chimera.is_embedded() {
        killed_at_any_moment(chimera);
    } else {
        killed_half_way();
    }
}

/// Whenever it is killed, the schema is there whole or not at all.
fn killed_at_any_moment(chimera: &Chimera) {
    for kill in 0..KILLS {
        let one = chimera.another();
        let mut child = migrate(&one);
        std::thread::sleep(Duration::from_millis(8) * kill);
        child.kill().unwrap();
        child.wait().unwrap();
        // Before it made the file, there is nothing to ask.
        if let Some(applied) = applied(&one) {
            let first = applied[0];
            assert!(applied.iter().all(|applied| *applied == first), "half of it, at kill {kill}: {applied:?}");
        }
        let again = one.run(&["db", "migrate"]);
        assert!(again.ok, "{}", again.stderr);
        all_applied(&one);
    }
}

/// The schema change is stopped half-way by a table of the same name that someone else is about to make, and killed there.
fn killed_half_way() {
    let server = TestPostgres::shared();
    let database = server.database().unwrap();
    let chimera = Chimera::new().on(&database.url, "redis://127.0.0.1:9/");
    let ask = |query: &str| server.query(&database, query).unwrap().trim().to_owned();
    let mut in_the_way = server.session(&database, "BEGIN; CREATE TABLE publications (x int);").unwrap();
    let here = "database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    until("it is made", || {
        ask(&format!("SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND {here}")) != "0"
    });
    let mut child = migrate(&chimera);
    until("it waits half-way", || {
        ask("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
            == "1"
    });
    child.kill().unwrap();
    child.wait().unwrap();
    in_the_way.kill().unwrap();
    in_the_way.wait().unwrap();
    until("both are gone", || ask("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()") == "1");
    assert_eq!(ask("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "0", "nothing is left of it");
    let again = chimera.run(&["db", "migrate"]);
    assert!(again.ok, "{}", again.stderr);
    all_applied(&chimera);
}

fn until(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..3_000 {
        if holds() {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("{what}: never");
}
