//! What an operator may set about planning.

use std::{collections::BTreeMap, time::Duration};

use chimera_domain::{Score, TopicLimits, TrendRule, policy::VideoRule};
use chrono::TimeDelta;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::reading::split_uri;

/// The least cosine between a headline and the subject that it belongs to, by the built-in table. Of pairs of real headlines
/// drawn by chance one in a hundred has 0.46 or more; headlines on one event have 0.4 to 0.8 with each other, and more with
/// their middle.
pub(crate) const NEARNESS_MIN: f32 = 0.55;

/// What an operator may set about planning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PlannerConfig {
    /// How often each resource is read, in milliseconds.
    pub poll_interval_ms: u64,
    /// What differs for single resources, by their URI.
    pub resources: BTreeMap<String, ResourceConfig>,
    /// Whether to subscribe to resources whose servers offer that, beside polling them.
    pub subscribe: bool,
    /// How long a resource may bring nothing new before an operator is alerted, in hours. Where nothing is said, eight times as
    /// long as its own rhythm lets expect, one day at least.
    pub stale_hours: Option<u32>,
    /// Items scored in one question to the mind, 1 or more.
    pub score_batch: usize,
    /// A text that the offline mind scores below this is let go without asking a mind that costs, 0 to 1; 0 asks about every
    /// text. For feeds in English only: the offline mind knows no other words. docs/offline-mind.md has what it saves and misses.
    pub ask_from: Score,
    /// Resources read at the same time, 1 or more.
    pub reads_at_once: usize,
    /// Failed reads in a row before an operator is alerted.
    pub feed_down_after: u32,
    /// How long a relevant signal waits for room under the governor's caps, and a plan for its operator, before it is
    /// dropped as stale, in hours.
    pub held_hours_max: u32,
    /// How long after it was first told a story is known in other words, too, in hours. 0: only exact copies are known.
    pub story_hours: u32,
    /// Stories that are known in other words, the newest. Each takes about 1 kB of memory.
    pub stories_max: usize,
    /// Agents of the fleet that may post about one story on any channel; further ones leave it to them, for many voices on one
    /// story look like a swarm. 0: any number.
    pub same_story_max: u32,
    /// When a subject that many tell of becomes a trend.
    pub trends: TrendConfig,
    /// Who is answered that speaks to the agents.
    pub replies: RepliesConfig,
    /// Which videos are made from words alone, and which from the post's picture.
    pub video: VideoRule,
    /// Makes every chance draw repeatable.
    pub seed: u64,
}

impl Default for PlannerConfig {
    fn default() -> Self {
        Self {
            poll_interval_ms: 60_000,
            resources: BTreeMap::new(),
            subscribe: false,
            stale_hours: None,
            score_batch: 64,
            ask_from: Score::ZERO,
            reads_at_once: 8,
            feed_down_after: 3,
            held_hours_max: 24,
            story_hours: 72,
            stories_max: 20_000,
            same_story_max: 3,
            trends: TrendConfig::default(),
            replies: RepliesConfig::default(),
            video: VideoRule::default(),
            seed: 0,
        }
    }
}

/// Who is answered that speaks to the agents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RepliesConfig {
    /// The resource that says who speaks to an account, such as `mcp://sandbox/sandbox://mentions/{account}`; `{account}` is the
    /// agent's slug. Nobody is answered where it is left out. What is older than `held_hours_max` is not answered.
    pub resource: Option<String>,
    /// So often an agent speaks in one thread at the most, the post it began with left out: no quarrel, and no two machines, go on
    /// for ever.
    pub turns_max: usize,
}

/// What stands for the agent's account in the resource of replies.
const ACCOUNT: &str = "{account}";

impl Default for RepliesConfig {
    fn default() -> Self {
        Self { resource: None, turns_max: 3 }
    }
}

impl RepliesConfig {
    /// Whether the resource names a server, and the account once.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.resource.as_ref().is_none_or(|resource| {
            let names_server = split_uri(resource).is_some_and(|(server, _)| !server.contains('{'));
            names_server && resource.matches(ACCOUNT).count() == 1
        })
    }

    /// The server of the resource, if there is one.
    #[must_use]
    pub fn server(&self) -> Option<&str> {
        split_uri(self.resource.as_ref()?).map(|(server, _)| server)
    }

    /// The resource of one account.
    pub(crate) fn of(&self, account: &str) -> Option<String> {
        self.resource.as_ref().map(|resource| resource.replace(ACCOUNT, account))
    }

    /// Whether a resource is some account's.
    pub(crate) fn is_of_mentions(&self, uri: &str) -> bool {
        let parts = self.resource.as_ref().and_then(|resource| resource.split_once(ACCOUNT));
        parts.is_some_and(|(before, after)| uri.strip_prefix(before).is_some_and(|rest| rest.ends_with(after)))
    }
}

/// What differs for one resource.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ResourceConfig {
    /// How often it is read, in milliseconds.
    pub poll_interval_ms: Option<u64>,
    /// How long it may bring nothing new before an operator is alerted, in hours.
    pub stale_hours: Option<u32>,
}

impl PlannerConfig {
    /// How often this resource is read.
    pub(crate) fn interval(&self, uri: &str) -> Duration {
        let own = self.resources.get(uri).and_then(|resource| resource.poll_interval_ms);
        Duration::from_millis(own.unwrap_or(self.poll_interval_ms).max(1))
    }

    /// How often it is looked what is due: as often as the resource that is read most often.
    pub(crate) fn tick(&self) -> Duration {
        let own = self.resources.values().filter_map(|resource| resource.poll_interval_ms);
        Duration::from_millis(own.fold(self.poll_interval_ms, u64::min).max(1))
    }

    /// How long this resource may bring nothing new, where that was said.
    pub(crate) fn silence(&self, uri: &str) -> Option<Duration> {
        let own = self.resources.get(uri).and_then(|resource| resource.stale_hours);
        own.or(self.stale_hours).map(|hours| Duration::from_secs(u64::from(hours) * 3_600))
    }
}

/// When a subject that many tell of becomes a trend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TrendConfig {
    /// What counts as now, in minutes. 0: no trends are spotted.
    pub window_minutes: u32,
    /// How far back what is usual is looked for, in hours.
    pub baseline_hours: u32,
    /// Items within the window that a trend needs.
    pub items_min: u32,
    /// Resources that they must come from.
    pub sources_min: u32,
}

impl Default for TrendConfig {
    fn default() -> Self {
        Self { window_minutes: 60, baseline_hours: 24, items_min: 5, sources_min: 2 }
    }
}

impl TrendConfig {
    /// The rule, and how much is held to apply it.
    pub(crate) fn rule(&self) -> (TrendRule, TopicLimits) {
        let rule = TrendRule {
            window: TimeDelta::minutes(i64::from(self.window_minutes.max(1))),
            baseline: TimeDelta::hours(i64::from(self.baseline_hours)),
            items_min: self.items_min,
            sources_min: self.sources_min,
            // One in 740 by chance; and over only when it is almost as usual.
            z_rise: 3.0,
            z_end: 1.0,
        };
        (rule, TopicLimits { topics_max: 2_000, members_max: 20, nearness_min: NEARNESS_MIN })
    }
}
