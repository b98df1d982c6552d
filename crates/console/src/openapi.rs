//! What the API takes, as OpenAPI 3.1: written from the one list of routes, so that it can't leave one out.

use axum::{Json, response::IntoResponse as _, response::Response};
use schemars::Schema;
use serde_json::{Map, Value, json};

use crate::{
    access::Needs,
    problem,
    routes::{Console, RouteInfo},
};

pub(crate) async fn serve() -> Response {
    Json(document(&Console::routes())).into_response()
}

/// The document over those of `routes` that are the API's.
pub(crate) fn document(routes: &[RouteInfo]) -> Value {
    let mut paths = Map::new();
    for route in routes.iter().filter(|route| route.path.starts_with("/api/")) {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        if let Some(path) = path.as_object_mut() {
            path.insert(route.method.as_str().to_lowercase(), operation(route));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Chimera",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "The console's API. A program brings a token (`chimera console token create`); roles are viewer, reviewer and operator, each of which may do what the ones before it may. Errors are problems as RFC 9457 has them.",
        },
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {"Problem": {
                "type": "object",
                "required": ["title", "status", "detail"],
                "properties": {
                    "title": {"type": "string"},
                    "status": {"type": "integer"},
                    "detail": {"type": "string", "description": "What is wrong, and what to do"},
                },
            }},
        },
    })
}

fn operation(route: &RouteInfo) -> Value {
    let mut parameters: Vec<Value> = Vec::new();
    if route.path.contains("{id}") {
        parameters.push(json!({"name": "id", "in": "path", "required": true, "schema": {"type": "string"}}));
    }
    parameters.extend(route.query.iter().flat_map(|schema| query(&schema())));
    if route.if_match {
        let says = "The `ETag` of what was seen";
        let schema = json!({"type": "string"});
        parameters
            .push(json!({"name": "If-Match", "in": "header", "required": true, "description": says, "schema": schema}));
    }
    let role = match route.needs {
        Needs::Nothing => "nobody to sign in",
        Needs::Role(role) => role.as_str(),
    };
    let mut operation = json!({
        "operationId": name(route),
        "summary": route.summary,
        "description": format!("Needs: {role}."),
        "security": [{"token": []}],
        "parameters": parameters,
        "responses": {
            "200": {"description": "Done", "content": {route.gives: {}}},
            "default": {
                "description": "Not done, and why",
                "content": {problem::MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
            },
        },
    });
    if let (Some(body), Some(operation)) = (route.body, operation.as_object_mut()) {
        let content = json!({"application/json": {"schema": body()}});
        operation.insert("requestBody".to_owned(), json!({"required": true, "content": content}));
    }
    operation
}

/// The fields of a query, one parameter each.
fn query(schema: &Schema) -> Vec<Value> {
    let schema = schema.as_value();
    let properties = schema.get("properties").and_then(Value::as_object);
    let one =
        |(name, schema): (&String, &Value)| json!({"name": name, "in": "query", "required": false, "schema": schema});
    properties.into_iter().flatten().map(one).collect()
}

/// `post_hitl_id_approve` and the like.
fn name(route: &RouteInfo) -> String {
    let path = route.path.trim_start_matches("/api/").replace(['/', '.'], "_").replace(['{', '}'], "");
    format!("{}_{path}", route.method.as_str().to_lowercase())
}
