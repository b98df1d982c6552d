//! A restored past on a platform that has moved on: what went out after the backup does not go out again.

use std::path::Path;

use serde_json::Value;

use crate::{
    chimera::Chimera,
    kill::{settled, start, stop},
    wire::Wire,
};

/// What a platform can do, and what becomes of a post that is out already.
struct Platform {
    honours_key: bool,
    /// Whether the key is the post's own id.
    names_by_key: bool,
    look_up: bool,
    /// Whether a person is asked.
    asks: bool,
}

const PLATFORMS: [Platform; 4] = [
    Platform { honours_key: false, names_by_key: false, look_up: true, asks: false },
    Platform { honours_key: false, names_by_key: true, look_up: false, asks: false },
    Platform { honours_key: true, names_by_key: false, look_up: false, asks: true },
    Platform { honours_key: false, names_by_key: false, look_up: false, asks: true },
];

fn config(platform: &Platform, sandbox: &Path) -> String {
    let Platform { honours_key, names_by_key, look_up, .. } = platform;
    format!(
        "sweeper: {{interval_ms: 200, waiting_ms: 400}}
publisher: {{platform: {{idempotency_key: {honours_key}, client_chosen_id: {names_by_key}, look_up: {look_up}}}}}
sandbox: {{path: {}, honours_idempotency_key: {honours_key}, client_chosen_ids: {names_by_key}}}
",
        sandbox.display()
    )
}

fn tickets(chimera: &Chimera) -> Vec<String> {
    let tickets = chimera.json(&["judge", "view-queue", "--json"]);
    tickets.as_array().unwrap().iter().map(|ticket| ticket["id"].as_str().unwrap().to_owned()).collect()
}

fn approve(chimera: &Chimera, tickets: &[String], more: &[&str]) {
    for ticket in tickets {
        let approved = chimera.run(&[&["judge", "approve-ticket", ticket, "--by", "ada"], more].concat());
        assert!(approved.ok, "{}", approved.stderr);
    }
}

/// Runs until everything rests, and gives the counts of tasks.
fn work(chimera: &Chimera) -> Value {
    let mut up = start(chimera);
    let status = settled(chimera, &mut up);
    stop(&mut up);
    status["tasks"].clone()
}

fn posts(chimera: &Chimera) -> usize {
    Wire::start(chimera, &["mcp", "sandbox"]).resource("sandbox://posts")["posts"].as_array().unwrap().len()
}

pub(crate) fn what_went_out_after_the_backup_does_not_go_out_again(lost: &Chimera) {
    let sandbox = lost.folder().join("platform.sqlite");
    let able = Platform { honours_key: true, names_by_key: false, look_up: true, asks: false };
    lost.file("configs/chimera.yaml", &config(&able, &sandbox));
    assert!(lost.run(&["seed", "trends", "--scenario", "fashion_drop"]).ok);
    let before = work(lost);
    let asked = tickets(lost);
    assert!(asked.len() > 1, "{before}");
    // One is approved and not out when the backup is taken, the others wait; then they all go out.
    let (approved, waiting) = asked.split_at(1);
    approve(lost, approved, &[]);
    let archive = lost.folder().join("past.tar.gz");
    let archive = archive.to_str().unwrap();
    lost.json(&["db", "backup", "--output", archive, "--json"]);
    approve(lost, waiting, &[]);
    let published = work(lost)["PUBLISHED"].clone();
    let out = posts(lost);
    assert_eq!(published, out);
    assert_eq!(before["PUBLISHED"].as_u64().unwrap() + asked.len() as u64, published.as_u64().unwrap());

    for platform in &PLATFORMS {
        let found = lost.another();
        found.file("configs/chimera.yaml", &config(platform, &sandbox));
        let restored = found.run(&["db", "restore", archive]);
        assert!(restored.ok && restored.stderr.contains("may be out by now"), "{}", restored.stderr);
        let resumed = found.run(&["campaign", "resume", "fashion_drop"]);
        assert!(resumed.ok, "{}", resumed.stderr);
        assert_eq!(tickets(&found), waiting);
        let shown = found.json(&["judge", "view-queue", "--json"]);
        assert!(shown[0]["reasoning_trace"].as_str().unwrap().contains("Restored: it may have gone out"), "{shown:#}");
        approve(&found, waiting, &[]);
        let mut tasks = work(&found);
        if platform.asks {
            assert_eq!(tasks["HITL_QUEUE"], asked.len(), "{tasks:#}");
            approve(&found, &tickets(&found), &["--is-out"]);
            tasks = found.json(&["status", "--json"])["tasks"].clone();
        }
        assert_eq!(tasks["PUBLISHED"], published, "{tasks:#}");
        assert_eq!(posts(&found), out, "nothing went out twice");
        let verified = found.run(&["db", "verify"]);
        assert!(verified.ok, "{}", verified.stdout);
    }
}
