//! The audit log, as an operator meets it.

use chimera_testkit::{TestPostgres, TestRedis};
use sea_orm::{ConnectionTrait as _, Database};
use serde_json::Value;

use crate::chimera::Chimera;

/// What an owner of the database can do.
fn forge(url: &str, statements: &[&str]) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let db = Database::connect(url).await.unwrap();
        for sql in statements {
            db.execute_unprepared(sql).await.unwrap();
        }
    });
}

#[test]
fn what_the_demo_did_is_on_record_and_holds() {
    let chimera = Chimera::new();
    let summary = chimera.json(&["demo", "--once", "--json", "--seed", "7"]);
    let report = chimera.json(&["db", "verify", "--json"]);
    assert_eq!((&report["sound"], &report["findings"]), (&true.into(), &Value::Array(vec![])), "{report:#}");
    let count = |actor: &str, action: &str| -> u64 {
        let log = chimera.json(&["db", "audit", "--limit", "100000", "--json"]);
        let is_it = |e: &&Value| e["actor"].as_str().unwrap().starts_with(actor) && e["action"] == action;
        log.as_array().unwrap().iter().filter(is_it).count().try_into().unwrap()
    };
    let published = summary["posts"]["published"].as_u64().unwrap();
    assert_eq!(count("publisher:", "publish_confirmed"), published);
    assert!(count("judge", "decided") > published && count("operator:", "campaign_saved") == 1);

    let ticket = chimera.json(&["judge", "view-queue", "--json"])[0].clone();
    let (id, trace) = (ticket["id"].as_str().unwrap(), ticket["trace_id"].as_str().unwrap());
    let approved = chimera.run(&["judge", "approve-ticket", id, "--by", "mara", "--note", "a fine one"]);
    assert!(approved.ok, "{}", approved.stderr);
    let log = chimera.json(&["db", "audit", "--trace", trace, "--actor", "human:mara", "--json"]);
    let actions: Vec<&str> = log.as_array().unwrap().iter().map(|e| e["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["ticket_answered", "decided"], "{log:#}");
    assert_eq!((&log[0]["details"]["note"], &log[0]["subject_id"]), (&"a fine one".into(), &id.into()));
    let table = chimera.run(&["db", "audit", "--limit", "2"]);
    assert!(table.ok && table.stdout.contains("human:mara") && !table.stdout.contains("system"), "{}", table.stdout);
    let told = chimera.run(&["db", "verify"]);
    assert!(told.ok && told.stderr.contains("the audit log holds"), "{}{}", told.stdout, told.stderr);
}

#[test]
fn tampering_is_named_on_either_database() {
    let embedded = Chimera::new();
    let file = format!("sqlite://{}", embedded.data().join("chimera.db").display());
    tampering_is_named(&embedded, &file, &["DROP TRIGGER audit_log_no_update", "DROP TRIGGER audit_head_forward"]);
    let database = TestPostgres::shared().database().unwrap();
    let disarm = ["ALTER TABLE audit_log DISABLE TRIGGER USER", "ALTER TABLE audit_head DISABLE TRIGGER USER"];
    tampering_is_named(&Chimera::new().on(&database.url, &TestRedis::shared().url()), &database.url, &disarm);
}

fn tampering_is_named(chimera: &Chimera, url: &str, disarm: &[&str]) {
    assert!(chimera.run(&["seed", "trends", "--by", "mara"]).ok);
    let noted = chimera.run(&["db", "verify"]);
    let head = noted.stdout.lines().find_map(|line| line.strip_prefix("head")).unwrap().trim().to_owned();
    assert!(noted.ok && head.starts_with("2:"), "{}", noted.stdout);
    let (_, hash) = head.split_once(':').unwrap();
    for expected in [head.as_str(), hash] {
        assert!(chimera.run(&["db", "verify", "--expect", expected]).ok);
    }
    let nonsense = chimera.run(&["db", "verify", "--expect", "yesterday"]);
    assert!(!nonsense.ok && nonsense.stderr.contains("64 hex digits"), "{}", nonsense.stderr);

    forge(url, disarm);
    forge(url, &["UPDATE audit_log SET actor = 'operator:mallory' WHERE seq = 1"]);
    let found = chimera.run(&["db", "verify"]);
    let agent = chimera.json(&["db", "audit", "--json"])[1]["subject_id"].as_str().unwrap().to_owned();
    let line = format!("changed entry 1 (agent {agent}): what it says does not go with its hash");
    assert!(!found.ok && found.stdout.lines().next() == Some(line.as_str()), "{}", found.stdout);
    assert!(found.stdout.contains("unguarded") && found.stderr.contains("chimera db migrate"), "{}", found.stderr);

    // Put right again, and the triggers too; that is on record.
    forge(url, &["UPDATE audit_log SET actor = 'operator:mara' WHERE seq = 1"]);
    assert!(chimera.run(&["db", "migrate", "--by", "mara"]).ok);
    let sound = chimera.run(&["db", "verify", "--expect", &head]);
    assert!(sound.ok, "{}{}", sound.stdout, sound.stderr);
    let newest = chimera.json(&["db", "audit", "--limit", "1", "--json"])[0].clone();
    assert_eq!((&newest["actor"], &newest["action"]), (&"operator:mara".into(), &"schema_migrated".into()));

    // The log is cut back to its first entry, and its head with it: only the noted head tells.
    let first = chimera.json(&["db", "audit", "--json"])[2]["hash"].as_str().unwrap().to_owned();
    forge(url, disarm);
    let delete = if url.starts_with("sqlite") { "DROP TRIGGER audit_log_no_delete" } else { "SELECT 1" };
    let back = format!("UPDATE audit_head SET seq = 1, hash = '{first}'");
    forge(url, &[delete, "DELETE FROM audit_log WHERE seq > 1", &back]);
    let ended = chimera.command(&["db", "verify", "--json", "--expect", &head]).output().unwrap();
    assert!(!ended.status.success());
    let report: Value = serde_json::from_slice(&ended.stdout).unwrap();
    let finding = &report["findings"][0];
    assert_eq!((&finding["kind"], &finding["seq"]), (&"noted_head_gone".into(), &2.into()), "{report:#}");
    assert!(finding["advice"].as_str().unwrap().contains("backup") && report["sound"] == false);
}
