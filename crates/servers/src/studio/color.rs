//! Colours: sRGB for drawing, OKLCH for choosing, WCAG for checking.

/// An opaque sRGB colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rgb {
    /// Red, 0 to 255.
    pub r: u8,
    /// Green, 0 to 255.
    pub g: u8,
    /// Blue, 0 to 255.
    pub b: u8,
}

/// A colour as lightness (0 to 1), chroma (0 to about 0.37) and hue (degrees): Björn Ottosson's OKLab in polar form,
/// where equal steps look equal, so that palettes of any hue keep the same balance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Oklch {
    pub(super) l: f32,
    pub(super) c: f32,
    pub(super) h: f32,
}

impl Rgb {
    /// WCAG 2.2 relative luminance, 0 (black) to 1 (white).
    #[must_use]
    pub fn luminance(self) -> f32 {
        0.2126 * linear(self.r) + 0.7152 * linear(self.g) + 0.0722 * linear(self.b)
    }

    /// WCAG 2.2 contrast ratio, 1 to 21, whichever of the two is the lighter.
    #[must_use]
    pub fn contrast(self, other: Self) -> f32 {
        let (a, b) = (self.luminance() + 0.05, other.luminance() + 0.05);
        if a > b { a / b } else { b / a }
    }

    /// `#rrggbb`.
    #[must_use]
    pub fn hex(self) -> String {
        format!("#{:02x}{:02x}{:02x}", self.r, self.g, self.b)
    }

    /// This colour moved towards black or white, whichever is nearer to succeeding, until its contrast with
    /// `ground` is at least `ratio`. Black or white is the answer when nothing between is enough.
    pub(super) fn readable_on(self, ground: Self, ratio: f32) -> Self {
        if self.contrast(ground) >= ratio {
            return self;
        }
        let base = Oklch::from(self);
        let lighter = ground.luminance() < 0.179;
        for step in 1_u8..=40 {
            let share = f32::from(step) / 40.0;
            let target = if lighter { 1.0 } else { 0.0 };
            let moved = Rgb::from(Oklch { l: base.l + (target - base.l) * share, ..base });
            if moved.contrast(ground) >= ratio {
                return moved;
            }
        }
        if lighter { Self { r: 255, g: 255, b: 255 } } else { Self::default() }
    }

    /// How different two colours look: the Euclidean distance in OKLab; below 0.1 they are easily taken for one.
    pub(super) fn distance(self, other: Self) -> f32 {
        let (a, b) = (lab(self), lab(other));
        a.iter().zip(b).map(|(x, y)| (x - y).powi(2)).sum::<f32>().sqrt()
    }

    /// A mix, `share` of `other` (0 to 1), in OKLab so that the middle does not turn grey.
    pub(super) fn mix(self, other: Self, share: f32) -> Self {
        let ([l0, a0, b0], [l1, a1, b1]) = (lab(self), lab(other));
        from_lab(l0 + (l1 - l0) * share, a0 + (a1 - a0) * share, b0 + (b1 - b0) * share)
    }
}

impl From<Oklch> for Rgb {
    /// Lowers the chroma until the colour exists in sRGB, keeping lightness and hue.
    fn from(color: Oklch) -> Self {
        let (sin, cos) = color.h.to_radians().sin_cos();
        let l = color.l.clamp(0.0, 1.0);
        let mut chroma = color.c.max(0.0);
        for _ in 0..40 {
            if in_gamut(l, chroma * cos, chroma * sin) {
                break;
            }
            chroma *= 0.94;
        }
        from_lab(l, chroma * cos, chroma * sin)
    }
}

impl From<Rgb> for Oklch {
    fn from(color: Rgb) -> Self {
        let [l, a, b] = lab(color);
        Self { l, c: a.hypot(b), h: b.atan2(a).to_degrees().rem_euclid(360.0) }
    }
}

/// The sRGB transfer function, from a byte to linear light.
fn linear(byte: u8) -> f32 {
    let value = f32::from(byte) / 255.0;
    if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
}

/// The inverse of [`linear`].
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=255 first")]
fn encoded(light: f32) -> u8 {
    let value = if light <= 0.003_130_8 { light * 12.92 } else { 1.055 * light.powf(1.0 / 2.4) - 0.055 };
    (value * 255.0).round().clamp(0.0, 255.0) as u8
}

/// OKLab of a colour, with Ottosson's published matrices.
fn lab(color: Rgb) -> [f32; 3] {
    let (r, g, b) = (linear(color.r), linear(color.g), linear(color.b));
    let l = (0.412_221_46 * r + 0.536_332_55 * g + 0.051_445_995 * b).cbrt();
    let m = (0.211_903_5 * r + 0.680_699_5 * g + 0.107_396_96 * b).cbrt();
    let s = (0.088_302_46 * r + 0.281_718_85 * g + 0.629_978_7 * b).cbrt();
    [
        0.210_454_26 * l + 0.793_617_8 * m - 0.004_072_047 * s,
        1.977_998_5 * l - 2.428_592_2 * m + 0.450_593_7 * s,
        0.025_904_037 * l + 0.782_771_77 * m - 0.808_675_77 * s,
    ]
}

/// Linear sRGB of an OKLab colour; values outside 0..=1 are out of gamut.
fn linear_from_lab(l: f32, a: f32, b: f32) -> [f32; 3] {
    let long = (l + 0.396_337_78 * a + 0.215_803_76 * b).powi(3);
    let medium = (l - 0.105_561_346 * a - 0.063_854_17 * b).powi(3);
    let short = (l - 0.089_484_18 * a - 1.291_485_5 * b).powi(3);
    [
        4.076_741_7 * long - 3.307_711_6 * medium + 0.230_969_94 * short,
        -1.268_438 * long + 2.609_757_4 * medium - 0.341_319_38 * short,
        -0.004_196_086_3 * long - 0.703_418_6 * medium + 1.707_614_7 * short,
    ]
}

fn in_gamut(l: f32, a: f32, b: f32) -> bool {
    linear_from_lab(l, a, b).iter().all(|light| (-0.001..=1.001).contains(light))
}

fn from_lab(l: f32, a: f32, b: f32) -> Rgb {
    let [r, g, b] = linear_from_lab(l, a, b).map(encoded);
    Rgb { r, g, b }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contrast_matches_the_published_examples() {
        let black = Rgb::default();
        let white = Rgb { r: 255, g: 255, b: 255 };
        assert!((black.contrast(white) - 21.0).abs() < 0.01);
        // #767676 is the lightest grey that passes 4.5:1 on white.
        let grey = Rgb { r: 0x76, g: 0x76, b: 0x76 };
        assert!((grey.contrast(white) - 4.54).abs() < 0.01);
    }

    #[test]
    fn oklch_round_trips_within_one_step() {
        for color in [(12, 200, 90), (250, 120, 5), (3, 3, 3), (255, 255, 255), (90, 20, 240)] {
            let start = Rgb { r: color.0, g: color.1, b: color.2 };
            let back = Rgb::from(Oklch::from(start));
            assert!(start.r.abs_diff(back.r) <= 1 && start.g.abs_diff(back.g) <= 1 && start.b.abs_diff(back.b) <= 1);
        }
    }

    #[test]
    fn readable_on_always_reaches_the_ratio() {
        for hue in 0..36_u8 {
            for lightness in 1..10_u8 {
                let ground = Rgb::from(Oklch { l: f32::from(lightness) / 10.0, c: 0.18, h: f32::from(hue) * 10.0 });
                let text = Rgb::from(Oklch { l: 0.55, c: 0.2, h: 20.0 }).readable_on(ground, 4.5);
                assert!(text.contrast(ground) >= 4.5, "{} on {}", text.hex(), ground.hex());
            }
        }
    }
}
