//! The tool `generate_image`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chimera_domain::sha256_hex;
use rmcp::handler::server::tool::schema_for_output;
use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::{CallToolResult, ContentBlock};
use rmcp::{ErrorData, tool, tool_router};

use super::error::StudioError;
use super::identity::Identity;
use super::picture::{Picture, picture};
use super::request::{ImageMade, ImageRequest, Order, PictureFormat};
use super::server::{COST_USD, MODEL, StudioServer, alt_text, answer, refusal, stage};
use super::typeface::Library;

#[tool_router(router = image_tools, vis = "pub(super)")]
impl StudioServer {
    /// Draws a picture for a post: headline, kicker, caption and artwork in the look of one agent, as PNG or JPEG.
    #[tool(
        title = "Draw a post",
        output_schema = schema_for_output::<ImageMade>(),
        annotations(read_only_hint = true, idempotent_hint = true, open_world_hint = false)
    )]
    async fn generate_image(&self, Parameters(request): Parameters<ImageRequest>) -> Result<CallToolResult, ErrorData> {
        match self.image(&request).await {
            Ok((picture, made)) => answer(ContentBlock::image(STANDARD.encode(&picture.bytes), &made.mime), &made),
            Err(error) => Ok(refusal(&error)),
        }
    }
}

impl StudioServer {
    async fn image(&self, request: &ImageRequest) -> Result<(Picture, ImageMade), StudioError> {
        let (order, format) = (request.check()?, request.format);
        let turn = self.turn().await?;
        let library = self.library();
        let work = move || {
            let _turn = turn;
            render(&library, order, format)
        };
        tokio::task::spawn_blocking(work).await.map_err(StudioError::Thread)?
    }
}

fn render(library: &Library, order: Order, format: PictureFormat) -> Result<(Picture, ImageMade), StudioError> {
    let artwork = Identity::derive(&order.character).pattern.words();
    let scene = stage(library, order)?;
    let picture = picture(&scene, &format!("{} (AI-generated)", scene.words.headline), format)?;
    let made = ImageMade {
        mime: format.mime().to_owned(),
        width: picture.width,
        height: picture.height,
        sha256: sha256_hex(&picture.bytes),
        bytes: picture.bytes.len() as u64,
        alt_text: alt_text(&scene, artwork),
        model: MODEL.to_owned(),
        cost_usd: COST_USD.to_owned(),
        notes: scene.notes,
    };
    Ok((picture, made))
}
