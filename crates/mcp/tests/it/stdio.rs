//! Child processes: their environment, their death, and those that can't be started or spoken to.

use std::{io::Write as _, sync::Arc};

use chimera_domain::error_chain;
use chimera_mcp::{CallClass, CallError, Host, ServerConfig, Setting, TransportConfig};
use rmcp::ServiceExt as _;
use serde_json::{Value, json};
use tokio::time::{Duration, Instant};

use crate::{
    fixture::Fixture,
    reach::{Counting, PATIENCE, Reach, Way, config, context, this_binary, variables},
};

/// Not a test: what this binary does when the host starts it as a server.
#[tokio::test]
#[ignore = "started as a child process by other tests"]
async fn child() {
    match std::env::var("FIXTURE_MODE").as_deref() {
        Ok("brittle") => brittle(),
        Ok("broken") => {
            eprintln!("cannot start: password {} is wrong", std::env::var("DB_PASSWORD").unwrap());
            std::process::exit(1);
        }
        Ok(mode @ ("old" | "new")) => {
            let service = Fixture::new(mode == "old").serve(rmcp::transport::stdio()).await.unwrap();
            service.waiting().await.unwrap();
            std::process::exit(0);
        }
        _ => {}
    }
}

/// A server from before `server/discover`: it gives up on anything but `initialize`.
fn brittle() -> ! {
    for line in std::io::stdin().lines() {
        let message: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let result = match message["method"].as_str().unwrap() {
            "initialize" => json!({
                "protocolVersion": "2025-06-18", "capabilities": {"tools": {}},
                "serverInfo": {"name": "brittle", "version": "0"},
            }),
            "tools/call" => json!({"content": [{"type": "text", "text": "still here"}]}),
            "notifications/initialized" => continue,
            other => panic!("what is {other}?"),
        };
        let answer = json!({"jsonrpc": "2.0", "id": message["id"], "result": result});
        writeln!(std::io::stdout(), "{answer}").unwrap();
    }
    std::process::exit(0)
}

#[tokio::test]
async fn a_server_that_dies_is_started_again_at_the_next_call() {
    let reach = Way::Stdio.reach(false, |_| {}).await;
    reach.call("echo", json!({"text": "x"})).await.result.unwrap();
    let start = Instant::now();
    let error = reach.call("exit", json!({})).await.result.unwrap_err();
    assert!(matches!(error, CallError::Cut { .. }), "{error:?}");
    assert_eq!(error.class(), CallClass::Unknown);
    assert!(start.elapsed() < Duration::from_secs(10), "it should not wait for the timeout");
    assert!(!reach.host.health()[0].connected);
    reach.call("echo", json!({"text": "y"})).await.result.unwrap();
    let events = reach.seen(|_| true).await;
    assert_eq!(events.len(), 1, "it is a new process: {events:?}");
    reach.host.shutdown().await;
}

#[tokio::test]
async fn a_child_sees_only_what_it_is_given() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("token"), "hunter2\n").unwrap();
    let token = format!("secret://file/{}", folder.path().join("token").display());
    let reach = Way::Stdio
        .reach(false, |config| {
            let TransportConfig::Stdio { env, .. } = &mut config.servers.get_mut("fixture").unwrap().transport else {
                unreachable!()
            };
            env.insert("API_TOKEN".into(), Setting::try_from(token).unwrap());
        })
        .await;
    let output = reach.call("environment", json!({})).await.result.unwrap();
    let variables = output.structured.as_object().unwrap();
    assert_eq!(variables["API_TOKEN"], "hunter2");
    assert_eq!(variables["FIXTURE_MODE"], "new");
    let allowed = ["PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "API_TOKEN", "FIXTURE_MODE"];
    let extra: Vec<_> = variables.keys().filter(|name| !allowed.contains(&name.as_str())).collect();
    assert!(extra.is_empty(), "{extra:?}");
    // Cargo sets this one for the test itself.
    assert!(std::env::var("CARGO_MANIFEST_DIR").is_ok());
    reach.host.shutdown().await;
}

#[tokio::test]
async fn a_brittle_old_server_gets_a_second_chance() {
    let host = Host::builder(config(ServerConfig::new(this_binary("brittle"))), Arc::new(Counting::default()))
        .build()
        .unwrap();
    let output = host.call(&context(), "old_json", &variables(json!({}))).await.result.unwrap();
    assert_eq!(output.text, "still here");
    assert_eq!(host.health()[0].revision.as_deref(), Some("2025-06-18"));
    host.shutdown().await;
}

#[tokio::test]
async fn a_child_that_fails_to_start_says_why_without_its_secrets() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("password"), "hunter2").unwrap();
    let reference = format!("secret://file/{}", folder.path().join("password").display());
    let mut transport = this_binary("broken");
    let TransportConfig::Stdio { env, .. } = &mut transport else { unreachable!() };
    env.insert("DB_PASSWORD".into(), Setting::try_from(reference).unwrap());
    let host = Host::builder(config(ServerConfig::new(transport)), Arc::new(Counting::default())).build().unwrap();
    let outcome = host.call(&context(), "echo", &variables(json!({"text": "x"}))).await;
    let error = outcome.result.unwrap_err();
    let text = error_chain(&error);
    assert!(text.contains("cannot start: password [redacted] is wrong"), "{text}");
    assert!(!format!("{text} {error:?} {:?} {:?}", outcome.calls, host.health()).contains("hunter2"));
    assert_eq!(error.class(), CallClass::Failed);
    assert_eq!(outcome.calls.len(), 1);

    // It is left alone for a moment instead of being started over and over.
    let again = host.call(&context(), "echo", &variables(json!({"text": "x"}))).await.result.unwrap_err();
    assert!(again.retry_after().is_some() || error_chain(&again).contains("cannot start"), "{again:?}");
    host.shutdown().await;
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named() {
    let transport =
        TransportConfig::Stdio { command: "chimera-no-such-program".into(), args: vec![], env: [].into(), cwd: None };
    let host = Host::builder(config(ServerConfig::new(transport)), Arc::new(Counting::default())).build().unwrap();
    let error = host.call(&context(), "seen", &variables(json!({}))).await.result.unwrap_err();
    let text = error_chain(&error);
    assert!(text.contains("\"chimera-no-such-program\" did not start (is it installed, and on PATH?)"), "{text}");
}

/// Whether a process is there, dead or alive.
fn exists(pid: &Value) -> bool {
    std::path::Path::new(&format!("/proc/{pid}")).exists()
}

async fn pid(reach: &Reach) -> Value {
    reach.call("pid", json!({})).await.result.unwrap().structured["pid"].clone()
}

async fn vanishes(pid: &Value) {
    let waiting = async {
        while exists(pid) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("the child should be gone, and reaped");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn neither_shutting_down_nor_dropping_the_host_leaves_a_child_behind() {
    let reach = Way::Stdio.reach(false, |_| {}).await;
    let child = pid(&reach).await;
    assert!(exists(&child));
    tokio::time::timeout(PATIENCE, reach.host.shutdown()).await.unwrap();
    assert!(!exists(&child), "shutdown waits for it");

    let reach = Way::Stdio.reach(false, |_| {}).await;
    let child = pid(&reach).await;
    drop(reach);
    vanishes(&child).await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_child_that_never_greets_is_killed_in_time() {
    let transport = TransportConfig::Stdio {
        command: "sh".into(),
        // The shell's own child would outlive a kill of the shell alone.
        args: vec!["-c".into(), "echo $$ >&2; sleep 1000 & wait".into()],
        env: [].into(),
        cwd: None,
    };
    let server = ServerConfig { connect_timeout_ms: 300, ..ServerConfig::new(transport) };
    let host = Host::builder(config(server), Arc::new(Counting::default())).build().unwrap();
    let error = host.call(&context(), "echo", &variables(json!({"text": "x"}))).await.result.unwrap_err();
    let text = error_chain(&error);
    let (_, group) = text.split_once("no MCP handshake within 300 ms; it said: ").expect(&text);
    let waiting = async {
        while group_lives(group) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("its whole group should be gone");
}

/// Whether a living process is in this group.
fn group_lives(group: &str) -> bool {
    let stats = std::fs::read_dir("/proc").unwrap().flatten();
    let stats = stats.filter_map(|entry| std::fs::read_to_string(entry.path().join("stat")).ok());
    stats.into_iter().any(|stat| {
        let after_name = stat.rsplit_once(") ").map(|(_, rest)| rest).unwrap_or_default();
        let fields: Vec<&str> = after_name.split(' ').collect();
        fields[0] != "Z" && fields[2] == group
    })
}
