//! What the platform refuses, by code, with nothing left behind.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use chimera_domain::{Channel, sha256_hex};
use serde_json::{Value, json};

use super::client::{Bench, Client, post, post_with};

#[tokio::test]
async fn bad_posts_are_refused_for_the_right_reason_and_leave_nothing() {
    let bench = Bench::new();
    let server = bench.open().await;
    let client = Client::connect(&server).await;
    let png = b"\x89PNG\r\n\x1a\n".as_slice();
    let media = |fields: Value| {
        let mut media = json!({"sha256": sha256_hex(png), "mime": "image/png", "alt_text": "A shirt"});
        media.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        json!({"media": [media]})
    };
    let other = BASE64_STANDARD.encode("something else");
    let cases = [
        ("invalid_arguments", json!({"account": "no spaces here"})),
        ("invalid_arguments", json!({"idempotency_key": ""})),
        ("invalid_arguments", json!({"idempotency_key": "k".repeat(129)})),
        ("invalid_arguments", json!({"text": "  "})),
        ("invalid_arguments", json!({"channel": "myspace"})),
        ("invalid_arguments", json!({"hashtags": ["two words"]})),
        ("invalid_arguments", json!({"surprise": 1})),
        ("too_many_hashtags", json!({"channel": "instagram", "hashtags": vec!["x"; 31]})),
        ("bad_media", json!({"channel": "instagram"})),
        ("missing_ai_label", json!({"ai_label": " "})),
        ("missing_ai_label", json!({"channel": "x", "ai_fields": {}})),
        ("missing_captions", media(json!({"mime": "video/mp4"}))),
        ("missing_alt_text", media(json!({"alt_text": ""}))),
        ("bad_media", media(json!({"mime": "application/x-msdownload"}))),
        ("bad_media", media(json!({"sha256": "ABC"}))),
        ("bad_media", media(json!({"bytes_base64": "%%%"}))),
        ("bad_media", media(json!({"bytes_base64": ""}))),
        ("bad_media", media(json!({"bytes_base64": other}))),
        ("bad_media", media(json!({"bytes_base64": BASE64_STANDARD.encode(png), "uri": "file:///x"}))),
        ("bad_media", media(json!({"bytes_base64": BASE64_STANDARD.encode(png), "mime": "image/jpeg"}))),
        ("bad_media", json!({"media": vec![media(json!({}))["media"][0].clone(); 21]})),
        ("not_found", json!({"in_reply_to": "sbx-77"})),
        ("not_found", json!({"in_reply_to": "sbx-77.c0"})),
    ];
    for (code, fields) in cases {
        let error = client.refused("publish_post", post_with("k", fields.clone())).await;
        assert_eq!(error["code"], code, "{fields}: {error}");
        assert_eq!((&error["retryable"], &error["effect"]), (&json!(false), &json!("none")));
        assert!(error["message"].as_str().unwrap().len() > 20, "{error}");
    }
    assert_eq!(server.state().post_count().await.unwrap(), 0);
}

#[tokio::test]
async fn every_channel_has_its_own_limit_in_characters_not_bytes() {
    let bench = Bench::new();
    let client = bench.client().await;
    for channel in Channel::ALL {
        let rules = channel.rules();
        let max = rules.text_chars_max;
        let film = json!([{
            "sha256": sha256_hex(b"film"), "mime": rules.video.mimes[0], "alt_text": "A shirt", "captions_vtt": "WEBVTT\n"
        }]);
        let media = || if rules.needs.is_empty() { json!([]) } else { film.clone() };
        let of = |chars| json!({"channel": channel, "text": "ö".repeat(chars), "hashtags": [], "media": media()});
        client.call("publish_post", post_with(&format!("{channel}-fits"), of(max))).await;
        let error = client.refused("publish_post", post_with(&format!("{channel}-long"), of(max + 1))).await;
        assert_eq!(error["code"], "text_too_long", "{channel}");
        assert!(error["message"].as_str().unwrap().contains(&max.to_string()), "{error}");
        // Hashtags are posted too, each with its sign and a space.
        let tagged =
            |chars| json!({"channel": channel, "text": "ö".repeat(chars), "hashtags": ["lïn", "en"], "media": media()});
        client.call("publish_post", post_with(&format!("{channel}-tags"), tagged(max - 9))).await;
        let error = client.refused("publish_post", post_with(&format!("{channel}-more"), tagged(max - 8))).await;
        assert_eq!(error["code"], "text_too_long", "{channel}");
    }
}

#[tokio::test]
async fn a_platform_may_do_without_ai_labels_and_people_need_none() {
    let mut bench = Bench::new();
    let client = bench.client().await;
    client.call("publish_post", post_with("human", json!({"ai_generated": false, "ai_label": ""}))).await;
    bench.config.require_ai_label = false;
    let lax = bench.client().await;
    lax.call("publish_post", post_with("machine", json!({"ai_label": ""}))).await;
}

#[tokio::test]
async fn other_tools_refuse_what_makes_no_sense() {
    let bench = Bench::new();
    let client = bench.client().await;
    client.call("publish_post", post("k")).await;
    let cases = [
        ("find_post", json!({}), "invalid_arguments"),
        ("find_post", json!({"post_id": "sbx-1", "idempotency_key": "k"}), "invalid_arguments"),
        ("find_post", json!({"post_id": "12"}), "invalid_arguments"),
        ("delete_post", json!({"post_id": "sbx-2"}), "not_found"),
        ("delete_post", json!({"post_id": "sbx-1.c0"}), "invalid_arguments"),
        ("get_engagement", json!({"post_ids": vec!["sbx-1"; 101]}), "invalid_arguments"),
        ("list_posts", json!({"limit": 101}), "invalid_arguments"),
        ("list_posts", json!({"cursor": "x"}), "invalid_arguments"),
    ];
    for (tool, arguments, code) in cases {
        let error = client.refused(tool, arguments.clone()).await;
        assert_eq!(error["code"], code, "{tool} {arguments}: {error}");
    }
    let unheard = json!({
        "account": "fae", "post_id": "sbx-1.c0", "text": "Thanks", "ai_generated": false, "idempotency_key": "r"
    });
    assert_eq!(client.refused("reply", unheard).await["code"], "not_found", "nobody has commented yet");
    let error = client.try_call("frobnicate", json!({})).await.unwrap_err().to_string();
    assert!(error.contains("frobnicate") && error.contains("publish_post"), "{error}");
}
