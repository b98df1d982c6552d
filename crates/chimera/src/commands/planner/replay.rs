//! `chimera planner replay-trends`

use std::collections::HashMap;

use chimera_domain::{Agent, AgentId, Campaign, Score, TrendSignal, one_line};
use chimera_llm::{ItemText, Mind, PersonaBrief};
use chimera_planner::{Redecided, Replay, rescore};
use chimera_store::Store;
use chrono::{DateTime, Utc};
use clap::Args;
use serde_json::json;

use super::SCORE_BATCH;
use crate::{
    cli::{Global, score},
    commands::campaign,
    compose, output,
};

/// Signals read from the database at once.
const PAGE: u64 = 2_000;
/// Rows of each list that people are shown; JSON has all.
const SHOWN_MAX: usize = 50;

/// Score stored signals again and tell which decisions would be other ones. Writes nothing.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Only signals read at this time or later, such as 2026-11-22T10:00:00Z
    #[arg(long, value_name = "TIME")]
    since: Option<DateTime<Utc>>,
    /// Only this campaign's
    #[arg(long, value_name = "SLUG")]
    campaign: Option<String>,
    /// With another threshold
    #[arg(long, value_name = "SCORE", value_parser = score)]
    threshold: Option<Score>,
    /// With another goal, in words; scores then are as the mind says them, for a calibration belongs to its goal
    #[arg(long, value_name = "TEXT", requires = "campaign")]
    goal: Option<String>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

impl Options {
    pub(super) async fn run(self, global: &Global) -> anyhow::Result<()> {
        let config = global.load(true, None)?;
        let store = compose::open_store(&config).await?;
        let all = store.campaigns().await?;
        let chosen: Vec<Campaign> = match &self.campaign {
            Some(slug) => vec![campaign::named(&all, slug)?.clone()],
            None => all,
        };
        let (mind, choice) = compose::choose_mind(&config).await?;
        output::note(&choice);
        let ids: Vec<AgentId> = chosen.iter().flat_map(|campaign| campaign.agents.iter().copied()).collect();
        let agents: HashMap<AgentId, Agent> =
            store.agents_by_ids(&ids).await?.into_iter().map(|agent| (agent.id, agent)).collect();
        let mut replays = Vec::with_capacity(chosen.len());
        for mut campaign in chosen {
            if let Some(goal) = &self.goal {
                campaign.goal.clone_from(goal);
                campaign.calibration = None;
            }
            campaign.relevance_threshold = self.threshold.unwrap_or(campaign.relevance_threshold);
            let persona = campaign.agents.first().and_then(|id| agents.get(id));
            let persona = persona.map(|agent| PersonaBrief::from(&agent.soul));
            replays.push((self.replay(&store, &*mind, &campaign, persona.as_ref()).await?, campaign));
        }
        if self.json {
            let told = replays.iter().map(|(replay, campaign)| {
                json!({"campaign": campaign.slug, "threshold": campaign.relevance_threshold, "replay": replay})
            });
            return output::json(&told.collect::<Vec<_>>());
        }
        for (replay, campaign) in &replays {
            tell(replay, campaign);
        }
        Ok(())
    }

    async fn replay(
        &self,
        store: &Store,
        mind: &dyn Mind,
        campaign: &Campaign,
        persona: Option<&PersonaBrief>,
    ) -> anyhow::Result<Replay> {
        let since = self.since.unwrap_or(DateTime::UNIX_EPOCH);
        let (mut replay, mut last): (Replay, Option<TrendSignal>) = (Replay::default(), None);
        loop {
            let page = store.signals_scored(campaign.id, since, last.as_ref(), PAGE).await?;
            let Some(newest) = page.last() else { return Ok(replay) };
            last = Some(newest.clone());
            let text = |s: &TrendSignal| ItemText { title: s.item.title.clone(), summary: s.item.summary.clone() };
            let items: Vec<ItemText> = page.iter().map(text).collect();
            let (scores, cost) = rescore(mind, campaign, persona, &items, SCORE_BATCH).await?;
            replay.cost = replay.cost.saturating_add(cost);
            replay.add(campaign.relevance_threshold, page, scores);
        }
    }
}

fn tell(replay: &Replay, campaign: &Campaign) {
    output::line(&format!(
        "{} at {}: {} signals scored again for ${}; {} newly relevant, {} no longer, {} with another score",
        campaign.slug,
        campaign.relevance_threshold,
        replay.signals,
        replay.cost,
        replay.newly_relevant.len(),
        replay.no_longer_relevant.len(),
        replay.other_score.len()
    ));
    let rows = |sign: &'static str, list: &[Redecided]| -> Vec<[String; 6]> {
        let row = |one: &Redecided| {
            [
                sign.to_owned(),
                one.before.to_string(),
                one.now.to_string(),
                one.outcome.to_string(),
                one_line(&one.headline, 60),
                one_line(&one.why, 80),
            ]
        };
        list.iter().take(SHOWN_MAX).map(row).collect()
    };
    let all =
        [rows("+", &replay.newly_relevant), rows("-", &replay.no_longer_relevant), rows("~", &replay.other_score)]
            .concat();
    if !all.is_empty() {
        output::table(["", "before", "now", "outcome", "headline", "why"], all);
    }
}
