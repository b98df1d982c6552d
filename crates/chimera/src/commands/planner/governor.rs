//! `chimera planner check-governor`

use std::collections::HashMap;

use chimera_domain::{
    Agent, AgentId, Ambient as _, Campaign, CampaignId, CampaignLimits, CampaignStatus, GovernorLimits, Usd,
    policy::{CampaignGovernor, CampaignUse, Governor, GovernorUse},
};
use chimera_store::{Store, Waiting};
use chrono::{DateTime, Utc};
use clap::Args;
use serde::Serialize;

use crate::{cli::Global, compose, output, system::SystemAmbient};

/// What agents and campaigns may still plan, what waits, and until when.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// One agent.
#[derive(Debug, Serialize)]
struct OfAgent {
    agent: String,
    limits: GovernorLimits,
    used: GovernorUse,
    posts_left_this_hour: u32,
    posts_left_today: Option<u32>,
    usd_left_today: Usd,
    /// Signals that wait, over all campaigns.
    waiting: u64,
    /// Why nothing more is planned for it; empty while there is room.
    held_back_by: &'static str,
    /// When there is room again.
    until: Option<DateTime<Utc>>,
}

/// One campaign that is not over.
#[derive(Debug, Serialize)]
struct OfCampaign {
    campaign: String,
    status: CampaignStatus,
    limits: CampaignLimits,
    used: CampaignUse,
    posts_left_today: Option<u32>,
    usd_left_today: Option<Usd>,
    /// Signals that wait.
    waiting: u64,
    /// When the first of them was read.
    waiting_since: Option<DateTime<Utc>>,
    /// Why nothing more is planned for it, by its own limits; empty while there is room.
    held_back_by: &'static str,
    /// When there is room again.
    until: Option<DateTime<Utc>>,
}

impl Options {
    pub(super) async fn run(self, global: &Global) -> anyhow::Result<()> {
        let config = global.load(true, None)?;
        let store = compose::open_store(&config).await?;
        let now = SystemAmbient.now();
        let agents = store.agents().await?;
        let mut campaigns = store.campaigns().await?;
        campaigns.retain(|campaign| campaign.status != CampaignStatus::Ended);
        let waiting = store.signals_waiting(&campaigns.iter().map(|campaign| campaign.id).collect::<Vec<_>>()).await?;
        let of_agents = of_agents(&store, agents, &waiting, now).await?;
        let of_campaigns = of_campaigns(&store, campaigns, &waiting, now).await?;
        if self.json {
            return output::json(&serde_json::json!({"at": now, "agents": of_agents, "campaigns": of_campaigns}));
        }
        show(&of_agents, &of_campaigns);
        Ok(())
    }
}

async fn of_agents(
    store: &Store,
    agents: Vec<Agent>,
    waiting: &[Waiting],
    now: DateTime<Utc>,
) -> anyhow::Result<Vec<OfAgent>> {
    let ids: Vec<AgentId> = agents.iter().map(|agent| agent.id).collect();
    let mut used = store.governor_use(&ids, &ids, now).await?;
    let first = store.planned_first(&ids, now).await?;
    let one = |agent: Agent| {
        let (limits, used) = (agent.governor_limits, used.remove(&agent.id).unwrap_or_default());
        let verdict = Governor::new(limits, used).admit(Usd::ZERO);
        OfAgent {
            posts_left_this_hour: limits.max_tasks_per_hour.saturating_sub(used.planned_last_hour),
            posts_left_today: limits.max_tasks_per_day.map(|cap| cap.saturating_sub(used.planned_today)),
            usd_left_today: limits.max_daily_spend.saturating_sub(used.spent_today),
            waiting: waiting.iter().filter(|held| held.agent_id == agent.id).map(|held| held.count).sum(),
            held_back_by: verdict.reason_code(),
            until: verdict.until(now, first.get(&agent.id).copied(), None),
            agent: agent.persona_slug,
            limits,
            used,
        }
    };
    Ok(agents.into_iter().map(one).collect())
}

async fn of_campaigns(
    store: &Store,
    campaigns: Vec<Campaign>,
    waiting: &[Waiting],
    now: DateTime<Utc>,
) -> anyhow::Result<Vec<OfCampaign>> {
    let mut used: HashMap<CampaignId, CampaignUse> =
        store.campaign_use(&campaigns.iter().collect::<Vec<_>>(), now).await?;
    let one = |campaign: Campaign| {
        let used = used.remove(&campaign.id).unwrap_or_default();
        let cost = campaign.channels.iter().map(|_| campaign.post_budget_usd).sum();
        // An agent that may do anything: what is refused then, the campaign refuses.
        let mut anybody = Governor::new(GovernorLimits::UNLIMITED, GovernorUse::default());
        let verdict = CampaignGovernor::new(&campaign, used, now).admit(&mut anybody, cost);
        let held = waiting.iter().filter(|held| held.campaign_id == campaign.id);
        OfCampaign {
            posts_left_today: campaign.limits.daily_task_cap.map(|cap| cap.saturating_sub(used.planned_today)),
            usd_left_today: campaign.limits.daily_budget_usd.map(|budget| budget.saturating_sub(used.spent_today)),
            waiting: held.clone().map(|held| held.count).sum(),
            waiting_since: held.map(|held| held.since).min(),
            held_back_by: verdict.reason_code(),
            until: verdict.until(now, None, campaign.quiet_until(now)),
            campaign: campaign.slug,
            status: campaign.status,
            limits: campaign.limits,
            used,
        }
    };
    Ok(campaigns.into_iter().map(one).collect())
}

fn show(agents: &[OfAgent], campaigns: &[OfCampaign]) {
    let when = |time: Option<DateTime<Utc>>| time.map_or_else(String::new, |at| at.format("%F %H:%M UTC").to_string());
    let of = |used: u32, cap: Option<u32>| cap.map_or_else(|| used.to_string(), |cap| format!("{used} of {cap}"));
    let rows = agents.iter().map(|one| {
        [
            one.agent.clone(),
            of(one.used.planned_last_hour, Some(one.limits.max_tasks_per_hour)),
            of(one.used.planned_today, one.limits.max_tasks_per_day),
            format!("${} of ${}", one.used.spent_today, one.limits.max_daily_spend),
            one.waiting.to_string(),
            one.held_back_by.to_owned(),
            when(one.until),
        ]
    });
    output::table(["agent", "posts this hour", "posts today", "spent today", "waiting", "held back by", "until"], rows);
    let money = |one: &OfCampaign| {
        one.limits
            .daily_budget_usd
            .map_or_else(|| "no limit".to_owned(), |cap| format!("${} of ${cap}", one.used.spent_today))
    };
    let posts = |one: &OfCampaign| {
        one.limits.daily_task_cap.map_or_else(|| "no limit".to_owned(), |cap| of(one.used.planned_today, Some(cap)))
    };
    let rows = campaigns.iter().map(|one| {
        [
            one.campaign.clone(),
            one.status.to_string(),
            posts(one),
            money(one),
            one.limits.quiet_hours.map_or_else(String::new, |hours| hours.to_string()),
            one.waiting.to_string(),
            one.held_back_by.to_owned(),
            when(one.until),
        ]
    });
    let headings =
        ["campaign", "status", "posts today", "spent today", "quiet hours", "waiting", "held back by", "until"];
    output::table(headings, rows);
}
