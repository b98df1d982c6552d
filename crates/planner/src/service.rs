//! The planner's loop.

use std::time::Duration;

use chimera_domain::error_chain;
use chimera_telemetry::PLANNER_ROUNDS;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::Planner;

/// Plans every poll interval until cancelled. A failed round is logged and the next one tries again.
pub async fn serve(planner: Planner, cancel: CancellationToken) {
    let mut rounds = tokio::time::interval(Duration::from_millis(planner.config().poll_interval_ms.max(1)));
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = cancel.cancelled() => return,
            _ = rounds.tick() => {}
        }
        let done = planner.tick_until(&cancel).await;
        PLANNER_ROUNDS.add_for(if done.is_ok() { "completed" } else { "failed" }, 1);
        if let Err(error) = done {
            tracing::error!(error = %error_chain(&error), "a round of planning failed; the next one goes on from there");
        }
    }
}
