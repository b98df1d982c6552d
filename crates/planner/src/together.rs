//! Planning of one document: what each campaign makes of it first, then who takes up which story, then the plans.
//!
//! Where more agents watch a resource than may post about one story, all its campaigns are asked before any of them plans,
//! so that the most relevant have the places; elsewhere nobody waits for another.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use chimera_domain::{Agent, AgentId, Campaign, CampaignId, Channel, SignalId, ToolCall, Usd, policy::StoryVoices};
use chrono::{DateTime, Utc};

use crate::{
    Planner, PlannerError, PlannerReport,
    planner::taint,
    scoring::Scores,
    spans::{Origin, ReadAt},
    triage::{Notes, Planned, Seen, Sighting, triage},
};

/// What a campaign makes of a document.
#[derive(Debug)]
pub(crate) struct Weighed<'a> {
    pub(crate) campaign: &'a Campaign,
    agent: &'a Agent,
    scores: Scores,
    scored_at: DateTime<Utc>,
    reworded: Vec<Sighting>,
    copies: Vec<Sighting>,
}

/// On which channels a campaign may take up an item, by the item's wording.
pub(crate) type Places = HashMap<(CampaignId, String), Vec<Channel>>;

impl Planner {
    /// The campaigns, in groups that are asked together.
    pub(crate) fn groups<'a, 'c>(&self, watching: &'a [&'c Campaign]) -> impl Iterator<Item = &'a [&'c Campaign]> {
        let agents: HashSet<AgentId> =
            watching.iter().filter_map(|campaign| campaign.agents.first().copied()).collect();
        let max = usize::try_from(self.config.same_story_max).unwrap_or(usize::MAX);
        let are_many = max > 0 && agents.len() > max;
        watching.chunks(if are_many { watching.len() } else { 1 })
    }

    /// What a campaign makes of a document's items; `None` when it has seen them all, or has nobody to see them for.
    pub(crate) async fn weigh<'a>(
        &self,
        campaign: &'a Campaign,
        agents: &'a HashMap<AgentId, Arc<Agent>>,
        items: &[Sighting],
        calls: &mut Vec<ToolCall>,
        report: &mut PlannerReport,
    ) -> Result<Option<Weighed<'a>>, PlannerError> {
        let Some(agent) = campaign.agents.first().and_then(|id| agents.get(id)) else {
            tracing::warn!(campaign = %campaign.slug, "the campaign has no agent; give it one");
            return Ok(None);
        };
        let events: Vec<String> = items.iter().map(|s| s.event_key.clone()).collect();
        let wordings: Vec<String> = items.iter().map(|s| s.content_hash.clone()).collect();
        let known = self.store.signals_known(campaign.id, &events, &wordings).await?;
        let sorted = triage(items.to_vec(), &known.events, &known.stories);
        if sorted.fresh.is_empty() && sorted.duplicates.is_empty() {
            return Ok(None);
        }
        let (reworded, fresh) = self.told_before(campaign, sorted.fresh).await?;
        let fresh_count = fresh.len();
        let mut scores = self.score(campaign, agent, fresh).await;
        // What was paid is written down, whatever came of it, and before the governor is asked what is left. What was free
        // can wait for the plan.
        if scores.calls.iter().all(|call| call.cost_usd <= Usd::ZERO) {
            calls.extend(scores.calls.iter().cloned());
        } else {
            self.store.tool_calls_record(&scores.calls).await?;
        }
        report.mind_trouble = report.mind_trouble.take().or(scores.trouble.take());
        if !scores.left.is_empty() {
            tracing::info!(campaign = %campaign.slug, left = scores.left.len(), of = fresh_count, "left for the next round");
        }
        let scored_at = self.ambient.now();
        Ok(Some(Weighed { campaign, agent, scores, scored_at, reworded, copies: sorted.duplicates }))
    }

    /// Who may take up which items: the most relevant campaigns first, of equally relevant ones the first by slug. What the
    /// governor then holds back has its place until the next document.
    pub(crate) async fn places(&self, weighed: &mut [Weighed<'_>]) -> Result<Places, PlannerError> {
        let max = self.config.same_story_max;
        // Whoever planned since may have told a story first.
        let now = self.ambient.now();
        for one in &mut *weighed {
            self.stories.name_scored(&mut one.scores.scored, now);
        }
        let mut bids: Vec<(&Weighed<'_>, &Sighting, chimera_domain::Score)> = Vec::new();
        for one in &*weighed {
            let relevant = one.scores.scored.iter().filter(|(_, said)| said.score >= one.campaign.relevance_threshold);
            bids.extend(relevant.map(|(sighting, said)| (one, sighting, said.score)));
        }
        bids.sort_by_key(|(.., score)| std::cmp::Reverse(*score));
        let known = if max == 0 || bids.is_empty() {
            vec![]
        } else {
            let stories: HashSet<SignalId> = bids.iter().filter_map(|(_, sighting, _)| sighting.story_id).collect();
            let wordings: HashSet<String> = bids.iter().map(|(_, sighting, _)| sighting.content_hash.clone()).collect();
            self.store.story_voices(&Vec::from_iter(stories), &Vec::from_iter(wordings)).await?
        };
        let mut voices = StoryVoices::new(max, known);
        let place = |(one, sighting, _): (&Weighed<'_>, &Sighting, _)| {
            let Campaign { id, channels, .. } = one.campaign;
            let room = voices.admit(sighting.story_id, &sighting.content_hash, one.agent.id, channels);
            ((*id, sighting.content_hash.clone()), room)
        };
        Ok(bids.into_iter().map(place).collect())
    }

    /// Plans what a campaign makes of a document; whether it has seen the whole of it.
    pub(crate) async fn plan_weighed(
        &self,
        weighed: Weighed<'_>,
        places: &mut Places,
        (uri, read): (&str, ReadAt),
        calls: &mut Vec<ToolCall>,
        report: &mut PlannerReport,
    ) -> Result<bool, PlannerError> {
        let Weighed { campaign, agent, scores, scored_at, reworded, copies } = weighed;
        let (seed, video) = (self.config.seed, &self.config.video);
        let seen = Seen { campaign, agent, resource_uri: uri, seed, video };
        let origin = Origin { read, scored: scored_at, questions: &scores.calls };
        let complete = scores.left.is_empty();
        let mut room = self.room(campaign, agent).await?;
        let trending = self.trending().await?;
        let mut planned = Planned::new(self.stories.of_a_plan());
        for (sighting, relevance) in scores.scored {
            let channels = places.remove(&(campaign.id, sighting.content_hash.clone())).unwrap_or_default();
            let taint = taint(&sighting.item.title, &sighting.item.summary);
            let notes = Notes { taint, note: trending.note(&sighting.item.title), channels };
            planned.scored(seen, sighting, relevance, notes, &mut room, &*self.ambient);
        }
        for sighting in reworded {
            planned.reworded(seen, sighting, &*self.ambient);
        }
        // A copy of a story that is yet to be scored must not make the story known.
        let open: HashSet<String> = scores.left.into_iter().map(|s| s.content_hash).collect();
        for sighting in copies.into_iter().filter(|s| !open.contains(&s.content_hash)) {
            planned.copied(seen, sighting, &*self.ambient);
        }
        if planned.signals.is_empty() {
            return Ok(complete);
        }
        Ok(self.commit(campaign, planned, &origin, calls, report).await? && complete)
    }
}
