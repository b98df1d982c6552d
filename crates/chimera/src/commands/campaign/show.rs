//! One campaign, as it is.

use std::collections::{BTreeMap, HashMap};

use chimera_domain::{AgentId, Ambient as _, Campaign, CampaignOrigin, one_line};
use chimera_store::Store;
use serde_json::json;

use crate::{output, system::SystemAmbient};

const PLANS_WAIT: &str = "wait for an operator: `chimera plan list`";

/// The slugs of a campaign's agents, in its order.
pub(super) async fn agents(campaign: &Campaign, store: &Store) -> anyhow::Result<Vec<String>> {
    let found = store.agents_by_ids(&campaign.agents).await?;
    let slugs: HashMap<AgentId, String> = found.into_iter().map(|agent| (agent.id, agent.persona_slug)).collect();
    Ok(campaign.agents.iter().filter_map(|id| slugs.get(id).cloned()).collect())
}

/// Who says what a campaign is.
pub(super) const fn origin(origin: CampaignOrigin) -> &'static str {
    match origin {
        CampaignOrigin::Configuration => "configuration",
        CampaignOrigin::Operator => "operator",
    }
}

/// Prints a campaign.
pub(super) async fn show(store: &Store, campaign: &Campaign, as_json: bool) -> anyhow::Result<()> {
    let agents = agents(campaign, store).await?;
    let counts = store.signal_counts(Some(campaign.id)).await?;
    let signals: BTreeMap<&str, u64> = counts.into_iter().map(|(outcome, count)| (outcome.as_str(), count)).collect();
    let spent = store.spend_total(Some(campaign.id)).await?;
    let quiet_until = campaign.quiet_until(SystemAmbient.now());
    if as_json {
        return output::json(&json!({
            "campaign": campaign, "agents": agents, "signals": signals, "spent_usd": spent, "quiet_until": quiet_until,
        }));
    }
    let made_by = match campaign.origin {
        CampaignOrigin::Configuration => "the configuration: edit it there, or `campaign edit --take-over`",
        CampaignOrigin::Operator => "an operator: the configuration leaves it alone",
    };
    let limits = &campaign.limits;
    let unlimited = || "no limit".to_owned();
    let terms = &campaign.terms;
    let list = |terms: &[String]| if terms.is_empty() { "-".to_owned() } else { one_line(&terms.join(", "), 300) };
    let told: Vec<String> = signals.iter().map(|(outcome, count)| format!("{count} {outcome}")).collect();
    let channels: Vec<&str> = campaign.channels.iter().map(|channel| channel.as_str()).collect();
    let quiet = limits.quiet_hours.map_or_else(|| "never".to_owned(), |hours| hours.to_string());
    let quiet =
        quiet_until.map_or(quiet.clone(), |until| format!("{quiet}; now, until {}", until.format("%F %H:%M UTC")));
    let rows = [
        ("campaign", campaign.slug.clone()),
        ("status", campaign.status.to_string()),
        ("version", format!("{}, its brief of {}", campaign.state_version, campaign.brief_version)),
        ("made by", made_by.to_owned()),
        ("goal", one_line(&campaign.goal, 300)),
        ("agents", list(&agents)),
        ("resources", list(&campaign.resources)),
        ("channels", channels.join(", ")),
        ("threshold", campaign.relevance_threshold.to_string()),
        ("a post costs at most", format!("${}", campaign.post_budget_usd)),
        ("a day costs at most", limits.daily_budget_usd.map_or_else(unlimited, |usd| format!("${usd}"))),
        ("posts a day", limits.daily_task_cap.map_or_else(unlimited, |cap| cap.to_string())),
        ("quiet hours", quiet),
        ("plans", if limits.plan_review { PLANS_WAIT } else { "begin at once" }.to_owned()),
        ("keywords", list(&terms.keywords)),
        ("always takes", list(&terms.allow)),
        ("denies", list(&terms.deny)),
        ("examples", list(&terms.examples)),
        ("counter-examples", list(&terms.counter_examples)),
        (
            "calibrated",
            campaign.calibration.as_ref().map_or_else(
                || "no: scores are as the mind says them".to_owned(),
                |map| format!("{} by {} examples, for {}", map.method, map.examples, map.model),
            ),
        ),
        ("signals", if told.is_empty() { "none yet".to_owned() } else { told.join(", ") }),
        ("spent so far", format!("${spent}")),
    ];
    output::table(["what", "how"], rows.map(|(what, how)| [what.to_owned(), how]));
    Ok(())
}
