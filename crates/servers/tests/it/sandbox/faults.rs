//! Faults on purpose, as a client meets them.

use std::time::Duration;

use chimera_servers::sandbox::{Fault, FaultPlan, Latency, SandboxTool, ScriptedFault, ToolFaults};
use rmcp::{
    RoleClient, ServiceError, ServiceExt as _,
    model::{CallToolRequestParams, ClientRequest, Request},
    service::{PeerRequestOptions, RunningService},
};
use serde_json::json;

use super::client::{Bench, Client, post, publishing};

fn script(call: u64, fault: Fault) -> FaultPlan {
    FaultPlan { script: vec![ScriptedFault { tool: SandboxTool::PublishPost, call, fault }], ..FaultPlan::default() }
}

#[tokio::test]
async fn too_many_requests_and_server_errors_say_so_and_do_nothing() {
    let mut plan = script(1, Fault::RateLimited { retry_after_ms: 250 });
    plan.script.push(ScriptedFault { tool: SandboxTool::PublishPost, call: 2, fault: Fault::ServerError });
    let bench = Bench::failing(plan);
    let server = bench.open().await;
    let client = Client::connect(&server).await;
    let limited = client.refused("publish_post", post("k")).await;
    assert_eq!(limited["code"], "rate_limited");
    assert_eq!((&limited["retryable"], &limited["retry_after_ms"]), (&json!(true), &json!(250)));
    let failed = client.refused("publish_post", post("k")).await;
    assert_eq!((&failed["code"], &failed["retryable"]), (&json!("server_error"), &json!(true)));
    assert_eq!(server.state().post_count().await.unwrap(), 0);
    assert_eq!(client.call("publish_post", post("k")).await["duplicate_of_key"], false);
}

#[tokio::test]
async fn a_cut_before_leaves_nothing() {
    let bench = Bench::failing(script(1, Fault::CutBefore));
    let server = bench.open().await;
    let client = Client::connect(&server).await;
    assert_cut(client).await;
    let client = Client::connect(&server).await;
    assert_eq!(client.call("find_post", json!({"idempotency_key": "k"})).await["found"], false);
    assert_eq!(client.call("publish_post", post("k")).await["duplicate_of_key"], false);
}

#[tokio::test]
async fn a_cut_after_leaves_the_post_and_the_key_finds_it() {
    let bench = Bench::failing(script(1, Fault::CutAfter));
    let server = bench.open().await;
    let client = Client::connect(&server).await;
    assert_cut(client).await;
    let client = Client::connect(&server).await;
    let found = client.call("find_post", json!({"idempotency_key": "k"})).await;
    assert_eq!(found["found"], true);
    let again = client.call("publish_post", post("k")).await;
    assert_eq!((&again["duplicate_of_key"], &again["post_id"]), (&json!(true), &found["post"]["post_id"]));
    assert_eq!(server.state().post_count().await.unwrap(), 1);
}

/// The call ends without an answer, and both ends of the connection are gone.
async fn assert_cut(client: Client) {
    let error = client.try_call("publish_post", post("k")).await.unwrap_err();
    assert!(
        matches!(error, ServiceError::TransportClosed | ServiceError::TransportSend(_)),
        "an answer, of all things: {error:?}"
    );
    client.served.waiting().await.unwrap();
    assert!(client.running.is_transport_closed());
}

#[tokio::test]
async fn without_a_line_to_cut_the_caller_waits_until_it_gives_up() {
    let bench = Bench::failing(script(1, Fault::CutAfter));
    let server = bench.open().await;
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    // Served as any MCP server would be, by somebody who knows nothing of lines.
    let (served, client) = tokio::join!(Box::pin(server.clone().serve(theirs)), Box::pin(().serve(ours)));
    let (served, client): (_, RunningService<RoleClient, ()>) = (served.unwrap(), client.unwrap());
    let arguments = post("k").as_object().unwrap().clone();
    let params = CallToolRequestParams::new("publish_post").with_arguments(arguments);
    let options = PeerRequestOptions::with_timeout(Duration::from_millis(300));
    let request = ClientRequest::CallToolRequest(Request::new(params));
    let handle = client.send_request_with_option(request, options).await.unwrap();
    let error = handle.await_response().await.unwrap_err();
    assert!(matches!(error, ServiceError::Timeout { .. }), "{error:?}");
    assert_eq!(server.state().post_count().await.unwrap(), 1);
    // The connection itself still stands, and nothing hangs on in the server.
    assert_eq!(client.list_all_tools().await.unwrap().len(), 6);
    drop(client);
    tokio::time::timeout(Duration::from_secs(2), served.waiting()).await.expect("no handler is left").unwrap();
}

#[tokio::test]
async fn answers_come_as_late_as_planned() {
    let odds = ToolFaults { latency: Latency { min_ms: 60, mean_extra_ms: 5, max_ms: 80 }, ..ToolFaults::default() };
    let bench = Bench::failing(publishing(odds));
    let client = bench.client().await;
    let begun = std::time::Instant::now();
    client.call("publish_post", post("k")).await;
    assert!(begun.elapsed() >= Duration::from_millis(60));
    assert_eq!(client.call("find_post", json!({"idempotency_key": "k"})).await["found"], true);
}

#[tokio::test]
async fn a_restart_does_not_begin_the_script_anew() {
    let bench = Bench::failing(script(2, Fault::ServerError));
    let client = bench.client().await;
    client.call("publish_post", post("k1")).await;
    drop(client);
    let server = bench.open().await;
    let client = Client::connect(&server).await;
    assert_eq!(client.refused("publish_post", post("k2")).await["code"], "server_error");
    client.call("publish_post", post("k2")).await;
    assert_eq!(server.state().call_count(SandboxTool::PublishPost).await.unwrap(), 3);
}

/// The whole point: a caller that asks before it repeats, against a platform that fails in every way and honours no
/// keys, ends with every post exactly once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_careful_caller_survives_a_careless_platform() {
    let odds = ToolFaults {
        rate_limited: 0.15,
        retry_after_ms: 1,
        server_error: 0.15,
        cut_before: 0.15,
        cut_after: 0.25,
        ..ToolFaults::default()
    };
    let mut bench = Bench::failing(FaultPlan { seed: 20_261_122, ..publishing(odds) });
    bench.config.honours_idempotency_key = false;
    let server = bench.open().await;
    let honest = Client::connect(&bench.open_honest().await).await;
    let mut client = Client::connect(&server).await;
    let (mut cuts, mut errors) = (0, 0);
    for n in 0..40 {
        let key = format!("k{n}");
        loop {
            match client.try_call("publish_post", post(&key)).await {
                Ok((_, false)) => break,
                Ok((refusal, true)) => {
                    assert_eq!(refusal["error"]["retryable"], true);
                    errors += 1;
                }
                Err(_) => {
                    cuts += 1;
                    client = Client::connect(&server).await;
                    if honest.call("find_post", json!({"idempotency_key": key})).await["found"] == true {
                        break;
                    }
                }
            }
        }
    }
    assert_eq!(server.state().duplicates().await.unwrap(), []);
    assert_eq!(server.state().post_count().await.unwrap(), 40);
    assert!(cuts > 10 && errors > 10, "{cuts} cuts, {errors} errors");
}
