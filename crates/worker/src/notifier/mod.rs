//! Tells the webhook of alerts that are raised and closed. Many processes may run a notifier; the one that holds the duty
//! works.
//!
//! At least once: what was sent is written down right after, and what was cut off in between is sent again, under the same
//! id. What fails is tried again after ever longer rests, and given up after so many tries, which is an alert by itself.

mod webhook;

use std::{sync::Arc, time::Duration};

use chimera_domain::{Actor, Alert, AlertKind, Ambient, Severity, error_chain};
use chimera_store::{Duty, Store, StoreError, Untold};
use chimera_telemetry::{DUTY_HELD, WEBHOOK_EVENTS};
use chrono::TimeDelta;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::WebhookConfig;
pub use webhook::{TellError, Webhook, WebhookError};

/// How often it looks.
const INTERVAL: Duration = Duration::from_secs(2);
/// Events of one look.
const BATCH: u64 = 32;
/// So much longer than one telling may take the duty is held.
const DUTY_MARGIN: Duration = Duration::from_secs(10);
/// How long laying the duty down may take; after that it lapses.
const RELEASE_MAX: Duration = Duration::from_secs(2);
/// An alert that began and ended before anybody tried to tell of it is passed over after so long.
const PASSED_AFTER: TimeDelta = TimeDelta::hours(1);

/// What the alert about the webhook is about.
const SUBJECT: &str = "webhook";

/// Tells the webhook of alerts.
#[derive(Debug)]
pub struct Notifier {
    name: String,
    store: Store,
    webhook: Webhook,
    ambient: Arc<dyn Ambient>,
    config: WebhookConfig,
    /// Whether it has the duty.
    holds: bool,
    /// Whether an alert about the webhook may be open.
    complained: bool,
}

/// What came of one look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Notified {
    /// Events that were told.
    pub told: u64,
    /// Tries that failed.
    pub failed: u64,
}

impl Notifier {
    /// A notifier; `name` says in the database who holds the duty.
    #[must_use]
    pub const fn new(
        name: String,
        store: Store,
        webhook: Webhook,
        ambient: Arc<dyn Ambient>,
        config: WebhookConfig,
    ) -> Self {
        Self { name, store, webhook, ambient, config, holds: false, complained: true }
    }

    /// Looks every two seconds while it holds the duty, until cancelled.
    pub async fn serve(mut self, cancel: CancellationToken) {
        let mut looks = tokio::time::interval(INTERVAL);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = cancel.cancelled() => break,
                _ = looks.tick() => {}
            }
            // What is being told is not cut off: it takes no longer than the webhook's timeout.
            if let Err(error) = self.round(&cancel).await {
                tracing::warn!(error = %error_chain(&error), "the webhook can't be told now; the next look goes on from there");
            }
        }
        if self.holds {
            let released = tokio::time::timeout(RELEASE_MAX, self.store.duty_release(Duty::Notify, &self.name)).await;
            if !matches!(released, Ok(Ok(_))) {
                tracing::warn!("the duty of telling the webhook could not be laid down; it lapses");
            }
            DUTY_HELD.set_for(Duty::Notify.as_str(), 0.0);
        }
    }

    /// Tells what is to be told by now, if it has the duty or can have it; up to the first that fails, for what is down for
    /// one is down for all.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn round(&mut self, cancel: &CancellationToken) -> Result<Notified, StoreError> {
        let mut notified = Notified::default();
        if !self.hold().await? {
            return Ok(notified);
        }
        let now = self.ambient.now();
        self.store.alerts_pass_over(now - PASSED_AFTER, BATCH).await?;
        for untold in self.store.alerts_untold(now, BATCH).await? {
            // A receiver that is slow must not have somebody else begin meanwhile.
            if cancel.is_cancelled() || !self.hold().await? {
                break;
            }
            if self.tell(&untold).await? {
                notified.told += 1;
            } else {
                notified.failed += 1;
                break;
            }
        }
        Ok(notified)
    }

    async fn hold(&mut self) -> Result<bool, StoreError> {
        let lease = Duration::from_millis(self.config.timeout_ms).saturating_add(DUTY_MARGIN);
        let holds = self.store.duty_hold(Duty::Notify, &self.name, lease).await?.is_some();
        if holds != self.holds {
            tracing::info!(holds, "the duty of telling the webhook changed hands");
            DUTY_HELD.set_for(Duty::Notify.as_str(), f64::from(u8::from(holds)));
            // Whoever had it before may have complained.
            (self.holds, self.complained) = (holds, true);
        }
        Ok(holds)
    }

    /// Tells one event, and writes down what came of it. False when it failed.
    async fn tell(&mut self, untold: &Untold) -> Result<bool, StoreError> {
        let error = match self.webhook.tell(untold, self.ambient.now()).await {
            Ok(()) => {
                self.store.alert_told(untold).await?;
                WEBHOOK_EVENTS.add_for("told", 1);
                if std::mem::take(&mut self.complained) {
                    self.store.alerts_end(AlertKind::WebhookDown, |_| false, &Actor::recorded("notifier")).await?;
                }
                return Ok(true);
            }
            Err(error) => error_chain(&error),
        };
        let tries = untold.tries.saturating_add(1);
        let rest = self.config.retry().delay(tries, self.ambient.dice());
        let again = rest.map(|rest| self.ambient.now() + TimeDelta::from_std(rest).unwrap_or(TimeDelta::MAX));
        self.store.alert_not_told(untold, &error, again).await?;
        let alert = &untold.alert;
        tracing::warn!(alert = %alert.id, event = %untold.event, tries, error, "the webhook was not told");
        if again.is_some() {
            WEBHOOK_EVENTS.add_for("failed", 1);
            return Ok(false);
        }
        WEBHOOK_EVENTS.add_for("given_up", 1);
        let message = format!(
            "the webhook was not told that {} was {}, after {tries} tries: {error}; it is told of the next alert again",
            alert.kind, untold.event
        );
        let complaint = Alert::new(
            self.store.tenant(),
            AlertKind::WebhookDown,
            Severity::Warning,
            SUBJECT,
            "given_up",
            message,
            &*self.ambient,
        );
        self.complained = true;
        self.store.alerts_raise(&[complaint]).await?;
        Ok(false)
    }
}
