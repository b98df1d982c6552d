//! Roles as processes of their own, over PostgreSQL and Redis.

use std::time::{Duration, Instant};

use chimera_testkit::{Stop, TestPostgres, TestRedis};
use serde_json::Value;

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

/// A platform that takes minutes for each post.
const SLOW: &str = "sandbox: {faults: {tools: {publish_post: {latency: {min_ms: 300000, max_ms: 300000}}}}}\n";

/// A folder of its own, a fresh database, and keys of its own in Redis.
fn fleet() -> Chimera {
    let database = TestPostgres::shared().database().unwrap().url;
    let chimera = Chimera::new().on(&database, &TestRedis::shared().url());
    let prefix = TestRedis::shared().prefix();
    let config = format!("{CONFIG}queue: {{prefix: {prefix}}}\n");
    chimera.file("configs/chimera.yaml", &config);
    for (name, patience_ms) in [("patient", 120_000), ("impatient", 4_000)] {
        let shutdown = format!("shutdown: {{patience_ms: {patience_ms}}}\n");
        chimera.file(&format!("{name}/chimera.yaml"), &format!("{config}{SLOW}{shutdown}"));
    }
    chimera
}

pub(crate) fn seeded() -> Chimera {
    let chimera = fleet();
    let seeded = chimera.run(&["seed", "trends", "--scenario", "fashion_drop"]);
    assert!(seeded.ok, "{}", seeded.stderr);
    chimera
}

/// The tasks in a state, with all that is known of them.
fn tasks_in(chimera: &Chimera, state: &str) -> Vec<Value> {
    let live = chimera.json(&["worker", "check-queue", "--limit", "500", "--json"]);
    live.as_array().unwrap().iter().filter(|task| task["state"] == state).cloned().collect()
}

/// A fleet whose publisher holds posts in its hands, with another configuration.
fn publishing_slowly(chimera: &Chimera, config: &str) -> (Vec<Process>, Process) {
    let makers = [PLANNER, WORKER, JUDGE].map(|command| Process::start(chimera, &command)).into();
    let publisher = Process::start(chimera, &[&PUBLISHER[..], &["--config", config]].concat());
    publisher.wait("publishing", || !tasks_in(chimera, "PUBLISHING").is_empty());
    (makers, publisher)
}

/// No post stands twice on the platform, and every published task has its post.
fn each_post_once(chimera: &Chimera) {
    let posts = crate::wire::Wire::start(chimera, &["mcp", "sandbox"]).resource("sandbox://posts");
    let mut texts: Vec<String> = posts["posts"].as_array().unwrap().iter().map(|p| p["text"].to_string()).collect();
    let count = texts.len();
    texts.sort();
    texts.dedup();
    assert_eq!(texts.len(), count, "a post is doubled");
    assert_eq!(count as u64, published(chimera));
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
    each_role_counts_what_it_does(&fleet);
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

/// Once posts were published: what each role counted on the way, and what all of them read.
fn each_role_counts_what_it_does([planner, worker, judge, publisher]: &[Process; 4]) {
    for (process, counted) in [
        (planner, "chimera_stage_duration_seconds_count{stage=\"planned\"}"),
        (planner, "chimera_mcp_calls_total{server=\"feeds\",outcome=\"success\"}"),
        (planner, "chimera_mcp_call_duration_seconds_count{server=\"feeds\"}"),
        (planner, "chimera_llm_questions_total{question=\"relevance\",outcome=\"answered\"}"),
        (planner, "chimera_resources_watched"),
        (worker, "chimera_task_duration_seconds_count{task_type=\"generate_video\"}"),
        (worker, "chimera_stage_duration_seconds_count{stage=\"made\"}"),
        (worker, "chimera_mcp_calls_total{server=\"studio\",outcome=\"success\"}"),
        (worker, "chimera_llm_questions_total{question=\"write\",outcome=\"answered\"}"),
        (judge, "chimera_stage_duration_seconds_count{stage=\"judged\"}"),
        (judge, "chimera_llm_question_duration_seconds_count{question=\"opine\"}"),
        (publisher, "chimera_publications_total{outcome=\"published\"}"),
        (publisher, "chimera_stage_duration_seconds_count{stage=\"published\"}"),
        (publisher, "chimera_stage_duration_seconds_count{stage=\"whole\"}"),
        (publisher, "chimera_mcp_calls_total{server=\"sandbox\",outcome=\"success\"}"),
        (publisher, "chimera_database_statements_total"),
        (publisher, "chimera_database_commits_total"),
        (publisher, "process_resident_memory_bytes"),
        (publisher, "chimera_budget_today_usd"),
    ] {
        assert!(process.metric(counted).is_some_and(|value| value >= 1.0), "{counted}\n{}", process.get("/metrics").1);
    }
    for read in [
        "chimera_tasks{state=\"FAILED\"}",
        "chimera_queue_lag_seconds{queue=\"task_queue\"}",
        "chimera_tickets_open",
        "chimera_ticket_oldest_seconds",
        "chimera_alerts_open{kind=\"publish_unknown\"}",
        "chimera_spend_today_usd",
        "chimera_spend_reserved_usd",
        "chimera_budget_used_ratio_max",
    ] {
        assert!(judge.metric(read).is_some_and(|value| value >= 0.0), "{read}\n{}", judge.get("/metrics").1);
    }
    assert_eq!(judge.metric("chimera_mcp_calls_total{server=\"sandbox\",outcome=\"success\"}"), None);
    let (_, text) = judge.get("/metrics");
    let mut told: Vec<&str> = text.lines().filter(|line| line.starts_with("# TYPE ")).collect();
    let count = told.len();
    told.sort_unstable();
    told.dedup();
    assert_eq!(told.len(), count, "a metric stands twice\n{text}");
    assert_eq!(judge.metric("chimera_tasks{state=\"PUBLISHED\"}"), None, "what has ended is not counted over and over");
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

#[test]
fn readiness_names_what_went_away_and_comes_back_with_it() {
    let (postgres, redis) = (TestPostgres::start_durable().unwrap(), TestRedis::start().unwrap());
    let chimera = Chimera::new().on(&postgres.database().unwrap().url, &redis.url());
    chimera.file("configs/chimera.yaml", &format!("{CONFIG}shutdown: {{patience_ms: 8000}}\n"));
    assert!(chimera.run(&["db", "migrate"]).ok);
    let mut fleet = [PLANNER, WORKER, JUDGE, PUBLISHER].map(|command| Process::start(&chimera, &command));
    let all_miss = |fleet: &[Process], wanted: &[&str]| fleet.iter().for_each(|process| process.wait_missing(wanted));
    all_miss(&fleet, &[]);

    postgres.stop(Stop::Immediate).unwrap();
    all_miss(&fleet, &["database"]);
    let place = postgres.address();
    fleet[0].wait("told where and why", || {
        let told = fleet[0].get("/ready").1;
        told.contains(&place) && told.contains("nobody listens")
    });
    assert_eq!(fleet[0].metric("chimera_dependency_up{dependency=\"database\"}"), Some(0.0));
    assert_eq!(fleet[0].metric("chimera_tasks{state=\"READY\"}"), None, "nothing stale is told");
    postgres.start_again().unwrap();
    all_miss(&fleet, &[]);

    redis.stop();
    all_miss(&fleet, &["queue"]);
    redis.start_again().unwrap();
    all_miss(&fleet, &[]);

    // With nothing to lean on they live, say so, and still end in time.
    postgres.stop(Stop::Immediate).unwrap();
    redis.stop();
    all_miss(&fleet, &["database", "queue"]);
    for process in &mut fleet {
        assert_eq!(process.get("/health").0, 200);
        let began = Instant::now();
        process.signal("TERM");
        let code = process.ended().code();
        // Whoever waits for an answer of the database just then is cut off.
        assert!(matches!(code, Some(0 | 4)), "{code:?}\n{}", process.log_text());
        assert!(began.elapsed() < Duration::from_secs(30), "{:?} for a patience of 8 s", began.elapsed());
    }
}

#[test]
fn a_role_started_first_waits_for_its_database() {
    let (postgres, redis) = (TestPostgres::start_durable().unwrap(), TestRedis::start().unwrap());
    let chimera = Chimera::new().on(&postgres.database().unwrap().url, &redis.url());
    assert!(chimera.run(&["db", "migrate"]).ok);
    postgres.stop(Stop::Immediate).unwrap();
    redis.stop();
    let judge = Process::start(&chimera, &JUDGE);
    judge.wait_missing(&["database"]);
    let told = judge.get("/ready").1;
    assert!(told.contains(&postgres.address()) && told.contains("nobody listens"), "{told}");
    assert_eq!(judge.get("/health").0, 200);
    postgres.start_again().unwrap();
    judge.wait_missing(&["queue"]);
    redis.start_again().unwrap();
    judge.wait_missing(&[]);
    judge.stop();
}

#[test]
fn what_outlasts_patience_is_cut_off_and_found_by_the_next() {
    let chimera = seeded();
    let (makers, mut publisher) = publishing_slowly(&chimera, "impatient");
    publisher.signal("TERM");
    let status = publisher.ended();
    assert_eq!(status.code(), Some(4), "{}", publisher.log_text());
    assert!(!tasks_in(&chimera, "PUBLISHING").is_empty(), "what may be out stays for whoever looks");

    let next = Process::start(&chimera, &PUBLISHER);
    next.wait("publishing what was left", || tasks_in(&chimera, "PUBLISHING").is_empty() && published(&chimera) >= 3);
    next.stop();
    makers.into_iter().for_each(Process::stop);
    each_post_once(&chimera);
}

#[test]
fn a_second_signal_ends_at_once_and_the_code_says_which() {
    for (signal, code) in [("TERM", 143), ("INT", 130)] {
        let chimera = seeded();
        let (_makers, mut publisher) = publishing_slowly(&chimera, "patient");
        publisher.signal(signal);
        publisher.wait_missing(&["stop"]);
        publisher.signal(signal);
        assert_eq!(publisher.ended().code(), Some(code), "{}", publisher.log_text());
    }
}

#[test]
fn whatever_is_killed_another_takes_over() {
    let chimera = seeded();
    let (mut fleet, mut publisher) = publishing_slowly(&chimera, "patient");
    publisher.child.kill().unwrap();
    publisher.ended();
    fleet.push(Process::start(&chimera, &PUBLISHER));
    // Whoever sweeps is killed too, and someone else sweeps.
    let sweeps = |process: &Process| process.metric("chimera_duty_held{duty=\"sweep\"}") == Some(1.0);
    for _ in 0..2 {
        // For a moment two may think so: one whose lease lapsed while the machine was busy learns it with its next round.
        let mut holders = vec![];
        fleet[0].wait("one sweeps", || {
            holders = (0..fleet.len()).filter(|number| sweeps(&fleet[*number])).collect();
            holders.len() == 1
        });
        let mut holder = fleet.remove(holders[0]);
        holder.child.kill().unwrap();
        holder.ended();
    }
    // Whichever roles died with it come back, and everything comes to an end.
    fleet.extend([PLANNER, WORKER, JUDGE, PUBLISHER].map(|command| Process::start(&chimera, &command)));
    let settled = || {
        let status = chimera.json(&["status", "--json"]);
        let moving = ["PENDING", "READY", "EXECUTING", "JUDGE_REVIEW", "APPROVED", "PUBLISHING"];
        moving.iter().all(|state| status["tasks"][state].is_null()) && published(&chimera) >= 3
    };
    fleet[0].wait("settled", settled);
    fleet.into_iter().for_each(Process::stop);
    each_post_once(&chimera);
}

/// How a role ends that can't start: its code, and its last line, which says why.
fn refused(chimera: &Chimera, command: &[&str]) -> (Option<i32>, Value) {
    let ended = chimera.command(&[command, &["--bind", "127.0.0.1:0"]].concat()).output().unwrap();
    let log = String::from_utf8(ended.stderr).unwrap();
    let lines: Vec<Value> =
        log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect();
    (ended.status.code(), lines.last().unwrap().clone())
}

#[test]
fn what_no_waiting_mends_ends_a_role_with_a_line_that_says_why() {
    let (database, redis) = (TestPostgres::shared().database().unwrap().url, TestRedis::start().unwrap());
    let poor = redis.user("poor", "sesame", "~* &* +ping").unwrap();
    let cases = [
        (database.replace("postgres@", "nobody_known:s3cret@"), redis.url(), "PostgreSQL at 127.0.0.1:"),
        (database.clone(), redis.url().replace("redis://", "redis://:s3cret@"), "the user or the password"),
        (database.clone(), poor, "ACL SETUSER"),
        (database.clone(), format!("{}99", redis.url()), "no database of the number"),
    ];
    assert!(Chimera::new().on(&database, &redis.url()).run(&["db", "migrate"]).ok);
    for (database, queue, wanted) in cases {
        let chimera = Chimera::new().on(&database, &queue);
        let (code, last) = refused(&chimera, &JUDGE);
        assert_eq!((code, &last["level"], &last["role"]), (Some(1), &"ERROR".into(), &"judge".into()), "{last}");
        assert_eq!(last["exit_code"], 1);
        assert!(last["error"].as_str().unwrap().contains(wanted), "{last}");
        assert!(last["error"].as_str().unwrap().starts_with(last["message"].as_str().unwrap()), "{last}");
        assert!(!last.to_string().contains("s3cret"), "{last}");
    }
}

#[test]
fn a_configuration_that_can_not_be_read_is_told_in_the_form_of_the_log() {
    let chimera = Chimera::new();
    chimera.file("configs/chimera.yaml", "judge: {thresholds: {reject: 2}}\n");
    let (code, last) = refused(&chimera, &JUDGE);
    assert_eq!((code, &last["level"]), (Some(1), &"ERROR".into()), "{last}");
    let json = chimera.run(&["--log-format", "json", "status"]);
    let line: Value = serde_json::from_str(&json.stderr).unwrap();
    assert_eq!((json.ok, &line["level"]), (false, &"ERROR".into()), "{line}");
    let text = chimera.run(&["--log-format", "text", "judge", "serve"]);
    assert!(!text.ok && text.stderr.starts_with("error: "), "{}", text.stderr);
}
