//! Google's `generateContent`.

use std::time::Duration;

use reqwest::header::{HeaderMap, InvalidHeaderValue};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Call, Complaint, Effort, Ending, Reply, Unread, Who, Wire, said, word};
use crate::{
    BlockedStage, TokenUsage,
    api::{WAIT_MAX, secret::Secret},
};

/// Reading the news takes a filter that lets it be read; what is *written* is judged again by us.
const FILTERED: [&str; 4] = [
    "HARM_CATEGORY_HARASSMENT",
    "HARM_CATEGORY_HATE_SPEECH",
    "HARM_CATEGORY_SEXUALLY_EXPLICIT",
    "HARM_CATEGORY_DANGEROUS_CONTENT",
];

/// `generateContent`.
#[derive(Debug)]
pub(in crate::api) struct Gemini;

impl Wire for Gemini {
    fn provider(&self) -> &'static str {
        "gcp.gemini"
    }

    fn path(&self, model: &str) -> Vec<String> {
        let name = model.strip_prefix("models/").unwrap_or(model);
        vec!["models".to_owned(), format!("{name}:generateContent")]
    }

    fn headers(&self, key: Option<&Secret>) -> Result<HeaderMap, InvalidHeaderValue> {
        let mut headers = HeaderMap::new();
        if let Some(key) = key {
            headers.insert("x-goog-api-key", key.header("")?);
        }
        Ok(headers)
    }

    /// Temperature and its kin are deprecated and left out.
    fn body(&self, call: &Call<'_>, _form: usize) -> Value {
        let contents: Vec<Value> = call
            .turns
            .iter()
            .map(|turn| json!({"role": if turn.who == Who::User { "user" } else { "model" }, "parts": [{"text": turn.text}]}))
            .collect();
        let mut config = Map::from_iter([
            ("maxOutputTokens".to_owned(), json!(call.output_tokens_max)),
            ("responseMimeType".to_owned(), json!("application/json")),
            ("responseJsonSchema".to_owned(), ordered(call.schema)),
        ]);
        // Older models refuse to be told how much to think.
        if call.model.trim_start_matches("models/").starts_with("gemini-3") {
            let level = match call.effort {
                Effort::Low => "LOW",
                Effort::Medium => "MEDIUM",
            };
            config.insert("thinkingConfig".to_owned(), json!({"thinkingLevel": level}));
        }
        let safety: Vec<Value> = FILTERED
            .iter()
            .map(|category| json!({"category": category, "threshold": "BLOCK_MEDIUM_AND_ABOVE"}))
            .collect();
        json!({
            "systemInstruction": {"parts": [{"text": call.system}]}, "contents": contents,
            "safetySettings": safety, "generationConfig": config
        })
    }

    fn reply(&self, body: &[u8]) -> Result<Reply, Unread> {
        let reply: Generated = serde_json::from_slice(body).map_err(Unread::Envelope)?;
        let usage = reply.usage_metadata.map(TokenUsage::from);
        if let Some(reason) = reply.prompt_feedback.and_then(|feedback| feedback.block_reason) {
            return Ok(Reply { ending: Ending::Blocked(BlockedStage::Prompt, word(&reason)), usage });
        }
        let Some(candidate) = reply.candidates.into_iter().next() else {
            return Ok(Reply { ending: Ending::Odd("the reply holds no answer".to_owned()), usage });
        };
        let text: String =
            candidate.content.parts.iter().filter(|part| !part.thought).map(|part| part.text.as_str()).collect();
        let ending = match candidate.finish_reason.as_deref() {
            None | Some("STOP") => said(text),
            Some("MAX_TOKENS") => Ending::CutOff,
            Some(
                reason @ ("SAFETY" | "RECITATION" | "LANGUAGE" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII"
                | "MODEL_ARMOR" | "JAILBREAK"),
            ) => Ending::Blocked(BlockedStage::Answer, word(reason)),
            Some(reason) if reason.starts_with("IMAGE_") => Ending::Blocked(BlockedStage::Answer, word(reason)),
            Some(reason) => Ending::Odd(format!("it stopped with {}", word(reason))),
        };
        Ok(Reply { ending, usage })
    }

    fn complaint(&self, body: &[u8]) -> Complaint {
        let Failure { error } = serde_json::from_slice(body).unwrap_or_default();
        Complaint {
            about_key: error.message.to_lowercase().contains("api key") || error.status == "UNAUTHENTICATED",
            exhausted: is_daily(&error.details),
            wait: asked_wait(&error.details),
            message: error.message,
            ..Complaint::default()
        }
    }
}

/// The schema with its properties' order said, which the API does not take from their places.
fn ordered(schema: &Value) -> Value {
    match schema {
        Value::Object(map) => {
            let mut map: serde_json::Map<String, Value> =
                map.iter().map(|(key, value)| (key.clone(), ordered(value))).collect();
            if let Some(Value::Object(properties)) = map.get("properties") {
                let order = properties.keys().cloned().collect();
                map.insert("propertyOrdering".to_owned(), order);
            }
            Value::Object(map)
        }
        other => other.clone(),
    }
}

fn of<'a>(details: &'a [Value], kind: &'static str) -> impl Iterator<Item = &'a Value> {
    details
        .iter()
        .filter(move |detail| detail.get("@type").and_then(Value::as_str).is_some_and(|name| name.ends_with(kind)))
}

/// Whether it is a quota per day, which stays used up for hours, whatever shorter wait the API names.
fn is_daily(details: &[Value]) -> bool {
    of(details, "google.rpc.QuotaFailure")
        .filter_map(|detail| detail.get("violations")?.as_array())
        .flatten()
        .filter_map(|violation| violation.get("quotaId")?.as_str())
        .any(|quota| quota.contains("PerDay"))
}

fn asked_wait(details: &[Value]) -> Option<Duration> {
    of(details, "google.rpc.RetryInfo").find_map(|detail| proto_duration(detail.get("retryDelay")?.as_str()?))
}

/// A protobuf duration in JSON: seconds with up to nine decimals and an `s`.
fn proto_duration(text: &str) -> Option<Duration> {
    let seconds: f64 = text.trim().strip_suffix('s')?.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok().map(|wait| wait.min(WAIT_MAX))
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Generated {
    candidates: Vec<Candidate>,
    prompt_feedback: Option<PromptFeedback>,
    usage_metadata: Option<UsageMetadata>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Candidate {
    content: Content,
    finish_reason: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Content {
    parts: Vec<Part>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Part {
    text: String,
    /// Whether this is the model thinking aloud instead of answering.
    thought: bool,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PromptFeedback {
    block_reason: Option<String>,
}

/// Tokens. `promptTokenCount` holds what the cache gave.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct UsageMetadata {
    prompt_token_count: u64,
    cached_content_token_count: u64,
    candidates_token_count: u64,
    thoughts_token_count: u64,
    tool_use_prompt_token_count: u64,
}

impl From<UsageMetadata> for TokenUsage {
    fn from(usage: UsageMetadata) -> Self {
        Self {
            input: usage.prompt_token_count.saturating_add(usage.tool_use_prompt_token_count),
            cached: usage.cached_content_token_count,
            output: usage.candidates_token_count.saturating_add(usage.thoughts_token_count),
        }
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
    message: String,
    status: String,
    details: Vec<Value>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ending(reply: &Value) -> Ending {
        Gemini.reply(reply.to_string().as_bytes()).unwrap().ending
    }

    #[test]
    fn thoughts_are_left_out_and_parts_joined() {
        let reply = json!({"candidates": [{"finishReason": "STOP", "content": {"role": "model", "parts": [
            {"text": "let me think", "thought": true}, {"text": "{\"a\":"}, {"text": "1}"}]}}]});
        assert_eq!(ending(&reply), Ending::Said("{\"a\":1}".to_owned()));
    }

    #[test]
    fn every_end_is_told_apart() {
        let ended = |reason: &str| ending(&json!({"candidates": [{"finishReason": reason}]}));
        for reason in ["SAFETY", "RECITATION", "PROHIBITED_CONTENT", "SPII", "BLOCKLIST", "IMAGE_SAFETY"] {
            assert_eq!(ended(reason), Ending::Blocked(BlockedStage::Answer, reason.to_owned()));
        }
        assert_eq!(ended("MAX_TOKENS"), Ending::CutOff);
        assert!(matches!(ended("MALFORMED_FUNCTION_CALL"), Ending::Odd(_)));
        assert!(matches!(ended("STOP"), Ending::Odd(_)));
        let prompt = ending(&json!({"promptFeedback": {"blockReason": "JAILBREAK"}}));
        assert_eq!(prompt, Ending::Blocked(BlockedStage::Prompt, "JAILBREAK".to_owned()));
        assert!(matches!(ending(&json!({})), Ending::Odd(_)));
    }

    #[test]
    fn durations_are_read() {
        assert_eq!(proto_duration("12.5s"), Some(Duration::from_millis(12_500)));
        assert_eq!(proto_duration("3s"), Some(Duration::from_secs(3)));
        assert_eq!(proto_duration("1e300s"), None);
        for bad in ["", "s", "-1s", "12", "12.5m", "NaNs", "infs"] {
            assert_eq!(proto_duration(bad), None, "{bad}");
        }
        assert_eq!(proto_duration("99999999s"), Some(WAIT_MAX));
    }

    #[test]
    fn a_quota_per_day_is_told_from_one_per_minute() {
        let retry = json!({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "12.5s"});
        let quota =
            |id: &str| json!({"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"quotaId": id}]});
        let told = |details: Value| {
            let complaint = Gemini.complaint(json!({"error": {"details": details}}).to_string().as_bytes());
            (complaint.exhausted, complaint.wait)
        };
        let wait = Some(Duration::from_millis(12_500));
        assert_eq!(told(json!([quota("RequestsPerMinute"), retry])), (false, wait));
        assert_eq!(told(json!([quota("GenerateRequestsPerDayPerProject"), retry])), (true, wait));
        assert_eq!(told(json!([quota("RequestsPerMinute"), 7])), (false, None));
    }

    #[test]
    fn the_order_of_properties_is_said() {
        let schema = json!({"type": "object", "properties": {"b": {"type": "string"}, "a": {"type": "number"}}});
        assert_eq!(ordered(&schema)["propertyOrdering"], json!(["b", "a"]));
    }
}
