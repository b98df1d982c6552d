//! One setup of logs and metrics for every role.
//!
//! Logs go to standard error, as text for people or JSON lines for programs. Metrics are counted in the process and read
//! as Prometheus text. To add a metric, add a constant to `catalogue.rs` and name it in `CATALOGUE` there.

mod catalogue;
mod identity;
mod logs;
mod metric;
mod prometheus;
mod table;

pub use catalogue::*;
pub use identity::Identity;
pub use logs::{AlreadySetUp, LogFormat, TelemetryError, init};
pub use metric::{Bound, Kind, LABELS_MAX, Label, Metric};
pub use prometheus::{Prometheus, PrometheusError, Readings};
pub use table::markdown;
