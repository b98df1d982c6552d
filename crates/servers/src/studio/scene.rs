//! A composed post as layers, back to front, and how one layer is drawn.

use tiny_skia::{Mask, MaskType, Path, Pixmap, PixmapPaint, Rect, Transform};

use super::canvas::{Area, Canvas, WIDTH, rounded};
use super::color::Rgb;
use super::mark::Mark;
use super::pattern::{Art, Moment};

/// A post ready to be drawn at any resolution.
#[derive(Debug, Clone)]
pub(super) struct Scene {
    /// In design units; the width is always [`WIDTH`].
    pub(super) height: f32,
    pub(super) ground: Rgb,
    pub(super) layers: Vec<Layer>,
    /// What could not be drawn as asked.
    pub(super) notes: Vec<String>,
    /// The words as set, for descriptions and captions.
    pub(super) words: Words,
}

/// The words of a post, cleaned and shortened as drawn.
#[derive(Debug, Clone, Default)]
pub(super) struct Words {
    pub(super) headline: String,
    pub(super) kicker: Option<String>,
    pub(super) caption: Option<String>,
}

/// Something to draw, and when it comes in if the scene moves.
#[derive(Debug, Clone)]
pub(super) struct Layer {
    pub(super) drawing: Drawing,
    /// Place in the order of entrances; `None` is there from the first frame on.
    pub(super) enters: Option<f32>,
}

/// What a layer shows.
#[derive(Debug, Clone)]
pub(super) enum Drawing {
    Fill { area: Area, radius: f32, color: Rgb },
    Frame { area: Area, radius: f32, width: f32, color: Rgb },
    Art { area: Area, window: Window, art: Art },
    Shape { path: Path, color: Rgb },
    Mark { mark: Mark, area: Area, colors: [Rgb; 2] },
}

/// The outline through which artwork is seen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Window {
    Whole,
    Rounded(f32),
    /// A round top on a straight body.
    Arch,
}

impl Layer {
    pub(super) fn fixed(drawing: Drawing) -> Self {
        Self { drawing, enters: None }
    }

    /// What the layer may touch, in design units, with a unit to spare for anti-aliasing.
    pub(super) fn bounds(&self) -> Area {
        match &self.drawing {
            Drawing::Fill { area, .. } | Drawing::Art { area, .. } | Drawing::Mark { area, .. } => {
                area.inset(-1.0, -1.0)
            }
            Drawing::Frame { area, width, .. } => area.inset(-width, -width),
            Drawing::Shape { path, .. } => {
                let bounds: Rect = path.bounds();
                Area::new(bounds.x(), bounds.y(), bounds.width(), bounds.height()).inset(-1.5, -1.5)
            }
        }
    }
}

impl Scene {
    /// Pixels of the whole scene at `scale` pixels per unit: width and height.
    pub(super) fn pixels(&self, scale: f32) -> (u32, u32) {
        (pixels(WIDTH * scale), pixels(self.height * scale))
    }

    /// Draws the still picture. `None` only if the size is zero.
    pub(super) fn draw(&self, scale: f32) -> Option<Pixmap> {
        let (width, height) = self.pixels(scale);
        let mut pixmap = Pixmap::new(width, height)?;
        Canvas::new(pixmap.as_mut(), scale, 0.0, 0.0).clear(self.ground);
        for layer in &self.layers {
            if let Drawing::Art { area, window, art } = &layer.drawing {
                let mut easel = Easel::new(*area, *window, scale)?;
                easel.paint(art, Moment::STILL);
                easel.hang(&mut pixmap);
            } else {
                draw(&layer.drawing, &mut Canvas::new(pixmap.as_mut(), scale, 0.0, 0.0));
            }
        }
        Some(pixmap)
    }
}

/// Draws anything but artwork, which needs an [`Easel`].
pub(super) fn draw(drawing: &Drawing, canvas: &mut Canvas<'_>) {
    match drawing {
        Drawing::Fill { area, radius, color } => {
            if let Some(path) = rounded(*area, *radius) {
                canvas.fill(&path, *color);
            }
        }
        Drawing::Frame { area, radius, width, color } => {
            if let Some(path) = rounded(*area, *radius) {
                canvas.stroke(&path, *width, *color);
            }
        }
        Drawing::Shape { path, color } => canvas.fill(path, *color),
        Drawing::Mark { mark, area, colors } => mark.draw(canvas, area.x, area.y, area.w, *colors),
        Drawing::Art { .. } => {}
    }
}

/// A pixmap of its own for a piece of artwork, so that the piece ends at its window's edge.
pub(super) struct Easel {
    area: Area,
    scale: f32,
    pixmap: Pixmap,
    mask: Option<Mask>,
    x: i32,
    y: i32,
}

impl Easel {
    pub(super) fn new(area: Area, window: Window, scale: f32) -> Option<Self> {
        let (x, y) = (whole(area.x * scale), whole(area.y * scale));
        let (right, bottom) = (whole(area.right() * scale), whole(area.bottom() * scale));
        let (width, height) = (u32::try_from(right - x).ok()?.max(1), u32::try_from(bottom - y).ok()?.max(1));
        let radius = match window {
            Window::Whole => None,
            Window::Rounded(radius) => Some(radius),
            Window::Arch => Some(area.w / 2.0),
        };
        let mask = match radius.filter(|radius| *radius > 0.0) {
            None => None,
            Some(radius) => {
                let mut shape = Pixmap::new(width, height)?;
                // An arch is a rounded rectangle whose lower corners lie outside the picture.
                let below = if window == Window::Arch { radius } else { 0.0 };
                let outline = rounded(Area { h: area.h + below, ..area }, radius)?;
                Canvas::new(shape.as_mut(), scale, area.x, area.y).fill(&outline, Rgb { r: 255, g: 255, b: 255 });
                Some(Mask::from_pixmap(shape.as_ref(), MaskType::Alpha))
            }
        };
        Some(Self { area, scale, pixmap: Pixmap::new(width, height)?, mask, x, y })
    }

    /// Draws the piece anew.
    pub(super) fn paint(&mut self, art: &Art, moment: Moment) {
        let mut canvas = Canvas::new(self.pixmap.as_mut(), self.scale, self.area.x, self.area.y);
        // Clearing to the art's ground first closes the sub-pixel gap that a fractional edge would leave.
        canvas.clear(art.ground);
        art.draw(&mut canvas, self.area, moment);
        if let Some(mask) = &self.mask {
            self.pixmap.apply_mask(mask);
        }
    }

    /// Puts the piece in its place.
    pub(super) fn hang(&self, onto: &mut Pixmap) {
        if self.mask.is_none() {
            self.copy_rows(onto);
            return;
        }
        onto.draw_pixmap(self.x, self.y, self.pixmap.as_ref(), &PixmapPaint::default(), Transform::identity(), None);
    }
}

impl Easel {
    /// Copies an opaque piece row by row, which is several times faster than blending it.
    fn copy_rows(&self, onto: &mut Pixmap) {
        let (wide, high) = (onto.width() as usize, onto.height() as usize);
        let own = self.pixmap.width() as usize;
        let (x, y) = (usize::try_from(self.x).unwrap_or(0), usize::try_from(self.y).unwrap_or(0));
        let count = own.min(wide.saturating_sub(x)) * 4;
        let rows = self.pixmap.data().chunks_exact(own * 4).take(high.saturating_sub(y));
        for (row, target) in rows.zip(onto.data_mut().chunks_exact_mut(wide * 4).skip(y)) {
            if let (Some(target), Some(source)) = (target.get_mut(x * 4..x * 4 + count), row.get(..count)) {
                target.copy_from_slice(source);
            }
        }
    }
}

/// A length in pixels, at least 1.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "lengths are positive and below 10,000")]
pub(super) fn pixels(length: f32) -> u32 {
    length.round().clamp(1.0, 10_000.0) as u32
}

/// A position in whole pixels.
#[expect(clippy::cast_possible_truncation, reason = "positions are within a few thousand pixels")]
pub(super) fn whole(position: f32) -> i32 {
    position.round().clamp(-20_000.0, 20_000.0) as i32
}
