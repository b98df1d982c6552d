//! What people are told of the HITL queue: that it grows beyond them, and that answers are overdue.

use chimera_domain::{Actor, Alert, AlertKind, Ambient, Severity, TenantId};
use chimera_store::{HitlDepth, Store, StoreError};

/// What the alerts are about.
const SUBJECT: &str = "hitl_queue";

/// What was told of the queue, so that an alert which somebody acknowledged does not come back with each look.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Told {
    /// Whether anything was looked at yet.
    began: bool,
    backlog: bool,
    overdue: u64,
}

impl Told {
    /// Raises what is new since the last look, and ends what is over.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails; then the next look tells the same.
    pub(crate) async fn look(
        &mut self,
        store: &Store,
        waiting_max: u64,
        ambient: &dyn Ambient,
    ) -> Result<(), StoreError> {
        let depth = store.hitl_depth().await?;
        let now = Self { began: true, backlog: depth.open >= waiting_max.max(1), overdue: depth.overdue };
        let alerts = self.news(now, depth, store.tenant(), ambient);
        if !alerts.is_empty() {
            store.alerts_raise(&alerts).await?;
        }
        // Whoever had the duty before may have told more.
        for (kind, lasts, lasted) in [
            (AlertKind::HitlBacklog, now.backlog, self.backlog),
            (AlertKind::HitlOverdue, now.overdue > 0, self.overdue > 0),
        ] {
            if !lasts && (lasted || !self.began) {
                store.alerts_end(kind, |_| false, &Actor::sweeper()).await?;
            }
        }
        *self = now;
        Ok(())
    }

    fn news(self, now: Self, depth: HitlDepth, tenant: TenantId, ambient: &dyn Ambient) -> Vec<Alert> {
        let alert = |kind, severity, reason: &str, message: String| {
            Alert::new(tenant, kind, severity, SUBJECT, reason, message, ambient)
        };
        let mut alerts = Vec::new();
        if now.backlog && !self.backlog {
            let message = format!("{} posts wait for a person; `chimera review` goes through them", depth.open);
            alerts.push(alert(AlertKind::HitlBacklog, Severity::Warning, "too_many_waiting", message));
        }
        // One more than before is news, even where somebody has seen the others.
        if now.overdue > self.overdue {
            let message = format!(
                "{} of {} posts that wait for a person are overdue; `chimera judge check-sla` lists them",
                depth.overdue, depth.open
            );
            alerts.push(alert(AlertKind::HitlOverdue, Severity::Critical, "sla_missed", message));
        }
        alerts
    }
}
