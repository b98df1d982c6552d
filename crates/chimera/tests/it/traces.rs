//! One post's trace, from the feed to the platform, across processes and MCP servers, as a collector gets it.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use chimera_testkit::{TestPostgres, TestRedis};
use serde_json::{Value, json};

use crate::{
    chimera::Chimera,
    collector::{Collector, Seen},
    process::{JUDGE, PLANNER, PUBLISHER, Process, WORKER},
};

/// What a published post with a picture and a video goes through.
const HOPS: [&str; 9] =
    ["read", "score", "plan", "generate_text", "generate_image", "generate_video", "assemble_post", "judge", "publish"];

/// A fleet of four processes and a studio in a fifth, which tell a collector.
fn fleet(collector: &Collector) -> Chimera {
    let database = TestPostgres::shared().database().unwrap().url;
    let chimera = Chimera::new().on(&database, &TestRedis::shared().url());
    let (prefix, folder) = (TestRedis::shared().prefix(), chimera.folder().display().to_string());
    let config = json!({
        "log": {"filter": "info,chimera_mcp=debug"},
        "planner": {"poll_interval_ms": 500},
        "queue": {"prefix": prefix},
        "telemetry": {"otlp_endpoint": collector.address()},
        "mcp": {"servers": {"studio": {"transport": {"stdio": {
            "command": env!("CARGO_BIN_EXE_chimera"), "args": ["mcp", "studio"], "cwd": folder,
        }}}}},
    });
    // JSON is YAML.
    chimera.file("configs/chimera.yaml", &config.to_string());
    let seeded = chimera.run(&["seed", "trends", "--scenario", "fashion_drop"]);
    assert!(seeded.ok, "{}", seeded.stderr);
    chimera
}

#[test]
fn a_posts_trace_has_every_hop_across_processes_and_servers() {
    let collector = Collector::start();
    let chimera = fleet(&collector);
    let processes = [PLANNER, WORKER, JUDGE, PUBLISHER].map(|command| Process::start(&chimera, &command));
    let published = || chimera.json(&["status", "--json"])["tasks"]["PUBLISHED"].as_u64().unwrap_or(0);
    processes[3].wait("publishing", || published() >= 1);
    log_lines_say_whose_they_are(&processes);
    // What a process still holds it sends when it ends, and so do its servers.
    processes.into_iter().for_each(Process::stop);
    let spans = collector.spans();
    let traces = by_trace(&spans);
    let whole: Vec<_> = traces.values().filter(|trace| has_every_hop(trace)).collect();
    let trace = whole.first().unwrap_or_else(|| panic!("no trace has every hop: {:#?}", names(&traces)));

    everything_hangs_together(trace);
    processes_and_servers_take_part(trace);
    names_and_attributes_follow_the_conventions(trace);
    the_reading_is_linked(trace, &traces);
    the_database_knows_the_trace(&chimera, trace);
    if std::env::var_os("UPDATE_TRACE_EXAMPLE").is_some() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/trace-example.json");
        std::fs::write(file, example(trace)).unwrap();
    }
}

#[test]
fn a_collector_that_is_not_there_holds_nothing_up() {
    let collector = Collector::start();
    let address = collector.address();
    drop(collector);
    let chimera = Chimera::new();
    chimera.file("chimera.yaml", &format!("telemetry: {{otlp_endpoint: '{address}'}}\n"));
    let ended = chimera.run(&["--config", "chimera.yaml", "demo", "--once", "--json"]);
    assert!(ended.ok, "{}", ended.stderr);
    let odd = chimera.file("odd.yaml", "telemetry: {otlp_endpoint: 'collector.test'}\n");
    let refused = chimera.run(&["--config", odd.to_str().unwrap(), "config", "check"]);
    assert!(!refused.ok && refused.stderr.contains("telemetry.otlp_endpoint"), "{}", refused.stderr);
}

type Trace = Vec<Arc<Seen>>;

fn by_trace(spans: &[Arc<Seen>]) -> HashMap<String, Trace> {
    let mut traces: HashMap<String, Trace> = HashMap::new();
    for span in spans {
        traces.entry(span.trace_id.clone()).or_default().push(span.clone());
    }
    traces
}

fn has_every_hop(trace: &Trace) -> bool {
    let posts = trace.iter().any(|span| span.name == "judge" && span.text("chimera.task.type") == "assemble_post");
    let out = trace.iter().any(|span| span.name == "publish" && span.text("chimera.outcome") == "published");
    posts && out && HOPS.iter().all(|hop| trace.iter().any(|span| span.name == *hop))
}

fn names(traces: &HashMap<String, Trace>) -> Vec<BTreeSet<&str>> {
    traces.values().map(|trace| trace.iter().map(|span| span.name.as_str()).collect()).collect()
}

/// One root, and every other span hangs under one of the same trace.
fn everything_hangs_together(trace: &Trace) {
    let ids: BTreeSet<&str> = trace.iter().map(|span| span.span_id.as_str()).collect();
    assert_eq!(ids.len(), trace.len(), "span ids are single");
    let roots: Vec<_> = trace.iter().filter(|span| span.parent_id.is_empty()).collect();
    assert_eq!(roots.iter().map(|span| span.name.as_str()).collect::<Vec<_>>(), ["post"]);
    for span in trace.iter().filter(|span| !span.parent_id.is_empty()) {
        assert!(ids.contains(span.parent_id.as_str()), "{} hangs nowhere", span.name);
        assert!(span.began <= span.ended, "{}", span.name);
    }
}

fn processes_and_servers_take_part(trace: &Trace) {
    let services: BTreeSet<&str> = trace.iter().map(|span| span.service.as_str()).collect();
    let wanted = ["chimera-judge", "chimera-mcp-studio", "chimera-planner", "chimera-publisher", "chimera-worker"];
    assert_eq!(services, BTreeSet::from(wanted));
    let processes: BTreeSet<&str> = trace.iter().map(|span| span.process.as_str()).collect();
    assert!(processes.len() >= wanted.len(), "{processes:?}");
    // The call, in the worker; its serving, in the studio's own process; there, the mind's work.
    let call = one(trace, "tools/call generate_text", "chimera-worker");
    let served = one(trace, "tools/call generate_text", "chimera-mcp-studio");
    assert_eq!((call.kind.as_str(), served.kind.as_str()), ("CLIENT", "SERVER"));
    assert_eq!(served.parent_id, call.span_id);
    assert_eq!(call.parent_id, one(trace, "generate_text", "chimera-worker").span_id);
    let thought =
        trace.iter().find(|span| span.parent_id == served.span_id).unwrap_or_else(|| panic!("the mind did not write"));
    assert!(thought.name.starts_with("chat "), "{thought:?}");
    let sent = trace.iter().filter(|span| span.name == "tools/call publish_post").count();
    assert_eq!(sent, 2 * trace.iter().filter(|span| span.name == "publish").count(), "each call and its serving");
}

fn one<'a>(trace: &'a Trace, name: &str, service: &str) -> &'a Seen {
    trace.iter().find(|span| span.name == name && span.service == service).unwrap_or_else(|| panic!("no {name}"))
}

fn names_and_attributes_follow_the_conventions(trace: &Trace) {
    let call = one(trace, "tools/call generate_image", "chimera-worker");
    for (name, wanted) in [
        ("mcp.method.name", "tools/call"),
        ("gen_ai.operation.name", "execute_tool"),
        ("gen_ai.tool.name", "generate_image"),
        ("network.transport", "pipe"),
        ("chimera.mcp.server", "studio"),
    ] {
        assert_eq!(call.text(name), wanted, "{name} {call:?}");
    }
    assert!(!call.text("mcp.protocol.version").is_empty() && !call.text("chimera.task.id").is_empty(), "{call:?}");
    let judged = trace.iter().find(|span| span.name.starts_with("chat ") && span.service == "chimera-judge").unwrap();
    assert_eq!(
        (judged.text("gen_ai.operation.name"), judged.text("chimera.question")),
        ("chat".into(), "opine".into())
    );
    for name in ["gen_ai.provider.name", "gen_ai.request.model", "gen_ai.response.model"] {
        assert!(!judged.text(name).is_empty(), "{name} {judged:?}");
    }
    for name in ["gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"] {
        assert!(judged.attributes[name].is_u64() || judged.attributes[name].is_i64(), "{name} {judged:?}");
    }
    let post = trace.iter().find(|s| s.name == "judge" && s.text("chimera.task.type") == "assemble_post").unwrap();
    assert!(post.attributes["chimera.confidence"].is_f64() && !post.text("chimera.verdict").is_empty(), "{post:?}");
    assert!(trace.iter().filter(|s| s.name == "publish").all(|s| !s.text("gen_ai.agent.id").is_empty()));
}

/// A reading serves many posts; each post's trace says where it was done.
fn the_reading_is_linked(trace: &Trace, traces: &HashMap<String, Trace>) {
    for hop in ["read", "score"] {
        let part = one(trace, hop, "chimera-planner");
        assert!(!part.links.is_empty(), "{part:?}");
        for (linked, span) in &part.links {
            let whole = &traces[linked];
            assert!(whole.iter().any(|s| s.span_id == *span && s.name == hop), "{hop}: {whole:?}");
        }
    }
    let (linked, _) = &one(trace, "read", "chimera-planner").links[0];
    let reading = &traces[linked];
    assert!(reading.iter().filter(|span| span.name == "resources/read").count() >= 2, "call and serving: {reading:?}");
}

/// The fields by which lines of many processes are brought together, under the same names everywhere.
fn log_lines_say_whose_they_are(processes: &[Process; 4]) {
    let [_, worker, judge, publisher] = processes;
    for (process, message, fields) in [
        (worker, "MCP call", &["trace_id", "task_id", "mcp_server", "tool", "status"][..]),
        (judge, "judged", &["trace_id", "task_id", "agent_id", "confidence", "verdict"]),
        (publisher, "published", &["trace_id", "task_id", "agent_id", "channel"]),
    ] {
        let lines = process.lines();
        let lines: Vec<_> = lines.iter().filter(|line| line["message"] == message).collect();
        assert!(!lines.is_empty(), "{message}\n{}", process.log_text());
        for line in lines {
            assert!(fields.iter().all(|field| !line[*field].is_null()), "{line}");
            assert!(message != "judged" || line["confidence"].is_f64(), "{line}");
        }
    }
}

/// `chimera trace` finds the post by the same id.
fn the_database_knows_the_trace(chimera: &Chimera, trace: &Trace) {
    let shown = chimera.json(&["trace", &trace[0].trace_id, "--json"]);
    let tasks: BTreeSet<String> = trace.iter().map(|s| s.text("chimera.task.id")).filter(|id| !id.is_empty()).collect();
    let stored = shown["tasks"].as_array().unwrap();
    let stored: BTreeSet<String> = stored.iter().map(|task| task["id"].as_str().unwrap().to_owned()).collect();
    // Another channel's post of the same signal may have been under way when the fleet ended.
    assert!(tasks.len() >= 4 && tasks.is_subset(&stored), "{tasks:?} {stored:?}");
}

/// The trace for people: span by span, in the order in which they began, with times from the first one on.
fn example(trace: &Trace) -> String {
    let mut spans = trace.clone();
    spans.sort_by_key(|span| (span.began, span.ended));
    let first = spans[0].began;
    let ms = |ns: u64| (ns / 10_000) as f64 / 100.0;
    let rows: Vec<Value> = spans
        .iter()
        .map(|span| {
            let attributes: BTreeMap<_, _> = span.attributes.iter().collect();
            json!({
                "name": span.name, "service": span.service, "kind": span.kind, "span_id": span.span_id,
                "parent_id": span.parent_id, "began_ms": ms(span.began - first), "took_ms": ms(span.ended - span.began),
                "attributes": attributes, "links": span.links,
            })
        })
        .collect();
    let text = serde_json::to_string_pretty(&json!({"trace_id": spans[0].trace_id, "spans": rows})).unwrap();
    text + "\n"
}
