//! The HITL queue: what waits for people is told at once, to whoever watches.

use std::time::Duration;

use chimera_bus::Listener;
use chimera_domain::Resolution;
use chimera_judge::{Answer, HitlQueue};
use chimera_store::TicketFilter;

use crate::world::World;

/// Longer than anything that works takes, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);
/// Long enough for a notice that nobody expects.
const MOMENT: Duration = Duration::from_millis(60);

/// One that watches in a process of its own, and has begun to hear.
async fn watcher(world: &World) -> (HitlQueue, Box<dyn Listener>) {
    let queue = HitlQueue::new(world.store.clone(), world.another_bus().await);
    let mut listener = queue.listen();
    assert!(listener.heard(PATIENCE).await);
    while listener.heard(MOMENT).await {}
    (queue, listener)
}

pub(crate) async fn whoever_watches_is_told_of_questions_and_answers(world: World) {
    let (queue, mut listener) = watcher(&world).await;
    let sensitive = world.post("Senators argue over a tax on silk").await;
    world.round(&sensitive).await;
    assert!(listener.heard(PATIENCE).await, "nobody told of the question");
    let waiting = queue.next(&TicketFilter { limit: 9, ..TicketFilter::default() }).await.unwrap();
    let [ticket] = waiting.as_slice() else { panic!("{waiting:?}") };
    assert_eq!(ticket.task_id, sensitive.id);
    assert_eq!(queue.depth().await.unwrap().open, 1);

    while listener.heard(MOMENT).await {}
    let answer = Answer {
        ticket_id: ticket.id,
        resolution: Resolution::Rejected,
        by: "mara".to_owned(),
        note: None,
        seen_hash: None,
        edit: None,
        again: false,
    };
    world.desk.answer(answer).await.unwrap();
    assert!(listener.heard(PATIENCE).await, "nobody told of the answer");
    assert_eq!(queue.depth().await.unwrap().open, 0);
}

pub(crate) async fn verdicts_that_ask_nobody_wake_nobody(world: World) {
    let (queue, mut listener) = watcher(&world).await;
    let spotless = world.post("Weavers in Como show a new silk").await;
    world.round(&spotless).await;
    assert!(!listener.heard(MOMENT).await);
    assert_eq!(queue.depth().await.unwrap().open, 0);
}
