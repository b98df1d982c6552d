//! Anthropic's Messages API, version 2026-10-21, with structured output by `output_config.format`.
//!
//! Sources, read on 23 November 2026: <https://platform.claude.com/docs/en/build-with-claude/structured-outputs>, the types of
//! the vendor's Python SDK 2.12, and the guides to the 5.5 models: these refuse a forced tool call, a prefilled answer and
//! temperature, so none of them is used. The key goes into `x-api-key`; the vendor's client sends it as a bearer token, too.

use reqwest::header::{HeaderMap, HeaderValue, InvalidHeaderValue};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Call, Complaint, Effort, Ending, Reply, Unread, Who, Wire, said, word};
use crate::{BlockedStage, TokenUsage, api::secret::Secret};

const VERSION: &str = "2026-10-21";
/// The first generation whose whole line takes `effort`.
const EFFORT_SINCE: u32 = 5;
/// What the structured output does not take; our own check does all the same.
const UNSUPPORTED: [&str; 4] = ["minimum", "maximum", "minItems", "maxItems"];

/// The Messages API.
#[derive(Debug)]
pub(in crate::api) struct Anthropic;

impl Wire for Anthropic {
    fn provider(&self) -> &'static str {
        "anthropic"
    }

    fn path(&self, _model: &str) -> Vec<String> {
        vec!["messages".to_owned()]
    }

    fn headers(&self, key: Option<&Secret>) -> Result<HeaderMap, InvalidHeaderValue> {
        let mut headers = HeaderMap::new();
        headers.insert("anthropic-version", HeaderValue::from_static(VERSION));
        if let Some(key) = key {
            headers.insert("x-api-key", key.header("")?);
        }
        Ok(headers)
    }

    fn body(&self, call: &Call<'_>, _form: usize) -> Value {
        let messages: Vec<Value> = call
            .turns
            .iter()
            .map(|turn| json!({"role": if turn.who == Who::User { "user" } else { "assistant" }, "content": turn.text}))
            .collect();
        let format = json!({"type": "json_schema", "schema": within_subset(call.schema)});
        let mut config = Map::from_iter([("format".to_owned(), format)]);
        if takes_effort(call.model) {
            let effort = match call.effort {
                Effort::Low => "low",
                Effort::Medium => "medium",
            };
            config.insert("effort".to_owned(), json!(effort));
        }
        json!({
            "model": call.model, "max_tokens": call.output_tokens_max, "system": call.system, "messages": messages,
            "output_config": config
        })
    }

    fn reply(&self, body: &[u8]) -> Result<Reply, Unread> {
        let message: Message = serde_json::from_slice(body).map_err(Unread::Envelope)?;
        let text: String =
            message.content.into_iter().filter(|block| block.kind == "text").map(|block| block.text).collect();
        let ending = match message.stop_reason.as_deref() {
            None | Some("end_turn" | "stop_sequence") => said(text),
            Some("max_tokens" | "model_context_window_exceeded") => Ending::CutOff,
            Some("refusal") => {
                let category = message.stop_details.and_then(|details| details.category);
                Ending::Blocked(BlockedStage::Answer, word(category.as_deref().unwrap_or("refusal")))
            }
            Some(reason) => Ending::Odd(format!("it stopped with {}", word(reason))),
        };
        Ok(Reply { ending, usage: Some(message.usage.into()) })
    }

    fn complaint(&self, body: &[u8]) -> Complaint {
        let Failure { error } = serde_json::from_slice(body).unwrap_or_default();
        let code = error.details.get("error_code").and_then(Value::as_str);
        // The tier's monthly limit, or the contract's: neither goes away by waiting a little.
        let is_limit_of_spend = code.is_some_and(|code| code.ends_with("_spend_limit_reached"));
        Complaint {
            about_key: error.kind == "authentication_error",
            exhausted: error.kind == "billing_error" || is_limit_of_spend,
            overloaded: matches!(error.kind.as_str(), "overloaded_error" | "api_error" | "timeout_error"),
            message: error.message,
            ..Complaint::default()
        }
    }
}

/// Whether a model can be told how hard to think: `claude-NAME-5...` and later.
fn takes_effort(model: &str) -> bool {
    let mut parts = model.split('-').skip(1);
    let named = parts.next().is_some_and(|name| name.chars().all(char::is_alphabetic));
    let generation = parts.next().and_then(|generation| generation.parse::<u32>().ok());
    named && generation.is_some_and(|number| number >= EFFORT_SINCE)
}

/// The schema without what the structured output refuses.
fn within_subset(schema: &Value) -> Value {
    match schema {
        Value::Object(map) => map
            .iter()
            .filter(|(key, _)| !UNSUPPORTED.contains(&key.as_str()))
            .map(|(key, value)| (key.clone(), within_subset(value)))
            .collect(),
        Value::Array(items) => items.iter().map(within_subset).collect(),
        other => other.clone(),
    }
}

#[derive(Deserialize)]
struct Message {
    content: Vec<Block>,
    stop_reason: Option<String>,
    stop_details: Option<StopDetails>,
    usage: Usage,
}

#[derive(Deserialize)]
struct Block {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    text: String,
}

#[derive(Deserialize)]
struct StopDetails {
    category: Option<String>,
}

/// Tokens. `input_tokens` leaves out what the cache took or gave.
#[derive(Deserialize)]
struct Usage {
    input_tokens: u64,
    output_tokens: u64,
    cache_creation_input_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
}

impl From<Usage> for TokenUsage {
    fn from(usage: Usage) -> Self {
        let cached = usage.cache_read_input_tokens.unwrap_or_default();
        // Nothing is ever marked to be cached, so writing to the cache, which is dearer, does not occur.
        let written = usage.cache_creation_input_tokens.unwrap_or_default();
        let input = usage.input_tokens.saturating_add(written).saturating_add(cached);
        Self { input, cached, output: usage.output_tokens }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Failure {
    error: FailureBody,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct FailureBody {
    #[serde(rename = "type")]
    kind: String,
    message: String,
    details: Value,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(body: &Value) -> Reply {
        Anthropic.reply(body.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn thoughts_are_left_out_and_all_input_is_counted() {
        let body = json!({"content": [{"type": "thinking", "thinking": "hm", "signature": "s"}, {"type": "text", "text": "{}"}],
            "stop_reason": "end_turn",
            "usage": {"input_tokens": 10, "output_tokens": 7, "cache_creation_input_tokens": 2, "cache_read_input_tokens": 5}});
        let usage = TokenUsage { input: 17, cached: 5, output: 7 };
        assert_eq!(reply(&body), Reply { ending: Ending::Said("{}".to_owned()), usage: Some(usage) });
    }

    #[test]
    fn every_end_is_told_apart() {
        let ended = |reason: &str| {
            reply(&json!({"content": [], "stop_reason": reason, "usage": {"input_tokens": 1, "output_tokens": 1}}))
                .ending
        };
        assert_eq!(ended("max_tokens"), Ending::CutOff);
        assert_eq!(ended("model_context_window_exceeded"), Ending::CutOff);
        assert_eq!(ended("refusal"), Ending::Blocked(BlockedStage::Answer, "refusal".to_owned()));
        assert!(matches!(ended("end_turn"), Ending::Odd(_)) && matches!(ended("tool_use"), Ending::Odd(_)));
    }

    #[test]
    fn only_later_models_are_told_how_hard_to_think() {
        for model in ["claude-haiku-5-5", "claude-opus-5", "claude-fable-5-1", "claude-sonnet-12-20280101"] {
            assert!(takes_effort(model), "{model}");
        }
        for model in ["claude-haiku-4-5", "claude-3-5-haiku-20241022", "claude-opus-4-8", "claude"] {
            assert!(!takes_effort(model), "{model}");
        }
    }

    #[test]
    fn bounds_are_left_to_our_own_check() {
        let schema = json!({"type": "array", "maxItems": 3, "items": {"type": "number", "minimum": 0, "maximum": 1}});
        assert_eq!(within_subset(&schema), json!({"type": "array", "items": {"type": "number"}}));
    }
}
