//! The queues' conformance suite.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use chimera_bus::{Bus, InProcessBus, Queue};
use chimera_domain::TaskId;

use crate::backends::{PATIENCE, ids, on_each_bus};

async fn taken(bus: &dyn Bus, queue: Queue, max: usize, wait: Duration) -> Vec<TaskId> {
    bus.take(queue, max, wait).await.unwrap().into_iter().map(|d| d.task_id).collect()
}

#[tokio::test]
async fn ids_come_out_in_order_and_in_batches() {
    on_each_bus(|bus| async move {
        let ids = ids(5);
        bus.push(Queue::Task, &ids).await.unwrap();
        assert_eq!(bus.depth(Queue::Task).await.unwrap(), 5);
        assert_eq!(taken(&*bus, Queue::Task, 0, Duration::ZERO).await, []);
        assert_eq!(taken(&*bus, Queue::Task, 3, Duration::ZERO).await, ids[..3]);
        assert_eq!(bus.depth(Queue::Task).await.unwrap(), 2);
        assert_eq!(taken(&*bus, Queue::Task, 3, PATIENCE).await, ids[3..]);
        assert!(taken(&*bus, Queue::Task, 3, Duration::ZERO).await.is_empty());
        assert_eq!(bus.depth(Queue::Task).await.unwrap(), 0);
    })
    .await;
}

#[tokio::test]
async fn queues_do_not_mix_and_taken_ids_may_be_offered_again() {
    on_each_bus(|bus| async move {
        let ids = ids(2);
        bus.push(Queue::Task, &ids).await.unwrap();
        bus.push(Queue::Review, &ids[..1]).await.unwrap();
        bus.push(Queue::Publish, &[]).await.unwrap();
        for _ in 0..2 {
            let taken = bus.take(Queue::Task, 9, Duration::ZERO).await.unwrap();
            assert_eq!(taken.iter().map(|d| d.task_id).collect::<Vec<_>>(), ids);
            let receipts: Vec<_> = taken.into_iter().map(|d| d.receipt).collect();
            bus.acknowledge(Queue::Task, &receipts).await.unwrap();
            bus.acknowledge(Queue::Task, &receipts).await.unwrap();
            bus.push(Queue::Task, &ids).await.unwrap();
        }
        assert_eq!(taken(&*bus, Queue::Review, 9, Duration::ZERO).await, ids[..1]);
        assert_eq!(bus.depth(Queue::Publish).await.unwrap(), 0);
    })
    .await;
}

/// Only promised where it is cheap: elsewhere the claim in the database sorts doubles out.
#[tokio::test]
async fn in_process_a_waiting_id_is_kept_once() {
    let (bus, ids) = (InProcessBus::new(), ids(2));
    bus.push(Queue::Task, &ids).await.unwrap();
    bus.push(Queue::Task, &ids).await.unwrap();
    assert_eq!(taken(&bus, Queue::Task, 9, Duration::ZERO).await, ids);
    assert!(taken(&bus, Queue::Task, 9, Duration::ZERO).await.is_empty());
}

#[tokio::test]
async fn a_push_wakes_a_waiting_taker() {
    on_each_bus(|bus| async move {
        let ids = ids(1);
        let began = Instant::now();
        let waiting = bus.take(Queue::Publish, 1, PATIENCE * 3);
        let (got, pushed) = tokio::join!(waiting, bus.push(Queue::Publish, &ids));
        pushed.unwrap();
        assert_eq!(got.unwrap()[0].task_id, ids[0]);
        assert!(began.elapsed() < PATIENCE);
    })
    .await;
}

#[tokio::test]
async fn a_taker_waits_no_longer_than_told() {
    on_each_bus(|bus| async move {
        let began = Instant::now();
        assert!(taken(&*bus, Queue::Task, 1, Duration::from_millis(30)).await.is_empty());
        assert!(began.elapsed() >= Duration::from_millis(30) && began.elapsed() < PATIENCE);
    })
    .await;
}

#[tokio::test]
async fn delayed_ids_arrive_when_due_in_the_order_they_fall_due() {
    on_each_bus(|bus| async move {
        let ids = ids(4);
        let (late, soon) = (Duration::from_millis(240), Duration::from_millis(120));
        let began = Instant::now();
        bus.push_after(Queue::Task, &ids[3..], late).await.unwrap();
        bus.push_after(Queue::Task, &ids[1..3], soon).await.unwrap();
        bus.push(Queue::Task, &ids[..1]).await.unwrap();
        bus.push_after(Queue::Review, &ids[..1], PATIENCE * 9).await.unwrap();
        assert_eq!(taken(&*bus, Queue::Task, 1, Duration::ZERO).await, ids[..1]);
        let mut rest = vec![];
        while rest.len() < 3 {
            rest.extend(taken(&*bus, Queue::Task, 1, PATIENCE).await);
            // Redis counts whole milliseconds.
            let due = if rest.len() < 3 { soon } else { late } - Duration::from_millis(1);
            assert!(began.elapsed() >= due && began.elapsed() < PATIENCE, "{:?}", began.elapsed());
        }
        assert_eq!(rest, ids[1..]);
        assert!(taken(&*bus, Queue::Review, 1, Duration::ZERO).await.is_empty());
        assert_eq!(bus.depth(Queue::Review).await.unwrap(), 0);
    })
    .await;
}

#[tokio::test]
async fn a_delayed_id_reaches_a_taker_that_was_waiting_before() {
    on_each_bus(|bus| async move {
        let ids = ids(1);
        let began = Instant::now();
        let waiting = bus.take(Queue::Task, 1, PATIENCE * 3);
        let (got, pushed) = tokio::join!(waiting, bus.push_after(Queue::Task, &ids, Duration::from_millis(20)));
        pushed.unwrap();
        assert_eq!(got.unwrap()[0].task_id, ids[0]);
        assert!(began.elapsed() < PATIENCE);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn in_process_a_due_id_waits_for_no_second_push_and_no_delay_is_too_long() {
    let (bus, ids) = (InProcessBus::new(), ids(3));
    bus.push_after(Queue::Task, &ids[..1], Duration::MAX).await.unwrap();
    bus.push_after(Queue::Task, &ids[1..2], Duration::from_secs(90)).await.unwrap();
    // The first taker leaves with something else; the second still wakes in time.
    let first = bus.take(Queue::Task, 1, Duration::MAX);
    let second = bus.take(Queue::Task, 1, Duration::from_secs(120));
    let (first, second, pushed) = tokio::join!(first, second, bus.push(Queue::Task, &ids[2..]));
    pushed.unwrap();
    assert_eq!((first.unwrap()[0].task_id, second.unwrap()[0].task_id), (ids[2], ids[1]));
}

#[tokio::test]
async fn many_takers_share_without_doubling() {
    on_each_bus(|bus| async move {
        let all = ids(500);
        let count = AtomicUsize::new(0);
        let began = Instant::now();
        let takers = (0..8).map(|_| async {
            let mut mine = vec![];
            while count.load(Ordering::Relaxed) < all.len() && began.elapsed() < PATIENCE {
                let batch = bus.take(Queue::Task, 7, Duration::from_millis(50)).await.unwrap();
                count.fetch_add(batch.len(), Ordering::Relaxed);
                let (ids, receipts): (Vec<_>, Vec<_>) = batch.into_iter().map(|d| (d.task_id, d.receipt)).unzip();
                mine.extend(ids);
                bus.acknowledge(Queue::Task, &receipts).await.unwrap();
            }
            mine
        });
        let pushing = async {
            for chunk in all.chunks(13) {
                bus.push(Queue::Task, chunk).await.unwrap();
                tokio::task::yield_now().await;
            }
        };
        let (parts, ()) = tokio::join!(futures::future::join_all(takers), pushing);
        let mut got: Vec<_> = parts.concat();
        got.extend(taken(&*bus, Queue::Task, 9, Duration::ZERO).await);
        got.sort();
        assert_eq!(got, all);
    })
    .await;
}
