//! Queues inside one process: the embedded default.

use std::{
    collections::{BTreeMap, HashSet, VecDeque},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use chimera_domain::TaskId;
use tokio::{
    sync::{Notify, watch},
    time::{Instant, timeout},
};

use crate::{Bus, BusError, Delivery, Listener, Queue, QueueState, Receipt, Topic};

/// Ids beyond this are dropped, oldest kept; the sweeper brings them back when there is room.
const WAITING_MAX: usize = 100_000;

/// A delay beyond this is cut to it, so that no sum of times overflows.
const DELAY_MAX: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Queues inside one process.
#[derive(Debug, Default)]
pub struct InProcessBus {
    task: Line,
    review: Line,
    publish: Line,
    hitl: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Line {
    waiting: Mutex<Waiting>,
    arrived: Notify,
}

/// Ids in order, each at most once, and those whose time has not come.
#[derive(Debug, Default)]
struct Waiting {
    order: VecDeque<TaskId>,
    present: HashSet<TaskId>,
    /// By due time, then by arrival.
    delayed: BTreeMap<(Instant, u64), TaskId>,
    arrivals: u64,
}

impl Waiting {
    fn offer(&mut self, id: TaskId) {
        if self.order.len() < WAITING_MAX && self.present.insert(id) {
            self.order.push_back(id);
        }
    }

    fn delay(&mut self, id: TaskId, due: Instant) {
        if self.delayed.len() < WAITING_MAX {
            self.delayed.insert((due, self.arrivals), id);
            self.arrivals += 1;
        }
    }

    /// Offers what has fallen due.
    fn ripen(&mut self, now: Instant) {
        while let Some(first) = self.delayed.first_entry().filter(|first| first.key().0 <= now) {
            let id = first.remove();
            self.offer(id);
        }
    }

    fn next_due(&self) -> Option<Instant> {
        self.delayed.first_key_value().map(|((due, _), _)| *due)
    }
}

impl Line {
    fn with<T>(&self, act: impl FnOnce(&mut Waiting) -> T) -> T {
        // A panic between two pushes leaves at worst an id twice or not at all, and both are allowed.
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.ripen(Instant::now());
        act(&mut waiting)
    }

    fn take_now(&self, max: usize) -> Vec<Delivery> {
        self.with(|w| {
            let count = max.min(w.order.len());
            let taken: Vec<_> = w.order.drain(..count).collect();
            for id in &taken {
                w.present.remove(id);
            }
            taken.into_iter().map(|task_id| Delivery { task_id, receipt: Receipt(String::new()) }).collect()
        })
    }
}

impl InProcessBus {
    /// Empty queues.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    const fn line(&self, queue: Queue) -> &Line {
        match queue {
            Queue::Task => &self.task,
            Queue::Review => &self.review,
            Queue::Publish => &self.publish,
        }
    }

    const fn notices(&self, topic: Topic) -> &watch::Sender<()> {
        match topic {
            Topic::Hitl => &self.hitl,
        }
    }
}

#[async_trait]
impl Bus for InProcessBus {
    async fn push(&self, queue: Queue, ids: &[TaskId]) -> Result<(), BusError> {
        let line = self.line(queue);
        line.with(|w| ids.iter().for_each(|&id| w.offer(id)));
        line.arrived.notify_one();
        Ok(())
    }

    async fn push_after(&self, queue: Queue, ids: &[TaskId], delay: Duration) -> Result<(), BusError> {
        let line = self.line(queue);
        let due = Instant::now() + delay.min(DELAY_MAX);
        line.with(|w| ids.iter().for_each(|&id| w.delay(id, due)));
        // Each waiting taker has to learn the new due time: the one that knew it might leave with something else.
        line.arrived.notify_waiters();
        Ok(())
    }

    async fn take(&self, queue: Queue, max: usize, wait: Duration) -> Result<Vec<Delivery>, BusError> {
        let line = self.line(queue);
        let until = Instant::now() + wait.min(DELAY_MAX);
        loop {
            // Armed before the look, so that an arrival between look and wait is not missed.
            let arrived = line.arrived.notified();
            let taken = line.take_now(max);
            let (more, next_due) = line.with(|w| (!w.order.is_empty(), w.next_due()));
            if !taken.is_empty() {
                if more {
                    line.arrived.notify_one();
                }
                return Ok(taken);
            }
            let wake = next_due.map_or(until, |due| due.min(until));
            if tokio::time::timeout_at(wake, arrived).await.is_err() && wake == until {
                return Ok(line.take_now(max));
            }
        }
    }

    async fn acknowledge(&self, _: Queue, _: &[Receipt]) -> Result<(), BusError> {
        Ok(())
    }

    async fn depth(&self, queue: Queue) -> Result<usize, BusError> {
        Ok(self.line(queue).with(|w| w.order.len()))
    }

    async fn state(&self, queue: Queue) -> Result<QueueState, BusError> {
        let (waiting, delayed) = self.line(queue).with(|w| (w.order.len(), w.delayed.len()));
        Ok(QueueState { waiting, delayed, lag: Some(waiting), ..QueueState::default() })
    }

    async fn announce(&self, topic: Topic) -> Result<(), BusError> {
        self.notices(topic).send_replace(());
        Ok(())
    }

    fn listen(&self, topic: Topic) -> Box<dyn Listener> {
        let mut notices = self.notices(topic).subscribe();
        notices.mark_changed();
        Box::new(InProcessListener(notices))
    }
}

#[derive(Debug)]
struct InProcessListener(watch::Receiver<()>);

#[async_trait]
impl Listener for InProcessListener {
    async fn heard(&mut self, wait: Duration) -> bool {
        match timeout(wait, self.0.changed()).await {
            Ok(Ok(())) => true,
            Err(_) => false,
            // The bus is gone, and nothing will ever be heard: the wait is all there is.
            Ok(Err(_)) => {
                tokio::time::sleep(wait).await;
                false
            }
        }
    }
}
