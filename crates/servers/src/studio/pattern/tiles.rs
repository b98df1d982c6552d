//! A grid of geometric tiles that now and then turn.

use tiny_skia::PathBuilder;

use super::super::canvas::{Area, Canvas, polygon, quarter};
use super::super::mark::{corner, leaf};
use super::{Art, Moment, cells, ease, ease_out, n};
use crate::dice::Dice;

/// Seconds between two turns of one tile.
const TURN_EVERY: f32 = 4.0;

/// Seconds one turn takes.
const TURN_TAKES: f32 = 0.9;

pub(super) fn draw(art: &Art, canvas: &mut Canvas<'_>, area: Area, moment: Moment) {
    let mut dice = art.dice();
    let wanted = dice.between_f32(150.0, 215.0);
    let columns = cells(area.w, wanted, 1);
    let side = area.w / n(columns);
    let rows = cells(area.h, side, 1);
    let height = area.h / n(rows);
    // A calm picture repeats a few motifs; all of them at once would be noise.
    let motifs = [dice.below(6), dice.below(6), dice.below(6)];
    let place = |column, row| Area::new(area.x + n(column) * side, area.y + n(row) * height, side, height);
    // All backs before all figures: they overlap by half a unit to hide seams, which must not cut into a figure.
    for row in 0..rows {
        for column in 0..columns {
            if let Some(color) = back(&mut art.dice_at(column, row)).checked_sub(1) {
                canvas.rect(place(column, row).inset(-0.4, -0.4), art.color(color));
            }
        }
    }
    for row in 0..rows {
        for column in 0..columns {
            let cell = place(column, row);
            // Tiles come in one after the other along the diagonal.
            let delay = n(row + column) / n(rows + columns) * 0.5;
            let grown = ease_out((moment.grown - delay) / 0.5);
            tile(art, canvas, cell, (column, row), motifs, Moment { grown, time: moment.time });
        }
    }
}

/// A tile's back: 0 is the ground, else one more than the colour's index. The first choice a tile's dice make.
fn back(dice: &mut Dice) -> usize {
    dice.below(5)
}

fn tile(art: &Art, canvas: &mut Canvas<'_>, area: Area, place: (usize, usize), motifs: [usize; 3], moment: Moment) {
    let mut dice = art.dice_at(place.0, place.1);
    let back = back(&mut dice);
    let front = art.color((back + dice.below(3)) % 4);
    let motif = dice.pick_or_default(&motifs);
    let start = dice.pick_or_default(&[0_u8, 1, 2, 3]);
    let phase = (moment.time + dice.unit_f32() * TURN_EVERY) / TURN_EVERY;
    let turned = phase.floor();
    let into_turn = (phase - turned) * TURN_EVERY / TURN_TAKES;
    // A tile turns by shrinking into its corner and growing out of the next.
    let (steps, size) = if moment.time <= 0.0 || into_turn >= 1.0 {
        (if moment.time <= 0.0 { 0.0 } else { turned + 1.0 }, 1.0)
    } else if into_turn < 0.5 {
        (turned, 1.0 - ease(into_turn * 2.0))
    } else {
        (turned + 1.0, ease(into_turn * 2.0 - 1.0))
    };
    let turns = (start + quarter_turns(steps)) % 4;
    let size = size * moment.grown;
    if size > 0.01 {
        figure(canvas, area, motif, turns, size, front, art);
    }
}

/// Whole quarter turns, counted round.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a remainder of 4")]
fn quarter_turns(steps: f32) -> u8 {
    steps.rem_euclid(4.0) as u8
}

fn figure(
    canvas: &mut Canvas<'_>,
    area: Area,
    motif: usize,
    turns: u8,
    size: f32,
    color: super::super::color::Rgb,
    art: &Art,
) {
    let (x, y, dx, dy) = corner(turns, area);
    let (dx, dy) = (dx * size, dy * size);
    let mut path = PathBuilder::new();
    match motif {
        0 => quarter(&mut path, x, y, dx, dy),
        1 => leaf(&mut path, x, y, dx, dy),
        2 => {
            // Two half-moons, one above the other.
            for half in [0.0, 0.5] {
                let top = area.y + area.h * half;
                let radius = area.w / 2.0;
                let (cx, _) = area.center();
                let base = top + area.h * 0.5;
                quarter(&mut path, cx, base, radius * size, -area.h * 0.5 * size);
                quarter(&mut path, cx, base, -radius * size, -area.h * 0.5 * size);
            }
        }
        3 => {
            quarter(&mut path, x, y, dx, dy);
            if let Some(path) = path.finish() {
                canvas.fill(&path, color);
            }
            path = PathBuilder::new();
            quarter(&mut path, x, y, dx * 0.5, dy * 0.5);
            if let Some(path) = path.finish() {
                canvas.fill(&path, art.ground);
            }
            return;
        }
        4 => polygon(&mut path, &[(x, y), (x + dx, y), (x, y + dy)]),
        _ => {
            let (cx, cy) = area.center();
            canvas.circle(cx, cy, area.w.min(area.h) * 0.36 * size, color);
            return;
        }
    }
    if let Some(path) = path.finish() {
        canvas.fill(&path, color);
    }
}
