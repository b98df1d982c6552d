//! Every tool does what it says, in the shape it declared.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use chimera_domain::sha256_hex;
use chrono::TimeDelta;
use rmcp::model::{ReadResourceRequestParams, ResourceContents};
use serde_json::{Value, json};

use super::client::{Bench, Client, post, post_with};

#[tokio::test]
async fn a_post_is_published_found_listed_and_deleted() {
    let bench = Bench::new();
    let client = bench.client().await;
    let published = client.call("publish_post", post("k1")).await;
    assert_eq!(published["duplicate_of_key"], false);
    assert_eq!(published["created_at"], "2026-11-22T09:00:00Z");

    let found = client.call("find_post", json!({"idempotency_key": "k1"})).await;
    assert_eq!((&found["found"], &found["matches"]), (&json!(true), &json!(1)));
    let shown = &found["post"];
    for (name, value) in post("k1").as_object().unwrap() {
        assert_eq!(&shown[name], value, "{name}");
    }
    assert_eq!(shown["post_id"], published["post_id"]);
    let by_id = client.call("find_post", json!({"post_id": published["post_id"]})).await;
    assert_eq!(by_id["post"], *shown);
    assert_eq!(client.read(published["url"].as_str().unwrap()).await, *shown);
    assert_eq!(client.read("sandbox://posts").await["posts"], json!([shown]));
    assert_eq!(client.call("find_post", json!({"idempotency_key": "other"})).await["found"], false);
    assert_eq!(client.call("find_post", json!({"idempotency_key": "k1", "account": "bo"})).await["found"], false);

    bench.clock.advance(TimeDelta::minutes(1));
    let deleted = client.call("delete_post", json!({"post_id": published["post_id"]})).await;
    assert_eq!(deleted["deleted_at"], "2026-11-22T09:01:00Z");
    bench.clock.advance(TimeDelta::minutes(1));
    assert_eq!(client.call("delete_post", json!({"post_id": published["post_id"]})).await, deleted);
    let gone = client.call("find_post", json!({"idempotency_key": "k1"})).await;
    assert_eq!(gone, json!({"found": false, "matches": 0, "deleted_at": "2026-11-22T09:01:00Z"}));
    assert_eq!(client.call("list_posts", json!({})).await["posts"], json!([]));
}

#[tokio::test]
async fn pages_join_without_gap_or_overlap() {
    let bench = Bench::new();
    let client = bench.client().await;
    let mut made = Vec::new();
    for n in 0..7 {
        let account = if n % 3 == 2 { "bo" } else { "fae" };
        let published = client.call("publish_post", post_with(&format!("k{n}"), json!({"account": account}))).await;
        if account == "fae" {
            made.push(published["post_id"].clone());
        }
    }
    made.reverse();
    let mut seen = Vec::new();
    let mut cursor = Value::Null;
    loop {
        let page = client.call("list_posts", json!({"account": "fae", "limit": 2, "cursor": cursor})).await;
        seen.extend(page["posts"].as_array().unwrap().iter().map(|post| post["post_id"].clone()));
        cursor = page["next_cursor"].clone();
        if cursor.is_null() {
            break;
        }
    }
    assert_eq!(seen, made);
    assert_eq!(client.call("list_posts", json!({"limit": 7})).await["posts"].as_array().unwrap().len(), 7);
    assert_eq!(client.call("list_posts", json!({"limit": 7})).await["next_cursor"], Value::Null);
}

#[tokio::test]
async fn pictures_are_kept_and_can_be_looked_at() {
    let bench = Bench::new();
    let client = bench.client().await;
    let bytes = b"\x89PNG\r\n\x1a\nnot much of a picture".as_slice();
    let sha256 = sha256_hex(bytes);
    let media = json!([{
        "sha256": sha256, "mime": "image/png", "alt_text": "A linen shirt on a line",
        "bytes_base64": BASE64_STANDARD.encode(bytes), "width": 1080, "height": 1350
    }]);
    let published = client.call("publish_post", post_with("k1", json!({"media": media}))).await;
    client.call("publish_post", post_with("k2", json!({"media": media}))).await;
    let found = client.call("find_post", json!({"post_id": published["post_id"]})).await;
    let uri = found["post"]["media"][0]["uri"].as_str().unwrap();
    let read = client.running.read_resource(ReadResourceRequestParams::new(uri)).await.unwrap();
    let ResourceContents::BlobResourceContents { blob, mime_type, .. } = &read.contents[0] else { panic!("no blob") };
    assert_eq!(BASE64_STANDARD.decode(blob).unwrap(), bytes);
    assert_eq!(mime_type.as_deref(), Some("image/png"));
    let noted = json!([{"sha256": sha256, "mime": "image/png", "alt_text": "x", "uri": "file:///blobs/x.png"}]);
    client.call("publish_post", post_with("k3", json!({"media": noted}))).await;
    let found = client.call("find_post", json!({"idempotency_key": "k3"})).await;
    assert_eq!(found["post"]["media"], noted);
}

#[tokio::test]
async fn engagement_is_read_in_one_go_grows_and_repeats_for_a_seed() {
    let (one, two) = (Bench::new(), Bench::new());
    let (first, second) = (history(&one).await, history(&two).await);
    assert_eq!(first, second);
    let views = |reading: &Value| reading["engagement"][0]["views"].as_u64().unwrap();
    assert_eq!(views(&first[0]), 0);
    assert!(first.windows(2).all(|pair| views(&pair[0]) <= views(&pair[1])));
    assert!(views(&first[3]) > 0);
    assert_eq!(first[0]["missing"], json!(["sbx-99"]));

    let mut other = Bench::new();
    other.config.seed = 8;
    assert_ne!(history(&other).await, first);
}

async fn history(bench: &Bench) -> Vec<Value> {
    let client = bench.client().await;
    let a = client.call("publish_post", post("a")).await["post_id"].clone();
    let b = client.call("publish_post", post("b")).await["post_id"].clone();
    let mut readings = Vec::new();
    for hours in [0, 1, 23, 300] {
        bench.clock.advance(TimeDelta::hours(hours));
        let reading = client.call("get_engagement", json!({"post_ids": [b, "sbx-99", a]})).await;
        assert_eq!(reading["engagement"][0]["post_id"], b);
        assert_eq!(reading["engagement"][1]["post_id"], a);
        readings.push(reading);
    }
    readings
}

#[tokio::test]
async fn simulated_time_can_run_faster() {
    let mut fast = Bench::new();
    fast.config.time_scale = 3_600.0;
    let slow = Bench::new();
    let (quick, steady) = (fast.client().await, slow.client().await);
    let numbers = async |bench: &Bench, client: &Client, wait| {
        client.call("publish_post", post("k")).await;
        bench.clock.advance(wait);
        client.call("get_engagement", json!({"post_ids": ["sbx-1"]})).await["engagement"][0]["likes"].clone()
    };
    let likes = numbers(&fast, &quick, TimeDelta::seconds(24)).await;
    assert_eq!(likes, numbers(&slow, &steady, TimeDelta::hours(24)).await);
    assert!(likes.as_u64().unwrap() > 0);
}

#[tokio::test]
async fn answers_fit_the_schemas_that_are_declared() {
    let bench = Bench::new();
    let client = bench.client().await;
    let tools = client.running.list_all_tools().await.unwrap();
    let names = tools.iter().map(|tool| tool.name.as_ref()).collect::<Vec<_>>();
    let expected = ["publish_post", "reply", "find_post", "list_posts", "delete_post", "get_engagement"];
    assert_eq!(names, expected);
    let calls = [
        ("publish_post", post("k"), json!({"account": "fae"})),
        ("reply", reply("sbx-1", "r"), reply("sbx-404", "r2")),
        ("find_post", json!({"post_id": "sbx-1"}), json!({})),
        ("list_posts", json!({}), json!({"limit": 0})),
        ("get_engagement", json!({"post_ids": ["sbx-1"]}), json!({"post_ids": []})),
        ("delete_post", json!({"post_id": "sbx-1"}), json!({"post_id": "sbx-404"})),
    ];
    for (name, good, bad) in calls {
        let tool = tools.iter().find(|tool| tool.name == name).unwrap();
        let input = jsonschema::validator_for(&Value::Object((*tool.input_schema).clone())).unwrap();
        let output_schema = Value::Object((**tool.output_schema.as_ref().unwrap()).clone());
        assert_eq!(output_schema["type"], "object");
        let output = jsonschema::validator_for(&output_schema).unwrap();
        input.validate(&good).unwrap();
        let (answer, refusal) = (client.call(name, good).await, client.try_call(name, bad).await.unwrap());
        output.validate(&answer).unwrap_or_else(|error| panic!("{name}: {answer}: {error}"));
        assert!(refusal.1, "{name}: {}", refusal.0);
        output.validate(&refusal.0).unwrap_or_else(|error| panic!("{name}: {}: {error}", refusal.0));
        assert!(output.validate(&json!({"nonsense": 1})).is_err(), "{name}");
        let hints = tool.annotations.as_ref().unwrap();
        let reads = ["find_post", "list_posts", "get_engagement"].contains(&name);
        assert_eq!(hints.read_only_hint, Some(reads), "{name}");
        assert_eq!(hints.destructive_hint, Some(name == "delete_post"), "{name}");
        assert_eq!(hints.idempotent_hint, Some(true), "{name}");
    }
}

fn reply(post_id: &str, key: &str) -> Value {
    json!({
        "account": "fae", "post_id": post_id, "text": "Thank you!", "ai_generated": true, "ai_label": "AI",
        "idempotency_key": key
    })
}
