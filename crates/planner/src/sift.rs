//! The first look: what is so far from a goal that no mind that costs needs to be asked about it.

use chimera_domain::{Campaign, Score, error_chain};
use chimera_llm::{ItemText, Mind, OfflineMind, Relevance};
use chimera_telemetry::TEXTS_WEIGHED;

use crate::{PlannerConfig, triage::Sighting, weigh::Weights};

/// The offline mind, and below which of its scores nobody else is asked.
#[derive(Debug)]
pub(crate) struct Sieve {
    offline: OfflineMind,
    ask_from: Score,
}

impl Sieve {
    /// The sieve that the settings ask for; none where the mind is free anyway.
    pub(crate) fn of(config: &PlannerConfig, mind: &dyn Mind) -> Option<Self> {
        if config.ask_from == Score::ZERO || mind.about().offline {
            return None;
        }
        match OfflineMind::new() {
            Ok(offline) => Some(Self { offline, ask_from: config.ask_from }),
            Err(error) => {
                tracing::error!(error = %error_chain(&error), "the mind is asked about every text");
                None
            }
        }
    }

    /// Parts texts into those that are settled, with their scores, and those to ask about, in their order. The campaign's own
    /// words count at the first look, too. A goal that the offline mind does not understand settles nothing.
    pub(crate) fn settle(
        &self,
        campaign: &Campaign,
        fresh: Vec<Sighting>,
    ) -> (Vec<(Sighting, Relevance)>, Vec<Sighting>) {
        let texts: Vec<ItemText> = fresh.iter().map(Sighting::text).collect();
        let Ok(Some(said)) = self.offline.first_look(&campaign.goal, &texts) else { return (vec![], fresh) };
        let weights = Weights::of(campaign, &self.offline.about().name);
        let (mut settled, mut open) = (Vec::new(), Vec::with_capacity(fresh.len()));
        for ((sighting, text), said) in fresh.into_iter().zip(&texts).zip(said) {
            let weighed = weights.weighed(text, said);
            if weighed.score < self.ask_from && weighed.score < campaign.relevance_threshold {
                let why = format!("settled at the first look: {}", weighed.why);
                settled.push((sighting, Relevance { why, ..weighed }));
            } else {
                open.push(sighting);
            }
        }
        TEXTS_WEIGHED.add_for("settled", settled.len());
        (settled, open)
    }
}
