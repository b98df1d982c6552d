//! The planner's loop: resources are read when they are due, and planned from as soon as they are read, however long others
//! take.

use std::{
    collections::{HashSet, VecDeque},
    pin::Pin,
    time::Duration,
};

use chimera_domain::error_chain;
use chimera_store::ResourceCursor;
use chimera_telemetry::PLANNER_ROUNDS;
use chrono::TimeDelta;
use futures::{FutureExt as _, StreamExt as _, stream::FuturesUnordered};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{Planner, PlannerError, planner::Round, reading::Read, watching::Watching};

/// How soon it is looked at a resource that its server says has changed.
const CHANGE_WAIT: Duration = Duration::from_secs(1);

/// Reads and plans until cancelled. A failed round is logged and the next one tries again.
pub async fn serve(planner: Planner, cancel: CancellationToken) {
    let owner = planner.name();
    let mut hands = Hands {
        planner: &planner,
        cancel: &cancel,
        under_way: FuturesUnordered::new(),
        busy: HashSet::new(),
        waiting: VecDeque::new(),
    };
    let mut watching = Watching::new(&planner, &cancel);
    let mut round: Option<Round> = None;
    let mut next = Instant::now();
    loop {
        let done = tokio::select! {
            biased;
            () = cancel.cancelled() => return,
            Some((uri, read)) = hands.under_way.next(), if !hands.under_way.is_empty() => {
                let reads = hands.ended(&uri, read);
                match &round {
                    Some(round) => planner.plan_round(round, reads, &cancel).await.map(|_| ()),
                    None => Ok(()),
                }
            }
            uri = watching.next() => {
                planner.schedule.changed(&uri);
                next = next.min(Instant::now() + CHANGE_WAIT);
                continue;
            }
            () = tokio::time::sleep_until(next) => {
                // A tenth less or more, so that planners don't march in step.
                next = Instant::now() + planner.config().tick().mul_f64(0.9 + 0.2 * planner.ambient.dice());
                match hands.begin_round(&mut watching).await {
                    Ok(mut begun) => {
                        let trouble = begun.trouble.take();
                        // Alerts of what nobody watches any more end even where nothing is read.
                        if hands.are_idle()
                            && let Err(error) = planner.plan_round(&begun, vec![], &cancel).await
                        {
                            tracing::error!(error = %error_chain(&error), "alerts could not be ended");
                        }
                        round = Some(begun);
                        if let Err(error) = planner.spot_trends(&owner).await {
                            tracing::error!(error = %error_chain(&error), "trends can't be spotted; the next look counts again");
                        }
                        trouble.map_or(Ok(()), Err)
                    }
                    Err(error) => Err(error),
                }
            }
        };
        PLANNER_ROUNDS.add_for(if done.is_ok() { "completed" } else { "failed" }, 1);
        if let Err(error) = done {
            tracing::error!(error = %error_chain(&error), "a round of planning failed; the next one goes on from there");
        }
        hands.fill();
    }
}

type Reading<'a> = Pin<Box<dyn Future<Output = (String, Option<Read>)> + Send + 'a>>;

/// Readings under way, at most so many at once, and those that wait for a hand. A resource that is being read waits for no
/// second hand.
struct Hands<'a> {
    planner: &'a Planner,
    cancel: &'a CancellationToken,
    under_way: FuturesUnordered<Reading<'a>>,
    busy: HashSet<String>,
    waiting: VecDeque<(ResourceCursor, String)>,
}

impl Hands<'_> {
    /// Looks what is due, and lines it up.
    async fn begin_round(&mut self, watching: &mut Watching) -> Result<Round, PlannerError> {
        let round = self.planner.begin_round().await?;
        let watchers = round.watchers();
        watching.follow(watchers.keys());
        // What is due before the next round but one is read now: rounds and intervals are not in step.
        let now =
            self.planner.ambient.now() + TimeDelta::from_std(self.planner.config().tick() / 2).unwrap_or_default();
        let (busy, planner) = (&self.busy, self.planner);
        let is_due = |uri: &str| !busy.contains(uri) && planner.schedule.is_due(uri, now);
        for (cursor, audience) in self.planner.jobs(&watchers, is_due).await? {
            self.busy.insert(cursor.resource_uri.clone());
            self.waiting.push_back((cursor, audience));
        }
        Ok(round)
    }

    /// Whether nothing is read, and nothing waits to be.
    fn are_idle(&self) -> bool {
        self.under_way.is_empty() && self.waiting.is_empty()
    }

    /// Gives free hands something to read.
    fn fill(&mut self) {
        while self.under_way.len() < self.planner.config().reads_at_once.max(1) {
            let Some((cursor, audience)) = self.waiting.pop_front() else { return };
            let (planner, cancel) = (self.planner, self.cancel);
            self.under_way.push(Box::pin(async move {
                let uri = cursor.resource_uri.clone();
                (uri, planner.read(cursor, &audience, cancel).await)
            }));
        }
    }

    /// A reading that has ended, with all others that have by now.
    fn ended(&mut self, uri: &str, read: Option<Read>) -> Vec<Read> {
        let mut reads = Vec::from_iter(read);
        self.busy.remove(uri);
        while let Some(Some((uri, read))) = self.under_way.next().now_or_never() {
            self.busy.remove(&uri);
            reads.extend(read);
        }
        reads
    }
}
