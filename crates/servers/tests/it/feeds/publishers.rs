//! Publishers kind, broken and hostile.

use std::sync::atomic::Ordering;
use std::time::Instant;

use chimera_servers::feeds::{FeedLimits, FeedSource, FeedsError};
use futures::future::join_all;

use super::fixture::{Publisher, Setup, config};

#[tokio::test]
async fn an_unchanged_feed_is_not_sent_again() {
    let publisher = Publisher::start().await;
    for path in ["feed", "dated"] {
        let setup = Setup::of(&publisher, path);
        publisher.site.unchanged.store(0, Ordering::SeqCst);
        let first = setup.server.read("feed://test").await.unwrap();
        setup.clock.advance(60);
        let second = setup.server.read("feed://test").await.unwrap();
        assert_eq!(publisher.site.unchanged.load(Ordering::SeqCst), 1, "{path}");
        assert_eq!(first.items, second.items);
        assert_eq!(first.items.iter().map(|i| i.title.as_str()).collect::<Vec<_>>(), ["one", "two"]);
        assert_eq!((second.fetched_at - first.fetched_at).num_seconds(), 60);
    }
    let setup = Setup::of(&publisher, "feed");
    setup.server.read("test").await.unwrap();
    publisher.site.publish(&["three", "one", "two"]);
    assert_eq!(setup.server.read("test").await.unwrap().items.len(), 3);
}

#[tokio::test]
async fn bodies_without_end_are_refused_before_they_are_held() {
    let publisher = Publisher::start().await;
    for path in ["endless", "declared"] {
        publisher.site.sent.store(0, Ordering::SeqCst);
        let line = Setup::of(&publisher, path).failure().await;
        assert!(line.contains("larger than 10000000 bytes") && line.contains(path), "{line}");
        // How much was under way in buffers when the connection closed is up to the system, but it comes to an end.
        assert!(publisher.site.sent.load(Ordering::SeqCst) < 200_000_000, "{path}");
    }
    assert!(publisher.site.sent.load(Ordering::SeqCst) < 10_000_000, "a declared length is believed at once");
}

#[tokio::test]
async fn a_decompression_bomb_is_measured_by_what_comes_out() {
    let publisher = Publisher::start().await;
    let line = Setup::of(&publisher, "bomb").failure().await;
    assert!(line.contains("larger than 10000000 bytes (after decompression)"), "{line}");
}

#[tokio::test]
async fn nobody_is_led_inwards() {
    let publisher = Publisher::start().await;
    for (path, address) in [
        ("inwards", "169.254.169.254 is at the private address"),
        ("inwards-by-name", "localhost is at the private address"),
    ] {
        let line = Setup::of(&publisher, path).failure().await;
        assert!(line.contains(address) && line.contains("private_hosts"), "{line}");
    }
    let strict = Setup::new(&chimera_servers::feeds::FeedsConfig {
        feeds: vec![
            FeedSource::new("number", publisher.url("feed")),
            FeedSource::new("name", publisher.url("feed").replace("127.0.0.1", "localhost")),
            FeedSource::new("mapped", publisher.url("feed").replace("127.0.0.1", "[::ffff:127.0.0.1]")),
        ],
        ..Default::default()
    });
    for name in ["number", "name", "mapped"] {
        let error = strict.server.read(name).await.unwrap_err();
        assert!(matches!(*error, FeedsError::Private { .. }), "{name}: {error}");
    }
    assert_eq!(publisher.site.hits(), 0);
}

#[tokio::test]
async fn redirects_are_followed_but_not_for_ever() {
    let publisher = Publisher::start().await;
    assert_eq!(Setup::of(&publisher, "moved").server.read("test").await.unwrap().items.len(), 2);
    for path in ["loop", "to-file"] {
        let line = Setup::of(&publisher, path).failure().await;
        assert!(line.contains("redirected more than 5 times or to something that is not http(s)"), "{line}");
    }
}

#[tokio::test]
async fn slow_publishers_are_given_up() {
    let publisher = Publisher::start().await;
    for path in ["never", "drip"] {
        let mut config = config(vec![FeedSource::new("Test", publisher.url(path))]);
        config.limits = FeedLimits { timeout_seconds: 1, ..FeedLimits::default() };
        let begun = Instant::now();
        let line = Setup::new(&config).failure().await;
        assert!(line.contains("not read within 1 s"), "{line}");
        assert!(begun.elapsed().as_secs() < 10);
    }
}

#[tokio::test]
async fn a_publisher_that_asks_for_patience_gets_it() {
    let publisher = Publisher::start().await;
    let setup = Setup::of(&publisher, "busy");
    let error = setup.server.read("test").await.unwrap_err();
    assert!(error.is_transient());
    assert!(error.to_string().contains("answered 429; it is asked too often; try again after 2026-"), "{error}");
    for _ in 0..3 {
        let error = setup.server.read("test").await.unwrap_err();
        assert!(matches!(*error, FeedsError::Waiting { .. }), "{error}");
        assert!(error.retry_at().is_some());
    }
    assert_eq!(publisher.site.hits(), 1);
    setup.clock.advance(121);
    setup.server.read("test").await.unwrap_err();
    assert_eq!(publisher.site.hits(), 2);
}

#[tokio::test]
async fn failures_say_what_was_found_and_what_to_do() {
    let publisher = Publisher::start().await;
    let gone = Publisher { base: "http://127.0.0.1:1".to_owned(), site: publisher.site.clone() };
    for (publisher, path, says) in [
        (&publisher, "page", "found an HTML page (\"Home\"), not a feed; the page names http://127.0.0.1:"),
        (&publisher, "nothing-here", "answered 404; the feed is gone; look for its new address"),
        (&publisher, "broken", "the answer broke off; try again later"),
        (&gone, "feed", "no connection; check the address and the network, then try again"),
    ] {
        let line = Setup::of(publisher, path).failure().await;
        assert!(line.contains(says) && line.contains(&publisher.url(path)), "{line}");
    }
}

#[tokio::test]
async fn the_servers_charset_is_used_when_nothing_else_speaks() {
    let publisher = Publisher::start().await;
    assert_eq!(Setup::of(&publisher, "latin").server.read("test").await.unwrap().items[0].title, "café");
}

#[tokio::test]
async fn many_readers_at_once_are_few_requests() {
    let publisher = Publisher::start().await;
    let setup = Setup::of(&publisher, "held");
    let first = setup.server.read("test");
    let rest = async {
        publisher.site.arrived.notified().await;
        // All of these come while the first request runs, so they wait; then one more request serves them all.
        let release = async { publisher.site.release.notify_one() };
        let (readers, ()) = tokio::join!(join_all((0..20).map(|_| setup.server.read("test"))), release);
        readers
    };
    let (first, rest) = tokio::join!(first, rest);
    assert_eq!(first.unwrap().items.len(), 2);
    assert!(rest.iter().all(Result::is_ok));
    assert_eq!(publisher.site.hits(), 2);
}
