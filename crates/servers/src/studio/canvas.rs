//! Drawing in design units: every picture is 1080 units wide, whatever its pixels.

use tiny_skia::{Color, FillRule, LineCap, Paint, Path, PathBuilder, PixmapMut, Rect, Shader, Stroke, Transform};

use super::color::Rgb;

/// Width of every picture in design units.
pub(super) const WIDTH: f32 = 1080.0;

/// Control-point distance that makes four cubic Béziers a circle to within 0.03 % (Riškus 2006).
const KAPPA: f32 = 0.552_284_8;

/// A rectangle in design units, y downwards.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Area {
    pub(super) x: f32,
    pub(super) y: f32,
    pub(super) w: f32,
    pub(super) h: f32,
}

impl Area {
    pub(super) fn new(x: f32, y: f32, w: f32, h: f32) -> Self {
        Self { x, y, w: w.max(0.0), h: h.max(0.0) }
    }

    pub(super) fn right(self) -> f32 {
        self.x + self.w
    }

    pub(super) fn bottom(self) -> f32 {
        self.y + self.h
    }

    pub(super) fn center(self) -> (f32, f32) {
        (self.x + self.w / 2.0, self.y + self.h / 2.0)
    }

    /// Smaller by `dx` on the left and right and `dy` above and below.
    pub(super) fn inset(self, dx: f32, dy: f32) -> Self {
        Self::new(self.x + dx, self.y + dy, self.w - 2.0 * dx, self.h - 2.0 * dy)
    }
}

impl Rgb {
    /// The colour at the given opacity (0 to 1).
    pub(super) fn color(self, alpha: f32) -> Color {
        let mut color = Color::from_rgba8(self.r, self.g, self.b, 255);
        color.set_alpha(alpha.clamp(0.0, 1.0));
        color
    }
}

/// A pixmap seen in design units.
pub(super) struct Canvas<'p> {
    pixmap: PixmapMut<'p>,
    transform: Transform,
}

impl<'p> Canvas<'p> {
    /// `scale` is pixels per design unit; (`x`, `y`), in design units, is what the pixmap's corner shows.
    pub(super) fn new(pixmap: PixmapMut<'p>, scale: f32, x: f32, y: f32) -> Self {
        Self { pixmap, transform: Transform::from_row(scale, 0.0, 0.0, scale, -x * scale, -y * scale) }
    }

    pub(super) fn clear(&mut self, color: Rgb) {
        self.pixmap.fill(color.color(1.0));
    }

    pub(super) fn fill(&mut self, path: &Path, color: Rgb) {
        self.pixmap.fill_path(path, &paint(color), FillRule::Winding, self.transform, None);
    }

    /// Fills what an even number of the path's outlines leave out; for rings.
    pub(super) fn fill_even_odd(&mut self, path: &Path, color: Rgb) {
        self.pixmap.fill_path(path, &paint(color), FillRule::EvenOdd, self.transform, None);
    }

    pub(super) fn rect(&mut self, area: Area, color: Rgb) {
        if let Some(rect) = Rect::from_xywh(area.x, area.y, area.w, area.h) {
            self.pixmap.fill_rect(rect, &paint(color), self.transform, None);
        }
    }

    pub(super) fn circle(&mut self, x: f32, y: f32, radius: f32, color: Rgb) {
        if radius > 0.05
            && let Some(path) = PathBuilder::from_circle(x, y, radius)
        {
            self.fill(&path, color);
        }
    }

    pub(super) fn stroke(&mut self, path: &Path, width: f32, color: Rgb) {
        let stroke = Stroke { width, line_cap: LineCap::Butt, ..Stroke::default() };
        self.pixmap.stroke_path(path, &paint(color), &stroke, self.transform, None);
    }
}

fn paint(color: Rgb) -> Paint<'static> {
    Paint { shader: Shader::SolidColor(color.color(1.0)), anti_alias: true, ..Paint::default() }
}

/// A rectangle with round corners.
pub(super) fn rounded(area: Area, radius: f32) -> Option<Path> {
    let r = radius.min(area.w / 2.0).min(area.h / 2.0);
    let (left, top, right, bottom) = (area.x, area.y, area.right(), area.bottom());
    let mut path = PathBuilder::new();
    if r <= 0.0 {
        path.push_rect(Rect::from_ltrb(left, top, right, bottom)?);
        return path.finish();
    }
    let k = r * (1.0 - KAPPA);
    path.move_to(left + r, top);
    path.line_to(right - r, top);
    path.cubic_to(right - k, top, right, top + k, right, top + r);
    path.line_to(right, bottom - r);
    path.cubic_to(right, bottom - k, right - k, bottom, right - r, bottom);
    path.line_to(left + r, bottom);
    path.cubic_to(left + k, bottom, left, bottom - k, left, bottom - r);
    path.line_to(left, top + r);
    path.cubic_to(left, top + k, left + k, top, left + r, top);
    path.close();
    path.finish()
}

/// A quarter of a disc: the corner at (`x`, `y`), reaching to `x + dx` and `y + dy`.
pub(super) fn quarter(path: &mut PathBuilder, x: f32, y: f32, dx: f32, dy: f32) {
    path.move_to(x, y);
    path.line_to(x + dx, y);
    path.cubic_to(x + dx, y + dy * KAPPA, x + dx * KAPPA, y + dy, x, y + dy);
    path.close();
}

/// A polygon through `points`.
pub(super) fn polygon(path: &mut PathBuilder, points: &[(f32, f32)]) {
    for (at, (x, y)) in points.iter().enumerate() {
        if at == 0 { path.move_to(*x, *y) } else { path.line_to(*x, *y) }
    }
    path.close();
}
