//! Vectors in memory, one byte a number, searched from end to end.
//!
//! A graph (HNSW) would answer faster, but takes a millisecond for each vector that comes, and misses some. An agent that
//! posts ten times an hour for a year has a hundred thousand memories, and going through those takes a few milliseconds.
//!
//! Each vector is scaled by its own largest number to -127..=127. At 128 numbers that moves a cosine by about 0.001; so a
//! few more are taken than are wanted, and compared exactly by whoever asked.

use std::{cmp::Ordering, collections::BinaryHeap};

use uuid::Uuid;

/// One part in so many is held free for what is added next.
const SPARE: usize = 16;
/// What a number may be at the most.
const FULL: f32 = 127.0;

/// A vector whose numbers fit into a byte each. They are held wider, as whoever multiplies wants them.
#[derive(Debug, Clone)]
pub(super) struct Code {
    codes: Vec<i16>,
    scale: f32,
}

impl Code {
    pub(super) fn of(values: &[f32]) -> Self {
        let largest = values.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
        let scale = if largest > 0.0 { largest / FULL } else { 1.0 };
        #[expect(
            clippy::cast_possible_truncation,
            reason = "rounded, and within -127..=127 by the scale; NaN becomes 0"
        )]
        let codes = values.iter().map(|value| (value / scale).round() as i16).collect();
        Self { codes, scale }
    }
}

/// What is known of a vector besides its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) id: Uuid,
    pub(super) is_episodic: bool,
    /// Unix time in microseconds.
    pub(super) at_us: i64,
}

/// Vectors side by side.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    dims: usize,
    codes: Vec<i8>,
    scales: Vec<f32>,
    marks: Vec<Mark>,
}

/// One that came near, by its place.
#[derive(Debug, Clone, Copy)]
struct Near {
    score: f32,
    place: usize,
}

impl Ord for Near {
    /// The farther one is the greater, so that a heap gives it up first; of equals the older one stays.
    fn cmp(&self, other: &Self) -> Ordering {
        other.score.total_cmp(&self.score).then(self.place.cmp(&other.place))
    }
}

impl PartialOrd for Near {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Near {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Near {}

impl Shelf {
    pub(super) fn new(dims: usize) -> Self {
        Self { dims, ..Self::default() }
    }

    /// Makes room for so many vectors more, and for a few beyond that: doubling, as lists do by themselves, would take twice
    /// what is held.
    pub(super) fn make_room(&mut self, rows: usize) {
        let wanted = self.marks.len() + rows;
        if self.marks.capacity() < wanted {
            let more = rows + wanted / SPARE;
            self.codes.reserve_exact(more * self.dims);
            self.scales.reserve_exact(more);
            self.marks.reserve_exact(more);
        }
    }

    /// Adds a vector; one of another length is left out.
    pub(super) fn push(&mut self, mark: Mark, values: &[f32]) {
        if values.len() == self.dims {
            let Code { codes, scale } = Code::of(values);
            self.codes.extend(codes.iter().map(|code| i8::try_from(*code).unwrap_or_default()));
            self.scales.push(scale);
            self.marks.push(mark);
        }
    }

    /// The bytes that so many vectors of so many numbers take here.
    pub(super) const fn bytes_of(rows: usize, dims: usize) -> usize {
        (rows + rows / SPARE).saturating_mul(dims + size_of::<f32>() + size_of::<Mark>())
    }

    pub(super) const fn len(&self) -> usize {
        self.marks.len()
    }

    pub(super) const fn bytes(&self) -> usize {
        self.codes.capacity() + self.scales.capacity() * size_of::<f32>() + self.marks.capacity() * size_of::<Mark>()
    }

    /// The `count` nearest of those that are admitted with about how near they are, in no particular order.
    pub(super) fn nearest(&self, to: &Code, count: usize, admits: impl Fn(&Mark) -> bool) -> Vec<(Uuid, f32)> {
        let mut nearest: BinaryHeap<Near> = BinaryHeap::with_capacity(count + 1);
        if count == 0 || self.dims == 0 || to.codes.len() != self.dims {
            return vec![];
        }
        let mut floor = f32::NEG_INFINITY;
        let rows = self.codes.chunks_exact(self.dims).zip(&self.scales).zip(&self.marks);
        for (place, ((codes, scale), mark)) in rows.enumerate() {
            #[expect(clippy::cast_precision_loss, reason = "at most 4,000 products of 127 by 127: a rough score")]
            let score = dot(codes, &to.codes) as f32 * scale;
            if score > floor && admits(mark) {
                nearest.push(Near { score, place });
                if nearest.len() > count {
                    nearest.pop();
                    floor = nearest.peek().map_or(floor, |worst| worst.score);
                }
            }
        }
        let found =
            nearest.into_iter().filter_map(|near| Some((self.marks.get(near.place)?.id, near.score * to.scale)));
        found.collect()
    }
}

/// The scalar product. The compiler turns it into instructions over many numbers as long as nothing is cut into pieces.
fn dot(a: &[i8], b: &[i16]) -> i32 {
    a.iter().zip(b).map(|(a, b)| i32::from(*a) * i32::from(*b)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn mark(n: u128) -> Mark {
        Mark { id: Uuid::from_u128(n), is_episodic: n.is_multiple_of(2), at_us: i64::try_from(n).unwrap() }
    }

    fn unit(values: &[f32]) -> Vec<f32> {
        let length = values.iter().map(|value| value * value).sum::<f32>().sqrt();
        values.iter().map(|value| value / length).collect()
    }

    #[test]
    fn vectors_of_another_length_are_never_looked_at() {
        let mut shelf = Shelf::new(2);
        shelf.push(mark(1), &[1.0, 0.0, 0.0]);
        assert!(shelf.nearest(&Code::of(&[1.0, 0.0]), 5, |_| true).is_empty());
        shelf.push(mark(1), &[1.0, 0.0]);
        assert!(shelf.nearest(&Code::of(&[1.0, 0.0, 0.0]), 5, |_| true).is_empty());
        assert_eq!(shelf.nearest(&Code::of(&[1.0, 0.0]), 5, |_| true).len(), 1);
        assert!(shelf.nearest(&Code::of(&[1.0, 0.0]), 0, |_| true).is_empty());
        assert!(Shelf::new(0).nearest(&Code::of(&[]), 3, |_| true).is_empty());
    }

    proptest! {
        #[test]
        fn what_is_found_is_nearest_but_for_rounding(
            rows in prop::collection::vec(prop::collection::vec(-1.0_f32..1.0, 16), 1..60),
            query in prop::collection::vec(-1.0_f32..1.0, 16),
            count in 1_usize..20,
        ) {
            prop_assume!(query.iter().any(|value| value.abs() > 0.01));
            let query = unit(&query);
            let rows: Vec<Vec<f32>> = rows.into_iter().filter(|row| row.iter().any(|v| v.abs() > 0.01)).map(|row| unit(&row)).collect();
            let mut shelf = Shelf::new(16);
            for (n, row) in (0..).zip(&rows) {
                shelf.push(mark(n), row);
            }
            let cosine = |row: &[f32]| row.iter().zip(&query).map(|(a, b)| a * b).sum::<f32>();
            let mut exact: Vec<f32> = rows.iter().enumerate().filter(|(n, _)| n.is_multiple_of(2)).map(|(_, row)| cosine(row)).collect();
            exact.sort_by(|a, b| b.total_cmp(a));
            let found = shelf.nearest(&Code::of(&query), count, |mark| mark.is_episodic);
            prop_assert_eq!(found.len(), exact.len().min(count));
            for (id, score) in found {
                let row = &rows[usize::try_from(id.as_u128()).unwrap()];
                prop_assert!((cosine(row) - score).abs() < 0.02, "{} is told as {score}", cosine(row));
                prop_assert!(cosine(row) >= exact[count.min(exact.len()) - 1] - 0.04);
            }
        }
    }
}
