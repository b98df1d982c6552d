//! Isotonic regression by pool-adjacent-violators.

use super::Example;
use crate::Score;

/// Examples that are taken together: their count, the positive ones, the lowest of their scores and the highest.
#[derive(Debug, Clone, Copy)]
struct Block {
    count: f64,
    positive: f64,
    lowest: Score,
    highest: Score,
}

impl Block {
    /// The rate of positive ones, with one example more that is as positive as examples are on the whole: three that are all
    /// positive prove no certainty.
    fn rate(self, base: f64) -> f64 {
        (self.positive + base) / (self.count + 1.0)
    }

    fn with(self, other: Self) -> Self {
        Self {
            count: self.count + other.count,
            positive: self.positive + other.positive,
            lowest: self.lowest.min(other.lowest),
            highest: self.highest.max(other.highest),
        }
    }
}

/// The knots of the map: the edges of each block of pooled examples, with their rate. So it is level within a block, and
/// a straight line between two. `sorted` by score.
pub(super) fn knots(sorted: &[Example]) -> Vec<(Score, Score)> {
    let positive = |example: &Example| if example.positive { 1.0 } else { 0.0 };
    let all = sorted.iter().fold((0.0, 0.0), |(count, sum), example| (count + 1.0, sum + positive(example)));
    let base = all.1 / f64::max(all.0, 1.0);
    let mut blocks: Vec<Block> = Vec::new();
    let mut last: Option<Score> = None;
    for example in sorted {
        let one = Block { count: 1.0, positive: positive(example), lowest: example.score, highest: example.score };
        // Equal scores are one: a map can't tell them apart.
        let tied = last.replace(example.score) == Some(example.score);
        match blocks.last_mut() {
            Some(block) if tied => *block = block.with(one),
            _ => {
                pool(&mut blocks, base);
                blocks.push(one);
            }
        }
    }
    pool(&mut blocks, base);
    let edges = |block: Block| {
        let rate = Score::clamped(block.rate(base));
        let highest = (block.highest > block.lowest).then_some((block.highest, rate));
        [Some((block.lowest, rate)), highest].into_iter().flatten()
    };
    blocks.into_iter().flat_map(edges).collect()
}

/// Pools the last block with those before it until the rates rise.
fn pool(blocks: &mut Vec<Block>, base: f64) {
    while let [.., before, last] = blocks.as_slice()
        && before.rate(base) >= last.rate(base)
    {
        let pooled = before.with(*last);
        blocks.truncate(blocks.len() - 2);
        blocks.push(pooled);
    }
}
