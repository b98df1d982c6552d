//! A small MCP server with tools that behave and tools that don't, and what it saw of its callers.

use std::{
    borrow::Cow,
    sync::{Arc, Mutex},
    time::Duration,
};

use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, DiscoverResult, ErrorCode,
        Implementation, JsonObject, ListResourcesResult, ListToolsResult, PaginatedRequestParams,
        ProgressNotificationParam, ProtocolVersion, ReadResourceRequestParams, ReadResourceResponse,
        ReadResourceResult, Resource, ResourceContents, ResourceUpdatedNotificationParam, ServerCapabilities,
        ServerConfig, SubscribeRequestParams, SubscriptionFilter, Tool,
    },
    service::{Peer, RequestContext, SubscriptionContext},
};
use serde_json::{Value, json};
use tokio::sync::{Semaphore, watch};

/// One red pixel's worth of bytes: not a picture, but told apart from text.
pub(crate) const PICTURE: &[u8] = &[0x89, b'P', b'N', b'G', 0, 0xff];
const PICTURE_BASE64: &str = "iVBORwD/";

/// What the fixture's connections share.
#[derive(Debug)]
pub(crate) struct State {
    seen: Mutex<Vec<Value>>,
    watchers: Mutex<Vec<Peer<RoleServer>>>,
    changes: watch::Sender<u32>,
    /// Calls of `hold` under way.
    pub(crate) held: watch::Sender<usize>,
    /// Lets calls of `hold` go.
    pub(crate) release: Semaphore,
}

/// The server.
#[derive(Debug, Clone)]
pub(crate) struct Fixture {
    pub(crate) state: Arc<State>,
    /// Speaks 2025-11-25 only.
    old: bool,
}

impl Fixture {
    pub(crate) fn new(old: bool) -> Self {
        let state = State {
            seen: Mutex::default(),
            watchers: Mutex::default(),
            changes: watch::Sender::new(0),
            held: watch::Sender::new(0),
            release: Semaphore::new(0),
        };
        Self { state: Arc::new(state), old }
    }

    fn note(&self, event: Value) {
        self.state.seen.lock().unwrap().push(event);
    }

    /// How often a tool was called.
    pub(crate) fn count(&self, tool: &str) -> usize {
        self.state.seen.lock().unwrap().iter().filter(|event| event["tool"] == tool).count()
    }

    async fn slow(&self, context: &RequestContext<RoleServer>) -> CallToolResult {
        context.ct.cancelled().await;
        self.note(json!({"cancelled": "slow"}));
        CallToolResult::structured(json!({}))
    }

    /// Reports progress each 40 ms of (paused) time, so many times.
    async fn steps(&self, arguments: &Value, context: &RequestContext<RoleServer>) -> CallToolResult {
        let token = context.meta.get_progress_token().unwrap();
        for step in 0..arguments["steps"].as_u64().unwrap() {
            tokio::time::sleep(Duration::from_millis(40)).await;
            let report = ProgressNotificationParam::new(token.clone(), f64::from(u32::try_from(step).unwrap()));
            context.peer.notify_progress(report).await.unwrap();
        }
        CallToolResult::structured(json!({"done": true}))
    }

    async fn hold(&self) -> CallToolResult {
        self.state.held.send_modify(|held| *held += 1);
        self.state.release.acquire().await.unwrap().forget();
        self.state.held.send_modify(|held| *held -= 1);
        CallToolResult::structured(json!({}))
    }

    fn flaky(&self, arguments: &Value) -> CallToolResult {
        if self.count("flaky") <= usize::try_from(arguments["failures"].as_u64().unwrap()).unwrap() {
            CallToolResult::structured_error(json!({"error": {"message": "try again", "retryable": true}}))
        } else {
            CallToolResult::structured(json!({"ok": true}))
        }
    }

    async fn touch(&self) -> CallToolResult {
        self.state.changes.send_modify(|n| *n += 1);
        let watchers = self.state.watchers.lock().unwrap().clone();
        for peer in watchers {
            // A watcher may be gone.
            let _ = peer.notify_resource_updated(ResourceUpdatedNotificationParam::new("notes://a")).await;
        }
        CallToolResult::structured(json!({}))
    }
}

fn echo(arguments: &Value) -> CallToolResult {
    CallToolResult::structured(json!({
        "said": arguments["text"], "arguments": arguments, "post": {"id": "p-1"}, "cost_usd": "0.012",
    }))
}

fn picture() -> CallToolResult {
    let file = ResourceContents::blob(PICTURE_BASE64, "file:///clip.mp4").with_mime_type("video/mp4");
    let mut result = CallToolResult::success(vec![
        ContentBlock::text("a picture"),
        ContentBlock::image(PICTURE_BASE64, "image/png"),
        ContentBlock::audio(PICTURE_BASE64, "audio/wav"),
        ContentBlock::resource(file),
        ContentBlock::resource_link(Resource::new("file:///more", "more")),
        ContentBlock::text("and more"),
    ]);
    result.structured_content = Some(json!({"width": 1}));
    result
}

fn schema(schema: Value) -> Arc<JsonObject> {
    Arc::new(serde_json::from_value(schema).unwrap())
}

fn tools() -> Vec<Tool> {
    let echo = schema(json!({
        "type": "object", "required": ["text"], "additionalProperties": false,
        "properties": {"text": {"type": "string"}, "visibility": {"enum": ["public", "private"]}, "tags": {"type": "array"}},
    }));
    let names = [
        "fail",
        "flaky",
        "unsure",
        "slow",
        "steps",
        "hold",
        "huge",
        "picture",
        "broken_picture",
        "old_json",
        "seen",
        "touch",
        "exit",
        "environment",
        "pid",
    ];
    let mut tools = vec![Tool::new("echo", "Says it again.", echo)];
    tools.extend(names.map(|name| Tool::new(name, name, schema(json!({"type": "object"})))));
    tools
}

impl ServerHandler for Fixture {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder().enable_tools().enable_resources().enable_resources_subscribe();
        ServerConfig::new(capabilities.build()).with_server_info(Implementation::new("fixture", "1.2.3"))
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        if self.old {
            Cow::Borrowed(&[ProtocolVersion::V_2025_11_25])
        } else {
            Cow::Borrowed(ProtocolVersion::KNOWN_VERSIONS)
        }
    }

    async fn discover(&self, _: RequestContext<RoleServer>) -> Result<DiscoverResult, ErrorData> {
        if self.old {
            return Err(ErrorData::new(ErrorCode::METHOD_NOT_FOUND, "server/discover", None));
        }
        Ok(DiscoverResult::from_server_info(self.supported_protocol_versions().into_owned(), self.get_info()))
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(tools()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let arguments = Value::Object(request.arguments.unwrap_or_default());
        let mut meta = serde_json::to_value(&context.meta).unwrap();
        if let Some(later) = request.meta {
            meta.as_object_mut().unwrap().extend(later.0.0);
        }
        if request.name != "seen" {
            self.note(json!({"tool": request.name, "arguments": arguments, "meta": meta}));
        }
        let result = match &*request.name {
            "echo" => echo(&arguments),
            "fail" => CallToolResult::structured_error(
                json!({"error": {"message": "no such\naccount"}, "cost_usd": arguments["cost_usd"]}),
            ),
            "unsure" => CallToolResult::structured_error(json!({"error": {"message": "hm", "effect": "unknown"}})),
            "flaky" => self.flaky(&arguments),
            "slow" => self.slow(&context).await,
            "slow_then_fail" if self.count("slow_then_fail") == 1 => self.slow(&context).await,
            "slow_then_fail" => CallToolResult::structured_error(json!({"error": {"message": "taken"}})),
            "steps" => self.steps(&arguments, &context).await,
            "hold" => self.hold().await,
            "huge" => {
                let bytes = usize::try_from(arguments["bytes"].as_u64().unwrap()).unwrap();
                CallToolResult::success(vec![ContentBlock::text("x".repeat(bytes))])
            }
            "picture" => picture(),
            "broken_picture" => CallToolResult::success(vec![ContentBlock::image("!!", "image/png")]),
            "old_json" => CallToolResult::success(vec![ContentBlock::text("{\"id\": 7}")]),
            "seen" => CallToolResult::structured(json!({"events": *self.state.seen.lock().unwrap()})),
            "touch" => self.touch().await,
            "exit" => std::process::exit(3),
            "pid" => CallToolResult::structured(json!({"pid": std::process::id()})),
            "environment" => {
                let variables: std::collections::BTreeMap<String, String> = std::env::vars().collect();
                CallToolResult::structured(json!(variables))
            }
            other => return Err(ErrorData::invalid_params(format!("no tool {other}"), None)),
        };
        Ok(result.into())
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let first = request.and_then(|r| r.cursor).is_none();
        let name = if first { "a" } else { "b" };
        let mut page = ListResourcesResult::with_all_items(vec![Resource::new(format!("notes://{name}"), name)]);
        page.next_cursor = first.then(|| "second".to_owned());
        Ok(page)
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let changes = *self.state.changes.borrow();
        let content = match &*request.uri {
            "notes://a" => ResourceContents::text(json!({"changes": changes}).to_string(), "notes://a")
                .with_mime_type("application/json"),
            "notes://b" => ResourceContents::blob(PICTURE_BASE64, "notes://b").with_mime_type("image/png"),
            _ => return Err(ErrorData::invalid_params("no such resource", None)),
        };
        Ok(ReadResourceResult::new(vec![content]).into())
    }

    fn accepted_subscription_filter(&self, requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        Some(requested.supported_by(&self.get_info().capabilities))
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        let mut changes = self.state.changes.subscribe();
        if *changes.borrow() > 0 {
            // The client may have made a change between the acknowledgement and now.
            changes.mark_changed();
        }
        loop {
            tokio::select! {
                () = context.cancelled() => return Ok(()),
                changed = changes.changed() => {
                    changed.unwrap();
                    context.sink().notify_resource_updated("notes://a").await.unwrap();
                }
            }
        }
    }

    async fn subscribe(&self, _: SubscribeRequestParams, context: RequestContext<RoleServer>) -> Result<(), ErrorData> {
        self.state.watchers.lock().unwrap().push(context.peer);
        Ok(())
    }
}
