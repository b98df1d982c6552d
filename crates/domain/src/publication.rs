//! The publish ledger: what was meant to go out, and what did.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    ArtifactId, Channel, PublicationId, StateVersion, TaskId, TenantId, TraceId, sha256_parts, wire::wire_enum,
};

wire_enum! {
    /// Where a publication stands.
    pub enum PublicationState ("publication state") {
        /// The call may be under way; written before the call.
        Attempting = "ATTEMPTING",
        /// The platform has the post.
        Confirmed = "CONFIRMED",
        /// The call was cut off; the platform must be asked.
        Unknown = "UNKNOWN",
        /// The platform certainly does not have it.
        Absent = "ABSENT",
        /// The platform refused it for good.
        Refused = "REFUSED",
    }
}

/// One intent to post one artifact on one platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Publication {
    /// This publication.
    pub id: PublicationId,
    /// Whose row this is.
    pub tenant_id: TenantId,
    /// The post it is about.
    pub trace_id: TraceId,
    /// The task that publishes.
    pub task_id: TaskId,
    /// What goes out.
    pub artifact_id: ArtifactId,
    /// Where it goes.
    pub channel: Channel,
    /// The same for every attempt at this content, so that a platform can recognise a repeat. Unique.
    pub idempotency_key: String,
    /// Where it stands.
    pub state: PublicationState,
    /// How often the platform was called.
    pub attempts: u32,
    /// The platform's name for the post.
    pub external_id: Option<String>,
    /// Where it can be seen.
    pub url: Option<String>,
    /// What went wrong last, in one line.
    pub last_error: Option<String>,
    /// How often the row was written.
    pub state_version: StateVersion,
    /// When it was first meant to go out.
    pub created_at: DateTime<Utc>,
    /// When it was last written.
    pub updated_at: DateTime<Utc>,
}

impl Publication {
    /// The key of this content of this artifact: 32 hex digits, within every platform's limit that we know
    /// (Coinbase 1 to 128 characters, Mastodon any string).
    #[must_use]
    pub fn idempotency_key(artifact: ArtifactId, content_hash: &str) -> String {
        let mut key = sha256_parts(&[b"publish", artifact.as_uuid().as_bytes(), content_hash.as_bytes()]);
        key.truncate(32);
        key
    }
}
