//! The answers of a process, with checks that a test turns on and off.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use axum::body::to_bytes;

use super::*;

#[derive(Debug, Default)]
struct Thing {
    gone: AtomicBool,
    silent: AtomicBool,
    asked: AtomicU32,
}

#[async_trait]
impl Check for Thing {
    fn name(&self) -> &str {
        "thing"
    }

    async fn missing(&self) -> Vec<Missing> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if self.silent.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        let gone = self.gone.load(Ordering::SeqCst);
        gone.then(|| Missing::new("thing", "bring it back")).into_iter().collect()
    }
}

#[derive(Debug, Default)]
struct Count(AtomicU32);

#[async_trait]
impl Figures for Count {
    async fn prometheus(&self) -> String {
        format!("asked {}\n", self.0.fetch_add(1, Ordering::SeqCst) + 1)
    }
}

fn probes() -> Probes {
    Probes::new("worker", "host-1", Arc::new(Count::default()))
}

async fn body(response: Response) -> (u16, serde_json::Value) {
    let status = response.status().as_u16();
    (status, serde_json::from_slice(&to_bytes(response.into_body(), 1 << 20).await.unwrap()).unwrap())
}

async fn readiness(probes: &Probes) -> (u16, serde_json::Value) {
    body(ready(State(probes.clone())).await).await
}

#[tokio::test(start_paused = true)]
async fn a_process_is_ready_once_nothing_is_missing_and_until_it_stops() {
    let probes = probes();
    let (status, report) = readiness(&probes).await;
    assert_eq!((status, &report["missing"]), (503, &json!(["start"])));

    probes.waits_for(Missing::new("database", "start it"));
    let (status, report) = readiness(&probes).await;
    assert_eq!((status, &report["reasons"]), (503, &json!({"database": "start it"})));

    let thing = Arc::new(Thing::default());
    probes.runs(vec![thing.clone()]);
    let (status, report) = readiness(&probes).await;
    let ready = json!({"ready": true, "role": "worker", "instance": "host-1", "missing": [], "reasons": {}});
    assert_eq!((status, report), (200, ready));

    thing.gone.store(true, Ordering::SeqCst);
    tokio::time::advance(FRESH).await;
    let (status, report) = readiness(&probes).await;
    assert_eq!((status, &report["reasons"]), (503, &json!({"thing": "bring it back"})));

    probes.stops();
    assert_eq!(readiness(&probes).await.1["missing"], json!(["stop"]));
}

#[tokio::test(start_paused = true)]
async fn asking_often_asks_the_thing_once_a_moment() {
    let probes = probes();
    let thing = Arc::new(Thing::default());
    probes.runs(vec![thing.clone()]);
    let many = (0..50).map(|_| readiness(&probes)).collect::<FuturesUnordered<_>>();
    assert!(many.collect::<Vec<_>>().await.iter().all(|(status, _)| *status == 200));
    assert_eq!(thing.asked.load(Ordering::SeqCst), 1);
    tokio::time::advance(FRESH).await;
    readiness(&probes).await;
    assert_eq!(thing.asked.load(Ordering::SeqCst), 2);
    for _ in 0..3 {
        assert_eq!(probes.figures().await, "asked 1\n");
    }
    tokio::time::advance(FRESH).await;
    assert_eq!(probes.figures().await, "asked 2\n");
}

#[tokio::test(start_paused = true)]
async fn a_check_without_an_answer_is_missing_in_time() {
    let probes = probes();
    let thing = Arc::new(Thing::default());
    thing.silent.store(true, Ordering::SeqCst);
    probes.runs(vec![thing]);
    let began = Instant::now();
    let (status, report) = readiness(&probes).await;
    assert_eq!((status, &report["missing"]), (503, &json!(["thing"])));
    assert!(began.elapsed() <= CHECK_MAX + Duration::from_millis(10), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_broken_role_is_no_life() {
    let probes = probes();
    let (status, report) = body(health(State(probes.clone())).await).await;
    assert_eq!((status, &report["status"]), (200, &json!("live")));
    probes.broke("judge");
    let (status, report) = body(health(State(probes)).await).await;
    assert_eq!((status, &report["broken"]), (503, &json!("judge")));
}
