//! What handlers of the API answer, described by the type that is sent; and handlers that are described so from end to end.

use axum::{
    Json,
    handler::Handler,
    http::{HeaderValue, header},
    response::{IntoResponse, Response, sse::Sse},
};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::takes::Takes;
use crate::{openapi::Operation, problem::Problem, routes::Shared};

/// What a handler answers where it does what was asked.
pub(crate) trait Gives: IntoResponse {
    /// Says what that holds.
    fn describe(operation: &mut Operation<'_>);
}

impl<T: Serialize + JsonSchema> Gives for Json<T> {
    fn describe(operation: &mut Operation<'_>) {
        let schema = operation.given::<T>();
        operation.answers("application/json", &schema, &json!({}));
    }
}

/// An answer that names the version of what it tells as its `ETag`.
pub(crate) struct Tagged<T> {
    pub(crate) version: String,
    pub(crate) told: T,
}

impl<T: Serialize> IntoResponse for Tagged<T> {
    fn into_response(self) -> Response {
        let mut response = Json(self.told).into_response();
        if let Ok(tag) = HeaderValue::try_from(format!("\"{}\"", self.version)) {
            response.headers_mut().insert(header::ETAG, tag);
        }
        response
    }
}

impl<T: Serialize + JsonSchema> Gives for Tagged<T> {
    fn describe(operation: &mut Operation<'_>) {
        let (schema, says) = (operation.given::<T>(), "The version of what is told, for `If-Match`");
        let tag = json!({"required": true, "description": says, "schema": {"type": "string", "pattern": "^\".+\"$"}});
        operation.answers("application/json", &schema, &json!({"ETag": tag}));
    }
}

impl<S> Gives for Sse<S>
where
    Self: IntoResponse,
{
    fn describe(operation: &mut Operation<'_>) {
        operation.answers("text/event-stream", &json!({"type": "string"}), &json!({}));
    }
}

/// A handler of the API: its arguments say what it takes, its answer what it gives. So what is described is what is done.
pub(crate) trait Endpoint<T>: Handler<T, Shared> {
    /// Describes all of it.
    fn describe(operation: &mut Operation<'_>);
}

macro_rules! endpoints {
    ($(($($taken:ident),+))+) => {$(
        impl<F, Answering, A, Way, $($taken),+> Endpoint<(Way, $($taken,)+)> for F
        where
            F: FnOnce($($taken),+) -> Answering + Handler<(Way, $($taken,)+), Shared>,
            Answering: Future<Output = Result<A, Problem>>,
            A: Gives,
            $($taken: Takes,)+
        {
            fn describe(operation: &mut Operation<'_>) {
                $($taken::describe(operation);)+
                A::describe(operation);
            }
        }
    )+};
}

endpoints! { (A1) (A1, A2) (A1, A2, A3) (A1, A2, A3, A4) (A1, A2, A3, A4, A5) }
