//! Artifacts: what tasks make.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    AgentId, ArtifactId, CampaignId, Channel, Costs, Modality, Post, Score, TaskId, TenantId, ToolCallId, TraceId, Usd,
    sha256_parts, wire::wire_enum,
};

wire_enum! {
    /// How a tool call ended.
    pub enum ToolStatus ("tool status") {
        /// The tool did it.
        Success = "success",
        /// The tool said no: calling again won't help.
        Refused = "refused",
        /// The call failed and had certainly no effect.
        Failed = "failed",
        /// The call was cut off: nobody knows whether it had an effect.
        Unknown = "unknown",
    }
}

/// One recorded MCP tool call. Arguments are kept as a hash only: they may hold text that must not spread.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ToolCall {
    /// This call.
    pub id: ToolCallId,
    /// The post it was for.
    pub trace_id: TraceId,
    /// The task it was for, if any.
    pub task_id: Option<TaskId>,
    /// Whose daily spend it counts to. Without one, that of its task's agent.
    #[serde(default)]
    pub agent_id: Option<AgentId>,
    /// The server, by its configured name.
    pub server: String,
    /// The tool's own name.
    pub tool: String,
    /// How it ended.
    pub status: ToolStatus,
    /// From the first attempt to the last answer, in milliseconds.
    pub latency_ms: u64,
    /// What it cost.
    pub cost_usd: Usd,
    /// SHA-256 of the arguments' canonical JSON, hex.
    pub arguments_hash: String,
    /// How often it was tried, 1 or more.
    pub attempts: u32,
    /// What went wrong, in one line.
    pub error: Option<String>,
    /// When it began.
    pub called_at: DateTime<Utc>,
}

/// A stored picture or video, named by its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MediaRef {
    /// SHA-256 of the bytes, hex; the blob's name.
    pub sha256: String,
    /// Picture or video.
    pub modality: Modality,
    /// `image/png`, `video/mp4`, ...
    pub mime: String,
    /// Size in bytes.
    pub bytes: u64,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Length of a video, in milliseconds; 0 for a picture.
    pub duration_ms: u64,
    /// What it shows, for those who can't see it.
    pub alt_text: String,
    /// The words of a video as WebVTT, for those who can't hear it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub captions_vtt: Option<String>,
}

/// Who made the content: set once, when an artifact is made, and never dropped on the way out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Disclosure {
    /// Whether a machine made any of it.
    pub ai_generated: bool,
    /// The words a reader sees.
    pub label: String,
    /// The models that made it.
    pub models: Vec<String>,
}

/// What a task made. Never changed after it is written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Artifact {
    /// This artifact.
    pub id: ArtifactId,
    /// Whose row this is.
    pub tenant_id: TenantId,
    /// The post it belongs to.
    pub trace_id: TraceId,
    /// The task that made it.
    pub task_id: TaskId,
    /// The persona it speaks for.
    pub agent_id: AgentId,
    /// The campaign it serves.
    pub campaign_id: CampaignId,
    /// Where it is to go.
    pub channel: Channel,
    /// MIME type of the whole: `text/plain`, `image/png`, `video/mp4`, or `multipart/mixed` for a post.
    pub content_type: String,
    /// The words.
    pub text: String,
    /// Hashtags, without the sign.
    pub hashtags: Vec<String>,
    /// Pictures and videos.
    pub media: Vec<MediaRef>,
    /// Who made it.
    pub disclosure: Disclosure,
    /// The platform's name of the remark that it answers, where it is a reply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_reply_to: Option<String>,
    /// The face and mark it was made with.
    pub character_reference_id: String,
    /// The writer's own opinion of it, if it gave one; evidence for the judge, never its verdict.
    pub llm_self_score: Option<Score>,
    /// The tools that were called for it, oldest first.
    pub tool_log: Vec<ToolCall>,
    /// What it cost.
    pub costs: Costs,
    /// Names the content, whoever made it and whenever.
    pub content_hash: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

impl Artifact {
    /// Names a post by everything a reader or a platform sees of it: two posts with one hash are the same post.
    #[must_use]
    pub fn content_hash(
        channel: Channel,
        text: &str,
        hashtags: &[String],
        media: &[MediaRef],
        disclosure: &Disclosure,
        in_reply_to: Option<&str>,
    ) -> String {
        let label = if disclosure.ai_generated { disclosure.label.as_str() } else { "" };
        let mut parts = vec![channel.as_str(), text, label, "#"];
        parts.extend(hashtags.iter().map(String::as_str));
        parts.push("media");
        parts.extend(media.iter().map(|m| m.sha256.as_str()));
        parts.extend(media.iter().filter_map(|m| m.captions_vtt.as_deref()));
        parts.extend(in_reply_to.into_iter().flat_map(|remark| ["reply", remark]));
        sha256_parts(&parts.iter().map(|p| p.as_bytes()).collect::<Vec<_>>())
    }

    /// The hash of the content as it stands.
    #[must_use]
    pub fn named_anew(&self) -> String {
        let Self { channel, text, hashtags, media, disclosure, in_reply_to, .. } = self;
        Self::content_hash(*channel, text, hashtags, media, disclosure, in_reply_to.as_deref())
    }

    /// What would be posted, for those who look whether it may be.
    #[must_use]
    pub fn post(&self) -> Post<'_> {
        Post {
            channel: self.channel,
            text: &self.text,
            hashtags: &self.hashtags,
            media: &self.media,
            disclosure: &self.disclosure,
            is_reply: self.in_reply_to.is_some(),
        }
    }

    /// Whether the hash still fits the content.
    #[must_use]
    pub fn is_intact(&self) -> bool {
        self.named_anew() == self.content_hash
    }
}
