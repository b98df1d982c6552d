//! What holds however the server is reached.

use chimera_domain::{TaskId, ToolStatus, TraceId, Usd};
use chimera_mcp::{CallClass, CallError, Cost, IDEMPOTENCY_META_KEY, arguments_hash};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::{
    fixture::PICTURE,
    reach::{Counting, PATIENCE, Way, context, trace, variables},
};

macro_rules! on_every_way {
    ($($name:ident),* $(,)?) => {
        mod in_process {
            $(#[tokio::test] async fn $name() { super::$name(super::Way::InProcess).await; })*
        }
        mod stdio {
            $(#[tokio::test] async fn $name() { super::$name(super::Way::Stdio).await; })*
        }
        mod http {
            $(#[tokio::test] async fn $name() { super::$name(super::Way::Http).await; })*
        }
    };
}

on_every_way!(
    a_call_is_answered_priced_and_recorded,
    trace_and_idempotency_key_reach_the_server,
    media_are_decoded,
    a_refusal_is_final,
    a_retryable_error_is_retried_for_idempotent_roles_only,
    silence_is_an_unknown_outcome_and_the_server_is_told,
    a_cancelled_call_ends_at_once,
    a_dropped_call_is_cancelled,
    an_answer_beyond_the_limit_is_refused,
    an_old_server_is_spoken_to_in_its_own_revision,
    resources_are_listed_and_read,
    resources_are_watched,
    roles_are_checked_against_the_tools,
);

async fn a_call_is_answered_priced_and_recorded(way: Way) {
    let reach = way.reach(false, |_| {}).await;
    let task = TaskId::generate(&Counting::default());
    let outcome =
        reach.host.call(&context().for_task(task), "echo", &variables(json!({"text": "hello", "tags": ["a"]}))).await;
    let output = outcome.result.unwrap();
    assert_eq!(output.structured["said"], "hello");
    assert_eq!(output.structured["arguments"], json!({"text": "hello", "visibility": "public", "tags": ["a"]}));
    assert_eq!(output.result("post_id"), Some(&json!("p-1")));
    assert_eq!(output.result("absent"), None);
    let [call] = outcome.calls.as_slice() else { panic!("{:?}", outcome.calls) };
    assert_eq!((&*call.server, &*call.tool, call.status), ("fixture", "echo", ToolStatus::Success));
    assert_eq!((call.trace_id, call.task_id, call.attempts), (trace(), Some(task), 1));
    assert_eq!(call.cost_usd, Usd::from_micros(12_000));
    let arguments = variables(json!({"tags": ["a"], "visibility": "public", "text": "hello"}));
    assert_eq!(call.arguments_hash, arguments_hash(&arguments));
    assert_eq!(call.error, None);

    let health = &reach.host.health()[0];
    assert!(health.connected);
    assert_eq!(health.revision.as_deref(), Some("2026-07-28"));
    assert_eq!(health.implementation.as_deref(), Some("fixture 1.2.3"));
    reach.host.shutdown().await;
    assert!(!reach.host.health()[0].connected);
    let late = reach.call("echo", json!({"text": "late"})).await.result.unwrap_err();
    assert_eq!(late.class(), CallClass::Failed, "{late:?}");
}

async fn trace_and_idempotency_key_reach_the_server(way: Way) {
    let reach = way.reach(false, |_| {}).await;
    let keyed = context().with_idempotency_key("key-1");
    reach.host.call(&keyed, "echo", &variables(json!({"text": "a"}))).await.result.unwrap();
    reach.call("echo", json!({"text": "b"})).await.result.unwrap();
    let events = reach.seen(|events| events.len() == 2).await;
    let parent = |event: &Value| event["meta"]["traceparent"].as_str().unwrap().to_owned();
    for event in &events {
        assert_eq!(TraceId::from_traceparent(&parent(event)).unwrap(), trace());
    }
    assert_ne!(parent(&events[0]), parent(&events[1]), "each request is a span of its own");
    assert_eq!(events[0]["meta"][IDEMPOTENCY_META_KEY], "key-1");
    assert_eq!(events[1]["meta"].get(IDEMPOTENCY_META_KEY), None);
}

async fn media_are_decoded(way: Way) {
    let reach = way.reach(false, |_| {}).await;
    let output = reach.call("picture", json!({})).await.result.unwrap();
    let media: Vec<_> = output.media.iter().map(|m| (&*m.mime, &*m.bytes, m.uri.as_deref())).collect();
    assert_eq!(
        media,
        [("image/png", PICTURE, None), ("audio/wav", PICTURE, None), ("video/mp4", PICTURE, Some("file:///clip.mp4"))]
    );
    assert_eq!(output.text, "a picture\nand more");
    assert_eq!(output.links[0].uri, "file:///more");
    assert_eq!(output.structured, json!({"width": 1}));

    let broken = reach.call("broken_picture", json!({})).await.result.unwrap_err();
    assert!(matches!(&broken, CallError::Malformed { what, .. } if what.contains("base64")), "{broken:?}");
    let old = reach.call("old_json", json!({})).await.result.unwrap();
    assert_eq!(old.structured, json!({"id": 7}));
}

async fn a_refusal_is_final(way: Way) {
    let reach = way.reach(false, |config| config.roles.get_mut("fail").unwrap().idempotent = true).await;
    let outcome = reach.call("fail", json!({})).await;
    let error = outcome.result.unwrap_err();
    assert_eq!(error.to_string(), "fixture/fail refused: no such account");
    assert_eq!(error.class(), CallClass::Refused);
    assert_eq!((outcome.calls[0].status, outcome.calls[0].attempts), (ToolStatus::Refused, 1));
    assert_eq!(outcome.calls[0].error.as_deref(), Some("fixture/fail refused: no such account"));

    let priced = way.reach(false, |c| c.roles.get_mut("fail").unwrap().cost = Cost::Field("/cost_usd".into())).await;
    for (given, recorded) in [(json!({"cost_usd": "0.02"}), Usd::cents(2)), (json!({}), Usd::ZERO)] {
        let outcome = priced.call("fail", given).await;
        assert_eq!((outcome.calls[0].status, outcome.calls[0].cost_usd), (ToolStatus::Refused, recorded));
    }

    let missing = reach.call("missing", json!({})).await.result.unwrap_err();
    assert!(matches!(missing, CallError::Protocol { code: -32_602, .. }), "{missing:?}");
    assert_eq!(missing.class(), CallClass::Refused);
    let unsure = reach.call("unsure", json!({})).await.result.unwrap_err();
    assert_eq!(unsure.class(), CallClass::Unknown);
}

async fn a_retryable_error_is_retried_for_idempotent_roles_only(way: Way) {
    let reach = way.reach(false, |_| {}).await;
    let outcome = reach.call("flaky", json!({"failures": 2})).await;
    assert_eq!(outcome.result.unwrap().structured, json!({"ok": true}));
    assert_eq!((outcome.calls.len(), outcome.calls[0].attempts), (1, 3));

    let reach = way.reach(false, |config| config.roles.get_mut("flaky").unwrap().idempotent = false).await;
    let outcome = reach.call("flaky", json!({"failures": 2})).await;
    assert_eq!(outcome.result.unwrap_err().class(), CallClass::Failed);
    assert_eq!(outcome.calls[0].attempts, 1);
}

async fn silence_is_an_unknown_outcome_and_the_server_is_told(way: Way) {
    let reach = way.reach(false, |_| {}).await;
    let outcome = reach.call("slow", json!({})).await;
    let error = outcome.result.unwrap_err();
    assert!(matches!(error, CallError::Timeout { .. }), "{error:?}");
    assert_eq!(error.class(), CallClass::Unknown);
    assert_eq!((outcome.calls[0].status, outcome.calls[0].attempts), (ToolStatus::Unknown, 1));
    assert!(outcome.calls[0].latency_ms >= 100, "{:?}", outcome.calls);
    reach.seen(|events| events.contains(&json!({"cancelled": "slow"}))).await;
}

fn started(events: &[Value]) -> bool {
    events.iter().any(|event| event["tool"] == "slow")
}

async fn a_cancelled_call_ends_at_once(way: Way) {
    let reach = way.reach(false, |config| config.roles.get_mut("slow").unwrap().timeout_ms = None).await;
    let cancel = CancellationToken::new();
    let context = context().with_cancel(cancel.clone());
    let nothing = variables(json!({}));
    let (outcome, ()) = tokio::join!(reach.host.call(&context, "slow", &nothing), async {
        reach.seen(started).await;
        cancel.cancel();
    });
    let error = outcome.result.unwrap_err();
    assert!(matches!(error, CallError::Cancelled { sent: true, .. }), "{error:?}");
    assert_eq!(error.class(), CallClass::Unknown);
    reach.seen(|events| events.contains(&json!({"cancelled": "slow"}))).await;

    let early = reach.host.call(&context, "echo", &variables(json!({"text": "x"}))).await.result.unwrap_err();
    assert!(matches!(early, CallError::Cancelled { sent: false, .. }), "{early:?}");
    assert_eq!(early.class(), CallClass::Failed);
}

async fn a_dropped_call_is_cancelled(way: Way) {
    let reach = way.reach(false, |config| config.roles.get_mut("slow").unwrap().timeout_ms = None).await;
    tokio::select! {
        _ = reach.call("slow", json!({})) => panic!("it never answers"),
        _ = reach.seen(started) => {}
    }
    reach.seen(|events| events.contains(&json!({"cancelled": "slow"}))).await;
}

async fn an_answer_beyond_the_limit_is_refused(way: Way) {
    let reach = way.reach(false, |config| {
        config.servers.get_mut("fixture").unwrap().output_bytes_max = 50_000;
        config.roles.get_mut("huge").unwrap().idempotent = true;
    });
    let reach = reach.await;
    let error = reach.call("huge", json!({"bytes": 1_000_000})).await.result.unwrap_err();
    assert_eq!(error.class(), CallClass::Unknown, "{error:?}");
    if way != Way::Http {
        assert!(matches!(error, CallError::TooLarge { bytes_max: 50_000, .. }), "{error:?}");
    }
    let fine = reach.call("huge", json!({"bytes": 40_000})).await.result.unwrap();
    assert_eq!(fine.text.len(), 40_000, "the connection lives on");
}

async fn an_old_server_is_spoken_to_in_its_own_revision(way: Way) {
    let reach = way.reach(true, |_| {}).await;
    assert_eq!(reach.call("echo", json!({"text": "hi"})).await.result.unwrap().structured["said"], "hi");
    assert_eq!(reach.host.health()[0].revision.as_deref(), Some("2025-11-25"));
    let outcome = reach.call("slow", json!({})).await;
    assert_eq!(outcome.result.unwrap_err().class(), CallClass::Unknown);
    reach.seen(|events| events.contains(&json!({"cancelled": "slow"}))).await;
    reach.host.shutdown().await;
}

async fn resources_are_listed_and_read(way: Way) {
    let reach = way.reach(false, |_| {}).await;
    let listed = reach.host.list_resources(&context(), "fixture").await.unwrap();
    assert_eq!(listed.iter().map(|r| &*r.uri).collect::<Vec<_>>(), ["notes://a", "notes://b"]);

    let text = reach.host.read_resource(&context(), "fixture", "notes://a").await.unwrap();
    assert_eq!(text.json::<Value>().unwrap(), json!({"changes": 0}));
    assert_eq!((text.mime.as_deref(), &*text.call.tool), (Some("application/json"), "resources/read"));
    let blob = reach.host.read_resource(&context(), "fixture", "notes://b").await.unwrap();
    assert_eq!((&*blob.bytes, &*blob.text), (PICTURE, ""));

    let missing = reach.host.read_resource(&context(), "fixture", "notes://c").await.unwrap_err();
    assert_eq!(missing.class(), CallClass::Refused, "{missing:?}");
    let (call, read) = reach.host.read_resource_recorded(&context(), "fixture", "notes://a").await;
    assert_eq!((call.status, read.unwrap().call), (ToolStatus::Success, call));
    for (server, attempts) in [("fixture", 1), ("fixtur", 0)] {
        let (call, read) = reach.host.read_resource_recorded(&context(), server, "notes://c").await;
        let error = read.unwrap_err();
        assert_eq!((&*call.server, &*call.tool, call.status), (server, "resources/read", ToolStatus::Refused));
        assert_eq!((call.attempts, call.error), (attempts, Some(chimera_domain::error_chain(&error))));
        assert_eq!(call.arguments_hash, arguments_hash(&variables(json!({"uri": "notes://c"}))));
    }
    let server = reach.host.read_resource(&context(), "fixtur", "notes://a").await.unwrap_err();
    assert_eq!(server.to_string(), "no MCP server \"fixtur\" is configured (did you mean \"fixture\"?)");
}

async fn resources_are_watched(way: Way) {
    for old in [false, true] {
        let reach = way.reach(old, |_| {}).await;
        let mut updates = reach.host.watch_resource(&context(), "fixture", "notes://a").await.unwrap();
        reach.call("touch", json!({})).await.result.unwrap();
        let told = tokio::time::timeout(PATIENCE, updates.next()).await.expect("an update should come");
        assert_eq!(told, Some(()), "old: {old}");
        let read = reach.host.read_resource(&context(), "fixture", "notes://a").await.unwrap();
        assert_eq!(read.json::<Value>().unwrap(), json!({"changes": 1}));
        reach.host.shutdown().await;
        let end = tokio::time::timeout(PATIENCE, updates.next()).await.expect("the watch should end");
        assert_eq!(end, None, "old: {old}");
    }
}

async fn roles_are_checked_against_the_tools(way: Way) {
    let reach = way.reach(false, |config| {
        config.roles.get_mut("missing").unwrap().tool = "echoo".into();
        config.roles.insert("bad".into(), {
            let mut bad = config.roles["echo"].clone();
            bad.arguments = json!({"txt": "{{text}}", "visibility": "friends", "text": "{{text?}}"});
            bad
        });
    });
    let reach = reach.await;
    let mut problems: Vec<String> = reach.host.check(&context()).await.iter().map(ToString::to_string).collect();
    problems.sort();
    let [constant, missing, unknown, tool] = problems.as_slice() else { panic!("{problems:#?}") };
    assert!(constant.starts_with("mcp.roles.bad.arguments.visibility: echo won't accept it: "), "{constant}");
    assert_eq!(
        missing,
        "mcp.roles.bad.arguments: echo requires \"text\", which the template may drop (it is {{...?}} there)"
    );
    assert_eq!(unknown, "mcp.roles.bad.arguments: echo takes no \"txt\" (did you mean \"text\"?)");
    assert_eq!(tool, "mcp.roles.missing: fixture has no tool \"echoo\" (did you mean \"echo\"?)");
    assert!(reach.host.health()[0].tools.contains(&"echo".to_owned()));
}
