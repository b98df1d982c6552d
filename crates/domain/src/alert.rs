//! Alerts: what an operator should know.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{AlertId, TenantId, TraceId, wire::wire_enum};

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
        /// A task gave up.
        DeadLetter = "dead_letter",
        /// A publish call's outcome is unknown.
        PublishUnknown = "publish_unknown",
        /// A SOUL.md contradicts itself or the post.
        PersonaConflict = "persona_conflict",
    }
}

/// One thing that an operator should know. The same subject and reason alert once until acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
