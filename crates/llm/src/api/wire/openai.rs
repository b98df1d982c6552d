//! Chat completions as OpenAI has them, and as Ollama, llama.cpp, vLLM, OpenRouter and many others understand them.
//!
//! Sources, read on 23 November 2026: the types of the vendor's Python SDK 3.54, and the servers' own documentation. OpenAI's
//! own models are told how hard to think and take `max_completion_tokens`; other servers know neither for certain.
//!
//! Not every server takes `response_format: json_schema`. One that refuses it is asked with `json_object` and the schema beside
//! it (as llama-cpp-python wants it), then with `json_object` alone, then with no format at all.
//! The schema stands in the prompt too, for servers that take a format and then pay no heed to it.

use std::borrow::Cow;

use reqwest::header::{AUTHORIZATION, HeaderMap, InvalidHeaderValue};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Call, Complaint, Effort, Ending, Reply, Unread, Who, Wire, said, word};
use crate::{BlockedStage, TokenUsage, api::secret::Secret};

/// What a server may be asked for, the surest first.
const FORMATS: [fn(&Call<'_>) -> Option<Value>; 4] = [
    |call| {
        Some(json!({"type": "json_schema", "json_schema": {"name": call.form, "strict": true, "schema": call.schema}}))
    },
    |call| Some(json!({"type": "json_object", "schema": call.schema})),
    |_| Some(json!({"type": "json_object"})),
    |_| None,
];

/// Chat completions.
#[derive(Debug)]
pub(in crate::api) struct OpenAi {
    /// Whether it is OpenAI's own API, or another server that speaks the same.
    pub(in crate::api) own: bool,
}

impl Wire for OpenAi {
    fn provider(&self) -> &'static str {
        if self.own { "openai" } else { "openai_compatible" }
    }

    fn path(&self, _model: &str) -> Vec<String> {
        vec!["chat".to_owned(), "completions".to_owned()]
    }

    fn headers(&self, key: Option<&Secret>) -> Result<HeaderMap, InvalidHeaderValue> {
        let mut headers = HeaderMap::new();
        if let Some(key) = key {
            headers.insert(AUTHORIZATION, key.header("Bearer ")?);
        }
        Ok(headers)
    }

    fn forms(&self) -> usize {
        if self.own { 1 } else { FORMATS.len() }
    }

    fn body(&self, call: &Call<'_>, form: usize) -> Value {
        let (system, schema) = (call.system, call.schema);
        let system = if self.own {
            Cow::Borrowed(system)
        } else {
            Cow::Owned(format!(
                "{system}\n\nAnswer with one JSON object and nothing else, by this JSON Schema:\n{schema}"
            ))
        };
        let mut messages = vec![json!({"role": "system", "content": system})];
        messages.extend(call.turns.iter().map(
            |turn| json!({"role": if turn.who == Who::User { "user" } else { "assistant" }, "content": turn.text}),
        ));
        let mut body =
            Map::from_iter([("model".to_owned(), json!(call.model)), ("messages".to_owned(), Value::Array(messages))]);
        if let Some(format) = FORMATS.get(form).and_then(|format| format(call)) {
            body.insert("response_format".to_owned(), format);
        }
        let limit = if self.own { "max_completion_tokens" } else { "max_tokens" };
        body.insert(limit.to_owned(), json!(call.output_tokens_max));
        if self.own && reasons(call.model) {
            let effort = match call.effort {
                Effort::Low => "low",
                Effort::Medium => "medium",
            };
            body.insert("reasoning_effort".to_owned(), json!(effort));
        }
        Value::Object(body)
    }

    fn reply(&self, body: &[u8]) -> Result<Reply, Unread> {
        let completion: Completion = serde_json::from_slice(body).map_err(Unread::Envelope)?;
        let usage = completion.usage.map(TokenUsage::from);
        let Some(choice) = completion.choices.into_iter().next() else {
            if let Some(code) = completion.error.as_ref().map(|error| error.get("code").and_then(Value::as_u64)) {
                let status = code.and_then(|code| u16::try_from(code).ok()).unwrap_or(502);
                return Err(Unread::Complaint(status, self.complaint(body)));
            }
            return Ok(Reply { ending: Ending::Odd("the reply holds no answer".to_owned()), usage });
        };
        let ending = match choice.finish_reason.as_deref() {
            Some("length") => Ending::CutOff,
            Some(reason @ "content_filter") => Ending::Blocked(BlockedStage::Answer, word(reason)),
            Some(reason @ ("tool_calls" | "function_call" | "error")) => {
                Ending::Odd(format!("it stopped with {}", word(reason)))
            }
            // Servers have many words for an ordinary end.
            _ if choice.message.refusal.is_some_and(|refusal| !refusal.is_empty()) => {
                Ending::Blocked(BlockedStage::Answer, "refusal".to_owned())
            }
            _ => said(without_thoughts(choice.message.content.unwrap_or_default())),
        };
        Ok(Reply { ending, usage })
    }

    fn complaint(&self, body: &[u8]) -> Complaint {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        // `{"error": {"message"}}` mostly, `{"error": "..."}`, `{"message"}` or `{"detail"}` elsewhere.
        let error = body.get("error").unwrap_or(&body);
        let said =
            [error.get("message"), Some(error), error.get("detail")].into_iter().flatten().find_map(Value::as_str);
        let is = |words: &[&str]| {
            ["code", "type"].iter().filter_map(|key| error.get(key)?.as_str()).any(|kind| words.contains(&kind))
        };
        Complaint {
            message: said.unwrap_or_default().to_owned(),
            // llama-cpp-python says so with status 500.
            over_form: said.is_some_and(|said| said.contains("response_format")),
            about_key: is(&["invalid_api_key", "authentication_error"]),
            exhausted: is(&["insufficient_quota", "billing_hard_limit_reached"])
                || error.get("code").and_then(Value::as_u64) == Some(402),
            blocked: is(&["content_filter", "content_policy_violation", "invalid_prompt"])
                .then(|| "content_policy".to_owned()),
            ..Complaint::default()
        }
    }
}

/// Whether one of OpenAI's models thinks before it answers, and can be told how hard.
fn reasons(model: &str) -> bool {
    let mut chars = model.chars();
    let o_series = chars.next() == Some('o') && chars.next().is_some_and(|c| c.is_ascii_digit());
    let generation = model.strip_prefix("gpt-").and_then(|rest| rest.split(['.', '-']).next()?.parse::<u32>().ok());
    o_series || (generation.is_some_and(|number| number >= 5) && !model.contains("-chat"))
}

/// Models that think aloud do so in front, between these marks, where the server does not take it out.
fn without_thoughts(text: String) -> String {
    match text.trim_start().strip_prefix("<think>").and_then(|rest| rest.split_once("</think>")) {
        Some((_, answer)) => answer.to_owned(),
        None => text,
    }
}

#[derive(Deserialize)]
struct Completion {
    #[serde(default)]
    choices: Vec<Choice>,
    usage: Option<Usage>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    message: Message,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Message {
    content: Option<String>,
    refusal: Option<String>,
}

#[derive(Deserialize)]
struct Usage {
    prompt_tokens: u64,
    #[serde(default)]
    completion_tokens: u64,
    prompt_tokens_details: Option<PromptDetails>,
}

#[derive(Deserialize)]
struct PromptDetails {
    cached_tokens: Option<u64>,
}

impl From<Usage> for TokenUsage {
    fn from(usage: Usage) -> Self {
        let cached = usage.prompt_tokens_details.and_then(|details| details.cached_tokens).unwrap_or_default();
        Self { input: usage.prompt_tokens, cached, output: usage.completion_tokens }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: OpenAi = OpenAi { own: true };

    fn ending(message: &Value, finish_reason: &str) -> Ending {
        let body = json!({"choices": [{"message": message, "finish_reason": finish_reason}]});
        OWN.reply(body.to_string().as_bytes()).unwrap().ending
    }

    #[test]
    fn every_end_is_told_apart() {
        let answer = || Ending::Said("{}".to_owned());
        assert_eq!(ending(&json!({"content": "{}"}), "stop"), answer());
        assert_eq!(ending(&json!({"content": "{}"}), "eos"), answer());
        assert_eq!(ending(&json!({"content": "<think>{\"a\"</think>{}"}), "stop"), answer());
        assert_eq!(ending(&json!({"content": "{"}), "length"), Ending::CutOff);
        let blocked = |reason: &str| Ending::Blocked(BlockedStage::Answer, reason.to_owned());
        assert_eq!(ending(&json!({"content": null, "refusal": "no"}), "stop"), blocked("refusal"));
        assert_eq!(ending(&json!({"content": ""}), "content_filter"), blocked("content_filter"));
        assert!(matches!(ending(&json!({"content": null}), "tool_calls"), Ending::Odd(_)));
        assert!(matches!(ending(&json!({"content": " "}), "stop"), Ending::Odd(_)));
    }

    #[test]
    fn an_error_under_a_good_status_is_an_error() {
        let body = json!({"error": {"code": 429, "message": "slow down"}}).to_string();
        let told = (OpenAi { own: false }).reply(body.as_bytes());
        match told {
            Err(Unread::Complaint(429, complaint)) => assert_eq!(complaint.message, "slow down"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn complaints_of_many_servers_are_understood() {
        for body in [
            json!({"error": {"message": "no", "type": "x", "code": null}}),
            json!({"error": "no"}),
            json!({"message": "no"}),
            json!({"detail": "no"}),
        ] {
            assert_eq!(OWN.complaint(body.to_string().as_bytes()).message, "no", "{body}");
        }
        let quota = json!({"error": {"message": "", "code": "insufficient_quota"}}).to_string();
        assert!(OWN.complaint(quota.as_bytes()).exhausted);
        assert_eq!(OWN.complaint(b"<html>"), Complaint::default());
    }

    #[test]
    fn only_reasoning_models_are_told_how_hard_to_think() {
        assert!(["o3-mini", "gpt-5", "gpt-5.4-mini", "gpt-6-luna"].into_iter().all(reasons));
        assert!(!["gpt-4.1", "gpt-4o", "omni", "gpt-5.3-chat-latest", "llama3"].into_iter().any(reasons));
    }
}
