//! Tools and a mind that have nothing to do: what is left is Chimera's own time.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use chimera_domain::{
    Ambient, Score, Usd,
    contracts::{FeedDocument, FeedItem},
};
use chimera_llm::{
    Answer, Draft, Finding, Mind, MindError, MindInfo, Opinion, OpinionAsk, Relevance, RelevanceAsk, Seat, WriteAsk,
};
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, Implementation,
        ReadResourceRequestParams, ReadResourceResponse, ReadResourceResult, ResourceContents, ServerCapabilities,
        ServerConfig,
    },
    service::RequestContext,
};
use serde_json::{Value, json};

use crate::system::SystemAmbient;

/// The name of the server, and of its one resource.
pub(super) const SERVER: &str = "bench";
pub(super) const HEADLINES: &str = "bench://headlines";

/// What the writer returns, in bytes.
const PAYLOAD_BYTES: usize = 1_024;
/// The smallest files that take content credentials. Signed, each is a file of its own.
const JPEG: &[u8] = b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0\xff\xd9";
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\x01\0\0\0\x01\x08\0\0\0\0\x3a\x7e\x9b\x55\0\0\0\x0aIDAT\
    \x78\x9c\x63\x68\0\0\0\x82\0\x81\x77\xcd\x72\xb6\0\0\0\0IEND\xae\x42\x60\x82";
const MP4: &[u8] = b"\0\0\0\x14ftypisom\0\0\x02\0mp41\0\0\0\x08moov\0\0\0\x0emdata film";
/// What every tool says it costs, so that money is set aside and settled.
const COST_USD: &str = "0.0001";

/// A mind that answers at once.
#[derive(Debug)]
pub(super) struct IdleMind;

impl IdleMind {
    fn answer<T>(value: T) -> Answer<T> {
        let seat = Seat { backend: "idle".to_owned(), provider: "chimera.idle".to_owned(), model: "idle".to_owned() };
        Answer::of(value, Usd::ZERO, &seat)
    }
}

#[async_trait]
impl Mind for IdleMind {
    fn about(&self) -> MindInfo {
        MindInfo::of_one("idle", "chimera.idle", "idle").offline("answers at once, for benchmarks")
    }

    async fn relevance(&self, ask: &RelevanceAsk) -> Result<Answer<Vec<Relevance>>, MindError> {
        let one = Relevance { score: Score::percent(95), why: "made for the goal".to_owned() };
        Ok(Self::answer(vec![one; ask.items.len()]))
    }

    async fn write(&self, ask: &WriteAsk) -> Result<Answer<Draft>, MindError> {
        Ok(Self::answer(Draft {
            text: words(),
            hashtags: vec![],
            alt_text: ask.headline.clone(),
            kicker: String::new(),
            cover_line: String::new(),
            self_score: None,
        }))
    }

    async fn opine(&self, _ask: &OpinionAsk) -> Result<Answer<Opinion>, MindError> {
        let fine = || Finding { score: Score::ONE, reason: "nothing speaks against it".to_owned() };
        Ok(Self::answer(Opinion { task_fit: fine(), persona: fine(), support: fine(), notes: vec![] }))
    }
}

/// What a tool says that was asked for words.
pub(super) fn said_words(words: &str) -> Value {
    json!({"text": words, "hashtags": [], "model": "idle", "cost_usd": COST_USD})
}

/// A kilobyte of harmless words.
pub(super) fn words() -> String {
    "Linen, wool and a quiet afternoon. ".chars().cycle().take(PAYLOAD_BYTES).collect()
}

/// A headline whose number can be read from its title.
pub(super) fn headline(number: u32) -> FeedItem {
    FeedItem {
        id: format!("bench-{number}"),
        title: format!("Linen number {number} is on the line"),
        summary: "A quiet afternoon, wool and linen in the wind.".to_owned(),
        url: None,
        published_at: Some(SystemAmbient.now()),
        language: None,
        categories: vec![],
    }
}

/// The headlines that the feed shows just now.
#[derive(Debug, Clone, Default)]
pub(super) struct Headlines(Arc<Mutex<VecDeque<FeedItem>>>);

impl Headlines {
    /// Shows these and no others.
    pub(super) fn show(&self, items: impl IntoIterator<Item = FeedItem>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = items.into_iter().collect();
    }

    fn shown(&self) -> Vec<FeedItem> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

/// An MCP server with every tool of a fleet, each of which does nothing.
#[derive(Debug, Clone)]
pub(super) struct IdleServer {
    headlines: Headlines,
    ambient: Arc<dyn Ambient>,
    words: Arc<str>,
}

impl IdleServer {
    pub(super) fn new(headlines: Headlines, ambient: Arc<dyn Ambient>) -> Self {
        Self { headlines, ambient, words: words().into() }
    }

    fn fresh(&self) -> String {
        format!("{:032x}", u128::from_be_bytes(self.ambient.random()))
    }

    fn made(&self, width: u32, height: u32) -> Value {
        json!({
            "width": width, "height": height, "duration_seconds": 6, "alt_text": "Linen on a line.",
            "captions_vtt": "WEBVTT\n", "model": "idle", "cost_usd": COST_USD,
        })
    }
}

impl ServerHandler for IdleServer {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder().enable_tools().enable_resources().build();
        ServerConfig::new(capabilities)
            .with_server_info(Implementation::new("chimera-bench", env!("CARGO_PKG_VERSION")))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let document = FeedDocument {
            source: HEADLINES.to_owned(),
            title: "Benchmark".to_owned(),
            fetched_at: self.ambient.now(),
            items: self.headlines.shown(),
            warnings: vec![],
        };
        let json = serde_json::to_string(&document).map_err(|e| ErrorData::internal_error(e.to_string(), None))?;
        let contents = ResourceContents::text(json, request.uri).with_mime_type("application/json");
        Ok(ReadResourceResult::new(vec![contents]).into())
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let (medium, said) = match &*request.name {
            "generate_text" => (None, said_words(&self.words)),
            "generate_image" => {
                let format = request.arguments.as_ref().and_then(|a| a.get("format")).and_then(Value::as_str);
                let (mime, bytes) =
                    if format == Some("image/jpeg") { ("image/jpeg", JPEG) } else { ("image/png", PNG) };
                let picture = ContentBlock::image(BASE64_STANDARD.encode(bytes), mime);
                (Some(picture), self.made(1_080, 1_350))
            }
            "generate_video" => {
                let video =
                    ResourceContents::blob(BASE64_STANDARD.encode(MP4), "bench://video").with_mime_type("video/mp4");
                (Some(ContentBlock::resource(video)), self.made(720, 1_280))
            }
            "publish_post" => (None, json!({"post_id": self.fresh(), "url": "https://bench.invalid/post"})),
            "find_post" => (None, json!({"post": null})),
            other => return Err(ErrorData::invalid_params(format!("there is no tool {other}"), None)),
        };
        let mut result = CallToolResult::structured(said);
        if let Some(medium) = medium {
            result.content.insert(0, medium);
        }
        Ok(result.into())
    }
}
