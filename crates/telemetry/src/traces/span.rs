//! One span: begun somewhere in a trace, ended when it is dropped.

use std::{borrow::Cow, time::SystemTime};

use chimera_domain::TraceId;
use opentelemetry::{
    Context, KeyValue,
    context::FutureExt as _,
    trace::{
        Link, SpanBuilder, SpanContext, SpanKind, Status, TraceContextExt as _, TraceFlags, TraceState, Tracer as _,
    },
};

use super::{conventions::ERROR_TYPE, ids, root_of, tracer};

/// Where a span hangs.
#[derive(Debug, Clone, Copy)]
pub enum Under<'a> {
    /// It is the root of this trace.
    Nothing(TraceId),
    /// Under the root of this trace, whoever makes that.
    Post(TraceId),
    /// Under the span that this thread works in, if that is of this trace; else under the trace's root.
    HereIn(TraceId),
    /// Under the span that this thread works in; without one there is no span.
    Here,
    /// Under the caller's span, as its `traceparent` says; without one it is a root of a new trace.
    Caller(Option<&'a str>),
}

/// When a span began and ended, where that is known afterwards only.
#[derive(Debug, Clone, Copy)]
pub struct Interval {
    /// Its beginning.
    pub began: SystemTime,
    /// Its end.
    pub ended: SystemTime,
}

/// A span under way; it ends when it is dropped. Holds nothing where no traces are exported.
#[derive(Debug)]
#[must_use]
pub struct Span(Option<Context>);

impl Span {
    /// Begins a span. `attributes` is asked only where traces are exported.
    pub fn begin(
        under: Under<'_>,
        kind: SpanKind,
        name: impl Into<Cow<'static, str>>,
        attributes: impl FnOnce() -> Vec<KeyValue>,
    ) -> Self {
        Self::start(under, kind, name.into(), None, || (attributes(), vec![]))
    }

    /// Writes a span down that is over, with links to spans of other traces that it shared its work with: each the root of
    /// its trace.
    pub fn record(
        under: Under<'_>,
        name: &'static str,
        interval: Interval,
        shared_with: &[TraceId],
        attributes: impl FnOnce() -> Vec<KeyValue>,
    ) {
        let links = || shared_with.iter().map(|trace| Link::with_context(remote(*trace))).collect();
        let span =
            Self::start(under, SpanKind::Internal, name.into(), Some(interval.began), || (attributes(), links()));
        if let Some(context) = &span.0 {
            context.span().end_with_timestamp(interval.ended);
        }
    }

    fn start(
        under: Under<'_>,
        kind: SpanKind,
        name: Cow<'static, str>,
        began: Option<SystemTime>,
        details: impl FnOnce() -> (Vec<KeyValue>, Vec<Link>),
    ) -> Self {
        let Some(tracer) = tracer() else { return Self(None) };
        let here = Context::current();
        let parent = match under {
            Under::Nothing(_) => Context::new(),
            Under::Post(trace) => Context::new().with_remote_span_context(remote(trace)),
            Under::HereIn(trace) if here.span().span_context().trace_id() == trace_id(trace) => here,
            Under::HereIn(trace) => Context::new().with_remote_span_context(remote(trace)),
            Under::Here if here.has_active_span() => here,
            Under::Here => return Self(None),
            Under::Caller(header) => match header.and_then(read) {
                Some(caller) => Context::new().with_remote_span_context(caller),
                None => Context::new(),
            },
        };
        let (attributes, links) = details();
        let mut builder = SpanBuilder::from_name(name).with_kind(kind).with_attributes(attributes).with_links(links);
        if let Some(began) = began {
            builder = builder.with_start_time(began);
        }
        let span = match under {
            Under::Nothing(trace) => {
                ids::with_ids(trace_id(trace), root_of(trace), || tracer.build_with_context(builder, &parent))
            }
            _ => tracer.build_with_context(builder, &parent),
        };
        Self(Some(parent.with_span(span)))
    }

    /// Whether this is written down: not worth computing attributes for otherwise.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Notes more about it; `attributes` is asked only where traces are exported.
    pub fn note(&self, attributes: impl FnOnce() -> Vec<KeyValue>) {
        if let Some(context) = &self.0 {
            context.span().set_attributes(attributes());
        }
    }

    /// It failed: with what kind of error, of which there are few, and in a line for people.
    pub fn fail(&self, kind: &'static str, message: impl Into<Cow<'static, str>>) {
        if let Some(context) = &self.0 {
            let span = context.span();
            span.set_attribute(KeyValue::new(ERROR_TYPE, kind));
            span.set_status(Status::error(message));
        }
    }

    /// Does something within the span: spans begun [`Under::Here`] hang under it.
    pub fn around<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<F> {
        work.with_context(self.0.clone().unwrap_or_else(Context::current))
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        if let Some(context) = &self.0 {
            // A second end is none.
            context.span().end();
        }
    }
}

/// The `traceparent` (<https://www.w3.org/TR/trace-context-2/>) of the span that this thread works in, for whoever is called
/// now; none where no traces are exported.
#[must_use]
pub fn traceparent() -> Option<String> {
    tracer()?;
    let here = Context::current();
    let span = here.span().span_context().clone();
    let flags = u8::from(span.is_sampled());
    span.is_valid().then(|| format!("00-{}-{}-{flags:02x}", span.trace_id(), span.span_id()))
}

/// The span that a `traceparent` names.
fn read(header: &str) -> Option<SpanContext> {
    let trace = TraceId::from_traceparent(header).ok()?;
    let mut parts = header.trim().split('-').skip(2);
    let span = opentelemetry::trace::SpanId::from_hex(parts.next()?).ok()?;
    let flags = u8::from_str_radix(parts.next()?, 16).ok()?;
    Some(SpanContext::new(trace_id(trace), span, TraceFlags::new(flags), true, TraceState::NONE))
}

/// The root of a trace, whoever makes it.
fn remote(trace: TraceId) -> SpanContext {
    SpanContext::new(trace_id(trace), root_of(trace), TraceFlags::SAMPLED, true, TraceState::NONE)
}

fn trace_id(trace: TraceId) -> opentelemetry::trace::TraceId {
    opentelemetry::trace::TraceId::from_bytes(trace.to_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callers_span_is_read_from_its_header() {
        let read =
            |text| read(text).map(|span| (span.trace_id().to_string(), span.span_id().to_string(), span.is_sampled()));
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        let wanted = (trace.to_owned(), "00f067aa0ba902b7".to_owned(), true);
        assert_eq!(read("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"), Some(wanted.clone()));
        assert_eq!(read("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"), Some((wanted.0, wanted.1, false)));
        for text in ["", "00", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7", "00-zz-00f067aa0ba902b7-01"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[tokio::test]
    async fn where_nothing_is_exported_nothing_is_asked() {
        let trace: TraceId = "4bf92f3577b34da6a3ce929d0e0e4736".parse().unwrap();
        let span = Span::begin(Under::Post(trace), SpanKind::Internal, "work", || panic!("asked"));
        span.note(|| panic!("asked"));
        assert!(!span.is_on());
        assert_eq!(span.around(async { traceparent() }).await, None);
    }
}
