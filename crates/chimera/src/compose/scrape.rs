//! The metrics of a process: what it counted, and what it reads when somebody asks.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use async_trait::async_trait;
use chimera_bus::Queue;
use chimera_console::Figures;
use chimera_domain::{Ambient, TaskState, Usd};
use chimera_store::Store;
use chimera_telemetry::{
    ALERTS_OPEN, BUDGET_TODAY, BUDGET_USED_RATIO_MAX, COMMITS, DEPENDENCY_UP, Prometheus, QUEUE_DEAD, QUEUE_DELAYED,
    QUEUE_LAG, QUEUE_TAKEN, QUEUE_WAITING, RESIDENT_MEMORY, ROLLBACKS, Readings, SPEND_RESERVED, SPEND_TODAY,
    STATEMENTS, TASKS, TICKET_OLDEST, TICKETS_OPEN, TICKETS_OVERDUE,
};
use chrono::{DateTime, Utc};
use tokio::{sync::Mutex, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{Ground, Queues};

/// How long a reading of the database or the queues may take.
const READING_MAX: Duration = Duration::from_secs(2);
/// For how long a reading is told again instead of reading anew, however many ask.
const READING_KEPT: Duration = Duration::from_secs(3);
/// How often observations are tidied up while nobody asks for metrics.
const TIDY_EVERY: Duration = Duration::from_secs(5);

/// The state in which a task waits in a queue.
const WAITS_IN: [(Queue, TaskState); 3] =
    [(Queue::Task, TaskState::Ready), (Queue::Review, TaskState::JudgeReview), (Queue::Publish, TaskState::Approved)];

/// The metrics of a process.
#[derive(Debug)]
pub(crate) struct Scrape {
    prometheus: Prometheus,
    sources: OnceLock<Sources>,
    last: Mutex<Option<(Instant, Readings)>>,
}

/// What is read when somebody asks.
#[derive(Debug)]
struct Sources {
    store: Store,
    queues: Queues,
    ambient: Arc<dyn Ambient>,
}

impl Scrape {
    pub(crate) fn new(prometheus: Prometheus) -> Self {
        Self { prometheus, sources: OnceLock::new(), last: Mutex::default() }
    }

    /// From now on there is something to read.
    pub(crate) fn reads(&self, ground: &Ground) {
        let (store, queues, ambient) = (ground.store.clone(), ground.queues.clone(), ground.ambient.clone());
        // Only the first one counts, and there is only one.
        let _ = self.sources.set(Sources { store, queues, ambient });
    }

    /// Keeps observations from piling up while nobody asks, until cancelled.
    pub(crate) async fn tidy(self: Arc<Self>, cancel: CancellationToken) {
        let mut rounds = tokio::time::interval(TIDY_EVERY);
        loop {
            tokio::select! {
                () = cancel.cancelled() => return,
                _ = rounds.tick() => self.prometheus.tidy(),
            }
        }
    }

    /// What the fleet's database and queues say, at most [`READING_KEPT`] ago. Of those who ask at the same time one reads.
    async fn fleet(&self, sources: &Sources) -> Readings {
        let mut last = self.last.lock().await;
        if let Some((at, known)) = &*last
            && at.elapsed() < READING_KEPT
        {
            return known.clone();
        }
        let (database, queue) = tokio::join!(read_database(sources), read_queues(&sources.queues));
        let mut readings = Readings::default();
        readings.put_for(DEPENDENCY_UP, "database", f64::from(u8::from(database.is_some())));
        readings.put_for(DEPENDENCY_UP, "queue", f64::from(u8::from(queue.is_some())));
        readings.extend(database.unwrap_or_default());
        readings.extend(queue.unwrap_or_default());
        *last = Some((Instant::now(), readings.clone()));
        readings
    }
}

#[async_trait]
impl Figures for Scrape {
    async fn prometheus(&self) -> String {
        let mut text = self.prometheus.render();
        let mut readings = Readings::default();
        if let Some(bytes) = resident_memory() {
            readings.put(RESIDENT_MEMORY, count(bytes));
        }
        if let Some(sources) = self.sources.get() {
            let asked = sources.store.statistics();
            readings.put(STATEMENTS, count(asked.statements));
            readings.put(COMMITS, count(asked.commits));
            readings.put(ROLLBACKS, count(asked.rollbacks));
            readings.extend(self.fleet(sources).await);
        }
        text.push_str(&readings.render());
        text
    }
}

/// A few statements; nothing when the database does not answer all of them in time.
async fn read_database(sources: &Sources) -> Option<Readings> {
    let (store, now) = (&sources.store, sources.ambient.now());
    let asked = async {
        tokio::try_join!(store.tasks_standing(), store.hitl_depth(), store.alerts_standing(), store.fleet_spend(now))
    };
    let (tasks, tickets, alerts, spend) = tokio::time::timeout(READING_MAX, asked).await.ok()?.ok()?;
    let mut readings = Readings::default();
    for state in TaskState::ALL.iter().filter(|state| !state.is_terminal() || **state == TaskState::Failed) {
        let standing = tasks.get(state).map_or(0, |standing| standing.count);
        readings.put_for(TASKS, state.as_str(), count(standing));
    }
    for (queue, state) in WAITS_IN {
        let since = tasks.get(&state).map(|standing| standing.since);
        readings.put_for(QUEUE_LAG, queue.as_str(), age_s(since, now));
    }
    readings.put(TICKETS_OPEN, count(tickets.open));
    readings.put(TICKETS_OVERDUE, count(tickets.overdue));
    readings.put(TICKET_OLDEST, age_s(tickets.oldest, now));
    for kind in chimera_domain::AlertKind::ALL {
        readings.put_for(ALERTS_OPEN, kind.as_str(), count(alerts.get(kind).copied().unwrap_or_default()));
    }
    readings.put(SPEND_TODAY, dollars(spend.today));
    readings.put(SPEND_RESERVED, dollars(spend.reserved));
    readings.put(BUDGET_TODAY, dollars(spend.caps));
    readings.put(BUDGET_USED_RATIO_MAX, spend.fullest);
    Some(readings)
}

async fn read_queues(queues: &Queues) -> Option<Readings> {
    let mut readings = Readings::default();
    for queue in Queue::ALL {
        let state = tokio::time::timeout(READING_MAX, queues.bus.state(queue)).await.ok()?.ok()?;
        for (metric, number) in [
            (QUEUE_WAITING, state.waiting),
            (QUEUE_TAKEN, state.taken),
            (QUEUE_DELAYED, state.delayed),
            (QUEUE_DEAD, state.dead),
        ] {
            readings.put_for(metric, queue.as_str(), count(number as u64));
        }
    }
    Some(readings)
}

/// A count as Prometheus has it; above 2^53 it would lose digits, and no count comes near.
#[expect(clippy::cast_precision_loss, reason = "no count comes near 2^53")]
const fn count(n: u64) -> f64 {
    n as f64
}

/// Dollars as Prometheus has them: for a look, not for the books.
#[expect(clippy::cast_precision_loss, reason = "for a look, not for the books")]
fn dollars(amount: Usd) -> f64 {
    amount.micros() as f64 / 1_000_000.0
}

/// Seconds since a moment; 0 when there is none, or another process's clock is ahead.
fn age_s(since: Option<DateTime<Utc>>, now: DateTime<Utc>) -> f64 {
    since.and_then(|since| (now - since).to_std().ok()).unwrap_or_default().as_secs_f64()
}

/// Memory that the process holds, where Linux tells it: `VmRSS` of `/proc/self/status`, in kibibytes (`proc(5)`).
fn resident_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_never_negative() {
        let now = DateTime::from_timestamp(1_000, 0).unwrap();
        let at = |s| DateTime::from_timestamp(s, 0);
        assert_eq!((age_s(at(940), now), age_s(at(1_001), now), age_s(None, now)), (60.0, 0.0, 0.0));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_process_holds_memory() {
        assert!(resident_memory().unwrap() > 1_000_000);
    }
}
