//! Another platform than ours, of which nothing is known but what the operator says.

use std::collections::BTreeSet;

use crate::{
    chimera::Chimera,
    kill::{settled, start, stop},
    wire::Wire,
};

/// A platform in a process of its own that takes every post, and hangs up before it says so. It would take a post twice.
/// Its publisher makes one call at a time, for whoever hangs up cuts off every call on the line.
const CUTS: &str = "sandbox:
  honours_idempotency_key: false
  faults: {tools: {publish_post: {cut_after: 1.0}}}
";

fn config(platform: &Chimera) -> String {
    format!(
        "sweeper: {{interval_ms: 200, waiting_ms: 400}}
publisher: {{platform: {{}}, concurrency: 1, rest_base_ms: 10}}
mcp:
  servers:
    elsewhere:
      transport:
        stdio:
          command: {}
          args: [--config, {}, --data-dir, {}, mcp, sandbox]
  roles:
    publish_post:
      server: elsewhere
      tool: publish_post
      arguments:
        account: '{{{{account}}}}'
        channel: '{{{{channel}}}}'
        text: '{{{{text}}}}'
        hashtags: '{{{{hashtags}}}}'
        media: '{{{{media}}}}'
        ai_generated: '{{{{ai_generated}}}}'
        ai_label: '{{{{ai_label}}}}'
        idempotency_key: '{{{{idempotency_key}}}}'
",
        env!("CARGO_BIN_EXE_chimera"),
        platform.folder().join("configs/chimera.yaml").display(),
        platform.data().display(),
    )
}

#[test]
fn a_person_is_asked_about_each_call_to_an_unknown_platform_that_was_cut_off() {
    let (platform, chimera) = (Chimera::new(), Chimera::new());
    platform.file("configs/chimera.yaml", CUTS);
    chimera.file("configs/chimera.yaml", &config(&platform));
    assert!(chimera.run(&["seed", "trends", "--scenario", "fashion_drop"]).ok);
    let mut up = start(&chimera);
    let tasks = settled(&chimera, &mut up)["tasks"].clone();
    assert_eq!(tasks["PUBLISHED"], serde_json::Value::Null, "{tasks:#}");
    let tickets = chimera.json(&["judge", "view-queue", "--json"]);
    let unclear: Vec<&str> = tickets
        .as_array()
        .unwrap()
        .iter()
        .filter(|ticket| ticket["question"] == "is_it_out")
        .map(|ticket| ticket["id"].as_str().unwrap())
        .collect();
    assert!(unclear.len() > 1, "{tickets:#}");
    let posts = Wire::start(&platform, &["mcp", "sandbox"]).resource("sandbox://posts");
    let texts: Vec<&str> = posts["posts"].as_array().unwrap().iter().map(|p| p["text"].as_str().unwrap()).collect();
    assert_eq!(texts.len(), unclear.len(), "each was called for once");
    assert_eq!(texts.iter().collect::<BTreeSet<_>>().len(), texts.len(), "nothing went out twice");
    for ticket in &unclear {
        let told = chimera.run(&["judge", "approve-ticket", ticket, "--by", "ada", "--is-out"]);
        assert!(told.ok, "{}", told.stderr);
    }
    let tasks = settled(&chimera, &mut up)["tasks"].clone();
    stop(&mut up);
    assert_eq!(tasks["PUBLISHED"], unclear.len(), "{tasks:#}");
}
