//! What is hot at the moment, told to whoever asks why a signal was planned.
//!
//! A trend raises no score: relevance says how well a signal fits the goal, and heat says nothing of that; besides, whoever
//! floods feeds would lower the bar for what they want planned.

use chimera_domain::{Trend, one_line};
use chimera_llm::{DIMS, Embedder, Embedding};

use crate::{Planner, PlannerError, config::NEARNESS_MIN};

/// Trends that are looked at.
const TRENDS_MAX: u64 = 200;
/// Characters of a trend's name in a note.
const LABEL_CHARS: usize = 80;

/// Trends that last, with where their headlines point.
#[derive(Debug, Default)]
pub(crate) struct Trending(Vec<(Embedding, String)>);

impl Trending {
    fn new(trends: Vec<Trend>, embedder: &Embedder) -> Self {
        let named = |trend: Trend| {
            let mut sum = [0.0; DIMS];
            for member in &trend.members {
                sum.iter_mut().zip(embedder.embed(&member.headline).values()).for_each(|(sum, value)| *sum += value);
            }
            let (label, items, sources) = (one_line(&trend.label, LABEL_CHARS), trend.items, trend.sources);
            let note = format!("part of a trend: \u{201c}{label}\u{201d} ({items} items from {sources} resources)");
            (Embedding::from_sum(sum), note)
        };
        Self(trends.into_iter().map(named).collect())
    }

    /// What to note on a signal with this headline.
    pub(crate) fn note(&self, headline: &str) -> Option<String> {
        if self.0.is_empty() {
            return None;
        }
        let at = Embedder::shared().ok()?.embed(headline);
        let near = self.0.iter().map(|(trend, note)| (trend.cosine(&at), note));
        let (nearness, note) = near.max_by(|(a, _), (b, _)| a.total_cmp(b))?;
        (nearness >= NEARNESS_MIN).then(|| note.clone())
    }
}

impl Planner {
    /// The trends that last.
    pub(crate) async fn trending(&self) -> Result<Trending, PlannerError> {
        if self.config.trends.window_minutes == 0 {
            return Ok(Trending::default());
        }
        let trends = self.store.trends(true, TRENDS_MAX).await?;
        Ok(if trends.is_empty() { Trending::default() } else { Trending::new(trends, Embedder::shared()?) })
    }
}
