//! The notices' conformance suite.

use std::time::{Duration, Instant};

use chimera_bus::{Bus as _, BusError, DeliveryPolicy, Listener, Topic};
use chimera_testkit::TestRedis;

use crate::backends::{PATIENCE, link, on_each_bus, redis_bus};

/// Long enough for a notice that nobody expects.
const MOMENT: Duration = Duration::from_millis(60);

/// Waits until it hears, and until what it had to hear is heard.
async fn attentive(listener: &mut dyn Listener) {
    assert!(listener.heard(PATIENCE).await, "it never began to hear");
    empty(listener).await;
}

async fn empty(listener: &mut dyn Listener) {
    while listener.heard(MOMENT).await {}
}

#[tokio::test]
async fn a_listener_is_told_to_look_when_it_begins_to_hear() {
    on_each_bus(|bus| async move {
        // Before anybody listens.
        bus.announce(Topic::Hitl).await.unwrap();
        let mut listener = bus.listen(Topic::Hitl);
        assert!(listener.heard(PATIENCE).await);
        let began = Instant::now();
        assert!(!listener.heard(MOMENT).await, "nobody announced anything");
        assert!(began.elapsed() >= MOMENT);
    })
    .await;
}

#[tokio::test]
async fn every_listener_hears_a_notice_once() {
    on_each_bus(|bus| async move {
        let (mut first, mut second) = (bus.listen(Topic::Hitl), bus.listen(Topic::Hitl));
        attentive(&mut *first).await;
        attentive(&mut *second).await;
        let began = Instant::now();
        let (heard, also, announced) =
            tokio::join!(first.heard(PATIENCE * 3), second.heard(PATIENCE * 3), bus.announce(Topic::Hitl));
        announced.unwrap();
        assert!(heard && also && began.elapsed() < PATIENCE);
        assert!(!first.heard(MOMENT).await && !second.heard(MOMENT).await);
    })
    .await;
}

#[tokio::test]
async fn what_came_while_nobody_waited_counts_as_one() {
    on_each_bus(|bus| async move {
        let mut listener = bus.listen(Topic::Hitl);
        attentive(&mut *listener).await;
        for _ in 0..50 {
            bus.announce(Topic::Hitl).await.unwrap();
        }
        let mut other = bus.listen(Topic::Hitl);
        // A connection later than the last announcement: what was announced has been sent to the first listener, too.
        assert!(other.heard(PATIENCE).await);
        assert!(listener.heard(PATIENCE).await);
        let mut again = 0;
        while listener.heard(MOMENT).await {
            again += 1;
        }
        // They may have arrived in more than one piece.
        assert!(again < 10, "{again}");
    })
    .await;
}

#[tokio::test]
async fn a_wait_that_is_dropped_loses_no_notice() {
    on_each_bus(|bus| async move {
        let mut listener = bus.listen(Topic::Hitl);
        // One who never waits long comes to hear, too.
        let began = Instant::now();
        while !listener.heard(Duration::from_micros(200)).await {
            assert!(began.elapsed() < PATIENCE, "it never began to hear");
        }
        empty(&mut *listener).await;
        bus.announce(Topic::Hitl).await.unwrap();
        for _ in 0..20 {
            let waiting = listener.heard(PATIENCE);
            tokio::select! {
                biased;
                () = std::future::ready(()) => {}
                _ = waiting => unreachable!("the other branch comes first"),
            }
        }
        assert!(listener.heard(PATIENCE).await);
    })
    .await;
}

#[tokio::test]
async fn processes_hear_each_other_and_nobody_elses() {
    let server = TestRedis::shared();
    let (prefix, other) = (server.prefix(), server.prefix());
    let speaker = redis_bus(server, &prefix, DeliveryPolicy::default(), 1).await;
    let hearer = redis_bus(server, &prefix, DeliveryPolicy::default(), 2).await;
    let stranger = redis_bus(server, &other, DeliveryPolicy::default(), 3).await;
    let (mut near, mut far) = (hearer.listen(Topic::Hitl), stranger.listen(Topic::Hitl));
    attentive(&mut *near).await;
    attentive(&mut *far).await;
    speaker.announce(Topic::Hitl).await.unwrap();
    assert!(near.heard(PATIENCE).await);
    assert!(!far.heard(MOMENT).await);
}

#[tokio::test]
async fn a_listener_outlives_its_server_and_looks_after_the_gap() {
    let server = TestRedis::start().unwrap();
    let bus = redis_bus(&server, "gap", DeliveryPolicy::default(), 1).await;
    let mut listener = bus.listen(Topic::Hitl);
    attentive(&mut *listener).await;
    server.stop();
    let refused = bus.announce(Topic::Hitl).await.unwrap_err();
    assert!(matches!(refused, BusError::Unavailable { name: "hitl", .. }), "{refused:?}");
    assert!(!listener.heard(MOMENT).await, "there is nothing to hear");
    server.start_again().unwrap();
    assert!(listener.heard(PATIENCE).await, "what was announced in the gap must be looked for");
    empty(&mut *listener).await;
    bus.announce(Topic::Hitl).await.unwrap();
    assert!(listener.heard(PATIENCE).await);

    // Cut by an operator, or by a server that found it too slow: the same, and nobody has to do anything.
    let client = redis::Client::open(server.url()).unwrap();
    let mut bare = client.get_multiplexed_async_connection().await.unwrap();
    let cut: u32 = redis::cmd("CLIENT").arg("KILL").arg("TYPE").arg("pubsub").query_async(&mut bare).await.unwrap();
    assert_eq!(cut, 1);
    assert!(listener.heard(PATIENCE).await);
}

#[tokio::test]
async fn a_listener_may_begin_before_its_server() {
    let server = TestRedis::start().unwrap();
    server.stop();
    let bus = redis_bus(&server, "early", DeliveryPolicy::default(), 1).await;
    let mut listener = bus.listen(Topic::Hitl);
    assert!(!listener.heard(MOMENT).await);
    server.start_again().unwrap();
    assert!(listener.heard(PATIENCE).await);
    assert!(link(&server, "early").await.ping().await.is_ok());
}
