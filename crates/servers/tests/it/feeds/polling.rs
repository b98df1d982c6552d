//! Polling, on a clock that runs only when nothing else does.

use std::path::Path;
use std::time::Duration;

use chimera_servers::feeds::{FeedList, FeedSource};
use rmcp::model::CallToolRequestParams;
use tokio::time::Instant;

use super::fixture::{Client, News, Revision, Setup, config, rss};

const URI: &str = "feed://test";
const INTERVAL: u64 = 60;

/// Longer than any poll, so that a test that fails does not hang.
const LONG: Duration = Duration::from_secs(100_000);

fn setup(file: &Path) -> Setup {
    let feed = FeedSource { interval_seconds: INTERVAL, ..FeedSource::new("Test", file.display().to_string()) };
    Setup::new(&config(vec![feed]))
}

async fn hear(client: &mut Client) -> News {
    tokio::time::timeout(LONG, client.news.recv()).await.expect("news in time").expect("a connection")
}

async fn failures(client: &Client) -> u32 {
    let result = client.service.call_tool(CallToolRequestParams::new("list_feeds")).await.unwrap();
    let list: FeedList = serde_json::from_value(result.structured_content.unwrap()).unwrap();
    list.feeds[0].failures
}

#[tokio::test(start_paused = true)]
async fn a_change_is_found_within_the_interval() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("feed.xml");
    std::fs::write(&file, rss(&["one"])).unwrap();
    let setup = setup(&file);
    setup.server.read(URI).await.unwrap();
    let mut client = setup.connect(Revision::Old).await;
    client.subscribe(URI).await.unwrap();
    for titles in [&["two", "one"][..], &["three", "two", "one"]] {
        // The first poll comes with the subscription; let it pass, so that the change is left for a later one.
        tokio::time::sleep(Duration::from_secs(1)).await;
        std::fs::write(&file, rss(titles)).unwrap();
        let begun = Instant::now();
        assert_eq!(hear(&mut client).await, News::Updated(URI.to_owned()));
        let waited = begun.elapsed().as_secs();
        assert!(waited <= INTERVAL * 11 / 10, "waited {waited} s");
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_is_polled_for_without_subscribers() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("feed.xml");
    let setup = setup(&file);
    let client = setup.connect(Revision::Old).await;
    // Each poll of the missing file is one failure more.
    tokio::time::sleep(LONG).await;
    assert_eq!(failures(&client).await, 0);
    client.subscribe(URI).await.unwrap();
    tokio::time::sleep(LONG).await;
    let polled = failures(&client).await;
    client.unsubscribe(URI).await.unwrap();
    tokio::time::sleep(LONG).await;
    assert_eq!(failures(&client).await, polled);
    // A hundred thousand seconds at an interval of sixty would be 1,666 polls; backed off to an hour they are few.
    assert!((25..60).contains(&polled), "{polled} polls");
    client.subscribe(URI).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(failures(&client).await, polled + 1, "who subscribes again is polled for at once");
}

#[tokio::test(start_paused = true)]
async fn a_closed_connection_is_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let setup = setup(&folder.path().join("feed.xml"));
    let (first, second) = (setup.connect(Revision::Old).await, setup.connect(Revision::Old).await);
    for client in [&first, &second] {
        client.subscribe(URI).await.unwrap();
        // Twice is once.
        client.subscribe(URI).await.unwrap();
    }
    assert_eq!(setup.server.subscribers(URI), 2);
    first.service.cancel().await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(setup.server.subscribers(URI), 1);
    setup.cancel.cancel();
    setup.tracker.close();
    tokio::time::timeout(LONG, setup.tracker.wait()).await.expect("all tasks end");
    assert_eq!(setup.server.subscribers(URI), 0);
}
