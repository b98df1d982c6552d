//! The queues' conformance suite: what every backend must do, on each backend.

#![expect(clippy::unwrap_used, reason = "in what only tests call, a panic is the report")]

use std::{future::Future, sync::Arc, time::Duration};

use chimera_bus::{Bus, InProcessBus, Queue};
use chimera_domain::TaskId;
use chimera_testkit::SeededAmbient;

const SOON: Duration = Duration::from_millis(200);

/// Runs one case on every backend, each with queues of its own.
async fn on_each_backend<F: Future<Output = ()>>(case: impl Fn(Arc<dyn Bus>) -> F) {
    case(Arc::new(InProcessBus::new())).await;
}

fn ids(count: usize) -> Vec<TaskId> {
    let ambient = SeededAmbient::new(7);
    (0..count).map(|_| TaskId::generate(&ambient)).collect()
}

async fn taken(bus: &dyn Bus, queue: Queue, max: usize) -> Vec<TaskId> {
    bus.take(queue, max, Duration::ZERO).await.unwrap().into_iter().map(|d| d.task_id).collect()
}

#[tokio::test]
async fn ids_come_out_in_order_and_in_batches() {
    on_each_backend(|bus| async move {
        let ids = ids(5);
        bus.push(Queue::Task, &ids).await.unwrap();
        assert_eq!(bus.depth(Queue::Task).await.unwrap(), 5);
        assert_eq!(taken(&*bus, Queue::Task, 3).await, ids[..3]);
        assert_eq!(taken(&*bus, Queue::Task, 3).await, ids[3..]);
        assert!(taken(&*bus, Queue::Task, 3).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn queues_do_not_mix_and_a_waiting_id_is_kept_once() {
    on_each_backend(|bus| async move {
        let ids = ids(2);
        bus.push(Queue::Task, &ids).await.unwrap();
        bus.push(Queue::Task, &ids).await.unwrap();
        bus.push(Queue::Review, &ids[..1]).await.unwrap();
        assert_eq!(taken(&*bus, Queue::Task, 9).await, ids);
        assert_eq!(taken(&*bus, Queue::Review, 9).await, ids[..1]);
        bus.push(Queue::Task, &ids).await.unwrap();
        assert_eq!(taken(&*bus, Queue::Task, 9).await, ids, "taken ids may be offered again");
    })
    .await;
}

#[tokio::test]
async fn a_push_wakes_a_waiting_taker() {
    on_each_backend(|bus| async move {
        let ids = ids(1);
        let waiting = bus.take(Queue::Publish, 1, Duration::from_secs(60));
        let (got, pushed) = tokio::join!(waiting, bus.push(Queue::Publish, &ids));
        pushed.unwrap();
        assert_eq!(got.unwrap()[0].task_id, ids[0]);
    })
    .await;
}

#[tokio::test]
async fn many_takers_share_without_doubling() {
    on_each_backend(|bus| async move {
        let all = ids(500);
        let takers = (0..8).map(|_| async {
            let mut mine = vec![];
            loop {
                let batch = bus.take(Queue::Task, 7, SOON).await.unwrap();
                if batch.is_empty() {
                    return mine;
                }
                mine.extend(batch.into_iter().map(|d| d.task_id));
            }
        });
        let pushing = async {
            for chunk in all.chunks(13) {
                bus.push(Queue::Task, chunk).await.unwrap();
                tokio::task::yield_now().await;
            }
        };
        let (parts, ()) = tokio::join!(futures::future::join_all(takers), pushing);
        let mut got: Vec<_> = parts.concat();
        got.sort();
        assert_eq!(got, all);
    })
    .await;
}
