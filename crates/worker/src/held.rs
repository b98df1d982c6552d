//! What a pool or a publisher holds, and for how long its heartbeats go on.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use chimera_domain::{AgentTask, StateVersion, TaskId};

/// Claims, from the claim until what came of them is committed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Held(Arc<Mutex<HashMap<TaskId, StateVersion>>>);

/// One claim. Dropping it, however that comes about, ends its heartbeats: a task whose worker panicked must not be held
/// for ever.
#[derive(Debug)]
pub(crate) struct Hold {
    held: Held,
    id: TaskId,
    version: StateVersion,
}

impl Held {
    /// Holds a claimed task.
    pub(crate) fn hold(&self, task: &AgentTask) -> Hold {
        self.with(|held| held.insert(task.id, task.state_version));
        Hold { held: self.clone(), id: task.id, version: task.state_version }
    }

    /// Everything that is held.
    pub(crate) fn list(&self) -> Vec<(TaskId, StateVersion)> {
        self.with(|held| held.iter().map(|(id, version)| (*id, *version)).collect())
    }

    /// How much is held.
    pub(crate) fn count(&self) -> usize {
        self.with(|held| held.len())
    }

    fn with<T>(&self, act: impl FnOnce(&mut HashMap<TaskId, StateVersion>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        // A later claim of the same task by the same pool is not this one's to end.
        self.held.with(|held| {
            if held.get(&self.id) == Some(&self.version) {
                held.remove(&self.id);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chimera_domain::TaskType;
    use chimera_testkit::{SeededAmbient, fixtures};

    #[test]
    fn a_claim_ends_with_its_own_hold_only() {
        let ambient = SeededAmbient::new(1);
        let agent = fixtures::agent(&ambient);
        let campaign = fixtures::campaign(&ambient, &agent);
        let signal = fixtures::signal(&ambient, &campaign, &agent);
        let first = fixtures::task(&ambient, &campaign, &agent, &signal, TaskType::GenerateText, vec![]);
        let again = AgentTask { state_version: first.state_version.next(), ..first.clone() };
        let held = Held::default();
        let (old, new) = (held.hold(&first), held.hold(&again));
        drop(old);
        assert_eq!(held.list(), [(again.id, again.state_version)]);
        drop(new);
        assert!(held.list().is_empty());
    }
}
