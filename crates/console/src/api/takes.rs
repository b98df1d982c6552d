//! What handlers of the API take, each part described by the type that reads it.

use std::{fmt::Display, str::FromStr};

use axum::{
    Extension, Json,
    extract::{FromRequest, FromRequestParts, Path, Query, Request, State},
    http::{StatusCode, header, request::Parts},
};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::{access::Visitor, openapi::Operation, problem::Problem, routes::Shared};

/// One argument of a handler.
pub(crate) trait Takes {
    /// Says what it reads, and which refusals come of that.
    fn describe(operation: &mut Operation<'_>);
}

impl Takes for State<Shared> {
    fn describe(_: &mut Operation<'_>) {}
}

impl Takes for Extension<Visitor> {
    fn describe(_: &mut Operation<'_>) {}
}

/// The id in the path.
pub(crate) struct Id<T>(pub(crate) T);

impl<T: FromStr<Err: Display>, S: Send + Sync> FromRequestParts<S> for Id<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(text) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|error| Problem::bad_request(error.body_text()))?;
        text.parse().map(Self).map_err(|error: T::Err| Problem::bad_request(error.to_string()))
    }
}

impl<T: JsonSchema> Takes for Id<T> {
    fn describe(operation: &mut Operation<'_>) {
        let schema = operation.taken::<T>();
        operation.parameter(json!({"name": "id", "in": "path", "required": true, "schema": schema}));
        operation.refuses(&[StatusCode::BAD_REQUEST, StatusCode::NOT_FOUND]);
    }
}

/// The query, a field for each of its names.
pub(crate) struct Asked<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let read = Query::from_request_parts(parts, state).await;
        read.map(|Query(asked)| Self(asked)).map_err(|error| Problem::new(error.status(), error.body_text()))
    }
}

impl<T: JsonSchema> Takes for Asked<T> {
    fn describe(operation: &mut Operation<'_>) {
        operation.query(&operation.taken::<T>());
        operation.refuses(&[StatusCode::BAD_REQUEST]);
    }
}

/// The body, as JSON.
pub(crate) struct Given<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Given<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        // As an object first: else a list of the fields' values would do, too.
        let read = Json::<Map<String, Value>>::from_request(request, state).await;
        let Json(given) = read.map_err(|error| Problem::new(error.status(), error.body_text()))?;
        let unfit = |error| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, format!("the body does not fit: {error}"));
        T::deserialize(Value::Object(given)).map(Self).map_err(unfit)
    }
}

impl<T: JsonSchema> Takes for Given<T> {
    fn describe(operation: &mut Operation<'_>) {
        operation.body(&operation.taken::<T>());
        operation.refuses(&[
            StatusCode::BAD_REQUEST,
            StatusCode::PAYLOAD_TOO_LARGE,
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            StatusCode::UNPROCESSABLE_ENTITY,
        ]);
    }
}

/// The version that `If-Match` names, as `ETag` told it.
pub(crate) struct Seen(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for Seen {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(seen) = parts.headers.get(header::IF_MATCH) else {
            let detail = "say with `If-Match: \"VERSION\"` which version you saw, as `ETag` told it";
            return Err(Problem::new(StatusCode::PRECONDITION_REQUIRED, detail));
        };
        let seen = seen.to_str().map_err(|_| Problem::bad_request("`If-Match` names no version, such as \"3\""))?;
        Ok(Self(seen.trim().trim_matches('"').to_owned()))
    }
}

impl Takes for Seen {
    fn describe(operation: &mut Operation<'_>) {
        let (says, schema) = ("The `ETag` of what was seen", json!({"type": "string", "examples": ["\"3\""]}));
        operation.parameter(
            json!({"name": "If-Match", "in": "header", "required": true, "description": says, "schema": schema}),
        );
        operation.refuses(&[
            StatusCode::BAD_REQUEST,
            StatusCode::PRECONDITION_FAILED,
            StatusCode::PRECONDITION_REQUIRED,
        ]);
    }
}
