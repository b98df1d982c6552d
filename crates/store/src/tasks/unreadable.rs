//! Results that can't be read: put out of the way, so that the sweeper does not bring them back for ever.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use chimera_domain::{Alert, AlertKind, Severity, TaskEvent, TaskId, TaskState, error_chain};

use super::{
    graph,
    moves::{self, Move},
};
use crate::{
    Result, Store, StoreError,
    alerts::{alert_id, raise},
    batch,
    entity::tasks::{Column, Entity, Model},
};

/// The alert's reason, for programs.
const UNREADABLE: &str = "unreadable";

impl Store {
    /// Moves those of these tasks that are in JUDGE_REVIEW to FAILED, with an alert for each, and cancels what waits for
    /// them. One whose row itself is too damaged for that stays where it is.
    pub(super) async fn bury(&self, unreadable: &[(TaskId, StoreError)]) -> Result<()> {
        for (id, error) in unreadable {
            tracing::error!(task_id = %id, error = %error_chain(error), "a result can't be read; it is a dead letter");
        }
        self.retrying(|| self.bury_once(unreadable)).await
    }

    async fn bury_once(&self, unreadable: &[(TaskId, StoreError)]) -> Result<()> {
        let tx = self.begin().await?;
        let now = self.database_now(&*tx).await?;
        let rows = moves::lock(&*tx, self.tenant, unreadable.iter().map(|(id, _)| id.as_uuid())).await?;
        let reasons: HashMap<Uuid, String> =
            unreadable.iter().map(|(id, error)| (id.as_uuid(), error_chain(error))).collect();
        let (mut steps, mut alerts) = (Vec::new(), Vec::new());
        for row in rows.values().filter(|row| row.state == TaskState::JudgeReview.as_str()) {
            let reason = reasons.get(&row.id).map_or("", String::as_str);
            match Move::of(row, TaskEvent::Exhaust) {
                Ok(step) => {
                    steps.push(step.because(reason));
                    alerts.push(self.unreadable_alert(row, reason, now));
                }
                Err(error) => {
                    tracing::error!(task_id = %row.id, error = %error_chain(&error), "it can't even be moved")
                }
            }
        }
        moves::apply(&*tx, self.tenant, &steps, now).await?;
        let dead: Vec<TaskId> = steps.iter().map(Move::id).collect();
        graph::cancel_dependents(&*tx, self.tenant, &dead, now).await?;
        raise(&*tx, self.tenant, &alerts).await?;
        tx.commit().await
    }

    /// Tells operators of tasks that nobody can go on with, each once for as long as its row stays as it is. `what` says
    /// what can't be done.
    pub(crate) async fn tell_unreadable(&self, unreadable: &[(TaskId, StoreError)], what: &str) -> Result<()> {
        if unreadable.is_empty() {
            return Ok(());
        }
        for (id, error) in unreadable {
            tracing::error!(task_id = %id, error = %error_chain(error), "{what}");
        }
        let reasons: HashMap<Uuid, String> =
            unreadable.iter().map(|(id, error)| (id.as_uuid(), error_chain(error))).collect();
        let now = self.database_now(&self.db).await?;
        let rows = batch::find::<Entity>(&self.db, self.tenant, Column::Id, reasons.keys().copied()).await?;
        let alerts = rows.iter().map(|row| {
            let reason = reasons.get(&row.id).map_or("", String::as_str);
            Alert {
                kind: AlertKind::Unreadable,
                message: format!("{what}: {reason}. Once that is mended it goes on by itself"),
                ..self.unreadable_alert(row, reason, now)
            }
        });
        self.alerts_raise(&alerts.collect::<Vec<_>>()).await
    }

    fn unreadable_alert(&self, row: &Model, reason: &str, now: DateTime<Utc>) -> Alert {
        Alert {
            id: alert_id(UNREADABLE, row.id, row.state_version),
            tenant_id: self.tenant,
            trace_id: row.trace_id.parse().ok(),
            kind: AlertKind::DeadLetter,
            severity: Severity::Critical,
            subject: TaskId::from_uuid(row.id).to_string(),
            reason_code: UNREADABLE.to_owned(),
            message: format!("its result can't be judged: {reason}; then retry the task, and it is made anew"),
            acknowledged_by: None,
            created_at: now,
        }
    }
}
