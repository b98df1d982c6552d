//! Keys, crowds and restarts: nothing is doubled, nothing is lost.

use std::collections::BTreeSet;

use chimera_servers::sandbox::{SandboxConfig, SandboxError, SandboxServer, SandboxState};
use futures::future::join_all;
use serde_json::json;

use super::client::{Bench, Client, post, post_with};

#[tokio::test]
async fn a_key_is_one_post_and_other_content_is_refused() {
    let bench = Bench::new();
    let server = bench.open().await;
    let client = Client::connect(&server).await;
    let first = client.call("publish_post", post("k")).await;
    let again = client.call("publish_post", post("k")).await;
    assert_eq!(again["duplicate_of_key"], true);
    assert_eq!((&again["post_id"], &again["created_at"]), (&first["post_id"], &first["created_at"]));

    for fields in [json!({"text": "Other words"}), json!({"channel": "bluesky"}), json!({"hashtags": []})] {
        let error = client.refused("publish_post", post_with("k", fields)).await;
        assert_eq!(error["code"], "key_conflict");
        assert!(error["message"].as_str().unwrap().contains(first["post_id"].as_str().unwrap()));
    }
    let theirs = client.call("publish_post", post_with("k", json!({"account": "bo"}))).await;
    assert_ne!(theirs["post_id"], first["post_id"], "keys belong to accounts");

    client.call("delete_post", json!({"post_id": first["post_id"]})).await;
    assert_eq!(client.refused("publish_post", post("k")).await["code"], "key_spent");
    assert_eq!(server.state().post_count().await.unwrap(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_at_once_with_one_key_make_one_post() {
    let bench = Bench::new();
    // Two doors to one file, as two processes would have, and several connections through each.
    let servers = [bench.open().await, bench.open().await];
    let clients = join_all(servers.iter().cycle().take(6).map(Client::connect)).await;
    let calls = (0..100).map(|n| clients[n % clients.len()].call("publish_post", post("k")));
    let answers = join_all(calls).await;
    let ids = answers.iter().map(|answer| answer["post_id"].as_str().unwrap()).collect::<BTreeSet<_>>();
    assert_eq!(ids.len(), 1);
    assert_eq!(answers.iter().filter(|answer| answer["duplicate_of_key"] == false).count(), 1);
    assert_eq!(servers[0].state().post_count().await.unwrap(), 1);
    assert_eq!(servers[1].state().duplicates().await.unwrap(), []);
}

#[tokio::test]
async fn a_careless_platform_doubles_and_the_double_is_seen() {
    let mut bench = Bench::new();
    bench.config.honours_idempotency_key = false;
    let server = bench.open().await;
    let client = Client::connect(&server).await;
    let first = client.call("publish_post", post("k")).await["post_id"].clone();
    let second = client.call("publish_post", post("k")).await["post_id"].clone();
    client.call("publish_post", post("other")).await;
    assert_ne!(first, second);
    let doubles = server.state().duplicates().await.unwrap();
    assert_eq!(doubles.len(), 1);
    assert_eq!(json!(doubles[0].post_ids), json!([first, second]));
    assert_eq!((doubles[0].account.as_str(), doubles[0].channel.as_str()), ("fae", "threads"));
    let found = client.call("find_post", json!({"idempotency_key": "k"})).await;
    assert_eq!((&found["matches"], &found["post"]["post_id"]), (&json!(2), &first));
    let tools = client.running.list_all_tools().await.unwrap();
    assert_eq!(tools[0].annotations.as_ref().unwrap().idempotent_hint, Some(false));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_id_that_was_chosen_is_taken_for_ever() {
    let mut bench = Bench::new();
    (bench.config.client_chosen_ids, bench.config.honours_idempotency_key) = (true, false);
    let server = bench.open().await;
    let client = Client::connect(&server).await;
    let first = client.call("publish_post", post("k")).await["post_id"].clone();
    let taken = join_all((0..20).map(|_| client.refused("publish_post", post("k")))).await;
    for error in taken {
        assert_eq!((&error["code"], &error["effect"]), (&json!("id_taken"), &json!("exists")));
        assert!(error["message"].as_str().unwrap().contains(first.as_str().unwrap()), "{error}");
    }
    client.call("publish_post", post_with("k", json!({"account": "bo"}))).await;
    client.call("delete_post", json!({"post_id": first})).await;
    assert_eq!(client.refused("publish_post", post("k")).await["code"], "id_taken");
    assert_eq!(server.state().post_count().await.unwrap(), 2);
    assert_eq!(server.state().duplicates().await.unwrap(), []);
}

#[tokio::test]
async fn everything_is_there_after_a_restart() {
    let bench = Bench::new();
    let server = bench.open().await;
    let client = Client::connect(&server).await;
    client.call("publish_post", post("k1")).await;
    client.call("publish_post", post("k2")).await;
    client.call("delete_post", json!({"post_id": "sbx-2"})).await;
    let before = client.read("sandbox://posts").await;
    drop((client, server));

    let client = bench.client().await;
    assert_eq!(client.read("sandbox://posts").await, before);
    assert_eq!(client.call("publish_post", post("k1")).await["duplicate_of_key"], true);
    assert_eq!(client.call("publish_post", post("k3")).await["post_id"], "sbx-3", "numbers are never used twice");
    let state = SandboxState::open(&bench.config.path).await.unwrap();
    assert_eq!(state.post_count().await.unwrap(), 3);
}

#[tokio::test]
async fn a_place_that_can_not_be_written_is_named() {
    let bench = Bench::new();
    let blocked = bench.folder.path().join("file");
    std::fs::write(&blocked, "in the way").unwrap();
    let config = SandboxConfig { path: blocked.join("x.sqlite"), ..bench.config.clone() };
    let error = SandboxServer::open(config, bench.clock.clone()).await.unwrap_err();
    assert!(matches!(error, SandboxError::Folder { .. }), "{error}");
    assert!(error.to_string().contains(blocked.to_str().unwrap()), "{error}");
    let config = SandboxConfig { time_scale: -1.0, ..bench.config.clone() };
    assert!(matches!(SandboxServer::open(config, bench.clock.clone()).await, Err(SandboxError::Config { .. })));
}

#[tokio::test]
async fn a_memory_that_fails_leaves_the_effect_open() {
    let bench = Bench::new();
    let server = bench.open().await;
    let client = Client::connect(&server).await;
    client.call("publish_post", post("k1")).await;
    server.state().close().await;
    let error = client.refused("publish_post", post("k2")).await;
    assert_eq!((&error["code"], &error["effect"]), (&json!("server_error"), &json!("unknown")));
    assert_eq!(error["retryable"], true);
    assert!(error["message"].as_str().unwrap().contains("writing a post"), "{error}");
}
