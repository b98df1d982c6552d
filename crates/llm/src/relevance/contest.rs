//! The one piece of mathematics behind relevance and sensitive topics: some topics against all others.

use crate::embed::{DIMS, Embedding, dot};

use super::atlas::Atlas;

/// How sharply topics compete for a text (inverse temperature).
const COMPETITION_SHARPNESS: f32 = 8.0;
/// The spread of background margins over all contests tried; one contest's own spread is drawn half-way to it.
const SPREAD_PRIOR: f32 = 0.5;

/// How strongly a centroid claims a text: `x.c - |c|^2 / 2`, the nearest-centroid discriminant (Fisher's with equal
/// covariances, which the flattened spectrum of the table stands for).
pub(crate) fn discriminant(text: &Embedding, centroid: &[f32; DIMS]) -> f32 {
    dot(text.values(), centroid) - dot(centroid, centroid) / 2.0
}

/// The pull of a centroid, as it enters the sums of a [`Contest`].
pub(crate) fn pull(text: &Embedding, centroid: &[f32; DIMS]) -> f32 {
    (COMPETITION_SHARPNESS * discriminant(text, centroid)).exp()
}

/// The pull of every topic of the atlas, in its order.
pub(crate) fn pulls(text: &Embedding, atlas: &Atlas) -> Vec<f32> {
    atlas.all().iter().map(|topic| pull(text, &topic.centroid)).collect()
}

/// Weights of the topics for and against, and how a text that has nothing to do with the matter fares.
#[derive(Debug, Clone)]
pub(crate) struct Contest {
    /// How much each topic speaks for the matter, 0..=1, in the atlas's order.
    pub(crate) wanted: Vec<f32>,
    /// How much each topic competes with it.
    pub(crate) against: Vec<f32>,
    /// Centroids of the matter's own, and what their mean pull weighs beside one topic.
    pub(crate) own: Vec<[f32; DIMS]>,
    pub(crate) own_weight: f32,
    /// Centroids that speak against it, and what their mean pull weighs.
    pub(crate) ruled_out: Vec<[f32; DIMS]>,
    pub(crate) ruled_out_weight: f32,
    background_mean: f32,
    background_spread: f32,
}

impl Contest {
    /// A contest that nothing speaks against but the topics. Measures the background: the atlas's lines of all topics
    /// whose part in the matter is below `background_below`.
    pub(crate) fn new(
        wanted: Vec<f32>,
        against: Vec<f32>,
        own: Vec<[f32; DIMS]>,
        own_weight: f32,
        background_below: f32,
        atlas: &Atlas,
    ) -> Self {
        let mut contest = Self {
            wanted,
            against,
            own,
            own_weight,
            ruled_out: Vec::new(),
            ruled_out_weight: 0.0,
            background_mean: 0.0,
            background_spread: SPREAD_PRIOR,
        };
        let mut margins = Vec::new();
        for (topic, wanted) in atlas.all().iter().zip(&contest.wanted) {
            if *wanted < background_below {
                margins
                    .extend(topic.lines.iter().zip(&topic.line_pulls).map(|(line, pulls)| contest.margin(line, pulls)));
            }
        }
        if !margins.is_empty() {
            #[expect(clippy::cast_precision_loss, reason = "a few hundred lines")]
            let count = margins.len() as f32;
            let mean = margins.iter().sum::<f32>() / count;
            let variance = margins.iter().map(|margin| (margin - mean).powi(2)).sum::<f32>() / count;
            contest.background_mean = mean;
            contest.background_spread = f32::midpoint(variance.sqrt(), SPREAD_PRIOR);
        }
        contest
    }

    /// The margin by which the matter wins a text over everything else, in background spreads above the background:
    /// `z = (m - mean) / spread`, `m = ln(sum wanted_t e^(b s_t) + own) - ln(sum against_t e^(b s_t) + ruled out)`,
    /// `s_t` being the [`discriminant`] of topic `t`.
    pub(crate) fn standing(&self, text: &Embedding, pulls: &[f32]) -> f32 {
        (self.margin(text, pulls) - self.background_mean) / self.background_spread
    }

    fn margin(&self, text: &Embedding, pulls: &[f32]) -> f32 {
        let (mut pro, mut con) = (0.0_f32, 0.0_f32);
        for ((pull, wanted), against) in pulls.iter().zip(&self.wanted).zip(&self.against) {
            pro += wanted * pull;
            con += against * pull;
        }
        pro += self.own_weight * mean_pull(text, &self.own);
        con += self.ruled_out_weight * mean_pull(text, &self.ruled_out);
        (pro.max(f32::MIN_POSITIVE) / con.max(f32::MIN_POSITIVE)).ln()
    }
}

fn mean_pull(text: &Embedding, centroids: &[[f32; DIMS]]) -> f32 {
    if centroids.is_empty() {
        return 0.0;
    }
    #[expect(clippy::cast_precision_loss, reason = "a handful of centroids")]
    let count = centroids.len() as f32;
    centroids.iter().map(|centroid| pull(text, centroid)).sum::<f32>() / count
}

/// A logistic curve through `height` (between 0 and 1) at standing `at`.
pub(crate) fn curve(standing: f32, at: f32, height: f32) -> f64 {
    const STEEPNESS: f32 = 1.2;
    let lift = (height / (1.0 - height)).ln() + STEEPNESS * (standing - at);
    f64::from(1.0 / (1.0 + (-lift).exp()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_curve_passes_through_its_point_and_rises() {
        assert!((curve(2.4, 2.4, 0.75) - 0.75).abs() < 1e-6);
        assert!(curve(3.0, 2.4, 0.75) > 0.8 && curve(0.0, 2.4, 0.75) < 0.2);
    }

    #[test]
    fn lines_of_a_wanted_topic_stand_above_those_of_others() {
        let atlas = Atlas::shared().unwrap();
        let wanted: Vec<f32> = atlas.topics().map(|(id, _)| f32::from(u8::from(id == "cooking"))).collect();
        let against = wanted.iter().map(|weight| 1.0 - weight).collect();
        let contest = Contest::new(wanted, against, Vec::new(), 0.0, 0.5, atlas);
        let mean = |id: &str| {
            let topic = atlas.all().iter().find(|topic| topic.id == id).unwrap();
            let sum: f32 =
                topic.lines.iter().zip(&topic.line_pulls).map(|(line, pulls)| contest.standing(line, pulls)).sum();
            sum / topic.lines.len() as f32
        };
        assert!(mean("cooking") > 4.0, "{}", mean("cooking"));
        assert!(mean("courts") < 0.0, "{}", mean("courts"));
    }
}
