//! Keys that no part of the configuration knows, each with the nearest that one does.

use chimera_mcp::nearest_of;
use serde_json::{Map, Value};

/// The unknown keys of a configuration, as `planner.pol_interval (did you mean poll_interval?)`.
pub(super) fn unknown_keys(given: &Value, schema: &Value) -> Vec<String> {
    let mut found = Vec::new();
    walk(given, &Node { root: schema, alternatives: vec![schema] }, "", &mut found);
    found
}

/// A place in the schema, with every alternative that may stand there.
struct Node<'a> {
    root: &'a Value,
    alternatives: Vec<&'a Value>,
}

impl<'a> Node<'a> {
    /// The place with references followed and alternatives spread out.
    fn spread(&self) -> Vec<&'a Map<String, Value>> {
        let mut open = self.alternatives.clone();
        let mut out = Vec::new();
        while let Some(schema) = open.pop() {
            let Some(object) = schema.as_object() else { continue };
            if let Some(target) = object.get("$ref").and_then(Value::as_str) {
                open.extend(target.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer)));
            }
            for list in ["anyOf", "oneOf", "allOf"] {
                open.extend(object.get(list).and_then(Value::as_array).into_iter().flatten());
            }
            out.push(object);
        }
        out
    }

    fn at(&self, alternatives: Vec<&'a Value>) -> Self {
        Self { root: self.root, alternatives }
    }
}

fn walk(given: &Value, node: &Node<'_>, path: &str, found: &mut Vec<String>) {
    match given {
        Value::Object(object) => walk_object(object, node, path, found),
        Value::Array(items) => {
            let inner: Vec<_> = node.spread().iter().filter_map(|s| s.get("items")).collect();
            for (index, item) in items.iter().enumerate() {
                walk(item, &node.at(inner.clone()), &format!("{path}[{index}]"), found);
            }
        }
        _ => {}
    }
}

fn walk_object(object: &Map<String, Value>, node: &Node<'_>, path: &str, found: &mut Vec<String>) {
    let places = node.spread();
    let properties: Vec<_> = places.iter().filter_map(|s| s.get("properties")?.as_object()).collect();
    let open: Vec<_> =
        places.iter().filter_map(|s| s.get("additionalProperties")).filter(|s| **s != Value::Bool(false)).collect();
    // Where the schema says nothing of keys, any key goes.
    if properties.is_empty() && open.is_empty() {
        return;
    }
    for (key, value) in object {
        let here = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        let known: Vec<_> = properties.iter().filter_map(|p| p.get(key)).collect();
        if !known.is_empty() {
            walk(value, &node.at(known), &here, found);
        } else if !open.is_empty() {
            walk(value, &node.at(open.clone()), &here, found);
        } else {
            let nearest = nearest_of(key, properties.iter().flat_map(|p| p.keys()).map(String::as_str));
            let hint = nearest.map(|known| format!(" (did you mean `{known}`?)")).unwrap_or_default();
            found.push(format!("`{here}`{hint}"));
        }
    }
}
