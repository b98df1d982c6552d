//! What benchmarks ask of Redis.

use chimera_bus::{Bus as _, DeliveryPolicy, Queue, RedisBus, RedisConfig, RedisLink};
use chimera_domain::TaskId;
use chimera_testkit::{SeededAmbient, TestRedis};

async fn link(prefix: &str) -> RedisLink {
    let config = RedisConfig { prefix: prefix.to_owned(), ..RedisConfig::new(TestRedis::shared().url()) };
    RedisLink::open(&config).await.unwrap()
}

#[tokio::test]
async fn keys_of_one_prefix_go_and_no_others() {
    let prefix = TestRedis::shared().prefix();
    let (ours, neighbour) = (link(&prefix).await, link(&format!("{prefix}x")).await);
    assert_eq!((ours.increment("a").await.unwrap(), ours.increment("a").await.unwrap()), (1, 2));
    // More than are looked at in one go.
    for number in 0..1_500 {
        ours.increment(&format!("many-{number}")).await.unwrap();
    }
    neighbour.increment("a").await.unwrap();
    let ambient = SeededAmbient::new(1);
    let bus = RedisBus::new(ours.clone(), DeliveryPolicy::default(), &ambient);
    bus.push(Queue::Task, &[TaskId::generate(&ambient)]).await.unwrap();

    assert_eq!(ours.remove_keys().await.unwrap(), 1_502);
    assert_eq!(ours.remove_keys().await.unwrap(), 0);
    assert_eq!(bus.depth(Queue::Task).await.unwrap(), 0);
    assert_eq!((ours.increment("a").await.unwrap(), neighbour.increment("a").await.unwrap()), (1, 2));
    assert_eq!((ours.remove_keys().await.unwrap(), neighbour.remove_keys().await.unwrap()), (1, 1));
}
