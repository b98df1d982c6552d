//! W3C trace identifiers (<https://www.w3.org/TR/trace-context-2/>): one life of one post, from source to publish.

use std::{borrow::Cow, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::Ambient;

/// Sixteen bytes, written as 32 lower-case hex digits; never all zero.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TraceId([u8; 16]);

/// A text that is not a trace id or trace context.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a {what}: {text:?} (want {want})")]
pub struct TraceParseError {
    what: &'static str,
    want: &'static str,
    text: String,
}

impl TraceId {
    /// A fresh trace.
    #[must_use]
    pub fn generate(ambient: &dyn Ambient) -> Self {
        let mut bytes = ambient.random();
        // The standard forbids the all-zero id.
        if bytes == [0; 16] {
            bytes = [1; 16];
        }
        Self(bytes)
    }

    /// The sixteen bytes, never all zero.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0
    }

    /// The `traceparent` header for a call made by the span with these eight bytes; always sampled.
    #[must_use]
    pub fn traceparent(self, ambient: &dyn Ambient) -> String {
        let [a, b, c, d, e, f, g, h, ..] = ambient.random();
        let span = u64::from_be_bytes([a, b, c, d, e, f, g, h]).max(1);
        format!("00-{self}-{span:016x}-01")
    }

    /// Reads the trace id out of a `traceparent` header of any version.
    ///
    /// # Errors
    /// [`TraceParseError`] when the header is malformed.
    pub fn from_traceparent(header: &str) -> Result<Self, TraceParseError> {
        let refuse = || TraceParseError {
            what: "traceparent",
            want: "00-<32 hex digits>-<16 hex digits>-<2 hex digits>",
            text: header.to_owned(),
        };
        let mut parts = header.trim().split('-');
        let (Some(version), Some(trace), Some(span), Some(_flags)) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(refuse());
        };
        if version.len() != 2 || version == "ff" || span.len() != 16 || span.bytes().all(|b| b == b'0') {
            return Err(refuse());
        }
        trace.parse().map_err(|_| refuse())
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "trace:{self}")
    }
}

impl FromStr for TraceId {
    type Err = TraceParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = || TraceParseError { what: "trace id", want: "32 lower-case hex digits", text: text.to_owned() };
        let hex = text.len() == 32 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let number = u128::from_str_radix(text, 16).ok().filter(|n| hex && *n != 0).ok_or_else(refuse)?;
        Ok(Self(number.to_be_bytes()))
    }
}

impl TryFrom<String> for TraceId {
    type Error = TraceParseError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<TraceId> for String {
    fn from(id: TraceId) -> Self {
        id.to_string()
    }
}

impl JsonSchema for TraceId {
    fn schema_name() -> Cow<'static, str> {
        "TraceId".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": "^[0-9a-f]{32}$", "description": "W3C trace id."})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    #[test]
    fn the_standard_example_is_read() {
        let header = format!("00-{TRACE}-00f067aa0ba902b7-01");
        assert_eq!(TraceId::from_traceparent(&header).unwrap().to_string(), TRACE);
    }

    #[test]
    fn malformed_ids_are_refused() {
        for text in ["", "0", &"0".repeat(32), &TRACE.to_uppercase(), "zz"] {
            assert!(text.parse::<TraceId>().is_err(), "{text}");
        }
        for header in
            ["", "00", &format!("ff-{TRACE}-00f067aa0ba902b7-01"), &format!("00-{TRACE}-{}-01", "0".repeat(16))]
        {
            assert!(TraceId::from_traceparent(header).is_err(), "{header}");
        }
    }
}
