//! One setup of logs, metrics and traces for every role.
//!
//! Logs go to standard error, as text for people or JSON lines for programs. Metrics are counted in the process and read
//! as Prometheus text. To add a metric, add a constant to `catalogue.rs` and name it in `CATALOGUE` there. Traces go to a
//! collector over OTLP where one is named; `traces` says how spans of many processes become one trace.

mod catalogue;
mod identity;
mod logs;
mod metric;
mod prometheus;
mod table;
mod traces;

pub use catalogue::*;
pub use identity::Identity;
pub use logs::{AlreadySetUp, LogFormat, TelemetryError, init};
pub use metric::{Bound, Kind, LABELS_MAX, Label, Metric};
pub use opentelemetry::{KeyValue, trace::SpanKind};
pub use prometheus::{Prometheus, PrometheusError, Readings};
pub use table::markdown;
pub use traces::{Interval, Span, TraceError, Under, conventions, end_traces, export_traces, traceparent, traces_on};
