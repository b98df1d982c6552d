//! What pages and answers hold.

use chimera_domain::{NextAction, TaskEvent};
use serde_json::json;

use crate::world::World;

pub(crate) async fn every_route_answers_in_its_own_type(world: World) {
    let (_, task) = world.planned("Silk again").await;
    let (html, json) = ("text/html; charset=utf-8", "application/json");
    let trace = task.trace_id;
    for (path, kind) in [
        ("/".to_owned(), html),
        ("/campaigns".to_owned(), html),
        ("/signals".to_owned(), html),
        ("/plans".to_owned(), html),
        ("/published".to_owned(), html),
        ("/money".to_owned(), html),
        ("/alerts".to_owned(), html),
        ("/audit".to_owned(), html),
        ("/system".to_owned(), html),
        (format!("/campaigns/{}", world.campaign.id), html),
        (format!("/traces/{trace}"), html),
        ("/style.css".to_owned(), "text/css; charset=utf-8"),
        ("/live.js".to_owned(), "text/javascript; charset=utf-8"),
        ("/health".to_owned(), json),
        ("/ready".to_owned(), json),
        ("/api/status".to_owned(), json),
        ("/api/posts".to_owned(), json),
        ("/api/plans".to_owned(), json),
        (format!("/api/traces/{trace}"), json),
    ] {
        let answer = world.get(&path).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, kind), "{path}");
        assert!(!answer.body.is_empty());
    }
    assert_eq!(world.get("/health").await.json(), json!({"status": "live", "role": "up", "instance": "test-1"}));
    let ready = world.get("/ready").await.json();
    assert_eq!((&ready["ready"], &ready["missing"], &ready["reasons"]), (&json!(true), &json!([]), &json!({})));
    let metrics = world.get("/metrics").await;
    assert_eq!(metrics.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    assert!(metrics.text().contains("\nnothing 0\n"));
}

pub(crate) async fn an_empty_fleet_says_how_to_begin(world: World) {
    assert!(world.get("/").await.text().contains("chimera seed trends"));
    assert_eq!(world.get("/api/posts").await.json(), json!([]));
    let status = world.get("/api/status").await.json();
    assert_eq!(status["signals"], json!({"read": 0, "duplicate": 0, "relevant": 0, "planned": 0}));
    assert_eq!(status["tasks"], json!({}));
}

pub(crate) async fn hostile_headlines_are_text_and_nothing_else(world: World) {
    let hostile = "<script>alert(1)</script><img src=x onerror=alert(2)> \"'><b>&amp;";
    let (_, task) = world.planned(hostile).await;
    let artifact = world
        .made(&task, |a| {
            a.text = hostile.to_owned();
            a.hashtags = vec![hostile.to_owned()];
            a.media[0].alt_text = hostile.to_owned();
        })
        .await;
    world.decided(task.id, &artifact, TaskEvent::Reject, NextAction::Stop).await;
    for path in ["/".to_owned(), format!("/traces/{}", task.trace_id)] {
        let page = world.get(&path).await;
        let text = page.text();
        for harm in ["<script>", "<img src=x", "<b>&", "'><"] {
            assert!(!text.contains(harm), "{path} holds {harm}");
        }
        // The alt text stands in an attribute, which must not be left.
        assert!(!text.contains("alt=\"<") && !text.contains("\"'>"), "{path}");
        assert!(text.contains("alert(1)"), "{path} shows it as text");
    }
    // JSON is no HTML: nothing is escaped, and no browser may guess otherwise.
    let posts = world.get("/api/posts").await;
    assert_eq!(posts.json()[0]["headline"], hostile);
    assert_eq!(posts.header("x-content-type-options"), "nosniff");
}

pub(crate) async fn counts_and_lines_say_what_became_of_posts(world: World) {
    for (headline, end) in [
        ("waits", Some((TaskEvent::AskHuman, NextAction::WaitHitl))),
        ("refused", Some((TaskEvent::Reject, NextAction::Stop))),
        ("replaced", Some((TaskEvent::Reject, NextAction::Replan))),
        ("approved", Some((TaskEvent::Approve, NextAction::Publish))),
        ("judged later", None),
    ] {
        let (_, task) = world.planned(headline).await;
        let artifact = world.made(&task, |_| {}).await;
        if let Some((event, next)) = end {
            world.decided(task.id, &artifact, event, next).await;
        }
    }
    let posts = world.get("/api/posts").await.json();
    let line = |headline: &str| {
        let line = posts.as_array().unwrap().iter().find(|p| p["headline"] == headline);
        line.unwrap().clone()
    };
    for (headline, outcome) in [
        ("waits", "awaiting_review"),
        ("refused", "rejected"),
        ("replaced", "replaced"),
        ("approved", "in_progress"),
        ("judged later", "in_progress"),
    ] {
        assert_eq!(line(headline)["outcome"], outcome, "{headline}");
    }
    assert_eq!(line("waits")["why"], "sensitive: politics");
    assert!(line("waits")["ticket_id"].is_string() && line("refused")["ticket_id"].is_null());
    assert_eq!(line("judged later")["why"], "JUDGE_REVIEW");
    let status = world.get("/api/status").await.json();
    let wanted = json!({"published": 0, "awaiting_review": 1, "rejected": 1, "failed": 0, "in_progress": 2});
    assert_eq!(status["posts"], wanted);
    assert_eq!((&status["tickets_open"], &status["signals"]["read"]), (&json!(1), &json!(5)));
    let tasks = json!({"JUDGE_REVIEW": 1, "HITL_QUEUE": 1, "APPROVED": 1, "REJECTED": 2});
    assert_eq!(status["tasks"], tasks);
    let page = world.get("/").await;
    assert!(page.text().contains("<dt>Awaiting review</dt><dd><a href=\"/review\">1</a></dd>"));
}

pub(crate) async fn a_trace_tells_the_whole_life_of_a_post(world: World) {
    let (signal, task) = world.planned("Silk again").await;
    let artifact = world.made(&task, |_| {}).await;
    world.decided(task.id, &artifact, TaskEvent::Approve, NextAction::Publish).await;
    let url = "https://platform.test/1".to_owned();
    world.goes_out(&task, &url).await;

    let page = world.get(&format!("/traces/{}", task.trace_id)).await;
    let at = |what: &str| page.text().find(what).unwrap_or_else(|| panic!("{what} is missing"));
    // What happened stands in the order in which it happened.
    let order = ["signal read", "planned: post", "made multipart/mixed", "decided by judge", &url];
    assert!(order.map(at).is_sorted(), "{}", page.text());
    let view = world.get(&format!("/api/traces/{}", task.trace_id)).await.json();
    assert_eq!(view["signal"]["id"], json!(signal.id));
    assert_eq!(view["publications"][0]["url"], url);
    let post = world.get("/api/posts").await.json();
    assert_eq!((&post[0]["outcome"], &post[0]["url"]), (&json!("published"), &json!(url)));
}

pub(crate) async fn media_come_by_the_hash_of_their_content(world: World) {
    let bytes = b"\x89PNG, or nearly so";
    let (_, task) = world.planned("Silk again").await;
    let claimed = chimera_testkit::fixtures::artifact(&*world.ambient, &task);
    let mut shown = claimed.clone();
    world.picture(&mut shown, bytes).await;
    let medium = shown.media[0].clone();
    world.made(&task, |a| a.media = vec![medium.clone()]).await;
    let path = format!("/media/{}.png", medium.sha256);
    assert!(world.get("/").await.text().contains(&format!("src=\"{path}\"")));
    let answer = world.get(&path).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "image/png"));
    assert_eq!(answer.body, bytes);
    assert_eq!(answer.header("cache-control"), "private, max-age=31536000, immutable");
    // Each kind is served under the name that pages give it.
    for (mime, extension) in [("image/jpeg", "jpeg"), ("image/webp", "webp"), ("video/mp4", "mp4")] {
        let sha256 = world.blobs.put(extension.as_bytes(), mime).await.unwrap();
        let (_, task) = world.planned(extension).await;
        let medium = chimera_domain::MediaRef { sha256, mime: mime.to_owned(), ..medium.clone() };
        world.made(&task, |a| a.media = vec![medium.clone()]).await;
        let path = format!("/media/{}.{extension}", medium.sha256);
        assert!(world.get("/").await.text().contains(&format!("src=\"{path}\"")), "{mime}");
        let answer = world.get(&path).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, mime));
    }
    // What was changed on disk is not shown as what it was.
    std::fs::write(world.blobs.path(&medium.sha256, "image/png").unwrap(), b"something else").unwrap();
    assert_eq!(world.get(&path).await.status, 404);
}
