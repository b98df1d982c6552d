//! Reads a tool's answer and a resource's content: text, structured content, and media out of base64.

use std::{collections::BTreeMap, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rmcp::model::{CallToolResult, ContentBlock, ReadResourceResult, ResourceContents, ServerResult};
use serde_json::Value;

use crate::{
    context::{Media, ResourceInfo, ToolOutput},
    error::{CallError, RetryHint},
    record::bounded,
    secret::Redaction,
};

const NO_BASE64: &str = "media that is no base64";

/// Longest wait that a tool may ask for, in milliseconds.
const RETRY_AFTER_MS_MAX: u64 = 60_000;

/// Reads answers of one tool, or of one method.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    pub(crate) server: &'a str,
    pub(crate) tool: &'a str,
    /// The role's names for parts of the answer.
    pub(crate) names: &'a BTreeMap<String, String>,
}

/// A tool's answer, and the error it makes where the tool says it failed.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) output: ToolOutput,
    pub(crate) refusal: Option<CallError>,
}

/// A resource's content, before it is recorded.
#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) uri: String,
    pub(crate) mime: Option<String>,
    pub(crate) text: String,
    pub(crate) bytes: Vec<u8>,
}

impl Reader<'_> {
    fn malformed(&self, what: &'static str) -> CallError {
        CallError::Malformed { server: self.server.to_owned(), tool: self.tool.to_owned(), what }
    }

    /// A tool's answer.
    pub(crate) fn tool(&self, answer: ServerResult, redaction: &Redaction) -> Result<Answered, CallError> {
        let result = match answer {
            ServerResult::CallToolResult(result) => result,
            // A result without content, which these two look like.
            ServerResult::EmptyResult(_) | ServerResult::TaskAckResult(_) => CallToolResult::default(),
            ServerResult::InputRequiredResult(_) => {
                return Err(self.malformed("a question for a person, which nobody can answer here"));
            }
            ServerResult::CreateTaskResult(_) => {
                return Err(self.malformed("a task to be polled, which was not asked for"));
            }
            _ => return Err(self.malformed("something that is no tool result")),
        };
        let failed = result.is_error == Some(true);
        let output = self.output(result)?;
        let refusal = failed.then(|| self.refusal(&output, redaction));
        Ok(Answered { output, refusal })
    }

    fn output(&self, result: CallToolResult) -> Result<ToolOutput, CallError> {
        let mut texts: Vec<String> = Vec::new();
        let mut media = Vec::new();
        let mut links = Vec::new();
        for block in result.content {
            match block {
                ContentBlock::Text(text) => texts.push(text.text),
                ContentBlock::Image(image) => media.push(self.media(&image.data, image.mime_type)?),
                ContentBlock::Audio(audio) => media.push(self.media(&audio.data, audio.mime_type)?),
                ContentBlock::Resource(embedded) => {
                    let content = self.content(embedded.resource)?;
                    let mime = content.mime.unwrap_or_else(|| "application/octet-stream".to_owned());
                    media.push(Media { mime, bytes: content.bytes, uri: Some(content.uri) });
                }
                ContentBlock::ResourceLink(link) => links.push(ResourceInfo::from(link)),
                other => {
                    tracing::debug!(mcp_server = self.server, tool = self.tool, ?other, "unknown content left out")
                }
            }
        }
        let text = texts.join("\n");
        let structured = result.structured_content.unwrap_or_else(|| match texts.as_slice() {
            // Servers older than structured content put their JSON into the text.
            [only] => serde_json::from_str(only).ok().filter(Value::is_object).unwrap_or_default(),
            _ => Value::Null,
        });
        let results = self
            .names
            .iter()
            .filter_map(|(name, pointer)| Some((name.clone(), structured.pointer(pointer)?.clone())))
            .collect();
        Ok(ToolOutput {
            server: self.server.to_owned(),
            tool: self.tool.to_owned(),
            structured,
            text,
            media,
            links,
            results,
        })
    }

    fn refusal(&self, output: &ToolOutput, redaction: &Redaction) -> CallError {
        let error = output.structured.get("error");
        let message = match error.and_then(|e| e.get("message")).and_then(Value::as_str) {
            Some(message) => message,
            None if output.text.trim().is_empty() => "an error without a word",
            None => &output.text,
        };
        CallError::Tool {
            server: self.server.to_owned(),
            tool: self.tool.to_owned(),
            message: bounded(&redaction.apply(message)),
            hint: error.map(retry_hint).unwrap_or_default(),
        }
    }

    fn media(&self, data: &str, mime: String) -> Result<Media, CallError> {
        Ok(Media { mime, bytes: self.decode(data)?, uri: None })
    }

    fn decode(&self, data: &str) -> Result<Vec<u8>, CallError> {
        STANDARD.decode(data.trim()).map_err(|_| self.malformed(NO_BASE64))
    }

    fn content(&self, contents: ResourceContents) -> Result<Content, CallError> {
        match contents {
            ResourceContents::TextResourceContents { uri, mime_type, text, .. } => {
                Ok(Content { uri, mime: mime_type, bytes: text.clone().into_bytes(), text })
            }
            ResourceContents::BlobResourceContents { uri, mime_type, blob, .. } => {
                Ok(Content { uri, mime: mime_type, bytes: self.decode(&blob)?, text: String::new() })
            }
            _ => Err(self.malformed("content of an unknown kind")),
        }
    }

    /// A resource's first content; a resource that is a folder of several is read one by one by their own URIs.
    pub(crate) fn resource(&self, answer: ServerResult) -> Result<Content, CallError> {
        let ServerResult::ReadResourceResult(ReadResourceResult { contents, .. }) = answer else {
            return Err(self.malformed("something that is no resource"));
        };
        let first = contents.into_iter().next().ok_or_else(|| self.malformed("a resource without content"))?;
        self.content(first)
    }
}

fn retry_hint(error: &Value) -> RetryHint {
    let effect = error.get("effect").and_then(Value::as_str);
    let after = error.get("retry_after_ms").and_then(Value::as_u64);
    RetryHint {
        retryable: error.get("retryable").and_then(Value::as_bool).unwrap_or_default(),
        retry_after: after.map(|ms| Duration::from_millis(ms.min(RETRY_AFTER_MS_MAX))),
        effect_unknown: effect == Some("unknown"),
        exists: effect == Some("exists"),
    }
}

impl From<rmcp::model::Resource> for ResourceInfo {
    fn from(resource: rmcp::model::Resource) -> Self {
        Self { uri: resource.uri, name: resource.name, mime: resource.mime_type, description: resource.description }
    }
}
