//! Redis forgets everything, or goes and comes back, in the middle of work. Each test has a server of its own.

use std::time::{Duration, Instant};

use chimera_bus::{Bus as _, BusError, DeliveryPolicy, Queue, RedisBus, RedisLinkError};
use chimera_domain::TaskId;
use chimera_testkit::TestRedis;

use crate::backends::{PATIENCE, ids, link, redis_bus};

async fn fresh() -> (TestRedis, RedisBus) {
    let server = TestRedis::start().unwrap();
    let bus = redis_bus(&server, "faults", DeliveryPolicy::default(), 1).await;
    (server, bus)
}

async fn take_one(bus: &RedisBus) -> TaskId {
    bus.take(Queue::Task, 1, PATIENCE).await.unwrap().remove(0).task_id
}

/// Waits until a taker hangs at the server.
async fn until_one_waits(server: &TestRedis) {
    let client = redis::Client::open(server.url()).unwrap();
    let mut bare = client.get_multiplexed_async_connection().await.unwrap();
    let began = Instant::now();
    loop {
        let clients: String = redis::cmd("INFO").arg("clients").query_async(&mut bare).await.unwrap();
        if clients.contains("blocked_clients:1") {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "{clients}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn a_flush_between_two_calls_heals_by_itself() {
    let (server, bus) = fresh().await;
    let ids = ids(4);
    bus.push(Queue::Task, &ids[..2]).await.unwrap();
    bus.push_after(Queue::Task, &ids[..2], PATIENCE).await.unwrap();
    let held = bus.take(Queue::Task, 1, Duration::ZERO).await.unwrap();
    server.flush().unwrap();
    assert_eq!(bus.depth(Queue::Task).await.unwrap(), 0);
    bus.acknowledge(Queue::Task, &[held[0].receipt.clone()]).await.unwrap();
    bus.push(Queue::Task, &ids[2..3]).await.unwrap();
    assert_eq!(take_one(&bus).await, ids[2]);
    server.flush().unwrap();
    assert!(bus.take(Queue::Task, 1, Duration::ZERO).await.unwrap().is_empty());
    bus.push_after(Queue::Task, &ids[3..], Duration::from_millis(5)).await.unwrap();
    assert_eq!(take_one(&bus).await, ids[3]);
}

#[tokio::test]
async fn a_flush_below_a_waiting_taker_heals_by_itself() {
    let (server, bus) = fresh().await;
    let ids = ids(1);
    let began = Instant::now();
    let disturb = async {
        until_one_waits(&server).await;
        server.flush().unwrap();
        bus.push(Queue::Task, &ids).await.unwrap();
    };
    let (taken, ()) = tokio::join!(take_one(&bus), disturb);
    assert_eq!(taken, ids[0]);
    assert!(began.elapsed() < PATIENCE);
}

#[tokio::test]
async fn a_restart_in_the_middle_heals_by_itself() {
    let (server, bus) = fresh().await;
    let ids = ids(3);
    bus.push(Queue::Task, &ids[..1]).await.unwrap();
    assert_eq!(take_one(&bus).await, ids[0]);
    server.stop();
    server.start_again().unwrap();
    // Without one failing call: the dead connections are replaced below it.
    bus.push(Queue::Task, &ids[1..2]).await.unwrap();
    assert_eq!(take_one(&bus).await, ids[1]);

    let ping = link(&server, "faults").await;
    ping.ping().await.unwrap();
    server.stop();
    let error = bus.push(Queue::Task, &ids[2..]).await.unwrap_err();
    assert!(matches!(error, BusError::Unavailable { name: "task_queue", .. }), "{error:?}");
    let error = bus.take(Queue::Review, 1, PATIENCE).await.unwrap_err();
    assert!(matches!(error, BusError::Unavailable { name: "review_queue", .. }), "{error:?}");
    assert!(matches!(ping.ping().await.unwrap_err(), RedisLinkError::Unreachable { .. }));
    server.start_again().unwrap();
    bus.push(Queue::Task, &ids[2..]).await.unwrap();
    assert_eq!(take_one(&bus).await, ids[2]);
    ping.ping().await.unwrap();
}

#[tokio::test]
async fn a_taker_whose_server_goes_is_told_and_can_go_on() {
    let (server, bus) = fresh().await;
    let began = Instant::now();
    let disturb = async {
        until_one_waits(&server).await;
        server.stop();
    };
    let (taken, ()) = tokio::join!(bus.take(Queue::Task, 1, PATIENCE * 9), disturb);
    assert!(matches!(taken.unwrap_err(), BusError::Unavailable { .. }));
    assert!(began.elapsed() < PATIENCE);
    server.start_again().unwrap();
    let ids = ids(1);
    let (taken, pushed) = tokio::join!(take_one(&bus), bus.push(Queue::Task, &ids));
    pushed.unwrap();
    assert_eq!(taken, ids[0]);
}

#[tokio::test]
async fn a_process_may_start_before_its_server() {
    let server = TestRedis::start().unwrap();
    server.stop();
    let bus = redis_bus(&server, "early", DeliveryPolicy::default(), 1).await;
    bus.push(Queue::Task, &ids(1)).await.unwrap_err();
    server.start_again().unwrap();
    bus.push(Queue::Task, &ids(1)).await.unwrap();
    assert_eq!(take_one(&bus).await, ids(1)[0]);
}
