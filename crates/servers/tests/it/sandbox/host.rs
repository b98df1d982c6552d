//! Cuts as the host meets them when the sandbox runs in its own process.

use std::time::{Duration, Instant};

use chimera_domain::{ToolStatus, TraceId};
use chimera_mcp::{CallClass, CallContext, CallError, Host, HostConfig, RoleConfig};
use chimera_servers::sandbox::{Fault, FaultPlan, SandboxServer, SandboxTool, ScriptedFault};
use serde_json::{Map, Value, json};

use super::client::{Bench, post};

/// Far less than the silence that the host puts up with, far more than a cut takes.
const AT_ONCE: Duration = Duration::from_secs(10);

fn variables(value: Value) -> Map<String, Value> {
    serde_json::from_value(value).unwrap()
}

fn context() -> CallContext {
    CallContext::new("4bf92f3577b34da6a3ce929d0e0e4736".parse::<TraceId>().unwrap())
}

fn host(bench: &Bench, sandbox: &SandboxServer) -> Host {
    let role = |tool: &str, key: &str| {
        let name = key.trim_matches(['{', '}']);
        (tool.to_owned(), RoleConfig::new("sandbox", tool, json!({ name: key })))
    };
    let mut publish = RoleConfig::new("sandbox", "publish_post", Value::Null);
    publish.arguments = post("{{key}}");
    let config = HostConfig {
        roles: [("publish_post".to_owned(), publish), role("find_post", "{{idempotency_key}}")].into(),
        ..HostConfig::default()
    };
    let sandbox = sandbox.clone();
    Host::builder(config, bench.clock.clone())
        .in_process_with_line("sandbox", move |line| sandbox.with_line(line))
        .build()
        .unwrap()
}

async fn cut_and_find(fault: Fault, posted: bool) {
    let script = vec![ScriptedFault { tool: SandboxTool::PublishPost, call: 1, fault }];
    let bench = Bench::failing(FaultPlan { script, ..FaultPlan::default() });
    let sandbox = bench.open().await;
    let host = host(&bench, &sandbox);

    let begun = Instant::now();
    let outcome = host.call(&context(), "publish_post", &variables(json!({"key": "k"}))).await;
    assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
    let error = outcome.result.unwrap_err();
    assert!(matches!(error, CallError::Cut { .. }), "{error:?}");
    assert_eq!(error.class(), CallClass::Unknown);
    assert_eq!((outcome.calls[0].status, outcome.calls[0].attempts), (ToolStatus::Unknown, 1));
    assert_eq!(sandbox.state().post_count().await.unwrap(), u64::from(posted));

    // The next calls go over a new line.
    let found = host.call(&context(), "find_post", &variables(json!({"idempotency_key": "k"}))).await;
    assert_eq!(found.result.unwrap().structured["found"], posted);
    let again = host.call(&context(), "publish_post", &variables(json!({"key": "k"}))).await;
    assert_eq!(again.result.unwrap().structured["duplicate_of_key"], posted);
    host.shutdown().await;
}

#[tokio::test]
async fn a_cut_before_the_deed_is_unknown_at_once() {
    cut_and_find(Fault::CutBefore, false).await;
}

#[tokio::test]
async fn a_cut_after_the_deed_is_unknown_at_once() {
    cut_and_find(Fault::CutAfter, true).await;
}
