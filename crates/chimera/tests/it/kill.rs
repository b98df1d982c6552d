//! `kill -9` at random moments, then a restart: every task reaches an end, and no post is doubled.

use std::{
    process::Child,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::chimera::Chimera;

const KILLS: u32 = 10;
const SETTLED_WITHIN: Duration = Duration::from_secs(120);
/// States in which a task may stay.
const RESTS: [&str; 6] = ["PUBLISHED", "DONE", "HITL_QUEUE", "REJECTED", "FAILED", "CANCELLED"];

/// A small generator, so that a printed seed repeats the moments (SplitMix64, G. Steele et al., 2014).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

/// Every kill costs the tasks in hand an attempt, so there are more attempts than kills.
const CONFIG: &str = "
worker: {lease_ms: 1000, concurrency: 2, retry: {attempts_max: 20}}
publisher: {lease_ms: 1000, concurrency: 1, attempts_max: 20}
sweeper: {interval_ms: 200, waiting_ms: 400}
planner: {poll_interval_ms: 500}
sandbox:
  faults:
    tools:
      publish_post:
        latency: {min_ms: 20, max_ms: 120}
";

#[test]
fn ten_kills_lose_nothing_and_double_nothing() {
    let seed = std::env::var("CHIMERA_KILL_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(20_261_122);
    println!("seed {seed} (CHIMERA_KILL_SEED chooses another)");
    let mut dice = Dice(seed);
    let chimera = Chimera::new();
    chimera.file("configs/chimera.yaml", CONFIG);
    assert!(chimera.run(&["seed", "trends", "--scenario", "fashion_drop"]).ok);

    let (mut moments, mut in_hand) = (vec![], 0);
    for _ in 0..KILLS {
        let mut up = start(&chimera);
        let moment = Duration::from_millis(100 + dice.below(900));
        // The wait is the fault itself: the process is killed at a random moment.
        std::thread::sleep(moment);
        up.kill().unwrap();
        up.wait().unwrap();
        moments.push(moment.as_millis());
        // A start may have been killed before it had a database.
        let left = chimera.run(&["status", "--json"]);
        let left: Value = if left.ok { serde_json::from_str(&left.stdout).unwrap() } else { Value::Null };
        in_hand += u32::from(["EXECUTING", "PUBLISHING"].iter().any(|s| left["tasks"][s].as_u64() > Some(0)));
    }
    println!("killed after {moments:?} ms; {in_hand} of {KILLS} kills hit work in hand");
    assert!(in_hand >= 3, "the kills came too late to prove anything");

    let mut up = start(&chimera);
    let status = settled(&chimera, &mut up);
    stop(&mut up);
    let tasks = status["tasks"].as_object().unwrap();
    let published = tasks.get("PUBLISHED").and_then(Value::as_u64).unwrap_or(0);
    println!("tasks {tasks:?}");
    assert!(published > 0, "{status:#}");
    assert_eq!(tasks.get("FAILED"), None, "a kill is no failure of the task: {}", chimera.log());

    let posts = sandbox_posts(&chimera);
    let mut stories: Vec<String> = posts.iter().map(|p| p["text"].to_string()).collect();
    stories.sort();
    let count = stories.len();
    stories.dedup();
    assert_eq!(stories.len(), count, "a post is doubled");
    assert_eq!(count as u64, published, "the ledger and the platform disagree");
    println!("kills={KILLS} published={published} lost=0 doubled=0");
}

fn start(chimera: &Chimera) -> Child {
    chimera.start(&["up", "--bind", "127.0.0.1:0"])
}

/// Waits until every task rests.
fn settled(chimera: &Chimera, up: &mut Child) -> Value {
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
fn stop(up: &mut Child) {
    let pid = up.id().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert!(up.wait().unwrap().success());
}

fn sandbox_posts(chimera: &Chimera) -> Vec<Value> {
    let posts = crate::contract::resource(chimera, &["mcp", "sandbox"], "sandbox://posts");
    posts["posts"].as_array().unwrap().clone()
}
