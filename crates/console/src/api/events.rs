//! Server-sent events: that something has changed, never what. Whoever hears one looks again, by its own right.

use std::{convert::Infallible, time::Duration};

use axum::{
    Extension,
    extract::State,
    response::sse::{Event, KeepAlive, Sse},
};
use futures::{Stream, stream};

use crate::{access::Visitor, problem::Problem, routes::Shared};

/// A sign of life goes out so often, so that a connection that is gone is noticed.
const ALIVE_EVERY: Duration = Duration::from_secs(15);

pub(crate) async fn events(
    State(shared): State<Shared>,
    Extension(visitor): Extension<Visitor>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    // A session that ends must not go on hearing.
    let left = (visitor.credential.expires_at - shared.access.ambient.now()).to_std().unwrap_or_default();
    let end = tokio::time::Instant::now() + left;
    let heard =
        stream::unfold((shared.waiting.listen(), shared.closing.clone()), move |(mut listener, closing)| async move {
            loop {
                let heard = tokio::select! {
                    biased;
                    () = closing.cancelled() => return None,
                    () = tokio::time::sleep_until(end) => return None,
                    heard = listener.heard(ALIVE_EVERY) => heard,
                };
                if heard {
                    return Some((Ok(Event::default().event("hitl").data("look")), (listener, closing)));
                }
            }
        });
    Ok(Sse::new(heard).keep_alive(KeepAlive::new().interval(ALIVE_EVERY)))
}
