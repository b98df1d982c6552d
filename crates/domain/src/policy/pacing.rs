//! How close together posts may go out: platforms and readers take a burst for spam.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, TimeDelta, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{AgentId, Channel};

/// How close together posts may go out. Where nothing is said, as close as they come.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PacingRule {
    /// The least time between two posts of one agent on one channel, in minutes. 0: none.
    pub gap_minutes: u32,
    /// The most posts of the whole fleet on one channel within any sixty minutes. Nothing said: any number.
    pub fleet_posts_per_hour: Option<u32>,
    /// What differs for single channels.
    pub channels: BTreeMap<Channel, ChannelPace>,
}

/// What differs for one channel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ChannelPace {
    /// The least time between two posts of one agent there, in minutes.
    pub gap_minutes: Option<u32>,
    /// The most posts of the whole fleet there within any sixty minutes.
    pub fleet_posts_per_hour: Option<u32>,
}

impl PacingRule {
    fn of(&self, channel: Channel) -> ChannelPace {
        self.channels.get(&channel).copied().unwrap_or_default()
    }

    fn gap(&self, channel: Channel) -> TimeDelta {
        TimeDelta::minutes(self.of(channel).gap_minutes.unwrap_or(self.gap_minutes).into())
    }

    fn most(&self, channel: Channel) -> Option<u32> {
        self.of(channel).fleet_posts_per_hour.or(self.fleet_posts_per_hour)
    }

    /// Channels on which posts may have to wait.
    pub fn channels(&self) -> impl Iterator<Item = Channel> {
        let is_paced = |channel: &Channel| self.gap(*channel) > TimeDelta::zero() || self.most(*channel).is_some();
        Channel::ALL.iter().copied().filter(is_paced)
    }

    /// Whether any post may have to wait.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.channels().next().is_some()
    }

    /// How far back it must be known what went out.
    #[must_use]
    pub fn looks_back(&self) -> TimeDelta {
        self.channels().map(|channel| self.gap(channel)).fold(HOUR, Ord::max)
    }
}

const HOUR: TimeDelta = TimeDelta::hours(1);

/// Counts what goes out against a rule.
#[derive(Debug, Clone)]
pub struct Pacer<'a> {
    rule: &'a PacingRule,
    now: DateTime<Utc>,
    went: HashMap<Channel, Vec<(AgentId, DateTime<Utc>)>>,
}

impl<'a> Pacer<'a> {
    /// A pacer as of `now`, who knows what went out, or may have, within [`PacingRule::looks_back`].
    #[must_use]
    pub fn new(
        rule: &'a PacingRule,
        now: DateTime<Utc>,
        posts: impl IntoIterator<Item = (AgentId, Channel, DateTime<Utc>)>,
    ) -> Self {
        let mut went: HashMap<Channel, Vec<(AgentId, DateTime<Utc>)>> = HashMap::new();
        for (agent, channel, at) in posts {
            went.entry(channel).or_default().push((agent, at));
        }
        Self { rule, now, went }
    }

    /// Asks for one more post, and counts it when it may go out.
    pub fn admit(&mut self, agent: AgentId, channel: Channel) -> bool {
        let may = !self.is_full(channel) && !self.resting(channel).any(|resting| resting == agent);
        if may {
            self.went.entry(channel).or_default().push((agent, self.now));
        }
        may
    }

    /// Whether the whole fleet has posted there as often as it may in an hour.
    #[must_use]
    pub fn is_full(&self, channel: Channel) -> bool {
        let within = self.since(channel, HOUR).count();
        self.rule.most(channel).is_some_and(|most| within >= usize::try_from(most).unwrap_or(usize::MAX))
    }

    /// Agents who posted there so lately that they have to wait.
    pub fn resting(&self, channel: Channel) -> impl Iterator<Item = AgentId> {
        self.since(channel, self.rule.gap(channel))
    }

    /// Who posted there within this time, post by post. A moment yet to come, by another clock, is now.
    fn since(&self, channel: Channel, span: TimeDelta) -> impl Iterator<Item = AgentId> {
        let from = self.now - span;
        let is_on = span > TimeDelta::zero();
        let posts = self.went.get(&channel).into_iter().flatten();
        posts.filter(move |(_, at)| is_on && *at > from).map(|(agent, _)| *agent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use uuid::Uuid;

    fn agent(number: u128) -> AgentId {
        AgentId::from_uuid(Uuid::from_u128(number))
    }

    fn at(minute: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::minutes(minute)
    }

    #[test]
    fn a_gap_is_one_agents_on_one_channel() {
        let rule = PacingRule { gap_minutes: 30, ..PacingRule::default() };
        let mut pacer = Pacer::new(&rule, at(60), [(agent(1), Channel::X, at(31)), (agent(2), Channel::X, at(30))]);
        assert!(!pacer.admit(agent(1), Channel::X), "a minute too early");
        assert!(pacer.admit(agent(2), Channel::X), "to the minute");
        assert!(!pacer.admit(agent(2), Channel::X), "what is admitted counts");
        assert!(pacer.admit(agent(1), Channel::Bluesky));
    }

    #[test]
    fn a_cap_is_the_whole_fleets_and_a_channel_may_differ() {
        let blog = ChannelPace { fleet_posts_per_hour: Some(0), gap_minutes: Some(0) };
        let rule = PacingRule {
            fleet_posts_per_hour: Some(2),
            channels: [(Channel::Blog, blog)].into(),
            ..PacingRule::default()
        };
        let mut pacer = Pacer::new(&rule, at(60), [(agent(1), Channel::X, at(1)), (agent(2), Channel::X, at(0))]);
        assert!(pacer.admit(agent(1), Channel::X), "an hour has passed for one");
        assert!(!pacer.admit(agent(3), Channel::X) && pacer.is_full(Channel::X));
        assert!(!pacer.admit(agent(1), Channel::Blog) && pacer.admit(agent(1), Channel::Threads));
    }

    #[test]
    fn where_nothing_is_said_nothing_waits() {
        let rule = PacingRule::default();
        assert!(!rule.is_on());
        let mut pacer = Pacer::new(&rule, at(0), []);
        assert!((0..100).all(|_| pacer.admit(agent(1), Channel::X)));
        let gap = ChannelPace { gap_minutes: Some(90), ..ChannelPace::default() };
        let rule = PacingRule { channels: [(Channel::X, gap)].into(), ..PacingRule::default() };
        assert_eq!((rule.is_on(), rule.looks_back()), (true, TimeDelta::minutes(90)));
        assert_eq!(rule.channels().collect::<Vec<_>>(), [Channel::X]);
    }

    proptest! {
        /// Whatever is asked for and when: no two posts are closer than they may be, and no hour has too many.
        #[test]
        fn no_burst_goes_out(
            gap in 0_u32..90, most in prop::option::of(0_u32..6),
            asked in prop::collection::vec((0_i64..20, 0_u128..3), 0..80),
        ) {
            let rule = PacingRule { gap_minutes: gap, fleet_posts_per_hour: most, ..PacingRule::default() };
            let mut out: Vec<(AgentId, Channel, DateTime<Utc>)> = Vec::new();
            let mut now = 0;
            for (later, who) in asked {
                now += later;
                let mut pacer = Pacer::new(&rule, at(now), out.clone());
                if pacer.admit(agent(who), Channel::X) {
                    out.push((agent(who), Channel::X, at(now)));
                }
            }
            for (n, (who, _, when)) in out.iter().enumerate() {
                let later = || out.iter().skip(n + 1);
                prop_assert!(later().all(|(other, _, at)| other != who || *at - *when >= TimeDelta::minutes(gap.into())));
                let within = later().filter(|(_, _, at)| *at - *when < HOUR).count() + 1;
                prop_assert!(most.is_none_or(|most| within <= most as usize));
            }
        }
    }
}
