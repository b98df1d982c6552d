//! `kill -9` at random moments, then a restart: every task reaches an end, and no post is doubled.

use std::{
    process::Child,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{chimera::Chimera, dice::Dice};

const KILLS: u32 = 10;
/// How long a start may take until it has work in hand.
const WORK_WITHIN: Duration = Duration::from_secs(10);
const SETTLED_WITHIN: Duration = Duration::from_secs(300);
/// States in which a task may stay.
const RESTS: [&str; 6] = ["PUBLISHED", "DONE", "HITL_QUEUE", "REJECTED", "FAILED", "CANCELLED"];

/// Every kill costs the tasks in hand an attempt, so there are more attempts than kills.
const CONFIG: &str = "
worker: {lease_ms: 1000, concurrency: 1, retry: {attempts_max: 20}}
publisher: {lease_ms: 1000, concurrency: 1, attempts_max: 20}
sweeper: {interval_ms: 200, waiting_ms: 400}
planner: {poll_interval_ms: 500}
sandbox:
  faults:
    tools:
      publish_post:
        latency: {min_ms: 20, max_ms: 120}
";

pub(crate) fn ten_kills_lose_nothing_and_double_nothing(chimera: &Chimera) {
    let seed = std::env::var("CHIMERA_KILL_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(20_261_122);
    println!("seed {seed} (CHIMERA_KILL_SEED chooses another)");
    let mut dice = Dice::new(seed);
    chimera.file("configs/chimera.yaml", CONFIG);
    assert!(chimera.run(&["seed", "trends", "--scenario", "fashion_drop"]).ok);

    let (mut moments, mut in_hand) = (vec![], 0);
    for kill in 0..KILLS {
        let mut up = start(chimera);
        let began = Instant::now();
        // Every other kill waits for work in hand; the others hit the start, too.
        let until = began + if kill % 2 == 0 { WORK_WITHIN } else { Duration::ZERO };
        while !work_in_hand(chimera, &up) && Instant::now() < until {}
        // The wait is the fault itself: the process is killed at a random moment.
        std::thread::sleep(Duration::from_millis(dice.below(if kill % 2 == 0 { 100 } else { 900 })));
        up.kill().unwrap();
        up.wait().unwrap();
        moments.push(began.elapsed().as_millis());
        in_hand += u32::from(work_in_hand(chimera, &up));
    }
    println!("killed after {moments:?} ms; {in_hand} of {KILLS} kills hit work in hand");
    assert!(in_hand >= 3, "the kills came too late to prove anything");

    let mut up = start(chimera);
    let status = settled(chimera, &mut up);
    stop(&mut up);
    let tasks = status["tasks"].as_object().unwrap();
    let published = tasks.get("PUBLISHED").and_then(Value::as_u64).unwrap_or(0);
    println!("tasks {tasks:?}");
    assert!(published > 0, "{status:#}");
    assert_eq!(tasks.get("FAILED"), None, "a kill is no failure of the task: {}", chimera.log());

    let posts = sandbox_posts(chimera);
    let mut stories: Vec<String> = posts.iter().map(|p| p["text"].to_string()).collect();
    stories.sort();
    let count = stories.len();
    stories.dedup();
    assert_eq!(stories.len(), count, "a post is doubled");
    assert_eq!(count as u64, published, "the ledger and the platform disagree");
    println!("kills={KILLS} published={published} lost=0 doubled=0");
}

/// Whether this very process holds a task, or may be publishing one.
fn work_in_hand(chimera: &Chimera, up: &Child) -> bool {
    // A start may have been killed before it had a database.
    let live = chimera.run(&["worker", "check-queue", "--limit", "500", "--json"]);
    let live: Value = if live.ok { serde_json::from_str(&live.stdout).unwrap() } else { Value::Null };
    let holder = format!("-{}-", up.id());
    live.as_array().into_iter().flatten().any(|task| task["lease_owner"].as_str().is_some_and(|o| o.contains(&holder)))
}

pub(crate) fn start(chimera: &Chimera) -> Child {
    chimera.start(&["up", "--bind", "127.0.0.1:0"])
}

/// Waits until every task rests.
pub(crate) fn settled(chimera: &Chimera, up: &mut Child) -> Value {
    let until = Instant::now() + SETTLED_WITHIN;
    loop {
        assert!(up.try_wait().unwrap().is_none(), "it ended by itself:\n{}", chimera.log());
        let status = chimera.json(&["status", "--json"]);
        let tasks = status["tasks"].as_object().unwrap();
        let moving: u64 =
            tasks.iter().filter(|(s, _)| !RESTS.contains(&s.as_str())).filter_map(|(_, n)| n.as_u64()).sum();
        if moving == 0 && !tasks.is_empty() {
            return status;
        }
        assert!(Instant::now() < until, "still moving: {status:#}\n{}", chimera.log());
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Asks for an orderly end, and gets one.
pub(crate) fn stop(up: &mut Child) {
    let pid = up.id().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert!(up.wait().unwrap().success());
}

fn sandbox_posts(chimera: &Chimera) -> Vec<Value> {
    let posts = crate::wire::Wire::start(chimera, &["mcp", "sandbox"]).resource("sandbox://posts");
    posts["posts"].as_array().unwrap().clone()
}
