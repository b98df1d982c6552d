//! What is new, what was seen before, and what is worth a post.

use std::collections::{HashMap, HashSet};

use chimera_domain::{
    Agent, AgentTask, Alert, AlertKind, Ambient, Campaign, Channel, GovernorLimits, Severity, SignalId, SignalOutcome,
    StoryWindow, TraceId, TrendSignal, Usd, Wording,
    contracts::FeedItem,
    policy::{CampaignGovernor, DayMoney, Governor, GovernorVerdict, VideoRule},
};
use chimera_llm::{ItemText, Relevance};
use chrono::{DateTime, Utc};

use crate::dag::{PlanSeed, plan_posts};

/// The reason code of what is refused because enough agents post about its story.
const SAME_STORY: &str = "same_story";

/// An item with its names.
#[derive(Debug, Clone)]
pub struct Sighting {
    /// The item.
    pub item: FeedItem,
    /// Names this version of it within its resource.
    pub event_key: String,
    /// Names its wording.
    pub content_hash: String,
    /// Its headline, to find the story that it tells.
    pub wording: Wording,
    /// The story that it tells, if that is known.
    pub story_id: Option<SignalId>,
}

impl Sighting {
    /// The text that is scored.
    pub(crate) fn text(&self) -> ItemText {
        ItemText { title: self.item.title.clone(), summary: self.item.summary.clone() }
    }

    /// Names an item.
    #[must_use]
    pub fn new(item: FeedItem) -> Self {
        Self {
            event_key: item.event_key(),
            content_hash: item.content_hash(),
            wording: Wording::of(&item.title),
            story_id: None,
            item,
        }
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
pub fn triage(
    items: Vec<Sighting>,
    known_events: &HashSet<String>,
    known_stories: &HashMap<String, SignalId>,
) -> Triage {
    let mut sorted = Triage::default();
    let (mut events, mut stories) = (HashSet::new(), HashSet::new());
    for mut sighting in items {
        if known_events.contains(&sighting.event_key) || !events.insert(sighting.event_key.clone()) {
            continue;
        }
        sighting.story_id = known_stories.get(&sighting.content_hash).copied();
        let told = sighting.story_id.is_some() || !stories.insert(sighting.content_hash.clone());
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
    pub(crate) video: &'a VideoRule,
}

/// How much more may be planned.
#[derive(Debug, Clone)]
pub(crate) struct Room {
    pub(crate) agent: Governor,
    pub(crate) campaign: CampaignGovernor,
}

impl Room {
    /// What both have for the day beyond what is admitted.
    fn left(&self) -> Vec<DayMoney> {
        left(&self.agent, &self.campaign)
    }
}

/// What an agent and a campaign have for the day beyond what they have admitted.
pub(crate) fn left(agent: &Governor, campaign: &CampaignGovernor) -> Vec<DayMoney> {
    [agent.money()].into_iter().chain(campaign.money()).collect()
}

/// What is noted on an item beside its relevance.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    /// Names of injection markers found in it.
    pub(crate) taint: Vec<String>,
    /// The trend that it is part of, in words.
    pub(crate) note: Option<String>,
    /// Channels of the campaign on which its story has room for one more of the fleet's agents.
    pub(crate) channels: Vec<Channel>,
}

/// Signals with the tasks and alerts that follow from them.
#[derive(Debug)]
pub(crate) struct Planned {
    pub(crate) signals: Vec<TrendSignal>,
    pub(crate) tasks: Vec<AgentTask>,
    pub(crate) alerts: Vec<Alert>,
    /// Stories that are told here for the first time, to be known once this is committed.
    pub(crate) told: Vec<(SignalId, Wording, DateTime<Utc>)>,
    /// The same, to be found.
    window: StoryWindow,
    /// Those stories that were relevant.
    relevant: HashSet<SignalId>,
    /// The stories of all content hashes that were met.
    worded: HashMap<String, SignalId>,
    /// Why relevant signals are not planned, each by a reason code.
    pub(crate) turned_away: Vec<&'static str>,
    /// How many of the signals are known stories in other words.
    pub(crate) reworded: usize,
}

impl Planned {
    /// Nothing yet; `window` is empty.
    pub(crate) fn new(window: StoryWindow) -> Self {
        Self {
            signals: vec![],
            tasks: vec![],
            alerts: vec![],
            told: vec![],
            window,
            relevant: HashSet::new(),
            worded: HashMap::new(),
            turned_away: vec![],
            reworded: 0,
        }
    }

    /// Adds a copy of a known item, as one more source of its story.
    pub(crate) fn copied(&mut self, seen: Seen<'_>, mut sighting: Sighting, ambient: &dyn Ambient) {
        sighting.story_id = sighting.story_id.or_else(|| self.worded.get(&sighting.content_hash).copied());
        self.duplicate(seen, sighting, "the same story was seen before", ambient);
    }

    /// Adds a known story in other words, as one more source of it.
    pub(crate) fn reworded(&mut self, seen: Seen<'_>, sighting: Sighting, ambient: &dyn Ambient) {
        self.reworded += 1;
        self.duplicate(seen, sighting, "the same story was seen before, in other words", ambient);
    }

    fn duplicate(&mut self, seen: Seen<'_>, sighting: Sighting, why: &str, ambient: &dyn Ambient) {
        let relevance = Relevance { score: chimera_domain::Score::ZERO, why: why.to_owned() };
        self.push(signal(seen, sighting, relevance, Notes::default(), SignalOutcome::Duplicate, ambient));
    }

    fn push(&mut self, signal: TrendSignal) {
        self.worded.entry(signal.content_hash.clone()).or_insert(signal.story_id);
        self.signals.push(signal);
    }

    /// The story that an item tells, if it is known. What may be an attack tells no story first: it would keep the honest
    /// wordings of that story from being planned.
    fn story(&self, sighting: &Sighting, taint: &[String], now: DateTime<Utc>) -> Option<SignalId> {
        if !taint.is_empty() {
            return None;
        }
        sighting.story_id.or_else(|| self.window.find(&sighting.wording, now))
    }

    /// Adds a scored item; when it is relevant and the governor agrees, its posts are planned.
    pub(crate) fn scored(
        &mut self,
        seen: Seen<'_>,
        mut sighting: Sighting,
        relevance: Relevance,
        notes: Notes,
        room: &mut Room,
        ambient: &dyn Ambient,
    ) {
        sighting.story_id = self.story(&sighting, &notes.taint, ambient.now());
        if sighting.story_id.is_some_and(|story| self.relevant.contains(&story)) {
            self.reworded(seen, sighting, ambient);
            return;
        }
        let (wording, is_first) = (sighting.wording.clone(), sighting.story_id.is_none() && notes.taint.is_empty());
        self.weighed(seen, sighting, relevance, notes, room, ambient);
        let Some(signal) = self.signals.last() else { return };
        if signal.outcome != SignalOutcome::BelowThreshold {
            self.relevant.insert(signal.story_id);
        }
        if is_first {
            self.window.tell(signal.story_id, wording.clone(), signal.ingested_at);
            self.told.push((signal.story_id, wording, signal.ingested_at));
        }
    }

    fn weighed(
        &mut self,
        seen: Seen<'_>,
        sighting: Sighting,
        relevance: Relevance,
        notes: Notes,
        room: &mut Room,
        ambient: &dyn Ambient,
    ) {
        if relevance.score < seen.campaign.relevance_threshold {
            self.push(signal(seen, sighting, relevance, notes, SignalOutcome::BelowThreshold, ambient));
            return;
        }
        if notes.channels.is_empty() {
            let mut signal = signal(seen, sighting, relevance, notes, SignalOutcome::Refused, ambient);
            signal.note =
                Some(with_trend("refused: enough agents of the fleet post about this story".to_owned(), signal.note));
            self.turned_away.push(SAME_STORY);
            self.push(signal);
            return;
        }
        match room.campaign.admit(&mut room.agent, posts_budget(seen.campaign, &notes.channels)) {
            GovernorVerdict::Allowed => {
                let (trending, left, channels) = (notes.note.is_some(), room.left(), notes.channels.clone());
                let mut signal = signal(seen, sighting, relevance, notes, SignalOutcome::Planned, ambient);
                if let Some(others) = left_to_others(seen.campaign, &channels) {
                    signal.note = Some(with_trend(others, signal.note));
                }
                let Seen { campaign, agent, seed, video, .. } = seen;
                let plan = PlanSeed { campaign, agent, signal: &signal, seed, video, trending, left: &left };
                self.tasks
                    .extend(plan_posts(plan, ambient).into_iter().filter(|task| channels.contains(&task.channel)));
                self.push(signal);
            }
            refused => {
                let mut signal = signal(seen, sighting, relevance, notes, SignalOutcome::Deferred, ambient);
                let held = held_back(seen.campaign, refused, ambient.now());
                signal.note = Some(with_trend(held, signal.note));
                self.turned_away.push(refused.reason_code());
                self.alerts.extend(cap_alert(seen, &signal, refused, ambient));
                self.push(signal);
            }
        }
    }
}

fn signal(
    seen: Seen<'_>,
    sighting: Sighting,
    relevance: Relevance,
    notes: Notes,
    outcome: SignalOutcome,
    ambient: &dyn Ambient,
) -> TrendSignal {
    let (now, id) = (ambient.now(), SignalId::generate(ambient));
    TrendSignal {
        id,
        tenant_id: seen.campaign.tenant_id,
        trace_id: TraceId::generate(ambient),
        campaign_id: seen.campaign.id,
        agent_id: seen.agent.id,
        resource_uri: seen.resource_uri.to_owned(),
        event_key: sighting.event_key,
        content_hash: sighting.content_hash,
        story_id: sighting.story_id.unwrap_or(id),
        relevance: relevance.score,
        why: relevance.why,
        taint: notes.taint,
        outcome,
        item: sighting.item,
        ingested_at: now,
        decided_at: now,
        note: notes.note,
    }
}

/// The most that one signal's posts may cost: one post for each of these channels.
pub(crate) fn posts_budget(campaign: &Campaign, channels: &[Channel]) -> Usd {
    channels.iter().map(|_| campaign.post_budget_usd).sum()
}

/// On which of the campaign's channels a story is left to other agents, in words.
pub(crate) fn left_to_others(campaign: &Campaign, channels: &[Channel]) -> Option<String> {
    let others: Vec<&str> =
        campaign.channels.iter().filter(|of| !channels.contains(of)).map(|of| of.as_str()).collect();
    (!others.is_empty()).then(|| format!("left to others of the fleet on {}", others.join(", ")))
}

/// What is noted, with the trend that the signal is part of.
fn with_trend(note: String, trend: Option<String>) -> String {
    match trend {
        Some(trend) => format!("{note}; {trend}"),
        None => note,
    }
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
