//! Queues inside one process: the embedded default.

use std::{
    collections::{HashSet, VecDeque},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use chimera_domain::TaskId;
use tokio::{sync::Notify, time::Instant};

use crate::{Bus, BusError, Delivery, Queue, Receipt};

/// Ids beyond this are dropped, oldest kept; the sweeper brings them back when there is room.
const WAITING_MAX: usize = 100_000;

/// Queues inside one process.
#[derive(Debug, Default)]
pub struct InProcessBus {
    task: Line,
    review: Line,
    publish: Line,
}

#[derive(Debug, Default)]
struct Line {
    waiting: Mutex<Waiting>,
    arrived: Notify,
}

/// Ids in order, each at most once.
#[derive(Debug, Default)]
struct Waiting {
    order: VecDeque<TaskId>,
    present: HashSet<TaskId>,
}

impl Line {
    fn with<T>(&self, act: impl FnOnce(&mut Waiting) -> T) -> T {
        // A panic between two pushes leaves at worst an id twice or not at all, and both are allowed.
        act(&mut self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
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
}

#[async_trait]
impl Bus for InProcessBus {
    async fn push(&self, queue: Queue, ids: &[TaskId]) -> Result<(), BusError> {
        let line = self.line(queue);
        line.with(|w| {
            for &id in ids {
                if w.order.len() < WAITING_MAX && w.present.insert(id) {
                    w.order.push_back(id);
                }
            }
        });
        line.arrived.notify_one();
        Ok(())
    }

    async fn take(&self, queue: Queue, max: usize, wait: Duration) -> Result<Vec<Delivery>, BusError> {
        let line = self.line(queue);
        let until = Instant::now() + wait;
        loop {
            // Armed before the look, so that an arrival between look and wait is not missed.
            let arrived = line.arrived.notified();
            let taken = line.take_now(max);
            if !taken.is_empty() {
                if line.with(|w| !w.order.is_empty()) {
                    line.arrived.notify_one();
                }
                return Ok(taken);
            }
            if tokio::time::timeout_at(until, arrived).await.is_err() {
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
}
