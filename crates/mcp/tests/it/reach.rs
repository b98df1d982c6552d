//! Ways to reach a fixture, and a host that does.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use chimera_domain::{Ambient, TraceId, policy::RetryPolicy};
use chimera_mcp::{CallContext, CallOutcome, Host, HostConfig, RoleConfig, ServerConfig, Setting, TransportConfig};
use chrono::{DateTime, Utc};
use rmcp::transport::{
    StreamableHttpServerConfig, StreamableHttpService, streamable_http_server::session::local::LocalSessionManager,
};
use serde_json::{Map, Value, json};
use tokio_util::sync::DropGuard;

use crate::fixture::Fixture;

/// Longest wait for a condition; only reached by a failing test.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Counts instead of throwing dice; the time stands still.
#[derive(Debug, Default)]
pub(crate) struct Counting(AtomicU64);

impl Ambient for Counting {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(1_780_000_000_000).unwrap()
    }

    fn random(&self) -> [u8; 16] {
        let n = self.0.fetch_add(1, Ordering::Relaxed) + 1;
        let mut bytes = [0x40; 16];
        bytes[8..].copy_from_slice(&n.to_be_bytes());
        bytes[..8].copy_from_slice(&n.rotate_left(56).to_be_bytes());
        bytes
    }
}

pub(crate) fn trace() -> TraceId {
    "4bf92f3577b34da6a3ce929d0e0e4736".parse().unwrap()
}

pub(crate) fn context() -> CallContext {
    CallContext::new(trace())
}

pub(crate) fn variables(value: Value) -> Map<String, Value> {
    serde_json::from_value(value).unwrap()
}

/// A host with one server called `fixture`, and what keeps that server alive.
pub(crate) struct Reach {
    pub(crate) host: Host,
    /// The server's own side, where it runs in this process.
    pub(crate) fixture: Option<Fixture>,
    _serving: Option<DropGuard>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Way {
    InProcess,
    Stdio,
    Http,
}

/// Each tool is a role of its own name that passes its variables on as they are named in `arguments`.
fn role(tool: &str, arguments: Value) -> (String, RoleConfig) {
    (tool.to_owned(), RoleConfig::new("fixture", tool, arguments))
}

pub(crate) fn roles() -> BTreeMap<String, RoleConfig> {
    let mut roles: BTreeMap<String, RoleConfig> = [
        role("echo", json!({"text": "{{text}}", "visibility": "public", "tags": "{{tags?}}"})),
        role("fail", json!({"cost_usd": "{{cost_usd?}}"})),
        role("unsure", json!({})),
        role("flaky", json!({"failures": "{{failures}}"})),
        role("slow", json!({})),
        role("steps", json!({"steps": "{{steps}}"})),
        role("hold", json!({})),
        role("huge", json!({"bytes": "{{bytes}}"})),
        role("picture", json!({})),
        role("broken_picture", json!({})),
        role("old_json", json!({})),
        role("seen", json!({})),
        role("touch", json!({})),
        role("exit", json!({})),
        role("environment", json!({})),
        role("pid", json!({})),
        role("missing", json!({})),
    ]
    .into();
    for role in ["seen", "flaky"] {
        roles.get_mut(role).unwrap().idempotent = true;
    }
    let echo = roles.get_mut("echo").unwrap();
    echo.cost = chimera_mcp::Cost::Field("/cost_usd".into());
    echo.result = [("post_id".to_owned(), "/post/id".to_owned()), ("absent".to_owned(), "/no".to_owned())].into();
    roles.get_mut("slow").unwrap().timeout_ms = Some(100);
    roles
}

pub(crate) fn config(server: ServerConfig) -> HostConfig {
    HostConfig {
        servers: [("fixture".to_owned(), server)].into(),
        roles: roles(),
        retry: RetryPolicy { attempts_max: 3, base_ms: 5, max_ms: 20 },
    }
}

/// This test binary as a server: it runs the ignored test `stdio::child` only, in this mode.
pub(crate) fn this_binary(mode: &str) -> TransportConfig {
    TransportConfig::Stdio {
        command: std::env::current_exe().unwrap().display().to_string(),
        args: ["--ignored", "--exact", "stdio::child", "--nocapture"].map(str::to_owned).to_vec(),
        env: [("FIXTURE_MODE".to_owned(), Setting::plain(mode))].into(),
        cwd: None,
    }
}

impl Way {
    /// A host that reaches a fixture this way.
    pub(crate) async fn reach(self, old: bool, adjust: impl FnOnce(&mut HostConfig)) -> Reach {
        let fixture = Fixture::new(old);
        let (transport, serving) = match self {
            Self::InProcess => (TransportConfig::InProcess, None),
            Self::Stdio => (this_binary(if old { "old" } else { "new" }), None),
            Self::Http => {
                let (url, guard) = serve_http(fixture.clone()).await;
                let headers = BTreeMap::new();
                (TransportConfig::Http { url: url.parse().unwrap(), headers }, Some(guard))
            }
        };
        let mut config = config(ServerConfig::new(transport));
        adjust(&mut config);
        let mut builder = Host::builder(config, Arc::new(Counting::default()));
        if self == Self::InProcess {
            let fixture = fixture.clone();
            builder = builder.in_process("fixture", move || fixture.clone());
        }
        let host = builder.build().unwrap();
        Reach { host, fixture: (self != Self::Stdio).then_some(fixture), _serving: serving }
    }
}

/// Serves a fixture over streamable HTTP on a free port, until the guard is dropped.
pub(crate) async fn serve_http(fixture: Fixture) -> (String, DropGuard) {
    install_tls();
    let stop = tokio_util::sync::CancellationToken::new();
    let options = StreamableHttpServerConfig::default().with_cancellation_token(stop.child_token());
    let service: StreamableHttpService<Fixture, LocalSessionManager> =
        StreamableHttpService::new(move || Ok(fixture.clone()), Arc::default(), options);
    let app = axum::Router::new().nest_service("/mcp", service);
    (serve_app(app, stop.clone()).await, stop.drop_guard())
}

/// Serves any application on a free port; the URL ends in `/mcp`.
pub(crate) async fn serve_app(app: axum::Router, stop: tokio_util::sync::CancellationToken) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    let tracker = tokio_util::task::TaskTracker::new();
    tracker.spawn(async move {
        tokio::select! {
            served = axum::serve(listener, app).into_future() => served.unwrap(),
            () = stop.cancelled() => {}
        }
    });
    url
}

pub(crate) fn install_tls() {
    // Another test may have installed it already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

impl Reach {
    pub(crate) async fn call(&self, role: &str, given: Value) -> CallOutcome {
        self.host.call(&context(), role, &variables(given)).await
    }

    /// What the server has seen, once this holds of it.
    pub(crate) async fn seen(&self, condition: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let waiting = async {
            loop {
                let output = self.call("seen", json!({})).await.result.unwrap();
                let events = output.structured["events"].as_array().unwrap().clone();
                if condition(&events) {
                    return events;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.expect("the server should see it in time")
    }
}
