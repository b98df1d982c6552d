//! Who speaks to whom: comments of the audience, mentions and replies of other accounts.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::client::{Bench, Client, post, post_with};

fn answer(account: &str, to: &Value, text: &str, key: &str) -> Value {
    json!({"account": account, "post_id": to, "text": text, "ai_generated": false, "idempotency_key": key})
}

/// Publishes posts until the audience has said enough below them, a month later.
async fn talked_about(bench: &Bench) -> (Client, Value) {
    let client = bench.client().await;
    for n in 0..12 {
        client.call("publish_post", post(&format!("k{n}"))).await;
    }
    bench.clock.advance(TimeDelta::days(30));
    let mentions = client.read("sandbox://mentions/fae").await;
    (client, mentions)
}

#[tokio::test]
async fn the_audience_says_the_same_for_a_seed_newest_first_and_never_from_the_future() {
    let (one, two) = (Bench::new(), Bench::new());
    let ((client, mentions), (_, again)) = (talked_about(&one).await, talked_about(&two).await);
    assert_eq!(mentions, again);
    let said = mentions["mentions"].as_array().unwrap();
    assert!((20..=100).contains(&said.len()), "{} comments", said.len());
    let times = said.iter().map(|mention| mention["at"].as_str().unwrap().parse().unwrap()).collect::<Vec<_>>();
    assert!(times.is_sorted_by(|a: &chrono::DateTime<chrono::Utc>, b| a >= b));
    assert!(times[0] <= mentions["as_of"].as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>().unwrap());
    // Every listed comment can be answered, so the list and the numbers agree.
    for mention in said.iter().take(5) {
        let key = format!("to-{}", mention["id"].as_str().unwrap());
        client.call("reply", answer("fae", &mention["id"], "Glad you like it.", &key)).await;
    }
    // Old comments stay what they were when new ones come.
    one.clock.advance(TimeDelta::hours(1));
    let later = client.read("sandbox://mentions/fae").await;
    let later = later["mentions"].as_array().unwrap();
    let oldest = later.last().unwrap()["at"].as_str().unwrap();
    let still_shown = said.iter().filter(|mention| mention["at"].as_str().unwrap() > oldest).collect::<Vec<_>>();
    assert!(!still_shown.is_empty(), "{} new ones", later.len());
    assert!(still_shown.iter().all(|mention| later.contains(mention)));
}

#[tokio::test]
async fn the_number_of_comments_is_the_number_of_comments() {
    let bench = Bench::new();
    let client = bench.client().await;
    for key in ["a", "b", "c", "d"] {
        client.call("publish_post", post_with(key, json!({"account": key}))).await;
    }
    bench.clock.advance(TimeDelta::days(9));
    let ids = ["sbx-1", "sbx-2", "sbx-3", "sbx-4"];
    let numbers = client.call("get_engagement", json!({"post_ids": ids})).await;
    for (account, reading) in ["a", "b", "c", "d"].into_iter().zip(numbers["engagement"].as_array().unwrap()) {
        let listed = client.read(&format!("sandbox://mentions/{account}")).await;
        let listed = listed["mentions"].as_array().unwrap().len() as u64;
        assert_eq!(listed, reading["comments"].as_u64().unwrap().min(100), "{account}");
    }
}

#[tokio::test]
async fn replies_and_mentions_of_other_accounts_arrive() {
    let bench = Bench::new();
    let client = bench.client().await;
    let published = client.call("publish_post", post("k1")).await["post_id"].clone();
    let replied = client.call("reply", answer("bo", &published, "Where from, @cleo?", "r1")).await;
    let named = post_with("k2", json!({"account": "dee", "text": "Go and see @fae, @fae. And me, @dee!"}));
    let named = client.call("publish_post", named).await;
    let kinds = async |account: &str| {
        let read = client.read(&format!("sandbox://mentions/{account}")).await;
        let mut kinds = read["mentions"].as_array().unwrap().clone();
        kinds.sort_by_key(|mention| mention["id"].to_string());
        kinds.iter().map(|m| (m["id"].clone(), m["kind"].clone(), m["post_id"].clone())).collect::<Vec<_>>()
    };
    let expected = vec![
        (replied["post_id"].clone(), json!("reply"), published.clone()),
        (named["post_id"].clone(), json!("mention"), Value::Null),
    ];
    assert_eq!(kinds("fae").await, expected);
    assert_eq!(kinds("%40fae").await, expected, "with or without the sign");
    assert_eq!(kinds("cleo").await, [(replied["post_id"].clone(), json!("mention"), Value::Null)]);
    assert_eq!(kinds("dee").await, [], "nobody is told of their own words");
    assert_eq!(kinds("bo").await, []);

    let found = client.call("find_post", json!({"post_id": replied["post_id"]})).await;
    assert_eq!(found["post"]["in_reply_to"], published);
    assert_eq!(found["post"]["channel"], "threads");
    client.call("delete_post", json!({"post_id": replied["post_id"]})).await;
    assert_eq!(kinds("cleo").await, []);
}

#[tokio::test]
async fn one_answer_below_two_posts_is_no_double() {
    let bench = Bench::new();
    let server = bench.open().await;
    let client = Client::connect(&server).await;
    for key in ["k1", "k2"] {
        let published = client.call("publish_post", post(key)).await["post_id"].clone();
        client.call("reply", answer("bo", &published, "Thanks!", &format!("r-{key}"))).await;
    }
    assert_eq!(server.state().duplicates().await.unwrap(), []);
}

#[tokio::test]
async fn resources_are_listed_and_unknown_ones_refused() {
    let bench = Bench::new();
    let client = bench.client().await;
    client.call("publish_post", post("k1")).await;
    let listed = client.running.list_all_resources().await.unwrap();
    let uris = listed.iter().map(|resource| resource.uri.as_str()).collect::<Vec<_>>();
    assert_eq!(uris, ["sandbox://posts", "sandbox://mentions/fae"]);
    let templates = client.running.list_all_resource_templates().await.unwrap();
    assert!(templates.iter().any(|template| template.uri_template == "sandbox://mentions/{account}"));
    for uri in ["sandbox://nothing", "sandbox://posts/sbx-9", "sandbox://media/00", "sandbox://mentions/", "http://x"] {
        let params = rmcp::model::ReadResourceRequestParams::new(uri);
        let error = client.running.read_resource(params).await.unwrap_err();
        assert!(matches!(error, rmcp::ServiceError::McpError(_)), "{uri}: {error}");
    }
}
