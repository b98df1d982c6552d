//! Each backend, ready for a case.

use std::{future::Future, sync::Arc, time::Duration};

use chimera_bus::{
    Bus, DeliveryPolicy, InProcessBus, InProcessSpend, RedisBus, RedisConfig, RedisLink, RedisSpend, Spend,
};
use chimera_domain::TaskId;
use chimera_testkit::{SeededAmbient, TestRedis};

/// Longer than anything that works takes, even on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Runs one case on every backend, each with queues of its own.
pub(crate) async fn on_each_bus<F: Future<Output = ()>>(case: impl Fn(Arc<dyn Bus>) -> F) {
    case(Arc::new(InProcessBus::new())).await;
    let server = TestRedis::shared();
    case(Arc::new(redis_bus(server, &server.prefix(), DeliveryPolicy::default(), 1).await)).await;
}

/// Runs one case on every backend, each with counters of its own.
pub(crate) async fn on_each_spend<F: Future<Output = ()>>(case: impl Fn(Arc<dyn Spend>) -> F) {
    case(Arc::new(InProcessSpend::new())).await;
    let server = TestRedis::shared();
    case(Arc::new(RedisSpend::new(link(server, &server.prefix()).await))).await;
}

pub(crate) async fn link(server: &TestRedis, prefix: &str) -> RedisLink {
    let config = RedisConfig { prefix: prefix.to_owned(), ..RedisConfig::new(server.url()) };
    RedisLink::open(&config).await.unwrap()
}

/// A bus with a connection and a name of its own, as another process has.
pub(crate) async fn redis_bus(server: &TestRedis, prefix: &str, policy: DeliveryPolicy, process: u64) -> RedisBus {
    RedisBus::new(link(server, prefix).await, policy, &SeededAmbient::new(process))
}

/// As many ids, in order.
pub(crate) fn ids(count: usize) -> Vec<TaskId> {
    let ambient = SeededAmbient::new(7);
    (0..count).map(|_| TaskId::generate(&ambient)).collect()
}
