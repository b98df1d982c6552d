//! Asking the mind what matters: in batches, and so that one item it chokes on holds back no other.

use std::collections::VecDeque;

use chimera_domain::{Agent, Campaign, Score, ToolCall, TraceId, error_chain};
use chimera_llm::{Answer, Asked, MindError, OwnWords, PersonaBrief, Relevance, RelevanceAsk};

use chimera_telemetry::TEXTS_WEIGHED;

use crate::{Planner, spans, triage::Sighting, weigh::Weights};

/// Questions for one document beyond those that its batches need. Halving a batch of 64 down to one bad item takes 12.
const EXTRA_QUESTIONS_MAX: usize = 24;

/// What the mind made of new items.
#[derive(Debug, Default)]
pub(crate) struct Scores {
    /// Items with their scores.
    pub(crate) scored: Vec<(Sighting, Relevance)>,
    /// Items to ask about again in the next round.
    pub(crate) left: Vec<Sighting>,
    /// Why there are any left.
    pub(crate) trouble: Option<String>,
    /// What asking took, whatever came of it.
    pub(crate) calls: Vec<ToolCall>,
}

impl Planner {
    /// Scores new items, but for those that the campaign denies: nobody is asked about them. A batch that the mind refuses because of what it says is halved until the item that it chokes
    /// on is alone; that one counts as not relevant. Any other failure leaves the rest for the next round.
    pub(crate) async fn score(&self, campaign: &Campaign, agent: &Agent, fresh: Vec<Sighting>) -> Scores {
        let mut scores = Scores::default();
        let words = OwnWords::new(&campaign.terms);
        let mut asked = Vec::with_capacity(fresh.len());
        for sighting in fresh {
            match words.denied(&sighting.text()) {
                Some(relevance) => scores.scored.push((sighting, relevance)),
                None => asked.push(sighting),
            }
        }
        TEXTS_WEIGHED.add_for("denied", scores.scored.len());
        if let Some(sieve) = &self.sieve {
            let (settled, open) = sieve.settle(campaign, asked);
            scores.scored.extend(settled);
            asked = open;
        }
        TEXTS_WEIGHED.add_for("asked", asked.len());
        // Those that nobody was asked about.
        let denied = scores.scored.len();
        let mut batches: VecDeque<Vec<Sighting>> = VecDeque::new();
        let mut fresh = asked.into_iter().peekable();
        while fresh.peek().is_some() {
            batches.push_back(fresh.by_ref().take(self.config.score_batch.max(1)).collect());
        }
        let mut questions_left = batches.len() + EXTRA_QUESTIONS_MAX;
        let mut refused: Vec<(Sighting, MindError)> = Vec::new();
        while let Some(batch) = batches.pop_front() {
            if questions_left == 0 {
                scores.left.extend(batch);
                continue;
            }
            questions_left -= 1;
            match self.ask(campaign, agent, &batch, &mut scores.calls).await {
                Ok(answer) => scores.scored.extend(batch.into_iter().zip(answer)),
                Err(error) if is_about_the_items(&error) && batch.len() > 1 => {
                    let (first, second) = batch.split_at(batch.len() / 2);
                    // In place of the batch, so that the order of items stays.
                    batches.push_front(second.to_vec());
                    batches.push_front(first.to_vec());
                }
                Err(error) if is_about_the_items(&error) => {
                    refused.extend(batch.into_iter().next().map(|item| (item, error)));
                }
                Err(error) => {
                    tracing::warn!(campaign = %campaign.slug, error = %error_chain(&error), "the mind could not score; next round");
                    scores.trouble = Some(error_chain(&error));
                    scores.left.extend(batch);
                    scores.left.extend(batches.drain(..).flatten());
                }
            }
        }
        // A mind that understood nothing at all is out of order, and the items are not to blame.
        let in_order = scores.scored.len() > denied;
        for (item, error) in refused {
            if in_order || matches!(error, MindError::Blocked { .. }) {
                let why = format!("the mind would not score it: {}", error_chain(&error));
                scores.scored.push((item, Relevance { score: Score::ZERO, why }));
            } else {
                scores.trouble = Some(error_chain(&error));
                scores.left.push(item);
            }
        }
        scores
    }

    async fn ask(
        &self,
        campaign: &Campaign,
        agent: &Agent,
        batch: &[Sighting],
        calls: &mut Vec<ToolCall>,
    ) -> Result<Vec<Relevance>, MindError> {
        let ask = RelevanceAsk {
            goal: campaign.goal.clone(),
            persona: Some(PersonaBrief::from(&agent.soul)),
            items: batch.iter().map(Sighting::text).collect(),
            budget: None,
        };
        let trace_id = TraceId::generate(&*self.ambient);
        let asked =
            Asked { mind: &*self.mind, question: "relevance", trace_id, task_id: None, agent_id: Some(agent.id) };
        let span = spans::of_question(trace_id, &campaign.slug, batch.len());
        let asking = asked.record(&*self.ambient, &ask, self.mind.relevance(&ask));
        let (answer, call) = span.around(asking).await;
        calls.push(call);
        let Answer { value, source, .. } = answer?;
        if value.len() == batch.len() {
            let weights = Weights::of(campaign, &source.model);
            let weighed = ask.items.iter().zip(value).map(|(item, said)| weights.weighed(item, said));
            return Ok(weighed.collect());
        }
        // Paired up by position, a short answer would drop items for good. What it cost is on record above.
        let problem = format!("{} scores for {} items", value.len(), batch.len());
        Err(MindError::Malformed { model: source.model, problem, spent: chimera_domain::Usd::ZERO })
    }
}

/// Whether it lies in what was asked about, so that other items may fare better.
const fn is_about_the_items(error: &MindError) -> bool {
    matches!(error, MindError::Blocked { .. } | MindError::Malformed { .. } | MindError::Truncated { .. })
}
