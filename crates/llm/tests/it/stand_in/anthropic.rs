//! Anthropic's Messages API.

use serde::Deserialize;
use serde_json::{Value, json};
use wiremock::{Request, ResponseTemplate};

use super::{Checked, KEY, Say, alternating, header, strict_schema, wants};

const KEYWORDS: [&str; 9] =
    ["type", "title", "description", "enum", "anyOf", "items", "properties", "additionalProperties", "required"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    model: String,
    max_tokens: u32,
    system: String,
    messages: Vec<Message>,
    output_config: OutputConfig,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Message {
    role: String,
    content: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OutputConfig {
    effort: Option<String>,
    format: Format,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Format {
    #[serde(rename = "type")]
    kind: String,
    schema: Value,
}

pub(super) fn check(request: &Request, body: &Value) -> Checked {
    wants(request.method == "POST" && request.url.path() == "/v1/messages", "no such method")?;
    // The vendor's own client came to send the key as a bearer token with version 2026-10-21.
    let bearer = format!("Bearer {KEY}");
    let keyed = header(request, "x-api-key") == Ok(KEY) || header(request, "authorization") == Ok(&bearer);
    wants(keyed, "the key")?;
    wants(["2023-06-01", "2026-10-21"].contains(&header(request, "anthropic-version")?), "anthropic-version")?;
    wants(header(request, "content-type")?.starts_with("application/json"), "content-type")?;
    let body: Body = serde_json::from_value(body.clone()).map_err(|error| error.to_string())?;
    wants(body.model.starts_with("claude-") && body.max_tokens > 0, "model or max_tokens")?;
    wants(!body.system.is_empty() && body.messages.iter().all(|message| !message.content.is_empty()), "empty words")?;
    alternating(body.messages.iter().map(|message| message.role.as_str()), "assistant")?;
    if let Some(effort) = &body.output_config.effort {
        wants(["low", "medium", "high", "xhigh", "max"].contains(&effort.as_str()), "effort")?;
        wants(!body.model.contains("-4-"), "this model does not support effort")?;
    }
    wants(body.output_config.format.kind == "json_schema", "output_config.format.type")?;
    strict_schema(&body.output_config.format.schema, &KEYWORDS)
}

pub(super) fn say(say: &Say) -> ResponseTemplate {
    let reply = |content: Value, stop_reason: &str, written: u32| {
        let details =
            (stop_reason == "refusal").then(|| json!({"type": "refusal", "category": null, "explanation": null}));
        ResponseTemplate::new(200).set_body_json(json!({
            "id": "msg_fixture", "type": "message", "role": "assistant", "model": "claude-haiku-5-5", "content": content,
            "stop_reason": stop_reason, "stop_sequence": null, "stop_details": details,
            "usage": {
                "input_tokens": 600, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 400,
                "output_tokens": written, "service_tier": "standard"
            }
        }))
    };
    match say {
        Say::Words(words) => {
            let thought = json!({"type": "thinking", "thinking": "Let me think.", "signature": "c2ln"});
            reply(json!([thought, {"type": "text", "text": words}]), "end_turn", 200)
        }
        Say::CutShort => reply(json!([{"type": "text", "text": "{\"te"}]), "max_tokens", 200),
        Say::Blocked => reply(json!([]), "refusal", 12),
        Say::Quota(wait) => {
            let said = failed(429, "rate_limit_error", "This request would exceed your rate limit.");
            wait.map_or(said.clone(), |wait| said.insert_header("retry-after", wait.as_secs_f64().to_string()))
        }
        Say::Exhausted => failed(402, "billing_error", "Your credit balance is too low."),
        Say::Down(wait) => {
            let said = failed(529, "overloaded_error", "Overloaded");
            wait.map_or(said.clone(), |wait| said.insert_header("retry-after", wait.as_secs_f64().to_string()))
        }
        Say::BadKey => failed(401, "authentication_error", &format!("invalid x-api-key {KEY}")),
        Say::Raw(status, body) => ResponseTemplate::new(*status).set_body_string(body.clone()),
    }
}

pub(super) fn refuse(status: u16, problem: &str) -> ResponseTemplate {
    failed(status, "invalid_request_error", problem)
}

fn failed(status: u16, kind: &str, message: &str) -> ResponseTemplate {
    let body = json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_fixture"});
    ResponseTemplate::new(status).set_body_json(body)
}
