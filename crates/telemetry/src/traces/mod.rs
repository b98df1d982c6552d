//! OpenTelemetry traces over OTLP: one trace for each post, from the feed to the platform.
//!
//! A post's trace id is born with its signal and stands in every row of it. The trace's root span has an id that follows
//! from the trace id ([`root_of`]), so a role in another process hangs its spans under it without being told anything: no
//! context goes through the queues. What goes to MCP servers goes as `traceparent`.
//!
//! Nothing is exported, and spans cost next to nothing, until [`export_traces`] is called.

pub mod conventions;
mod courier;
mod ids;
mod span;

use std::{env, sync::OnceLock, time::Duration};

use chimera_domain::TraceId;
use opentelemetry::{
    KeyValue,
    trace::{SpanId, TracerProvider as _},
};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::{
    Resource,
    trace::{SdkTracer, SdkTracerProvider},
};

pub use span::{Interval, Span, Under, traceparent};

use crate::Identity;

/// Where the standard says that the collector is, for every signal and for traces alone.
const ENDPOINT_ENV: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];
/// How the standard has a process call itself.
const SERVICE_NAME_ENV: &str = "OTEL_SERVICE_NAME";
/// Where a collector takes traces, below its address.
const TRACES_PATH: &str = "v1/traces";

static TRACES: OnceLock<Traces> = OnceLock::new();

#[derive(Debug)]
struct Traces {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
}

/// Why traces can't be exported.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// The HTTP client.
    #[error("the HTTP client for traces can't be made")]
    Client(#[source] reqwest::Error),
    /// The address, or what else the environment says.
    #[error(
        "traces can't be exported: is the address of the collector right (want something like http://127.0.0.1:4318)?"
    )]
    Exporter(#[source] ExporterBuildError),
}

/// Exports traces from now on, over OTLP as protobuf by HTTP: to `endpoint` (the collector's address; `/v1/traces` is added),
/// else to where the standard's environment variables say (`OTEL_EXPORTER_OTLP_ENDPOINT`), else not at all. Other variables
/// of the standard count too, such as `OTEL_TRACES_SAMPLER`, `OTEL_BSP_SCHEDULE_DELAY` and `OTEL_RESOURCE_ATTRIBUTES`.
/// Whether they are exported. Only the first call in a process counts.
///
/// To be called within a runtime, which must live until [`end_traces`] has returned.
///
/// # Errors
/// [`TraceError`] when the address makes no sense.
pub fn export_traces(endpoint: Option<&str>, version: &'static str, who: &Identity) -> Result<bool, TraceError> {
    let named = |variable: &&str| env::var(variable).is_ok_and(|value| !value.trim().is_empty());
    if endpoint.is_none() && !ENDPOINT_ENV.iter().any(named) {
        return Ok(false);
    }
    let client = courier::Courier::new().map_err(TraceError::Client)?;
    let mut exporter = SpanExporter::builder().with_http().with_http_client(client);
    if let Some(endpoint) = endpoint {
        exporter = exporter.with_endpoint(format!("{}/{TRACES_PATH}", endpoint.trim_end_matches('/')));
    }
    let exporter = exporter.build().map_err(TraceError::Exporter)?;
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_id_generator(ids::Ids::default())
        .with_resource(resource(version, who))
        .build();
    let tracer = provider.tracer("chimera");
    Ok(TRACES.set(Traces { provider, tracer }).is_ok())
}

/// Sends what is yet to be sent, for so long at most; nothing is exported afterwards. Blocks: not for an async task.
pub fn end_traces(patience: Duration) {
    if let Some(traces) = TRACES.get()
        && let Err(error) = traces.provider.shutdown_with_timeout(patience)
    {
        tracing::warn!(%error, "the last traces were not sent");
    }
}

/// Whether traces are exported.
#[must_use]
pub fn traces_on() -> bool {
    TRACES.get().is_some()
}

fn tracer() -> Option<&'static SdkTracer> {
    TRACES.get().map(|traces| &traces.tracer)
}

/// The span id of a trace's root: its lower half. The standard forbids zero.
fn root_of(trace: TraceId) -> SpanId {
    let [.., a, b, c, d, e, f, g, h] = trace.to_bytes();
    SpanId::from(u64::from_be_bytes([a, b, c, d, e, f, g, h]).max(1))
}

/// Who speaks, by the conventions for resources.
fn resource(version: &'static str, who: &Identity) -> Resource {
    let mut resource = Resource::builder().with_attributes([
        KeyValue::new("service.namespace", "chimera"),
        KeyValue::new("service.version", version),
        KeyValue::new("service.instance.id", who.instance.clone()),
        KeyValue::new("process.pid", i64::from(std::process::id())),
    ]);
    if env::var(SERVICE_NAME_ENV).is_err() {
        resource = resource.with_service_name(format!("chimera-{}", who.role));
    }
    resource.build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_is_known_wherever_its_trace_is() {
        let trace: TraceId = "4bf92f3577b34da6a3ce929d0e0e4736".parse().unwrap();
        assert_eq!(root_of(trace).to_string(), "a3ce929d0e0e4736");
        let odd: TraceId = "4bf92f3577b34da60000000000000000".parse().unwrap();
        assert_eq!(root_of(odd).to_string(), "0000000000000001");
    }

    #[test]
    fn a_process_says_who_it_is() {
        let who = Identity { role: "judge", instance: "host-1".to_owned() };
        let resource = resource("1.2.3", &who);
        let told = |key: &str| resource.get(&key.to_owned().into()).map(|value| value.to_string());
        assert_eq!(told("service.name").as_deref(), Some("chimera-judge"));
        assert_eq!(told("service.instance.id").as_deref(), Some("host-1"));
        assert_eq!(told("service.version").as_deref(), Some("1.2.3"));
    }
}
