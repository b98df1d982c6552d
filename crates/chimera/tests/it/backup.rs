//! Backups through the binary: a real run's data there and back, and every way to be cut off.

use std::{
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use chimera_testkit::{TestPostgres, TestRedis};
use serde_json::Value;

use crate::chimera::{Chimera, Ended};

/// How long something that must happen may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// A folder in which the demo has run to its end.
fn demo() -> Chimera {
    let chimera = Chimera::new();
    assert!(chimera.run(&["demo", "--once", "--seed", "7"]).ok);
    chimera
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A backup under this name in the folder, and its summary; without the audit log, in which restores are logged.
fn back_up(chimera: &Chimera, name: &str) -> (PathBuf, Value) {
    let path = chimera.folder().join(name);
    let mut summary = chimera.json(&["db", "backup", "--output", text(&path), "--json"]);
    summary["tables"].as_object_mut().unwrap().retain(|name, _| !name.starts_with("audit_"));
    (path, summary)
}

fn partials(folder: &Path) -> usize {
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.ends_with(".partial")).count()
}

#[test]
fn a_run_moves_from_embedded_to_production_and_back() {
    let database = TestPostgres::shared().database().unwrap().url;
    let (embedded, again) = (demo(), Chimera::new());
    let production = Chimera::new().on(&database, &TestRedis::shared().url());
    let (archive, first) = back_up(&embedded, "first.tar.gz");
    assert_eq!(first["database"], "sqlite");
    assert!(first["media"]["files"].as_u64().unwrap() > 0 && first["lost_media"] == Value::Array(vec![]));

    let moved = production.json(&["db", "restore", text(&archive), "--keep-running", "--json"]);
    assert_eq!(moved["paused"], Value::Array(vec![]));
    let (archive, second) = back_up(&production, "second.tar.gz");
    assert_eq!((&second["database"], &second["tables"]), (&"postgres".into(), &first["tables"]));
    again.json(&["db", "restore", text(&archive), "--keep-running", "--json"]);
    let (_, third) = back_up(&again, "third.tar.gz");
    assert_eq!((&third["database"], &third["tables"]), (&"sqlite".into(), &first["tables"]), "equal to the byte");
    assert_eq!(third["media"], first["media"]);

    // What an operator sees is the same, down to one post and its pictures.
    let (here, there) = (embedded.json(&["status", "--json"]), production.json(&["status", "--json"]));
    assert_eq!(here, there);
    let signals = embedded.json(&["planner", "view-signals", "--outcome", "PLANNED", "--json"]);
    let trace = signals[0]["trace_id"].as_str().unwrap();
    assert_eq!(embedded.json(&["trace", trace, "--json"]), production.json(&["trace", trace, "--json"]));
    let mut media = vec![];
    for entry in std::fs::read_dir(production.data().join("media")).unwrap() {
        let name = entry.unwrap().file_name();
        let (here, there) = (embedded.data().join("media").join(&name), production.data().join("media").join(&name));
        assert_eq!(std::fs::read(here).unwrap(), std::fs::read(there).unwrap());
        media.push(name);
    }
    assert_eq!(media.len() as u64, first["media"]["files"].as_u64().unwrap());
}

#[test]
fn a_restored_fleet_waits_for_its_operator() {
    let (lost, new) = (demo(), Chimera::new());
    let (archive, _) = back_up(&lost, "lost.tar.gz");
    let dry = new.run(&["db", "restore", text(&archive), "--dry-run"]);
    assert!(dry.ok && dry.stderr.contains("is sound") && dry.stderr.contains("nothing was written"), "{}", dry.stderr);
    assert!(!new.data().exists(), "a dry run writes nothing");

    let restored = new.run(&["db", "restore", text(&archive)]);
    assert!(restored.ok && restored.stdout.is_empty(), "{}", restored.stderr);
    assert!(restored.stderr.contains("chimera campaign resume fashion_drop"), "{}", restored.stderr);
    let status = |chimera: &Chimera| chimera.json(&["campaign", "list", "--json"])[0]["status"].clone();
    assert_eq!(status(&new), "PAUSED");
    assert!(new.run(&["campaign", "resume", "fashion_drop"]).ok);
    assert_eq!(status(&new), "ACTIVE");
    assert!(new.run(&["campaign", "pause", "--all"]).stderr.contains("fashion_drop  PAUSED"));
    assert_eq!(status(&new), "PAUSED");
    let unknown = new.run(&["campaign", "pause", "nobody"]);
    assert!(!unknown.ok && unknown.stderr.contains("there are: fashion_drop"), "{}", unknown.stderr);
    assert!(!new.run(&["campaign", "pause"]).ok, "one must be named");

    // Never over something.
    for args in [vec!["db", "restore", text(&archive)], vec!["db", "restore", text(&archive), "--dry-run"]] {
        let refused = new.run(&args);
        assert!(!refused.ok && refused.stderr.contains("is not empty") && refused.stderr.contains("--data-dir"));
    }
}

#[test]
fn lost_media_fail_the_backup_unless_allowed() {
    let chimera = demo();
    let mut media: Vec<_> =
        std::fs::read_dir(chimera.data().join("media")).unwrap().map(|e| e.unwrap().path()).collect();
    media.sort();
    std::fs::remove_file(&media[0]).unwrap();
    std::fs::write(&media[1], b"scribbled over").unwrap();
    let named = |ended: &Ended| {
        for (path, state) in [(&media[0], "missing"), (&media[1], "damaged")] {
            let line = ended.stderr.lines().find(|line| line.contains(text(Path::new(path.file_name().unwrap()))));
            assert!(line.is_some_and(|line| line.contains(state) && line.contains("trace")), "{}", ended.stderr);
        }
    };
    let failed = chimera.run(&["db", "backup", "-o", "lost.tar.gz"]);
    assert!(!failed.ok && failed.stderr.contains("--allow-missing-media"), "{}", failed.stderr);
    named(&failed);
    let archive = chimera.folder().join("lost.tar.gz");
    assert_eq!(std::fs::metadata(&archive).unwrap().permissions().mode() & 0o777, 0o600);
    let allowed = chimera.run(&["db", "backup", "-o", "lost.tar.gz", "--force", "--allow-missing-media"]);
    assert!(allowed.ok && allowed.stdout.trim() == "lost.tar.gz", "{}", allowed.stderr);
    named(&allowed);
    let dry = Chimera::new().run(&["db", "restore", text(&archive), "--dry-run"]);
    assert!(dry.ok, "{}", dry.stderr);
    named(&dry);
}

#[test]
fn a_damaged_archive_is_refused_on_one_screen() {
    let (chimera, new) = (demo(), Chimera::new());
    let (archive, _) = back_up(&chimera, "good.tar.gz");
    let whole = std::fs::read(&archive).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 4;
    let cases =
        [("cut off", whole[..whole.len() / 2].to_vec()), ("because: ", flipped), ("can't be used", b"hello".to_vec())];
    for (why, bytes) in cases {
        std::fs::write(&archive, bytes).unwrap();
        for args in [vec!["db", "restore", text(&archive)], vec!["db", "restore", text(&archive), "--dry-run"]] {
            let refused = new.run(&args);
            assert!(!refused.ok && refused.stderr.lines().count() < 24, "{}", refused.stderr);
            assert!(
                refused.stderr.contains(why) && refused.stderr.contains("good.tar.gz"),
                "{why}: {}",
                refused.stderr
            );
            assert!(!new.data().exists(), "{why}: something was written");
        }
    }
    let refused = new.run(&["db", "backup"]);
    assert!(!refused.ok && refused.stderr.contains("there is no database in"), "{}", refused.stderr);
}

#[test]
fn a_full_disk_leaves_no_half_archive() {
    let chimera = demo();
    let mut command = std::process::Command::new("sh");
    // A limit on file sizes; ignored, its signal leaves the error of the write. 64 blocks of 512 bytes.
    command.args([
        "-c",
        "trap '' XFSZ; ulimit -f 64; exec \"$0\" db backup -o full.tar.gz",
        env!("CARGO_BIN_EXE_chimera"),
    ]);
    command.current_dir(chimera.folder()).env("CHIMERA_DATA_DIR", chimera.data()).stdin(Stdio::null());
    let ended = Ended::of(command.output().unwrap());
    assert!(!ended.ok && ended.stderr.contains("full.tar.gz") && ended.stderr.contains("room"), "{}", ended.stderr);
    assert!(!chimera.folder().join("full.tar.gz").exists());
    assert_eq!(partials(chimera.folder()), 0, "an orderly failure cleans up");
}

/// Waits until something is there.
fn until(what: &str, is_there: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_there() {
        assert!(Instant::now() < end, "{what} never came");
        std::thread::yield_now();
    }
}

#[test]
fn a_backup_killed_half_way_leaves_no_archive() {
    let chimera = demo();
    let archive = chimera.folder().join("killed.tar.gz");
    for kill in 0..4 {
        let mut child = chimera.start(&["db", "backup", "-o", text(&archive)]);
        until("the unfinished archive", || partials(chimera.folder()) > kill);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!archive.exists(), "kill {kill} left half an archive, or came too late");
    }
    // An orderly end cleans up after itself.
    let before = partials(chimera.folder());
    let mut child = chimera.start(&["db", "backup", "-o", text(&archive)]);
    until("the unfinished archive", || partials(chimera.folder()) > before);
    std::process::Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(!child.wait().unwrap().success());
    assert!(!archive.exists());
    assert_eq!(partials(chimera.folder()), before);

    back_up(&chimera, "killed.tar.gz");
    assert!(Chimera::new().run(&["db", "restore", text(&archive), "--dry-run"]).ok);
}

#[test]
fn a_restore_killed_half_way_leaves_an_empty_database() {
    let chimera = demo();
    let (archive, _) = back_up(&chimera, "whole.tar.gz");
    let database = TestPostgres::shared().database().unwrap().url;
    for new in [Chimera::new(), Chimera::new().on(&database, "")] {
        for _ in 0..3 {
            let media = new.data().join("media");
            let kept = || std::fs::read_dir(&media).map_or(0, Iterator::count);
            // Those that an earlier attempt left would not be written again, and so would tell nothing.
            if media.exists() {
                std::fs::remove_dir_all(&media).unwrap();
            }
            let mut child = new.start(&["db", "restore", text(&archive)]);
            // Media come after all rows, and before the commit.
            until("a medium", || kept() > 0);
            child.kill().unwrap();
            child.wait().unwrap();
            let dry = new.run(&["db", "restore", text(&archive), "--dry-run"]);
            assert!(dry.ok && dry.stderr.contains("can be restored into"), "the kill came too late: {}", dry.stderr);
        }
        let restored = new.run(&["db", "restore", text(&archive)]);
        assert!(restored.ok, "{}", restored.stderr);
        assert_eq!(new.json(&["status", "--json"])["tasks"], chimera.json(&["status", "--json"])["tasks"]);
    }
}
