//! Alerts: what an operator should know.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{AlertId, Ambient, TenantId, TraceId, wire::wire_enum};

wire_enum! {
    /// How bad it is.
    pub enum Severity ("severity") {
        /// Good to know.
        Info = "info",
        /// Look at it today.
        Warning = "warning",
        /// Look at it now.
        Critical = "critical",
    }
}

wire_enum! {
    /// What an alert is about.
    pub enum AlertKind ("alert kind") {
        /// The governor held a relevant signal back.
        GovernorCap = "governor_cap",
        /// A resource can't be read.
        FeedDown = "feed_down",
        /// A resource has brought nothing new for too long.
        FeedStale = "feed_stale",
        /// A subject is told of much more often than it uses to be.
        Trend = "trend",
        /// A task gave up.
        DeadLetter = "dead_letter",
        /// Something in the database can't be read, and what rests on it stands still.
        Unreadable = "unreadable",
        /// A publish call's outcome is unknown.
        PublishUnknown = "publish_unknown",
        /// Tools cost more than had been set aside for them.
        SpendOverrun = "spend_overrun",
        /// More posts wait for a person than people keep up with.
        HitlBacklog = "hitl_backlog",
        /// A person's answer is overdue.
        HitlOverdue = "hitl_overdue",
        /// A SOUL.md contradicts itself or the post.
        PersonaConflict = "persona_conflict",
        /// The webhook could not be told of an alert.
        WebhookDown = "webhook_down",
    }
}

wire_enum! {
    /// What happens to an alert, each once and in this order.
    pub enum AlertEvent ("alert event") {
        /// It was raised.
        Raised = "raised",
        /// Somebody acknowledged it, or what it told of is over.
        Closed = "closed",
    }
}

/// One thing that an operator should know. The same subject and reason alert once until acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Alert {
    /// This alert.
    pub id: AlertId,
    /// Whose row this is.
    pub tenant_id: TenantId,
    /// The post it is about, if any.
    pub trace_id: Option<TraceId>,
    /// What it is about.
    pub kind: AlertKind,
    /// How bad it is.
    pub severity: Severity,
    /// The agent, resource or task it is about.
    pub subject: String,
    /// Why, for programs.
    pub reason_code: String,
    /// Why, for people.
    pub message: String,
    /// Who has seen it.
    pub acknowledged_by: Option<String>,
    /// When it was raised.
    pub created_at: DateTime<Utc>,
}

impl Alert {
    /// An alert that nobody has seen yet, about no post in particular.
    #[must_use]
    pub fn new(
        tenant_id: TenantId,
        kind: AlertKind,
        severity: Severity,
        subject: impl Into<String>,
        reason_code: impl Into<String>,
        message: impl Into<String>,
        ambient: &dyn Ambient,
    ) -> Self {
        Self {
            id: AlertId::generate(ambient),
            tenant_id,
            trace_id: None,
            kind,
            severity,
            subject: subject.into(),
            reason_code: reason_code.into(),
            message: message.into(),
            acknowledged_by: None,
            created_at: ambient.now(),
        }
    }

    /// The same about this post.
    #[must_use]
    pub const fn in_trace(mut self, trace_id: TraceId) -> Self {
        self.trace_id = Some(trace_id);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::tests::{Fixed, task};

    #[test]
    fn a_new_alert_is_unseen_and_says_what_it_was_told() {
        let (kind, severity) = (AlertKind::FeedDown, Severity::Warning);
        let alert =
            Alert::new(TenantId::DEFAULT, kind, severity, "https://example.org/feed", "http_500", "down", &Fixed);
        let wanted = Alert {
            id: alert.id,
            tenant_id: TenantId::DEFAULT,
            trace_id: None,
            kind,
            severity,
            subject: "https://example.org/feed".to_owned(),
            reason_code: "http_500".to_owned(),
            message: "down".to_owned(),
            acknowledged_by: None,
            created_at: Fixed.now(),
        };
        assert_eq!(alert, wanted);
        let trace = task().trace_id;
        assert_eq!(alert.in_trace(trace), Alert { trace_id: Some(trace), ..wanted });
    }
}
