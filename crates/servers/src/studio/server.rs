//! The MCP server: configuration, shared state, and what its tools have in common.

use std::path::PathBuf;
use std::sync::Arc;

use chimera_domain::error_chain;
use chimera_llm::Mind;
use rmcp::handler::server::router::tool::ToolRouter;
use rmcp::model::{CallToolResult, ContentBlock, Implementation, ServerCapabilities, ServerConfig};
use rmcp::{ErrorData, ServerHandler, tool_handler};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::error::StudioError;
use super::identity::Identity;
use super::layout::compose;
use super::request::Order;
use super::scene::Scene;
use super::typeface::Library;
use crate::schema::standard_tools;

/// What made a picture or video, as its results say: the studio's own drawing, first generation.
pub(super) const MODEL: &str = "chimera-studio-1";

/// What a result costs: nothing, it is drawn here.
pub(super) const COST_USD: &str = "0";

/// How a studio is run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StudioConfig {
    /// Renderings at the same time; each keeps one core busy. At least 1 is used.
    pub concurrent_renders_max: usize,
    /// Font files (TrueType or OpenType) to draw what the built-in faces lack, such as Chinese or Hindi; tried in
    /// this order, for left-to-right scripts.
    pub extra_fonts: Vec<PathBuf>,
}

impl Default for StudioConfig {
    /// Two renderings at a time, no extra fonts.
    fn default() -> Self {
        Self { concurrent_renders_max: 2, extra_fonts: Vec::new() }
    }
}

/// The studio as an MCP server. Cloning it is cheap; clones share fonts and the bound on renderings.
#[derive(Debug, Clone)]
pub struct StudioServer {
    library: Arc<Library>,
    renders: Arc<Semaphore>,
    mind: Arc<dyn Mind>,
    tool_router: ToolRouter<Self>,
}

impl StudioServer {
    /// Loads the typefaces. `mind` writes the words.
    ///
    /// # Errors
    /// [`StudioError::Typeface`] when an extra font can't be read or used.
    pub fn new(config: StudioConfig, mind: Arc<dyn Mind>) -> Result<Self, StudioError> {
        let StudioConfig { concurrent_renders_max, extra_fonts } = config;
        let renders = concurrent_renders_max.clamp(1, Semaphore::MAX_PERMITS);
        Ok(Self {
            library: Arc::new(Library::load(&extra_fonts)?),
            renders: Arc::new(Semaphore::new(renders)),
            mind,
            tool_router: Self::tools(),
        })
    }

    /// All tools; each file of tools brings a router.
    fn tools() -> ToolRouter<Self> {
        standard_tools(Self::text_tools() + Self::image_tools() + Self::video_tools())
    }

    pub(super) fn mind(&self) -> &dyn Mind {
        &*self.mind
    }

    pub(super) fn library(&self) -> Arc<Library> {
        Arc::clone(&self.library)
    }

    /// Waits for a turn to render.
    ///
    /// # Errors
    /// [`StudioError::Cancelled`] once the server closes its queue.
    pub(super) async fn turn(&self) -> Result<OwnedSemaphorePermit, StudioError> {
        Arc::clone(&self.renders).acquire_owned().await.map_err(|_| StudioError::Cancelled)
    }
}

#[tool_handler(router = self.tool_router)]
impl ServerHandler for StudioServer {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("chimera-studio", env!("CARGO_PKG_VERSION")))
            .with_instructions(
                "Makes an agent's posts: words in its character, typographic pictures, short vertical videos. Every call \
                 needs the agent's character_reference_id; the same id always gives the same palette, type and mark.",
            )
    }
}

/// Composes an order; what was changed on the way joins the scene's notes.
///
/// # Errors
/// [`StudioError::NothingToDraw`].
pub(super) fn stage(library: &Library, order: Order) -> Result<Scene, StudioError> {
    let identity = Identity::derive(&order.character);
    let mut scene = compose(library, &identity, &order.post, order.format)?;
    scene.notes.splice(0..0, order.notes);
    Ok(scene)
}

/// A description of the post for people who can't see it.
pub(super) fn alt_text(scene: &Scene, artwork: &str) -> String {
    let mut text =
        format!("Typographic post, marked AI-generated. Headline: \u{201C}{}\u{201D}.", scene.words.headline);
    for (name, words) in [("Above it", &scene.words.kicker), ("Below it", &scene.words.caption)] {
        if let Some(words) = words {
            text.push_str(&format!(" {name}: \u{201C}{words}\u{201D}."));
        }
    }
    text.push_str(&format!(" Artwork: {artwork}."));
    text
}

/// A result as structured content, the same as text, and the media itself.
pub(super) fn answer(media: ContentBlock, made: &impl Serialize) -> Result<CallToolResult, ErrorData> {
    let value = serde_json::to_value(made).map_err(|error| ErrorData::internal_error(error.to_string(), None))?;
    let mut result = CallToolResult::structured(value);
    result.content.insert(0, media);
    Ok(result)
}

/// A refusal or failure that the caller's model gets to read.
pub(super) fn refusal(error: &StudioError) -> CallToolResult {
    let text = error_chain(error);
    tracing::warn!(error = %text, "studio call failed");
    CallToolResult::error(vec![ContentBlock::text(text)])
}
