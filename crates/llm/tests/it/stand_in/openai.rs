//! Chat completions: OpenAI's own, and those of a server that speaks the same.

use serde::Deserialize;
use serde_json::{Value, json};
use wiremock::{Request, ResponseTemplate};

use super::{Checked, KEY, Say, alternating, header, strict_schema, wants};

const KEYWORDS: [&str; 13] = [
    "type",
    "title",
    "description",
    "enum",
    "anyOf",
    "items",
    "minItems",
    "maxItems",
    "minimum",
    "maximum",
    "properties",
    "additionalProperties",
    "required",
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    model: String,
    messages: Vec<Message>,
    response_format: Option<Format>,
    max_tokens: Option<u32>,
    max_completion_tokens: Option<u32>,
    reasoning_effort: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Message {
    role: String,
    content: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Format {
    #[serde(rename = "type")]
    kind: String,
    json_schema: Option<JsonSchema>,
    schema: Option<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JsonSchema {
    name: String,
    strict: bool,
    schema: Value,
}

/// Which form of an answer is asked for: 0 the surest, 3 none.
pub(super) fn form(body: &Value) -> usize {
    match body.pointer("/response_format/type").and_then(Value::as_str) {
        Some("json_object") if body.pointer("/response_format/schema").is_some() => 1,
        Some("json_object") => 2,
        None if body.get("messages").is_some() && body.get("output_config").is_none() => 3,
        _ => 0,
    }
}

pub(super) fn check_own(request: &Request, body: &Value) -> Checked {
    let body = check(request, body)?;
    wants(body.max_tokens.is_none() && body.max_completion_tokens.is_some(), "use max_completion_tokens")?;
    let format = body.response_format.ok_or("response_format is missing")?;
    wants(format.kind == "json_schema" && format.schema.is_none(), "response_format")?;
    if let Some(effort) = &body.reasoning_effort {
        wants(["none", "low", "medium", "high", "xhigh", "max"].contains(&effort.as_str()), "reasoning_effort")?;
    }
    Ok(())
}

pub(super) fn check_compatible(request: &Request, body: &Value) -> Checked {
    let body = check(request, body)?;
    wants(body.max_tokens.is_some() && body.max_completion_tokens.is_none(), "use max_tokens")?;
    wants(body.reasoning_effort.is_none(), "reasoning_effort is not known here")?;
    let told = body.messages.first().is_some_and(|first| first.content.contains("\"additionalProperties\":false"));
    wants(told, "the schema must stand in the prompt too")
}

fn check(request: &Request, body: &Value) -> Result<Body, String> {
    wants(request.method == "POST" && request.url.path() == "/v1/chat/completions", "no such method")?;
    wants(header(request, "authorization")? == format!("Bearer {KEY}"), "the key")?;
    let body: Body = serde_json::from_value(body.clone()).map_err(|error| error.to_string())?;
    wants(!body.model.is_empty() && body.messages.iter().all(|message| !message.content.is_empty()), "empty words")?;
    wants(body.messages.first().is_some_and(|first| first.role == "system"), "the system's message comes first")?;
    alternating(body.messages.iter().skip(1).map(|message| message.role.as_str()), "assistant")?;
    if let Some(JsonSchema { name, strict, schema }) =
        body.response_format.as_ref().and_then(|f| f.json_schema.as_ref())
    {
        wants(*strict && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-'), "json_schema.name")?;
        strict_schema(schema, &KEYWORDS)?;
    }
    Ok(body)
}

pub(super) fn say(say: &Say) -> ResponseTemplate {
    let reply = |content: Value, refusal: Value, finish_reason: &str, thoughts: u32, written: u32| {
        let message = json!({"role": "assistant", "content": content, "refusal": refusal});
        ResponseTemplate::new(200).set_body_json(json!({
            "id": "chatcmpl-fixture", "object": "chat.completion", "created": 1_795_000_000, "model": "gpt-6-luna",
            "choices": [{"index": 0, "message": message, "finish_reason": finish_reason, "logprobs": null}],
            "usage": {
                "prompt_tokens": 1_000, "completion_tokens": written, "total_tokens": 1_000 + written,
                "prompt_tokens_details": {"cached_tokens": 400},
                "completion_tokens_details": {"reasoning_tokens": thoughts}
            }
        }))
    };
    match say {
        Say::Words(words) => reply(json!(words), Value::Null, "stop", 80, 200),
        Say::CutShort => reply(json!("{\"te"), Value::Null, "length", 0, 200),
        Say::Blocked => reply(Value::Null, json!("I can't help with that."), "stop", 0, 12),
        Say::Quota(wait) => {
            let said = failed(429, "requests", Some("rate_limit_exceeded"), "Rate limit reached.");
            wait.map_or(said.clone(), |wait| said.insert_header("retry-after-ms", wait.as_millis().to_string()))
        }
        Say::Exhausted => {
            failed(429, "insufficient_quota", Some("insufficient_quota"), "You exceeded your current quota.")
        }
        Say::Down(wait) => {
            let said = failed(503, "server_error", None, "The engine is currently overloaded.");
            wait.map_or(said.clone(), |wait| said.insert_header("retry-after", wait.as_secs_f64().to_string()))
        }
        Say::BadKey => {
            failed(401, "invalid_request_error", Some("invalid_api_key"), &format!("Incorrect API key provided: {KEY}"))
        }
        Say::Raw(status, body) => ResponseTemplate::new(*status).set_body_string(body.clone()),
    }
}

pub(super) fn refuse(status: u16, problem: &str) -> ResponseTemplate {
    failed(status, "invalid_request_error", None, problem)
}

fn failed(status: u16, kind: &str, code: Option<&str>, message: &str) -> ResponseTemplate {
    let error = json!({"message": message, "type": kind, "param": null, "code": code});
    ResponseTemplate::new(status).set_body_json(json!({"error": error}))
}
