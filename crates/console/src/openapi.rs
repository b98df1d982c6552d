//! The API as OpenAPI 3.1, written from the one list of routes and from the very types that its handlers read and send. So
//! it can leave nothing out, and what it says of bodies and answers is what goes over the wire.

use std::collections::BTreeSet;

use axum::{Json, extract::State, http::StatusCode};
use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use crate::{
    access::Needs,
    problem::{self, Problem},
    routes::{Console, RouteInfo, Shared},
};

pub(crate) async fn serve(State(_): State<Shared>) -> Result<Json<Value>, Problem> {
    Ok(Json(openapi()))
}

/// The API as OpenAPI 3.1.
#[must_use]
pub fn openapi() -> Value {
    document(&Console::routes())
}

/// One operation, while it is described.
pub(crate) struct Operation<'a> {
    answers: &'a mut SchemaGenerator,
    parameters: Vec<Value>,
    body: Option<Value>,
    done: Value,
    refusals: BTreeSet<StatusCode>,
}

impl Operation<'_> {
    /// The schema of what is read; whole, for there is little of it.
    pub(crate) fn taken<T: JsonSchema>(&self) -> Value {
        let settings = SchemaSettings::draft2020_12().for_deserialize().with(|s| {
            s.meta_schema = None;
            s.inline_subschemas = true;
        });
        let mut schema = Value::from(settings.into_generator().into_root_schema_for::<T>());
        // Its name in the program tells nobody anything.
        if let Some(schema) = schema.as_object_mut() {
            schema.remove("title");
        }
        schema
    }

    /// The schema of what is sent, which stands among the document's components.
    pub(crate) fn given<T: JsonSchema>(&mut self) -> Value {
        self.answers.subschema_for::<T>().into()
    }

    /// Takes one more thing that stands beside the body.
    pub(crate) fn parameter(&mut self, parameter: Value) {
        self.parameters.push(parameter);
    }

    /// Takes a query of such an object's fields.
    pub(crate) fn query(&mut self, schema: &Value) {
        let required = |name: &str| schema["required"].as_array().is_some_and(|all| all.iter().any(|one| one == name));
        let one = |(name, schema): (&String, &Value)| json!({"name": name, "in": "query", "required": required(name), "schema": schema});
        let properties = schema["properties"].as_object();
        self.parameters.extend(properties.into_iter().flatten().map(one));
    }

    /// Takes such a body.
    pub(crate) fn body(&mut self, schema: &Value) {
        self.body = Some(json!({"required": true, "content": {"application/json": {"schema": schema}}}));
    }

    /// Answers so where it does what was asked.
    pub(crate) fn answers(&mut self, media_type: &str, schema: &Value, headers: &Value) {
        self.done = json!({"description": "Done", "headers": headers, "content": {media_type: {"schema": schema}}});
    }

    /// May refuse for these reasons.
    pub(crate) fn refuses(&mut self, statuses: &[StatusCode]) {
        self.refusals.extend(statuses);
    }

    fn responses(&self) -> Value {
        let refusal = |status: &StatusCode| {
            let headers = match *status {
                StatusCode::UNAUTHORIZED => json!({"WWW-Authenticate": {"schema": {"type": "string"}}}),
                StatusCode::TOO_MANY_REQUESTS => {
                    let says = "Seconds until it may be asked again";
                    json!({"Retry-After": {"description": says, "schema": {"type": "integer", "minimum": 1}}})
                }
                _ => json!({}),
            };
            let content = json!({problem::MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}});
            let says = status.canonical_reason().unwrap_or_default();
            (status.as_u16().to_string(), json!({"description": says, "headers": headers, "content": content}))
        };
        let done = (StatusCode::OK.as_u16().to_string(), self.done.clone());
        Value::Object([done].into_iter().chain(self.refusals.iter().map(refusal)).collect())
    }
}

/// What any route may answer: nobody known, not their role, by a foreign name, too often, and without a database.
const ANYWHERE: [StatusCode; 5] = [
    StatusCode::UNAUTHORIZED,
    StatusCode::FORBIDDEN,
    StatusCode::MISDIRECTED_REQUEST,
    StatusCode::TOO_MANY_REQUESTS,
    StatusCode::SERVICE_UNAVAILABLE,
];

/// The document over those of `routes` that are the API's.
fn document(routes: &[RouteInfo]) -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize().with(|s| {
        s.meta_schema = None;
        s.definitions_path = "/components/schemas".into();
    });
    let mut answers = settings.into_generator();
    let _: Schema = answers.subschema_for::<problem::Told>();
    let mut paths = Map::new();
    for route in routes {
        let Some(operation) = operation(route, &mut answers) else { continue };
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        if let Some(path) = path.as_object_mut() {
            path.insert(route.method.as_str().to_lowercase(), operation);
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Chimera",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "The console's API. A program brings a token (`chimera console token create`); roles are viewer, reviewer and operator, each of which may do what the ones before it may. Errors are problems as RFC 9457 has them. A list comes in pages: ask for what comes after `next` until there is none.",
        },
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": answers.take_definitions(true),
        },
    })
}

/// `None` of what is no operation of the API.
fn operation(route: &RouteInfo, answers: &mut SchemaGenerator) -> Option<Value> {
    let describe = route.describe?;
    let refusals = route.refusals.iter().chain(&ANYWHERE).copied().collect();
    let mut described = Operation { answers, parameters: vec![], body: None, done: Value::Null, refusals };
    describe(&mut described);
    let role = match route.needs {
        Needs::Nothing => "nobody to sign in",
        Needs::Role(role) => role.as_str(),
    };
    let mut operation = json!({
        "operationId": name(route),
        "summary": route.summary,
        "description": format!("Needs: {role}."),
        "security": [{"token": []}],
        "parameters": described.parameters,
        "responses": described.responses(),
    });
    if let (Some(body), Some(operation)) = (described.body, operation.as_object_mut()) {
        operation.insert("requestBody".to_owned(), body);
    }
    Some(operation)
}

/// `post_hitl_id_approve` and the like.
fn name(route: &RouteInfo) -> String {
    let path = route.path.trim_start_matches("/api/").replace(['/', '.'], "_").replace(['{', '}'], "");
    format!("{}_{path}", route.method.as_str().to_lowercase())
}
