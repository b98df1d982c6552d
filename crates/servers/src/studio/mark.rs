//! An agent's mark: four geometric cells under one symmetry, like a small logo.

use tiny_skia::PathBuilder;

use super::canvas::{Area, Canvas, polygon, quarter};
use super::color::Rgb;
use crate::dice::Dice;

/// What fills one cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Cell {
    #[default]
    Quarter,
    Leaf,
    Disc,
    Square,
    Wedge,
    Ring,
}

/// How the four cells relate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Symmetry {
    /// Each cell is the one before, turned by a quarter.
    #[default]
    Pinwheel,
    /// The lower half is the upper half turned upside down.
    Turned,
    /// The right half mirrors the left.
    Mirrored,
}

/// A mark. Equal marks look equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    /// Upper left, upper right, lower right, lower left: what, and how many quarter turns.
    cells: [(Cell, u8); 4],
    /// Whether the second and fourth cell take the second colour.
    two_colors: bool,
}

impl Mark {
    pub(super) fn choose(dice: &mut Dice) -> Self {
        const CELLS: [Cell; 7] =
            [Cell::Quarter, Cell::Quarter, Cell::Leaf, Cell::Disc, Cell::Square, Cell::Wedge, Cell::Ring];
        let first = dice.pick_or_default(&CELLS);
        let mut second = dice.pick_or_default(&CELLS);
        // Four discs or four squares are no mark; neither has a direction to play with.
        if matches!(first, Cell::Disc | Cell::Square) && matches!(second, Cell::Disc | Cell::Square) {
            second = dice.pick_or_default(&[Cell::Quarter, Cell::Leaf, Cell::Wedge, Cell::Ring]);
        }
        let (a, b) = (dice.pick_or_default(&[0_u8, 1, 2, 3]), dice.pick_or_default(&[0_u8, 1, 2, 3]));
        let cells = match dice.pick_or_default(&[Symmetry::Pinwheel, Symmetry::Turned, Symmetry::Mirrored]) {
            Symmetry::Pinwheel => [(first, a), (second, (b + 1) % 4), (first, (a + 2) % 4), (second, (b + 3) % 4)],
            Symmetry::Turned => [(first, a), (second, b), (first, (a + 2) % 4), (second, (b + 2) % 4)],
            Symmetry::Mirrored => [(first, a), (first, mirrored(a)), (second, mirrored(b)), (second, b)],
        };
        Self { cells: without_whirl(cells), two_colors: dice.chance(0.6) }
    }

    /// Draws the mark into a square at (`x`, `y`) with sides of `size`.
    pub(super) fn draw(&self, canvas: &mut Canvas<'_>, x: f32, y: f32, size: f32, colors: [Rgb; 2]) {
        let half = size / 2.0;
        let places = [(0.0, 0.0), (half, 0.0), (half, half), (0.0, half)];
        for (at, ((cell, turns), (dx, dy))) in self.cells.iter().zip(places).enumerate() {
            let [main, second] = colors;
            let color = if self.two_colors && at % 2 == 1 { second } else { main };
            draw_cell(canvas, *cell, *turns, Area::new(x + dx, y + dy, half, half), color);
        }
    }
}

/// Four like cells, each turned a quarter further, with their corners neither at the middle nor outside, make a whirl
/// that comes too near to hooked crosses; one more turn of each makes it a star or a rosette.
fn without_whirl(cells: [(Cell, u8); 4]) -> [(Cell, u8); 4] {
    let [(kind, first), ..] = cells;
    let whirls = first % 2 == 1
        && cells.iter().zip(0_u8..).all(|((cell, turns), place)| *cell == kind && *turns == (first + place) % 4);
    if whirls { cells.map(|(cell, turns)| (cell, (turns + 1) % 4)) } else { cells }
}

/// The quarter turns of a cell's mirror image: corners 0 and 1 (upper left, upper right) swap, and 2 and 3.
fn mirrored(turns: u8) -> u8 {
    turns ^ 1
}

/// The corner a directed cell grows from, and the direction of its sides.
pub(super) fn corner(turns: u8, area: Area) -> (f32, f32, f32, f32) {
    match turns % 4 {
        0 => (area.x, area.y, area.w, area.h),
        1 => (area.right(), area.y, -area.w, area.h),
        2 => (area.right(), area.bottom(), -area.w, -area.h),
        _ => (area.x, area.bottom(), area.w, -area.h),
    }
}

fn draw_cell(canvas: &mut Canvas<'_>, cell: Cell, turns: u8, area: Area, color: Rgb) {
    let (x, y, dx, dy) = corner(turns, area);
    let mut path = PathBuilder::new();
    match cell {
        Cell::Disc => {
            let (cx, cy) = area.center();
            canvas.circle(cx, cy, area.w / 2.0, color);
            return;
        }
        Cell::Square => {
            canvas.rect(area, color);
            return;
        }
        Cell::Quarter => quarter(&mut path, x, y, dx, dy),
        Cell::Wedge => polygon(&mut path, &[(x, y), (x + dx, y), (x, y + dy)]),
        Cell::Leaf => leaf(&mut path, x, y, dx, dy),
        Cell::Ring => {
            quarter(&mut path, x, y, dx, dy);
            quarter(&mut path, x, y, dx * 0.45, dy * 0.45);
            if let Some(path) = path.finish() {
                canvas.fill_even_odd(&path, color);
            }
            return;
        }
    }
    if let Some(path) = path.finish() {
        canvas.fill(&path, color);
    }
}

/// A leaf from (`x`, `y`) to the opposite corner: where two quarter discs overlap.
pub(super) fn leaf(path: &mut PathBuilder, x: f32, y: f32, dx: f32, dy: f32) {
    const K: f32 = 0.552_284_8;
    path.move_to(x, y);
    path.cubic_to(x + dx * K, y, x + dx, y + dy * (1.0 - K), x + dx, y + dy);
    path.cubic_to(x + dx * (1.0 - K), y + dy, x, y + dy * K, x, y);
    path.close();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_mark_is_a_whirl() {
        for seed in 0..20_000 {
            let mark = Mark::choose(&mut Dice::from_seed(seed));
            assert_eq!(mark.cells, without_whirl(mark.cells), "seed {seed}");
        }
    }
}
