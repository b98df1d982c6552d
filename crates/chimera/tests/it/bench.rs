//! `chimera bench`: figures that hang together, and nothing left behind.

use sea_orm::ConnectionTrait as _;
use serde_json::Value;

use crate::chimera::Chimera;

/// Runs a benchmark on the world's own backends, and checks what holds for all: its head, and that nothing is left behind.
fn run(chimera: &Chimera, name: &str, arguments: &[&str], servers: &[&str]) -> Value {
    let mut all = vec!["bench", name, "--json"];
    all.extend(arguments);
    let (database, redis) = chimera.servers().unwrap_or_default();
    for (option, address) in [("--database", &database), ("--redis", &redis)] {
        if !address.is_empty() && servers.contains(&option) {
            all.extend([option, address.as_str()]);
        }
    }
    let report = chimera.json(&all);
    assert_eq!(report["bench"], name);
    assert!(report["machine"]["cores"].as_u64().unwrap() > 0 && number(&report, "/ratio_to_raw") > 0.0, "{report:#}");
    if servers.contains(&"--database") {
        let backend = if chimera.is_embedded() { "sqlite" } else { "postgres" };
        assert_eq!(report["database"], backend);
    }
    let left: Vec<_> = std::fs::read_dir(chimera.folder()).unwrap().map(|e| e.unwrap().file_name()).collect();
    let is_ours = |name: &std::ffi::OsString| name.to_string_lossy().starts_with("chimera-bench");
    assert!(!left.iter().any(is_ours), "{left:?}");
    assert_eq!(left_on_servers(chimera), Vec::<String>::new(), "schemas");
    report
}

/// Schemas that a benchmark has left in the test's own database. (Redis is shared by tests that run at the same time; that keys
/// go is a case of `chimera-bus`.)
fn left_on_servers(chimera: &Chimera) -> Vec<String> {
    let Some((database, _)) = chimera.servers() else { return vec![] };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let db = sea_orm::Database::connect(database).await.unwrap();
        let sql = "SELECT nspname::text FROM pg_namespace WHERE nspname LIKE 'chimera_bench%'";
        let rows = db.query_all_raw(sea_orm::Statement::from_string(sea_orm::DbBackend::Postgres, sql)).await.unwrap();
        rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
    })
}

const ALL: [&str; 2] = ["--database", "--redis"];

fn number(report: &Value, pointer: &str) -> f64 {
    report.pointer(pointer).and_then(Value::as_f64).unwrap_or_else(|| panic!("{pointer} is no number in {report:#}"))
}

pub(crate) fn posts_pass_every_stage_and_stand_beside_a_bare_client(chimera: &Chimera) {
    let report = run(chimera, "pipeline", &["--pipelines", "12", "--in-flight", "4"], &ALL);
    assert_eq!(report["pipelines"], 12);
    // A signal, four tasks with four edges and an artifact and a verdict each, five calls, three entries of the spend
    // ledger, a publication, six entries of the audit log.
    assert!((number(&report, "/rows_per_pipeline") - 32.0).abs() < f64::EPSILON, "{report:#}");
    assert!(number(&report, "/statements_per_pipeline") > 10.0 && number(&report, "/commits_per_pipeline") > 0.5);
    assert_eq!((number(&report, "/statements_failed"), number(&report, "/rollbacks")), (0.0, 0.0));
    let ratio = number(&report, "/pipelines_per_second") / number(&report, "/raw_pipelines_per_second");
    assert!((ratio - number(&report, "/ratio_to_raw")).abs() < 0.01, "{report:#}");
    let stage = |name: &str| number(&report, &format!("/latency_ms/{name}/p50"));
    for name in ["score", "make", "assemble", "judge", "publish", "whole"] {
        assert!(stage(name) > 0.0, "{name}: {report:#}");
    }
    assert!(stage("whole") > stage("make") && number(&report, "/seconds") * 1_000.0 > stage("whole"));
    for raw in report["raw"].as_array().unwrap() {
        assert_eq!(raw["posts"], 12);
    }
}

/// The ratio that a part of a report says is the one that its figures give: of rates, ours by the raw one.
fn ratio_holds(part: &Value, ours: &str, raw: &str) {
    let ratio = number(part, ours) / number(part, raw);
    let told = number(part, "/ratio_to_raw");
    assert!((ratio - told).abs() < 0.002 + told * 0.01, "{ours} {raw}: {ratio} {told} {part:#}");
}

/// Quantiles are in their order.
fn in_order(report: &Value, latency: &str) {
    let of = |name: &str| number(report, &format!("{latency}/{name}"));
    assert!(
        of("p50") > 0.0 && of("p50") <= of("p95") && of("p95") <= of("p99") && of("p99") <= of("max"),
        "{report:#}"
    );
}

pub(crate) fn a_start_is_timed_from_nothing_to_ready(chimera: &Chimera) {
    let report = run(chimera, "start", &["--runs", "2", "--first-runs", "1"], &ALL);
    for latency in ["/listening_ms", "/ready_ms", "/first_ready_ms", "/end_ms", "/raw_process_ms", "/raw_connection_ms"]
    {
        in_order(&report, latency);
    }
    // What migrations take is less than what another test beside this one does to a single start.
    let ready = number(&report, "/ready_ms/p50");
    assert!(number(&report, "/listening_ms/p50") < ready, "it listens before it is ready: {report:#}");
    ratio_holds(&report, "/raw_ready_ms", "/ready_ms/p50");
}

pub(crate) fn an_idle_fleet_has_seen_all_and_does_next_to_nothing(chimera: &Chimera) {
    let options = ["--agents", "12", "--feeds", "3", "--window", "2", "--poll-ms", "300"];
    let report = run(chimera, "fleet", &options, &ALL);
    // Each of twelve campaigns sees the five items of its feed once.
    assert_eq!((number(&report, "/agents"), number(&report, "/signals")), (12.0, 60.0));
    assert!(number(&report, "/rounds_of_planning") >= 1.0, "{report:#}");
    for of in ["", "/raw"] {
        let figure = |name: &str| number(&report, &format!("{of}/{name}"));
        assert!(figure("memory_mib") > 5.0 && figure("memory_mib") <= figure("memory_peak_mib"), "{report:#}");
        assert!(figure("statements_per_second") > 0.0 && figure("threads") >= 2.0, "{report:#}");
    }
    let ratio = number(&report, "/raw/memory_mib") / number(&report, "/memory_mib");
    assert!((ratio - number(&report, "/ratio_to_raw")).abs() < 0.01, "{report:#}");
}

pub(crate) fn signals_are_planned_or_let_go_and_written_bare(chimera: &Chimera) {
    let report = run(chimera, "planner", &["--signals", "100", "--batch", "40", "--relevant", "10"], &["--database"]);
    // Of ten planned signals four tasks each, three edges; and a record of each reading and of the question.
    assert_eq!((number(&report, "/planned"), number(&report, "/tasks")), (10.0, 40.0));
    assert!(number(&report, "/rows") >= 100.0 + 40.0 + 30.0, "{report:#}");
    ratio_holds(&report, "/signals_per_second", "/raw_signals_per_second");
    in_order(&report, "/latency_ms");
    for raw in report["raw"].as_array().unwrap() {
        assert_eq!(raw["written"], 100);
    }
}

pub(crate) fn a_rate_is_held_and_exactly_what_is_relevant_is_planned(chimera: &Chimera) {
    let mut arguments = vec!["bench", "planner", "--json", "--rate", "40", "--seconds", "2", "--relevant", "10"];
    let servers = chimera.servers();
    if let Some((database, _)) = &servers {
        arguments.extend(["--database", database.as_str()]);
    }
    let report = chimera.json(&arguments);
    let held = &report["sustained"];
    assert_eq!(
        (&held["exact"], number(held, "/signals"), number(held, "/planned")),
        (&true.into(), 80.0, 8.0),
        "{held:#}"
    );
    assert_eq!((&held["kept_up"], &report["saturates_at"]), (&true.into(), &Value::Null), "{held:#}");
    assert!(number(held, "/seconds") >= 1.9 && number(held, "/behind_max") >= 1.0, "{held:#}");
    in_order(&report, "/sustained/read_to_commit_ms");
    in_order(&report, "/sustained/up_to_commit_ms");
    assert!(number(held, "/up_to_commit_ms/p99") >= number(held, "/read_to_commit_ms/p50"), "{held:#}");
    assert_eq!(left_on_servers(chimera), Vec::<String>::new(), "schemas");
    let both = chimera.run(&["bench", "planner", "--rate", "40", "--signals", "3"]);
    assert!(!both.ok && chimera.run(&["bench", "planner", "--saturate"]).stderr.contains("--rate"), "{}", both.stderr);
}

pub(crate) fn money_is_set_aside_once_by_ledger_and_counters(chimera: &Chimera) {
    let options = ["--claims", "150", "--reservations", "200", "--in-flight", "4"];
    let report = run(chimera, "budget", &options, &ALL);
    assert_eq!((number(&report, "/ledger/reservations"), number(&report, "/ledger/rollbacks")), (150.0, 0.0));
    ratio_holds(&report["ledger"], "/reservations_per_second", "/raw_reservations_per_second");
    in_order(&report, "/ledger/latency_ms");
    for raw in report["ledger"]["raw"].as_array().unwrap() {
        assert_eq!(raw["written"], 150);
    }
    let mut counters = vec![&report["counters_in_process"]];
    assert_eq!(report["counters_in_redis"].is_null(), chimera.is_embedded());
    counters.extend(Some(&report["counters_in_redis"]).filter(|redis| !redis.is_null()));
    for counters in counters {
        assert_eq!(counters["reservations"], 200);
        ratio_holds(counters, "/reservations_per_second", "/raw_per_second");
    }
}

pub(crate) fn a_page_of_the_queue_is_timed_at_three_lengths(chimera: &Chimera) {
    let report = run(chimera, "review", &["--tickets", "600", "--looks", "3"], &["--database"]);
    let queues = report["queues"].as_array().unwrap();
    let lengths: Vec<u64> = queues.iter().map(|queue| queue["tickets"].as_u64().unwrap()).collect();
    assert_eq!(lengths, [6, 60, 600]);
    for queue in queues {
        for latency in ["/first_page_ms", "/middle_page_ms", "/depth_ms", "/console_ms", "/raw_ms"] {
            in_order(queue, latency);
        }
        ratio_holds(queue, "/raw_ms/p50", "/first_page_ms/p50");
    }
    assert!(queues[2]["console_bytes"].as_u64() > queues[0]["console_bytes"].as_u64(), "{report:#}");
}

#[test]
fn a_tool_is_called_on_each_way() {
    let report = run(&Chimera::new(), "mcp", &["--calls", "40", "--in-flight", "8"], &[]);
    let ways = report["ways"].as_array().unwrap();
    let told: Vec<_> =
        ways.iter().map(|way| (way["way"].as_str().unwrap(), way["in_flight"].as_u64().unwrap())).collect();
    assert_eq!(told, [("in_process", 1), ("in_process", 8), ("stdio", 1), ("stdio", 8), ("http", 1), ("http", 8)]);
    for way in ways {
        ratio_holds(way, "/calls_per_second", "/raw_calls_per_second");
        in_order(way, "/latency_ms");
    }
    assert!(number(&report, "/answer_bytes") > 1_024.0, "{report:#}");
}

#[test]
fn people_get_a_table() {
    let ended = Chimera::new().run(&["bench", "mcp", "--calls", "8", "--in-flight", "2"]);
    assert!(
        ended.ok && ended.stdout.contains("ways.5.ratio_to_raw") && ended.stdout.contains("machine.cores"),
        "{}",
        ended.stdout
    );
}

#[test]
fn sqlite_is_not_named_by_url() {
    let ended = Chimera::new().run(&["bench", "pipeline", "--database", "sqlite://posts.db"]);
    assert!(!ended.ok && ended.stderr.contains("--data-dir"), "{}", ended.stderr);
}
