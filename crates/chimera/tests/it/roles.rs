//! Roles as processes of their own, over PostgreSQL and Redis.

use chimera_testkit::{TestPostgres, TestRedis};

use crate::{
    chimera::Chimera,
    process::{JUDGE, PLANNER, PUBLISHER, Process, WORKER},
};

/// Quick rounds; much of what a fleet does in minutes happens in seconds.
const CONFIG: &str = "
planner: {poll_interval_ms: 500}
sweeper: {interval_ms: 300, waiting_ms: 600}
worker: {lease_ms: 3000}
publisher: {lease_ms: 3000}
";

/// A folder of its own, a fresh database, and keys of its own in Redis.
fn fleet() -> Chimera {
    let database = TestPostgres::shared().database().unwrap().url;
    let chimera = Chimera::new().on(&database, &TestRedis::shared().url());
    let prefix = TestRedis::shared().prefix();
    chimera.file("configs/chimera.yaml", &format!("{CONFIG}queue: {{prefix: {prefix}}}\n"));
    chimera
}

fn seeded() -> Chimera {
    let chimera = fleet();
    let seeded = chimera.run(&["seed", "trends", "--scenario", "fashion_drop"]);
    assert!(seeded.ok, "{}", seeded.stderr);
    chimera
}

fn published(chimera: &Chimera) -> u64 {
    chimera.json(&["status", "--json"])["tasks"]["PUBLISHED"].as_u64().unwrap_or(0)
}

#[test]
fn four_processes_bring_headlines_to_posts() {
    let chimera = seeded();
    let fleet = [PLANNER, WORKER, JUDGE, PUBLISHER].map(|command| Process::start(&chimera, &command));
    for process in &fleet {
        process.wait_missing(&[]);
        let (status, health) = process.get("/health");
        assert_eq!((status, health.contains("\"live\"")), (200, true), "{health}");
    }
    let [planner, worker, judge, publisher] = &fleet;
    publisher.wait("publishing", || published(&chimera) >= 3);
    assert!(planner.metric("chimera_build_info{version=\"0.1.0\"}").is_some());
    assert_eq!(judge.metric("chimera_role_up{role=\"judge\"}"), Some(1.0));
    assert_eq!(judge.metric("chimera_role_up{role=\"worker\"}"), None);
    assert!(worker.metric("chimera_tasks{state=\"PUBLISHED\"}").unwrap() >= 3.0);
    assert_eq!(worker.metric("chimera_dependency_up{dependency=\"queue\"}"), Some(1.0));
    assert!(worker.metric("chimera_queue_waiting{queue=\"task_queue\"}").is_some());

    let mut instances = vec![];
    for process in fleet {
        for line in process.lines() {
            assert!(line["role"].is_string() && line["pid"] == process.child.id(), "{line}");
            instances.push(line["instance"].as_str().unwrap().to_owned());
        }
        process.stop();
    }
    instances.sort();
    instances.dedup();
    assert_eq!(instances.len(), 4, "{instances:?}");
}

#[test]
fn a_role_without_shared_queues_is_refused_with_a_way_out() {
    let chimera = Chimera::new();
    for command in [PLANNER, WORKER, JUDGE, PUBLISHER] {
        let ended = chimera.run(&command);
        let told = ended.stderr.contains("CHIMERA_QUEUE__URL") && ended.stderr.contains("chimera up");
        assert!(!ended.ok && told, "{command:?} {}", ended.stderr);
    }
}

#[test]
fn a_role_waits_for_its_schema_and_says_so() {
    let chimera = fleet();
    let judge = Process::start(&chimera, &JUDGE);
    judge.wait_missing(&["schema"]);
    assert!(judge.get("/ready").1.contains("chimera db migrate"));
    assert_eq!(judge.get("/health").0, 200);
    let migrated = chimera.run(&["db", "migrate"]);
    assert!(migrated.ok, "{}", migrated.stderr);
    judge.wait_missing(&[]);
    judge.stop();
}

#[test]
fn each_command_says_how_it_ends() {
    let chimera = Chimera::new();
    for command in [PLANNER, WORKER, JUDGE, PUBLISHER] {
        let help = chimera.run(&[command[0], command[1], "--help"]);
        assert!(help.ok && help.stdout.contains("--bind") && help.stdout.contains("143"), "{}", help.stdout);
    }
}
