//! A publisher on a local port, a clock that tests set, and clients of both revisions.

use std::convert::Infallible;
use std::io::Write as _;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, LOCATION,
    RETRY_AFTER,
};
use axum::http::{HeaderMap, Response, StatusCode};
use axum::routing::get;
use chimera_domain::{Ambient, sha256_hex};
use chimera_servers::feeds::{FeedSource, FeedsConfig, FeedsServer};
use chrono::{DateTime, TimeDelta, Utc};
use futures::stream;
use rmcp::model::{
    ProtocolVersion, ResourceUpdatedNotificationParam, SubscribeRequestParams, UnsubscribeRequestParams,
};
use rmcp::service::{ClientLifecycleMode, NotificationContext, RunningService};
use rmcp::{ClientHandler, ClientServiceExt, RoleClient, ServiceError, ServiceExt};
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// No test waits longer than this for what must come.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// A clock that stands still until told otherwise, and dice that count.
#[derive(Debug)]
pub(super) struct Clock {
    now: Mutex<DateTime<Utc>>,
    thrown: AtomicU64,
}

impl Clock {
    pub(super) fn new() -> Arc<Self> {
        let now = DateTime::from_timestamp(1_795_000_000, 0).expect("a valid time");
        Arc::new(Self { now: Mutex::new(now), thrown: AtomicU64::new(0) })
    }

    pub(super) fn advance(&self, seconds: i64) {
        *self.now.lock().expect("lock") += TimeDelta::seconds(seconds);
    }
}

impl Ambient for Clock {
    fn now(&self) -> DateTime<Utc> {
        *self.now.lock().expect("lock")
    }

    fn random(&self) -> [u8; 16] {
        let thrown = self.thrown.fetch_add(1, Ordering::Relaxed);
        u128::from(thrown).to_le_bytes()
    }
}

/// What the publisher publishes, and what it saw.
#[derive(Debug, Default)]
pub(super) struct Site {
    pub(super) feed: Mutex<String>,
    pub(super) hits: AtomicUsize,
    pub(super) unchanged: AtomicUsize,
    pub(super) sent: AtomicU64,
    pub(super) arrived: Notify,
    pub(super) release: Notify,
}

impl Site {
    pub(super) fn publish(&self, titles: &[&str]) {
        *self.feed.lock().expect("lock") = rss(titles);
    }

    pub(super) fn hits(&self) -> usize {
        self.hits.load(Ordering::SeqCst)
    }
}

/// An RSS feed whose items have these titles, the first the newest.
pub(super) fn rss(titles: &[&str]) -> String {
    let item = |(nth, title): (usize, &&str)| {
        let day = 20 - nth;
        format!("<item><guid>{title}</guid><title>{title}</title><pubDate>{day} Nov 2026 10:00:00 GMT</pubDate></item>")
    };
    let items: String = titles.iter().enumerate().map(item).collect();
    format!("<rss version=\"2.0\"><channel><title>Fixture</title>{items}</channel></rss>")
}

/// A running publisher.
pub(super) struct Publisher {
    pub(super) site: Arc<Site>,
    pub(super) base: String,
}

impl Publisher {
    pub(super) async fn start() -> Self {
        let site = Arc::new(Site::default());
        site.publish(&["one", "two"]);
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let app = routes().with_state(site.clone());
        #[expect(clippy::disallowed_methods, reason = "the fixture lives as long as the test's runtime")]
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { site, base }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.base)
    }
}

fn routes() -> Router<Arc<Site>> {
    Router::new()
        .route("/feed", get(tagged))
        .route("/dated", get(dated))
        .route("/bomb", get(bomb))
        .route("/endless", get(endless))
        .route("/declared", get(declared))
        .route("/inwards", get(|| redirect("http://169.254.169.254/latest/meta-data/")))
        .route("/inwards-by-name", get(|| redirect("http://localhost:1/feed")))
        .route("/loop", get(|| redirect("/loop")))
        .route("/to-file", get(|| redirect("file:///etc/passwd")))
        .route("/moved", get(|| redirect("/feed")))
        .route("/never", get(std::future::pending::<StatusCode>))
        .route("/drip", get(drip))
        .route("/broken", get(broken))
        .route("/busy", get(busy))
        .route("/held", get(held))
        .route(
            "/page",
            get(|| page("<!doctype html><title>Home</title><link rel=alternate type=application/rss+xml href=feed>")),
        )
        .route(
            "/latin",
            get(|| async {
                (
                    [(CONTENT_TYPE, "text/plain; charset=iso-8859-1")],
                    b"<rss><channel><item><title>caf\xe9</title></item></channel></rss>".to_vec(),
                )
            }),
        )
}

fn response(status: StatusCode) -> axum::http::response::Builder {
    Response::builder().status(status)
}

async fn redirect(to: &'static str) -> Response<Body> {
    response(StatusCode::FOUND).header(LOCATION, to).body(Body::empty()).expect("a response")
}

async fn page(html: &'static str) -> Response<Body> {
    response(StatusCode::OK).header(CONTENT_TYPE, "application/rss+xml").body(html.into()).expect("a response")
}

async fn tagged(State(site): State<Arc<Site>>, headers: HeaderMap) -> Response<Body> {
    site.hits.fetch_add(1, Ordering::SeqCst);
    let feed = site.feed.lock().expect("lock").clone();
    let tag = format!("\"{}\"", sha256_hex(feed.as_bytes()));
    if headers.get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        site.unchanged.fetch_add(1, Ordering::SeqCst);
        return response(StatusCode::NOT_MODIFIED).body(Body::empty()).expect("a response");
    }
    response(StatusCode::OK).header(ETAG, tag).body(feed.into()).expect("a response")
}

async fn dated(State(site): State<Arc<Site>>, headers: HeaderMap) -> Response<Body> {
    const DATE: &str = "Fri, 20 Nov 2026 10:00:00 GMT";
    if headers.get(IF_MODIFIED_SINCE).is_some_and(|known| known == DATE) {
        site.unchanged.fetch_add(1, Ordering::SeqCst);
        return response(StatusCode::NOT_MODIFIED).body(Body::empty()).expect("a response");
    }
    let feed = site.feed.lock().expect("lock").clone();
    response(StatusCode::OK).header(LAST_MODIFIED, DATE).body(feed.into()).expect("a response")
}

/// A hundred megabytes of spaces in a hundred kilobytes.
async fn bomb() -> Response<Body> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(b"<rss><channel><item><title>").expect("memory");
    for _ in 0..100 {
        gzip.write_all(&vec![b' '; 1_000_000]).expect("memory");
    }
    let body = gzip.finish().expect("memory");
    assert!(body.len() < 200_000);
    response(StatusCode::OK).header(CONTENT_ENCODING, "gzip").body(body.into()).expect("a response")
}

fn chunks(site: Arc<Site>) -> impl futures::Stream<Item = Result<Bytes, Infallible>> {
    const CHUNK: usize = 65_536;
    stream::repeat_with(move || {
        site.sent.fetch_add(CHUNK as u64, Ordering::SeqCst);
        Ok(Bytes::from(vec![b'x'; CHUNK]))
    })
}

async fn endless(State(site): State<Arc<Site>>) -> Response<Body> {
    response(StatusCode::OK).body(Body::from_stream(chunks(site))).expect("a response")
}

async fn declared(State(site): State<Arc<Site>>) -> Response<Body> {
    let body = Body::from_stream(chunks(site));
    response(StatusCode::OK).header(CONTENT_LENGTH, "100000000").body(body).expect("a response")
}

async fn drip() -> Response<Body> {
    let drops = stream::unfold((), |()| async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        Some((Ok::<_, Infallible>(Bytes::from_static(b" ")), ()))
    });
    response(StatusCode::OK).body(Body::from_stream(drops)).expect("a response")
}

async fn broken() -> Response<Body> {
    let parts = stream::iter([Ok(Bytes::from_static(b"<rss>")), Err(std::io::Error::other("cut"))]);
    response(StatusCode::OK).body(Body::from_stream(parts)).expect("a response")
}

async fn busy(State(site): State<Arc<Site>>) -> Response<Body> {
    site.hits.fetch_add(1, Ordering::SeqCst);
    let busy = response(StatusCode::TOO_MANY_REQUESTS).header(RETRY_AFTER, "120");
    busy.body(Body::empty()).expect("a response")
}

async fn held(State(site): State<Arc<Site>>) -> String {
    site.hits.fetch_add(1, Ordering::SeqCst);
    site.arrived.notify_one();
    site.release.notified().await;
    site.release.notify_one();
    site.feed.lock().expect("lock").clone()
}

/// A server with what it runs on.
pub(super) struct Setup {
    pub(super) server: FeedsServer,
    pub(super) clock: Arc<Clock>,
    pub(super) tracker: TaskTracker,
    pub(super) cancel: CancellationToken,
}

impl Setup {
    pub(super) fn new(config: &FeedsConfig) -> Self {
        let (clock, tracker, cancel) = (Clock::new(), TaskTracker::new(), CancellationToken::new());
        let server = FeedsServer::start(config, clock.clone(), &tracker, cancel.clone()).expect("a server");
        Self { server, clock, tracker, cancel }
    }

    /// A server with one feed of the publisher, called "Test".
    pub(super) fn of(publisher: &Publisher, path: &str) -> Self {
        Self::new(&config(vec![FeedSource::new("Test", publisher.url(path))]))
    }

    /// The one line with which reading a publisher's path fails.
    pub(super) async fn failure(&self) -> String {
        let line = self.server.read("test").await.expect_err("a failure").one_line();
        assert!(!line.contains('\n'), "{line}");
        line
    }

    pub(super) async fn connect(&self, revision: Revision) -> Client {
        let (ours, theirs) = tokio::io::duplex(65_536);
        let (server, cancel) = (self.server.clone(), self.cancel.child_token());
        self.tracker.spawn(async move {
            let running = server.serve_with_ct(ours, cancel).await.expect("a connection");
            running.waiting().await
        });
        let (heard, news) = mpsc::unbounded_channel();
        let mode = match revision {
            Revision::Old => ClientLifecycleMode::Initialize,
            Revision::New => ClientLifecycleMode::Discover { preferred_versions: vec![ProtocolVersion::V_2026_07_28] },
        };
        let service = Listener { heard }.serve_with_lifecycle(theirs, mode).await.expect("a client");
        Client { service, news }
    }
}

/// A configuration that reaches the publisher and nothing else private.
pub(super) fn config(feeds: Vec<FeedSource>) -> FeedsConfig {
    FeedsConfig { feeds, private_hosts: vec!["127.0.0.1".to_owned()], ..FeedsConfig::default() }
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Revision {
    Old,
    New,
}

pub(super) const BOTH: [Revision; 2] = [Revision::Old, Revision::New];

/// What a client was told.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum News {
    Updated(String),
    List,
}

pub(super) struct Listener {
    heard: mpsc::UnboundedSender<News>,
}

impl ClientHandler for Listener {
    async fn on_resource_updated(&self, params: ResourceUpdatedNotificationParam, _: NotificationContext<RoleClient>) {
        let _ = self.heard.send(News::Updated(params.uri));
    }

    async fn on_resource_list_changed(&self, _: NotificationContext<RoleClient>) {
        let _ = self.heard.send(News::List);
    }
}

pub(super) struct Client {
    pub(super) service: RunningService<RoleClient, Listener>,
    pub(super) news: mpsc::UnboundedReceiver<News>,
}

impl Client {
    /// `resources/subscribe`.
    #[expect(deprecated, reason = "the older revision has no other way")]
    pub(super) async fn subscribe(&self, uri: &str) -> Result<(), ServiceError> {
        self.service.subscribe(SubscribeRequestParams::new(uri)).await
    }

    /// `resources/unsubscribe`.
    #[expect(deprecated, reason = "the older revision has no other way")]
    pub(super) async fn unsubscribe(&self, uri: &str) -> Result<(), ServiceError> {
        self.service.unsubscribe(UnsubscribeRequestParams::new(uri)).await
    }

    /// The next thing told by notification outside of `subscriptions/listen`.
    pub(super) async fn hear(&mut self) -> News {
        tokio::time::timeout(PATIENCE, self.news.recv()).await.expect("news in time").expect("a connection")
    }
}
