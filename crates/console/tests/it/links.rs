//! Programs that follow links before people do, such as scanners of mail, previews and prefetching browsers.

use std::collections::BTreeMap;

use chimera_bus::{Bus, Queue};
use chimera_console::{Console, sign_in_link};
use chimera_domain::{AccessRole, AgentTask, AlertKind, CredentialKind, NextAction, TaskEvent, TaskState};
use chimera_store::backup::BackupOrder;
use chimera_testkit::fixtures;

use crate::{
    client::{ask, send},
    world::World,
};

/// The hash of each table's rows, in the order of their keys. Who is let in and who has a duty is not among them.
async fn tables(world: &World, name: &str) -> BTreeMap<String, String> {
    let order =
        BackupOrder { output: world.backends.folder().join(name), force: false, taken_at: world.campaign.created_at };
    let backup = world.store.backup(&world.blobs, &order, &|_| {}).await.unwrap();
    let tables: BTreeMap<_, _> = backup.manifest.tables.into_iter().map(|table| (table.name, table.sha256)).collect();
    assert!(tables.len() > 10, "{tables:?}");
    tables
}

async fn let_in(world: &World) -> Vec<chimera_domain::Credential> {
    let mut all = Vec::new();
    for kind in CredentialKind::ALL {
        all.extend(world.store.credentials_live(*kind, world.campaign.created_at).await.unwrap());
    }
    all
}

async fn queued(bus: &dyn Bus) -> Vec<usize> {
    let mut depths = Vec::new();
    for queue in Queue::ALL {
        depths.push(bus.depth(queue).await.unwrap());
    }
    depths
}

/// One of everything that a page could act on; its ids.
async fn filled(world: &World) -> Vec<String> {
    let (signal, task) = world.planned("Silk").await;
    let artifact = world.made(&task, |_| {}).await;
    world.decided(task.id, &artifact, TaskEvent::AskHuman, NextAction::WaitHitl).await;
    let ticket = world.store.trace(task.trace_id).await.unwrap().unwrap().tickets.remove(0);
    let draft = world.signal("Wool");
    let dag = fixtures::dag(&*world.ambient, &world.campaign, &world.agent, &draft);
    let dag = dag.into_iter().map(|task| AgentTask { state: TaskState::Draft, ..task }).collect();
    world.plan(&draft, dag).await;
    let alert = fixtures::alert(&*world.ambient, AlertKind::FeedDown, "a feed");
    world.store.alerts_raise(std::slice::from_ref(&alert)).await.unwrap();
    world.published("Linen", "https://platform.test/1").await;
    let ids = [&ticket.id as &dyn ToString, &world.campaign.id, &signal.id, &task.trace_id, &draft.trace_id, &alert.id];
    ids.map(ToString::to_string).to_vec()
}

pub(crate) async fn following_every_link_changes_nothing(world: World) {
    let ids = filled(&world).await;
    let session = world.browser("mara", AccessRole::Operator).await;
    let origin = format!("http://{}", session.host);
    let link = sign_in_link(&world.store, "zoe", AccessRole::Viewer, &origin, &*world.ambient).await.unwrap();
    let bus = world.backends.bus().await;
    let before = (tables(&world, "before").await, let_in(&world).await, queued(&*bus).await);
    let mut followed = 0;
    for route in Console::routes() {
        // The stream of events has no end, and is told of elsewhere.
        if route.method != "GET" || route.path == "/api/events" {
            continue;
        }
        for id in &ids {
            // Whoever asks so much at once is asked to wait.
            world.ambient.advance(chrono::Duration::seconds(2));
            let path = route.path.replace("{id}", id).replace("{name}", "x.png");
            let tempting = format!("{path}?does=approve&does=start&ticket={id}&alert={id}&done=1&token={id}");
            for address in [&path, &tempting] {
                for answer in [
                    session.get(address).await,
                    world.get(address).await,
                    send(world.address, "GET", address, "localhost").await,
                    ask(world.address, "HEAD", address, &[("Host", &session.host), ("Cookie", &session.cookie)], "")
                        .await,
                ] {
                    assert!(answer.status < 500 && answer.status != 429, "{address}: {}", answer.status);
                    assert_eq!(answer.header("set-cookie"), "", "{address}");
                    followed += 1;
                }
            }
        }
    }
    // The link that is to be used once, and what only a form may do.
    let path = link.strip_prefix(&origin).unwrap();
    assert_eq!(send(world.address, "GET", path, &session.host).await.status, 200);
    for path in Console::routes().iter().filter(|r| r.method == "POST" && r.path.starts_with("/api/")).map(|r| r.path) {
        for id in &ids {
            world.ambient.advance(chrono::Duration::seconds(1));
            assert_eq!(world.get(&path.replace("{id}", id)).await.status, 405, "{path}");
        }
    }
    assert!(followed > 500, "{followed}");
    assert_eq!((tables(&world, "after").await, let_in(&world).await, queued(&*bus).await), before);
    session.follow(&link).await;
}
