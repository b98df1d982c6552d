//! What was spent, by whom and for what.

use std::collections::HashMap;

use askama::Template;
use axum::{Extension, extract::State, response::Response};
use chimera_domain::{Agent, AgentId, Campaign, CampaignId, EntryState, LedgerEntry, SpendWindows, Usd};
use chimera_store::FleetSpend;
use chrono::{DateTime, Duration, Utc};

use super::{
    Frame, drawn,
    show::{When, dollars, percent},
};
use crate::{access::Visitor, problem::Problem, routes::Shared};

/// Days in the chart, today among them.
const DAYS: u32 = 14;
/// Agents and campaigns that are added up, by name.
const ADDED_UP: u64 = 200;
/// Entries of the ledger that are shown, of the last day.
const ENTRIES: u64 = 50;
/// The chart's height, a bar's width and the room it takes, in pixels.
const CHART: (f64, f64, f64) = (110.0, 34.0, 44.0);

/// Who spent, or for what.
#[derive(Debug, PartialEq)]
struct Row {
    name: String,
    link: Option<String>,
    today: String,
    cap: Option<String>,
    share: f64,
    full: bool,
    all_days: String,
    sum: Usd,
}

/// A day in the chart.
#[derive(Debug, PartialEq)]
struct Bar {
    x: f64,
    y: f64,
    height: f64,
    middle: f64,
    label: String,
    day: String,
}

/// What was spent, day by day.
#[derive(Debug, PartialEq)]
struct Chart {
    width: f64,
    bar: f64,
    base: f64,
    bars: Vec<Bar>,
    /// The same in words.
    words: String,
}

/// An entry of the ledger.
#[derive(Debug)]
struct Line {
    when: When,
    agent: String,
    campaign: String,
    purpose: String,
    state: String,
    class: &'static str,
    reserved: String,
    cost: String,
    counted: String,
    trace: Option<String>,
}

#[derive(Debug, Template)]
#[template(path = "money.html")]
struct MoneyPage {
    frame: Frame,
    spent: String,
    caps: String,
    reserved: String,
    all_days: String,
    days: u32,
    chart: Option<Chart>,
    agents: Vec<Row>,
    campaigns: Vec<Row>,
    /// Whether there are more agents or campaigns than are added up.
    is_partial: bool,
    lines: Vec<Line>,
}

pub(crate) async fn page(
    State(shared): State<Shared>,
    Extension(visitor): Extension<Visitor>,
) -> Result<Response, Problem> {
    let (store, now) = (&shared.access.store, shared.access.ambient.now());
    let midnight = SpendWindows::midnight(now);
    let since = midnight - Duration::days(i64::from(DAYS) - 1);
    let agents = store.agents_page(None, ADDED_UP).await?;
    let campaigns = store.campaigns_page(None, ADDED_UP).await?;
    let ids: Vec<AgentId> = agents.iter().map(|agent| agent.id).collect();
    let by_day = store.spend_by_day(&ids, since, DAYS).await?;
    let for_campaigns: Vec<CampaignId> = campaigns.iter().map(|campaign| campaign.id).collect();
    let today = store.campaigns_spent(&for_campaigns, midnight).await?;
    let all = store.campaigns_spent(&for_campaigns, since).await?;
    let entries = store.spend_entries(&ids, now - Duration::days(1), None, Some(ENTRIES)).await?;
    let FleetSpend { today: spent, reserved, caps, .. } = store.fleet_spend(now).await?;
    let total: Usd = by_day.iter().map(|(_, _, amount)| *amount).sum();
    let full = |count: usize| u64::try_from(count).is_ok_and(|count| count >= ADDED_UP);
    let page = MoneyPage {
        frame: Frame::of(&shared, &visitor, "/money").await?,
        spent: dollars(spent),
        caps: dollars(caps),
        reserved: dollars(reserved),
        all_days: dollars(total),
        days: DAYS,
        chart: (total > Usd::ZERO).then(|| chart(&by_day, since)),
        agents: by_agent(&agents, &by_day),
        campaigns: by_campaign(&campaigns, (&today, &all), total),
        is_partial: full(agents.len()) || full(campaigns.len()),
        lines: entries.iter().map(|entry| line(entry, &agents, &campaigns, now)).collect(),
    };
    drawn(&page)
}

fn chart(by_day: &[(AgentId, u32, Usd)], since: DateTime<Utc>) -> Chart {
    let (high, bar, room) = CHART;
    let of_day = |day: u32| -> Usd { by_day.iter().filter(|(_, of, _)| *of == day).map(|(_, _, sum)| *sum).sum() };
    let sums: Vec<(u32, Usd)> = (0..DAYS).map(|day| (day, of_day(day))).collect();
    let most = sums.iter().map(|(_, sum)| *sum).max().unwrap_or_default();
    let date = |day: u32| since + Duration::days(day.into());
    let bars = sums.iter().map(|(day, sum)| {
        let height = percent(*sum, most) * high / 100.0;
        let x = f64::from(*day) * room + (room - bar) / 2.0;
        let label = if *sum == Usd::ZERO { String::new() } else { dollars(*sum) };
        let (y, middle, day) = (high - height + 20.0, x + bar / 2.0, date(*day).format("%d").to_string());
        Bar { x, y, height, middle, label, day }
    });
    let words = sums.iter().map(|(day, sum)| format!("{} {}", date(*day).format("%F"), dollars(*sum)));
    Chart {
        width: f64::from(DAYS) * room,
        bar,
        base: high + 20.0,
        bars: bars.collect(),
        words: words.collect::<Vec<_>>().join(", "),
    }
}

fn by_agent(agents: &[Agent], by_day: &[(AgentId, u32, Usd)]) -> Vec<Row> {
    let mut sums: HashMap<AgentId, (Usd, Usd)> = HashMap::new();
    for (agent, day, amount) in by_day {
        let (today, all) = sums.entry(*agent).or_default();
        *all = all.saturating_add(*amount);
        if *day + 1 == DAYS {
            *today = today.saturating_add(*amount);
        }
    }
    let rows = agents.iter().map(|agent| {
        let (today, all) = sums.get(&agent.id).copied().unwrap_or_default();
        row(agent.display_name.clone(), None, today, all, Some(agent.governor_limits.max_daily_spend))
    });
    dearest_first(rows.collect())
}

/// What is for no campaign in particular is questions to the mind about what several campaigns read.
fn by_campaign(
    campaigns: &[Campaign],
    (today, all): (&HashMap<CampaignId, Usd>, &HashMap<CampaignId, Usd>),
    total: Usd,
) -> Vec<Row> {
    let of = |sums: &HashMap<CampaignId, Usd>, id| sums.get(id).copied().unwrap_or_default();
    let mut rows: Vec<Row> = campaigns
        .iter()
        .map(|campaign| {
            let link = format!("/campaigns/{}", campaign.id);
            let (today, all) = (of(today, &campaign.id), of(all, &campaign.id));
            row(campaign.slug.clone(), Some(link), today, all, campaign.limits.daily_budget_usd)
        })
        .collect();
    let rest = total.saturating_sub(all.values().copied().sum());
    if rest > Usd::ZERO {
        let shared = "for no campaign alone".to_owned();
        rows.push(Row { today: String::new(), ..row(shared, None, Usd::ZERO, rest, None) });
    }
    dearest_first(rows)
}

fn row(name: String, link: Option<String>, today: Usd, all: Usd, cap: Option<Usd>) -> Row {
    let share = cap.map_or(0.0, |cap| percent(today, cap));
    Row {
        name,
        link,
        today: dollars(today),
        cap: cap.map(dollars),
        share,
        full: share >= 90.0,
        all_days: dollars(all),
        sum: all,
    }
}

fn dearest_first(mut rows: Vec<Row>) -> Vec<Row> {
    rows.sort_by_key(|row| std::cmp::Reverse(row.sum));
    rows
}

fn line(entry: &LedgerEntry, agents: &[Agent], campaigns: &[Campaign], now: DateTime<Utc>) -> Line {
    let (state, class) = match entry.state {
        EntryState::Open => ("set aside", "busy"),
        EntryState::Settled => ("settled", "good"),
        EntryState::Released => ("given back", "idle"),
        EntryState::Presumed => ("presumed spent", "wait"),
    };
    let agent = agents.iter().find(|agent| agent.id == entry.agent_id);
    let campaign = campaigns.iter().find(|campaign| Some(campaign.id) == entry.campaign_id);
    Line {
        when: When::of(entry.reserved_at, now),
        agent: agent.map(|agent| agent.display_name.clone()).unwrap_or_default(),
        campaign: campaign.map(|campaign| campaign.slug.clone()).unwrap_or_default(),
        purpose: entry.purpose.replace('_', " "),
        state: state.to_owned(),
        class,
        reserved: dollars(entry.reserved),
        cost: dollars(entry.cost),
        counted: dollars(entry.counted),
        trace: entry.trace_id.map(|trace| trace.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use chimera_testkit::SeededAmbient;

    use super::*;

    #[test]
    fn the_highest_day_fills_the_chart_and_the_others_follow() {
        let agent = AgentId::generate(&SeededAmbient::new(1));
        let since = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let spent = [(agent, 0, Usd::dollars(1)), (agent, 13, Usd::dollars(3)), (agent, 13, Usd::dollars(1))];
        let chart = chart(&spent, since);
        assert_eq!(chart.bars.len(), 14);
        let heights: Vec<f64> = chart.bars.iter().map(|bar| bar.height).filter(|height| *height > 0.0).collect();
        assert_eq!(heights, [CHART.0 / 4.0, CHART.0]);
        assert_eq!((chart.bars[13].label.as_str(), chart.bars[13].y), ("$4.00", 20.0));
        assert!(chart.words.starts_with("2027-01-15 $1.00, 2027-01-16 $0, "), "{}", chart.words);
    }
}
