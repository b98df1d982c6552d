//! The demo: from nothing to posts, and the same each time for one seed.

use chimera_domain::sha256_parts;
use chimera_testkit::Backends;
use serde_json::{Value, json};

use crate::chimera::Chimera;

/// Runs the demo and gives all that it came to, without times and ids.
fn outcome(chimera: &Chimera, seed: &str) -> (Value, Value) {
    let summary = chimera.json(&["demo", "--once", "--json", "--seed", seed]);
    let unsigned = |path: &Value| unsigned(&std::fs::read(path.as_str().unwrap()).unwrap());
    let mut artifacts: Vec<String> = summary["artifacts"].as_array().unwrap().iter().map(unsigned).collect();
    artifacts.sort();
    let mut signals: Vec<Value> = chimera
        .json(&["planner", "view-signals", "--limit", "500", "--json"])
        .as_array()
        .unwrap()
        .iter()
        .map(|s| json!([s["item"]["id"], s["relevance"], s["why"], s["outcome"], s["taint"]]))
        .collect();
    signals.sort_by_key(Value::to_string);
    let posts = crate::wire::Wire::start(chimera, &["mcp", "sandbox"]).resource("sandbox://posts");
    let mut posts: Vec<Value> = posts["posts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| json!([p["channel"], p["text"], p["hashtags"], p["ai_label"]]))
        .collect();
    posts.sort_by_key(Value::to_string);
    let mut queue: Vec<Value> = chimera
        .json(&["judge", "view-queue", "--json"])
        .as_array()
        .unwrap()
        .iter()
        .map(|t| json!([t["confidence"], t["sensitive_topics"], t["reasoning_trace"]]))
        .collect();
    queue.sort_by_key(Value::to_string);
    (summary.clone(), json!([summary["signals"], summary["posts"], artifacts, signals, posts, queue]))
}

/// The hash of a picture or video without its content credentials, which name the trace and are new with each signature: a JPEG's
/// APP11 segments, a PNG's `caBX` chunk. A video's frames move to make room for them, so of it the frames alone count.
fn unsigned(bytes: &[u8]) -> String {
    let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    let mut kept: Vec<&[u8]> = Vec::new();
    if bytes.starts_with(b"\x89PNG") {
        let mut at = 8;
        while at < bytes.len() {
            let end = at + 12 + number(at);
            if &bytes[at + 4..at + 8] != b"caBX" {
                kept.push(&bytes[at..end]);
            }
            at = end;
        }
    } else if bytes.starts_with(b"\xff\xd8") {
        let mut at = 2;
        while bytes[at + 1] != 0xda {
            let end = at + 2 + usize::from(u16::from_be_bytes([bytes[at + 2], bytes[at + 3]]));
            if bytes[at + 1] != 0xeb {
                kept.push(&bytes[at..end]);
            }
            at = end;
        }
        kept.push(&bytes[at..]);
    } else {
        let mut at = 0;
        while at < bytes.len() {
            let end = at + number(at);
            if &bytes[at + 4..at + 8] == b"mdat" {
                kept.push(&bytes[at..end]);
            }
            at = end;
        }
    }
    assert!(!kept.is_empty());
    sha256_parts(&kept)
}

pub(crate) fn it_ends_with_posts_published_awaiting_review_and_rejected(first: &Chimera) {
    let second = first.another();
    let (summary, came_to) = outcome(first, "7");
    assert_eq!(summary["signals"]["read"], 40);
    assert_eq!(summary["signals"]["duplicate"], 3);
    for outcome in ["published", "awaiting_review", "rejected"] {
        assert!(summary["posts"][outcome].as_u64().unwrap() >= 1, "no post {outcome}: {summary:#}");
    }
    assert_eq!(summary["posts"]["in_progress"], 0);
    assert_eq!(summary["posts"]["failed"], 0);
    // Some 24 here, where tasks come one by one; the ceilings are in the store's tests, for idle looks count too.
    assert!(summary["statements_per_task"].as_f64().unwrap() > 1.0, "{summary:#}");
    assert!(summary["wall_ms"].as_u64().is_some() && summary["spend_usd"] == "0");
    for artifact in summary["artifacts"].as_array().unwrap() {
        let bytes = std::fs::read(artifact.as_str().unwrap()).unwrap();
        let known = bytes.starts_with(b"\x89PNG\r\n\x1a\n")
            || bytes.starts_with(b"\xff\xd8\xff")
            || bytes.get(4..8) == Some(b"ftyp".as_slice());
        assert!(known, "{artifact} is neither a PNG nor a JPEG nor an MP4");
        assert!(bytes.windows(4).any(|part| part == b"c2pa"), "{artifact} has no content credentials");
    }
    assert!(!summary["artifacts"].as_array().unwrap().is_empty());
    assert_eq!(came_to, outcome(&second, "7").1, "one seed, one outcome");
    traced_to_the_end(first, summary["trace_id"].as_str().unwrap());
    judged_rightly(first);
}

#[test]
fn postgresql_and_redis_come_to_the_same() {
    let (embedded, production) = (Chimera::over(Backends::embedded()), Chimera::over(Backends::production()));
    let (embedded, production) = (outcome(&embedded, "11").1, outcome(&production, "11").1);
    assert_eq!(embedded, production, "one seed, one outcome, whatever the backends");
}

/// The hostile item never goes out, the banned one is rejected, and what a person must decide waits for one.
fn judged_rightly(chimera: &Chimera) {
    let signals = chimera.json(&["planner", "view-signals", "--limit", "500", "--json"]);
    let hostile =
        signals.as_array().unwrap().iter().find(|s| s["item"]["title"].as_str().unwrap().starts_with("SYSTEM:"));
    assert!(!hostile.unwrap()["taint"].as_array().unwrap().is_empty(), "the injection is marked");
    let tickets = chimera.json(&["judge", "view-queue", "--json"]);
    assert!(!tickets.as_array().unwrap().is_empty());
    let ticket = tickets[0]["id"].as_str().unwrap();
    assert!(chimera.run(&["judge", "reject-ticket", ticket, "--by", "ada", "--note", "not today"]).ok);
    let late = chimera.run(&["judge", "approve-ticket", ticket, "--by", "bob"]);
    assert!(!late.ok && late.stderr.contains("ada"), "the second reviewer is told who was first: {}", late.stderr);
}

fn traced_to_the_end(chimera: &Chimera, id: &str) {
    let trace = chimera.json(&["trace", id, "--json"]);
    for part in ["tasks", "artifacts", "decisions", "publications", "tool_calls"] {
        assert!(!trace[part].as_array().unwrap().is_empty(), "no {part} in {trace:#}");
    }
    assert!(trace["signal"]["item"]["title"].is_string());
    let published = trace["publications"][0]["state"] == "CONFIRMED";
    assert!(published, "{trace:#}");
    let tools: Vec<_> = trace["tool_calls"].as_array().unwrap().iter().map(|c| c["tool"].as_str().unwrap()).collect();
    for tool in ["generate_text", "generate_image", "generate_video", "publish_post"] {
        assert!(tools.contains(&tool), "{tool} is not among {tools:?}");
    }
    let text = chimera.run(&["trace", id]);
    assert!(text.ok && text.stdout.contains("publication CONFIRMED"), "{}", text.stdout);
}
