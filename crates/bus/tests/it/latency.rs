//! How soon an idle taker or listener wakes. The figures are printed; the limits are there to tell a wake-up from a poll.

use std::time::{Duration, Instant};

use chimera_bus::{Bus, Queue, Topic};

use crate::backends::{PATIENCE, ids, on_each_bus};

const ROUNDS: usize = 40;

/// Far more than any wake-up takes, and less than half of the time between two looks.
const GENEROUS: Duration = Duration::from_millis(900);

/// Prints what half of the rounds kept below, and holds it to the limit.
fn judge(what: &str, backend: &str, mut took: Vec<Duration>) {
    took.sort();
    let (p50, p95) = (took[took.len() / 2], took[took.len() * 19 / 20]);
    println!("{what} on {backend}: p50 {p50:?}, p95 {p95:?} over {} rounds", took.len());
    assert!(p50 < GENEROUS, "{what} on {backend}: {p50:?}");
}

fn backend(bus: &dyn Bus) -> &'static str {
    if format!("{bus:?}").starts_with("InProcess") { "in process" } else { "Redis" }
}

#[tokio::test]
async fn a_push_wakes_an_idle_taker() {
    on_each_bus(|bus| async move {
        let (ids, mut took) = (ids(1), vec![]);
        for _ in 0..ROUNDS {
            let pushing = async {
                // By then the taker hangs at the queue.
                tokio::time::sleep(Duration::from_millis(5)).await;
                let began = Instant::now();
                bus.push(Queue::Review, &ids).await.unwrap();
                began
            };
            let taking = async {
                let taken = bus.take(Queue::Review, 9, PATIENCE).await.unwrap();
                (taken, Instant::now())
            };
            let (pushed, (taken, woke)) = tokio::join!(pushing, taking);
            took.push(woke - pushed);
            let receipts: Vec<_> = taken.into_iter().map(|d| d.receipt).collect();
            bus.acknowledge(Queue::Review, &receipts).await.unwrap();
        }
        judge("push to take", backend(&*bus), took);
    })
    .await;
}

#[tokio::test]
async fn a_delayed_push_wakes_an_idle_taker_when_it_falls_due() {
    const DELAY: Duration = Duration::from_millis(20);
    on_each_bus(|bus| async move {
        let (ids, mut took) = (ids(1), vec![]);
        for _ in 0..ROUNDS / 4 {
            let pushing = async {
                tokio::time::sleep(Duration::from_millis(5)).await;
                let began = Instant::now();
                bus.push_after(Queue::Task, &ids, DELAY).await.unwrap();
                began
            };
            let taking = async {
                let taken = bus.take(Queue::Task, 9, PATIENCE).await.unwrap();
                (taken, Instant::now())
            };
            let (pushed, (taken, woke)) = tokio::join!(pushing, taking);
            took.push((woke - pushed).saturating_sub(DELAY));
            let receipts: Vec<_> = taken.into_iter().map(|d| d.receipt).collect();
            bus.acknowledge(Queue::Task, &receipts).await.unwrap();
        }
        judge("due to take", backend(&*bus), took);
    })
    .await;
}

#[tokio::test]
async fn an_announcement_wakes_an_idle_listener() {
    on_each_bus(|bus| async move {
        let (mut listener, mut took) = (bus.listen(Topic::Hitl), vec![]);
        assert!(listener.heard(PATIENCE).await);
        for _ in 0..ROUNDS {
            let announcing = async {
                let began = Instant::now();
                bus.announce(Topic::Hitl).await.unwrap();
                began
            };
            let hearing = async {
                assert!(listener.heard(PATIENCE).await);
                Instant::now()
            };
            let (announced, woke) = tokio::join!(announcing, hearing);
            took.push(woke - announced);
        }
        judge("announce to hear", backend(&*bus), took);
    })
    .await;
}
