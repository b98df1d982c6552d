//! What is written down about each call.

use chimera_domain::{Ambient, ToolCall, ToolCallId, ToolStatus, Usd, error_chain, sha256_hex};
use serde_json::{Map, Value};

use crate::{
    context::CallContext,
    error::{CallClass, CallError},
};

/// Longest error text in a record, in bytes.
const ERROR_BYTES_MAX: usize = 500;

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
        let error = end.error.map(|error| one_line(&error_chain(error)));
        tracing::debug!(
            trace_id = %context.trace_id, server, tool, status = %status.as_str(), latency_ms, attempts = end.attempts,
            cost_usd = %end.cost, error, "MCP call"
        );
        ToolCall {
            id: self.id,
            trace_id: context.trace_id,
            task_id: context.task_id,
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

/// The text on one line, without control characters, cut to a bounded length.
pub(crate) fn one_line(text: &str) -> String {
    let mut line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.retain(|c| !c.is_control());
    if line.len() > ERROR_BYTES_MAX {
        line.truncate(line.floor_char_boundary(ERROR_BYTES_MAX));
        line.push('…');
    }
    line
}

/// A number drawn evenly from 0 to 1.
pub(crate) fn dice(ambient: &dyn Ambient) -> f64 {
    let [a, b, c, d, ..] = ambient.random();
    f64::from(u32::from_be_bytes([a, b, c, d])) / f64::from(u32::MAX)
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
        assert_eq!(one_line("a\n\tb\u{7}  c"), "a b c");
        assert!(one_line(&"é".repeat(1_000)).len() <= ERROR_BYTES_MAX + '…'.len_utf8());
    }
}
