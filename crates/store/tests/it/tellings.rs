//! What is to be told of alerts.

use chimera_domain::{Actor, Alert, AlertEvent, AlertKind, Ambient as _};
use chimera_store::{Telling, Untold};
use chimera_testkit::fixtures;
use chrono::Duration;

use crate::world::World;

async fn raised(world: &World, subject: &str) -> Alert {
    let alert = fixtures::alert(&world.ambient, AlertKind::FeedDown, subject);
    world.store.alerts_raise(std::slice::from_ref(&alert)).await.unwrap();
    world.ambient.advance(Duration::seconds(1));
    alert
}

async fn untold(world: &World) -> Vec<Untold> {
    world.store.alerts_untold(world.ambient.now(), 10).await.unwrap()
}

fn brief(untold: &[Untold]) -> Vec<(&str, AlertEvent, u32)> {
    untold.iter().map(|one| (one.alert.subject.as_str(), one.event, one.tries)).collect()
}

async fn acknowledged(world: &World, alert: &Alert) {
    world.store.alerts_acknowledge(&[alert.id], world.ambient.now()).await.unwrap();
}

pub(crate) async fn of_each_alert_its_events_are_told_once_and_in_order(world: World) {
    use AlertEvent::{Closed, Raised};
    assert_eq!(untold(&world).await, []);
    let (a, b) = (raised(&world, "a").await, raised(&world, "b").await);
    // Raised again while it is open is no news.
    raised(&world, "a").await;
    acknowledged(&world, &a).await;
    let first = untold(&world).await;
    assert_eq!(brief(&first), [("a", Raised, 0), ("b", Raised, 0)]);
    assert_eq!(first[1].alert, b);
    assert!(world.store.alert_told(&first[0]).await.unwrap());
    assert!(!world.store.alert_told(&first[0]).await.unwrap(), "once");
    assert_eq!(brief(&untold(&world).await), [("a", Closed, 0), ("b", Raised, 0)]);
    for one in untold(&world).await {
        assert!(world.store.alert_told(&one).await.unwrap());
    }
    assert_eq!(brief(&untold(&world).await), []);
    let ended = world.store.alerts_end(AlertKind::FeedDown, |_| false, &Actor::sweeper()).await.unwrap();
    assert_eq!(ended, ["b"]);
    assert_eq!(brief(&untold(&world).await), [("b", Closed, 0)]);
    // Once it is closed it is raised anew.
    raised(&world, "a").await;
    assert_eq!(brief(&untold(&world).await), [("b", Closed, 0), ("a", Raised, 0)]);
}

pub(crate) async fn a_failed_telling_waits_and_is_given_up(world: World) {
    use AlertEvent::{Closed, Raised};
    let alert = raised(&world, "a").await;
    let first = untold(&world).await.remove(0);
    let telling = async || world.store.alerts_tellings(std::slice::from_ref(&alert)).await.unwrap()[&alert.id].clone();
    assert_eq!(telling().await, Telling::Waits { tries: 0, again: None, error: None });
    let later = world.ambient.now() + Duration::seconds(30);
    assert!(world.store.alert_not_told(&first, "it answered 500", Some(later)).await.unwrap());
    assert!(!world.store.alert_not_told(&first, "late", Some(later)).await.unwrap(), "somebody was first");
    let error = Some("it answered 500".to_owned());
    assert_eq!(telling().await, Telling::Waits { tries: 1, again: Some(later), error: error.clone() });
    assert!(!world.store.alert_told(&first).await.unwrap());
    acknowledged(&world, &alert).await;
    assert_eq!(untold(&world).await, []);
    world.ambient.advance(Duration::seconds(30));
    let second = untold(&world).await;
    assert_eq!(brief(&second), [("a", Raised, 1)]);
    assert!(world.store.alert_not_told(&second[0], "it answered 500", None).await.unwrap());
    // What was given up stands in nobody's way.
    let closing = untold(&world).await;
    assert_eq!(brief(&closing), [("a", Closed, 0)]);
    assert_eq!(telling().await, Telling::Waits { tries: 0, again: None, error });
    assert!(world.store.alert_not_told(&closing[0], "gone", None).await.unwrap());
    assert_eq!(telling().await, Telling::GivenUp("gone".to_owned()));
    let other = raised(&world, "b").await;
    assert!(world.store.alert_told(&untold(&world).await[0]).await.unwrap());
    assert_eq!(world.store.alerts_tellings(&[other.clone()]).await.unwrap()[&other.id], Telling::Told);
}

pub(crate) async fn what_came_and_went_before_anybody_told_of_it_is_passed_over(world: World) {
    let (old, tried) = (raised(&world, "old").await, raised(&world, "tried").await);
    raised(&world, "open").await;
    let first = untold(&world).await.remove(1);
    world.store.alert_not_told(&first, "down", Some(world.ambient.now())).await.unwrap();
    world.ambient.advance(Duration::hours(2));
    let new = raised(&world, "new").await;
    for alert in [&old, &tried, &new] {
        acknowledged(&world, alert).await;
    }
    let before = world.ambient.now() - Duration::hours(1);
    assert_eq!(world.store.alerts_pass_over(before, 10).await.unwrap(), 1);
    assert_eq!(world.store.alerts_pass_over(before, 10).await.unwrap(), 0);
    let left = untold(&world).await;
    assert_eq!(left.iter().map(|one| one.alert.subject.as_str()).collect::<Vec<_>>(), ["tried", "open", "new"]);
}
