//! The tools by name, with their schemas and hints.

use std::{fmt, str::FromStr};

use rmcp::model::{Tool, ToolAnnotations};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    error::ErrorAnswer,
    wire::{
        DeletePostInput, DeletePostOutput, EngagementInput, EngagementOutput, FindPostInput, FindPostOutput,
        ListPostsInput, ListPostsOutput, PublishPostInput, PublishPostOutput, ReplyInput,
    },
};
use crate::schema::{input_schema, output_schema};

/// A tool of the sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SandboxTool {
    /// Posts.
    PublishPost,
    /// Answers a post or comment.
    Reply,
    /// Finds a post by key or id.
    FindPost,
    /// Lists posts.
    ListPosts,
    /// Deletes a post.
    DeletePost,
    /// Reads the numbers of posts.
    GetEngagement,
}

/// No tool has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no tool {name:?}; there are publish_post, reply, find_post, list_posts, delete_post, get_engagement")]
pub struct UnknownTool {
    name: String,
}

impl SandboxTool {
    /// Every tool, in the order in which they are listed.
    pub const ALL: &'static [Self] =
        &[Self::PublishPost, Self::Reply, Self::FindPost, Self::ListPosts, Self::DeletePost, Self::GetEngagement];

    /// Its name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PublishPost => "publish_post",
            Self::Reply => "reply",
            Self::FindPost => "find_post",
            Self::ListPosts => "list_posts",
            Self::DeletePost => "delete_post",
            Self::GetEngagement => "get_engagement",
        }
    }

    /// What a client is told about it.
    pub(super) fn describe(self, honours_key: bool) -> Tool {
        let (title, description, input, output) = match self {
            Self::PublishPost => (
                "Publish a post",
                "Publishes a post on one channel. Give every intent its own idempotency_key and repeat it on every \
                 attempt: a key that is known returns the post it made.",
                input_schema::<PublishPostInput>(),
                output_schema::<Answer<PublishPostOutput>>(),
            ),
            Self::Reply => (
                "Reply",
                "Answers a post or comment on its channel. The idempotency_key works as in publish_post.",
                input_schema::<ReplyInput>(),
                output_schema::<Answer<PublishPostOutput>>(),
            ),
            Self::FindPost => (
                "Find a post",
                "Finds a post by the idempotency_key it was made with, or by post_id. Ask this after a publish_post \
                 whose answer never came.",
                input_schema::<FindPostInput>(),
                output_schema::<Answer<FindPostOutput>>(),
            ),
            Self::ListPosts => (
                "List posts",
                "Lists posts, newest first, in pages.",
                input_schema::<ListPostsInput>(),
                output_schema::<Answer<ListPostsOutput>>(),
            ),
            Self::DeletePost => (
                "Delete a post",
                "Deletes a post; deleting it again changes nothing.",
                input_schema::<DeletePostInput>(),
                output_schema::<Answer<DeletePostOutput>>(),
            ),
            Self::GetEngagement => (
                "Get engagement",
                "Reads likes, comments, shares and views of up to 100 posts at once.",
                input_schema::<EngagementInput>(),
                output_schema::<Answer<EngagementOutput>>(),
            ),
        };
        Tool::new_with_raw(self.as_str(), Some(description.into()), input)
            .with_title(title)
            .with_raw_output_schema(output)
            .with_annotations(self.hints(honours_key))
    }

    fn hints(self, honours_key: bool) -> ToolAnnotations {
        let (read_only, destructive, idempotent) = match self {
            // A platform that doubles must not call itself safe to retry.
            Self::PublishPost | Self::Reply => (false, false, honours_key),
            Self::DeletePost => (false, true, true),
            Self::FindPost | Self::ListPosts | Self::GetEngagement => (true, false, true),
        };
        ToolAnnotations::from_raw(None, Some(read_only), Some(destructive), Some(idempotent), Some(false))
    }
}

impl fmt::Display for SandboxTool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for SandboxTool {
    type Err = UnknownTool;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .iter()
            .copied()
            .find(|tool| tool.as_str() == name)
            .ok_or_else(|| UnknownTool { name: name.to_owned() })
    }
}

/// What every tool answers: its output, or an error in the same envelope for all. It makes the output schema, because
/// clients check error results against that too.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum Answer<T> {
    /// It was done.
    Done(T),
    /// It was not done, and this is why.
    Failed(ErrorAnswer),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_agree_with_the_wire_and_the_error_lists_them_all() {
        let error = "nope".parse::<SandboxTool>().unwrap_err().to_string();
        for tool in SandboxTool::ALL {
            assert_eq!(serde_json::to_value(tool).unwrap(), tool.as_str());
            assert_eq!(tool.as_str().parse::<SandboxTool>().unwrap(), *tool);
            assert!(error.contains(tool.as_str()));
        }
    }

    #[test]
    fn schemas_keep_to_the_standard() {
        for tool in SandboxTool::ALL {
            let tool = tool.describe(true);
            let schemas = serde_json::to_string(&(&tool.input_schema, &tool.output_schema)).unwrap();
            assert!(!schemas.contains("uint"), "{}: {schemas}", tool.name);
            assert_eq!(tool.input_schema.get("additionalProperties"), Some(&false.into()), "{}", tool.name);
        }
        let published = serde_json::to_string(&SandboxTool::PublishPost.describe(true).output_schema).unwrap();
        assert!(published.contains("date-time"));
    }

    #[test]
    fn only_a_platform_that_honours_keys_calls_publishing_idempotent() {
        let hint = |honours| SandboxTool::PublishPost.describe(honours).annotations.unwrap().idempotent_hint;
        assert_eq!((hint(true), hint(false)), (Some(true), Some(false)));
    }
}
