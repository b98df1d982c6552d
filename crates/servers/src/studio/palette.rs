//! An agent's palette, and the colour schemes one post may take from it.

use super::color::{Oklch, Rgb};
use crate::dice::Dice;

/// Contrast that running text needs (WCAG 2.2, level AA).
pub(super) const TEXT_CONTRAST: f32 = 4.5;

/// Contrast asked of headlines: more than the 3:1 that WCAG wants of large text, because posts are read on small screens.
pub(super) const HEADLINE_CONTRAST: f32 = 5.5;

/// Two colours nearer than this in OKLab are not told apart in a small picture.
const DISTINCT: f32 = 0.12;

/// Six colours with fixed parts to play.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Palette {
    /// Light background.
    pub paper: Rgb,
    /// Dark text.
    pub ink: Rgb,
    /// The colour one remembers.
    pub primary: Rgb,
    /// Its counterpoint.
    pub accent: Rgb,
    /// Dark background.
    pub deep: Rgb,
    /// A quiet relative of the primary.
    pub tint: Rgb,
}

impl Palette {
    /// All six, in the order of the fields.
    #[must_use]
    pub fn colors(&self) -> [Rgb; 6] {
        [self.paper, self.ink, self.primary, self.accent, self.deep, self.tint]
    }
}

/// Which ground a post stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Mood {
    /// Dark text on paper.
    #[default]
    Light,
    /// Light text on the deep colour.
    Dark,
    /// Text on the primary colour.
    Bold,
}

/// The colours of one post.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scheme {
    pub(super) ground: Rgb,
    /// Headline.
    pub(super) text: Rgb,
    /// Caption and label; readable, but quieter than the headline.
    pub(super) quiet: Rgb,
    /// Kicker, rules and other small emphasis; readable on the ground.
    pub(super) spark: Rgb,
    /// Fills for artwork, each distinct from the ground.
    pub(super) shapes: [Rgb; 4],
}

/// One way of building a palette around a hue: lightness, chroma and hue offset of each part, in the order of
/// [`Palette`]'s fields.
struct Recipe([(f32, f32, f32); 6]);

const RECIPES: [Recipe; 7] = [
    // Gallery: near-white paper, one strong colour, a bright counterpoint.
    Recipe([
        (0.965, 0.012, 0.),
        (0.20, 0.03, 0.),
        (0.62, 0.21, 0.),
        (0.83, 0.15, 150.),
        (0.27, 0.08, -20.),
        (0.89, 0.06, 10.),
    ]),
    // Print shop: coloured inks on warm stock.
    Recipe([
        (0.95, 0.03, 50.),
        (0.30, 0.13, -30.),
        (0.66, 0.20, 0.),
        (0.80, 0.13, 190.),
        (0.35, 0.13, -30.),
        (0.87, 0.09, 40.),
    ]),
    // Nocturne: dark and glowing.
    Recipe([
        (0.94, 0.02, 30.),
        (0.19, 0.04, 0.),
        (0.74, 0.16, 0.),
        (0.72, 0.18, 120.),
        (0.22, 0.06, 0.),
        (0.45, 0.10, 0.),
    ]),
    // Confection: pastels held together by a dark ink.
    Recipe([
        (0.94, 0.04, 0.),
        (0.27, 0.10, -40.),
        (0.72, 0.17, 0.),
        (0.87, 0.14, 110.),
        (0.38, 0.15, -60.),
        (0.86, 0.08, 180.),
    ]),
    // Duotone: neighbours on the wheel.
    Recipe([
        (0.955, 0.02, 0.),
        (0.25, 0.08, 0.),
        (0.60, 0.19, 0.),
        (0.78, 0.15, 40.),
        (0.30, 0.12, -25.),
        (0.88, 0.07, 20.),
    ]),
    // Studio: almost black and white, and one colour.
    Recipe([
        (0.97, 0.004, 60.),
        (0.17, 0.006, 260.),
        (0.65, 0.23, 0.),
        (0.92, 0.03, 0.),
        (0.19, 0.01, 260.),
        (0.84, 0.05, 0.),
    ]),
    // Split: two counterpoints either side of the opposite hue.
    Recipe([
        (0.96, 0.018, 80.),
        (0.23, 0.06, 160.),
        (0.63, 0.19, 0.),
        (0.76, 0.14, 160.),
        (0.31, 0.09, 200.),
        (0.88, 0.08, 60.),
    ]),
];

/// Hues that hold up at every lightness used above; the gaps are those that turn to mud when darkened.
const HUES: [f32; 16] = [12., 24., 36., 48., 62., 85., 140., 158., 178., 205., 230., 252., 268., 288., 318., 345.];

/// Dark colours between these hues look like mud, so they are moved to brown or to forest green.
const MUD: std::ops::Range<f32> = 68.0..132.0;

/// Light colours between these hues glow like a screen test at full chroma.
const NEON: std::ops::Range<f32> = 165.0..225.0;

/// Builds the palette that the dice choose.
pub(super) fn palette(dice: &mut Dice) -> Palette {
    let hue = dice.pick_or_default(&HUES) + dice.between_f32(-4.0, 4.0);
    let fallback = &RECIPES[0];
    let recipe = RECIPES.get(dice.below(RECIPES.len())).unwrap_or(fallback);
    let [paper, ink, primary, accent, deep, tint] = recipe.0.map(|(l, c, offset)| {
        let mut h = (hue + offset).rem_euclid(360.0);
        if l < 0.5 && MUD.contains(&h) {
            h = if h < 95.0 { 50.0 } else { 150.0 };
        }
        let c = if l > 0.7 && NEON.contains(&h) { c * 0.62 } else { c };
        Rgb::from(Oklch { l, c, h })
    });
    let ink = ink.readable_on(paper, 7.0);
    let deep = deep.readable_on(paper, 7.0);
    Palette { paper, ink, primary, accent, deep, tint }
}

/// The colours of a post in the given mood. Text and small emphasis meet [`TEXT_CONTRAST`] or better on the ground.
pub(super) fn scheme(palette: &Palette, mood: Mood) -> Scheme {
    let Palette { paper, ink, primary, accent, deep, tint } = *palette;
    let (ground, text, spark, shapes) = match mood {
        Mood::Light => (paper, ink, primary, [primary, accent, deep, tint]),
        Mood::Dark => (deep, paper, accent, [primary, accent, tint, paper]),
        Mood::Bold => {
            let text = if ink.contrast(primary) >= paper.contrast(primary) { ink } else { paper };
            (primary, text, text, [accent, deep, paper, tint])
        }
    };
    let text = text.readable_on(ground, HEADLINE_CONTRAST);
    Scheme {
        ground,
        text,
        quiet: text.mix(ground, 0.22).readable_on(ground, TEXT_CONTRAST),
        spark: spark.readable_on(ground, TEXT_CONTRAST),
        shapes: shapes.map(|shape| distinct_from(shape, ground)),
    }
}

/// `shape`, made lighter or darker where it would vanish into the ground.
fn distinct_from(shape: Rgb, ground: Rgb) -> Rgb {
    if shape.distance(ground) >= DISTINCT {
        return shape;
    }
    let base = Oklch::from(shape);
    let shift = if base.l > 0.5 { -0.16 } else { 0.16 };
    Rgb::from(Oklch { l: base.l + shift, ..base })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scheme_of_a_thousand_agents_is_readable_and_its_shapes_are_visible() {
        for seed in 0..1000 {
            let palette = palette(&mut Dice::from_seed(seed));
            for mood in [Mood::Light, Mood::Dark, Mood::Bold] {
                let scheme = scheme(&palette, mood);
                let contrasts = [scheme.text, scheme.quiet, scheme.spark].map(|color| color.contrast(scheme.ground));
                assert!(contrasts.iter().all(|contrast| *contrast >= TEXT_CONTRAST), "{seed} {mood:?} {contrasts:?}");
                for shape in scheme.shapes {
                    assert!(shape.distance(scheme.ground) > 0.09, "{seed} {mood:?} {}", shape.hex());
                }
            }
        }
    }
}
