//! What agents remember: one suite for every backend.

use chimera_domain::{Agent, AgentId, Ambient as _, FoundMemory, Memory, MemoryId, MemoryKind, MemoryVector, TenantId};
use chimera_store::{
    Store, StoreConfig, StoreError,
    memory::{Embedded, EmbeddedMemory, Forget, MemoryError, MemoryIndex, MemorySearch, in_database},
};
use chimera_testkit::fixtures;
use chrono::TimeDelta;
use uuid::Uuid;

use crate::world::World;

/// A direction between two axes of a space of eight: 0 is the first, 90 the second.
fn towards(model: &str, degrees: f32) -> MemoryVector {
    let (sin, cos) = degrees.to_radians().sin_cos();
    MemoryVector::new(model, vec![cos, sin, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]).unwrap()
}

/// A memory that points there.
fn pointing(world: &World, agent_id: AgentId, degrees: f32) -> Embedded {
    let vector = towards("plane", degrees);
    let (memory, _) = fixtures::memory(&world.ambient, agent_id);
    (Memory { model: vector.model().clone(), ..memory }, vector)
}

fn search(agent_id: AgentId, degrees: f32, limit: usize) -> MemorySearch {
    MemorySearch::new(agent_id, towards("plane", degrees), limit)
}

/// The memories without how near they are.
fn memories(found: &[FoundMemory]) -> Vec<Memory> {
    found.iter().map(|one| one.memory.clone()).collect()
}

async fn found(index: &dyn MemoryIndex, search: &MemorySearch) -> Vec<Memory> {
    memories(&index.search(search).await.unwrap())
}

async fn another_agent(world: &World) -> Agent {
    world.store.agent_save(&fixtures::agent(&world.ambient)).await.unwrap()
}

pub(crate) async fn memories_come_back_whole_nearest_first(world: World) {
    let index = world.memories();
    let agent = world.agent.id;
    let nothing = index.search(&search(agent, 0.0, 5)).await.unwrap();
    assert_eq!((nothing.len(), index.count(agent).await.unwrap()), (0, 0));
    let mut kept: Vec<Embedded> = [40.0, 10.0, 170.0, 25.0].map(|degrees| pointing(&world, agent, degrees)).to_vec();
    kept[3].0.provenance.trace_id = None;
    kept[3].0.provenance.artifact_id = None;
    assert_eq!(index.add(&kept).await.unwrap(), 4);
    let near = index.search(&search(agent, 0.0, 3)).await.unwrap();
    assert_eq!(memories(&near), [kept[1].0.clone(), kept[3].0.clone(), kept[0].0.clone()]);
    for (one, degrees) in near.iter().zip([10.0_f64, 25.0, 40.0]) {
        assert!((one.similarity - degrees.to_radians().cos()).abs() < 1e-5, "{} at {degrees}", one.similarity);
    }
    assert_eq!(found(&*index, &search(agent, 170.0, 1)).await, [kept[2].0.clone()]);
    assert_eq!(found(&*index, &search(agent, 0.0, 100)).await.len(), 4);
    assert_eq!(found(&*index, &search(agent, 0.0, 0)).await, []);
    assert_eq!(index.count(agent).await.unwrap(), 4);
}

pub(crate) async fn adding_again_changes_nothing(world: World) {
    let index = world.memories();
    let agent = world.agent.id;
    let (one, two) = (pointing(&world, agent, 0.0), pointing(&world, agent, 5.0));
    assert_eq!(index.add(&[]).await.unwrap(), 0);
    assert_eq!(index.add(&[one.clone(), one.clone()]).await.unwrap(), 1);
    let mut other_words = one.clone();
    other_words.0.content = "something else".to_owned();
    assert_eq!(index.add(&[other_words, two.clone()]).await.unwrap(), 1);
    assert_eq!(index.count(agent).await.unwrap(), 2);
    assert_eq!(found(&*index, &search(agent, 0.0, 5)).await, [one.0.clone(), two.0]);
    // Forgotten, it may be learned again.
    assert_eq!(index.forget(&Forget::Ids(agent, vec![one.0.id])).await.unwrap(), 1);
    assert_eq!(index.add(&[one.clone()]).await.unwrap(), 1);
    assert_eq!(found(&*index, &search(agent, 0.0, 1)).await, [one.0]);
}

pub(crate) async fn an_agent_reaches_only_its_own_memories(world: World) {
    let index = world.memories();
    let (mine, theirs) = (world.agent.id, another_agent(&world).await.id);
    // The other one's lie nearer, and there are many of them.
    let other: Vec<Embedded> = (0..300).map(|_| pointing(&world, theirs, 1.0)).collect();
    let own = [pointing(&world, mine, 80.0), pointing(&world, mine, 60.0)];
    index.add(&[other.clone(), own.to_vec()].concat()).await.unwrap();
    assert_eq!(found(&*index, &search(mine, 0.0, 10)).await, [own[1].0.clone(), own[0].0.clone()]);
    assert_eq!((index.count(mine).await.unwrap(), index.count(theirs).await.unwrap()), (2, 300));
    let foreign = Forget::Ids(mine, vec![other[0].0.id]);
    assert_eq!(index.forget(&foreign).await.unwrap(), 0, "what another agent remembers can't be forgotten for it");
    assert_eq!(index.forget(&Forget::Agent(mine)).await.unwrap(), 2);
    assert_eq!((index.count(mine).await.unwrap(), index.count(theirs).await.unwrap()), (0, 300));
    assert_eq!(found(&*index, &search(theirs, 0.0, 200)).await.len(), 200);
}

pub(crate) async fn another_tenant_finds_nothing(world: World) {
    let index = world.memories();
    let agent = world.agent.id;
    let one = pointing(&world, agent, 0.0);
    index.add(&[one.clone()]).await.unwrap();
    let tenant = TenantId::from_uuid(Uuid::from_u128(77));
    let other = world.memories_of(tenant).await;
    // Whoever names another tenant's agent and memory still gets nothing.
    assert_eq!(found(&*other, &search(agent, 0.0, 5)).await, []);
    assert_eq!(other.count(agent).await.unwrap(), 0);
    let long_ago = world.ambient.now() - TimeDelta::days(1);
    assert_eq!(other.recent(agent, one.0.kind, long_ago, 5).await.unwrap(), []);
    assert_eq!(other.forget(&Forget::Agent(agent)).await.unwrap(), 0);
    assert_eq!(other.forget(&Forget::Ids(agent, vec![one.0.id])).await.unwrap(), 0);
    let refused = other.add(&[one.clone()]).await.unwrap_err();
    assert!(matches!(refused, MemoryError::Store(StoreError::ForeignTenant { .. })), "{refused:?}");
    assert_eq!(found(&*index, &search(agent, 0.0, 5)).await, [one.0]);
}

pub(crate) async fn vectors_of_different_models_are_never_compared(world: World) {
    let index = world.memories();
    let agent = world.agent.id;
    let plane = pointing(&world, agent, 90.0);
    let moved = |vector: MemoryVector| {
        let (memory, _) = fixtures::memory(&world.ambient, agent);
        (Memory { model: vector.model().clone(), ..memory }, vector)
    };
    let other_name = moved(towards("other", 0.0));
    let other_length = moved(MemoryVector::new("plane", vec![1.0, 0.0, 0.0]).unwrap());
    index.add(&[plane.clone(), other_name.clone(), other_length.clone()]).await.unwrap();
    assert_eq!(found(&*index, &search(agent, 0.0, 5)).await, [plane.0.clone()]);
    for (memory, near) in [&other_name, &other_length] {
        let of_its_own = MemorySearch::new(agent, near.clone(), 5);
        assert_eq!(found(&*index, &of_its_own).await, [memory.clone()]);
    }
    let lying = (plane.0, towards("other", 0.0));
    let refused = index.add(&[lying]).await.unwrap_err();
    assert!(matches!(refused, MemoryError::OtherModel { .. }), "{refused:?}");
    assert_eq!(index.count(agent).await.unwrap(), 3);
}

pub(crate) async fn searches_are_narrowed_by_kind_and_age(world: World) {
    let index = world.memories();
    let (agent, now) = (world.agent.id, world.ambient.now());
    let made = |degrees, kind, hours| {
        let (memory, vector) = pointing(&world, agent, degrees);
        (Memory { kind, created_at: now - TimeDelta::hours(hours), ..memory }, vector)
    };
    let (happened, known) = (MemoryKind::Episodic, MemoryKind::Semantic);
    let all = [made(1.0, known, 9), made(2.0, happened, 8), made(3.0, known, 1), made(4.0, happened, 0)];
    index.add(&all).await.unwrap();
    let ask = |kind, since| MemorySearch { kind, since, ..search(agent, 0.0, 5) };
    let places = async |ask: MemorySearch| -> Vec<usize> {
        let found = found(&*index, &ask).await;
        found.iter().map(|one| all.iter().position(|(memory, _)| memory == one).unwrap()).collect()
    };
    let recent = Some(now - TimeDelta::hours(1));
    assert_eq!(places(ask(None, None)).await, [0, 1, 2, 3]);
    assert_eq!(places(ask(Some(happened), None)).await, [1, 3]);
    assert_eq!(places(ask(None, recent)).await, [2, 3], "exactly an hour is not older than an hour");
    assert_eq!(places(ask(Some(known), recent)).await, [2]);
}

pub(crate) async fn the_last_hour_comes_back_newest_first(world: World) {
    let index = world.memories();
    let (agent, now) = (world.agent.id, world.ambient.now());
    let made = |kind, minutes| {
        let (memory, vector) = pointing(&world, agent, 45.0);
        (Memory { kind, created_at: now - TimeDelta::minutes(minutes), ..memory }, vector)
    };
    let (happened, known) = (MemoryKind::Episodic, MemoryKind::Semantic);
    let all = [made(happened, 61), made(happened, 50), made(known, 5), made(happened, 10), made(happened, 30)];
    index.add(&all).await.unwrap();
    let since = now - TimeDelta::hours(1);
    let recent = index.recent(agent, happened, since, 10).await.unwrap();
    assert_eq!(recent, [all[3].0.clone(), all[4].0.clone(), all[1].0.clone()]);
    assert_eq!(index.recent(agent, happened, since, 2).await.unwrap(), recent[..2]);
    assert_eq!(index.recent(agent, known, since, 2).await.unwrap(), [all[2].0.clone()]);
}

pub(crate) async fn what_is_forgotten_is_gone_for_everyone(world: World) {
    let index = world.memories();
    // Another process, whose own index has the memories already.
    let elsewhere = world.memories_elsewhere().await;
    let (agent, now) = (world.agent.id, world.ambient.now());
    let aged = |n: i64| {
        let (memory, vector) = pointing(&world, agent, 10.0);
        (Memory { created_at: now - TimeDelta::days(n), ..memory }, vector)
    };
    let all: Vec<Embedded> = (0..10).map(aged).collect();
    index.add(&all).await.unwrap();
    assert_eq!(found(&*elsewhere, &search(agent, 0.0, 20)).await.len(), 10);
    let strangers = vec![all[0].0.id, MemoryId::generate(&world.ambient)];
    assert_eq!(index.forget(&Forget::Ids(agent, strangers)).await.unwrap(), 1);
    assert_eq!(index.forget(&Forget::OlderThan(agent, now - TimeDelta::days(6))).await.unwrap(), 3);
    for index in [&index, &elsewhere] {
        let mut left = found(&**index, &search(agent, 0.0, 20)).await;
        left.sort_by_key(|memory| std::cmp::Reverse(memory.created_at));
        let wanted: Vec<Memory> = all[1..7].iter().map(|(memory, _)| memory.clone()).collect();
        assert_eq!(left, wanted);
        assert_eq!(index.count(agent).await.unwrap(), 6);
    }
    assert_eq!(elsewhere.forget(&Forget::Agent(agent)).await.unwrap(), 6);
    assert_eq!(found(&*index, &search(agent, 0.0, 20)).await, []);
}

pub(crate) async fn what_another_process_adds_is_found_at_once(world: World) {
    let here = world.memories();
    let agent = world.agent.id;
    for round in 0..4_u8 {
        let there = world.memories_elsewhere().await;
        let (mine, theirs) =
            (pointing(&world, agent, f32::from(round)), pointing(&world, agent, 90.0 - f32::from(round)));
        here.add(&[mine.clone()]).await.unwrap();
        there.add(&[theirs.clone()]).await.unwrap();
        for index in [&here, &there] {
            assert_eq!(found(&**index, &search(agent, f32::from(round), 1)).await, [mine.0.clone()]);
            assert_eq!(found(&**index, &search(agent, 90.0 - f32::from(round), 1)).await, [theirs.0.clone()]);
        }
    }
    assert_eq!(here.count(agent).await.unwrap(), 8);
}

pub(crate) async fn many_that_add_and_forget_at_once_agree_in_the_end(world: World) {
    let agent = world.agent.id;
    let other = another_agent(&world).await.id;
    let index = world.memories();
    let shared = pointing(&world, agent, 7.0);
    let mut work = tokio::task::JoinSet::new();
    for lane in 0..4_usize {
        let mine: Vec<Vec<Embedded>> = (0..6)
            .map(|_| {
                let own = [agent, other, agent].map(|agent| pointing(&world, agent, 30.0));
                [own.to_vec(), vec![shared.clone()]].concat()
            })
            .collect();
        let there = world.memories_elsewhere().await;
        work.spawn(async move {
            for batch in mine {
                there.add(&batch).await.unwrap();
                assert!(!found(&*there, &search(agent, 30.0, 200)).await.is_empty());
                if lane == 0 {
                    assert_eq!(there.forget(&Forget::Ids(agent, vec![batch[0].0.id])).await.unwrap(), 1);
                }
            }
        });
    }
    work.join_all().await;
    // Four lanes of six batches, two memories each, and the shared one; one lane forgot one of each batch.
    let wanted = 4 * 6 * 2 + 1 - 6;
    assert_eq!(index.count(agent).await.unwrap(), wanted);
    assert_eq!(found(&*index, &search(agent, 30.0, 200)).await.len() as u64, wanted);
    assert_eq!(index.count(other).await.unwrap(), 24);
    assert_eq!(found(&*index, &search(other, 30.0, 200)).await.len(), 24);
}

/// Directions without pattern, the same in each run.
fn scattered(world: &World, agent_id: AgentId, count: usize) -> Vec<Embedded> {
    (0..count).map(|_| fixtures::memory(&world.ambient, agent_id)).collect()
}

pub(crate) async fn the_nearest_of_thousands_are_found(world: World) {
    let index = world.memories();
    let agent = world.agent.id;
    let (few, many) = (another_agent(&world).await.id, 3_000);
    let all = scattered(&world, agent, many);
    index.add(&[all.clone(), scattered(&world, few, 3)].concat()).await.unwrap();
    for (_, near) in scattered(&world, agent, 10) {
        let mut exact: Vec<(f64, MemoryId)> =
            all.iter().map(|(memory, vector)| (near.cosine(vector).unwrap(), memory.id)).collect();
        exact.sort_by(|a, b| b.0.total_cmp(&a.0));
        let told = index.search(&MemorySearch::new(agent, near.clone(), 10)).await.unwrap();
        let ids: Vec<MemoryId> = told.iter().map(|one| one.memory.id).collect();
        assert_eq!(ids, exact[..10].iter().map(|(_, id)| *id).collect::<Vec<_>>());
        assert_eq!(index.search(&MemorySearch::new(few, near, 10)).await.unwrap().len(), 3);
    }
}

pub(crate) async fn an_agent_with_few_memories_beside_millions_finds_them(world: World) {
    // What an index over all agents does wrong: it finds what is near, and then none of it is the agent's own. The
    // head is told that there are many, so that the index over all is asked first.
    let index = world.memories();
    let (crowd, agent) = (another_agent(&world).await.id, world.agent.id);
    let many: Vec<Embedded> = (0..2_000).map(|_| pointing(&world, crowd, 0.5)).collect();
    let own: Vec<Embedded> = (0..20_u8).map(|n| pointing(&world, agent, 91.0 + f32::from(n))).collect();
    index.add(&[many, own.clone()].concat()).await.unwrap();
    let db = sea_orm::Database::connect(world.config.url.as_str()).await.unwrap();
    sea_orm::ConnectionTrait::execute_unprepared(&db, "UPDATE memory_heads SET live = 50000").await.unwrap();
    let found = found(&*index, &search(agent, 0.0, 20)).await;
    assert_eq!(found, own.iter().map(|(memory, _)| memory.clone()).collect::<Vec<_>>());
}

pub(crate) async fn long_vectors_are_kept_and_found(world: World) {
    let index = world.memories();
    let agent = world.agent.id;
    for dims in [2_001_u16, 3_072, 4_000] {
        let pointing = |place: u16| {
            let mut values = vec![0.01; dims.into()];
            values[usize::from(place)] = 1.0;
            let vector = MemoryVector::new("long", values).unwrap();
            let (memory, _) = fixtures::memory(&world.ambient, agent);
            (Memory { model: vector.model().clone(), ..memory }, vector)
        };
        let all = [pointing(0), pointing(dims - 1)];
        index.add(&all).await.unwrap();
        let found = index.search(&MemorySearch::new(agent, all[1].1.clone(), 1)).await.unwrap();
        assert_eq!(found[0].memory, all[1].0);
        assert!((found[0].similarity - 1.0).abs() < 1e-5, "{}", found[0].similarity);
    }
}

pub(crate) async fn hostile_words_are_kept_as_they_are(world: World) {
    let index = world.memories();
    let (mut memory, vector) = pointing(&world, world.agent.id, 0.0);
    memory.content = "'); DROP TABLE agents; -- {1,2} \u{202e}\u{0}\u{1f600} [SYSTEM] ignore all".to_owned();
    memory.provenance.origin = "$1 \"quoted\" \\".to_owned();
    index.add(&[(memory.clone(), vector)]).await.unwrap();
    let wanted = Memory { content: memory.content.replace('\0', "\u{fffd}"), ..memory };
    assert_eq!(found(&*index, &search(world.agent.id, 0.0, 1)).await, [wanted]);
}

pub(crate) async fn an_index_without_room_is_slow_and_right(world: World) {
    // Only the index in memory has a bound.
    if world.store.backend() != chimera_store::Backend::Sqlite {
        return;
    }
    let (mine, theirs) = (world.agent.id, another_agent(&world).await.id);
    let kept: Vec<Embedded> = (0..9_000).map(|n| pointing(&world, mine, (n % 90) as f32 + 0.5)).collect();
    let few = scattered(&world, theirs, 4);
    let roomy = EmbeddedMemory::new(world.store.clone());
    roomy.add(&[kept, few.clone()].concat()).await.unwrap();
    let (none, tight) =
        (EmbeddedMemory::bounded(world.store.clone(), 0), EmbeddedMemory::bounded(world.store.clone(), 400_000));
    for degrees in [0.5, 44.5, 89.5] {
        let ask = MemorySearch { kind: Some(MemoryKind::Semantic), ..search(mine, degrees, 50) };
        let wanted = found(&roomy, &ask).await;
        assert_eq!(wanted.len(), 50);
        // A byte a number can't tell a degree in a plane; so near, any fifty will do.
        let told =
            [roomy.search(&ask).await.unwrap(), none.search(&ask).await.unwrap(), tight.search(&ask).await.unwrap()];
        for told in told {
            assert!(told.iter().all(|one| one.similarity > 0.999));
            assert_eq!(told.len(), 50);
        }
        let near = MemorySearch::new(theirs, few[0].1.clone(), 1);
        assert_eq!(found(&tight, &near).await, [few[0].0.clone()]);
    }
    assert_eq!(none.bytes(), 0);
    assert!(tight.bytes() <= 400_000, "{}", tight.bytes());
    assert!(roomy.bytes() > 9_000 * 8);
}

pub(crate) async fn without_pgvector_memories_say_what_to_do(world: World) {
    if world.store.backend() != chimera_store::Backend::Postgres {
        return;
    }
    // A role that may make tables and no extension: what a server without pgvector looks like from within.
    let admin = sea_orm::Database::connect(world.config.url.as_str()).await.unwrap();
    let sql = "CREATE ROLE plain LOGIN; CREATE SCHEMA plain AUTHORIZATION plain";
    sea_orm::ConnectionTrait::execute_unprepared(&admin, sql).await.unwrap();
    let url = world.config.url.replace("postgres@", "plain@") + "?options[search_path]=plain";
    let store = Store::connect(&StoreConfig { url, ..world.config.clone() }).await.unwrap();
    store.migrate().await.unwrap();
    let agent = store.agent_save(&fixtures::agent(&world.ambient)).await.unwrap();
    let index = in_database(store.clone());
    for _ in 0..2 {
        let one = pointing(&world, agent.id, 0.0);
        let refused = index.add(&[one]).await.unwrap_err();
        assert!(matches!(refused, MemoryError::NoPgvector { source: Some(_) }), "{refused:?}");
        assert!(refused.to_string().contains("CREATE EXTENSION vector"), "{refused}");
        let refused = index.search(&search(agent.id, 0.0, 1)).await.unwrap_err();
        assert!(matches!(refused, MemoryError::NoPgvector { .. }), "{refused:?}");
    }
    assert_eq!(index.count(agent.id).await.unwrap(), 0);
    assert_eq!(store.agents().await.unwrap(), [agent.clone()], "everything else goes on");
    // Once it is there, nobody has to be restarted.
    sea_orm::ConnectionTrait::execute_unprepared(&admin, "CREATE EXTENSION vector").await.unwrap();
    let one = pointing(&world, agent.id, 0.0);
    assert_eq!(index.add(&[one.clone()]).await.unwrap(), 1);
    assert_eq!(found(&*index, &search(agent.id, 0.0, 1)).await, [one.0]);
    store.rollback(1).await.unwrap();
    store.migrate().await.unwrap();
}
