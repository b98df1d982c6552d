//! What is new, what was seen before, and what is worth a post.

use std::collections::HashSet;

use chimera_domain::{
    Agent, AgentTask, Alert, AlertKind, Ambient, Campaign, GovernorLimits, Severity, SignalId, SignalOutcome, TraceId,
    TrendSignal, Usd,
    contracts::FeedItem,
    policy::{CampaignGovernor, Governor, GovernorVerdict},
};
use chimera_llm::Relevance;
use chrono::{DateTime, Utc};

use crate::dag::{PlanSeed, plan_posts};

/// An item with its two names.
#[derive(Debug, Clone)]
pub struct Sighting {
    /// The item.
    pub item: FeedItem,
    /// Names this version of it within its resource.
    pub event_key: String,
    /// Names its story.
    pub content_hash: String,
}

impl Sighting {
    /// Names an item.
    #[must_use]
    pub fn new(item: FeedItem) -> Self {
        Self { event_key: item.event_key(), content_hash: item.content_hash(), item }
    }
}

/// What a read brought, sorted.
#[derive(Debug, Default)]
pub struct Triage {
    /// Never seen: to be scored.
    pub fresh: Vec<Sighting>,
    /// A new item that tells a known story.
    pub duplicates: Vec<Sighting>,
}

/// Sorts the items of one read, leaving out those already known by their event key.
#[must_use]
pub fn triage(items: Vec<Sighting>, known_events: &HashSet<String>, known_stories: &HashSet<String>) -> Triage {
    let mut sorted = Triage::default();
    let (mut events, mut stories) = (HashSet::new(), HashSet::new());
    for sighting in items {
        if known_events.contains(&sighting.event_key) || !events.insert(sighting.event_key.clone()) {
            continue;
        }
        let told = known_stories.contains(&sighting.content_hash) || !stories.insert(sighting.content_hash.clone());
        if told { sorted.duplicates.push(sighting) } else { sorted.fresh.push(sighting) }
    }
    sorted
}

/// Where and for whom items were seen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen<'a> {
    pub(crate) campaign: &'a Campaign,
    pub(crate) agent: &'a Agent,
    pub(crate) resource_uri: &'a str,
    pub(crate) seed: u64,
}

/// How much more may be planned.
#[derive(Debug, Clone)]
pub(crate) struct Room {
    pub(crate) agent: Governor,
    pub(crate) campaign: CampaignGovernor,
}

/// Signals with the tasks and alerts that follow from them.
#[derive(Debug, Default)]
pub(crate) struct Planned {
    pub(crate) signals: Vec<TrendSignal>,
    pub(crate) tasks: Vec<AgentTask>,
    pub(crate) alerts: Vec<Alert>,
}

impl Planned {
    /// Adds a known story, for the record.
    pub(crate) fn duplicate(&mut self, seen: Seen<'_>, sighting: Sighting, ambient: &dyn Ambient) {
        let relevance = Relevance { score: chimera_domain::Score::ZERO, why: "the same story was seen before".into() };
        self.signals.push(signal(seen, sighting, relevance, vec![], SignalOutcome::Duplicate, ambient));
    }

    /// Adds a scored item; when it is relevant and the governor agrees, its posts are planned.
    pub(crate) fn scored(
        &mut self,
        seen: Seen<'_>,
        sighting: Sighting,
        relevance: Relevance,
        taint: Vec<String>,
        room: &mut Room,
        ambient: &dyn Ambient,
    ) {
        if relevance.score < seen.campaign.relevance_threshold {
            self.signals.push(signal(seen, sighting, relevance, taint, SignalOutcome::BelowThreshold, ambient));
            return;
        }
        match room.campaign.admit(&mut room.agent, posts_budget(seen.campaign)) {
            GovernorVerdict::Allowed => {
                let signal = signal(seen, sighting, relevance, taint, SignalOutcome::Planned, ambient);
                let plan = PlanSeed { campaign: seen.campaign, agent: seen.agent, signal: &signal, seed: seen.seed };
                self.tasks.extend(plan_posts(plan, ambient));
                self.signals.push(signal);
            }
            refused => {
                let mut signal = signal(seen, sighting, relevance, taint, SignalOutcome::Deferred, ambient);
                signal.note = Some(held_back(seen.campaign, refused, ambient.now()));
                self.alerts.extend(cap_alert(seen, &signal, refused, ambient));
                self.signals.push(signal);
            }
        }
    }
}

fn signal(
    seen: Seen<'_>,
    sighting: Sighting,
    relevance: Relevance,
    taint: Vec<String>,
    outcome: SignalOutcome,
    ambient: &dyn Ambient,
) -> TrendSignal {
    let now = ambient.now();
    TrendSignal {
        id: SignalId::generate(ambient),
        tenant_id: seen.campaign.tenant_id,
        trace_id: TraceId::generate(ambient),
        campaign_id: seen.campaign.id,
        agent_id: seen.agent.id,
        resource_uri: seen.resource_uri.to_owned(),
        event_key: sighting.event_key,
        content_hash: sighting.content_hash,
        relevance: relevance.score,
        why: relevance.why,
        taint,
        outcome,
        item: sighting.item,
        ingested_at: now,
        decided_at: now,
        note: None,
    }
}

/// The most that one signal's posts may cost: one post for each channel.
pub(crate) fn posts_budget(campaign: &Campaign) -> Usd {
    campaign.channels.iter().map(|_| campaign.post_budget_usd).sum()
}

/// Why a signal waits, in words.
fn held_back(campaign: &Campaign, refused: GovernorVerdict, now: DateTime<Utc>) -> String {
    let until = match campaign.quiet_until(now).filter(|_| refused == GovernorVerdict::QuietHours) {
        Some(end) => format!(" until {}", end.format("%F %H:%M UTC")),
        None => String::new(),
    };
    format!("held back: {}{until}", refused.reason_code())
}

/// What an operator should know of a signal that is held back. Quiet hours are as wished, and nothing to tell of.
fn cap_alert(seen: Seen<'_>, signal: &TrendSignal, refused: GovernorVerdict, ambient: &dyn Ambient) -> Option<Alert> {
    if refused == GovernorVerdict::QuietHours {
        return None;
    }
    let (agent, limits) = (seen.agent, &seen.campaign.limits);
    let (subject, caps) = if refused.is_of_campaign() {
        let posts = limits.daily_task_cap.map(|cap| format!("{cap} posts a day"));
        let money = limits.daily_budget_usd.map(|budget| format!("${budget} a day"));
        (&seen.campaign.slug, [posts, money].into_iter().flatten().collect::<Vec<_>>())
    } else {
        let GovernorLimits { max_tasks_per_hour, max_tasks_per_day, max_daily_spend, .. } = agent.governor_limits;
        let a_day = max_tasks_per_day.map(|cap| format!("{cap} a day"));
        let caps =
            [Some(format!("{max_tasks_per_hour} posts an hour")), a_day, Some(format!("${max_daily_spend} a day"))];
        (&agent.persona_slug, caps.into_iter().flatten().collect())
    };
    let message = format!("relevant signals for {subject} are held back: at most {}", caps.join(" and "));
    let (kind, code) = (AlertKind::GovernorCap, refused.reason_code());
    let alert = Alert::new(agent.tenant_id, kind, Severity::Warning, subject.as_str(), code, message, ambient);
    Some(alert.in_trace(signal.trace_id))
}
