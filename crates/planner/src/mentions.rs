//! Who speaks to an agent: each remark becomes the plan of a reply, once.
//!
//! What there is no room for is neither written down nor lost: it stays where it was said, and each round looks at it again.

use std::collections::HashSet;

use chimera_domain::{
    Agent, Campaign, ReplyTo, Score, SignalId, SignalOutcome, ToolCall, TraceId, TrendSignal,
    contracts::{FeedItem, Mention},
    honesty::asks_who_speaks,
    one_line,
    policy::{Governor, GovernorVerdict},
};
use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    Planner, PlannerError, PlannerReport,
    dag::{PlanSeed, plan_reply, reply_budget},
    planner::{Round, taint},
    spans::{Origin, ReadAt},
    triage::Planned,
};

/// How far a platform's clock may be ahead of ours.
const AHEAD_MAX: TimeDelta = TimeDelta::hours(1);
/// A remark that its platform names at greater length is not answered, in bytes.
const ID_BYTES_MAX: usize = 512;
/// A longer address is left out, in bytes.
const URL_BYTES_MAX: usize = 2_048;
/// A remark as the headline of a plan, in Unicode scalar values.
const HEADLINE_CHARS_MAX: usize = 280;

/// What was said to an agent, for one of the campaigns that it speaks for.
pub(crate) struct Heard<'a> {
    pub(crate) uri: &'a str,
    pub(crate) at: ReadAt,
    pub(crate) said: &'a [Mention],
    pub(crate) campaign: &'a Campaign,
    /// All campaigns that the agent speaks for, this one among them.
    pub(crate) watching: &'a [&'a Campaign],
}

impl Heard<'_> {
    /// Remarks that this campaign answers: who asks who speaks first, then the oldest, each once. Of several campaigns on a remark's channel the first does.
    fn to_answer(&self, agent: &Agent, rule: Rule, is_ours: impl Fn(&str) -> bool) -> Vec<&Mention> {
        let takes = |mention: &Mention| {
            let first = self.watching.iter().find(|campaign| campaign.channels.contains(&mention.channel));
            first.is_some_and(|campaign| campaign.id == self.campaign.id)
        };
        let answers = |mention: &&Mention| {
            takes(mention) && rule.answers(mention, &agent.persona_slug) && !is_ours(&mention.author)
        };
        let mut answered: Vec<&Mention> = self.said.iter().filter(answers).collect();
        answered
            .sort_by_cached_key(|mention| (asks_who_speaks(&mention.text).is_none(), mention.at, mention.id.clone()));
        let mut known = HashSet::new();
        answered.retain(|mention| known.insert(mention.event_key()));
        answered
    }
}

/// Which remarks are answered at all.
#[derive(Debug, Clone, Copy)]
struct Rule {
    since: DateTime<Utc>,
    until: DateTime<Utc>,
    turns_max: usize,
}

impl Rule {
    fn answers(self, mention: &Mention, account: &str) -> bool {
        let is_own = |author: &str| author.trim_start_matches('@').eq_ignore_ascii_case(account);
        // The first of a thread is the post that it is about.
        let turns = mention.thread.iter().skip(1).filter(|remark| is_own(&remark.author)).count();
        (self.since..=self.until).contains(&mention.at)
            && turns < self.turns_max
            && !is_own(&mention.author)
            && !mention.text.trim().is_empty()
            && mention.id.len() <= ID_BYTES_MAX
    }
}

impl Planner {
    /// Plans replies to what is new; whether nothing is left that waits for room.
    pub(crate) async fn plan_replies(
        &self,
        heard: Heard<'_>,
        round: &Round,
        calls: &mut Vec<ToolCall>,
        report: &mut PlannerReport,
    ) -> Result<bool, PlannerError> {
        let (campaign, now) = (heard.campaign, self.ambient.now());
        let Some(agent) = round.spoken_to(heard.uri) else { return Ok(true) };
        let since = now - TimeDelta::hours(i64::from(self.config.held_hours_max));
        let rule = Rule { since, until: now + AHEAD_MAX, turns_max: self.config.replies.turns_max };
        let said = heard.to_answer(agent, rule, |account| round.is_ours(account));
        let keys: Vec<String> = said.iter().map(|mention| mention.event_key()).collect();
        // What was answered was read then, by our clock.
        let mut known = self.store.answered_since(heard.uri, since - AHEAD_MAX, &keys).await?;
        // An edited remark may look young, however long ago it was answered.
        known.extend(self.store.signals_known(campaign.id, &keys, &[]).await?.events);
        let fresh: Vec<&Mention> = said.into_iter().filter(|mention| !known.contains(&mention.event_key())).collect();
        if fresh.is_empty() {
            return Ok(true);
        }
        let mut room = self.room(campaign, agent).await?;
        let used = self.store.replies_use(&[agent.id], now).await?;
        let limits = agent.governor_limits.of_replies();
        let mut share = Governor::new(limits, used.get(&agent.id).copied().unwrap_or_default());
        let mut planned = Planned::new(self.stories.of_a_plan());
        let mut waiting = Vec::new();
        for mention in fresh {
            let to = ReplyTo::from(mention);
            match room.campaign.admit_reply(&mut room.agent, &mut share, reply_budget(campaign, &to)) {
                GovernorVerdict::Allowed => {
                    let signal = self.signal_of(mention, &to, campaign, agent, heard.uri);
                    let (seed, video) = (self.config.seed, &self.config.video);
                    let seed = PlanSeed { campaign, agent, signal: &signal, seed, video, trending: false, left: &[] };
                    planned.tasks.push(plan_reply(seed, mention.channel, to, &*self.ambient));
                    planned.signals.push(signal);
                }
                refused => waiting.push(refused.reason_code()),
            }
        }
        if let Some(reason) = waiting.first() {
            let (campaign, agent, count) = (&campaign.slug, &agent.persona_slug, waiting.len());
            tracing::info!(%campaign, %agent, count, reason, "remarks wait for room to be answered");
        }
        if planned.signals.is_empty() {
            return Ok(false);
        }
        let origin = Origin { read: heard.at, scored: now, questions: &[] };
        Ok(self.commit(campaign, planned, &origin, calls, report).await? && waiting.is_empty())
    }

    /// A remark as a signal of its own kind: it tells no story, and nobody weighs whether it matters.
    fn signal_of(&self, mention: &Mention, to: &ReplyTo, campaign: &Campaign, agent: &Agent, uri: &str) -> TrendSignal {
        let (now, id) = (self.ambient.now(), SignalId::generate(&*self.ambient));
        let headline = one_line(&format!("{}: {}", to.author, to.text), HEADLINE_CHARS_MAX);
        let about = to.thread.first().map(|post| post.text.clone()).unwrap_or_default();
        TrendSignal {
            id,
            tenant_id: campaign.tenant_id,
            trace_id: TraceId::generate(&*self.ambient),
            campaign_id: campaign.id,
            agent_id: agent.id,
            resource_uri: uri.to_owned(),
            event_key: mention.event_key(),
            content_hash: mention.event_key(),
            story_id: id,
            relevance: Score::ONE,
            why: format!("{} speaks to {}", one_line(&to.author, 64), agent.persona_slug),
            taint: taint(&to.text, &to.everything()),
            outcome: SignalOutcome::Answered,
            item: FeedItem {
                id: mention.id.clone(),
                title: headline,
                summary: about,
                url: mention.url.clone().filter(|url| url.len() <= URL_BYTES_MAX),
                published_at: Some(mention.at),
                language: None,
                categories: vec![],
            },
            ingested_at: now,
            decided_at: now,
            note: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use chimera_domain::{Channel, Remark};

    use super::*;

    fn mention(author: &str, minute: i64, thread: &[&str]) -> Mention {
        let at = DateTime::UNIX_EPOCH + TimeDelta::minutes(minute);
        let said = |author: &&str| Remark { author: (*author).to_owned(), text: "so".to_owned(), at };
        Mention {
            id: format!("{author}-{minute}"),
            channel: Channel::Threads,
            author: author.to_owned(),
            text: "And?".to_owned(),
            url: None,
            at,
            thread: thread.iter().map(said).collect(),
        }
    }

    #[test]
    fn what_is_old_its_own_or_the_end_of_a_long_talk_is_let_be() {
        let at = |minute| DateTime::UNIX_EPOCH + TimeDelta::minutes(minute);
        let rule = Rule { since: at(10), until: at(20), turns_max: 2 };
        let answers = |mention: Mention| rule.answers(&mention, "fae");
        assert!(answers(mention("otter", 10, &["fae"])) && answers(mention("otter", 20, &["fae", "otter", "fae"])));
        assert!(!answers(mention("otter", 9, &[])) && !answers(mention("otter", 21, &[])));
        assert!(!answers(mention("fae", 15, &[])) && !answers(mention("@fae", 15, &[])));
        assert!(!answers(mention("otter", 15, &["fae", "otter", "fae", "otter", "fae"])));
        assert!(!answers(Mention { text: " ".to_owned(), ..mention("otter", 15, &[]) }));
    }
}
