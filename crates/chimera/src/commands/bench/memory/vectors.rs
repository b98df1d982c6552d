//! Made-up vectors in clusters, and the bare walk over them.

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

/// Clusters: so many matters are talked about.
const CLUSTERS: usize = 500;
/// How far a vector lies from its cluster's middle, as a part of the middle's length. Texts about one matter have cosines
/// of about 0.5 with each other then.
const SPREAD: f32 = 1.0;

/// Where vectors come from; the same ones in each run.
pub(super) struct Cloud {
    dice: StdRng,
    middles: Vec<Vec<f32>>,
    dims: usize,
}

impl Cloud {
    pub(super) fn new(dims: usize) -> Self {
        let mut dice = StdRng::seed_from_u64(7);
        let middles = (0..CLUSTERS).map(|_| unit(scattered(&mut dice, dims))).collect();
        Self { dice, middles, dims }
    }

    /// The next vector, of length 1.
    pub(super) fn draw(&mut self) -> Vec<f32> {
        let which = self.dice.random_range(0..self.middles.len());
        let around = unit(scattered(&mut self.dice, self.dims));
        let middle = self.middles.get(which).map_or(&[][..], Vec::as_slice);
        unit(middle.iter().zip(around).map(|(middle, off)| middle + SPREAD * off).collect())
    }
}

/// Numbers that are nearly normally distributed: sums of four even ones. No direction is preferred.
fn scattered(dice: &mut StdRng, dims: usize) -> Vec<f32> {
    (0..dims).map(|_| (0..4).map(|_| dice.random::<f32>() - 0.5).sum()).collect()
}

fn unit(mut values: Vec<f32>) -> Vec<f32> {
    let length = values.iter().map(|value| value * value).sum::<f32>().sqrt();
    values.iter_mut().for_each(|value| *value /= length);
    values
}

/// How near the `count` nearest of vectors that lie side by side are, nearest first: every product, and nothing else.
pub(super) fn top(flat: &[f32], dims: usize, query: &[f32], count: usize) -> Vec<f32> {
    let mut nearest: Vec<f32> = Vec::with_capacity(count + 1);
    let mut floor = f32::NEG_INFINITY;
    for values in flat.chunks_exact(dims) {
        let score = dot(values, query);
        if score > floor || nearest.len() < count {
            let place = nearest.partition_point(|other| *other >= score);
            nearest.insert(place, score);
            nearest.truncate(count);
            if nearest.len() == count {
                floor = nearest.last().copied().unwrap_or(floor);
            }
        }
    }
    nearest
}

/// The scalar product, sixteen sums side by side.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let ((left, rest), (right, other_rest)) = (a.as_chunks::<16>(), b.as_chunks::<16>());
    let mut sums = [0.0_f32; 16];
    for (left, right) in left.iter().zip(right) {
        for ((sum, a), b) in sums.iter_mut().zip(left).zip(right) {
            *sum += a * b;
        }
    }
    sums.iter().sum::<f32>() + rest.iter().zip(other_rest).map(|(a, b)| a * b).sum::<f32>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bare_walk_finds_what_sorting_finds() {
        let mut cloud = Cloud::new(20);
        let flat: Vec<f32> = (0..300).flat_map(|_| cloud.draw()).collect();
        let query = cloud.draw();
        let mut all: Vec<f32> = flat.chunks_exact(20).map(|values| dot(values, &query)).collect();
        all.sort_by(|a, b| b.total_cmp(a));
        assert_eq!(top(&flat, 20, &query, 10), all[..10]);
        assert_eq!(top(&flat[..40], 20, &query, 10).len(), 2);
        let length: f32 = query.iter().map(|value| value * value).sum();
        assert!((length - 1.0).abs() < 1e-5 && Cloud::new(20).draw() == flat[..20]);
    }
}
