//! The tool `generate_video`, with progress and cancellation.

use std::ops::ControlFlow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chimera_domain::sha256_hex;
use rmcp::handler::server::tool::schema_for_output;
use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::{CallToolResult, ContentBlock, ProgressNotificationParam, ResourceContents};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, tool, tool_router};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::error::StudioError;
use super::identity::Identity;
use super::request::{Order, VideoMade, VideoRequest};
use super::server::{COST_USD, MODEL, StudioServer, alt_text, answer, refusal, stage};
use super::typeface::Library;
use super::video::{FRAME_RATE, Video, video};
use super::vtt::captions;

const MIME: &str = "video/mp4";

#[tool_router(router = video_tools, vis = "pub(super)")]
impl StudioServer {
    /// Draws a short vertical video for a post, in the look of one agent: H.264 in MP4, 720 x 1280, 30 frames a
    /// second, silent. Reports progress in frames and stops when the request is cancelled.
    #[tool(
        title = "Animate a post",
        output_schema = schema_for_output::<VideoMade>(),
        annotations(read_only_hint = true, idempotent_hint = true, open_world_hint = false)
    )]
    async fn generate_video(
        &self,
        Parameters(request): Parameters<VideoRequest>,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResult, ErrorData> {
        match self.film(&request, &context).await {
            Ok((video, made)) => {
                let uri = format!("studio://video/{}.mp4", made.sha256);
                let blob = ResourceContents::blob(STANDARD.encode(&video.mp4), uri).with_mime_type(MIME);
                answer(ContentBlock::resource(blob), &made)
            }
            Err(error) => Ok(refusal(&error)),
        }
    }
}

impl StudioServer {
    async fn film(
        &self,
        request: &VideoRequest,
        context: &RequestContext<RoleServer>,
    ) -> Result<(Video, VideoMade), StudioError> {
        let (order, seconds) = request.check()?;
        let frames = frames(seconds);
        // A token of its own stops the rendering also when this future is dropped without a cancel notice.
        let cancel = context.ct.child_token();
        let _stop_when_dropped = cancel.clone().drop_guard();
        let turn = tokio::select! {
            turn = self.turn() => turn?,
            () = cancel.cancelled() => return Err(StudioError::Cancelled),
        };
        let library = self.library();
        // A watch channel holds only the latest count, so a slow client never holds up the rendering.
        let (done, progress) = watch::channel(0);
        let stop = cancel.clone();
        let work = move || {
            let _turn = turn;
            render(&library, order, frames, &done, &stop)
        };
        let rendering = tokio::task::spawn_blocking(work);
        report(context, progress, frames).await;
        rendering.await.map_err(StudioError::Thread)?
    }
}

/// Seconds to whole frames.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "seconds are checked to be 2 to 15")]
fn frames(seconds: f64) -> u32 {
    (seconds * f64::from(FRAME_RATE)).round() as u32
}

/// Passes the count of frames on to the caller until the rendering ends, if the caller asked for it.
async fn report(context: &RequestContext<RoleServer>, mut progress: watch::Receiver<u32>, frames: u32) {
    let token = context.meta.get_progress_token();
    // The channel closes when the rendering drops its end.
    while progress.changed().await.is_ok() {
        let Some(token) = &token else { continue };
        let done = *progress.borrow_and_update();
        let update = ProgressNotificationParam::new(token.clone(), f64::from(done))
            .with_total(f64::from(frames))
            .with_message(format!("{done} of {frames} frames"));
        if let Err(error) = context.peer.notify_progress(update).await {
            tracing::debug!(%error, "progress could not be sent");
        }
    }
}

/// Progress is reported every so many frames.
const REPORT_EVERY: u32 = 5;

fn render(
    library: &Library,
    order: Order,
    frames: u32,
    done: &watch::Sender<u32>,
    stop: &CancellationToken,
) -> Result<(Video, VideoMade), StudioError> {
    let artwork = Identity::derive(&order.character).pattern.words();
    let scene = stage(library, order)?;
    let title = format!("{} (AI-generated)", scene.words.headline);
    let video = video(&scene, &title, frames, &mut |count| {
        if count % REPORT_EVERY == 0 || count == frames {
            done.send_replace(count);
        }
        if stop.is_cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    let made = VideoMade {
        mime: MIME.to_owned(),
        width: video.width,
        height: video.height,
        duration_seconds: video.seconds(),
        frames: video.frames,
        sha256: sha256_hex(&video.mp4),
        bytes: video.mp4.len() as u64,
        captions_vtt: captions(&scene.words, video.entered, video.seconds()),
        alt_text: alt_text(&scene, artwork),
        model: MODEL.to_owned(),
        cost_usd: COST_USD.to_owned(),
        notes: scene.notes,
    };
    Ok((video, made))
}
