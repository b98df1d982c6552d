//! The typefaces that ship with the studio, how agents pair them, and the fall-back for what they lack.
//!
//! All are under the SIL Open Font License 1.1; the files and their licences lie in `assets/fonts/`, unmodified.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use harfrust::{Direction, FontRef, ShapeOptions, ShaperData, UnicodeBuffer};
use skrifa::MetadataProvider as _;
use skrifa::instance::{LocationRef, Size};
use skrifa::outline::{DrawSettings, OutlinePen};
use tiny_skia::PathBuilder;

use crate::dice::Dice;

macro_rules! font {
    ($file:literal) => {
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/fonts/", $file)).as_slice()
    };
}

/// A typeface by its place in [`BUILT_IN`]; faces given by the operator come after those.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct FaceId(usize);

const ANTON: FaceId = FaceId(0);
const SERIF_DISPLAY: FaceId = FaceId(1);
const BRICOLAGE: FaceId = FaceId(2);
const SPACE_GROTESK: FaceId = FaceId(3);
const SYNE: FaceId = FaceId(4);
const FRAUNCES: FaceId = FaceId(5);
const BODONI: FaceId = FaceId(6);
const PLAYFAIR: FaceId = FaceId(7);
const DM_SANS: FaceId = FaceId(8);
const FIGTREE: FaceId = FaceId(9);
const JOST: FaceId = FaceId(10);
const SPACE_MONO: FaceId = FaceId(11);

const BUILT_IN: [&[u8]; 14] = [
    font!("Anton-Regular.ttf"),
    font!("DMSerifDisplay-Regular.ttf"),
    font!("BricolageGrotesque-ExtraBold.ttf"),
    font!("SpaceGrotesk-Bold.ttf"),
    font!("Syne-ExtraBold.ttf"),
    font!("Fraunces-Black.ttf"),
    font!("BodoniModa-Bold.ttf"),
    font!("PlayfairDisplay-ExtraBoldItalic.ttf"),
    font!("DMSans-Medium.ttf"),
    font!("Figtree-SemiBold.ttf"),
    font!("Jost-Medium.ttf"),
    font!("SpaceMono-Regular.ttf"),
    // The fall-backs, tried in this order: Latin, Greek and Cyrillic, then emoji drawn in one colour.
    font!("NotoSans-SemiBold.ttf"),
    font!("NotoEmoji-Bold.ttf"),
];

/// Where the fall-back faces begin in [`BUILT_IN`].
const FALLBACK_FROM: usize = 12;

/// A headline face, the text face that goes with it, and how the headline face wants to be set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Pairing {
    pub(super) display: FaceId,
    pub(super) text: FaceId,
    pub(super) uppercase: bool,
    /// Space added after each glyph, in ems.
    pub(super) tracking: f32,
    /// Distance of baselines, in ems.
    pub(super) leading: f32,
    /// Size of the text face relative to the others, as their x-heights differ.
    pub(super) text_scale: f32,
}

const PAIRINGS: [Pairing; 8] = [
    Pairing { display: ANTON, text: DM_SANS, uppercase: true, tracking: 0.004, leading: 1.12, text_scale: 1.0 },
    Pairing {
        display: SERIF_DISPLAY,
        text: DM_SANS,
        uppercase: false,
        tracking: -0.012,
        leading: 1.03,
        text_scale: 1.0,
    },
    Pairing { display: BRICOLAGE, text: FIGTREE, uppercase: false, tracking: -0.022, leading: 0.98, text_scale: 1.0 },
    Pairing {
        display: SPACE_GROTESK,
        text: SPACE_MONO,
        uppercase: false,
        tracking: -0.03,
        leading: 1.0,
        text_scale: 0.9,
    },
    Pairing { display: SYNE, text: FIGTREE, uppercase: false, tracking: -0.02, leading: 1.04, text_scale: 1.0 },
    Pairing { display: FRAUNCES, text: FIGTREE, uppercase: false, tracking: -0.018, leading: 1.02, text_scale: 1.0 },
    Pairing { display: BODONI, text: JOST, uppercase: false, tracking: -0.012, leading: 1.04, text_scale: 1.06 },
    Pairing { display: PLAYFAIR, text: JOST, uppercase: false, tracking: -0.01, leading: 1.06, text_scale: 1.06 },
];

impl Pairing {
    pub(super) fn choose(dice: &mut Dice) -> Self {
        PAIRINGS.get(dice.below(PAIRINGS.len())).copied().unwrap_or(PAIRINGS[0])
    }
}

/// Why a typeface cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TypefaceError {
    /// The operator's font file cannot be read.
    #[error("reading font file {}: check the path and its permissions", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The bytes are not a font that can be drawn.
    #[error("font file {}: not a usable TrueType or OpenType font; give a .ttf or .otf with outlines", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
    },
}

/// One loaded font file.
struct Face {
    bytes: Cow<'static, [u8]>,
    shaping: ShaperData,
    units_per_em: f32,
    cap_height: f32,
}

/// One glyph, placed relative to the start of its run, in ems, y upwards.
#[derive(Debug, Clone, Copy)]
pub(super) struct Glyph {
    id: u32,
    x: f32,
    y: f32,
}

/// Neighbouring glyphs of one face.
#[derive(Debug, Clone)]
pub(super) struct Run {
    face: FaceId,
    glyphs: Vec<Glyph>,
    /// In ems, including the tracking after the last glyph.
    pub(super) width: f32,
}

/// All faces at hand.
pub(super) struct Library {
    faces: Vec<Face>,
}

impl std::fmt::Debug for Library {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Library").field("faces", &self.faces.len()).finish()
    }
}

impl Library {
    /// Loads the built-in faces and then the operator's, which are tried last for characters the others lack.
    ///
    /// # Errors
    /// A file that cannot be read, or is not a font with outlines.
    pub(super) fn load(extra: &[PathBuf]) -> Result<Self, TypefaceError> {
        let mut faces = Vec::with_capacity(BUILT_IN.len() + extra.len());
        for bytes in BUILT_IN {
            faces.push(Face::parse(Cow::Borrowed(bytes), Path::new("built-in"))?);
        }
        for path in extra {
            let bytes = std::fs::read(path).map_err(|source| TypefaceError::Read { path: path.clone(), source })?;
            faces.push(Face::parse(Cow::Owned(bytes), path)?);
        }
        Ok(Self { faces })
    }

    /// The face to draw `cluster` with: `wanted` if it has all its characters, else the first fall-back that has.
    pub(super) fn face_for(&self, wanted: FaceId, cluster: &str) -> Option<FaceId> {
        std::iter::once(wanted.0)
            .chain(FALLBACK_FROM..self.faces.len())
            .find(|at| self.faces.get(*at).is_some_and(|face| face.covers(cluster)))
            .map(FaceId)
    }

    /// Height of capitals in ems.
    pub(super) fn cap_height(&self, face: FaceId) -> f32 {
        self.faces.get(face.0).map_or(0.7, |face| face.cap_height)
    }

    /// Shapes `text` (kerning, ligatures, emoji sequences), with `tracking` ems after each glyph.
    pub(super) fn shape(&self, id: FaceId, text: &str, tracking: f32) -> Run {
        let Some((face, font)) = self.faces.get(id.0).and_then(|face| Some((face, face.font()?))) else {
            return Run { face: id, glyphs: Vec::new(), width: 0.0 };
        };
        let mut buffer = UnicodeBuffer::new();
        buffer.push_str(text);
        buffer.guess_segment_properties();
        buffer.set_direction(Direction::LeftToRight);
        let shaped = face.shaping.shaper(&font).build().shape(buffer, ShapeOptions::new());
        let (mut pen, mut glyphs) = (0.0, Vec::with_capacity(shaped.len()));
        for (info, position) in shaped.glyph_infos().iter().zip(shaped.glyph_positions()) {
            let x = pen + em(position.x_offset, face.units_per_em);
            glyphs.push(Glyph { id: info.glyph_id, x, y: em(position.y_offset, face.units_per_em) });
            pen += em(position.x_advance, face.units_per_em) + tracking;
        }
        Run { face: id, glyphs, width: pen }
    }

    /// Adds the outlines of `run` to `path`, its baseline starting at (`x`, `y`), y downwards, `size` pixels an em.
    pub(super) fn outline(&self, run: &Run, x: f32, y: f32, size: f32, path: &mut PathBuilder) {
        let Some((face, font)) = self.faces.get(run.face.0).and_then(|face| Some((face, face.font()?))) else {
            return;
        };
        let outlines = font.outline_glyphs();
        for glyph in &run.glyphs {
            let Some(outline) = outlines.get(skrifa::GlyphId::new(glyph.id)) else { continue };
            let scale = size / face.units_per_em;
            let mut pen = Pen { path, x: x + glyph.x * size, y: y - glyph.y * size, scale };
            let settings = DrawSettings::unhinted(Size::unscaled(), LocationRef::default());
            // A glyph that fails half-way leaves a partial outline; the fonts are checked when they are loaded.
            if outline.draw(settings, &mut pen).is_err() {
                tracing::warn!(glyph = glyph.id, "glyph outline is broken");
            }
        }
    }
}

impl Face {
    fn parse(bytes: Cow<'static, [u8]>, path: &Path) -> Result<Self, TypefaceError> {
        let unusable = || TypefaceError::Unusable { path: path.to_owned() };
        let (shaping, metrics) = {
            let font = FontRef::new(&bytes).map_err(|_| unusable())?;
            if font.outline_glyphs().format().is_none() || !font.charmap().has_map() {
                return Err(unusable());
            }
            (ShaperData::new(&font), font.metrics(Size::unscaled(), LocationRef::default()))
        };
        let units_per_em = f32::from(metrics.units_per_em.max(1));
        let cap_height = metrics.cap_height.filter(|height| *height > 0.0).unwrap_or(metrics.ascent * 0.75);
        Ok(Self { bytes, shaping, units_per_em, cap_height: cap_height / units_per_em })
    }

    fn font(&self) -> Option<FontRef<'_>> {
        FontRef::new(&self.bytes).ok()
    }

    /// Whether every character has a glyph. Joiners and variation selectors steer shaping and need none.
    fn covers(&self, cluster: &str) -> bool {
        let Some(font) = self.font() else { return false };
        let charmap = font.charmap();
        cluster.chars().filter(|ch| !is_joiner(*ch)).all(|ch| charmap.map(ch).is_some())
    }
}

/// Zero-width joiner and the two emoji variation selectors.
fn is_joiner(ch: char) -> bool {
    matches!(ch, '\u{200D}' | '\u{FE0E}' | '\u{FE0F}')
}

/// Font units to ems.
#[expect(clippy::cast_precision_loss, reason = "font units are far below the 24 bits of an f32")]
fn em(units: i32, units_per_em: f32) -> f32 {
    units as f32 / units_per_em
}

/// Turns outline commands into a path: scaled, moved, and y pointing down.
struct Pen<'p> {
    path: &'p mut PathBuilder,
    x: f32,
    y: f32,
    scale: f32,
}

impl Pen<'_> {
    fn at(&self, x: f32, y: f32) -> (f32, f32) {
        (self.x + x * self.scale, self.y - y * self.scale)
    }
}

impl OutlinePen for Pen<'_> {
    fn move_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.at(x, y);
        self.path.move_to(x, y);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.at(x, y);
        self.path.line_to(x, y);
    }

    fn quad_to(&mut self, cx: f32, cy: f32, x: f32, y: f32) {
        let ((cx, cy), (x, y)) = (self.at(cx, cy), self.at(x, y));
        self.path.quad_to(cx, cy, x, y);
    }

    fn curve_to(&mut self, cx0: f32, cy0: f32, cx1: f32, cy1: f32, x: f32, y: f32) {
        let ((cx0, cy0), (cx1, cy1), (x, y)) = (self.at(cx0, cy0), self.at(cx1, cy1), self.at(x, y));
        self.path.cubic_to(cx0, cy0, cx1, cy1, x, y);
    }

    fn close(&mut self) {
        self.path.close();
    }
}
