//! Composition: which layout, mood and artwork a post takes within its agent's family, and where everything goes.

use super::block::{Align, Block, Frame, Setter};
use super::canvas::{Area, WIDTH};
use super::color::Rgb;
use super::error::StudioError;
use super::identity::{Identity, Layout};
use super::palette::{Mood, Scheme, TEXT_CONTRAST, scheme};
use super::pattern::Art;
use super::scene::{Drawing, Layer, Scene, Window, Words};
use super::typeface::Library;
use crate::dice::Dice;

/// What readers see on every post; disclosure is a rule of the product, so it can't be switched off.
pub(super) const DISCLOSURE: &str = "AI-generated";

/// Side of the mark, which is also the height of the row it shares with the disclosure.
const SIGNATURE: f32 = 68.0;

/// The picture's shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Format {
    /// In design units.
    height: u16,
    /// What apps cover above and below, in design units: no text goes there.
    covered: (u16, u16),
}

impl Format {
    pub(super) const SQUARE: Self = Self { height: 1080, covered: (0, 0) };
    pub(super) const PORTRAIT: Self = Self { height: 1350, covered: (0, 0) };
    pub(super) const STORY: Self = Self { height: 1920, covered: (120, 190) };
}

/// What a post says, and how it may vary.
#[derive(Debug, Clone)]
pub(super) struct Post {
    pub(super) words: Words,
    pub(super) mood: Option<Mood>,
    pub(super) seed: u64,
}

/// Composes a post.
///
/// # Errors
/// [`StudioError::NothingToDraw`] when no typeface has any of the headline's characters.
pub(super) fn compose(
    library: &Library,
    identity: &Identity,
    post: &Post,
    format: Format,
) -> Result<Scene, StudioError> {
    let mut dice = Dice::from_parts(&[b"post", &post.seed.to_le_bytes(), post.words.headline.as_bytes()]);
    let layout = dice.pick_or_default(&identity.layouts);
    let drawn = dice.pick_or_default(&[Mood::Light, Mood::Light, Mood::Dark, Mood::Bold]);
    let scheme = scheme(&identity.palette, post.mood.unwrap_or(drawn));
    // Where the text is too much for the agent's layout, the one with the most room for text takes over; where it is
    // too much even there, the caption stays out of the picture.
    let attempts = [(layout, true), (Layout::Type, true), (Layout::Type, false)];
    let mut scene = None;
    for (layout, captioned) in attempts {
        let mut words = post.words.clone();
        if !captioned {
            words.caption = None;
        }
        let setter = Setter { library, identity, emphasis: false, dropped: Vec::new(), shortened: Vec::new() };
        let margin = identity.margin * WIDTH;
        let dice = dice.clone();
        let mut composer = Composer { setter, words, format, scheme, margin, dice, layers: Vec::new(), crowded: false };
        composer.lay_out(layout).ok_or(StudioError::NothingToDraw)?;
        let crowded = composer.crowded;
        let mut finished = composer.finish();
        if !captioned && post.words.caption.is_some() {
            finished.notes.push("caption was left out: the headline needs the room".to_owned());
        }
        scene = Some(finished);
        if !crowded {
            break;
        }
    }
    scene.ok_or(StudioError::NothingToDraw)
}

/// The first few of the characters that were left out; a whole article of them would help nobody.
fn named(dropped: &[String]) -> String {
    const NAMED_MAX: usize = 12;
    let mut names = dropped.iter().take(NAMED_MAX).cloned().collect::<Vec<_>>().join(" ");
    if dropped.len() > NAMED_MAX {
        names.push_str(" …");
    }
    names
}

struct Composer<'a> {
    setter: Setter<'a>,
    words: Words,
    format: Format,
    scheme: Scheme,
    margin: f32,
    dice: Dice,
    layers: Vec<Layer>,
    /// Whether the text did not fit well.
    crowded: bool,
}

impl Composer<'_> {
    fn lay_out(&mut self, layout: Layout) -> Option<()> {
        match layout {
            Layout::Poster => self.poster(),
            Layout::Card => self.card(),
            Layout::Editorial => self.editorial(),
            Layout::Type => self.big_type(),
            Layout::Column => self.column(),
        }
    }

    fn finish(self) -> Scene {
        let notes = self.notes();
        Scene { height: self.height(), ground: self.scheme.ground, layers: self.layers, notes, words: self.words }
    }

    fn height(&self) -> f32 {
        f32::from(self.format.height)
    }

    /// The part of the picture that text may use.
    fn safe(&self) -> Area {
        let (above, below) = (f32::from(self.format.covered.0), f32::from(self.format.covered.1));
        let whole = Area::new(0.0, above, WIDTH, self.height() - above - below);
        whole.inset(self.margin, self.margin)
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if !self.setter.dropped.is_empty() {
            notes.push(format!(
                "left out, because no typeface at hand can draw them: {}; give the studio a font file that can",
                named(&self.setter.dropped)
            ));
        }
        for part in &self.setter.shortened {
            notes.push(format!("{part} was shortened to fit"));
        }
        notes
    }

    fn fixed(&mut self, drawing: Drawing) {
        self.layers.push(Layer::fixed(drawing));
    }

    /// Artwork on one of the scheme's colours, or on the page's ground when it may melt into the page. What may not
    /// melt has no colour of the page at all, or its outline would dissolve.
    fn art(&mut self, may_melt: bool) -> Art {
        let mut colors = self.scheme.shapes;
        self.dice.shuffle(&mut colors);
        let mut ground = self.scheme.ground;
        if !may_melt || self.dice.chance(0.5) {
            let [first, a, b, c] = colors;
            let fourth = if may_melt { ground } else { self.scheme.text };
            colors = [a, b, fourth, c];
            ground = first;
        }
        Art { pattern: self.setter.identity.pattern, seed: self.dice.bits(), ground, colors }
    }

    fn hang(&mut self, art: Art, area: Area, window: Window) {
        self.fixed(Drawing::Art { area, window, art });
    }

    /// The row with mark and disclosure, its top at `y`.
    fn signature(&mut self, x: f32, y: f32, width: f32) {
        let first = self.setter.identity.mark_first;
        let mark_x = if first { x } else { x + width - SIGNATURE };
        let colors = self.mark_colors();
        let area = Area::new(mark_x, y, SIGNATURE, SIGNATURE);
        self.fixed(Drawing::Mark { mark: self.setter.identity.mark, area, colors });
        if let Some(label) = self.setter.label(DISCLOSURE, 25.0, 0.02) {
            let span = label.lines.first().map_or(0.0, |line| line.width);
            let label_x = if first { x + width - span } else { x };
            let label_y = y + (SIGNATURE - label.cap_height) / 2.0;
            for path in self.setter.outlines(&label, label_x, label_y, span, Align::Left) {
                let color = self.scheme.quiet;
                self.fixed(Drawing::Shape { path, color });
            }
        }
    }

    /// The mark's two colours: the agent's own where they show on the ground (3:1, WCAG's bound for graphics).
    fn mark_colors(&self) -> [Rgb; 2] {
        let ground = self.scheme.ground;
        let palette = self.setter.identity.palette;
        let main = self.scheme.text;
        let second = [palette.primary, palette.accent, palette.paper, palette.ink]
            .into_iter()
            .find(|color| color.contrast(ground) >= 3.0 && color.distance(main) > 0.15)
            .unwrap_or(main);
        [main, second]
    }

    fn block(&mut self, width: f32, height: f32, headline_max: f32) -> Option<Block> {
        let block = self.setter.block(&self.words, Frame { width, height, headline_max })?;
        self.crowded = block.crowded;
        Some(block)
    }

    fn place(&mut self, block: &Block, x: f32, y: f32, width: f32, align: Align) {
        let layers = self.setter.place(block, x, y, width, align, &self.scheme);
        self.layers.extend(layers);
    }

    /// A band of artwork above or below the text.
    fn poster(&mut self) -> Option<()> {
        let safe = self.safe();
        let gap = self.margin * 0.95;
        let above = self.dice.chance(0.6);
        let share = self.dice.between_f32(0.36, 0.44);
        // The text takes what it needs; the band takes the rest, within reason.
        let room = safe.h - SIGNATURE - gap * 2.0;
        let text_max = (self.height() * (1.0 - share)).min(room - self.height() * 0.2);
        let block = self.block(safe.w, text_max, 148.0)?;
        let art = self.art(true);
        if above {
            let text_y = safe.bottom() - SIGNATURE - gap - block.height;
            self.hang(art, Area::new(0.0, 0.0, WIDTH, text_y - gap), Window::Whole);
            self.place(&block, safe.x, text_y, safe.w, Align::Left);
            self.signature(safe.x, safe.bottom() - SIGNATURE, safe.w);
        } else {
            self.signature(safe.x, safe.y, safe.w);
            let text_y = safe.y + SIGNATURE + gap;
            self.place(&block, safe.x, text_y, safe.w, Align::Left);
            let top = text_y + block.height + gap;
            self.hang(art, Area::new(0.0, top, WIDTH, self.height() - top), Window::Whole);
        }
        Some(())
    }

    /// A card with the text on full-bleed artwork.
    fn card(&mut self) -> Option<()> {
        let safe = self.safe();
        let padding = 60.0;
        let inner = safe.w - padding * 2.0;
        let block = self.block(inner, safe.h * 0.68 - SIGNATURE - padding * 3.0, 124.0)?;
        let art = self.art(false);
        self.hang(art, Area::new(0.0, 0.0, WIDTH, self.height()), Window::Whole);
        let height = block.height + SIGNATURE + padding * 2.7;
        let y = if self.dice.chance(0.7) { safe.bottom() - height } else { safe.y };
        let (radius, color) = (self.setter.identity.radius, self.scheme.ground);
        self.fixed(Drawing::Fill { area: Area::new(safe.x, y, safe.w, height), radius, color });
        self.place(&block, safe.x + padding, y + padding, inner, Align::Left);
        self.signature(safe.x + padding, y + height - padding * 0.8 - SIGNATURE, inner);
        Some(())
    }

    /// Centred text in a thin frame, artwork in an arched or plain window above.
    fn editorial(&mut self) -> Option<()> {
        let line = self.margin * 0.5;
        let frame = Area::new(0.0, 0.0, WIDTH, self.height()).inset(line, line);
        let (radius, color) = (self.setter.identity.radius, self.scheme.text);
        self.fixed(Drawing::Frame { area: frame, radius, width: 3.0, color });
        let safe = self.safe();
        let gap = self.margin * 0.8;
        let inner = safe.inset(self.margin * 0.35, 0.0);
        let signature_y = safe.bottom() - SIGNATURE;
        let art_min = safe.h * 0.30;
        let block = self.block(inner.w, signature_y - gap * 2.0 - safe.y - art_min, 118.0)?;
        let text_y = signature_y - gap - block.height;
        let window_h = text_y - gap - safe.y;
        let arch = self.dice.chance(0.6);
        let window_w = if arch { (window_h * 0.78).clamp(260.0, inner.w) } else { inner.w };
        let window = Area::new(safe.center().0 - window_w / 2.0, safe.y, window_w, window_h);
        let art = self.art(false);
        self.hang(art, window, if arch { Window::Arch } else { Window::Rounded(radius) });
        self.place(&block, inner.x, text_y, inner.w, Align::Center);
        self.signature(inner.x, signature_y, inner.w);
        Some(())
    }

    /// The ground, a little nearer to the text's colour; or, where that would cost the text its contrast, further away.
    fn tone(&self, share: f32) -> Rgb {
        let Scheme { ground, text, quiet, spark, .. } = self.scheme;
        let nearer = ground.mix(text, share);
        if quiet.contrast(nearer) >= TEXT_CONTRAST && spark.contrast(nearer) >= 3.6 {
            return nearer;
        }
        let palette = self.setter.identity.palette;
        let lighter = palette.paper.contrast(text) > palette.deep.contrast(text);
        ground.mix(if lighter { palette.paper } else { palette.deep }, share * 1.8)
    }

    /// The headline as large as it goes on artwork in tones of the ground.
    fn big_type(&mut self) -> Option<()> {
        let safe = self.safe();
        let gap = self.margin;
        let tones = [0.05, 0.08, 0.06, 0.1].map(|share| self.tone(share));
        self.setter.emphasis = true;
        let (pattern, seed) = (self.setter.identity.pattern, self.dice.bits());
        let art = Art { pattern, seed, ground: self.scheme.ground, colors: tones };
        self.hang(art, Area::new(0.0, 0.0, WIDTH, self.height()), Window::Whole);
        let block = self.block(safe.w, safe.h - SIGNATURE - gap, 268.0)?;
        let low = self.dice.chance(0.5);
        let (text_y, signature_y) =
            if low { (safe.bottom() - block.height, safe.y) } else { (safe.y, safe.bottom() - SIGNATURE) };
        self.place(&block, safe.x, text_y, safe.w, Align::Left);
        self.signature(safe.x, signature_y, safe.w);
        Some(())
    }

    /// A tall strip of artwork beside the text.
    fn column(&mut self) -> Option<()> {
        let safe = self.safe();
        let strip = WIDTH * self.dice.between_f32(0.24, 0.30);
        let left = self.dice.chance(0.5);
        let (strip_x, text_x) = if left { (0.0, strip + self.margin * 0.85) } else { (WIDTH - strip, self.margin) };
        let width = WIDTH - strip - self.margin * 1.85;
        let art = self.art(false);
        self.hang(art, Area::new(strip_x, 0.0, strip, self.height()), Window::Whole);
        let gap = self.margin;
        let block = self.block(width, safe.h - SIGNATURE - gap, 150.0)?;
        let spare = safe.h - SIGNATURE - gap - block.height;
        let text_y = safe.y + if self.dice.chance(0.5) { 0.0 } else { spare.max(0.0) };
        self.place(&block, text_x, text_y, width, Align::Left);
        self.signature(text_x, safe.bottom() - SIGNATURE, width);
        Some(())
    }
}

#[cfg(test)]
mod tests;
