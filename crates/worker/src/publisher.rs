//! The publish ledger at work: intent, attempt, and a certain outcome or a person's word.
//!
//! The platform is called for one reason only: `publish_begin` has just committed the intent, at a moment when the
//! campaign was active. What a dead publisher left behind is looked up and, if it is not out, handed back to APPROVED,
//! where the campaign's gate and the count of attempts stand before the next call.

use std::{pin::pin, sync::Arc, time::Duration};

use chimera_bus::{Bus, Queue};
use chimera_domain::{
    Ambient, PublicationId, TaskId, ToolCall, error_chain,
    policy::{LookAt, PublishStep},
};
use chimera_mcp::Host;
use chimera_store::{Blobs, PublishCase, PublishOutcome, Settlement, Store, StoreError};
use chimera_telemetry::PUBLICATIONS;
use futures::{StreamExt as _, stream};
use tokio_util::sync::CancellationToken;

use crate::{
    PublisherConfig,
    held::{Held, Hold},
    platform::{Call, Platform, Post, Sight},
    questions::announce,
    rests::{Rests, rest_after},
    settlement::settlement,
};

const IDLE_WAIT: Duration = Duration::from_secs(1);
const TROUBLE_REST: Duration = Duration::from_millis(500);
/// How often an outcome is written while the database is away: a platform that can't be asked won't tell it again.
const SETTLE_ATTEMPTS_MAX: u32 = 5;

/// Publishes approved posts, each at most once.
#[derive(Debug, Clone)]
pub struct Publisher {
    name: String,
    store: Store,
    bus: Arc<dyn Bus>,
    platform: Platform,
    ambient: Arc<dyn Ambient>,
    config: PublisherConfig,
    rests: Rests,
}

/// How a publication came into these hands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// Begun just now: nobody else calls.
    Begun,
    /// Taken over from a publisher that vanished; its call may have gone through.
    LeftBehind,
}

impl Publisher {
    /// A publisher; `name` says in the database who holds a task.
    #[must_use]
    pub fn new(
        name: String,
        store: Store,
        bus: Arc<dyn Bus>,
        host: Arc<Host>,
        blobs: Blobs,
        ambient: Arc<dyn Ambient>,
        config: PublisherConfig,
    ) -> Self {
        let platform = Platform::new(host, blobs, &config);
        Self { name, store, bus, platform, ambient, config, rests: Rests::default() }
    }

    /// Publishes until cancelled; a call under way is finished first.
    pub async fn serve(self, cancel: CancellationToken) {
        loop {
            let batch = tokio::select! {
                biased;
                () = cancel.cancelled() => return,
                batch = self.bus.take(Queue::Publish, self.config.concurrency.max(1), IDLE_WAIT) => batch,
            };
            let done = match batch {
                Ok(batch) => {
                    let (ids, receipts): (Vec<_>, Vec<_>) = batch.into_iter().map(|d| (d.task_id, d.receipt)).unzip();
                    let done = self.round(&ids).await.map_err(|e| error_chain(&e));
                    if let Err(error) = self.bus.acknowledge(Queue::Publish, &receipts).await {
                        tracing::debug!(error = %error_chain(&error), "deliveries will come again, and be refused");
                    }
                    done
                }
                Err(error) => Err(error_chain(&error)),
            };
            if let Err(error) = done {
                tracing::warn!(error, "publishing stopped; trying again");
                tokio::select! {
                    () = cancel.cancelled() => return,
                    () = tokio::time::sleep(TROUBLE_REST) => {}
                }
            }
        }
    }

    /// Publishes those of these posts that don't rest after a failure, and looks up those that a dead publisher left
    /// behind. One post that can't be read holds back no other.
    ///
    /// # Errors
    /// [`StoreError`] when the database can't be reached, or holds something that can't be read; the ledger then tells
    /// the next publisher where to go on.
    pub async fn round(&self, ids: &[TaskId]) -> Result<(), StoreError> {
        let lease = Duration::from_millis(self.config.lease_ms);
        let at_once = u64::try_from(self.config.concurrency.max(1)).unwrap_or(u64::MAX);
        let stale = self.store.publish_stale(&self.name, lease, at_once).await?;
        let mut cases: Vec<_> = stale.into_iter().map(|case| (case, Origin::LeftBehind)).collect();
        let awake = self.rests.awake(ids, self.ambient.now());
        let mut trouble = None;
        cases.extend(self.begin(&awake, lease, &mut trouble).await.into_iter().map(|case| (case, Origin::Begun)));
        let held = Held::default();
        let cases: Vec<_> = cases.into_iter().map(|(case, origin)| (held.hold(&case.task), case, origin)).collect();
        let settled = tokio::select! {
            settled = self.settle_all(cases) => settled,
            () = self.heartbeats(&held, lease) => Ok(()),
        };
        settled.and(trouble.map_or(Ok(()), Err))
    }

    /// Settles cases side by side. Outcomes are written as they come: a slow post keeps no other one's from the ledger.
    async fn settle_all(&self, cases: Vec<(Hold, PublishCase, Origin)>) -> Result<(), StoreError> {
        let at_once = self.config.concurrency.max(1);
        let settling = stream::iter(cases)
            .map(|(hold, case, origin)| async move { (self.settle(&case, origin).await, hold) })
            .buffer_unordered(at_once)
            .ready_chunks(at_once);
        let mut settling = pin!(settling);
        let mut trouble = None;
        while let Some(done) = settling.next().await {
            let (settlements, holds): (Vec<Settlement>, Vec<Hold>) = done.into_iter().unzip();
            if let Err(error) = self.write(settlements).await {
                trouble = Some(error);
            }
            drop(holds);
        }
        trouble.map_or(Ok(()), Err)
    }

    /// Renews the leases of what is being published, three times within each lease, so that no call outlives its own.
    async fn heartbeats(&self, held: &Held, lease: Duration) {
        let mut beats = tokio::time::interval((lease / 3).max(Duration::from_millis(10)));
        // The first beat comes at once, and the leases are fresh.
        beats.tick().await;
        loop {
            beats.tick().await;
            if let Err(error) = self.store.task_heartbeat(&held.list(), &self.name, lease).await {
                tracing::warn!(error = %error_chain(&error), "leases could not be renewed");
            }
        }
    }

    /// Commits the intent to publish; one by one when something of one of them can't be read.
    async fn begin(&self, ids: &[TaskId], lease: Duration, trouble: &mut Option<StoreError>) -> Vec<PublishCase> {
        if ids.is_empty() {
            return vec![];
        }
        let all = match self.begin_together(ids, lease).await {
            Ok(begun) => return begun,
            Err(error) => error,
        };
        let mut begun = Vec::new();
        if !all.is_retryable() && ids.len() > 1 {
            for id in ids {
                match self.begin_together(std::slice::from_ref(id), lease).await {
                    Ok(one) => begun.extend(one),
                    Err(error) => {
                        tracing::error!(task_id = %id, error = %error_chain(&error), "a post can't be published");
                    }
                }
            }
        }
        *trouble = Some(all);
        begun
    }

    async fn begin_together(&self, ids: &[TaskId], lease: Duration) -> Result<Vec<PublishCase>, StoreError> {
        let new_ids: Vec<_> = ids.iter().map(|_| PublicationId::generate(&*self.ambient)).collect();
        self.store.publish_begin(ids, &self.name, lease, self.ambient.now(), &new_ids).await
    }

    /// Writes outcomes; while the database is away, again; and one by one when one of them is what it refuses.
    async fn write(&self, settlements: Vec<Settlement>) -> Result<(), StoreError> {
        let Err(mut error) = self.write_once(settlements.clone()).await else { return Ok(()) };
        for _ in 1..SETTLE_ATTEMPTS_MAX {
            if !error.is_retryable() {
                break;
            }
            tokio::time::sleep(TROUBLE_REST).await;
            let Err(again) = self.write_once(settlements.clone()).await else { return Ok(()) };
            error = again;
        }
        if !error.is_retryable() && settlements.len() > 1 {
            for settlement in settlements {
                if let Err(error) = self.write_once(vec![settlement]).await {
                    tracing::error!(error = %error_chain(&error), "an outcome can't be written; it will be looked up");
                }
            }
        }
        Err(error)
    }

    async fn write_once(&self, settlements: Vec<Settlement>) -> Result<(), StoreError> {
        let settled = self.store.publish_settle(settlements, self.ambient.now()).await?;
        // A post that is certainly absent is tried again by way of the sweeper, which gives the platform a rest.
        PUBLICATIONS.add_for("published", settled.published.len());
        PUBLICATIONS.add_for("again", settled.approved_again.len());
        PUBLICATIONS.add_for("failed", settled.failed.len());
        PUBLICATIONS.add_for("unknown", settled.waiting.len());
        PUBLICATIONS.add_for("fenced", settled.fenced.len());
        tracing::debug!(
            published = settled.published.len(),
            again = settled.approved_again.len(),
            failed = settled.failed.len(),
            waiting = settled.waiting.len(),
            fenced = settled.fenced.len(),
            "settled"
        );
        if !settled.waiting.is_empty() {
            announce(&*self.bus).await;
        }
        Ok(())
    }

    /// Brings one publication to an outcome.
    async fn settle(&self, case: &PublishCase, origin: Origin) -> Settlement {
        let mut calls = Vec::new();
        let outcome = match origin {
            Origin::LeftBehind => self.find_out(case, &mut calls).await,
            Origin::Begun => self.publish(case, &mut calls).await,
        };
        settlement(case, outcome, calls, &*self.ambient)
    }

    /// Whether a vanished publisher got its post out. Nothing is published here.
    async fn find_out(&self, case: &PublishCase, calls: &mut Vec<ToolCall>) -> PublishOutcome {
        let seen = self.platform.look_up(case, calls).await;
        let step = self.platform.abilities().after_look(LookAt::LeftBehind, seen.look());
        outcome(step, seen, "the publisher before vanished during its call")
    }

    /// Publishes a post, unless it proves to be out. What follows from what is the platform's abilities' to say.
    async fn publish(&self, case: &PublishCase, calls: &mut Vec<ToolCall>) -> PublishOutcome {
        let (able, in_doubt) = (self.platform.abilities(), case.previously_attempted);
        if able.begin(in_doubt) == PublishStep::Look {
            let seen = self.platform.look_up(case, calls).await;
            let step = able.after_look(LookAt::BeforeCall, seen.look());
            if step != PublishStep::Call {
                return outcome(step, seen, &earlier(case));
            }
        }
        let attempts = case.publication.attempts;
        let attempts_left = attempts < self.config.attempts_max;
        let call = self.platform.publish(case, calls).await;
        let (mut step, mut asked, mut seen) = (able.after_call(call.end(), in_doubt, attempts_left), None, None);
        let mut error = match call {
            Call::Out(post) => return confirmed(post),
            // The platform's own name for it, where it can be asked; else the one that it was given.
            Call::Taken(_) if step == PublishStep::Confirm => {
                return confirmed(self.taken(case, calls).await);
            }
            Call::NoEffect(error, rest) => {
                asked = rest;
                error
            }
            Call::Taken(error) | Call::Refused(error) | Call::Unclear(error) => error,
        };
        if step == PublishStep::Look {
            let sight = self.platform.look_up(case, calls).await;
            step = able.after_look(LookAt::AfterCall { attempts_left }, sight.look());
            seen = Some(sight);
        }
        if !attempts_left && matches!(step, PublishStep::AskPerson | PublishStep::GiveUp) {
            error = format!("given up after {attempts} attempts: {error}");
        }
        if matches!(step, PublishStep::TryAgain { .. }) {
            let base = Duration::from_millis(self.config.rest_base_ms);
            let max = Duration::from_millis(self.config.rest_max_ms);
            self.rests.rest(case.task.id, self.ambient.now() + rest_after(attempts, base, max, asked));
        }
        match seen {
            Some(seen) => outcome(step, seen, &error),
            None => settled(step, error),
        }
    }

    /// The post whose id is taken.
    async fn taken(&self, case: &PublishCase, calls: &mut Vec<ToolCall>) -> Post {
        if self.platform.can_be_asked()
            && let Sight::Out(post) = self.platform.look_up(case, calls).await
        {
            return post;
        }
        Post { external_id: case.publication.idempotency_key.clone(), url: None }
    }
}

/// What came before this call.
fn earlier(case: &PublishCase) -> String {
    // This ledger knows of no other call, so the doubt comes from a restore.
    if case.publication.attempts <= 1 {
        return "it may have gone out between a backup and its restore".to_owned();
    }
    "an earlier call was cut off".to_owned()
}

fn confirmed(Post { external_id, url }: Post) -> PublishOutcome {
    PublishOutcome::Confirmed { external_id, url }
}

/// What is written down after a look about a call that nobody heard the end of.
fn outcome(step: PublishStep, seen: Sight, unclear: &str) -> PublishOutcome {
    let error = match seen {
        Sight::Out(post) => return confirmed(post),
        Sight::NotThere if step == PublishStep::AskPerson => {
            format!("{unclear}; the platform does not show the post, but may yet, and would take it twice")
        }
        Sight::NotThere => unclear.to_owned(),
        Sight::CantTell(error) => format!("{unclear}; {error}"),
    };
    settled(step, error)
}

/// What is written down about a post that nobody has seen.
fn settled(step: PublishStep, error: String) -> PublishOutcome {
    match step {
        PublishStep::TryAgain { sure } => PublishOutcome::Absent { error, sure },
        PublishStep::GiveUp => PublishOutcome::Refused { error },
        // The others do not come here; but if one did, a person should look.
        PublishStep::AskPerson | PublishStep::Look | PublishStep::Call | PublishStep::Confirm => {
            PublishOutcome::Unknown { error }
        }
    }
}
