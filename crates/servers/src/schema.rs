//! Tools' schemas as clients of all languages take them.

use std::sync::Arc;

use rmcp::{
    handler::server::{
        common::{schema_for_output, schema_for_type},
        router::tool::ToolRouter,
    },
    model::JsonObject,
};
use schemars::{
    JsonSchema, Schema,
    transform::{RestrictFormats, Transform as _},
};

/// The schema of a tool's arguments.
pub(crate) fn input_schema<T: JsonSchema + 'static>() -> Arc<JsonObject> {
    Arc::new(standard(JsonObject::clone(&schema_for_type::<T>())))
}

/// The schema of a tool's answer, which says that it is an object: clients want that at the root, and a choice between
/// two objects does not say it by itself.
pub(crate) fn output_schema<T: JsonSchema + 'static>() -> Arc<JsonObject> {
    let mut schema = standard(JsonObject::clone(&schema_for_output::<T>()));
    schema.insert("type".to_owned(), "object".into());
    Arc::new(schema)
}

/// The router with all its tools' schemas in standard formats.
pub(crate) fn standard_tools<S>(mut router: ToolRouter<S>) -> ToolRouter<S> {
    for route in router.map.values_mut() {
        let tool = &mut route.attr;
        tool.input_schema = Arc::new(standard(JsonObject::clone(&tool.input_schema)));
        tool.output_schema = tool.output_schema.take().map(|schema| Arc::new(standard(JsonObject::clone(&schema))));
    }
    router
}

/// Drops Rust's own formats (`uint64`): JavaScript clients warn about each one they don't know.
fn standard(schema: JsonObject) -> JsonObject {
    let mut schema = Schema::from(schema);
    RestrictFormats::default().transform(&mut schema);
    std::mem::take(schema.ensure_object())
}
