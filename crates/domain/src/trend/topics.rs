//! What is read, grouped by its subject, and counted.
//!
//! Single-pass clustering, as on-line topic detection has it (J. Allan, R. Papka, V. Lavrenko, "On-line new event detection
//! and tracking", SIGIR 1998, <https://doi.org/10.1145/290941.290954>): an item joins the nearest subject, if that is near
//! enough, and begins one otherwise.

use std::collections::{BTreeMap, HashMap, VecDeque};

use chrono::{DateTime, TimeDelta, Utc};

use super::{TrendMember, TrendRule, Velocity};
use crate::SignalId;

/// Parts that a window is counted in.
const BINS: i32 = 6;

/// How much [`Topics`] hold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TopicLimits {
    /// Subjects. Beyond that the one that was quiet the longest is forgotten.
    pub topics_max: usize,
    /// The newest items that are kept of each.
    pub members_max: usize,
    /// The least cosine between an item and the subject that it joins, 0..=1.
    pub nearness_min: f32,
}

/// An item that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct SeenItem {
    /// What it is.
    pub member: TrendMember,
    /// Where its headline points: of length 1, and of the same number of dimensions for all. An item that points nowhere
    /// (all zero) belongs to no subject.
    pub direction: Vec<f32>,
}

/// How hot a subject is.
#[derive(Debug, Clone, PartialEq)]
pub struct Heat {
    /// The first item of the subject: its name, for as long as it is known.
    pub founder: SignalId,
    /// Whether it is a trend.
    pub is_hot: bool,
    /// Whether it was one when last looked.
    pub was_hot: bool,
    /// Its figures.
    pub velocity: Velocity,
    /// Items that were to be expected.
    pub expected: f64,
    /// How far above that it is, in standard deviations.
    pub z: f64,
    /// The headline nearest to its middle. Untrusted text.
    pub label: String,
    /// Its newest items, oldest first.
    pub members: Vec<TrendMember>,
}

/// Subjects of what was read lately, in bounded memory.
#[derive(Debug)]
pub struct Topics {
    rule: TrendRule,
    limits: TopicLimits,
    topics: Vec<Topic>,
    /// Since when resources are read.
    began: Option<DateTime<Utc>>,
}

#[derive(Debug)]
struct Topic {
    founder: SignalId,
    /// The sum of its items' directions, and its length.
    sum: Vec<f32>,
    length: f32,
    /// Items by the part of time that they fall in.
    bins: BTreeMap<i64, u32>,
    /// Resources within the window, by the last part of time in which they told of it.
    sources: HashMap<String, i64>,
    members: VecDeque<(TrendMember, f32)>,
    hot: bool,
}

impl Topics {
    /// No subject yet.
    #[must_use]
    pub const fn new(rule: TrendRule, limits: TopicLimits) -> Self {
        Self { rule, limits, topics: Vec::new(), began: None }
    }

    /// How many subjects are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.topics.len()
    }

    /// Whether no subject is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.topics.is_empty()
    }

    /// Says since when resources are read: of what came before it is not known whether it was nothing.
    pub fn watch_since(&mut self, since: DateTime<Utc>) {
        self.began = Some(self.began.map_or(since, |began| began.min(since)));
    }

    /// Counts an item. Each should be seen once, in about the order of their times.
    pub fn see(&mut self, item: SeenItem) {
        if item.direction.iter().all(|value| *value == 0.0) {
            return;
        }
        let bin = self.bin(item.member.at);
        if let Some((place, nearness)) = self.nearest(&item.direction)
            && nearness >= self.limits.nearness_min
            && let Some(topic) = self.topics.get_mut(place)
        {
            topic.join(item, nearness, bin, self.limits.members_max);
            return;
        }
        if self.topics.len() >= self.limits.topics_max {
            self.forget_quietest();
        }
        self.topics.push(Topic::begin(item, bin));
    }

    /// Makes a subject known as a trend that lasts, under the name it had: the one with most of these items. False when none
    /// has any of them.
    pub fn adopt(&mut self, founder: SignalId, items: &[SignalId]) -> bool {
        let shared =
            |topic: &Topic| topic.members.iter().filter(|(member, _)| items.contains(&member.signal_id)).count();
        let most = self.topics.iter_mut().max_by_key(|topic| shared(topic)).filter(|topic| shared(topic) > 0);
        let Some(topic) = most else { return false };
        topic.founder = founder;
        topic.hot = true;
        true
    }

    /// The subjects that are hot, or were until now; the hottest first. What is older than the baseline is forgotten.
    pub fn judge(&mut self, now: DateTime<Utc>) -> Vec<Heat> {
        let (rule, last) = (self.rule, self.bin(now));
        let first_of_window = last - i64::from(BINS) + 1;
        let oldest = self.bin(now - rule.window - rule.baseline);
        let watched = self.began.map_or(TimeDelta::zero(), |began| now - rule.window - began);
        let mut heats = Vec::new();
        for topic in &mut self.topics {
            topic.bins = topic.bins.split_off(&oldest);
            topic.sources.retain(|_, bin| *bin >= first_of_window);
            let velocity = topic.velocity(first_of_window);
            let was_hot = topic.hot;
            topic.hot = rule.is_hot(was_hot, velocity, watched);
            if was_hot || topic.hot {
                heats.push(Heat {
                    founder: topic.founder,
                    is_hot: topic.hot,
                    was_hot,
                    velocity,
                    expected: rule.expected(velocity, watched),
                    z: rule.z(velocity, watched),
                    label: topic.label(),
                    members: topic.members.iter().map(|(member, _)| member.clone()).collect(),
                });
            }
        }
        self.topics.retain(|topic| topic.hot || !topic.bins.is_empty());
        heats.sort_by(|a, b| b.z.total_cmp(&a.z).then(a.founder.cmp(&b.founder)));
        heats
    }

    fn bin(&self, at: DateTime<Utc>) -> i64 {
        let length = (self.rule.window / BINS).num_milliseconds().max(1);
        at.timestamp_millis().div_euclid(length)
    }

    fn nearest(&self, direction: &[f32]) -> Option<(usize, f32)> {
        let nearness = |topic: &Topic| dot(&topic.sum, direction) / topic.length;
        let all = self.topics.iter().enumerate().map(|(place, topic)| (place, nearness(topic)));
        all.max_by(|(first, a), (second, b)| a.total_cmp(b).then(second.cmp(first)))
    }

    fn forget_quietest(&mut self) {
        let last = |topic: &Topic| (topic.hot, topic.bins.last_key_value().map(|(bin, _)| *bin));
        if let Some((place, _)) = self.topics.iter().enumerate().min_by_key(|(_, topic)| last(topic)) {
            self.topics.remove(place);
        }
    }
}

impl Topic {
    fn begin(item: SeenItem, bin: i64) -> Self {
        let mut topic = Self {
            founder: item.member.signal_id,
            sum: vec![0.0; item.direction.len()],
            length: 0.0,
            bins: BTreeMap::new(),
            sources: HashMap::new(),
            members: VecDeque::new(),
            hot: false,
        };
        topic.join(item, 1.0, bin, 1);
        topic
    }

    fn join(&mut self, item: SeenItem, nearness: f32, bin: i64, members_max: usize) {
        for (sum, value) in self.sum.iter_mut().zip(&item.direction) {
            *sum += value;
        }
        self.length = dot(&self.sum, &self.sum).sqrt().max(f32::MIN_POSITIVE);
        *self.bins.entry(bin).or_default() += 1;
        let latest = self.sources.entry(item.member.resource_uri.clone()).or_insert(bin);
        *latest = bin.max(*latest);
        self.members.push_back((item.member, nearness));
        if self.members.len() > members_max.max(1) {
            self.members.pop_front();
        }
    }

    fn velocity(&self, first_of_window: i64) -> Velocity {
        let count = |bins: std::collections::btree_map::Range<'_, i64, u32>| bins.map(|(_, n)| n).sum();
        Velocity {
            items: count(self.bins.range(first_of_window..)),
            sources: u32::try_from(self.sources.len()).unwrap_or(u32::MAX),
            before: count(self.bins.range(..first_of_window)),
        }
    }

    /// Of the items that are kept, the one that was nearest when it came; of equal ones the first.
    fn label(&self) -> String {
        let nearest = self.members.iter().skip(1).rev().max_by(|(_, a), (_, b)| a.total_cmp(b));
        nearest.or_else(|| self.members.front()).map(|(member, _)| member.headline.clone()).unwrap_or_default()
    }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    // Eight sums at a time, which compilers make one of.
    let (left, a_rest) = a.as_chunks::<8>();
    let (right, b_rest) = b.as_chunks::<8>();
    let mut sums = [0.0_f32; 8];
    for (x, y) in left.iter().zip(right) {
        for ((sum, x), y) in sums.iter_mut().zip(x).zip(y) {
            *sum += x * y;
        }
    }
    sums.iter().sum::<f32>() + a_rest.iter().zip(b_rest).map(|(x, y)| x * y).sum::<f32>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use uuid::Uuid;

    const RULE: TrendRule = TrendRule {
        window: TimeDelta::hours(1),
        baseline: TimeDelta::hours(24),
        items_min: 5,
        sources_min: 2,
        z_rise: 3.0,
        z_end: 1.0,
    };
    const LIMITS: TopicLimits = TopicLimits { topics_max: 10, members_max: 4, nearness_min: 0.7 };

    fn at(minutes: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(100) + TimeDelta::minutes(minutes)
    }

    /// An item on one of eight subjects.
    fn item(n: u128, subject: usize, source: usize, minutes: i64) -> SeenItem {
        let id = SignalId::from_uuid(Uuid::from_u128(n));
        let mut direction = vec![0.0; 8];
        direction[subject] = 1.0;
        let member = TrendMember {
            signal_id: id,
            story_id: id,
            resource_uri: format!("mcp://feeds/{source}"),
            headline: format!("headline {n}"),
            at: at(minutes),
        };
        SeenItem { member, direction }
    }

    #[test]
    fn a_trend_rises_once_and_is_over_once() {
        let mut topics = Topics::new(RULE, LIMITS);
        topics.watch_since(at(-3_000));
        let mut told = Vec::new();
        for minute in 0..240 {
            // Six items within the first half hour, from two feeds; another subject as ever, twice an hour.
            if minute % 5 == 0 && minute < 30 {
                topics.see(item(minute, 1, usize::from(minute % 10 == 0), i64::try_from(minute).unwrap()));
            }
            if minute % 30 == 0 {
                topics.see(item(1_000 + minute, 2, 7, i64::try_from(minute).unwrap()));
            }
            for heat in topics.judge(at(i64::try_from(minute).unwrap())) {
                if heat.is_hot != heat.was_hot {
                    told.push((heat.is_hot, minute, heat.members.len()));
                }
            }
        }
        let [(true, rose, 4), (false, over, 4)] = told[..] else { panic!("{told:?}") };
        assert!((20..30).contains(&rose) && (60..120).contains(&over), "{told:?}");
    }

    #[test]
    fn one_feed_that_repeats_itself_is_no_trend() {
        let mut topics = Topics::new(RULE, LIMITS);
        topics.watch_since(at(-3_000));
        (0..50).for_each(|n| topics.see(item(n, 1, 3, 0)));
        assert_eq!(topics.judge(at(1)), []);
    }

    #[test]
    fn a_trend_keeps_its_name_and_is_over_when_its_time_has_come() {
        let mut topics = Topics::new(RULE, LIMITS);
        topics.watch_since(at(-3_000));
        (0..9).for_each(|n| topics.see(item(n, 1, usize::try_from(n).unwrap(), 0)));
        let name = SignalId::from_uuid(Uuid::from_u128(4_711));
        assert!(!topics.adopt(name, &[name]));
        assert!(topics.adopt(name, &[SignalId::from_uuid(Uuid::from_u128(8))]));
        let heat = topics.judge(at(2)).remove(0);
        assert_eq!((heat.founder, heat.was_hot, heat.is_hot, heat.velocity.items), (name, true, true, 9));
        let heat = topics.judge(at(90)).remove(0);
        assert_eq!((heat.founder, heat.was_hot, heat.is_hot, heat.velocity.items), (name, true, false, 0));
        assert_eq!(topics.judge(at(91)), []);
    }

    #[test]
    fn what_points_nowhere_has_no_subject() {
        let mut topics = Topics::new(RULE, LIMITS);
        topics.see(SeenItem { direction: vec![0.0; 8], ..item(1, 1, 1, 1) });
        assert!(topics.is_empty());
    }

    proptest! {
        #[test]
        fn memory_is_bounded_and_what_is_old_is_forgotten(
            seen in prop::collection::vec((0_usize..8, 0_usize..3, 0_i64..4_000), 0..80),
        ) {
            let mut topics = Topics::new(RULE, TopicLimits { topics_max: 5, ..LIMITS });
            let mut last = 0;
            for ((subject, source, minutes), n) in seen.into_iter().zip(0..) {
                topics.see(item(n, subject, source, minutes));
                last = last.max(minutes);
                prop_assert!(topics.len() <= 5);
            }
            for heat in topics.judge(at(last)) {
                prop_assert!(heat.members.len() <= LIMITS.members_max);
                prop_assert!(heat.velocity.sources >= RULE.sources_min || heat.was_hot);
            }
            topics.judge(at(last + 3_000));
            prop_assert!(topics.is_empty());
        }

        #[test]
        fn within_one_part_of_time_the_order_makes_no_difference(
            mut seen in prop::collection::vec((0_usize..8, 0_usize..3), 0..40), turn in 0_usize..40,
        ) {
            let heats = |seen: &[(usize, usize)]| {
                let mut topics = Topics::new(RULE, LIMITS);
                topics.watch_since(at(-3_000));
                seen.iter().zip(0..).for_each(|((subject, source), n)| topics.see(item(n, *subject, *source, 0)));
                let mut heats: Vec<_> = topics.judge(at(1)).into_iter().map(|h| (h.velocity.items, h.velocity.sources)).collect();
                heats.sort_unstable();
                heats
            };
            let before = heats(&seen);
            let turn = turn.min(seen.len());
            seen.rotate_left(turn);
            prop_assert_eq!(before, heats(&seen));
        }
    }
}
