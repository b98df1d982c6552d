//! The stories of the last days, as all campaigns heard them: read from the database when the planner begins, and again what
//! other planners have added since.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use chimera_domain::{Campaign, SignalId, StoryLimits, StoryWindow, Wording};
use chimera_llm::Relevance;
use chimera_telemetry::STORIES;
use chrono::{DateTime, TimeDelta, Utc};

use crate::{Planner, PlannerConfig, PlannerError, planner::number, triage::Sighting};

/// How long a signal may take from its time to its commit. What others commit later is a story of its own.
const COMMIT_MAX: TimeDelta = TimeDelta::minutes(5);

/// Known stories, in memory. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Stories {
    limits: StoryLimits,
    known: Arc<Mutex<Known>>,
}

#[derive(Debug)]
struct Known {
    window: StoryWindow,
    /// The time of the newest that was read from the database.
    read_to: Option<DateTime<Utc>>,
}

impl Stories {
    pub(crate) fn new(config: &PlannerConfig) -> Self {
        let limits = StoryLimits {
            stories: if config.story_hours == 0 { 0 } else { config.stories_max },
            age: TimeDelta::hours(i64::from(config.story_hours)),
        };
        let known = Known { window: StoryWindow::new(limits), read_to: None };
        Self { limits, known: Arc::new(Mutex::new(known)) }
    }

    /// A window for the stories of one plan, until it is committed.
    pub(crate) fn of_a_plan(&self) -> StoryWindow {
        StoryWindow::new(self.limits)
    }

    /// Adds stories that are committed.
    pub(crate) fn tell(&self, told: impl IntoIterator<Item = (SignalId, Wording, DateTime<Utc>)>) {
        self.with(|known| told.into_iter().for_each(|(story, wording, at)| known.window.tell(story, wording, at)));
    }

    fn name(&self, sightings: &mut [Sighting], now: DateTime<Utc>) {
        self.with(|known| sightings.iter_mut().for_each(|s| s.story_id = known.window.find(&s.wording, now)));
    }

    /// Names the stories of those items that have none yet, as they are known by now.
    pub(crate) fn name_scored(&self, scored: &mut [(Sighting, Relevance)], now: DateTime<Utc>) {
        self.with(|known| {
            for (sighting, _) in scored.iter_mut().filter(|(sighting, _)| sighting.story_id.is_none()) {
                sighting.story_id = known.window.find(&sighting.wording, now);
            }
        });
    }

    fn with<T>(&self, act: impl FnOnce(&mut Known) -> T) -> T {
        act(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Planner {
    /// Learns the stories that others have told since the last time, or all that are young enough the first time.
    pub(crate) async fn learn_stories(&self) -> Result<(), PlannerError> {
        let Stories { limits, .. } = self.stories;
        if limits.stories == 0 {
            return Ok(());
        }
        let now = self.ambient.now();
        let since = self.stories.with(|known| known.read_to).map_or(now - limits.age, |read_to| read_to - COMMIT_MAX);
        let limit = u64::try_from(limits.stories).unwrap_or(u64::MAX);
        let told = self.store.stories_since(since, limit).await?;
        self.stories.with(|known| {
            known.read_to = told.last().map(|story| story.told_at).or(known.read_to);
            for story in told {
                known.window.tell(story.story_id, Wording::of(&story.headline), story.told_at);
            }
            known.window.trim(now);
            STORIES.set(number(known.window.len()));
        });
        Ok(())
    }

    /// Names the story of each new item, where it is known, and parts those that the campaign needs no more: it has planned
    /// the story already, or found it relevant. What was not relevant in other words may be so in these.
    pub(crate) async fn told_before(
        &self,
        campaign: &Campaign,
        mut fresh: Vec<Sighting>,
    ) -> Result<(Vec<Sighting>, Vec<Sighting>), PlannerError> {
        self.stories.name(&mut fresh, self.ambient.now());
        let stories: Vec<SignalId> = fresh.iter().filter_map(|s| s.story_id).collect();
        let told =
            if stories.is_empty() { HashSet::new() } else { self.store.stories_told(campaign.id, &stories).await? };
        Ok(fresh.into_iter().partition(|s| s.story_id.is_some_and(|story| told.contains(&story))))
    }
}
