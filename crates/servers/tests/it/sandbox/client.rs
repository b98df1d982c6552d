//! A client, a clock that stands still until told otherwise, and posts to make.

use std::sync::{Arc, Mutex};

use chimera_domain::Ambient;
use chimera_mcp::Traced;
use chimera_servers::sandbox::{FaultPlan, SandboxConfig, SandboxServer, ToolFaults};
use chrono::{DateTime, TimeDelta, Utc};
use rmcp::{
    RoleClient, ServiceError, ServiceExt as _,
    model::{CallToolRequestParams, ReadResourceRequestParams, ResourceContents},
    service::RunningService,
};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Time as a test wants it.
#[derive(Debug)]
pub(super) struct Clock(Mutex<DateTime<Utc>>);

impl Clock {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new("2026-11-22T09:00:00Z".parse().unwrap())))
    }

    pub(super) fn advance(&self, by: TimeDelta) {
        *self.0.lock().unwrap() += by;
    }
}

impl Ambient for Clock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }

    fn random(&self) -> [u8; 16] {
        [0; 16]
    }
}

/// A sandbox in a folder of its own.
pub(super) struct Bench {
    pub(super) folder: TempDir,
    pub(super) clock: Arc<Clock>,
    pub(super) config: SandboxConfig,
}

impl Bench {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = SandboxConfig { path: folder.path().join("sandbox.sqlite"), seed: 7, ..SandboxConfig::default() };
        Self { folder, clock: Clock::new(), config }
    }

    pub(super) fn failing(faults: FaultPlan) -> Self {
        let mut bench = Self::new();
        bench.config.faults = faults;
        bench
    }

    pub(super) async fn open(&self) -> SandboxServer {
        SandboxServer::open(self.config.clone(), self.clock.clone()).await.unwrap()
    }

    /// A second door to the same file at which nothing goes wrong.
    pub(super) async fn open_honest(&self) -> SandboxServer {
        let config = SandboxConfig { faults: FaultPlan::default(), ..self.config.clone() };
        SandboxServer::open(config, self.clock.clone()).await.unwrap()
    }

    pub(super) async fn client(&self) -> Client {
        Client::connect(&self.open().await).await
    }
}

/// A connected client; the server's end lives as long.
pub(super) struct Client {
    pub(super) running: RunningService<RoleClient, ()>,
    pub(super) served: RunningService<rmcp::RoleServer, Traced<SandboxServer>>,
}

impl Client {
    pub(super) async fn connect(server: &SandboxServer) -> Self {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        let (read, write) = tokio::io::split(theirs);
        let (served, running) = tokio::join!(server.serve_connection(read, write), Box::pin(().serve(ours)));
        Self { running: running.unwrap(), served: served.unwrap() }
    }

    /// The whole result of a call: structured content and whether it is an error. Checks on the way that the text
    /// copy says the same.
    pub(super) async fn try_call(&self, tool: &'static str, arguments: Value) -> Result<(Value, bool), ServiceError> {
        let params = CallToolRequestParams::new(tool).with_arguments(arguments.as_object().unwrap().clone());
        let result = self.running.call_tool(params).await?;
        let structured = result.structured_content.expect("every answer is structured");
        let text = result.content[0].as_text().expect("and has a text copy").text.clone();
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), structured);
        Ok((structured, result.is_error == Some(true)))
    }

    /// A call that must succeed.
    pub(super) async fn call(&self, tool: &'static str, arguments: Value) -> Value {
        let (value, is_error) = self.try_call(tool, arguments).await.unwrap();
        assert!(!is_error, "{tool}: {value}");
        value
    }

    /// A call that must be refused: the body of the error.
    pub(super) async fn refused(&self, tool: &'static str, arguments: Value) -> Value {
        let (value, is_error) = self.try_call(tool, arguments).await.unwrap();
        assert!(is_error, "{tool}: {value}");
        value["error"].clone()
    }

    /// A resource of JSON text.
    pub(super) async fn read(&self, uri: &str) -> Value {
        let result = self.running.read_resource(ReadResourceRequestParams::new(uri)).await.unwrap();
        match &result.contents[0] {
            ResourceContents::TextResourceContents { text, .. } => serde_json::from_str(text).unwrap(),
            other => panic!("no text: {other:?}"),
        }
    }
}

/// A post that nothing is wrong with.
pub(super) fn post(key: &str) -> Value {
    json!({
        "account": "fae", "channel": "threads", "text": format!("Linen, but make it weather. ({key})"),
        "hashtags": ["linen", "slowfashion"], "ai_generated": true, "ai_label": "Made with AI",
        "idempotency_key": key
    })
}

/// The same with some fields replaced.
pub(super) fn post_with(key: &str, fields: Value) -> Value {
    let mut post = post(key);
    for (name, value) in fields.as_object().unwrap() {
        post[name] = value.clone();
    }
    post
}

/// Nothing but these odds for publishing.
pub(super) fn publishing(odds: ToolFaults) -> FaultPlan {
    FaultPlan { tools: [(chimera_servers::sandbox::SandboxTool::PublishPost, odds)].into(), ..FaultPlan::default() }
}
