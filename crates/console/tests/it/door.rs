//! Who gets in, and how far.

use std::time::Duration;

use chimera_domain::{Ambient as _, TraceId, sha256_hex};
use tokio::{io::AsyncWriteExt as _, net::TcpStream};

use crate::{client::send, world::World};

pub(crate) async fn every_answer_keeps_to_itself(world: World) {
    // Found, not found, not understood and not let in: all carry the same.
    for (path, host) in [("/", "localhost"), ("/nowhere", "localhost"), ("/traces/x", "localhost"), ("/", "evil.test")]
    {
        let answer = send(world.address, "GET", path, host).await;
        let policy = answer.header("content-security-policy");
        for rule in ["default-src 'none'", "style-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"] {
            assert!(policy.contains(rule), "{path} {host}: {policy}");
        }
        assert!(!policy.contains("unsafe") && policy.contains("script-src 'self';"), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "same-origin");
        assert_eq!(answer.header("cache-control"), "no-store");
    }
}

pub(crate) async fn only_loopback_names_are_answered(world: World) {
    let port = world.address.port();
    for name in ["localhost", "LocalHost", "127.0.0.1", "[::1]", &format!("127.0.0.1:{port}"), "[::1]:80"] {
        assert_eq!(send(world.address, "GET", "/health", name).await.status, 200, "{name}");
    }
    let foreign = [
        "evil.test",
        "evil.test:80",
        "localhost.evil.test",
        "127.0.0.1.evil.test",
        "127.0.0.1:80@evil.test",
        "localhost:evil.test",
        "",
        "10.0.0.1",
        "[::1",
        "::1",
    ];
    for name in foreign {
        let answer = send(world.address, "GET", "/api/posts", name).await;
        assert_eq!(answer.status, 421, "{name}");
        assert_eq!(answer.header("content-type"), "application/problem+json");
        assert!(answer.text().contains("loopback"), "{name}");
    }
}

pub(crate) async fn what_is_not_there_is_said_so(world: World) {
    let unknown = TraceId::generate(&*world.ambient);
    for (path, status) in [
        ("/nowhere".to_owned(), 404),
        (format!("/traces/{unknown}"), 404),
        (format!("/api/traces/{unknown}"), 404),
        ("/traces/not-a-trace".to_owned(), 400),
        ("/api/traces/00000000000000000000000000000000".to_owned(), 400),
        (format!("/media/{}.png", sha256_hex(b"never seen")), 404),
        (format!("/media/{}.exe", sha256_hex(b"never seen")), 404),
        (format!("/media/{}", sha256_hex(b"never seen")), 404),
    ] {
        let answer = world.get(&path).await;
        assert_eq!((answer.status, answer.header("content-type")), (status, "application/problem+json"), "{path}");
        let problem = answer.json();
        assert_eq!(problem["status"], status);
        assert!(problem["title"].is_string() && !problem["detail"].as_str().unwrap().is_empty(), "{path}");
    }
}

pub(crate) async fn nothing_is_read_beyond_the_media(world: World) {
    world.blobs.put(b"a picture", "image/png").await.unwrap();
    let secret = world.backends.folder().join("secret.png");
    std::fs::write(&secret, b"not for you").unwrap();
    for path in [
        "/media/../secret.png",
        "/media/..%2fsecret.png",
        "/media/%2e%2e%2fsecret.png",
        "/media/..%5csecret.png",
        "/media//etc/passwd",
        "/media/%2fetc%2fpasswd",
        "/media/..%00.png",
        "/media/.png",
        "/media/%ff.png",
    ] {
        let answer = world.get(path).await;
        assert!(matches!(answer.status, 400 | 404), "{path}: {}", answer.status);
        assert!(!answer.body.windows(3).any(|w| w == b"not"), "{path}");
    }
}

/// Somebody who is not signed in, with a link.
pub(crate) async fn a_link_shows_one_medium_until_it_ends(world: World) {
    let name = world.blobs.put(b"a picture", "image/png").await.unwrap();
    let other = world.blobs.put(b"another", "image/png").await.unwrap();
    let now = world.ambient.now();
    let link = async |at| {
        let link = world.blobs.link(&name, "image/png", at).await.unwrap().unwrap();
        link.strip_prefix("https://media.example.org").unwrap().to_owned()
    };
    let good = link(now).await;
    let answer = send(world.address, "GET", &good, "localhost").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "image/png"));
    assert_eq!((answer.body.as_slice(), answer.header("cache-control")), (b"a picture".as_slice(), "no-store"));
    let head = send(world.address, "HEAD", &good, "localhost").await;
    assert!(head.status == 200 && head.body.is_empty());
    for method in ["POST", "PUT", "DELETE", "PATCH"] {
        assert_eq!(send(world.address, method, &good, "localhost").await.status, 405, "{method}");
    }

    let (path, query) = good.split_once('?').unwrap();
    let (until, signature) = query.split_once('&').unwrap();
    let ended = link(now - chrono::Duration::hours(1)).await;
    let forged = [
        ended,
        path.to_owned(),
        "/signed/".to_owned(),
        format!("{path}?{until}"),
        format!("{path}?{signature}"),
        format!("{path}?until=99999999999&{signature}"),
        format!("{path}?until=x&{signature}"),
        format!("{good}A"),
        good.replace(&name, &other),
        good.replace(".png", ".jpg"),
        good.replace(&name, &sha256_hex(b"never seen")),
    ];
    for bad in forged {
        let answer = send(world.address, "GET", &bad, "localhost").await;
        assert_eq!(answer.status, 404, "{bad}");
        assert!(!answer.body.windows(7).any(|w| w == b"picture"), "{bad}");
    }
}

pub(crate) async fn nothing_can_be_written(world: World) {
    for path in ["/", "/health", "/api/posts", "/media/x.png"] {
        for method in ["POST", "PUT", "DELETE", "PATCH"] {
            assert_eq!(send(world.address, method, path, "localhost").await.status, 405, "{method} {path}");
        }
        let head = send(world.address, "HEAD", path, "localhost").await;
        assert!(head.body.is_empty());
    }
}

pub(crate) async fn a_database_that_is_gone_is_no_page_of_errors(world: World) {
    world.store.close().await;
    for path in ["/", "/api/status", "/api/posts"] {
        let answer = world.get(path).await;
        assert_eq!((answer.status, answer.header("content-type")), (503, "application/problem+json"), "{path}");
        assert!(answer.text().contains("the log says why"));
    }
    let ready = world.get("/ready").await;
    assert_eq!((ready.status, &ready.json()["missing"]), (503, &serde_json::json!(["database"])));
    assert_eq!(world.get("/health").await.status, 200, "the process lives all the same");
}

pub(crate) async fn a_client_that_says_half_a_request_does_not_hold_up_the_end(world: World) {
    let mut half = TcpStream::connect(world.address).await.unwrap();
    half.write_all(b"GET / HTTP/1.1\r\nHost: local").await.unwrap();
    // Another request goes through meanwhile, so the first half has been taken up.
    assert_eq!(world.get("/health").await.status, 200);
    world.cancel.cancel();
    tokio::time::timeout(Duration::from_secs(20), world.serving).await.expect("it waits for the other half").unwrap();
}
