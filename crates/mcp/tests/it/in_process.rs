//! Limits, retries and fallbacks, with time under control: it stands still but when everyone waits.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use chimera_domain::{ToolStatus, Usd, policy::RetryPolicy};
use chimera_mcp::{CallClass, CallError, ConfigError, Cost, Host, HostConfig, Permit, RoleConfig};
use futures::future::join_all;
use serde_json::json;
use tokio::time::Instant;

use crate::{
    fixture::Fixture,
    reach::{Counting, Way, context, variables},
};

#[tokio::test(start_paused = true)]
async fn at_most_so_many_calls_run_at_once() {
    let reach = Way::InProcess.reach(false, |c| c.servers.get_mut("fixture").unwrap().concurrency = 2).await;
    let fixture = reach.fixture.clone().unwrap();
    let mut held = fixture.state.held.subscribe();
    let calls = join_all((0..6).map(|_| reach.call("hold", json!({}))));
    let watch = async {
        held.wait_for(|n| *n == 2).await.unwrap();
        // A third would have been let in by now, if it could be: all that is left to do is to wait.
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(*held.borrow(), 2);
        fixture.state.release.add_permits(6);
    };
    let (outcomes, ()) = tokio::join!(calls, watch);
    assert!(outcomes.iter().all(|o| o.result.is_ok()));
}

#[tokio::test(start_paused = true)]
async fn calls_wait_for_the_rate_limit_and_give_up_in_time() {
    let reach = Way::InProcess
        .reach(false, |c| {
            let server = c.servers.get_mut("fixture").unwrap();
            (server.rate_limit_per_second, server.rate_limit_burst) = (Some(1.0), 2);
        })
        .await;
    let start = Instant::now();
    for _ in 0..4 {
        reach.call("echo", json!({"text": "x"})).await.result.unwrap();
    }
    assert_eq!(start.elapsed().as_secs(), 2);
    let hurried = context().with_deadline(Instant::now() + Duration::from_millis(10));
    let error = reach.host.call(&hurried, "echo", &variables(json!({"text": "x"}))).await.result.unwrap_err();
    assert!(matches!(error, CallError::Busy { .. }), "{error:?}");
    assert_eq!(error.class(), CallClass::Failed);
    assert_eq!(reach.fixture.unwrap().count("echo"), 4);
}

/// Asked after the wait for the server, not before.
#[tokio::test(start_paused = true)]
async fn what_has_no_permit_when_its_turn_comes_is_not_sent() {
    let reach = Way::InProcess.reach(false, |c| c.servers.get_mut("fixture").unwrap().concurrency = 1).await;
    let fixture = reach.fixture.clone().unwrap();
    let granted = Arc::new(AtomicBool::new(true));
    let asked = granted.clone();
    let permit = Permit::new(move || {
        let granted = asked.load(Ordering::Relaxed);
        async move { if granted { Ok(()) } else { Err("the gate is shut".to_owned()) } }
    });
    let (permitted, text) = (context().with_permit(permit), variables(json!({"text": "x"})));
    reach.host.call(&permitted, "echo", &text).await.result.unwrap();
    let mut held = fixture.state.held.subscribe();
    let (first, second, ()) = tokio::join!(
        reach.call("hold", json!({})),
        async {
            fixture.state.held.subscribe().wait_for(|n| *n == 1).await.unwrap();
            reach.host.call(&permitted, "echo", &text).await.result.unwrap_err()
        },
        async {
            held.wait_for(|n| *n == 1).await.unwrap();
            tokio::time::sleep(Duration::from_millis(10)).await;
            granted.store(false, Ordering::Relaxed);
            fixture.state.release.add_permits(1);
        }
    );
    first.result.unwrap();
    assert!(matches!(&second, CallError::Withheld { why, .. } if why == "the gate is shut"), "{second:?}");
    assert_eq!((second.class(), fixture.count("echo")), (CallClass::Refused, 1));
}

#[tokio::test(start_paused = true)]
async fn progress_keeps_a_call_alive_but_not_for_ever() {
    let adjust = |config: &mut HostConfig| config.servers.get_mut("fixture").unwrap().timeout_ms = 100;
    let reach = Way::InProcess.reach(false, adjust).await;
    // 8 x 40 ms: longer than the silence that is allowed, shorter than ten of them.
    let output = reach.call("steps", json!({"steps": 8})).await.result.unwrap();
    assert_eq!(output.structured, json!({"done": true}));
    let start = Instant::now();
    let error = reach.call("steps", json!({"steps": 1_000})).await.result.unwrap_err();
    assert!(matches!(error, CallError::Timeout { .. }), "{error:?}");
    assert_eq!(start.elapsed().as_millis(), 1_000);
}

#[tokio::test(start_paused = true)]
async fn the_deadline_ends_a_call_and_its_retries() {
    let reach = Way::InProcess
        .reach(false, |c| {
            c.roles.get_mut("slow").unwrap().idempotent = true;
            c.retry = RetryPolicy { attempts_max: 50, base_ms: 10, max_ms: 10 };
        })
        .await;
    let start = Instant::now();
    let context = context().with_deadline(start + Duration::from_millis(350));
    let outcome = reach.host.call(&context, "slow", &variables(json!({}))).await;
    assert_eq!(outcome.result.unwrap_err().class(), CallClass::Unknown);
    assert!((2..=4).contains(&outcome.calls[0].attempts), "{:?}", outcome.calls);
    assert!(start.elapsed() <= Duration::from_millis(360), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_unknown_outcome_of_a_role_that_is_not_idempotent_is_never_repeated() {
    let reach =
        Way::InProcess.reach(false, |c| c.roles.get_mut("slow").unwrap().cost = Cost::Fixed(Usd::cents(3))).await;
    let outcome = reach.call("slow", json!({})).await;
    assert_eq!(outcome.result.unwrap_err().class(), CallClass::Unknown);
    assert_eq!(reach.fixture.as_ref().unwrap().count("slow"), 1);
    assert_eq!(outcome.calls[0].cost_usd, Usd::cents(3), "it may have been done, so it may have cost");
}

#[tokio::test(start_paused = true)]
async fn what_may_have_happened_is_not_denied_by_a_later_refusal() {
    let reach = Way::InProcess.reach(false, |config| {
        let role = RoleConfig { idempotent: true, ..RoleConfig::new("fixture", "slow_then_fail", json!({})) };
        config.roles.insert("slow_then_fail".into(), role);
    });
    let outcome = reach.await.call("slow_then_fail", json!({})).await;
    let error = outcome.result.unwrap_err();
    assert!(matches!(error, CallError::Timeout { .. }), "{error:?}");
    assert_eq!((outcome.calls[0].status, outcome.calls[0].attempts), (ToolStatus::Unknown, 2));
}

#[tokio::test]
async fn a_call_is_small_enough_to_be_held_by_the_thousand() {
    let reach = Way::InProcess.reach(false, |_| {}).await;
    let (context, nothing) = (context(), variables(json!({})));
    let call = reach.host.call(&context, "echo", &nothing);
    assert!(size_of_val(&call) < 8 * 1024, "{} bytes", size_of_val(&call));
}

#[tokio::test(start_paused = true)]
async fn a_failed_server_falls_back_and_both_are_recorded() {
    let (first, second) = (Fixture::new(false), Fixture::new(false));
    let role = |server: &str, tool: &str, fallback: &[&str]| RoleConfig {
        fallback: fallback.iter().map(|&f| f.to_owned()).collect(),
        ..RoleConfig::new(server, tool, json!({"failures": 99, "text": "{{text}}"}))
    };
    let config = HostConfig {
        roles: [
            ("draw".to_owned(), role("first", "flaky", &["draw_elsewhere"])),
            ("draw_elsewhere".to_owned(), role("second", "echo", &[])),
            ("refused".to_owned(), role("first", "fail", &["draw_elsewhere"])),
            ("unclear".to_owned(), role("first", "unsure", &["draw_elsewhere"])),
        ]
        .into(),
        ..HostConfig::default()
    };
    let (one, two) = (first.clone(), second.clone());
    let host = Host::builder(config, Arc::new(Counting::default()))
        .in_process("first", move || one.clone())
        .in_process("second", move || two.clone())
        .build()
        .unwrap();
    let given = variables(json!({"text": "x"}));
    let outcome = host.call(&context(), "draw", &given).await;
    assert_eq!(outcome.result.unwrap().server, "second");
    let records: Vec<_> = outcome.calls.iter().map(|c| (&*c.server, c.status)).collect();
    assert_eq!(records, [("first", ToolStatus::Failed), ("second", ToolStatus::Success)]);

    for (role, class) in [("refused", CallClass::Refused), ("unclear", CallClass::Unknown)] {
        let outcome = host.call(&context(), role, &given).await;
        assert_eq!(outcome.result.unwrap_err().class(), class);
        assert_eq!(outcome.calls.len(), 1, "{role}");
    }
    assert_eq!(second.count("echo"), 1);
}

#[tokio::test]
async fn bad_calls_are_refused_before_anything_is_sent() {
    let reach = Way::InProcess.reach(false, |_| {}).await;
    let outcome = reach.call("ecoh", json!({})).await;
    assert!(outcome.calls.is_empty());
    assert_eq!(outcome.result.unwrap_err().to_string(), "no tool role \"ecoh\" is configured (did you mean \"echo\"?)");
    let outcome = reach.call("echo", json!({"body": "x"})).await;
    assert!(outcome.calls.is_empty());
    let error = outcome.result.unwrap_err();
    assert_eq!(
        chimera_domain::error_chain(&error),
        "role echo: the argument template wants {{text}}, which the caller doesn't give; it gives body"
    );
    assert_eq!(error.class(), CallClass::Refused);
    assert!(!reach.host.health()[0].connected);
}

#[tokio::test]
async fn an_in_process_server_must_be_registered() {
    let config: HostConfig = serde_json::from_value(json!({"servers": {"feds": {"transport": "in_process"}}})).unwrap();
    let built =
        Host::builder(config, Arc::new(Counting::default())).in_process("feeds", || Fixture::new(false)).build();
    let error = built.unwrap_err();
    assert!(matches!(&error, ConfigError::NotRegistered { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "mcp.servers.feds is in_process, but this program has no such server (did you mean \"feeds\"?)"
    );
}
