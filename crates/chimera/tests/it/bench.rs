//! `chimera bench`: figures that hang together, and nothing left behind.

use serde_json::Value;

use crate::chimera::Chimera;

/// The arguments of a run on the world's own backends, on a small number of posts.
fn arguments(chimera: &Chimera) -> Vec<String> {
    let mut arguments: Vec<String> =
        ["bench", "pipeline", "--pipelines", "12", "--in-flight", "4", "--json"].map(str::to_owned).into();
    if let Some((database, redis)) = chimera.servers() {
        arguments.extend(["--database".to_owned(), database, "--redis".to_owned(), redis]);
    }
    arguments
}

fn number(report: &Value, pointer: &str) -> f64 {
    report.pointer(pointer).and_then(Value::as_f64).unwrap_or_else(|| panic!("{pointer} is no number in {report:#}"))
}

pub(crate) fn posts_pass_every_stage_and_stand_beside_a_bare_client(chimera: &Chimera) {
    let arguments = arguments(chimera);
    let report = chimera.json(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    let backend = if chimera.is_embedded() { "sqlite" } else { "postgres" };
    assert_eq!((&report["database"], &report["pipelines"]), (&backend.into(), &12.into()));
    // A signal, four tasks with three edges and an artifact and a verdict each, five calls, three entries of the spend
    // ledger, a publication, six entries of the audit log.
    assert!((number(&report, "/rows_per_pipeline") - 31.0).abs() < f64::EPSILON, "{report:#}");
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
    let left: Vec<_> = std::fs::read_dir(chimera.folder()).unwrap().map(|e| e.unwrap().file_name()).collect();
    let is_ours = |name: &std::ffi::OsString| name.to_string_lossy().starts_with("chimera-bench");
    assert!(!left.iter().any(is_ours), "{left:?}");
}

#[test]
fn sqlite_is_not_named_by_url() {
    let ended = Chimera::new().run(&["bench", "pipeline", "--database", "sqlite://posts.db"]);
    assert!(!ended.ok && ended.stderr.contains("--data-dir"), "{}", ended.stderr);
}
