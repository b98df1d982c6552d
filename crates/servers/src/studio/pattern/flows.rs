//! Patterns that turn and flow: rays, waves and blooms.

use std::f32::consts::TAU;

use tiny_skia::PathBuilder;

use super::super::canvas::{Area, Canvas, polygon};
use super::{Art, Moment, cells, ease_out, n};

/// Rays from a sun that sits on an edge or off the middle.
pub(super) fn rays(art: &Art, canvas: &mut Canvas<'_>, area: Area, moment: Moment) {
    let mut dice = art.dice();
    let cx = area.x + area.w * dice.pick_or_default(&[0.18, 0.5, 0.82]);
    let cy = area.y + area.h * dice.pick_or_default(&[0.5, 0.72, 1.0]);
    let count = 12 + 2 * dice.below(5);
    let reach = area.w.hypot(area.h) * 1.1 * ease_out(moment.grown);
    let turn = dice.unit_f32() * TAU + moment.time * 0.12;
    let step = TAU / n(count);
    for (part, index) in [(0_usize, 0_usize), (1, 3)] {
        let mut path = PathBuilder::new();
        for ray in (part..count).step_by(2) {
            // The second set is thinner, so that the ground shows between.
            let half = if part == 0 { step * 0.5 } else { step * 0.22 };
            let angle = turn + n(ray) * step;
            let [a, b] = [angle - half, angle + half].map(|it| (cx + reach * it.cos(), cy + reach * it.sin()));
            polygon(&mut path, &[(cx, cy), a, b]);
        }
        if let Some(path) = path.finish() {
            canvas.fill(&path, art.color(index));
        }
    }
    let sun = area.w.min(area.h) * dice.between_f32(0.26, 0.34);
    let pulse = 1.0 + 0.03 * (moment.time * 2.0).sin();
    let grown = ease_out(moment.grown);
    for (share, color) in [(1.0, art.ground), (0.86, art.color(1)), (0.56, art.color(2)), (0.26, art.ground)] {
        canvas.circle(cx, cy, sun * share * grown * pulse, color);
    }
}

/// Layered waves, each a filled curve, under a disc.
pub(super) fn waves(art: &Art, canvas: &mut Canvas<'_>, area: Area, moment: Moment) {
    let mut dice = art.dice();
    let grown = ease_out(moment.grown);
    let disc = area.w.min(area.h) * dice.between_f32(0.22, 0.32);
    let (dx, dy) = (area.x + area.w * dice.between_f32(0.22, 0.78), area.y + area.h * dice.between_f32(0.26, 0.40));
    canvas.circle(dx, dy + (1.0 - grown) * area.h * 0.5, disc, art.color(1));
    const LAYERS: usize = 5;
    for layer in 0..LAYERS {
        let depth = n(layer) / n(LAYERS);
        let level = area.y + area.h * (0.36 + 0.56 * depth) + (1.0 - grown) * area.h * (1.0 - depth);
        let height = area.h.min(area.w) * dice.between_f32(0.05, 0.10);
        let length = area.w * dice.between_f32(0.55, 0.95);
        let phase =
            dice.unit_f32() * TAU + moment.time * dice.between_f32(0.5, 0.9) * if layer % 2 == 0 { 1.0 } else { -1.0 };
        let mut path = PathBuilder::new();
        path.move_to(area.x - 2.0, area.bottom() + 2.0);
        const STEPS: usize = 48;
        for step in 0..=STEPS {
            let x = area.x - 2.0 + (area.w + 4.0) * n(step) / n(STEPS);
            let angle = x / length * TAU + phase;
            path.line_to(x, level + height * (angle.sin() + 0.3 * (angle * 2.0 + 1.0).sin()));
        }
        path.line_to(area.right() + 2.0, area.bottom() + 2.0);
        path.close();
        if let Some(path) = path.finish() {
            let color = match layer {
                1 => art.color(3),
                2 => art.color(2),
                3 => art.ground,
                _ => art.color(0),
            };
            canvas.fill(&path, color);
        }
    }
}

/// Flowers on a loose grid.
pub(super) fn blooms(art: &Art, canvas: &mut Canvas<'_>, area: Area, moment: Moment) {
    let mut dice = art.dice();
    let side = dice.between_f32(230.0, 330.0);
    let (columns, rows) = (cells(area.w, side, 1), cells(area.h, side, 1));
    let (w, h) = (area.w / n(columns), area.h / n(rows));
    let petals = 5 + dice.below(4);
    for row in 0..=rows {
        for column in 0..=columns {
            let mut dice = art.dice_at(column, row);
            let shift = if row % 2 == 0 { 0.5 } else { 0.0 };
            let x = area.x + (n(column) + shift + dice.between_f32(-0.06, 0.06)) * w;
            let y = area.y + (n(row) + 0.35 + dice.between_f32(-0.06, 0.06)) * h;
            let delay = dice.unit_f32() * 0.5;
            let grown = ease_out((moment.grown - delay) / 0.5);
            let radius = w.min(h) * dice.between_f32(0.44, 0.60) * grown;
            let spin = if dice.chance(0.5) { 0.25 } else { -0.25 };
            let turn = dice.unit_f32() * TAU + moment.time * spin;
            let color = dice.below(4);
            flower(canvas, (x, y), radius, petals, turn, (art.color(color), art.color(color + 1 + dice.below(2))));
        }
    }
}

fn flower(
    canvas: &mut Canvas<'_>,
    (x, y): (f32, f32),
    radius: f32,
    petals: usize,
    turn: f32,
    (petal, heart): (super::super::color::Rgb, super::super::color::Rgb),
) {
    if radius < 1.0 {
        return;
    }
    let mut path = PathBuilder::new();
    let size = radius * (std::f32::consts::PI / n(petals)).sin() * 1.02;
    for index in 0..petals {
        let angle = turn + TAU * n(index) / n(petals);
        path.push_circle(x + (radius - size) * angle.cos(), y + (radius - size) * angle.sin(), size);
    }
    path.push_circle(x, y, radius * 0.55);
    if let Some(path) = path.finish() {
        canvas.fill(&path, petal);
    }
    canvas.circle(x, y, radius * 0.28, heart);
}
