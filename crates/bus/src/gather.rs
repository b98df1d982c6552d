//! Larger batches under load.

use std::time::Duration;

use tokio::time::Instant;

use crate::{Bus, BusError, Delivery, Queue};

/// So many deliveries at once are traffic; a lone post never has as many.
const TRAFFIC: usize = 4;
/// Whoever gets the next batch so soon after it was done with the last is at work all the time.
const BUSY_WITHIN: Duration = Duration::from_millis(50);
/// So long it then waits for more. What it does with a batch costs little more for a larger one.
const LINGER: Duration = Duration::from_millis(20);

/// How one taker gathers deliveries: at once where they come one by one, a moment later and more of them where it never
/// runs out of work. One for each loop that takes.
#[derive(Debug, Default)]
pub struct Gather {
    /// When the last batch had been dealt with, if it was traffic.
    done: Option<Instant>,
}

impl Gather {
    /// [`Bus::take`], after which more is waited for under load. Dropping the future loses no id for good.
    ///
    /// # Errors
    /// [`BusError`] when the queue can't be reached.
    pub async fn take(
        &self,
        bus: &dyn Bus,
        queue: Queue,
        max: usize,
        wait: Duration,
    ) -> Result<Vec<Delivery>, BusError> {
        let mut batch = bus.take(queue, max, wait).await?;
        let is_busy = self.done.is_some_and(|done| done.elapsed() < BUSY_WITHIN);
        if is_busy && !batch.is_empty() && batch.len() < max {
            tokio::time::sleep(LINGER).await;
            // What is in hand is not given up for what can't be had.
            if let Ok(more) = bus.take(queue, max - batch.len(), Duration::ZERO).await {
                batch.extend(more);
            }
        }
        Ok(batch)
    }

    /// Says that a batch of so many has been dealt with.
    pub fn done(&mut self, batch: usize) {
        self.done = (batch >= TRAFFIC).then(Instant::now);
    }
}

#[cfg(test)]
mod tests {
    use chimera_domain::{Ambient, TaskId};
    use chimera_testkit::SeededAmbient;

    use super::*;
    use crate::InProcessBus;

    fn ids(ambient: &dyn Ambient, count: usize) -> Vec<TaskId> {
        (0..count).map(|_| TaskId::generate(ambient)).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_busy_taker_waits_for_more_and_an_idle_one_for_nothing() {
        let (ambient, bus, mut gather) = (SeededAmbient::new(1), InProcessBus::default(), Gather::default());
        let take = async |gather: &Gather, max| gather.take(&bus, Queue::Task, max, LINGER).await.unwrap().len();
        let late = async |count: usize| {
            tokio::time::sleep(LINGER / 2).await;
            bus.push(Queue::Task, &ids(&ambient, count)).await.unwrap();
        };
        bus.push(Queue::Task, &ids(&ambient, 6)).await.unwrap();
        let began = Instant::now();
        assert_eq!(take(&gather, 64).await, 6);
        assert_eq!(began.elapsed(), Duration::ZERO);

        gather.done(6);
        bus.push(Queue::Task, &ids(&ambient, 1)).await.unwrap();
        assert_eq!(tokio::join!(take(&gather, 64), late(5)).0, 6, "those that come a moment later come along");

        // Never more than there is room for.
        gather.done(6);
        bus.push(Queue::Task, &ids(&ambient, 1)).await.unwrap();
        assert_eq!(tokio::join!(take(&gather, 4), late(5)).0, 4);
        assert_eq!(bus.depth(Queue::Task).await.unwrap(), 2);
        assert_eq!(take(&gather, 2).await, 2);

        // One post at a time waits for nothing.
        gather.done(3);
        bus.push(Queue::Task, &ids(&ambient, 1)).await.unwrap();
        let began = Instant::now();
        assert_eq!(take(&gather, 64).await, 1);
        assert_eq!(began.elapsed(), Duration::ZERO);
    }
}
