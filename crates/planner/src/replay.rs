//! Replays: what would become of signals that were scored before, with the goal, the threshold, the model and the
//! calibration as they are now. Nothing is written, and the same signals give the same answer.

use chimera_domain::{Campaign, Score, SignalId, SignalOutcome, TrendSignal, Usd, one_line};
use chimera_llm::{ItemText, Mind, MindError, PersonaBrief, Relevance, RelevanceAsk};
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;

use crate::weigh::Weights;

/// Scores that differ by less are the same.
const SAME: f64 = 0.005;
/// The longest headline that is told, in characters.
const HEADLINE_CHARS_MAX: usize = 200;

/// A signal whose score or decision is another one now.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Redecided {
    /// The signal.
    #[schemars(with = "String")]
    pub signal_id: SignalId,
    /// Its headline.
    pub headline: String,
    /// When it was read.
    pub read_at: DateTime<Utc>,
    /// What became of it.
    pub outcome: SignalOutcome,
    /// Its score then.
    pub before: Score,
    /// Its score now.
    pub now: Score,
    /// Why, in one line.
    pub why: String,
}

/// What a replay brought. The governor is not asked: what is relevant would be planned, or held back until there is room.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct Replay {
    /// Signals scored again.
    pub signals: usize,
    /// Relevant now, and not before.
    pub newly_relevant: Vec<Redecided>,
    /// Relevant before, and not now.
    pub no_longer_relevant: Vec<Redecided>,
    /// As relevant as before, or as little, with another score.
    pub other_score: Vec<Redecided>,
    /// What the mind cost.
    pub cost: Usd,
}

/// Scores texts as a campaign's planner would, in batches. Also says what that cost.
///
/// # Errors
/// [`MindError`] at the first batch that can't be scored.
pub async fn rescore(
    mind: &dyn Mind,
    campaign: &Campaign,
    persona: Option<&PersonaBrief>,
    items: &[ItemText],
    batch: usize,
) -> Result<(Vec<Relevance>, Usd), MindError> {
    let (raw, cost) = score_raw(mind, campaign, persona, items, batch).await?;
    let weigh = |(item, (said, model)): (&ItemText, (Relevance, String))| {
        let weights = Weights::of(campaign, &model);
        weights.denied(item).unwrap_or_else(|| weights.weighed(item, said))
    };
    Ok((items.iter().zip(raw).map(weigh).collect(), cost))
}

/// What a mind says of texts, as it says it, each with the model that said it.
///
/// # Errors
/// As for [`rescore`].
pub async fn score_raw(
    mind: &dyn Mind,
    campaign: &Campaign,
    persona: Option<&PersonaBrief>,
    items: &[ItemText],
    batch: usize,
) -> Result<(Vec<(Relevance, String)>, Usd), MindError> {
    let (mut scores, mut cost) = (Vec::with_capacity(items.len()), Usd::ZERO);
    for batch in items.chunks(batch.max(1)) {
        let ask = RelevanceAsk {
            goal: campaign.goal.clone(),
            persona: persona.cloned(),
            items: batch.to_vec(),
            budget: None,
        };
        let answer = mind.relevance(&ask).await?;
        cost = cost.saturating_add(answer.cost);
        if answer.value.len() != batch.len() {
            let problem = format!("{} scores for {} items", answer.value.len(), batch.len());
            return Err(MindError::Malformed { model: answer.source.model, problem, spent: cost });
        }
        scores.extend(answer.value.into_iter().map(|said| (said, answer.source.model.clone())));
    }
    Ok((scores, cost))
}

impl Replay {
    /// Compares what was decided with what would be: `scores` are those of `signals` now, in the same order.
    pub fn add(&mut self, threshold: Score, signals: Vec<TrendSignal>, scores: Vec<Relevance>) {
        for (signal, now) in signals.into_iter().zip(scores) {
            self.signals += 1;
            let was = signal.outcome.is_relevant();
            let is = now.score >= threshold;
            let moved = (now.score.get() - signal.relevance.get()).abs() >= SAME;
            let row = Redecided {
                signal_id: signal.id,
                headline: one_line(&signal.item.title, HEADLINE_CHARS_MAX),
                read_at: signal.ingested_at,
                outcome: signal.outcome,
                before: signal.relevance,
                now: now.score,
                why: now.why,
            };
            match (was, is) {
                (false, true) => self.newly_relevant.push(row),
                (true, false) => self.no_longer_relevant.push(row),
                _ if moved => self.other_score.push(row),
                _ => {}
            }
        }
    }
}
