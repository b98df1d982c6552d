//! Posts wait for one another, and none is dropped.

use chimera_domain::{
    AgentTask, Ambient as _, Channel, PublicationId, TaskState, TaskType,
    policy::{ChannelPace, PacingRule},
};
use chimera_store::{PublishOutcome, Store};
use chrono::Duration;

use crate::{
    publishing::settlement,
    sweeping::sweep_of,
    world::{LEASE, World},
};

/// Posts on these channels, APPROVED, each a moment after the one before.
async fn approved(world: &World, channels: &[Channel]) -> Vec<AgentTask> {
    let mut posts = Vec::new();
    for channel in channels {
        let signal = world.signal();
        let task = AgentTask { channel: *channel, ..world.task(&signal, TaskType::AssemblePost, vec![]) };
        world.store.plan_commit(&world.plan(vec![signal], vec![task.clone()])).await.unwrap();
        world.approve(task.id).await;
        world.ambient.advance(Duration::seconds(1));
        posts.push(world.stored(task.id).await);
    }
    posts
}

async fn begin(world: &World, store: &Store, posts: &[AgentTask]) -> Vec<chimera_store::PublishCase> {
    let ids: Vec<_> = posts.iter().map(|post| post.id).collect();
    let new: Vec<_> = ids.iter().map(|_| PublicationId::generate(&world.ambient)).collect();
    let mut begun = store.publish_begin(&ids, "publisher", LEASE, world.ambient.now(), &new).await.unwrap();
    begun.sort_by_key(|case| posts.iter().position(|post| post.id == case.task.id));
    begun
}

pub(crate) async fn two_posts_of_one_agent_keep_their_distance(world: World) {
    let store = world.store.clone().paced(PacingRule { gap_minutes: 10, ..PacingRule::default() });
    let posts = approved(&world, &[Channel::Bluesky, Channel::Bluesky, Channel::Threads]).await;
    let begun = begin(&world, &store, &posts).await;
    assert_eq!(begun.iter().map(|case| case.task.id).collect::<Vec<_>>(), [posts[0].id, posts[2].id]);
    assert_eq!(world.stored(posts[1].id).await, posts[1], "it waits as it is");
    assert_eq!(sweep_of(&world, &store).await.approved, [], "and is not delivered in vain");
    // A call that certainly had no effect makes nobody wait.
    let absent = PublishOutcome::Absent { error: "busy".to_owned(), sure: true, rest: std::time::Duration::ZERO };
    let settled = vec![settlement(&begun[0], absent, None)];
    store.publish_settle(settled, world.ambient.now()).await.unwrap();
    assert_eq!(begin(&world, &store, &posts[1..2]).await.len(), 1);
    assert_eq!(begin(&world, &store, &posts[..1]).await.len(), 0, "now it is the other one that waits");
    world.ambient.advance(Duration::minutes(10));
    assert_eq!(sweep_of(&world, &store).await.approved, [posts[0].id]);
    assert_eq!(begin(&world, &store, &posts[..1]).await.len(), 1);
}

pub(crate) async fn an_hour_has_so_many_posts_of_the_whole_fleet_whoever_publishes(world: World) {
    let most = |fleet_posts_per_hour| ChannelPace { fleet_posts_per_hour, gap_minutes: None };
    let channels = [(Channel::Bluesky, most(Some(3)))].into();
    let store = world.store.clone().paced(PacingRule { channels, ..PacingRule::default() });
    let posts = approved(&world, &[Channel::Bluesky; 8]).await;
    let mut publishers = tokio::task::JoinSet::new();
    for post in &posts {
        let (store, id, now) = (store.clone(), post.id, world.ambient.now());
        let new = [PublicationId::generate(&world.ambient)];
        publishers.spawn(async move { store.publish_begin(&[id], "publisher", LEASE, now, &new).await.unwrap().len() });
    }
    assert_eq!(publishers.join_all().await.into_iter().sum::<usize>(), 3);
    let states = world.states(&posts).await;
    assert_eq!(states.iter().filter(|state| **state == TaskState::Approved).count(), 5);
    assert_eq!(sweep_of(&world, &store).await.approved, []);
    world.ambient.advance(Duration::hours(1));
    assert_eq!(sweep_of(&world, &store).await.approved.len(), 5);
    assert_eq!(begin(&world, &store, &posts).await.len(), 3);
}
