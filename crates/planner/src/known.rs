//! Who runs, and who acts, as the last round read it: what has not been written since is not read again.

use std::{
    collections::{HashMap, HashSet},
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
};

use chimera_domain::{Agent, AgentId, Campaign, CampaignId, CampaignStatus, StateVersion};

use crate::{Planner, PlannerError};

/// What rounds of planning share. Clones share it too.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cast {
    campaigns: Known<CampaignId, Campaign>,
    agents: Known<AgentId, Agent>,
}

impl Planner {
    /// The campaigns that run, by slug.
    pub(crate) async fn campaigns(&self) -> Result<Vec<Arc<Campaign>>, PlannerError> {
        let known = &self.cast.campaigns;
        let running = self.store.campaigns_running().await?;
        let changed = known.changed(&running);
        let read = if changed.is_empty() { vec![] } else { self.store.campaigns_by_ids(&changed).await? };
        let mut campaigns = known.with(&running, read.into_iter().map(|c| (c.id, c.state_version, c)));
        // One may have been paused between the two readings.
        campaigns.retain(|campaign| campaign.status == CampaignStatus::Active);
        Ok(campaigns)
    }

    /// The agents of these campaigns.
    pub(crate) async fn agents_of(
        &self,
        campaigns: &[Arc<Campaign>],
    ) -> Result<HashMap<AgentId, Arc<Agent>>, PlannerError> {
        let known = &self.cast.agents;
        let ids: HashSet<AgentId> = campaigns.iter().flat_map(|campaign| campaign.agents.iter().copied()).collect();
        let present = self.store.agent_versions(&Vec::from_iter(ids)).await?;
        let changed = known.changed(&present);
        let read = if changed.is_empty() { vec![] } else { self.store.agents_by_ids(&changed).await? };
        let agents = known.with(&present, read.into_iter().map(|agent| (agent.id, agent.state_version, agent)));
        Ok(agents.into_iter().map(|agent| (agent.id, agent)).collect())
    }
}

/// Rows as they were at a version.
#[derive(Debug)]
struct Known<I, T>(Arc<Mutex<Rows<I, T>>>);

type Rows<I, T> = HashMap<I, (StateVersion, Arc<T>)>;

impl<I, T> Clone for Known<I, T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<I, T> Default for Known<I, T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<I: Copy + Eq + Hash, T> Known<I, T> {
    /// Those of the rows that are not known at these versions.
    fn changed(&self, present: &[(I, StateVersion)]) -> Vec<I> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_known = |(id, version): &&(I, StateVersion)| known.get(id).is_some_and(|(at, _)| at == version);
        present.iter().filter(|row| !is_known(row)).map(|(id, _)| *id).collect()
    }

    /// The rows present, in that order, of which some were `read` just now; the others are forgotten. One that is gone
    /// meanwhile is left out.
    fn with(&self, present: &[(I, StateVersion)], read: impl Iterator<Item = (I, StateVersion, T)>) -> Vec<Arc<T>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let read: Rows<I, T> = read.map(|(id, version, row)| (id, (version, Arc::new(row)))).collect();
        let mut next = Rows::with_capacity(present.len());
        for (id, version) in present {
            let old = known.remove(id).filter(|(at, _)| at == version);
            next.extend(read.get(id).cloned().or(old).map(|row| (*id, row)));
        }
        *known = next;
        present.iter().filter_map(|(id, _)| known.get(id)).map(|(_, row)| Arc::clone(row)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: StateVersion = StateVersion::FIRST;

    #[test]
    fn only_what_was_written_since_is_read_again() {
        let known = Known::<u8, &str>::default();
        let two = StateVersion::new(2);
        assert_eq!(known.changed(&[(1, ONE), (2, ONE)]), [1, 2]);
        let rows = known.with(&[(2, ONE), (1, ONE)], [(1, ONE, "one"), (2, ONE, "two")].into_iter());
        assert_eq!(rows.iter().map(|row| **row).collect::<Vec<_>>(), ["two", "one"], "in the order asked for");
        assert_eq!(known.changed(&[(2, ONE), (1, two)]), [1]);
        let rows = known.with(&[(2, ONE), (1, two)], [(1, two, "one, edited")].into_iter());
        assert_eq!(rows.iter().map(|row| **row).collect::<Vec<_>>(), ["two", "one, edited"]);
    }

    #[test]
    fn what_is_gone_is_forgotten() {
        let known = Known::<u8, &str>::default();
        known.with(&[(1, ONE), (2, ONE)], [(1, ONE, "one"), (2, ONE, "two")].into_iter());
        assert_eq!(known.with(&[(1, ONE)], [].into_iter()).len(), 1);
        assert_eq!(known.changed(&[(2, ONE)]), [2]);
        // Asked for at a version that nobody could read: it was deleted between the two readings.
        assert_eq!(known.with(&[(1, StateVersion::new(2))], [].into_iter()).len(), 0);
    }

    #[test]
    fn a_row_that_was_written_again_between_the_two_readings_is_read_once_more() {
        let known = Known::<u8, &str>::default();
        let (two, three) = (StateVersion::new(2), StateVersion::new(3));
        assert_eq!(known.with(&[(1, two)], [(1, three, "newer")].into_iter()).len(), 1);
        assert_eq!(known.changed(&[(1, three)]), [] as [u8; 0]);
    }
}
