//! The slice of the `generateContent` wire format that this crate uses.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What is sent.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Request {
    pub(super) system_instruction: Content,
    pub(super) contents: Vec<Content>,
    pub(super) safety_settings: Vec<SafetySetting>,
    pub(super) generation_config: GenerationConfig,
}

/// One turn.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Content {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) role: Option<String>,
    #[serde(default)]
    pub(super) parts: Vec<Part>,
}

/// A piece of a turn.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Part {
    #[serde(default)]
    pub(super) text: String,
    /// Whether this is the model thinking aloud instead of answering.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) thought: bool,
}

impl Content {
    pub(super) fn new(role: Option<&str>, text: impl Into<String>) -> Self {
        Self { role: role.map(str::to_owned), parts: vec![Part { text: text.into(), thought: false }] }
    }
}

/// What the API's filters are to block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct SafetySetting {
    category: &'static str,
    threshold: &'static str,
}

impl SafetySetting {
    /// Reading the news takes a filter that lets it be read; what is *written* is judged again by us.
    pub(super) fn all() -> Vec<Self> {
        [
            "HARM_CATEGORY_HARASSMENT",
            "HARM_CATEGORY_HATE_SPEECH",
            "HARM_CATEGORY_SEXUALLY_EXPLICIT",
            "HARM_CATEGORY_DANGEROUS_CONTENT",
        ]
        .map(|category| Self { category, threshold: "BLOCK_MEDIUM_AND_ABOVE" })
        .to_vec()
    }
}

/// How the answer is made. Temperature and its kin are deprecated and left out.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GenerationConfig {
    pub(super) max_output_tokens: u32,
    pub(super) response_mime_type: &'static str,
    pub(super) response_json_schema: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) thinking_config: Option<ThinkingConfig>,
}

/// How much the model thinks before it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ThinkingConfig {
    pub(super) thinking_level: &'static str,
}

/// What comes back.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Reply {
    pub(super) candidates: Vec<Candidate>,
    pub(super) prompt_feedback: Option<PromptFeedback>,
    pub(super) usage_metadata: Option<UsageMetadata>,
    pub(super) model_version: Option<String>,
}

/// One answer.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Candidate {
    pub(super) content: Content,
    pub(super) finish_reason: Option<String>,
}

/// Why a prompt was refused.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct PromptFeedback {
    pub(super) block_reason: Option<String>,
}

/// Tokens, as the API counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct UsageMetadata {
    pub(super) prompt_token_count: u64,
    pub(super) candidates_token_count: u64,
    pub(super) thoughts_token_count: u64,
    pub(super) tool_use_prompt_token_count: u64,
}

/// An error body.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
pub(super) struct Failure {
    pub(super) error: FailureBody,
}

/// Its content.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
pub(super) struct FailureBody {
    pub(super) message: String,
    pub(super) status: String,
    pub(super) details: Vec<Value>,
}
