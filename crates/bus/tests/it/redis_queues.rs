//! What only queues in Redis promise: deliveries are claimed again, given up in the end, and counted.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use chimera_bus::{Bus, BusError, DeadLetter, DeliveryPolicy, Queue, QueueState, RedisBus, queue_keys};
use chimera_testkit::TestRedis;

use crate::backends::{PATIENCE, ids, redis_bus};

const HASTY: DeliveryPolicy = DeliveryPolicy { idle_max: Duration::from_millis(40), deliveries_max: 1_000 };

/// A plain connection, to do what Chimera never does.
async fn bare(server: &TestRedis) -> redis::aio::MultiplexedConnection {
    redis::Client::open(server.url()).unwrap().get_multiplexed_async_connection().await.unwrap()
}

#[tokio::test]
async fn what_a_dead_taker_held_is_claimed_by_another() {
    let server = TestRedis::shared();
    let prefix = server.prefix();
    let doomed = redis_bus(server, &prefix, DeliveryPolicy::default(), 1).await;
    let heir = redis_bus(server, &prefix, HASTY, 2).await;
    let ids = ids(25);
    doomed.push(Queue::Task, &ids).await.unwrap();
    assert_eq!(doomed.take(Queue::Task, 25, Duration::ZERO).await.unwrap().len(), 25);
    assert_eq!(heir.depth(Queue::Task).await.unwrap(), 0);
    drop(doomed);

    let (mut claimed, began) = (BTreeSet::new(), Instant::now());
    while claimed.len() < ids.len() && began.elapsed() < PATIENCE {
        // In batches smaller than what was left, so that the search has to go on where it stopped.
        for delivery in heir.take(Queue::Task, 4, PATIENCE).await.unwrap() {
            claimed.insert(delivery.task_id);
            heir.acknowledge(Queue::Task, &[delivery.receipt]).await.unwrap();
        }
    }
    assert!(claimed.iter().eq(&ids));
    let state = heir.state(Queue::Task).await.unwrap();
    assert_eq!((state.waiting, state.taken, state.dead), (0, 0, 0));
}

#[tokio::test]
async fn an_acknowledged_delivery_never_comes_again() {
    let server = TestRedis::shared();
    let bus = redis_bus(server, &server.prefix(), HASTY, 1).await;
    bus.push(Queue::Task, &ids(2)).await.unwrap();
    let mut taken = bus.take(Queue::Task, 2, Duration::ZERO).await.unwrap();
    bus.acknowledge(Queue::Task, &[taken.remove(0).receipt]).await.unwrap();
    let again = bus.take(Queue::Task, 9, PATIENCE).await.unwrap();
    assert_eq!(again.iter().map(|d| d.task_id).collect::<Vec<_>>(), [taken[0].task_id]);
    assert_eq!(again[0].receipt, taken[0].receipt);
}

#[tokio::test]
async fn an_id_that_nobody_can_deal_with_becomes_a_dead_letter() {
    let server = TestRedis::shared();
    let policy = DeliveryPolicy { idle_max: Duration::from_millis(10), deliveries_max: 3 };
    let bus = redis_bus(server, &server.prefix(), policy, 1).await;
    let ids = ids(1);
    bus.push(Queue::Review, &ids).await.unwrap();
    let (mut deliveries, began) = (0, Instant::now());
    while bus.dead_letters(Queue::Review, 9).await.unwrap().is_empty() && began.elapsed() < PATIENCE {
        deliveries += bus.take(Queue::Review, 9, Duration::from_millis(20)).await.unwrap().len();
    }
    assert_eq!(deliveries, 3);
    let letter = DeadLetter { id: ids[0].to_string(), deliveries: 3 };
    assert_eq!(bus.dead_letters(Queue::Review, 9).await.unwrap(), [letter]);
    let state = bus.state(Queue::Review).await.unwrap();
    assert_eq!((state.waiting, state.taken, state.dead), (0, 0, 1));
}

#[tokio::test]
async fn what_is_no_task_id_becomes_a_dead_letter_and_holds_nothing_up() {
    let server = TestRedis::shared();
    let prefix = server.prefix();
    let bus = redis_bus(server, &prefix, DeliveryPolicy::default(), 1).await;
    let stream = queue_keys::stream(&prefix, Queue::Task);
    let mut bare = bare(server).await;
    for (field, value) in [("id", "nonsense"), ("other", "field")] {
        redis::cmd("XADD").arg(&stream).arg("*").arg(field).arg(value).exec_async(&mut bare).await.unwrap();
    }
    let ids = ids(1);
    bus.push(Queue::Task, &ids).await.unwrap();
    assert_eq!(bus.take(Queue::Task, 9, Duration::ZERO).await.unwrap()[0].task_id, ids[0]);
    let texts = bus.dead_letters(Queue::Task, 9).await.unwrap().into_iter().map(|letter| letter.id);
    assert_eq!(texts.collect::<Vec<_>>(), ["", "nonsense"]);
    assert_eq!(bus.dead_letters(Queue::Task, 1).await.unwrap().len(), 1);
    assert_eq!(bus.dead_letters(Queue::Task, 0).await.unwrap(), []);
}

#[tokio::test]
async fn a_queue_is_counted() {
    let server = TestRedis::shared();
    let bus = redis_bus(server, &server.prefix(), DeliveryPolicy::default(), 1).await;
    assert_eq!(bus.state(Queue::Task).await.unwrap(), QueueState::default());
    let ids = ids(6);
    bus.push(Queue::Task, &ids[..4]).await.unwrap();
    bus.push_after(Queue::Task, &ids[3..], PATIENCE * 9).await.unwrap();
    bus.push_after(Queue::Task, &ids[3..], PATIENCE * 99).await.unwrap();
    bus.take(Queue::Task, 1, Duration::ZERO).await.unwrap();
    let state = bus.state(Queue::Task).await.unwrap();
    assert_eq!(state, QueueState { waiting: 3, taken: 1, delayed: 3, dead: 0, lag: Some(3) });
}

#[tokio::test]
async fn a_waiting_taker_holds_up_no_push_and_no_other_taker() {
    let server = TestRedis::shared();
    let bus = redis_bus(server, &server.prefix(), DeliveryPolicy::default(), 1).await;
    let ids = ids(1);
    let began = Instant::now();
    let waiting = (0..20).map(|_| bus.take(Queue::Task, 1, PATIENCE * 9));
    let busy = async {
        for _ in 0..200 {
            bus.push(Queue::Review, &ids).await.unwrap();
            bus.take(Queue::Review, 1, PATIENCE).await.unwrap();
        }
    };
    tokio::select! {
        _ = futures::future::join_all(waiting) => panic!("nothing was pushed there"),
        () = busy => {}
    }
    assert!(began.elapsed() < PATIENCE);
}

#[tokio::test]
async fn a_server_that_refuses_is_told_from_one_that_is_gone() {
    let server = TestRedis::shared();
    let prefix = server.prefix();
    let bus = redis_bus(server, &prefix, DeliveryPolicy::default(), 1).await;
    let mut bare = bare(server).await;
    redis::cmd("SET").arg(queue_keys::stream(&prefix, Queue::Task)).arg(1).exec_async(&mut bare).await.unwrap();
    let refused = bus.push(Queue::Task, &ids(1)).await.unwrap_err();
    assert!(matches!(refused, BusError::Refused { name: "task_queue", .. }), "{refused:?}");
    assert!(refused.to_string().starts_with("task_queue: the server refused"), "{refused}");
    let refused = bus.take(Queue::Task, 1, Duration::ZERO).await.unwrap_err();
    assert!(matches!(refused, BusError::Refused { .. }), "{refused:?}");
}

#[tokio::test]
async fn takers_in_many_processes_share_without_doubling() {
    let server = TestRedis::shared();
    let prefix = server.prefix();
    let mut buses: Vec<RedisBus> = vec![];
    for process in 0..6 {
        buses.push(redis_bus(server, &prefix, DeliveryPolicy::default(), process).await);
    }
    let all = ids(600);
    buses[0].push(Queue::Task, &all).await.unwrap();
    let takers = buses.iter().map(|bus| async move {
        let mut mine = vec![];
        loop {
            let batch = bus.take(Queue::Task, 10, Duration::ZERO).await.unwrap();
            if batch.is_empty() {
                return mine;
            }
            mine.extend(batch.into_iter().map(|d| d.task_id));
        }
    });
    let parts = futures::future::join_all(takers).await;
    assert!(parts.iter().filter(|part| !part.is_empty()).count() > 1);
    let mut got = parts.concat();
    got.sort();
    assert_eq!(got, all);
}
