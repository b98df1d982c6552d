//! What is written down about each call.

use chimera_domain::{Ambient, ToolCall, ToolCallId, ToolStatus, Usd, error_chain, one_line, sha256_hex};
use serde_json::{Map, Value};

use crate::{
    context::CallContext,
    error::{CallClass, CallError},
};

/// Longest error text in a record, in Unicode scalar values.
const ERROR_CHARS_MAX: usize = 500;

/// SHA-256 of the arguments as JSON with sorted keys and no spaces, hex: equal for equal arguments.
#[must_use]
pub fn arguments_hash(arguments: &Map<String, Value>) -> String {
    let sorted = arguments.clone();
    sha256_hex(canonical(Value::Object(sorted)).to_string().as_bytes())
}

fn canonical(value: Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.into_iter().map(canonical).collect()),
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.into_iter().collect();
            fields.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(fields.into_iter().map(|(key, value)| (key, canonical(value))).collect())
        }
        plain => plain,
    }
}

/// A call under way: what is known of it before it ends.
#[derive(Debug)]
pub(crate) struct Started {
    id: ToolCallId,
    called_at: chrono::DateTime<chrono::Utc>,
    since: tokio::time::Instant,
}

impl Started {
    pub(crate) fn now(ambient: &dyn Ambient) -> Self {
        Self { id: ToolCallId::generate(ambient), called_at: ambient.now(), since: tokio::time::Instant::now() }
    }

    /// The record, once it is over.
    pub(crate) fn finish(self, context: &CallContext, server: &str, tool: &str, end: &End<'_>) -> ToolCall {
        let status = end.error.map_or(ToolStatus::Success, |error| match error.class() {
            CallClass::Refused => ToolStatus::Refused,
            CallClass::Failed => ToolStatus::Failed,
            CallClass::Unknown => ToolStatus::Unknown,
        });
        let latency_ms = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        let error = end.error.map(|error| error_line(error));
        tracing::debug!(
            trace_id = %context.trace_id, task_id = context.task_id.map(tracing::field::display), mcp_server = server, tool, status = %status.as_str(), latency_ms, attempts = end.attempts,
            cost_usd = %end.cost, error, "MCP call"
        );
        ToolCall {
            id: self.id,
            trace_id: context.trace_id,
            task_id: context.task_id,
            agent_id: None,
            server: server.to_owned(),
            tool: tool.to_owned(),
            status,
            latency_ms,
            cost_usd: end.cost,
            arguments_hash: end.arguments_hash.to_owned(),
            attempts: end.attempts,
            error,
            called_at: self.called_at,
        }
    }
}

/// How a call ended.
#[derive(Debug)]
pub(crate) struct End<'a> {
    pub(crate) error: Option<&'a CallError>,
    pub(crate) attempts: u32,
    pub(crate) cost: Usd,
    pub(crate) arguments_hash: &'a str,
}

/// Text from a server or a library on one bounded line that is safe to show.
pub(crate) fn bounded(text: &str) -> String {
    one_line(text, ERROR_CHARS_MAX)
}

/// The same for an error with its causes.
pub(crate) fn error_line(error: &dyn std::error::Error) -> String {
    bounded(&error_chain(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn hash(value: Value) -> String {
        arguments_hash(&serde_json::from_value(value).unwrap())
    }

    #[test]
    fn the_order_of_keys_does_not_matter_but_that_of_items_does() {
        assert_eq!(
            hash(json!({"a": {"x": 1, "y": [1, 2]}, "b": 2})),
            hash(json!({"b": 2, "a": {"y": [1, 2], "x": 1}}))
        );
        assert_ne!(hash(json!({"a": [1, 2]})), hash(json!({"a": [2, 1]})));
        assert_eq!(hash(json!({"b": 1, "a": "ü"})), sha256_hex("{\"a\":\"ü\",\"b\":1}".as_bytes()));
    }

    #[test]
    fn an_error_is_one_bounded_line() {
        assert_eq!(bounded("a\n\tb\u{7}\u{202e}  c"), "a b c");
        assert_eq!(bounded(&"é".repeat(1_000)).chars().count(), ERROR_CHARS_MAX);
    }
}
