//! The cases of `memory.rs` on Weaviate: on the one that `WEAVIATE_URL` names, else on a stand-in that takes what
//! Weaviate's published OpenAPI describes, and refuses everything else.

mod stand_in;
mod syntax;

use std::sync::Arc;

use chimera_domain::{Ambient as _, TenantId};
use chimera_store::memory::{MemoryIndex, WeaviateConfig, WeaviateMemory};
use chimera_testkit::Backends;
use tokio::task::AbortHandle;

use crate::world::World;

/// Where Weaviate is.
#[derive(Debug)]
pub(crate) struct Weaviate {
    pub(crate) config: WeaviateConfig,
    server: Option<AbortHandle>,
}

impl Drop for Weaviate {
    fn drop(&mut self) {
        if let Some(server) = &self.server {
            server.abort();
        }
    }
}

impl Weaviate {
    async fn find(world: &World) -> Self {
        let (url, server) = match std::env::var("WEAVIATE_URL") {
            Ok(url) => (url, None),
            Err(_) => {
                let (url, server) = stand_in::start().await;
                (url, Some(server))
            }
        };
        let mut config = WeaviateConfig::new(url.parse().unwrap());
        // Classes of its own in each test, on a server that others use too.
        let [a, b, c, d, ..] = world.ambient.random();
        config.prefix = format!("Test{:08x}{:04x}", u32::from_be_bytes([a, b, c, d]), std::process::id());
        Self { config, server }
    }

    /// Memories there, as a process of its own has them.
    pub(crate) fn memories(&self, tenant: TenantId) -> Arc<dyn MemoryIndex> {
        Arc::new(WeaviateMemory::new(&self.config, tenant).unwrap())
    }
}

async fn world() -> World {
    let mut world = World::over(Backends::embedded()).await;
    world.weaviate = Some(Weaviate::find(&world).await);
    world
}

macro_rules! cases {
    ($($case:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                crate::memory::$case(world().await).await;
            }
        )*
    };
}

cases! {
    memories_come_back_whole_nearest_first
    adding_again_changes_nothing
    an_agent_reaches_only_its_own_memories
    another_tenant_finds_nothing
    vectors_of_different_models_are_never_compared
    searches_are_narrowed_by_kind_and_age
    the_last_hour_comes_back_newest_first
    what_is_forgotten_is_gone_for_everyone
    what_another_process_adds_is_found_at_once
    the_nearest_of_thousands_are_found
    long_vectors_are_kept_and_found
    hostile_words_are_kept_as_they_are
}

#[tokio::test]
async fn what_weaviate_does_wrong_is_said_in_words() {
    let nobody = WeaviateConfig::new("http://127.0.0.1:9".parse().unwrap());
    let world = world().await;
    let memory = WeaviateMemory::new(&nobody, world.store.tenant()).unwrap();
    let away = memory.count(world.agent.id).await.unwrap_err().to_string();
    assert!(away.contains("see that it runs"), "{away}");
    for (prefix, key) in [("lower", None), ("Has space", None), ("Fine", Some("two\nlines".to_owned()))] {
        let config = WeaviateConfig { prefix: prefix.to_owned(), api_key: key, ..nobody.clone() };
        assert!(WeaviateMemory::new(&config, world.store.tenant()).is_err(), "{prefix}");
    }
    let secret = WeaviateConfig { api_key: Some("s3cret".to_owned()), ..nobody };
    assert!(
        !format!("{secret:?} {:?}", WeaviateMemory::new(&secret, world.store.tenant()).unwrap()).contains("s3cret")
    );
}
