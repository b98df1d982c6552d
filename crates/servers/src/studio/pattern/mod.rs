//! Artwork: seven families of pattern, each drawn for any area, any moment and any palette.

mod flows;
mod rounds;
mod tiles;

use super::canvas::{Area, Canvas};
use super::color::Rgb;
use crate::dice::Dice;

/// A family of artwork. An agent keeps to one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Pattern {
    /// A grid of quarter discs, leaves and half-moons.
    #[default]
    Tiles,
    /// Overlapping scales of concentric rings.
    Scallops,
    /// Dots that swell and shrink across the area.
    Halftone,
    /// Nested arches standing side by side.
    Arches,
    /// Rays around a sun.
    Rays,
    /// Hills of waves under a disc.
    Waves,
    /// Flowers.
    Blooms,
}

impl Pattern {
    pub(super) fn choose(dice: &mut Dice) -> Self {
        dice.pick_or_default(&[
            Self::Tiles,
            Self::Scallops,
            Self::Halftone,
            Self::Arches,
            Self::Rays,
            Self::Waves,
            Self::Blooms,
        ])
    }

    /// For the description of a picture.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Tiles => "a grid of geometric tiles",
            Self::Scallops => "overlapping rings like fish scales",
            Self::Halftone => "a field of dots that swell and shrink",
            Self::Arches => "nested arches",
            Self::Rays => "rays around a sun",
            Self::Waves => "layered waves under a disc",
            Self::Blooms => "stylised flowers",
        }
    }
}

/// One piece of artwork.
#[derive(Debug, Clone)]
pub(super) struct Art {
    pub(super) pattern: Pattern,
    /// Varies the piece within its family.
    pub(super) seed: u64,
    pub(super) ground: Rgb,
    pub(super) colors: [Rgb; 4],
}

/// A moment in the life of a piece.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    /// How far it has come in, 0 to 1.
    pub(super) grown: f32,
    /// Seconds.
    pub(super) time: f32,
}

impl Moment {
    /// The finished, still piece.
    pub(super) const STILL: Self = Self { grown: 1.0, time: 0.0 };
}

impl Art {
    /// Fills `area` with the piece as it is at `moment`. Edges may be crossed: the caller clips.
    pub(super) fn draw(&self, canvas: &mut Canvas<'_>, area: Area, moment: Moment) {
        canvas.rect(area, self.ground);
        match self.pattern {
            Pattern::Tiles => tiles::draw(self, canvas, area, moment),
            Pattern::Scallops => rounds::scallops(self, canvas, area, moment),
            Pattern::Halftone => rounds::halftone(self, canvas, area, moment),
            Pattern::Arches => rounds::arches(self, canvas, area, moment),
            Pattern::Rays => flows::rays(self, canvas, area, moment),
            Pattern::Waves => flows::waves(self, canvas, area, moment),
            Pattern::Blooms => flows::blooms(self, canvas, area, moment),
        }
    }

    /// Dice for the place (`column`, `row`), so that a place looks the same at every moment.
    fn dice_at(&self, column: usize, row: usize) -> Dice {
        Dice::from_parts(&[&self.seed.to_le_bytes(), &(column as u64).to_le_bytes(), &(row as u64).to_le_bytes()])
    }

    fn dice(&self) -> Dice {
        Dice::from_parts(&[&self.seed.to_le_bytes(), b"piece"])
    }

    /// The colour at `index`, counting round.
    fn color(&self, index: usize) -> Rgb {
        self.colors.get(index % self.colors.len()).copied().unwrap_or(self.ground)
    }
}

/// Slow at both ends (a cubic "smoothstep"), for 0 to 1.
pub(super) fn ease(share: f32) -> f32 {
    let share = share.clamp(0.0, 1.0);
    share * share * (3.0 - 2.0 * share)
}

/// Fast at first, slow at the end, for 0 to 1.
pub(super) fn ease_out(share: f32) -> f32 {
    1.0 - (1.0 - share.clamp(0.0, 1.0)).powi(3)
}

/// How many cells of about `wanted` units fit `length`, at least `least`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 1..=200 first")]
fn cells(length: f32, wanted: f32, least: usize) -> usize {
    ((length / wanted).round().clamp(1.0, 200.0) as usize).max(least)
}

/// A small index as a number to calculate with.
fn n(index: usize) -> f32 {
    f32::from(u16::try_from(index).unwrap_or(u16::MAX))
}
