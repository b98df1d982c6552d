//! A scene in motion as MP4: layers are drawn once and composited per frame, only artwork is redrawn.

use std::ops::ControlFlow;

use muxide::api::{Metadata, Muxer, MuxerBuilder, VideoCodec};
use openh264::encoder::{
    Complexity, Encoder, EncoderConfig, FrameRate, FrameType, IntraFramePeriod, Profile, RateControlMode, UsageType,
    VuiConfig,
};
use openh264::formats::{RgbaSliceU8, YUVBuffer};
use openh264::{OpenH264API, Timestamp};
use tiny_skia::{Pixmap, PixmapPaint, PixmapRef, Transform};

use super::canvas::{Canvas, WIDTH};
use super::error::StudioError;
use super::pattern::{Art, Moment, ease_out};
use super::scene::{Drawing, Easel, Layer, Scene, draw, pixels, whole};

/// Width of a video in pixels; at 9:16 the height is 1280.
const PIXELS_WIDE: f32 = 720.0;

/// Frames per second.
pub(super) const FRAME_RATE: u32 = 30;

/// Frames from one key frame to the next: what a seek may have to decode.
const KEY_FRAME_EVERY: u32 = 60;

/// A finished video.
#[derive(Debug)]
pub(super) struct Video {
    pub(super) mp4: Vec<u8>,
    /// Pixels.
    pub(super) width: u32,
    /// Pixels.
    pub(super) height: u32,
    pub(super) frames: u32,
    /// Seconds from the start at which the headline and the caption have come in.
    pub(super) entered: f64,
}

impl Video {
    /// Length in seconds.
    pub(super) fn seconds(&self) -> f64 {
        f64::from(self.frames) / f64::from(FRAME_RATE)
    }
}

/// Renders `frames` frames of `scene`. `on_frame` hears how many are done after each and may break off.
///
/// # Errors
/// [`StudioError::Cancelled`] when `on_frame` breaks; else what the encoder or the container complain about.
pub(super) fn video(
    scene: &Scene,
    title: &str,
    frames: u32,
    on_frame: &mut dyn FnMut(u32) -> ControlFlow<()>,
) -> Result<Video, StudioError> {
    let scale = PIXELS_WIDE / WIDTH;
    let (width, height) = scene.pixels(scale);
    let surface = || StudioError::Surface { width, height };
    let mut stage = Stage::build(scene, scale, frames).ok_or_else(surface)?;
    let mut frame = Pixmap::new(width, height).ok_or_else(surface)?;
    let (wide, high) = (width as usize, height as usize);
    let mut yuv = YUVBuffer::new(wide, high);
    let mut encoder = encoder()?;
    let mut muxer = muxer(width, height, title)?;
    let mut packet = Vec::new();
    for index in 0..frames {
        stage.compose(&mut frame, index);
        yuv.read_rgba8(RgbaSliceU8::new(frame.data(), (wide, high)));
        let millis = u64::from(index) * 1000 / u64::from(FRAME_RATE);
        let encoded = encoder.encode_at(&yuv, Timestamp::from_millis(millis)).map_err(StudioError::Encode)?;
        let key = matches!(encoded.frame_type(), FrameType::IDR | FrameType::I);
        packet.clear();
        encoded.write_vec(&mut packet);
        let at = f64::from(index) / f64::from(FRAME_RATE);
        muxer.write_video(at, &packet, key).map_err(StudioError::Mux)?;
        if on_frame(index + 1).is_break() {
            return Err(StudioError::Cancelled);
        }
    }
    muxer.finish_in_place().map_err(StudioError::Mux)?;
    Ok(Video { mp4: muxer.into_writer(), width, height, frames, entered: f64::from(stage.entered) })
}

fn encoder() -> Result<Encoder, StudioError> {
    // Without rate control every frame has the encoder's base quantiser, 26: even quality, and flat areas cost nothing.
    // The converter uses BT.601 weights; saying so in the stream keeps players from guessing BT.709.
    let config = EncoderConfig::new()
        .max_frame_rate(FrameRate::from_hz(FRAME_RATE as f32))
        .rate_control_mode(RateControlMode::Off)
        .usage_type(UsageType::CameraVideoRealTime)
        .complexity(Complexity::Low)
        .profile(Profile::High)
        .skip_frames(false)
        .scene_change_detect(false)
        .intra_frame_period(IntraFramePeriod::from_num_frames(KEY_FRAME_EVERY))
        .num_threads(1)
        .vui(VuiConfig::bt601());
    Encoder::with_api_config(OpenH264API::from_source(), config).map_err(StudioError::Encode)
}

fn muxer(width: u32, height: u32, title: &str) -> Result<Muxer<Vec<u8>>, StudioError> {
    MuxerBuilder::new(Vec::with_capacity(1 << 20))
        .video(VideoCodec::H264, width, height, f64::from(FRAME_RATE))
        .with_metadata(Metadata::new().with_title(title))
        .with_fast_start(true)
        .build()
        .map_err(StudioError::Mux)
}

/// A layer made ready for its part.
enum Player {
    /// Drawn once; comes in at a time, or is always there.
    Sprite { pixmap: Pixmap, x: i32, y: i32, enters: Option<f32> },
    /// A plain surface: filling it anew is cheaper than blending a picture of it.
    Plain(Drawing),
    /// Drawn for every frame.
    Art { easel: Box<Easel>, art: Art },
}

/// The scene, ready to be shown at any moment.
struct Stage {
    ground: Pixmap,
    players: Vec<Player>,
    scale: f32,
    /// Seconds until everything has come in.
    entered: f32,
}

/// Seconds that one line takes to rise into place.
const RISE: f32 = 0.5;

impl Stage {
    fn build(scene: &Scene, scale: f32, frames: u32) -> Option<Self> {
        let (width, height) = scene.pixels(scale);
        let mut ground = Pixmap::new(width, height)?;
        Canvas::new(ground.as_mut(), scale, 0.0, 0.0).clear(scene.ground);
        let seconds = frames as f32 / FRAME_RATE as f32;
        let last = scene.layers.iter().filter_map(|layer| layer.enters).fold(1.0, f32::max);
        // Everything is in well before the end, so that there is time to read.
        let begin = 0.06;
        let step = ((seconds * 0.5).min(2.2) - begin - RISE).max(0.1) / last;
        let mut players: Vec<Player> = Vec::new();
        for layer in &scene.layers {
            match &layer.drawing {
                Drawing::Art { area, window, art } => {
                    let easel = Box::new(Easel::new(*area, *window, scale)?);
                    players.push(Player::Art { easel, art: art.clone() });
                }
                // What lies below all that moves is part of the ground.
                drawing if layer.enters.is_none() && players.is_empty() => {
                    draw(drawing, &mut Canvas::new(ground.as_mut(), scale, 0.0, 0.0));
                }
                Drawing::Fill { .. } if layer.enters.is_none() => players.push(Player::Plain(layer.drawing.clone())),
                _ => players.push(sprite(layer, scale, step.min(0.16), begin)?),
            }
        }
        Some(Self { ground, players, scale, entered: begin + step.min(0.16) * last + RISE })
    }

    fn compose(&mut self, frame: &mut Pixmap, index: u32) {
        let time = index as f32 / FRAME_RATE as f32;
        frame.data_mut().copy_from_slice(self.ground.data());
        for player in &mut self.players {
            match player {
                Player::Art { easel, art } => {
                    // The first frame is what a feed shows as a still, so the artwork is half grown from the start.
                    let grown = 0.5 + 0.5 * (time / 1.1).min(1.0);
                    easel.paint(art, Moment { grown, time });
                    easel.hang(frame);
                }
                Player::Plain(drawing) => {
                    draw(drawing, &mut Canvas::new(frame.as_mut(), self.scale, 0.0, 0.0));
                }
                Player::Sprite { pixmap, x, y, enters } => {
                    let share = enters.map_or(1.0, |at| (time - at) / RISE);
                    show(frame, pixmap, *x, *y, share);
                }
            }
        }
    }
}

fn sprite(layer: &Layer, scale: f32, step: f32, begin: f32) -> Option<Player> {
    let bounds = layer.bounds();
    let (x, y) = (whole((bounds.x * scale).floor()), whole((bounds.y * scale).floor()));
    let mut pixmap = Pixmap::new(pixels(bounds.w * scale) + 2, pixels(bounds.h * scale) + 2)?;
    let (left, top) = (x as f32 / scale, y as f32 / scale);
    draw(&layer.drawing, &mut Canvas::new(pixmap.as_mut(), scale, left, top));
    Some(Player::Sprite { pixmap, x, y, enters: layer.enters.map(|order| begin + order * step) })
}

/// Shows a sprite that is `share` of the way in: it rises from behind the lower edge of its own place.
fn show(frame: &mut Pixmap, sprite: &Pixmap, x: i32, y: i32, share: f32) {
    if share <= 0.0 {
        return;
    }
    let risen = ease_out(share);
    let hidden = pixels_hidden(sprite.height(), risen);
    let rows = sprite.height().saturating_sub(hidden);
    let bytes = (rows as usize) * (sprite.width() as usize) * 4;
    let visible = sprite.data().get(..bytes).and_then(|data| PixmapRef::from_bytes(data, sprite.width(), rows));
    let Some(visible) = visible else { return };
    let paint = PixmapPaint { opacity: (risen * 1.4).min(1.0), ..PixmapPaint::default() };
    frame.draw_pixmap(x, y + i32::try_from(hidden).unwrap_or(0), visible, &paint, Transform::identity(), None);
}

/// Rows of a sprite that are still below its edge.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a height is below the height")]
fn pixels_hidden(height: u32, risen: f32) -> u32 {
    (height as f32 * (1.0 - risen).clamp(0.0, 1.0)).round() as u32
}
