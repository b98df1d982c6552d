//! Hands at work: some call, others look up, and outcomes are written beside both.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chimera_bus::{Gather, Queue};
use chimera_domain::{TaskId, error_chain, policy::TroubleRest};
use chimera_store::{PublishCase, Settlement, StoreError, memory::Embedded};
use futures::{Stream, StreamExt as _, future, stream};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{Origin, Publisher};
use crate::held::{Held, Hold};

/// How long an idle publisher waits on the queue, and between two looks at what others left behind.
const IDLE_WAIT: Duration = Duration::from_secs(1);
/// Outcomes written together at the most.
const WRITTEN_MAX: usize = 256;

/// A publisher's hands, and what is in them.
pub(super) struct Desk<'a> {
    publisher: &'a Publisher,
    held: Held,
    callers: Arc<Semaphore>,
    scouts: Arc<Semaphore>,
    trouble: Mutex<Option<StoreError>>,
}

/// A publication in somebody's hand.
pub(super) struct InHand {
    case: PublishCase,
    origin: Origin,
    hold: Hold,
    hand: Option<OwnedSemaphorePermit>,
}

/// What came of one, still held until it is written down, and what is to be remembered of it.
type Done = (Settlement, Hold, Option<Embedded>);

impl<'a> Desk<'a> {
    pub(super) fn of(publisher: &'a Publisher) -> Self {
        let hands = || Arc::new(Semaphore::new(publisher.at_once()));
        let (callers, scouts) = (hands(), hands());
        Self { publisher, held: Held::default(), callers, scouts, trouble: Mutex::default() }
    }

    /// Settles what both bring, until both are at their end. Neither calls nor look-ups wait for the other, nor for
    /// outcomes to be written, and leases are kept until they are.
    pub(super) async fn work(
        &self,
        posts: impl Stream<Item = Vec<InHand>>,
        left_behind: impl Stream<Item = Vec<InHand>>,
    ) {
        let (done, outcomes) = mpsc::unbounded_channel();
        let (out, remembered) = mpsc::unbounded_channel();
        let (calling, looking) = (self.settle(posts, done.clone()), self.settle(left_behind, done));
        let working = future::join4(calling, looking, self.write(outcomes, out), self.remember(remembered));
        tokio::select! {
            _ = working => {}
            () = self.heartbeats() => {}
        }
    }

    /// What went wrong last, if anything.
    pub(super) fn into_trouble(self) -> Option<StoreError> {
        self.trouble.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    async fn settle(&self, cases: impl Stream<Item = Vec<InHand>>, done: mpsc::UnboundedSender<Done>) {
        cases
            .flat_map(stream::iter)
            .map(|InHand { case, origin, hold, hand }| async move {
                let settlement = self.publisher.settle(&case, origin).await;
                drop(hand);
                let post = self.publisher.post_to_remember(&case, &settlement);
                (settlement, hold, post)
            })
            .buffer_unordered(self.publisher.at_once())
            .for_each(|settled| {
                // The writer outlives every sender.
                let _ = done.send(settled);
                future::ready(())
            })
            .await;
    }

    /// Outcomes are written as they come: a slow post keeps no other one's from the ledger.
    async fn write(&self, mut outcomes: mpsc::UnboundedReceiver<Done>, out: mpsc::UnboundedSender<Embedded>) {
        let mut batch = Vec::with_capacity(WRITTEN_MAX);
        while outcomes.recv_many(&mut batch, WRITTEN_MAX).await > 0 {
            let (mut settlements, mut holds, mut posts) = (vec![], vec![], vec![]);
            for (settlement, hold, post) in batch.drain(..) {
                settlements.push(settlement);
                holds.push(hold);
                posts.extend(post);
            }
            if let Err(error) = self.publisher.write(settlements).await {
                self.report(error);
            }
            drop(holds);
            // Who remembers outlives the writer.
            posts.into_iter().for_each(|post| drop(out.send(post)));
        }
    }

    /// Posts that are out are remembered beside all else: a slow memory keeps nothing from the ledger.
    async fn remember(&self, mut posts: mpsc::UnboundedReceiver<Embedded>) {
        let mut batch = Vec::with_capacity(WRITTEN_MAX);
        while posts.recv_many(&mut batch, WRITTEN_MAX).await > 0 {
            if let Some(remembrance) = &self.publisher.remembrance {
                remembrance.remember(&batch).await;
            }
            batch.clear();
        }
    }

    /// Renews the leases of what is in hand, three times within each lease, so that no call outlives its own.
    async fn heartbeats(&self) {
        let Publisher { store, name, .. } = self.publisher;
        let lease = self.publisher.lease();
        let mut beats = tokio::time::interval((lease / 3).max(Duration::from_millis(10)));
        // The first beat comes at once, and the leases are fresh.
        beats.tick().await;
        loop {
            beats.tick().await;
            let held = self.held.list();
            if held.is_empty() {
                continue;
            }
            if let Err(error) = store.task_heartbeat(&held, name, lease).await {
                tracing::warn!(error = %error_chain(&error), "leases could not be renewed");
            }
        }
    }

    /// Posts from the queue, begun as hands become free, until cancelled.
    pub(super) fn delivered(&self, cancel: &CancellationToken) -> impl Stream<Item = Vec<InHand>> {
        stream::unfold((TroubleRest::default(), Gather::default()), move |(mut rest, mut gather)| async move {
            loop {
                let room = or_cancelled(cancel, self.room()).await?;
                let taking = gather.take(&*self.publisher.bus, Queue::Publish, room, IDLE_WAIT);
                let batch = or_cancelled(cancel, taking).await?;
                let begun = match batch {
                    Ok(batch) if batch.is_empty() => {
                        rest.went_well();
                        continue;
                    }
                    Ok(batch) => {
                        let (ids, receipts): (Vec<_>, Vec<_>) =
                            batch.into_iter().map(|d| (d.task_id, d.receipt)).unzip();
                        let begun = self.begin(&ids).await.map_err(|error| error_chain(&error));
                        if let Err(error) = self.publisher.bus.acknowledge(Queue::Publish, &receipts).await {
                            tracing::debug!(error = %error_chain(&error), "deliveries will come again, and be refused");
                        }
                        gather.done(ids.len());
                        begun
                    }
                    Err(error) => Err(error_chain(&error)),
                };
                match begun {
                    Ok(begun) => {
                        rest.went_well();
                        if !begun.is_empty() {
                            return Some((begun, (rest, gather)));
                        }
                    }
                    Err(error) => {
                        tracing::warn!(error, "nothing can be published; trying again");
                        or_cancelled(cancel, tokio::time::sleep(rest.failed(self.publisher.ambient.dice()))).await?;
                    }
                }
            }
        })
    }

    /// These posts, begun as hands become free.
    pub(super) fn given(&self, ids: &[TaskId]) -> impl Stream<Item = Vec<InHand>> {
        stream::unfold(ids.to_vec(), move |mut left| async move {
            if left.is_empty() {
                return None;
            }
            let room = self.room().await.min(left.len());
            let now: Vec<TaskId> = left.drain(..room).collect();
            let begun = self.begin(&now).await.map_err(|error| self.report(error));
            Some((begun.unwrap_or_default(), left))
        })
    }

    /// What vanished publishers left behind, until cancelled.
    pub(super) fn left_behind(&self, cancel: &CancellationToken) -> impl Stream<Item = Vec<InHand>> {
        stream::unfold((), move |()| async move {
            loop {
                or_cancelled(cancel, free(&self.scouts)).await?;
                let taken = self.take_over().await;
                if !taken.is_empty() {
                    return Some((taken, ()));
                }
                or_cancelled(cancel, tokio::time::sleep(IDLE_WAIT)).await?;
            }
        })
    }

    /// As much of it as there are hands for.
    pub(super) fn left_behind_now(&self) -> impl Stream<Item = Vec<InHand>> {
        stream::once(self.take_over())
    }

    /// For how many more posts there are hands, once there are any.
    async fn room(&self) -> usize {
        free(&self.callers).await
    }

    /// Begins posts, at most as many as there are hands. Each is in one of them at once.
    async fn begin(&self, ids: &[TaskId]) -> Result<Vec<InHand>, StoreError> {
        let origin = Origin::Begun { at: Instant::now() };
        let begun = self.publisher.begin(ids).await?;
        Ok(begun.into_iter().map(|case| self.hand(case, origin, &self.callers)).collect())
    }

    async fn take_over(&self) -> Vec<InHand> {
        let limit = u64::try_from(self.scouts.available_permits()).unwrap_or(u64::MAX);
        match self.publisher.store.publish_stale(&self.publisher.name, self.publisher.lease(), limit).await {
            Ok(stale) => stale.into_iter().map(|case| self.hand(case, Origin::LeftBehind, &self.scouts)).collect(),
            Err(error) => {
                self.report(error);
                vec![]
            }
        }
    }

    fn hand(&self, case: PublishCase, origin: Origin, hands: &Arc<Semaphore>) -> InHand {
        let (hold, hand) = (self.held.hold(&case.task), hands.clone().try_acquire_owned().ok());
        InHand { case, origin, hold, hand }
    }

    fn report(&self, error: StoreError) {
        tracing::warn!(error = %error_chain(&error), "publishing met trouble");
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }
}

/// How many of these hands are free, once one is. Nobody else takes any before the caller does.
async fn free(hands: &Semaphore) -> usize {
    // The semaphore is never closed.
    let one = hands.acquire().await;
    let free = hands.available_permits();
    drop(one);
    free + 1
}

/// What comes first; nothing when that is the end.
async fn or_cancelled<T>(cancel: &CancellationToken, work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        () = cancel.cancelled() => None,
        done = work => Some(done),
    }
}
