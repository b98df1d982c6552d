//! The webhook, before a real receiver over HTTP that is down, slow, broken, or wants another key.

use std::{
    collections::{BTreeSet, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode, Uri, header},
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use chimera_domain::{Alert, AlertKind, Ambient as _};
use chimera_mcp::Secret;
use chimera_store::Duty;
use chimera_testkit::fixtures;
use chimera_worker::{Notified, Notifier, Webhook, WebhookConfig};
use chrono::TimeDelta;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::world::{World, eventually};

const KEY: &str = "a key of thirty-two bytes or so!";

/// What the receiver does with a request.
#[derive(Debug, Clone)]
enum Reply {
    Status(u16),
    /// Never answers.
    Silence,
    /// Sends whoever asks elsewhere.
    Elsewhere(String),
}

/// What it got.
#[derive(Debug, Clone, PartialEq)]
struct Heard {
    id: String,
    body: Value,
}

/// A receiver that checks signatures, and does as it is told with what is well signed; otherwise it takes it.
#[derive(Debug, Clone)]
struct Receiver {
    address: SocketAddr,
    heard: Arc<Mutex<Vec<Heard>>>,
    replies: Arc<Mutex<VecDeque<Reply>>>,
}

/// HMAC as RFC 2104 defines it.
fn hmac_sha256(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut block = [0; 64];
    block[..key.len()].copy_from_slice(key);
    let padded = |with: u8| block.map(|byte| byte ^ with);
    let inner = Sha256::new().chain_update(padded(0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(padded(0x5c)).chain_update(inner).finalize().to_vec()
}

async fn take(State(receiver): State<Receiver>, uri: Uri, headers: HeaderMap, body: String) -> Response {
    let text = |name: &str| headers.get(name).map_or("", |value| value.to_str().unwrap());
    let (id, timestamp) = (text("webhook-id"), text("webhook-timestamp"));
    let wanted = hmac_sha256(KEY.as_bytes(), format!("{id}.{timestamp}.{body}").as_bytes());
    if text("webhook-signature") != format!("v1,{}", BASE64_STANDARD.encode(wanted)) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    assert_eq!((uri.to_string().as_str(), text("content-type")), ("/hooks/s3cret?team=1", "application/json"));
    let body: Value = serde_json::from_str(&body).unwrap();
    receiver.heard.lock().unwrap().push(Heard { id: id.to_owned(), body });
    let reply = receiver.replies.lock().unwrap().pop_front();
    match reply.unwrap_or(Reply::Status(204)) {
        Reply::Status(status) => StatusCode::from_u16(status).unwrap().into_response(),
        Reply::Silence => std::future::pending().await,
        Reply::Elsewhere(place) => (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, place)]).into_response(),
    }
}

impl Receiver {
    async fn start() -> Self {
        Self::at("127.0.0.1:0".parse().unwrap()).await
    }

    async fn at(address: SocketAddr) -> Self {
        let listener = tokio::net::TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let receiver = Self { address, heard: Arc::default(), replies: Arc::default() };
        let router = Router::new().fallback(take).with_state(receiver.clone());
        drop(TaskTracker::new().spawn(async move { axum::serve(listener, router).await.unwrap() }));
        receiver
    }

    fn replies(&self, replies: impl IntoIterator<Item = Reply>) {
        self.replies.lock().unwrap().extend(replies);
    }

    fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }

    /// What was told, and of which kind of alert.
    fn told(&self) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        self.heard().iter().map(|heard| (text(&heard.body["type"]), text(&heard.body["data"]["kind"]))).collect()
    }
}

fn config(address: SocketAddr) -> WebhookConfig {
    let url = format!("http://{address}/hooks/s3cret?team=1");
    WebhookConfig { tries_max: 3, ..WebhookConfig::new(url, "secret://env/NONE".to_owned()) }
}

fn notifier(world: &World, name: &str, config: &WebhookConfig) -> Notifier {
    config.check().unwrap();
    let webhook = Webhook::new(config, &Secret::new(KEY)).unwrap();
    Notifier::new(name.to_owned(), world.store.clone(), webhook, world.ambient.clone(), config.clone())
}

async fn raised(world: &World, kind: AlertKind, subject: &str) -> Alert {
    let alert = fixtures::alert(&*world.ambient, kind, subject);
    world.store.alerts_raise(std::slice::from_ref(&alert)).await.unwrap();
    world.ambient.advance(TimeDelta::milliseconds(1));
    alert
}

async fn round(notifier: &mut Notifier) -> (u64, u64) {
    let Notified { told, failed } = notifier.round(&CancellationToken::new()).await.unwrap();
    (told, failed)
}

/// Longer than any rest of these tests.
fn rests(world: &World) {
    world.ambient.advance(TimeDelta::minutes(10));
}

pub(crate) async fn alerts_that_are_raised_and_closed_are_told_once_each(world: World) {
    let receiver = Receiver::start().await;
    let mut notifier = notifier(&world, "a", &config(receiver.address));
    assert_eq!(round(&mut notifier).await, (0, 0));
    let mut alert = fixtures::alert(&*world.ambient, AlertKind::FeedDown, "file:///not/to/be/told");
    alert.message = "the feed\u{7} can't\nbe read".to_owned();
    world.store.alerts_raise(std::slice::from_ref(&alert)).await.unwrap();
    assert_eq!(round(&mut notifier).await, (1, 0));
    world.store.alerts_acknowledge(&[alert.id], world.ambient.now()).await.unwrap();
    assert_eq!(round(&mut notifier).await, (1, 0));
    assert_eq!(round(&mut notifier).await, (0, 0));
    let told = |event: &str| Heard {
        id: format!("{}_{event}", alert.id),
        body: json!({
            "type": format!("alert.{event}"),
            "data": {
                "alert_id": alert.id,
                "kind": "feed_down",
                "severity": "critical",
                "reason_code": "attempts_exhausted",
                "message": "the feed can't be read",
                "trace_id": alert.trace_id,
                "raised_at": alert.created_at,
            },
        }),
    };
    let mut heard = receiver.heard();
    for one in &mut heard {
        let sent = one.body.as_object_mut().unwrap().remove("timestamp").unwrap();
        let sent: chrono::DateTime<chrono::Utc> = sent.as_str().unwrap().parse().unwrap();
        assert!((alert.created_at..world.ambient.now()).contains(&sent), "{sent}");
    }
    assert_eq!(heard, [told("raised"), told("closed")]);
}

pub(crate) async fn a_receiver_that_is_down_is_told_when_it_is_back(world: World) {
    let place = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = place.local_addr().unwrap();
    drop(place);
    let mut notifier = notifier(&world, "a", &config(address));
    let alert = raised(&world, AlertKind::SpendOverrun, "a").await;
    let later = raised(&world, AlertKind::FeedStale, "b").await;
    // What is down for one is down for all: one try a look.
    assert_eq!(round(&mut notifier).await, (0, 1));
    rests(&world);
    let receiver = Receiver::at(address).await;
    assert_eq!(round(&mut notifier).await, (2, 0));
    let ids: Vec<_> = receiver.heard().into_iter().map(|heard| heard.id).collect();
    assert_eq!(ids, [format!("{}_raised", alert.id), format!("{}_raised", later.id)]);
}

pub(crate) async fn slow_and_broken_answers_are_tried_again_under_the_same_id(world: World) {
    let receiver = Receiver::start().await;
    let mut notifier = notifier(&world, "a", &WebhookConfig { timeout_ms: 500, ..config(receiver.address) });
    receiver.replies([Reply::Silence, Reply::Status(500), Reply::Status(200)]);
    raised(&world, AlertKind::HitlOverdue, "a").await;
    for wanted in [(0, 1), (0, 1), (1, 0), (0, 0)] {
        assert_eq!(round(&mut notifier).await, wanted);
        if wanted.1 > 0 {
            assert_eq!(world.store.alerts_untold(world.ambient.now(), 9).await.unwrap().len(), 0, "it rests");
        }
        rests(&world);
    }
    let heard = receiver.heard();
    assert_eq!(heard.len(), 3);
    assert!(heard.iter().all(|one| one.id == heard[0].id), "{heard:?}");
}

pub(crate) async fn what_cant_be_told_is_given_up_and_complained_of(world: World) {
    let receiver = Receiver::start().await;
    let mut notifier = notifier(&world, "a", &config(receiver.address));
    receiver.replies(vec![Reply::Status(503); 4]);
    raised(&world, AlertKind::GovernorCap, "a").await;
    for _ in 0..3 {
        assert_eq!(round(&mut notifier).await, (0, 1));
        rests(&world);
    }
    let open = world.store.alerts_open(9).await.unwrap();
    let complaint = open.iter().find(|alert| alert.kind == AlertKind::WebhookDown).expect("a complaint");
    let says = "governor_cap was raised, after 3 tries: it answered 503";
    assert!(complaint.message.contains(says) && !complaint.message.contains("s3cret"), "{}", complaint.message);
    // It is told like any other, once it can be, and ends by that.
    assert_eq!(round(&mut notifier).await, (0, 1));
    rests(&world);
    assert_eq!(round(&mut notifier).await, (1, 0));
    assert_eq!(round(&mut notifier).await, (1, 0));
    let told = receiver.told();
    let last: Vec<_> = told[4..].iter().map(|(event, kind)| (event.as_str(), kind.as_str())).collect();
    assert_eq!(last, [("alert.raised", "webhook_down"), ("alert.closed", "webhook_down")]);
    let open: Vec<_> = world.store.alerts_open(9).await.unwrap().into_iter().map(|alert| alert.kind).collect();
    assert_eq!(open, [AlertKind::GovernorCap], "what it could not tell of is still open");
}

pub(crate) async fn a_receiver_that_wants_another_key_or_place_hears_nothing(world: World) {
    let (receiver, other) = (Receiver::start().await, Receiver::start().await);
    raised(&world, AlertKind::DeadLetter, "a").await;
    let settings = config(receiver.address);
    let wrong = Webhook::new(&settings, &Secret::new("x".repeat(32))).unwrap();
    let ambient = world.ambient.clone();
    let mut stranger = Notifier::new("a".to_owned(), world.store.clone(), wrong, ambient, settings.clone());
    assert_eq!(round(&mut stranger).await, (0, 1));
    assert_eq!(receiver.heard(), []);
    rests(&world);
    let mut notifier = notifier(&world, "a", &settings);
    receiver.replies([Reply::Elsewhere(format!("http://{}/hooks/s3cret?team=1", other.address))]);
    assert_eq!(round(&mut notifier).await, (0, 1));
    assert_eq!(other.heard(), [], "nobody is told but whom the operator named");
    rests(&world);
    assert_eq!(round(&mut notifier).await, (1, 0));
}

pub(crate) async fn of_two_notifiers_one_tells(world: World) {
    let receiver = Receiver::start().await;
    let settings = config(receiver.address);
    let (mut a, mut b) = (notifier(&world, "a", &settings), notifier(&world, "b", &settings));
    for n in 0..12 {
        raised(&world, AlertKind::DeadLetter, &n.to_string()).await;
    }
    let both = tokio::join!(round(&mut a), round(&mut b));
    assert!([((12, 0), (0, 0)), ((0, 0), (12, 0))].contains(&both), "{both:?}");
    let ids: BTreeSet<_> = receiver.heard().into_iter().map(|heard| heard.id).collect();
    assert_eq!((ids.len(), receiver.heard().len()), (12, 12));
}

pub(crate) async fn what_was_cut_off_is_told_again_by_whoever_comes_next(world: World) {
    let receiver = Receiver::start().await;
    let settings = WebhookConfig { timeout_ms: 25_000, ..config(receiver.address) };
    let (mut first, mut next) = (notifier(&world, "first", &settings), notifier(&world, "next", &settings));
    receiver.replies([Reply::Silence]);
    raised(&world, AlertKind::DeadLetter, "a").await;
    // It vanishes while the receiver, that has heard it, is yet to answer.
    let killed = TaskTracker::new().spawn(async move { round(&mut first).await });
    eventually("heard", || async { (receiver.heard().len() == 1).then_some(()) }).await;
    killed.abort();
    assert!(killed.await.unwrap_err().is_cancelled());
    assert_eq!(round(&mut next).await, (0, 0), "the duty is not free yet");
    // As if its lease had lapsed.
    assert!(world.store.duty_release(Duty::Notify, "first").await.unwrap());
    assert_eq!(round(&mut next).await, (1, 0));
    let heard = receiver.heard();
    assert_eq!(heard.len(), 2);
    assert_eq!(heard[0].id, heard[1].id, "by which the receiver knows it");
}

pub(crate) async fn a_notifier_at_work_tells_by_itself_and_lays_its_duty_down(world: World) {
    let receiver = Receiver::start().await;
    let notifier = notifier(&world, "a", &config(receiver.address));
    let cancel = CancellationToken::new();
    let running = TaskTracker::new().spawn(notifier.serve(cancel.clone()));
    raised(&world, AlertKind::HitlBacklog, "a").await;
    eventually("told", || async { (receiver.told().len() == 1).then_some(()) }).await;
    cancel.cancel();
    tokio::time::timeout(Duration::from_secs(60), running).await.expect("it does not stop").unwrap();
    assert!(world.store.duty_hold(Duty::Notify, "b", Duration::from_secs(1)).await.unwrap().is_some());
}
