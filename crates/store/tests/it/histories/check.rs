//! The promises, checked after each step.

use std::collections::{BTreeMap, HashMap, HashSet};

use chimera_domain::{AgentTask, AuditAction, PublicationState, TaskEvent, TaskId, TaskState, TaskType, TraceId, Usd};
use chimera_store::AuditFilter;
use chrono::{DateTime, NaiveDate};

use super::{
    Step,
    story::{DAILY, Story},
};

/// Where tasks came, so that a test in which nothing happens does not pass.
#[derive(Debug, Default)]
pub(super) struct Reached {
    pub(super) ends: BTreeMap<TaskState, u32>,
    pub(super) retried: u32,
    pub(super) posts: u32,
    /// Tasks that the day had no money for.
    pub(super) penniless: u32,
    pub(super) histories: u32,
}

impl Reached {
    pub(super) fn add(&mut self, other: &Self) {
        for (state, count) in &other.ends {
            *self.ends.entry(*state).or_default() += count;
        }
        self.retried += other.retried;
        self.posts += other.posts;
        self.penniless += other.penniless;
        self.histories += other.histories;
    }

    /// With enough histories, every end is reached and something is published.
    pub(super) fn assert_something_happened(&self) {
        if self.histories >= 16 {
            for end in TaskState::TERMINAL {
                assert!(self.ends.contains_key(end), "no task came to {end}: {self:?}");
            }
            assert!(self.posts > 0, "{self:?}");
        }
    }
}

impl Story<'_> {
    /// Compares with what was before `step`.
    pub(super) async fn check(&mut self, step: &Step) {
        let tasks = self.tasks().await;
        let before = self.book(|book| std::mem::take(&mut book.before));
        for task in &tasks {
            match before.get(&task.id) {
                Some(old) => moved_legally(old, task, step),
                None => assert!(
                    matches!(task.state, TaskState::Pending | TaskState::Ready | TaskState::Cancelled)
                        || *step != Step::One(super::Act::Review),
                    "{task:?} was born after {step:?}"
                ),
            }
            assert_eq!(task.cancel_reason.is_some(), task.state == TaskState::Cancelled, "{task:?} after {step:?}");
        }
        assert!(before.keys().all(|id| tasks.iter().any(|task| task.id == *id)), "a task is gone after {step:?}");
        parents_first(&tasks, step);
        self.published_once(&tasks, step).await;
        self.money_lasts(step).await;
        self.book(|book| {
            assert!(book.sent.is_subset(&book.approved), "what nobody approved went out after {step:?}");
        });
        self.book(|book| book.before = tasks.into_iter().map(|task| (task.id, task)).collect());
    }

    async fn published_once(&self, tasks: &[AgentTask], step: &Step) {
        if self.book(|book| book.sent.is_empty()) {
            return;
        }
        let (traces, outside) = self.book(|book| (book.traces.clone(), book.outside.clone()));
        let mut told: HashMap<TraceId, u32> = HashMap::new();
        outside.values().for_each(|(trace, posts)| *told.entry(*trace).or_default() += posts);
        for trace in traces {
            // A post and a reply to it are two.
            let replies = tasks.iter().filter(|t| t.trace_id == trace && t.task_type == TaskType::ReplyComment).count();
            let most = 1 + u32::from(replies > 0);
            assert!(told.get(&trace).copied().unwrap_or(0) <= most, "a story is out twice after {step:?}");
            let view = self.world.store.trace(trace).await.unwrap().unwrap();
            let mut confirmed: HashMap<TaskId, u32> = HashMap::new();
            let mut keys = HashSet::new();
            for entry in &view.publications {
                assert!(keys.insert(entry.idempotency_key.clone()), "one key, two entries after {step:?}");
                let out = outside.contains_key(&entry.idempotency_key);
                match entry.state {
                    PublicationState::Confirmed => {
                        assert!(out, "{entry:?} is not out after {step:?}");
                        *confirmed.entry(entry.task_id).or_default() += 1;
                    }
                    PublicationState::Absent | PublicationState::Refused => {
                        assert!(!out, "{entry:?} is out after {step:?}");
                    }
                    PublicationState::Attempting | PublicationState::Unknown => {}
                }
            }
            for task in view.tasks {
                let count = confirmed.get(&task.id).copied().unwrap_or(0);
                assert_eq!(count, u32::from(task.state == TaskState::Published), "{task:?} after {step:?}");
            }
        }
    }
}

impl Story<'_> {
    /// No day's cap is overdrawn: nothing here costs more than was set aside for it.
    async fn money_lasts(&self, step: &Step) {
        let entries = self.world.store.spend_entries(&[self.agent], DateTime::UNIX_EPOCH, None, None).await.unwrap();
        let mut days: BTreeMap<NaiveDate, Usd> = BTreeMap::new();
        for entry in entries {
            let day = days.entry(entry.reserved_at.date_naive()).or_default();
            *day = day.saturating_add(entry.counted);
        }
        for (day, counted) in days {
            assert!(counted <= DAILY, "{day} is overdrawn after {step:?}: {counted} of {DAILY}");
        }
    }

    /// Whenever a publisher began, the log's last word on the campaign was that it is ACTIVE. The log has the order in
    /// which these were committed.
    pub(super) async fn nothing_was_begun_at_rest(&self) {
        let log = &self.world.store;
        let length = u64::try_from(log.audit_head().await.unwrap().seq - self.log_from).unwrap();
        let entries = log.audit_entries(&AuditFilter { limit: length, ..AuditFilter::default() }).await.unwrap();
        let mut rests = false;
        for entry in entries.iter().rev() {
            if entry.action == AuditAction::CampaignStatusSet.as_str() {
                rests = !entry.details.contains(r#""to":"ACTIVE""#);
            }
            assert!(!(rests && entry.action == AuditAction::PublishBegun.as_str()), "begun at rest: {entry:?}");
        }
    }
}

/// Every write counts one version and is a move that the state machine knows; a publication that is taken over is written
/// without a move. Without a write, nothing but the lease may differ.
fn moved_legally(old: &AgentTask, new: &AgentTask, step: &Step) {
    let writes = new.state_version.get() - old.state_version.get();
    assert!(writes >= 0, "{new:?} went back after {step:?}");
    if writes == 0 {
        let unleased = |task: &AgentTask| AgentTask { lease_owner: None, ..task.clone() };
        assert_eq!(unleased(old), unleased(new), "written without a version by {step:?}");
        return;
    }
    let mut at: HashSet<TaskState> = [old.state].into();
    for _ in 0..writes {
        let mut next = HashSet::new();
        for state in at {
            next.extend(TaskEvent::ALL.iter().filter_map(|event| state.on(*event, old.task_type).ok()));
            if state == TaskState::Publishing {
                next.insert(state);
            }
        }
        at = next;
    }
    assert!(at.contains(&new.state), "{} to {} in {writes} writes by {step:?}: {new:?}", old.state, new.state);
}

/// Nothing starts before what it waits for is finished, and nothing waits for what is dead.
fn parents_first(tasks: &[AgentTask], step: &Step) {
    let states: HashMap<TaskId, TaskState> = tasks.iter().map(|task| (task.id, task.state)).collect();
    for task in tasks {
        let parents = task.depends_on.iter().map(|id| states[id]);
        match task.state {
            TaskState::Cancelled => {}
            TaskState::Pending => {
                let all = parents.clone().all(TaskState::is_finished);
                assert!(!all, "nobody starts {task:?} after {step:?}");
                assert!(!parents.clone().any(TaskState::is_dead_end), "{task:?} waits for the dead after {step:?}");
            }
            _ => assert!(parents.clone().all(TaskState::is_finished), "{task:?} began too early, after {step:?}"),
        }
    }
}
