//! What a campaign makes of a mind's score: its calibration, then its own words. One rule for planning and for replays.

use chimera_domain::{Campaign, MonotoneMap};
use chimera_llm::{ItemText, OwnWords, Relevance};

/// How a campaign weighs scores.
#[derive(Debug, Clone)]
pub struct Weights<'a> {
    words: OwnWords,
    map: Option<&'a MonotoneMap>,
}

impl<'a> Weights<'a> {
    /// As the campaign says. A calibration counts only for scores of the model that it was fitted to.
    #[must_use]
    pub fn of(campaign: &'a Campaign, model: &str) -> Self {
        let fitting = campaign.calibration.as_ref().filter(|calibration| calibration.is_for(model));
        Self { words: OwnWords::new(&campaign.terms), map: fitting.map(|calibration| &calibration.map) }
    }

    /// What is to be said of a text that the campaign denies. No mind needs to be asked about it.
    #[must_use]
    pub fn denied(&self, item: &ItemText) -> Option<Relevance> {
        self.words.denied(item)
    }

    /// What a mind's score comes to. The reasons name the score as it was.
    #[must_use]
    pub fn weighed(&self, item: &ItemText, said: Relevance) -> Relevance {
        let calibrated = match self.map {
            Some(map) => {
                let score = map.apply(said.score);
                Relevance { why: format!("{}; calibrated from {} to {score}", said.why, said.score), score }
            }
            None => said,
        };
        self.words.weighed(item, calibrated)
    }
}
