//! Dead letters: shown with what went wrong, and put back to work at an operator's word.

use crate::{
    chimera::Chimera,
    kill::{settled, start, stop},
};

/// One call for each post, and none gets through.
const OVERRUN: &str = "
publisher: {attempts_max: 1}
sweeper: {interval_ms: 200, waiting_ms: 400}
sandbox:
  faults:
    tools:
      publish_post: {rate_limited: 1.0, retry_after_ms: 1}
";

const MENDED: &str = "sweeper: {interval_ms: 200, waiting_ms: 400}\n";

#[test]
fn posts_that_were_given_up_go_out_once_the_platform_is_back() {
    let chimera = Chimera::new();
    chimera.file("configs/chimera.yaml", OVERRUN);
    assert!(chimera.run(&["seed", "trends", "--scenario", "fashion_drop"]).ok);
    let mut up = start(&chimera);
    let failed = settled(&chimera, &mut up)["tasks"]["FAILED"].as_u64().unwrap_or_default();
    stop(&mut up);
    assert!(failed > 0, "no post was given up");

    let shown = chimera.run(&["worker", "check-queue"]);
    assert!(
        shown.stdout.contains("dead letter") && shown.stdout.contains("given up after 1 attempts"),
        "{}",
        shown.stdout
    );
    assert!(shown.stderr.contains("chimera worker retry-failed"), "{}", shown.stderr);
    let tasks = chimera.json(&["worker", "check-queue", "--json"]);
    let dead: Vec<&str> = tasks
        .as_array()
        .unwrap()
        .iter()
        .filter(|task| task["state"] == "FAILED")
        .map(|task| task["id"].as_str().unwrap())
        .collect();
    assert_eq!(dead.len() as u64, failed);

    chimera.file("configs/chimera.yaml", MENDED);
    // By name, once; the second time it is no dead letter any more.
    let first = chimera.run(&["worker", "retry-failed", dead[0], "--by", "mara"]);
    assert!(first.ok && first.stdout.contains("same idempotency key"), "{}{}", first.stdout, first.stderr);
    let again = chimera.run(&["worker", "retry-failed", dead[0]]);
    assert!(!again.ok && again.stdout.contains("it is APPROVED, not FAILED"), "{}{}", again.stdout, again.stderr);
    let elsewhere = chimera.run(&["worker", "retry-failed", "--all", "--campaign", "no-such"]);
    assert!(!elsewhere.ok && elsewhere.stderr.contains("there is no campaign no-such"), "{}", elsewhere.stderr);
    let rest = chimera.json(&["worker", "retry-failed", "--all", "--by", "mara", "--json"]);
    assert_eq!(rest["approved"].as_array().unwrap().len(), dead.len() - 1, "{rest}");
    assert_eq!(rest["refused"].as_array().unwrap().len(), 0, "{rest}");
    assert!(chimera.run(&["worker", "retry-failed", "--all"]).stdout.contains("there is no dead letter"));
    let neither = chimera.run(&["worker", "retry-failed"]);
    assert!(!neither.ok && neither.stderr.contains("--all"), "{}", neither.stderr);

    let mut up = start(&chimera);
    let tasks = settled(&chimera, &mut up)["tasks"].clone();
    stop(&mut up);
    assert_eq!((&tasks["FAILED"], &tasks["PUBLISHED"]), (&serde_json::Value::Null, &failed.into()), "{tasks}");
    let posts = crate::wire::Wire::start(&chimera, &["mcp", "sandbox"]).resource("sandbox://posts");
    assert_eq!(posts["posts"].as_array().unwrap().len() as u64, failed);
}
