//! Ids of spans: drawn by the SDK, but for those of roots, which are given.

use std::cell::Cell;

use opentelemetry::trace::{SpanId, TraceId};
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator};

thread_local! {
    /// The ids of the span that is begun just now on this thread.
    static GIVEN: Cell<Option<(TraceId, SpanId)>> = const { Cell::new(None) };
}

/// Begins a span with these ids: `begin` must begin exactly one, without a parent.
pub(super) fn with_ids<T>(trace: TraceId, span: SpanId, begin: impl FnOnce() -> T) -> T {
    GIVEN.set(Some((trace, span)));
    let begun = begin();
    GIVEN.set(None);
    begun
}

/// Draws ids, unless they are given.
#[derive(Debug, Default)]
pub(super) struct Ids(RandomIdGenerator);

impl IdGenerator for Ids {
    fn new_trace_id(&self) -> TraceId {
        GIVEN.get().map_or_else(|| self.0.new_trace_id(), |(trace, _)| trace)
    }

    fn new_span_id(&self) -> SpanId {
        GIVEN.get().map_or_else(|| self.0.new_span_id(), |(_, span)| span)
    }
}
