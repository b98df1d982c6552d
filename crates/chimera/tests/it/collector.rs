//! A collector of OpenTelemetry traces: takes OTLP over HTTP as protobuf, and remembers every span.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread::JoinHandle,
};

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, KeyValue, any_value::Value as Any},
    trace::v1::span::SpanKind,
};
use prost::Message as _;
use serde_json::Value;

/// A span as it was received.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) trace_id: String,
    pub(crate) span_id: String,
    /// Empty for a root.
    pub(crate) parent_id: String,
    pub(crate) name: String,
    /// `CLIENT`, `SERVER` or `INTERNAL`.
    pub(crate) kind: String,
    /// Nanoseconds since the Unix epoch.
    pub(crate) began: u64,
    pub(crate) ended: u64,
    pub(crate) attributes: BTreeMap<String, Value>,
    /// Trace and span.
    pub(crate) links: Vec<(String, String)>,
    /// `service.name`.
    pub(crate) service: String,
    /// `service.instance.id`.
    pub(crate) process: String,
}

impl Seen {
    /// An attribute's text; empty when there is none.
    pub(crate) fn text(&self, name: &str) -> String {
        self.attributes.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
    }
}

/// A running collector; it ends when it is dropped.
pub(crate) struct Collector {
    address: SocketAddr,
    spans: Arc<Mutex<Vec<Arc<Seen>>>>,
    thread: Option<JoinHandle<()>>,
}

impl Collector {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let spans: Arc<Mutex<Vec<Arc<Seen>>>> = Arc::default();
        let kept = spans.clone();
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Some(taken) = take(stream.unwrap()) else { return };
                kept.lock().unwrap().extend(taken.into_iter().map(Arc::new));
            }
        });
        Self { address, spans, thread: Some(thread) }
    }

    /// As it stands in the configuration.
    pub(crate) fn address(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn spans(&self) -> Vec<Arc<Seen>> {
        self.spans.lock().unwrap().clone()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        // A connection without a request tells the thread to end.
        drop(TcpStream::connect(self.address));
        let ended = self.thread.take().unwrap().join();
        assert!(ended.is_ok() || std::thread::panicking(), "the collector broke");
    }
}

/// One request; none from whoever only knocks.
fn take(stream: TcpStream) -> Option<Vec<Seen>> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).unwrap() == 0 {
            assert_eq!(head, "");
            return None;
        }
    }
    assert!(head.starts_with("POST /v1/traces HTTP/1.1\r\n"), "{head}");
    let header = |name: &str| {
        let lines = head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned()).next()
    };
    assert_eq!(header("content-type").as_deref(), Some("application/x-protobuf"));
    let mut body = vec![0; header("content-length").unwrap().parse().unwrap()];
    reader.read_exact(&mut body).unwrap();
    let answer =
        "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    reader.get_mut().write_all(answer.as_bytes()).unwrap();
    Some(read(&body))
}

fn read(body: &[u8]) -> Vec<Seen> {
    let request = ExportTraceServiceRequest::decode(body).unwrap();
    let mut seen = vec![];
    for group in request.resource_spans {
        let resource = attributes(group.resource.unwrap().attributes);
        let told = |name: &str| resource[name].as_str().unwrap().to_owned();
        for span in group.scope_spans.into_iter().flat_map(|scope| scope.spans) {
            let kind = SpanKind::try_from(span.kind).unwrap().as_str_name().trim_start_matches("SPAN_KIND_").to_owned();
            seen.push(Seen {
                trace_id: hex(&span.trace_id),
                span_id: hex(&span.span_id),
                parent_id: hex(&span.parent_span_id),
                name: span.name,
                kind,
                began: span.start_time_unix_nano,
                ended: span.end_time_unix_nano,
                attributes: attributes(span.attributes),
                links: span.links.iter().map(|link| (hex(&link.trace_id), hex(&link.span_id))).collect(),
                service: told("service.name"),
                process: told("service.instance.id"),
            });
        }
    }
    seen
}

fn attributes(given: Vec<KeyValue>) -> BTreeMap<String, Value> {
    given.into_iter().map(|KeyValue { key, value, .. }| (key, value.map_or(Value::Null, json))).collect()
}

fn json(value: AnyValue) -> Value {
    match value.value {
        Some(Any::StringValue(text)) => text.into(),
        Some(Any::IntValue(number)) => number.into(),
        Some(Any::DoubleValue(number)) => number.into(),
        Some(Any::BoolValue(yes)) => yes.into(),
        other => panic!("{other:?}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
