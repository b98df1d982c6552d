//! Patterns of circles: scallops, halftone and arches.

use std::f32::consts::TAU;

use tiny_skia::PathBuilder;

use super::super::canvas::{Area, Canvas};
use super::{Art, Moment, cells, ease, ease_out, n};

/// Rows of concentric discs, each row over the one above.
pub(super) fn scallops(art: &Art, canvas: &mut Canvas<'_>, area: Area, moment: Moment) {
    let mut dice = art.dice();
    let columns = cells(area.w, dice.between_f32(190.0, 300.0), 2);
    let radius = area.w / n(columns) / 2.0;
    let rings = 3 + dice.below(2);
    let step = radius * 0.62;
    let rows = cells(area.h + radius * 2.0, step, 1) + 1;
    for row in 0..rows {
        let offset = if row % 2 == 0 { 0.0 } else { radius };
        let y = area.y + n(row) * step + radius * 0.3;
        let delay = n(row) / n(rows) * 0.5;
        let grown = ease_out((moment.grown - delay) / 0.5);
        for ring in 0..rings {
            let share = 1.0 - n(ring) / n(rings);
            let color = if ring % 2 == 0 { art.color(row + ring / 2) } else { art.ground };
            // One path for a whole row of rings: filling once is far cheaper than filling each.
            let mut path = PathBuilder::new();
            for column in 0..=columns {
                let x = area.x + n(column) * radius * 2.0 + offset;
                let wave = (moment.time * 1.3 + n(row) * 0.7 + n(column) * 1.1).sin();
                let breath = if ring == 0 { 1.0 } else { 1.0 + 0.10 * wave * (moment.time * 0.8).min(1.0) };
                path.push_circle(x, y, (radius * share * breath * grown).max(0.1));
            }
            if let Some(path) = path.finish() {
                canvas.fill(&path, color);
            }
        }
    }
}

/// A grid of dots whose size follows the distance to a focus, with a travelling swell.
pub(super) fn halftone(art: &Art, canvas: &mut Canvas<'_>, area: Area, moment: Moment) {
    let mut dice = art.dice();
    let pitch = area.w / n(cells(area.w, dice.between_f32(46.0, 64.0), 4));
    let (fx, fy) = (area.x + area.w * dice.between_f32(0.15, 0.85), area.y + area.h * dice.between_f32(0.1, 0.9));
    let reach = area.w.hypot(area.h) * dice.between_f32(0.5, 0.7);
    // A big disc behind the dots gives the field something to be about.
    let disc = area.w.min(area.h) * dice.between_f32(0.30, 0.42);
    canvas.circle(fx, fy, disc * ease_out(moment.grown), art.color(1));
    let (columns, rows) = (cells(area.w, pitch, 1), cells(area.h, pitch, 1) + 1);
    let mut inside = PathBuilder::new();
    let mut outside = PathBuilder::new();
    for row in 0..=rows {
        let offset = if row % 2 == 0 { 0.0 } else { pitch / 2.0 };
        for column in 0..=columns {
            let (x, y) = (area.x + n(column) * pitch + offset, area.y + n(row) * pitch);
            let distance = (x - fx).hypot(y - fy);
            let swell = 0.16 * (distance / pitch * 0.55 - moment.time * 2.2).sin();
            let size = (0.54 * (1.0 - ease(distance / reach)) + 0.06 + swell * 0.5) * pitch;
            let arrived = ease_out((moment.grown * 1.6 - distance / reach * 0.6).clamp(0.0, 1.0));
            let radius = size.clamp(0.0, pitch * 0.49) * arrived;
            if radius > 1.2 {
                let path = if distance < disc { &mut inside } else { &mut outside };
                path.push_circle(x, y, radius);
            }
        }
    }
    for (path, color) in [(inside, art.color(2)), (outside, art.color(0))] {
        if let Some(path) = path.finish() {
            canvas.fill(&path, color);
        }
    }
}

/// Nested arches on a common floor, side by side.
pub(super) fn arches(art: &Art, canvas: &mut Canvas<'_>, area: Area, moment: Moment) {
    let mut dice = art.dice();
    let columns = cells(area.w, dice.between_f32(250.0, 400.0), 1);
    let width = area.w / n(columns);
    let tall = area.h > width * 1.6;
    let storeys = if tall { cells(area.h, width * 1.25, 1) } else { 1 };
    let storey = area.h / n(storeys);
    let place = |column, floor| Area::new(area.x + n(column) * width, area.y + n(floor) * storey, width, storey);
    let every = || (0..storeys).flat_map(|floor| (0..columns).map(move |column| (column, floor)));
    // All walls before all arches: they overlap by half a unit to hide seams, which must not cut into an arch.
    for (column, floor) in every().filter(|(column, floor)| (column + floor) % 2 == 1) {
        canvas.rect(place(column, floor).inset(-0.4, -0.4), art.color(3));
    }
    for (column, floor) in every() {
        let cell = place(column, floor);
        let mut dice = art.dice_at(column, floor);
        let delay = n(column + floor) / n(columns + storeys) * 0.45;
        let grown = ease_out((moment.grown - delay) / 0.55);
        let sway = 0.03 * (moment.time * 1.1 + dice.unit_f32() * TAU).sin() * (moment.time * 0.8).min(1.0);
        let height = (dice.between_f32(0.78, 0.98) + sway).min(1.0);
        nested(art, canvas, cell, height * grown, dice.below(4));
    }
}

/// One set of arches filling `height` (0 to 1) of the cell.
fn nested(art: &Art, canvas: &mut Canvas<'_>, cell: Area, height: f32, first_color: usize) {
    const BANDS: usize = 4;
    let band = cell.w / 2.0 / (n(BANDS) + 0.3);
    let (cx, _) = cell.center();
    for ring in 0..BANDS {
        let radius = cell.w / 2.0 - n(ring) * band;
        let top = cell.bottom() - (cell.h * height - n(ring) * band);
        let spring = (top + radius).min(cell.bottom());
        let color = if ring % 2 == 1 { art.ground } else { art.color(first_color + ring) };
        if top >= cell.bottom() {
            continue;
        }
        let body = Area::new(cx - radius, spring - 1.5, radius * 2.0, cell.bottom() - spring + 1.5);
        canvas.rect(body, color);
        let mut path = PathBuilder::new();
        super::super::canvas::quarter(&mut path, cx, spring, radius, top - spring);
        super::super::canvas::quarter(&mut path, cx, spring, -radius, top - spring);
        if let Some(path) = path.finish() {
            canvas.fill(&path, color);
        }
    }
}
