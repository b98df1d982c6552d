//! A stand-in for Weaviate: as much of REST and GraphQL as memories need, strict about it, searched exactly.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::StatusCode,
    routing::{get, post},
};
use serde_json::{Map, Value, json};
use tokio::task::AbortHandle;

use super::syntax::{self, Field};

/// Objects by id.
type Shard = BTreeMap<String, Value>;

#[derive(Debug, Default)]
struct Class {
    schema: Value,
    tenants: BTreeMap<String, Shard>,
    dims: Option<usize>,
}

type Classes = Arc<Mutex<BTreeMap<String, Class>>>;
type Answer = (StatusCode, Json<Value>);

fn refused(status: StatusCode, message: impl Into<String>) -> Answer {
    (status, Json(json!({"error": [{"message": message.into()}]})))
}

fn invalid(message: impl Into<String>) -> Answer {
    refused(StatusCode::UNPROCESSABLE_ENTITY, message)
}

fn fine(body: Value) -> Answer {
    (StatusCode::OK, Json(body))
}

/// Refuses fields that Weaviate's OpenAPI does not have.
fn only(value: &Value, known: &[&str], of: &str) -> Result<(), String> {
    let fields = value.as_object().ok_or_else(|| format!("{of} is no object"))?;
    match fields.keys().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(format!("{of} has no field {name}")),
        None => Ok(()),
    }
}

/// Starts one on a port of its own, with its address.
pub(super) async fn start() -> (String, AbortHandle) {
    let classes = Classes::default();
    let router = Router::new()
        .route("/v1/schema", get(list).post(create))
        .route("/v1/schema/{class}", get(class))
        .route("/v1/schema/{class}/tenants", post(add_tenants))
        .route("/v1/schema/{class}/tenants/{tenant}", axum::routing::head(tenant))
        .route("/v1/batch/objects", post(insert).delete(delete))
        .route("/v1/graphql", post(graphql))
        .layer(axum::extract::DefaultBodyLimit::max(64 << 20))
        .with_state(classes);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = async move { axum::serve(listener, router).await.unwrap() };
    #[expect(clippy::disallowed_methods, reason = "ends with the test that holds its handle")]
    let server = tokio::spawn(server);
    (url, server.abort_handle())
}

async fn list(State(classes): State<Classes>) -> Answer {
    let classes = classes.lock().unwrap();
    fine(json!({"classes": classes.values().map(|class| class.schema.clone()).collect::<Vec<_>>()}))
}

async fn class(State(classes): State<Classes>, Path(name): Path<String>) -> Answer {
    match classes.lock().unwrap().get(&name) {
        Some(class) => fine(class.schema.clone()),
        None => (StatusCode::NOT_FOUND, Json(Value::Null)),
    }
}

async fn create(State(classes): State<Classes>, Json(schema): Json<Value>) -> Answer {
    let known = ["class", "description", "vectorConfig", "properties", "multiTenancyConfig"];
    if let Err(error) = only(&schema, &known, "Class") {
        return invalid(error);
    }
    let name = schema["class"].as_str().unwrap_or_default().to_owned();
    let is_name = name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !is_name {
        return invalid(format!("{name:?} is not a valid class name"));
    }
    for property in schema["properties"].as_array().unwrap() {
        let known = ["name", "dataType", "indexFilterable", "indexSearchable", "tokenization"];
        if let Err(error) = only(property, &known, "Property") {
            return invalid(error);
        }
        let kind = property["dataType"][0].as_str().unwrap();
        if !["text", "int", "number"].contains(&kind) || (kind != "text" && property.get("tokenization").is_some()) {
            return invalid(format!("property {property}"));
        }
    }
    let own = &schema["vectorConfig"]["default"];
    if own["vectorizer"] != json!({"none": {}}) || schema["multiTenancyConfig"]["enabled"] != json!(true) {
        return invalid("vectors of one's own and tenants are wanted");
    }
    let mut classes = classes.lock().unwrap();
    if classes.contains_key(&name) {
        return invalid(format!("class name {name} already exists"));
    }
    classes.insert(name, Class { schema: schema.clone(), ..Class::default() });
    fine(schema)
}

async fn tenant(State(classes): State<Classes>, Path((class, tenant)): Path<(String, String)>) -> StatusCode {
    match classes.lock().unwrap().get(&class) {
        Some(class) if class.tenants.contains_key(&tenant) => StatusCode::OK,
        Some(_) => StatusCode::NOT_FOUND,
        None => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

async fn add_tenants(State(classes): State<Classes>, Path(class): Path<String>, Json(body): Json<Value>) -> Answer {
    let mut classes = classes.lock().unwrap();
    let Some(class) = classes.get_mut(&class) else { return invalid("no such class") };
    for tenant in body.as_array().unwrap() {
        if let Err(error) = only(tenant, &["name", "activityStatus"], "Tenant") {
            return invalid(error);
        }
        let name = tenant["name"].as_str().unwrap();
        let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
        if !is_name || !(4..=64).contains(&name.len()) {
            return invalid(format!("{name} is not a valid tenant name"));
        }
        class.tenants.entry(name.to_owned()).or_default();
    }
    fine(body)
}

async fn insert(State(classes): State<Classes>, Json(body): Json<Value>) -> Answer {
    let mut classes = classes.lock().unwrap();
    let put = |object: &Value| match put(&mut classes, object) {
        Ok(()) => json!({"id": object["id"], "result": {"status": "SUCCESS"}}),
        Err(message) => json!({"result": {"status": "FAILED", "errors": {"error": [{"message": message}]}}}),
    };
    let answers: Vec<Value> = body["objects"].as_array().unwrap().iter().map(put).collect();
    fine(json!(answers))
}

fn put(classes: &mut BTreeMap<String, Class>, object: &Value) -> Result<(), String> {
    only(object, &["class", "id", "tenant", "vectors", "properties"], "Object")?;
    let class = classes.get_mut(object["class"].as_str().unwrap_or_default()).ok_or("no such class")?;
    let known: Vec<&str> =
        class.schema["properties"].as_array().unwrap().iter().map(|p| p["name"].as_str().unwrap()).collect();
    only(&object["properties"], &known, "the class")?;
    let vector = object["vectors"]["default"].as_array().ok_or("no vector")?;
    if *class.dims.get_or_insert(vector.len()) != vector.len() {
        return Err(format!("vector lengths don't match: {}", vector.len()));
    }
    let tenant = object["tenant"].as_str().unwrap_or_default();
    let shard = class.tenants.get_mut(tenant).ok_or("tenant not found")?;
    shard.insert(object["id"].as_str().unwrap().to_owned(), object.clone());
    Ok(())
}

/// Whether a filter names an object.
fn names(filter: &Value, id: &str, object: &Value) -> Result<bool, String> {
    let known = ["path", "operator", "operands", "valueText", "valueTextArray", "valueInt"];
    only(filter, &known, "WhereFilter")?;
    let operator = filter["operator"].as_str().ok_or("a filter has an operator")?;
    if operator == "And" {
        let operands = filter["operands"].as_array().ok_or("And has operands")?;
        let named: Result<Vec<bool>, String> = operands.iter().map(|operand| names(operand, id, object)).collect();
        return Ok(named?.into_iter().all(|named| named));
    }
    let path = filter["path"][0].as_str().ok_or("a filter has a path")?;
    let found = if path == "id" { json!(id) } else { object["properties"][path].clone() };
    let list = if filter["valueText"].is_array() { &filter["valueText"] } else { &filter["valueTextArray"] };
    let number =
        || Ok::<_, String>((found.as_i64().ok_or("no number")?, filter["valueInt"].as_i64().ok_or("no valueInt")?));
    Ok(match operator {
        "Equal" => found == filter["valueText"],
        "ContainsAny" => list.as_array().ok_or("no list")?.contains(&found),
        "GreaterThanEqual" => number().map(|(found, wanted)| found >= wanted)?,
        "LessThan" => number().map(|(found, wanted)| found < wanted)?,
        other => return Err(format!("operator {other}")),
    })
}

/// The most that is deleted at once.
const DELETED_MAX: usize = 5;

async fn delete(
    State(classes): State<Classes>,
    Query(query): Query<BTreeMap<String, String>>,
    Json(body): Json<Value>,
) -> Answer {
    let mut classes = classes.lock().unwrap();
    if let Err(error) = only(&body, &["match", "output", "dryRun"], "BatchDelete") {
        return invalid(error);
    }
    let class = classes.get_mut(body["match"]["class"].as_str().unwrap());
    let shard = class.and_then(|class| class.tenants.get_mut(&query["tenant"]));
    let Some(shard) = shard else { return invalid("tenant not found") };
    let mut named = Vec::new();
    for (id, object) in &*shard {
        match names(&body["match"]["where"], id, object) {
            Ok(true) => named.push(id.clone()),
            Ok(false) => {}
            Err(error) => return invalid(error),
        }
    }
    for id in named.iter().take(DELETED_MAX) {
        shard.remove(id);
    }
    let gone = named.len().min(DELETED_MAX);
    fine(json!({"results": {"matches": named.len(), "limit": DELETED_MAX, "successful": gone, "failed": 0}}))
}

async fn graphql(State(classes): State<Classes>, Json(body): Json<Value>) -> Answer {
    let answer = syntax::parse(body["query"].as_str().unwrap()).and_then(|fields| {
        let classes = classes.lock().unwrap();
        let root = fields.first().ok_or("an empty question")?;
        let field = root.below.first().ok_or("a question about nothing")?;
        let class = classes.get(&field.name).ok_or_else(|| format!("Cannot query field {}", field.name))?;
        let tenant =
            field.arguments.get("tenant").and_then(Value::as_str).ok_or("has multi-tenancy enabled, but no tenant")?;
        let shard = class.tenants.get(tenant).ok_or("tenant not found")?;
        let found = match root.name.as_str() {
            "Get" => get_objects(shard, field)?,
            "Aggregate" => json!([{"meta": {"count": shard.len()}}]),
            other => return Err(format!("Cannot query field {other}")),
        };
        Ok(json!({"data": {&root.name: {&field.name: found}}}))
    });
    // Errors come with status 200.
    fine(answer.unwrap_or_else(|error| json!({"data": null, "errors": [{"message": error}]})))
}

fn get_objects(shard: &Shard, field: &Field) -> Result<Value, String> {
    let arguments = &field.arguments;
    only(&Value::Object(arguments.clone()), &["tenant", "limit", "nearVector", "where", "sort"], "Get")?;
    let near = arguments.get("nearVector").map(|near| near["vector"].as_array().ok_or("no vector")).transpose()?;
    let mut found = Vec::new();
    for (id, object) in shard {
        if let Some(filter) = arguments.get("where")
            && !names(filter, id, object)?
        {
            continue;
        }
        let distance = near.map_or(0.0, |near| 1.0 - cosine(near, object["vectors"]["default"].as_array().unwrap()));
        found.push((distance, id, object));
    }
    found.sort_by(|a, b| a.0.total_cmp(&b.0));
    if let Some(sort) = arguments.get("sort") {
        let path = sort[0]["path"][0].as_str().ok_or("no path")?;
        found.sort_by_key(|(_, _, object)| object["properties"][path].as_i64());
        if sort[0]["order"] == "desc" {
            found.reverse();
        }
    }
    found.truncate(usize::try_from(arguments["limit"].as_u64().ok_or("no limit")?).unwrap());
    let shown = found.into_iter().map(|(distance, id, object)| {
        let mut row = Map::new();
        for asked in &field.below {
            let value = match asked.name.as_str() {
                "_additional" => json!({"id": id, "distance": distance}),
                name => object["properties"].get(name).cloned().ok_or_else(|| format!("Cannot query field {name}"))?,
            };
            row.insert(asked.name.clone(), value);
        }
        Ok(Value::Object(row))
    });
    shown.collect::<Result<Vec<_>, String>>().map(Value::Array)
}

fn cosine(a: &[Value], b: &[Value]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a.as_f64().unwrap() * b.as_f64().unwrap()).sum()
}
