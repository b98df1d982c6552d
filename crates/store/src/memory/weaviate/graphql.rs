//! Questions in Weaviate's GraphQL. Filters are written once, as REST has them, and put into GraphQL's spelling here.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use chimera_domain::{MemoryId, MemoryKind};

use crate::{codec::time, vector};

/// The properties of a memory: name, type, and whether it is filtered by.
pub(super) const PROPERTIES: [(&str, &str, bool); 11] = [
    ("agentId", "text", false),
    ("kind", "text", true),
    ("content", "text", false),
    ("source", "text", false),
    ("origin", "text", false),
    ("traceId", "text", false),
    ("artifactId", "text", false),
    ("importance", "number", false),
    ("model", "text", false),
    ("dims", "int", false),
    ("atUs", "int", true),
];

/// Memories with these ids.
pub(super) fn named(ids: &[MemoryId]) -> Value {
    json!({"path": ["id"], "operator": "ContainsAny", "valueTextArray": ids})
}

/// Memories of this kind.
pub(super) fn of_kind(kind: MemoryKind) -> Value {
    json!({"path": ["kind"], "operator": "Equal", "valueText": kind})
}

/// Memories from then on.
pub(super) fn since(since: DateTime<Utc>) -> Value {
    json!({"path": ["atUs"], "operator": "GreaterThanEqual", "valueInt": time(since).timestamp_micros()})
}

/// Memories from before then.
pub(super) fn before(before: DateTime<Utc>) -> Value {
    json!({"path": ["atUs"], "operator": "LessThan", "valueInt": time(before).timestamp_micros()})
}

/// Every memory.
pub(super) fn everything() -> Value {
    // No whole number that survives as a double is lower.
    json!({"path": ["atUs"], "operator": "GreaterThanEqual", "valueInt": -(1_i64 << 53)})
}

/// How many memories an agent has in a class.
pub(super) fn count(class: &str, shard: &str) -> String {
    format!("{{Aggregate{{{class}(tenant:\"{shard}\"){{meta{{count}}}}}}}}")
}

/// A question for memories.
#[derive(Debug, Clone)]
pub(super) struct Query {
    shard: String,
    limit: usize,
    near: Option<String>,
    filters: Vec<Value>,
    newest_first: bool,
}

impl Query {
    pub(super) fn of(shard: &str, limit: usize) -> Self {
        Self { shard: shard.to_owned(), limit, near: None, filters: vec![], newest_first: false }
    }

    pub(super) fn near(self, values: &[f32]) -> Self {
        Self { near: Some(vector::to_text(values, vector::VECTOR)), ..self }
    }

    pub(super) fn only(mut self, filter: impl Into<Option<Value>>) -> Self {
        self.filters.extend(filter.into());
        self
    }

    pub(super) fn newest_first(self) -> Self {
        Self { newest_first: true, ..self }
    }

    /// The whole text.
    pub(super) fn get(&self, class: &str) -> String {
        let Self { shard, limit, near, filters, newest_first } = self;
        let near = near.as_ref().map(|near| format!(",nearVector:{{vector:{near},targetVectors:[\"default\"]}}"));
        let filter = match filters.as_slice() {
            [] => String::new(),
            [one] => format!(",where:{}", literal(one)),
            many => format!(",where:{}", literal(&json!({"operator": "And", "operands": many}))),
        };
        let sort = if *newest_first { ",sort:[{path:[\"atUs\"],order:desc}]" } else { "" };
        let properties = PROPERTIES.map(|(name, ..)| name).join(" ");
        let additional = if near.is_some() { "id distance" } else { "id" };
        format!(
            "{{Get{{{class}(tenant:\"{shard}\",limit:{limit}{}{filter}{sort}){{{properties} _additional{{{additional}}}}}}}}}",
            near.unwrap_or_default()
        )
    }
}

/// A filter as GraphQL spells it: names without quotation marks, operators bare, lists under the name of their items.
/// Texts are escaped as in JSON, which GraphQL takes.
fn literal(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let field = |(name, value): (&String, &Value)| match value.as_str() {
                Some(word) if name == "operator" => format!("{name}:{word}"),
                _ => format!("{}:{}", name.strip_suffix("Array").unwrap_or(name), literal(value)),
            };
            format!("{{{}}}", fields.iter().map(field).collect::<Vec<_>>().join(","))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(literal).collect::<Vec<_>>().join(",")),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_spelled_as_weaviate_reads_it() {
        let at = DateTime::from_timestamp_micros(7).unwrap();
        let query = Query::of("ab", 5).near(&[0.5, -1.0]).only(of_kind(MemoryKind::Episodic)).only(since(at));
        let wanted = "{Get{C(tenant:\"ab\",limit:5,nearVector:{vector:[0.5,-1],targetVectors:[\"default\"]},where:\
            {operator:And,operands:[{path:[\"kind\"],operator:Equal,valueText:\"episodic\"},\
            {path:[\"atUs\"],operator:GreaterThanEqual,valueInt:7}]}){agentId kind content source origin traceId \
            artifactId importance model dims atUs _additional{id distance}}}}";
        assert_eq!(query.get("C"), wanted);
        let hostile = json!({"valueText": "\"}){x}\n\u{202e}"});
        assert_eq!(literal(&hostile), "{valueText:\"\\\"}){x}\\n\u{202e}\"}");
        assert_eq!(literal(&named(&[])), "{path:[\"id\"],operator:ContainsAny,valueText:[]}");
    }
}
