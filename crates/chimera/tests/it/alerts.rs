//! Feeds and alerts, as an operator meets them while the fleet runs.

use chimera_testkit::{TestPostgres, TestRedis};

use crate::{
    chimera::Chimera,
    process::{PLANNER, Process},
};

#[test]
fn a_feed_that_comes_while_the_planner_runs_is_read_and_its_alert_ends() {
    let database = TestPostgres::shared().database().unwrap().url;
    let chimera = Chimera::new().on(&database, &TestRedis::shared().url());
    let prefix = TestRedis::shared().prefix();
    chimera.file(
        "configs/chimera.yaml",
        &format!("queue: {{prefix: {prefix}}}\nplanner: {{poll_interval_ms: 200, feed_down_after: 2}}\n"),
    );
    assert!(chimera.run(&["db", "migrate"]).ok);
    let planner = Process::start(&chimera, &PLANNER);
    planner.wait_missing(&[]);

    assert!(chimera.run(&["seed", "trends"]).ok);
    let signals = || chimera.json(&["planner", "view-signals", "--json"]).as_array().unwrap().len();
    planner.wait("planning what was seeded", || signals() > 0);

    // The feed goes away, and comes back.
    let feed = chimera.data().join("feeds/fashion-drop.xml");
    let text = std::fs::read_to_string(&feed).unwrap();
    std::fs::remove_file(&feed).unwrap();
    let open = || chimera.json(&["alerts", "list", "--json", "--kind", "feed_down"]).as_array().unwrap().clone();
    planner.wait("alarmed", || open().len() == 1);
    let id = open()[0]["id"].as_str().unwrap().to_owned();
    let listed = chimera.run(&["alerts", "list"]);
    assert!(listed.ok && listed.stdout.contains(&id) && listed.stdout.contains("fashion-drop"), "{}", listed.stdout);
    std::fs::write(&feed, text).unwrap();
    planner.wait("calm again", || open().is_empty());
    planner.stop();
}

pub(crate) fn an_operator_closes_alerts_by_name(chimera: &Chimera) {
    assert!(chimera.run(&["demo", "--once", "--seed", "7"]).ok);
    let none = chimera.run(&["alerts", "ack"]);
    assert!(!none.ok && none.stderr.contains("--all"), "{}", none.stderr);
    let unknown = chimera.run(&["alerts", "ack", "0199e1c2-7a3b-7c4d-8e5f-001122334455"]);
    assert!(!unknown.ok && unknown.stderr.contains("no open alert"), "{}", unknown.stderr);
    let before = chimera.json(&["alerts", "list", "--json"]).as_array().unwrap().len();
    let all = chimera.run(&["alerts", "ack", "--all", "--by", "mara"]);
    assert!(all.ok, "{}", all.stderr);
    assert_eq!(chimera.json(&["alerts", "list", "--json"]), serde_json::json!([]));
    let acts = chimera.json(&["db", "audit", "--actor", "operator:mara", "--json"]);
    let acts = acts.as_array().unwrap().iter().filter(|e| e["action"] == "alert_acknowledged").count();
    assert_eq!(acts, before);
    assert!(chimera.run(&["db", "verify"]).ok);
}
