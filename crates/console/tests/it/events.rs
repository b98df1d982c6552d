//! Events: that something has changed, and never what.

use std::time::Duration;

use chimera_domain::{AgentTask, AlertKind, Ambient as _, TaskState};
use chimera_store::Drafts;
use chimera_testkit::fixtures;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{desk::waiting, world::World};

/// Somebody who listens to events.
struct Ear {
    stream: TcpStream,
    heard: String,
}

impl Ear {
    async fn listening(world: &World) -> Self {
        let mut stream = TcpStream::connect(world.address).await.unwrap();
        let request =
            format!("GET /api/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\r\n", world.token);
        stream.write_all(request.as_bytes()).await.unwrap();
        Self { stream, heard: String::new() }
    }

    /// Everything heard, once it holds so many of these events.
    async fn hears(&mut self, event: &str, count: usize) -> &str {
        let (event, mut bytes) = (format!("event: {event}\n"), [0; 1024]);
        while self.heard.matches(&event).count() < count {
            let read =
                tokio::time::timeout(Duration::from_secs(60), self.stream.read(&mut bytes)).await.expect("silence");
            let read = read.unwrap();
            assert!(read > 0, "closed: {}", self.heard);
            self.heard.push_str(std::str::from_utf8(&bytes[..read]).unwrap());
        }
        &self.heard
    }
}

pub(crate) async fn whoever_listens_hears_of_plans_alerts_and_posts(world: World) {
    world.published("Wool", "https://platform.test/1").await;
    let mut ear = Ear::listening(&world).await;
    // From the first look on it is told what differs.
    let (mut alerts, mut looks) = (Vec::new(), 0);
    while !ear.heard.contains("event: alerts\n") {
        alerts.push(fixtures::alert(&*world.ambient, AlertKind::FeedDown, &format!("feed {looks}")));
        world.store.alerts_raise(&alerts[looks..]).await.unwrap();
        looks += 1;
        let mut bytes = [0; 1024];
        let heard = tokio::time::timeout(Duration::from_secs(1), ear.stream.read(&mut bytes)).await;
        let read = heard.map_or(0, Result::unwrap);
        ear.heard.push_str(std::str::from_utf8(&bytes[..read]).unwrap());
        assert!(looks < 60, "silence");
    }
    assert!(!ear.heard.contains("event: fleet") && !ear.heard.contains("event: published"), "{}", ear.heard);
    let told = ear.heard.matches("event: alerts\n").count();
    let ids: Vec<_> = alerts.iter().map(|alert| alert.id).collect();
    world.store.alerts_acknowledge(&ids, world.ambient.now()).await.unwrap();
    ear.hears("alerts", told + 1).await;
    // A plan comes, and goes.
    let signal = world.signal("Secret silk");
    let dag = fixtures::dag(&*world.ambient, &world.campaign, &world.agent, &signal);
    let dag = dag.into_iter().map(|task| AgentTask { state: TaskState::Draft, ..task }).collect();
    world.plan(&signal, dag).await;
    ear.hears("plans", 1).await;
    let these = Drafts { signals: &[signal.id], channel: None, seen: None };
    world.store.drafts_drop(these, "no", world.ambient.now()).await.unwrap();
    ear.hears("plans", 2).await;
    world.ambient.advance(chrono::Duration::minutes(1));
    let (_, artifact) = world.published("Linen", "https://platform.test/2").await;
    let told = ear.hears("published", 1).await;
    assert!(told.contains("event: fleet\n"), "{told}");
    for secret in ["Secret silk", "platform.test", "feed 0", &artifact.id.to_string()] {
        assert!(!told.contains(secret), "it says only: look. {told}");
    }
    // However many listen, the database is asked once a moment.
    let mut others = Vec::new();
    for _ in 0..8 {
        others.push(Ear::listening(&world).await);
    }
    for other in &mut others {
        other.hears("hitl", 1).await;
    }
    let before = (world.store.statistics().statements, tokio::time::Instant::now());
    for other in &mut others {
        let again = fixtures::alert(&*world.ambient, AlertKind::FeedDown, &other.heard.len().to_string());
        world.store.alerts_raise(&[again]).await.unwrap();
        other.hears("alerts", 1).await;
    }
    let asked = world.store.statistics().statements - before.0;
    let looks = before.1.elapsed().as_secs() / 2 + 2;
    assert!(asked <= looks + others.len() as u64, "{asked} statements in {looks} looks");
}

pub(crate) async fn whoever_listens_hears_of_the_queue_and_holds_up_no_end(world: World) {
    let case = waiting(&world, "Silk").await;
    let mut ear = Ear::listening(&world).await;
    let open = ear.hears("hitl", 1).await;
    assert!(open.contains("text/event-stream"), "{open}");
    let taken = world.as_token(&world.token, "POST", &case.path("reject"), &case.saying("")).await;
    assert_eq!(taken.status, 200);
    let told = ear.hears("hitl", 2).await;
    assert!(!told.contains(&case.ticket.id.to_string()) && !told.contains("Silk"), "it says only: look. {told}");
    world.cancel.cancel();
    tokio::time::timeout(Duration::from_secs(60), world.serving).await.expect("it waits for listeners").unwrap();
}
