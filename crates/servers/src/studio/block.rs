//! The text of a post as one block: kicker, headline, caption, with their distances.

use tiny_skia::{Path, PathBuilder};

use super::canvas::{Area, rounded};
use super::identity::{Identity, Kicker};
use super::palette::Scheme;
use super::scene::{Drawing, Layer, Words};
use super::text::{Paragraph, Room, Setting, Style, shorten};
use super::typeface::Library;

/// How far descenders reach below the baseline, in ems; enough for every face that ships.
const DESCENT: f32 = 0.24;

/// Between kicker and headline: the least, and as a share of the headline's size, whose ascenders rise into it.
const KICKER_GAP: (f32, f32) = (38.0, 0.36);

/// Horizontal room that a pill adds on each side of the kicker, and vertical room above and below its capitals.
const PILL: (f32, f32) = (24.0, 15.0);

/// Width of the rule or dot before a kicker, with the space after it.
const LEAD: (f32, f32) = (72.0, 34.0);

/// The share of a block's room that a caption may take.
const CAPTION_SHARE: f32 = 0.42;

/// A headline smaller than this, in design units an em, does not lead its post.
const CROWDED_BELOW: f32 = 46.0;

/// Where lines begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    Center,
}

fn kicker_gap(size: f32) -> f32 {
    KICKER_GAP.0.max(KICKER_GAP.1 * size)
}

/// A measured block; [`Block::place`] turns it into layers.
#[derive(Debug, Clone)]
pub(super) struct Block {
    kicker: Option<Setting>,
    headline: Setting,
    caption: Option<Setting>,
    /// From the top of the first capitals (or pill) to under the last line's descenders, in design units.
    pub(super) height: f32,
    /// Whether the text had to be set smaller than is good, or is higher than its room.
    pub(super) crowded: bool,
}

/// The room for a block.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub(super) width: f32,
    pub(super) height: f32,
    pub(super) headline_max: f32,
}

/// What setting a block needs to know and may complain about.
pub(super) struct Setter<'a> {
    pub(super) library: &'a Library,
    pub(super) identity: &'a Identity,
    /// Whether the headline's last line takes the emphasis colour.
    pub(super) emphasis: bool,
    pub(super) dropped: Vec<String>,
    pub(super) shortened: Vec<&'static str>,
}

impl Setter<'_> {
    fn text_style(&self, uppercase: bool, tracking: f32, leading: f32) -> Style {
        Style { face: self.identity.pairing.text, uppercase, tracking, leading }
    }

    fn shape(&mut self, style: Style, text: &str, word_max: f32) -> Paragraph {
        let paragraph = Paragraph::shape(self.library, style, text, word_max);
        for cluster in &paragraph.dropped {
            if !self.dropped.contains(cluster) {
                self.dropped.push(cluster.clone());
            }
        }
        paragraph
    }

    /// Sets one line of small text, such as a label; `None` when nothing of it can be drawn.
    pub(super) fn label(&mut self, text: &str, size: f32, tracking: f32) -> Option<Setting> {
        let size = size * self.identity.pairing.text_scale;
        let paragraph = self.shape(self.text_style(false, tracking, 1.3), text, f32::INFINITY);
        (!paragraph.is_empty()).then(|| paragraph.set(size, f32::INFINITY, 1).0)
    }

    /// Measures the block; `None` when no character of the headline can be drawn.
    pub(super) fn block(&mut self, words: &Words, frame: Frame) -> Option<Block> {
        let kicker = words.kicker.as_deref().and_then(|text| self.kicker(text, frame.width));
        let caption = words.caption.as_deref().and_then(|text| self.caption(text, frame));
        let mut taken = kicker.as_ref().map_or(0.0, |kicker| self.kicker_height(kicker));
        if let Some(caption) = &caption {
            taken += caption.cap_height * 2.1 + caption.height + caption.size * DESCENT;
        }
        let pairing = self.identity.pairing;
        let room = Room {
            width: frame.width,
            height: (frame.height - taken).max(80.0) / (1.0 + DESCENT * 0.5),
            size_min: 34.0,
            size_max: frame.headline_max,
        };
        let style = Style {
            face: pairing.display,
            uppercase: pairing.uppercase,
            tracking: pairing.tracking,
            leading: pairing.leading,
        };
        // A word may not force the headline below a third of its greatest size: it is split first.
        let paragraph = self.shape(style, &words.headline, room.width / (frame.headline_max * 0.34).max(44.0));
        if paragraph.is_empty() {
            return None;
        }
        let mut headline = paragraph.fit(room);
        if kicker.is_some() {
            // The gap depends on the size and the size on the gap; a second fitting settles it.
            taken += kicker_gap(headline.size);
            let height = (frame.height - taken).max(80.0) / (1.0 + DESCENT * 0.5);
            headline = paragraph.fit(Room { height, ..room });
        }
        let height = taken + headline.height + headline.size * DESCENT * if caption.is_some() { 0.6 } else { 1.0 };
        let crowded = headline.size < CROWDED_BELOW || height > frame.height + 1.0;
        Some(Block { kicker, headline, caption, height, crowded })
    }

    fn kicker(&mut self, text: &str, width: f32) -> Option<Setting> {
        let scale = self.identity.pairing.text_scale;
        let style = self.text_style(true, 0.09, 1.35);
        let reserved = match self.identity.kicker {
            Kicker::Rule => LEAD.0,
            Kicker::Dot => LEAD.1,
            Kicker::Pill => PILL.0 * 2.0,
        };
        let paragraph = self.shape(style, text, (width - reserved) / (20.0 * scale));
        if paragraph.is_empty() {
            return None;
        }
        let fitting = [28.0, 25.0, 22.0, 20.0]
            .iter()
            .map(|size| paragraph.set(size * scale, width - reserved, 1))
            .find(|(_, complete)| *complete);
        Some(fitting.unwrap_or_else(|| paragraph.set(20.0 * scale, width - reserved, 2)).0)
    }

    fn kicker_height(&self, kicker: &Setting) -> f32 {
        kicker.height + if self.identity.kicker == Kicker::Pill { PILL.1 * 2.0 } else { 0.0 }
    }

    /// The caption at the largest reading size that fits its share of the room, shortened if even the smallest does not.
    fn caption(&mut self, text: &str, frame: Frame) -> Option<Setting> {
        let scale = self.identity.pairing.text_scale;
        let style = self.text_style(false, 0.0, 1.42);
        let width = frame.width.min(820.0);
        let budget = frame.height * CAPTION_SHARE;
        let lines_max = |size: f32| if size * 1.42 * 5.0 <= budget { 5 } else { 3 };
        let paragraph = self.shape(style, text, width / (30.0 * scale));
        if paragraph.is_empty() {
            return None;
        }
        for size in [38.0, 35.0, 32.0, 30.0].map(|size| size * scale) {
            let (setting, complete) = paragraph.set(size, width, lines_max(size));
            if complete {
                return Some(setting);
            }
        }
        let size = 30.0 * scale;
        let mut count = text.chars().count();
        loop {
            count = count * 9 / 10;
            let shorter = shorten(text, count)?;
            let (setting, complete) = self.shape(style, &shorter, width / size).set(size, width, lines_max(size));
            if complete || count < 20 {
                self.shortened.push("caption");
                return Some(setting);
            }
        }
    }

    /// The outline of a setting whose first capitals' top is at `y`, between `x` and `x + width`; one path per line.
    pub(super) fn outlines(&self, setting: &Setting, x: f32, y: f32, width: f32, align: Align) -> Vec<Path> {
        let mut paths = Vec::with_capacity(setting.lines.len());
        let mut baseline = y + setting.cap_height;
        for line in &setting.lines {
            let start = if align == Align::Center { x + (width - line.width) / 2.0 } else { x };
            let mut path = PathBuilder::new();
            for (offset, run) in &line.runs {
                self.library.outline(run, start + offset * setting.size, baseline, setting.size, &mut path);
            }
            paths.extend(path.finish());
            baseline += setting.leading;
        }
        paths
    }

    /// The block as layers, its top left corner at (`x`, `y`).
    pub(super) fn place(&self, block: &Block, x: f32, y: f32, width: f32, align: Align, scheme: &Scheme) -> Vec<Layer> {
        let mut layers = Vec::new();
        let mut y = y;
        if let Some(kicker) = &block.kicker {
            self.place_kicker(kicker, Area::new(x, y, width, self.kicker_height(kicker)), align, scheme, &mut layers);
            y += self.kicker_height(kicker) + kicker_gap(block.headline.size);
        }
        let mut order = 1.0;
        let lines = self.outlines(&block.headline, x, y, width, align);
        let last = lines.len().saturating_sub(1);
        for (at, path) in lines.into_iter().enumerate() {
            let color = if self.emphasis && at == last && at > 0 { scheme.spark } else { scheme.text };
            layers.push(Layer { drawing: Drawing::Shape { path, color }, enters: Some(order) });
            order += 1.0;
        }
        y += block.headline.height + block.headline.size * DESCENT * 0.6;
        if let Some(caption) = &block.caption {
            y += caption.cap_height * 2.1;
            for path in self.outlines(caption, x, y, width, align) {
                layers.push(Layer { drawing: Drawing::Shape { path, color: scheme.quiet }, enters: Some(order + 0.6) });
                order += 0.5;
            }
        }
        layers
    }

    fn place_kicker(&self, kicker: &Setting, area: Area, align: Align, scheme: &Scheme, layers: &mut Vec<Layer>) {
        let widest = kicker.lines.iter().map(|line| line.width).fold(0.0, f32::max);
        let (lead, inner_y) = match self.identity.kicker {
            Kicker::Rule => (LEAD.0, area.y),
            Kicker::Dot => (LEAD.1, area.y),
            Kicker::Pill => (PILL.0, area.y + PILL.1),
        };
        let extent = widest + if self.identity.kicker == Kicker::Pill { lead * 2.0 } else { lead };
        let x = if align == Align::Center { area.x + (area.w - extent) / 2.0 } else { area.x };
        let middle = inner_y + kicker.cap_height / 2.0;
        let (ornament, color) = match self.identity.kicker {
            Kicker::Rule => (rounded(Area::new(x, middle - 3.0, LEAD.0 - 20.0, 6.0), 0.0), scheme.spark),
            Kicker::Dot => (PathBuilder::from_circle(x + 9.0, middle, 9.0), scheme.spark),
            Kicker::Pill => (rounded(Area::new(x, area.y, extent, area.h), area.h / 2.0), scheme.spark),
        };
        if let Some(path) = ornament {
            layers.push(Layer { drawing: Drawing::Shape { path, color }, enters: Some(0.0) });
        }
        let color = if self.identity.kicker == Kicker::Pill { scheme.ground } else { scheme.spark };
        for path in self.outlines(kicker, x + lead, inner_y, area.w, Align::Left) {
            layers.push(Layer { drawing: Drawing::Shape { path, color }, enters: Some(0.0) });
        }
    }
}
