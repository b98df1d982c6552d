//! Google's `generateContent`.

use serde::Deserialize;
use serde_json::{Value, json};
use wiremock::{Request, ResponseTemplate};

use super::{Checked, KEY, Say, alternating, header, strict_schema, wants};

const KEYWORDS: [&str; 18] = [
    "$id",
    "$defs",
    "$ref",
    "$anchor",
    "type",
    "format",
    "title",
    "description",
    "enum",
    "items",
    "prefixItems",
    "minItems",
    "maxItems",
    "minimum",
    "maximum",
    "properties",
    "additionalProperties",
    "required",
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Body {
    system_instruction: Content,
    contents: Vec<Content>,
    #[serde(default)]
    safety_settings: Vec<Safety>,
    generation_config: Generation,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    role: Option<String>,
    parts: Vec<Part>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
    text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Safety {
    category: String,
    threshold: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Generation {
    max_output_tokens: u32,
    response_mime_type: String,
    response_json_schema: Value,
    thinking_config: Option<Thinking>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Thinking {
    /// JSON of protocol buffers may say it in either way, and the vendor's own client does it in this one.
    #[serde(alias = "thinking_level")]
    thinking_level: String,
}

pub(super) fn check(request: &Request, body: &Value) -> Checked {
    let path = request.url.path();
    let model = path.strip_prefix("/v1beta/models/").and_then(|rest| rest.strip_suffix(":generateContent"));
    wants(request.method == "POST" && model.is_some_and(|model| !model.contains('/')), "no such method")?;
    wants(header(request, "x-goog-api-key")? == KEY && request.url.query().is_none(), "the key")?;
    let body: Body = serde_json::from_value(body.clone()).map_err(|error| error.to_string())?;
    wants(body.system_instruction.parts.iter().all(|part| !part.text.is_empty()), "an empty instruction")?;
    alternating(body.contents.iter().map(|content| content.role.as_deref().unwrap_or("user")), "model")?;
    wants(body.contents.iter().all(|content| !content.parts.is_empty()), "a turn without parts")?;
    for Safety { category, threshold } in &body.safety_settings {
        wants(category.starts_with("HARM_CATEGORY_") && threshold.starts_with("BLOCK_"), "a safety setting")?;
    }
    let config = body.generation_config;
    wants(config.response_mime_type == "application/json" && config.max_output_tokens > 0, "the generation's config")?;
    if let Some(Thinking { thinking_level }) = &config.thinking_config {
        wants(["LOW", "MEDIUM", "HIGH"].contains(&thinking_level.as_str()), "the thinking level")?;
    }
    let keywords: Vec<&str> = KEYWORDS.into_iter().chain(["propertyOrdering", "anyOf", "oneOf"]).collect();
    strict_schema(&config.response_json_schema, &keywords)
}

pub(super) fn say(say: &Say) -> ResponseTemplate {
    let reply = |candidate: Value, thoughts: u32, written: u32| {
        ResponseTemplate::new(200).set_body_json(json!({
            "candidates": [candidate],
            "usageMetadata": {
                "promptTokenCount": 1_000, "cachedContentTokenCount": 400, "candidatesTokenCount": written,
                "thoughtsTokenCount": thoughts, "totalTokenCount": 1_000 + thoughts + written,
                "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 1_000}]
            },
            "modelVersion": "gemini-3.8-flash", "responseId": "kf8SaZ-fixture"
        }))
    };
    let ended = |reason: &str, written: u32| reply(json!({"finishReason": reason, "index": 0}), 0, written);
    match say {
        Say::Words(words) => {
            let half = words.char_indices().nth(words.chars().count() / 2).map_or(0, |(place, _)| place);
            let (first, second) = words.split_at(half);
            let parts = json!([{"text": "Let me think.", "thought": true}, {"text": first}, {"text": second}]);
            let content = json!({"role": "model", "parts": parts});
            reply(json!({"content": content, "finishReason": "STOP", "index": 0}), 80, 120)
        }
        Say::CutShort => ended("MAX_TOKENS", 200),
        Say::Blocked => ended("SAFETY", 12),
        Say::Quota(wait) => {
            let kind = |name: &str| format!("type.googleapis.com/google.rpc.{name}");
            let mut details =
                vec![json!({"@type": kind("QuotaFailure"), "violations": [{"quotaId": "GenerateRequestsPerMinute"}]})];
            details.extend(
                wait.map(
                    |wait| json!({"@type": kind("RetryInfo"), "retryDelay": format!("{:.3}s", wait.as_secs_f64())}),
                ),
            );
            failed(429, "RESOURCE_EXHAUSTED", "You exceeded your current quota.", &details)
        }
        Say::Exhausted => {
            let quota = json!({"@type": "type.googleapis.com/google.rpc.QuotaFailure",
                "violations": [{"quotaId": "GenerateRequestsPerDayPerProject"}]});
            failed(429, "RESOURCE_EXHAUSTED", "You exceeded your current quota.", &[quota])
        }
        Say::Down(wait) => {
            let said = failed(503, "UNAVAILABLE", "The model is overloaded.", &[]);
            wait.map_or(said.clone(), |wait| said.insert_header("retry-after", wait.as_secs_f64().to_string()))
        }
        Say::BadKey => failed(400, "INVALID_ARGUMENT", &format!("API key not valid: {KEY}"), &[]),
        Say::Raw(status, body) => ResponseTemplate::new(*status).set_body_string(body.clone()),
    }
}

pub(super) fn refuse(status: u16, problem: &str) -> ResponseTemplate {
    failed(status, "INVALID_ARGUMENT", problem, &[])
}

fn failed(code: u16, status: &str, message: &str, details: &[Value]) -> ResponseTemplate {
    let error = json!({"code": code, "message": message, "status": status, "details": details});
    ResponseTemplate::new(code).set_body_json(json!({"error": error}))
}
