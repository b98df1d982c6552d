//! A plan that waits for its operator, as somebody looked at it: what it costs, at which version it stands, and what a wish
//! would change of it. No effects.

use chimera_domain::{
    AgentTask, Channel, Priority, StateVersion, TaskId, TaskType, TrendSignal, Usd, policy::budget_parts, sha256_parts,
};
use chrono::{DateTime, Utc};

/// The longest goal of a draft, and the longest reason to drop one, in characters.
pub const DRAFT_TEXT_MAX: usize = 1_000;

/// Digits of a plan's version: 64 bits, for versions of one plan only have to differ from each other.
const VERSION_DIGITS: usize = 16;

/// What was planned for one signal and has not started.
#[derive(Debug, Clone, PartialEq)]
pub struct DraftPlan {
    /// What it is about.
    pub signal: TrendSignal,
    /// Its tasks that are DRAFT, oldest first.
    pub tasks: Vec<AgentTask>,
}

/// What an operator changes of a task that has not started. What is not said stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DraftEdit {
    /// The task.
    pub task_id: TaskId,
    /// Its version when it was looked at.
    pub version: StateVersion,
    /// What it is for.
    pub goal: Option<String>,
    /// How urgent it is.
    pub priority: Option<Priority>,
    /// The most it may spend.
    pub budget_cap_usd: Option<Usd>,
}

/// What an operator wants changed of a plan. What is not said stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DraftWish {
    /// What its posts are for, instead of the campaign's goal.
    pub goal: Option<String>,
    /// How urgent they are.
    pub priority: Option<Priority>,
    /// The most that each post may cost.
    pub post_budget_usd: Option<Usd>,
}

/// What can't be wished.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnfitWish {
    /// No text, or too long a one.
    #[error("say it in 1 to {DRAFT_TEXT_MAX} characters")]
    Text,
    /// Nothing to spend.
    #[error("a post that may cost nothing can't be made; drop it instead")]
    Budget,
    /// Nothing at all.
    #[error("nothing to change; say a goal, a priority or what a post may cost")]
    Nothing,
}

/// A goal, or a reason to drop a plan, without the spaces around it.
///
/// # Errors
/// [`UnfitWish::Text`].
pub fn draft_text(text: &str) -> Result<String, UnfitWish> {
    let text = text.trim();
    let fits = !text.is_empty() && text.chars().nth(DRAFT_TEXT_MAX).is_none();
    fits.then(|| text.to_owned()).ok_or(UnfitWish::Text)
}

impl DraftWish {
    /// The same, if it can be done.
    ///
    /// # Errors
    /// [`UnfitWish`].
    pub fn checked(self) -> Result<Self, UnfitWish> {
        if self == Self::default() {
            return Err(UnfitWish::Nothing);
        }
        if self.post_budget_usd.is_some_and(|budget| budget <= Usd::ZERO) {
            return Err(UnfitWish::Budget);
        }
        Ok(Self { goal: self.goal.as_deref().map(draft_text).transpose()?, ..self })
    }

    fn of(&self, task: &AgentTask) -> DraftEdit {
        let own = |budget: Usd| {
            let mut parts = budget_parts(budget, &task.payload.modalities).into_iter();
            // Putting the parts together costs nothing.
            let (_, share) = parts.find(|(part, _)| TaskType::making(*part) == task.task_type)?;
            Some(task.payload.video.as_ref().map_or(share, |video| video.cap(share)))
        };
        DraftEdit {
            task_id: task.id,
            version: task.state_version,
            goal: self.goal.clone().filter(|goal| *goal != task.payload.goal),
            priority: self.priority.filter(|priority| *priority != task.priority),
            budget_cap_usd: self.post_budget_usd.and_then(own).filter(|cap| *cap != task.budget_cap_usd),
        }
    }
}

impl DraftEdit {
    fn is_nothing(&self) -> bool {
        self.goal.is_none() && self.priority.is_none() && self.budget_cap_usd.is_none()
    }
}

impl DraftPlan {
    /// The most it may cost: what its tasks may, together.
    #[must_use]
    pub fn cost_max(&self) -> Usd {
        self.tasks.iter().map(|task| task.budget_cap_usd).sum()
    }

    /// Since when it waits.
    #[must_use]
    pub fn since(&self) -> Option<DateTime<Utc>> {
        self.tasks.iter().map(|task| task.created_at).min()
    }

    /// The channels of its posts, each once.
    #[must_use]
    pub fn channels(&self) -> Vec<Channel> {
        let mut channels: Vec<Channel> = self.tasks.iter().map(|task| task.channel).collect();
        channels.sort_unstable();
        channels.dedup();
        channels
    }

    /// Its tasks, those for one channel only if one is named.
    pub fn tasks_for(&self, channel: Option<Channel>) -> impl Iterator<Item = &AgentTask> {
        self.tasks.iter().filter(move |task| channel.is_none_or(|channel| task.channel == channel))
    }

    /// The same as they were looked at: to start or drop just these, if they are still what they were.
    #[must_use]
    pub fn seen(&self, channel: Option<Channel>) -> Vec<(TaskId, StateVersion)> {
        self.tasks_for(channel).map(|task| (task.id, task.state_version)).collect()
    }

    /// Says which tasks wait, and at which versions: another text as soon as one is edited, started or dropped.
    #[must_use]
    pub fn version(&self) -> String {
        let mut seen = self.seen(None);
        seen.sort_unstable_by_key(|(id, _)| id.as_uuid());
        let parts: Vec<[u8; 24]> = seen
            .into_iter()
            .map(|(id, version)| {
                let mut part = [0; 24];
                let (of_id, of_version) = part.split_at_mut(16);
                of_id.copy_from_slice(id.as_uuid().as_bytes());
                of_version.copy_from_slice(&version.get().to_be_bytes());
                part
            })
            .collect();
        let parts: Vec<&[u8]> = parts.iter().map(<[u8; 24]>::as_slice).collect();
        let mut hash = sha256_parts(&parts);
        hash.truncate(VERSION_DIGITS);
        hash
    }

    /// What a wish changes of its tasks, those for one channel only if one is named; nothing of those that are as wished.
    #[must_use]
    pub fn edits(&self, channel: Option<Channel>, wish: &DraftWish) -> Vec<DraftEdit> {
        self.tasks_for(channel).map(|task| wish.of(task)).filter(|edit| !edit.is_nothing()).collect()
    }
}

#[cfg(test)]
mod tests {
    use chimera_domain::Modality;
    use chimera_testkit::{SeededAmbient, fixtures};

    use super::*;

    fn plan() -> DraftPlan {
        let ambient = SeededAmbient::new(7);
        let agent = fixtures::agent(&ambient);
        let campaign = fixtures::campaign(&ambient, &agent);
        let signal = fixtures::signal(&ambient, &campaign, &agent);
        let tasks = fixtures::dag(&ambient, &campaign, &agent, &signal);
        DraftPlan { signal, tasks }
    }

    #[test]
    fn every_change_is_another_version() {
        let plan = plan();
        let (mut reversed, mut edited, mut shorter) = (plan.clone(), plan.clone(), plan.clone());
        reversed.tasks.reverse();
        assert_eq!(plan.version(), reversed.version());
        assert_eq!(plan.version().len(), VERSION_DIGITS);
        edited.tasks[1].state_version = edited.tasks[1].state_version.next();
        shorter.tasks.pop();
        let versions = std::collections::HashSet::from([plan.version(), edited.version(), shorter.version()]);
        assert_eq!(versions.len(), 3);
    }

    #[test]
    fn a_wish_changes_what_is_otherwise_and_divides_what_a_post_may_cost() {
        let plan = plan();
        let wish = DraftWish { post_budget_usd: Some(Usd::dollars(1)), ..DraftWish::default() };
        let edits = plan.edits(None, &wish);
        let caps: Vec<_> = edits.iter().map(|edit| edit.budget_cap_usd).collect();
        let parts = budget_parts(Usd::dollars(1), &[Modality::Text, Modality::Image]);
        let shares: Vec<_> = parts.into_iter().map(|(_, share)| Some(share)).collect();
        assert_eq!(caps, shares, "the post itself costs nothing");
        let goal = Some(plan.tasks[0].payload.goal.clone());
        let same = DraftWish { goal, priority: Some(plan.tasks[0].priority), post_budget_usd: None };
        assert_eq!(plan.edits(None, &same), []);
        let elsewhere = Channel::ALL.iter().find(|channel| !plan.channels().contains(channel)).copied();
        assert_eq!(plan.edits(elsewhere, &wish), []);
        assert_eq!(plan.seen(Some(plan.channels()[0])).len(), 3);
    }

    #[test]
    fn what_cant_be_done_is_refused() {
        let wish = DraftWish::default();
        assert_eq!(wish.clone().checked(), Err(UnfitWish::Nothing));
        let free = DraftWish { post_budget_usd: Some(Usd::ZERO), ..wish.clone() };
        assert_eq!(free.checked(), Err(UnfitWish::Budget));
        for text in [" ", &"x".repeat(DRAFT_TEXT_MAX + 1)] {
            let goal = Some(text.to_owned());
            assert_eq!(DraftWish { goal, ..wish.clone() }.checked(), Err(UnfitWish::Text));
        }
        let fits = DraftWish { goal: Some(format!(" {} ", "ü".repeat(DRAFT_TEXT_MAX))), ..wish };
        assert_eq!(fits.checked().unwrap().goal.unwrap().chars().count(), DRAFT_TEXT_MAX);
    }
}
