//! Commands that answer: data on standard output and nothing else there.

use crate::chimera::Chimera;

#[test]
fn every_command_has_help() {
    let chimera = Chimera::new();
    for args in [
        vec!["--help"],
        vec!["demo", "--help"],
        vec!["up", "--help"],
        vec!["seed", "trends", "--help"],
        vec!["planner", "score", "--help"],
        vec!["judge", "approve-ticket", "--help"],
        vec!["mcp", "feeds", "--help"],
        vec!["campaign", "resume", "--help"],
        vec!["db", "backup", "--help"],
        vec!["db", "restore", "--help"],
    ] {
        let ended = chimera.run(&args);
        assert!(ended.ok && ended.stdout.contains("Usage: chimera"), "{args:?}\n{}", ended.stderr);
    }
}

#[test]
fn completions_are_made_for_each_shell() {
    let chimera = Chimera::new();
    for shell in ["bash", "zsh", "fish"] {
        let ended = chimera.run(&["completions", shell]);
        assert!(ended.ok && ended.stdout.contains("chimera") && ended.stdout.contains("view-queue"), "{shell}");
    }
}

#[test]
fn the_table_of_metrics_is_the_one_in_the_documentation() {
    let chimera = Chimera::new();
    let shown = chimera.run(&["metrics", "--markdown"]);
    let kept = include_str!("../../../../docs/metrics.md");
    assert!(shown.ok, "{}", shown.stderr);
    assert_eq!(shown.stdout, kept, "run `chimera metrics --markdown > docs/metrics.md`");
    let table = chimera.run(&["metrics"]);
    assert!(table.ok && table.stdout.contains("chimera_queue_lag_seconds"), "{}", table.stdout);
}

#[test]
fn the_configuration_in_force_hides_passwords() {
    let chimera = Chimera::new();
    let config = chimera.file("chimera.yaml", "database: {url: 'postgres://chimera:hunter2@127.0.0.1/chimera'}\n");
    let config = config.to_str().unwrap();
    for args in [vec!["--config", config, "config", "check"], vec!["--config", config, "config", "check", "--json"]] {
        let ended = chimera.run(&args);
        assert!(ended.ok, "{}", ended.stderr);
        assert!(ended.stdout.contains("redacted") && !ended.stdout.contains("hunter2"), "{}", ended.stdout);
    }
    let schema = chimera.json(&["config", "schema"]);
    assert!(schema["properties"]["planner"].is_object());
}

#[test]
fn what_is_in_force_can_be_read_back() {
    let chimera = Chimera::new();
    let shown = chimera.run(&["config", "check"]);
    assert!(shown.ok, "{}", shown.stderr);
    let file = chimera.file("again.yaml", &shown.stdout);
    let again = chimera.json(&["--config", file.to_str().unwrap(), "config", "check", "--json"]);
    assert_eq!(again, chimera.json(&["config", "check", "--json"]));
}

#[test]
fn environment_beats_files_and_flags_beat_both() {
    let chimera = Chimera::new();
    let config = chimera.file("chimera.yaml", "planner: {score_batch: 3, seed: 4}\ndata_dir: from-file\n");
    let mut command = chimera.command(&[
        "--config",
        config.to_str().unwrap(),
        "--data-dir",
        "from-flag",
        "config",
        "check",
        "--json",
    ]);
    command.env("CHIMERA_PLANNER__SCORE_BATCH", "9");
    let shown: serde_json::Value = serde_json::from_slice(&command.output().unwrap().stdout).unwrap();
    assert_eq!(shown["planner"]["score_batch"], 9);
    assert_eq!(shown["planner"]["seed"], 4);
    assert_eq!(shown["data_dir"], "from-flag");
}

#[test]
fn texts_are_scored_and_scanned_one_json_line_each() {
    let chimera = Chimera::new();
    let lines = chimera.file(
        "lines.jsonl",
        "{\"headline\": \"Street style: the wool coats and silk scarves everyone wore to the shows\"}\n\
         {\"title\": \"Senate votes on the election bill\", \"description\": \"Democrats and Republicans traded accusations.\"}\n",
    );
    let input = lines.to_str().unwrap();
    let scored = chimera.run(&[
        "planner",
        "score",
        "--goal",
        "Find fresh fashion stories: runway, street style, designers",
        "--input",
        input,
        "--json",
    ]);
    assert!(scored.ok, "{}", scored.stderr);
    let rows: Vec<serde_json::Value> = scored.stdout.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(rows.len(), 2);
    assert!(rows[0]["score"].as_f64().unwrap() >= 0.75 && rows[1]["score"].as_f64().unwrap() < 0.5, "{rows:?}");
    assert!(rows.iter().all(|r| !r["why"].as_str().unwrap().is_empty()));
    assert!(scored.stderr.contains("offline"), "the mind's choice is told: {}", scored.stderr);

    let scanned = chimera.run(&["judge", "scan", "--input", input, "--json"]);
    let rows: Vec<serde_json::Value> = scanned.stdout.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!((&rows[0]["sensitive"], &rows[1]["sensitive"]), (&false.into(), &true.into()), "{rows:?}");
    assert_eq!(rows[1]["topics"][0]["topic"], "politics");
    assert!(!chimera.data().exists(), "scoring and scanning write nothing");
}

pub(crate) fn the_schema_goes_up_and_down(chimera: &Chimera) {
    assert!(chimera.run(&["db", "migrate"]).ok);
    assert!(chimera.run(&["seed", "trends", "--scenario", "fashion_drop"]).ok);
    let count = chimera.json(&["db", "status", "--json"]).as_array().unwrap().len();
    let unmeant = chimera.run(&["db", "rollback", "--steps", &count.to_string()]);
    assert!(!unmeant.ok && unmeant.stdout.is_empty(), "{}", unmeant.stdout);
    for told in ["undo  m0001", "table agents, 1 rows", "table campaigns, 1 rows", "table alerts, 0 rows", "--yes"] {
        assert!(unmeant.stderr.contains(told), "no {told:?} in:\n{}", unmeant.stderr);
    }
    assert_eq!(chimera.json(&["status", "--json"])["tasks"], serde_json::json!({}), "nothing was undone");
    assert!(chimera.run(&["db", "rollback", "--yes", "--steps", &count.to_string()]).ok);
    let states = chimera.json(&["db", "status", "--json"]);
    assert!(states.as_array().unwrap().iter().all(|m| m["applied"] == false), "{states}");
    let old = chimera.run(&["status"]);
    assert!(!old.ok && old.stderr.contains("chimera db migrate"), "{}", old.stderr);
    assert!(chimera.run(&["db", "rollback"]).stderr.contains("none to undo"));
    assert!(chimera.run(&["db", "migrate"]).ok);
}
