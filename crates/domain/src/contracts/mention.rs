//! What a platform's server gives as a resource: who speaks to one of its accounts.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Channel, Remark, sha256_parts};

/// Who speaks to an account, as read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MentionDocument {
    /// Who is spoken to.
    pub account: String,
    /// Comments, replies and mentions, newest first.
    pub mentions: Vec<Mention>,
}

/// Somebody speaks to an account. Every text in it is untrusted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Mention {
    /// The platform's name of the remark, to be answered by.
    pub id: String,
    /// Where it was said.
    pub channel: Channel,
    /// Who speaks, by account.
    pub author: String,
    /// What they say.
    pub text: String,
    /// Where it can be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// When it was said.
    pub at: DateTime<Utc>,
    /// What was said above it, oldest first, the post that the thread began with included.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub thread: Vec<Remark>,
}

impl Mention {
    /// Names the remark within its resource, whose accounts on several channels may name remarks alike. An edited remark is no new one: it was answered.
    #[must_use]
    pub fn event_key(&self) -> String {
        sha256_parts(&[b"mention", self.channel.as_str().as_bytes(), self.id.as_bytes()])
    }
}
