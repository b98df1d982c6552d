//! How a post's video is made, and what becomes of one that would come to nothing.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{AgentTask, TaskPayload, TaskType};
use crate::{Channel, Usd, one_line, wire::wire_enum};

/// Characters of an error that are kept with a step.
const WHY_CHARS: usize = 300;

wire_enum! {
    /// How a post's video is made, the dearest first.
    pub enum VideoTier ("video tier") {
        /// From words alone: the tool role `generate_video`.
        Hero = "hero",
        /// The picture that was made for the post, set in motion: the tool role `animate_image`.
        Daily = "daily",
        /// Not at all: the post goes out with the picture in its place.
        Picture = "picture",
    }
}

wire_enum! {
    /// Why a video is made a tier lower.
    pub enum Shortfall ("shortfall") {
        /// The agent's money of the day does not cover it.
        Money = "money",
        /// Its tool said no, or failed as often as it is tried.
        Tool = "tool",
    }
}

/// One step down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VideoStep {
    /// The tier that came to nothing.
    pub from: VideoTier,
    /// The one that is made instead.
    pub to: VideoTier,
    /// What was lacking.
    pub cause: Shortfall,
    /// The same in one line.
    pub why: String,
    /// When it was taken.
    pub at: DateTime<Utc>,
}

/// How one video is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VideoPlan {
    /// The tier that was planned.
    pub wanted: VideoTier,
    /// The tier that is made.
    pub tier: VideoTier,
    /// The most that a daily one may cost; nothing said: what the task may cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub daily_usd: Option<Usd>,
    /// How it came from the one to the other.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<VideoStep>,
}

impl VideoPlan {
    /// A video of this tier, as planned.
    #[must_use]
    pub const fn of(tier: VideoTier, daily_usd: Option<Usd>) -> Self {
        Self { wanted: tier, tier, daily_usd, steps: vec![] }
    }

    /// The most it may cost where there is so much for it.
    #[must_use]
    pub fn cap(&self, share: Usd) -> Usd {
        match self.tier {
            VideoTier::Hero => share,
            VideoTier::Daily => self.daily_usd.map_or(share, |price| price.min(share)),
            VideoTier::Picture => Usd::ZERO,
        }
    }

    /// The next tier that can be tried, and the most it may cost. For want of money one that costs no less is passed
    /// over; without a video goes what its channel takes with a picture.
    fn below(&self, cap: Usd, cause: Shortfall, channel: Channel) -> Option<(VideoTier, Usd)> {
        let daily = self.daily_usd.map_or(cap, |price| price.min(cap));
        let picture = || channel.rules().takes_picture_for_video().then_some((VideoTier::Picture, Usd::ZERO));
        match self.tier {
            VideoTier::Hero if cause == Shortfall::Tool || daily < cap => Some((VideoTier::Daily, daily)),
            VideoTier::Hero | VideoTier::Daily => picture(),
            VideoTier::Picture => None,
        }
    }
}

/// What becomes of a video task that would otherwise come to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lowered {
    /// What is asked of it now.
    pub payload: TaskPayload,
    /// The most it may spend now; never more than before.
    pub budget_cap_usd: Usd,
    /// The step that it took.
    pub step: VideoStep,
}

impl AgentTask {
    /// The tier of its video, if it makes one. One that nothing is said of is made from words.
    #[must_use]
    pub fn video_tier(&self) -> Option<VideoTier> {
        let of_plan = self.payload.video.as_ref().map_or(VideoTier::Hero, |plan| plan.tier);
        (self.task_type == TaskType::GenerateVideo).then_some(of_plan)
    }

    /// The same task one tier lower, where it would otherwise be a dead letter: hero, daily, picture. `None` when it
    /// makes no planned video, or nothing is left to try.
    #[must_use]
    pub fn lowered(&self, cause: Shortfall, why: &str, at: DateTime<Utc>) -> Option<Lowered> {
        let plan = self.payload.video.as_ref().filter(|_| self.task_type == TaskType::GenerateVideo)?;
        let (to, budget_cap_usd) = plan.below(self.budget_cap_usd, cause, self.channel)?;
        let step = VideoStep { from: plan.tier, to, cause, why: one_line(why, WHY_CHARS), at };
        let mut payload = self.payload.clone();
        let steps = plan.steps.iter().cloned().chain([step.clone()]).collect();
        payload.video = Some(VideoPlan { tier: to, steps, ..plan.clone() });
        Some(Lowered { payload, budget_cap_usd, step })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::tests::task;

    fn video(tier: VideoTier, channel: Channel, daily_usd: Option<Usd>) -> AgentTask {
        let mut task = AgentTask { task_type: TaskType::GenerateVideo, channel, ..task() };
        task.budget_cap_usd = Usd::cents(90);
        task.payload.video = Some(VideoPlan::of(tier, daily_usd));
        task
    }

    /// The tiers and caps that a task comes through while the same is lacking.
    fn ways(mut task: AgentTask, cause: Shortfall) -> Vec<(VideoTier, Usd)> {
        let mut ways = vec![];
        while let Some(lowered) = task.lowered(cause, "no\nway", DateTime::UNIX_EPOCH) {
            assert!(lowered.budget_cap_usd <= task.budget_cap_usd, "a cap only falls");
            assert_eq!((lowered.step.cause, lowered.step.why.as_str()), (cause, "no way"));
            (task.payload, task.budget_cap_usd) = (lowered.payload, lowered.budget_cap_usd);
            ways.push((task.video_tier().unwrap(), task.budget_cap_usd));
            let plan = task.payload.video.as_ref().unwrap();
            assert_eq!(plan.steps.len(), ways.len(), "each step is on record");
        }
        ways
    }

    #[test]
    fn hero_falls_to_daily_and_daily_to_the_picture_where_the_channel_takes_one() {
        use VideoTier::{Daily, Hero, Picture};
        let (dear, cheap) = (Usd::cents(90), Some(Usd::cents(20)));
        let picture = (Picture, Usd::ZERO);
        for (cause, daily_usd, wanted) in [
            (Shortfall::Tool, cheap, vec![(Daily, Usd::cents(20)), picture]),
            (Shortfall::Tool, None, vec![(Daily, dear), picture]),
            (Shortfall::Money, cheap, vec![(Daily, Usd::cents(20)), picture]),
            // A daily video that costs as much is no way out.
            (Shortfall::Money, None, vec![picture]),
            (Shortfall::Money, Some(Usd::dollars(2)), vec![picture]),
        ] {
            assert_eq!(ways(video(Hero, Channel::TikTok, daily_usd), cause), wanted, "{cause} {daily_usd:?}");
            // Shorts are videos.
            let without_picture: Vec<_> = wanted.into_iter().filter(|(tier, _)| *tier != Picture).collect();
            assert_eq!(ways(video(Hero, Channel::YoutubeShorts, daily_usd), cause), without_picture);
        }
        assert_eq!(ways(video(Daily, Channel::Instagram, None), Shortfall::Tool), [picture]);
    }

    #[test]
    fn nothing_but_a_planned_video_is_lowered() {
        let of_words = AgentTask { payload: video(VideoTier::Hero, Channel::X, None).payload, ..task() };
        let lowered = |task: &AgentTask| task.lowered(Shortfall::Tool, "no", DateTime::UNIX_EPOCH);
        assert_eq!((lowered(&of_words), of_words.video_tier()), (None, None));
        let unsaid = AgentTask { task_type: TaskType::GenerateVideo, ..task() };
        assert_eq!((lowered(&unsaid), unsaid.video_tier()), (None, Some(VideoTier::Hero)));
    }

    #[test]
    fn a_cap_is_the_price_but_never_more_than_the_share() {
        let share = Usd::cents(75);
        let cap = |tier, price| VideoPlan::of(tier, price).cap(share);
        assert_eq!(cap(VideoTier::Hero, Some(Usd::cents(1))), share);
        assert_eq!(cap(VideoTier::Daily, Some(Usd::cents(20))), Usd::cents(20));
        assert_eq!(cap(VideoTier::Daily, Some(Usd::dollars(2))), share);
        assert_eq!(cap(VideoTier::Daily, None), share);
        assert_eq!(cap(VideoTier::Picture, None), Usd::ZERO);
    }
}
