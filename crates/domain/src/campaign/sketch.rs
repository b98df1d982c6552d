//! What makes a campaign one that can run: the one place for what operators, files and the console are told.

use crate::{Channel, Usd};

use super::{CampaignLimits, CampaignTerms};

/// Lengths of videos that are made, in seconds.
const VIDEO_SECONDS: std::ops::RangeInclusive<u32> = 2..=15;
/// The longest slug and the longest goal, in characters.
const SLUG_CHARS_MAX: usize = 60;
const GOAL_CHARS_MAX: usize = 2_000;
/// The most terms of each kind, and the longest of them in characters.
const TERMS_MAX: usize = 200;
const TERM_CHARS_MAX: usize = 300;

/// What is said of a campaign, wherever that was said.
#[derive(Debug, Clone, Copy)]
pub struct CampaignSketch<'a> {
    /// A short name.
    pub slug: &'a str,
    /// What it is for.
    pub goal: &'a str,
    /// How many agents post for it.
    pub agents: usize,
    /// What it watches.
    pub resources: &'a [String],
    /// Where it posts.
    pub channels: &'a [Channel],
    /// The most one post may cost.
    pub post_budget_usd: Usd,
    /// Length of its videos, in seconds.
    pub video_seconds: u32,
    /// How much it may do, and when.
    pub limits: &'a CampaignLimits,
    /// Words by which its signals are told.
    pub terms: &'a CampaignTerms,
}

/// Why a campaign can't run, and what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CampaignProblem(&'static str);

impl CampaignSketch<'_> {
    /// Whether it can run.
    ///
    /// # Errors
    /// [`CampaignProblem`]: the first thing to mend.
    pub fn check(&self) -> Result<(), CampaignProblem> {
        match self.problem() {
            Some(problem) => Err(CampaignProblem(problem)),
            None => Ok(()),
        }
    }

    fn problem(&self) -> Option<&'static str> {
        let cost: Usd = self.channels.iter().map(|_| self.post_budget_usd).sum();
        let too_dear = |budget: Usd| budget < cost;
        let goal = self.goal.trim();
        match () {
            () if !is_slug(self.slug) => {
                Some("`slug` must be 1 to 60 characters of a-z, 0-9, `-` and `_`, with a letter or digit first")
            }
            () if goal.is_empty() => Some("`goal` is empty; say in words what it looks for"),
            () if goal.chars().count() > GOAL_CHARS_MAX => {
                Some("`goal` has more than 2000 characters; a sentence or two say best what it looks for")
            }
            () if self.agents == 0 => Some("`agents` is empty; name at least one agent's slug"),
            () if self.channels.is_empty() => Some("`channels` is empty; name at least one place to post"),
            () if has_twice(self.channels) => Some("`channels` names a place twice; name each once"),
            () if !self.resources.iter().all(|uri| is_watchable(uri)) => {
                Some("each of `resources` must be mcp://SERVER/RESOURCE-URI, such as mcp://feeds/feed://news")
            }
            () if !VIDEO_SECONDS.contains(&self.video_seconds) => Some("`video_seconds` must lie in 2..=15"),
            () if !self.post_budget_usd.is_countable() => Some("`post_budget_usd` must not be negative"),
            () if self.limits.daily_task_cap == Some(0) => {
                Some("`daily_task_cap` is 0, so nothing would ever be planned; pause the campaign instead")
            }
            () if self.limits.daily_budget_usd.is_some_and(too_dear) => Some(
                "`daily_budget_usd` is less than one signal's posts may cost (`post_budget_usd` for each channel), so \
                 nothing would ever be planned; raise it, or lower `post_budget_usd`",
            ),
            () if !self.terms.lists().into_iter().all(|list| list.iter().all(|term| is_term(term))) => {
                Some("each of `terms` must have 1 to 300 characters")
            }
            () if self.terms.lists().into_iter().any(|list| list.len() > TERMS_MAX) => {
                Some("`terms` has more than 200 of one kind; keep those that tell most")
            }
            () => None,
        }
    }
}

impl CampaignTerms {
    fn lists(&self) -> [&[String]; 5] {
        [&self.keywords, &self.allow, &self.deny, &self.examples, &self.counter_examples]
    }
}

fn is_slug(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let starts_well = text.chars().next().is_some_and(plain);
    starts_well && text.len() <= SLUG_CHARS_MAX && text.chars().all(|c| plain(c) || c == '-' || c == '_')
}

fn is_watchable(uri: &str) -> bool {
    let parts = uri.strip_prefix("mcp://").and_then(|rest| rest.split_once('/'));
    parts.is_some_and(|(server, resource)| !server.is_empty() && !resource.is_empty())
}

fn is_term(term: &str) -> bool {
    let term = term.trim();
    !term.is_empty() && term.chars().count() <= TERM_CHARS_MAX
}

fn has_twice(channels: &[Channel]) -> bool {
    let mut sorted = channels.to_vec();
    sorted.sort_unstable();
    sorted.windows(2).any(|pair| pair.first() == pair.last())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_problem_is_named_and_a_sound_campaign_has_none() {
        let (limits, terms) = (CampaignLimits::default(), CampaignTerms::default());
        let resources = ["mcp://feeds/feed://news".to_owned()];
        let sound = CampaignSketch {
            slug: "spring-2026_b",
            goal: "Silk",
            agents: 1,
            resources: &resources,
            channels: &[Channel::X, Channel::Blog],
            post_budget_usd: Usd::dollars(1),
            video_seconds: 2,
            limits: &limits,
            terms: &terms,
        };
        assert_eq!(sound.check(), Ok(()));
        let never = CampaignLimits { daily_task_cap: Some(0), ..limits.clone() };
        let poor = CampaignLimits { daily_budget_usd: Some(Usd::cents(199)), ..limits.clone() };
        let blank = CampaignTerms { deny: vec![" ".to_owned()], ..terms.clone() };
        let bare = ["feed://news".to_owned()];
        for (wrong, word) in [
            (CampaignSketch { slug: "Spring", ..sound }, "slug"),
            (CampaignSketch { slug: "", ..sound }, "slug"),
            (CampaignSketch { goal: " \n", ..sound }, "say in words"),
            (CampaignSketch { agents: 0, ..sound }, "agents"),
            (CampaignSketch { channels: &[], ..sound }, "channels"),
            (CampaignSketch { channels: &[Channel::X, Channel::Blog, Channel::X], ..sound }, "twice"),
            (CampaignSketch { resources: &bare, ..sound }, "mcp://"),
            (CampaignSketch { video_seconds: 16, ..sound }, "video_seconds"),
            (CampaignSketch { post_budget_usd: Usd::from_micros(-1), ..sound }, "negative"),
            (CampaignSketch { limits: &never, ..sound }, "pause the campaign"),
            (CampaignSketch { limits: &poor, ..sound }, "daily_budget_usd"),
            (CampaignSketch { terms: &blank, ..sound }, "terms"),
        ] {
            let told = wrong.check().unwrap_err().to_string();
            assert!(told.contains(word), "{told}");
        }
    }
}
