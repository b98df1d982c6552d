//! An MCP server with the tools that workers and publishers call. It does as it is told, then as it should.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, Mutex},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, JsonObject, ListToolsResult,
        PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
    },
    service::RequestContext,
};
use serde_json::{Value, json};
use tokio::sync::{Semaphore, watch};

/// What a call meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// "Try again", with nothing done.
    Busy,
    /// "No."
    Refuse,
    /// "No: there is one of that id", in a field.
    Taken,
    /// The same, in words only.
    SaysTaken,
    /// Everything is done, and nobody hears of it.
    CutAfter,
    /// Nothing is done, and nobody can tell.
    CutBefore,
    /// An answer without content.
    Garble,
    /// It waits until it is let go, then does as it should.
    Wait,
    /// The fields have other names.
    Foreign,
    /// A video without captions.
    Mute,
}

/// The server. Clones share everything.
#[derive(Debug, Clone)]
pub(crate) struct Fake {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    scripts: Mutex<HashMap<String, VecDeque<Fate>>>,
    calls: Mutex<Vec<(String, Value)>>,
    posts: Mutex<BTreeMap<String, Vec<String>>>,
    waiting: watch::Sender<usize>,
    gate: Semaphore,
}

/// The smallest picture.
pub(crate) const PICTURE: &[u8] =
    b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\x01\0\0\0\x01\x08\0\0\0\0\x3a\x7e\x9b\x55\0\0\0\x0aIDAT\x78\x9c\x63\x68\0\0\0\x82\0\x81\x77\xcd\x72\xb6\0\0\0\0IEND\xae\x42\x60\x82";
/// The boxes of a video, with a few bytes where its frames would be.
pub(crate) const VIDEO: &[u8] = b"\0\0\0\x14ftypisom\0\0\x02\0mp41\0\0\0\x08moov\0\0\0\x0emdata film";

impl Fake {
    pub(crate) fn new() -> Self {
        Self {
            inner: Arc::new(Inner {
                scripts: Mutex::default(),
                calls: Mutex::default(),
                posts: Mutex::default(),
                waiting: watch::Sender::new(0),
                gate: Semaphore::new(0),
            }),
        }
    }

    /// The next calls of this tool meet these.
    pub(crate) fn script(&self, tool: &str, fates: &[Fate]) {
        self.inner.scripts.lock().unwrap().entry(tool.to_owned()).or_default().extend(fates);
    }

    /// How often a tool was called.
    pub(crate) fn count(&self, tool: &str) -> usize {
        self.inner.calls.lock().unwrap().iter().filter(|(name, _)| name == tool).count()
    }

    /// What a tool was given, call by call.
    pub(crate) fn arguments(&self, tool: &str) -> Vec<Value> {
        let calls = self.inner.calls.lock().unwrap();
        calls.iter().filter(|(name, _)| name == tool).map(|(_, arguments)| arguments.clone()).collect()
    }

    /// How many posts are out.
    pub(crate) fn posts(&self) -> usize {
        self.inner.posts.lock().unwrap().values().map(Vec::len).sum()
    }

    /// Puts a post out without anyone calling.
    pub(crate) fn put_out(&self, key: &str) {
        self.inner.posts.lock().unwrap().entry(key.to_owned()).or_default().push("slipped through".to_owned());
    }

    /// Waits until so many calls wait.
    pub(crate) async fn until_waiting(&self, wanted: usize) {
        self.inner.waiting.subscribe().wait_for(|waiting| *waiting == wanted).await.unwrap();
    }

    /// Lets waiting calls go.
    pub(crate) fn let_go(&self, count: usize) {
        self.inner.gate.add_permits(count);
    }

    async fn wait(&self) {
        self.inner.waiting.send_modify(|waiting| *waiting += 1);
        self.inner.gate.acquire().await.unwrap().forget();
        self.inner.waiting.send_modify(|waiting| *waiting -= 1);
    }

    fn publish(&self, arguments: &Value) -> Value {
        let key = arguments["key"].as_str().unwrap().to_owned();
        let mut posts = self.inner.posts.lock().unwrap();
        let known = posts.entry(key.clone()).or_default();
        if known.is_empty() {
            known.push(arguments["text"].as_str().unwrap().to_owned());
        }
        json!({"post_id": format!("p-{key}"), "url": format!("https://platform.test/{key}")})
    }

    fn find(&self, arguments: &Value) -> Value {
        let key = arguments["key"].as_str().unwrap();
        let found = self.inner.posts.lock().unwrap().contains_key(key);
        let post = found.then(|| json!({"post_id": format!("p-{key}"), "url": null}));
        json!({"found": found, "post": post})
    }

    fn answer(&self, tool: &str, arguments: &Value) -> CallToolResult {
        let lacks_character = arguments["character"].as_str().is_none_or(str::is_empty);
        if tool.starts_with("generate") && lacks_character {
            return refusal("a character reference is needed");
        }
        match tool {
            "generate_text" => CallToolResult::structured(json!({
                "text": "Mend it, wear it, love it.", "hashtags": ["#mending", "silk"], "self_score": 0.8,
                "model": "fake-writer", "cost_usd": "0.000100",
            })),
            "generate_image" => made(
                "image/png",
                json!({"width": 1080, "height": 1350, "alt_text": "A coat",
                "model": "fake-painter", "cost_usd": "0.02"}),
            ),
            "generate_video" | "animate_image" => film(Some("WEBVTT\n")),
            "publish_post" => CallToolResult::structured(self.publish(arguments)),
            _ => CallToolResult::structured(self.find(arguments)),
        }
    }
}

fn film(captions_vtt: Option<&str>) -> CallToolResult {
    made(
        "video/mp4",
        json!({"width": 720, "height": 1280, "duration_seconds": 6.0,
        "alt_text": "A coat turns", "captions_vtt": captions_vtt, "model": "fake-painter", "cost_usd": "0.3"}),
    )
}

fn made(mime: &str, structured: Value) -> CallToolResult {
    let mut result = CallToolResult::success(vec![match mime {
        "image/png" => ContentBlock::image(BASE64_STANDARD.encode(PICTURE), mime),
        _ => ContentBlock::resource(
            rmcp::model::ResourceContents::blob(BASE64_STANDARD.encode(VIDEO), "file:///made").with_mime_type(mime),
        ),
    }]);
    result.structured_content = Some(structured);
    result
}

fn refusal(message: &str) -> CallToolResult {
    CallToolResult::structured_error(json!({"error": {"message": message}}))
}

fn unknown() -> CallToolResult {
    CallToolResult::structured_error(json!({"error": {"message": "the line was cut", "effect": "unknown"}}))
}

impl ServerHandler for Fake {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let schema: Arc<JsonObject> = Arc::new(serde_json::from_value(json!({"type": "object"})).unwrap());
        let names = ["generate_text", "generate_image", "generate_video", "animate_image", "publish_post", "find_post"];
        Ok(ListToolsResult::with_all_items(names.map(|name| Tool::new(name, name, schema.clone())).to_vec()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let tool = request.name.to_string();
        let arguments = Value::Object(request.arguments.unwrap_or_default());
        self.inner.calls.lock().unwrap().push((tool.clone(), arguments.clone()));
        let fate = self.inner.scripts.lock().unwrap().get_mut(&tool).and_then(VecDeque::pop_front);
        let result = match fate {
            None => self.answer(&tool, &arguments),
            Some(Fate::Busy) => CallToolResult::structured_error(
                json!({"error": {"message": "too many requests", "retryable": true, "retry_after_ms": 30_000}}),
            ),
            Some(Fate::Refuse) => refusal("this breaks the rules of the house"),
            Some(Fate::Taken) => CallToolResult::structured_error(
                json!({"error": {"message": "there is a post of that id", "effect": "exists"}}),
            ),
            Some(Fate::SaysTaken) => refusal("Record Already Exists: at://posts"),
            Some(Fate::CutAfter) => {
                self.answer(&tool, &arguments);
                unknown()
            }
            Some(Fate::CutBefore) => unknown(),
            Some(Fate::Garble) => CallToolResult::structured(json!({"ok": true})),
            Some(Fate::Wait) => {
                self.wait().await;
                self.answer(&tool, &arguments)
            }
            Some(Fate::Mute) => film(None),
            Some(Fate::Foreign) => CallToolResult::structured(json!({"output": {"caption": "Said otherwise."}})),
        };
        Ok(result.into())
    }
}
