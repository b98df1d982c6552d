//! Once a pause is committed nothing more goes out, whatever a post was waiting for meanwhile.

use std::time::Duration;

use chimera_domain::{CampaignStatus, PublicationState, TaskState};
use chimera_worker::PublisherConfig;
use sea_orm::{ConnectionTrait as _, Database, TransactionTrait as _};

use crate::{
    fake::Fate,
    publisher::of_platform,
    world::{World, eventually},
};

fn one_at_a_time() -> PublisherConfig {
    PublisherConfig { concurrency: 1, ..PublisherConfig::default() }
}

pub(crate) async fn a_look_up_that_hangs_holds_up_no_post(world: World) {
    let left_behind = world.abandoned().await;
    let (_, post) = world.approved().await;
    world.fake.script("find_post", &[Fate::Wait]);
    let publisher = world.publisher("heir", one_at_a_time());
    let ids = [post.id];
    let (done, ()) = tokio::join!(publisher.round(&ids), async {
        world.fake.until_waiting(1).await;
        world.until(post.id, TaskState::Published).await;
        world.fake.let_go(1);
    });
    done.unwrap();
    assert_eq!(world.stored(left_behind.task.id).await.state, TaskState::Approved);
}

pub(crate) async fn a_post_that_waits_for_a_hand_is_not_begun(world: World) {
    let campaign = world.another_campaign().await;
    let (_, slow) = world.approved().await;
    let (_, paused) = world.approved_for(&campaign).await;
    let (_, last) = world.approved().await;
    world.fake.script("publish_post", &[Fate::Wait]);
    let publisher = world.publisher("publisher", one_at_a_time());
    let ids = [slow.id, paused.id, last.id];
    let (done, ()) = tokio::join!(publisher.round(&ids), async {
        world.fake.until_waiting(1).await;
        world.set_status_of(&campaign, CampaignStatus::Paused).await;
        world.fake.let_go(1);
    });
    done.unwrap();
    let (published, approved) = (TaskState::Published, TaskState::Approved);
    assert_eq!(world.states(&[slow, paused, last]).await, [published, approved, published]);
    assert_eq!(world.fake.count("publish_post"), 2);
}

pub(crate) async fn a_pause_while_an_earlier_call_is_looked_up_stops_the_next(world: World) {
    let (_, post) = world.approved().await;
    world.fake.script("publish_post", &[Fate::CutBefore]);
    let publisher = world.publisher("publisher", PublisherConfig::default());
    publisher.round(&[post.id]).await.unwrap();
    assert_eq!(world.publication(&post).await.state, PublicationState::Unknown);
    world.end_rests().await;
    world.fake.script("find_post", &[Fate::Wait]);
    let ids = [post.id];
    let (done, ()) = tokio::join!(publisher.round(&ids), async {
        world.fake.until_waiting(1).await;
        world.set_status(CampaignStatus::Paused).await;
        world.fake.let_go(1);
    });
    done.unwrap();
    assert_eq!((world.stored(post.id).await.state, world.fake.count("publish_post")), (TaskState::Approved, 1));
    // What was not called is not counted as a call, and nothing is known about the one before.
    let entry = world.publication(&post).await;
    assert_eq!((entry.state, entry.attempts), (PublicationState::Unknown, 1));
    world.set_status(CampaignStatus::Active).await;
    publisher.round(&[post.id]).await.unwrap();
    assert_eq!((world.stored(post.id).await.state, world.fake.posts()), (TaskState::Published, 1));
    assert!(world.alerts().await.is_empty());
}

/// The server takes one call at a time, so the second post waits for it after it was begun.
pub(crate) async fn a_pause_while_a_call_waits_for_its_server_stops_it(world: World) {
    let campaign = world.another_campaign().await;
    let (_, slow) = world.approved().await;
    let (_, paused) = world.approved_for(&campaign).await;
    world.fake.script("publish_post", &[Fate::Wait; 2]);
    let publisher = world.publisher_over(world.host_with_one_slot(), "publisher", of_platform(true, true));
    let ids = [slow.id, paused.id];
    let (done, ()) = tokio::join!(publisher.round(&ids), async {
        world.fake.until_waiting(1).await;
        // Which of them came first is the database's affair.
        for campaign in [&campaign, &world.campaign] {
            world.set_status_of(campaign, CampaignStatus::Paused).await;
        }
        // The gate's word of the beginning holds no longer.
        tokio::time::sleep(Duration::from_millis(200)).await;
        world.fake.let_go(2);
    });
    done.unwrap();
    assert_eq!((world.fake.count("publish_post"), world.fake.posts()), (1, 1));
    let mut states = world.states(&[slow, paused]).await;
    states.sort_by_key(|state| *state == TaskState::Published);
    assert_eq!(states, [TaskState::Approved, TaskState::Published]);
}

/// One post is out, and the database takes no writing; another one's call goes on.
pub(crate) async fn an_outcome_that_cannot_be_written_yet_holds_up_no_call(world: World) {
    let (_, doubtful) = world.approved().await;
    let (_, post) = world.approved().await;
    world.fake.script("publish_post", &[Fate::CutBefore]);
    let publisher = world.publisher("publisher", PublisherConfig::default());
    publisher.round(&[doubtful.id]).await.unwrap();
    world.end_rests().await;
    // Both have begun when the writing stops: one looks, the other calls.
    world.fake.script("find_post", &[Fate::Wait]);
    world.fake.script("publish_post", &[Fate::Wait]);
    let ids = [doubtful.id, post.id];
    let (done, ()) = tokio::join!(publisher.round(&ids), async {
        world.fake.until_waiting(2).await;
        let db = Database::connect(world.database_url()).await.unwrap();
        let tx = db.begin().await.unwrap();
        // Readers pass. In SQLite any writing keeps others from it.
        let lock = match world.store.backend() {
            chimera_store::Backend::Sqlite => "UPDATE alerts SET message = message",
            chimera_store::Backend::Postgres => "LOCK TABLE agent_tasks IN EXCLUSIVE MODE",
        };
        tx.execute_unprepared(lock).await.unwrap();
        world.fake.let_go(2);
        eventually("the other one calls", || async { (world.fake.count("publish_post") == 3).then_some(()) }).await;
        tx.rollback().await.unwrap();
        db.close().await.unwrap();
    });
    done.unwrap();
    assert_eq!(world.states(&[doubtful, post]).await, [TaskState::Published; 2]);
    assert_eq!(world.fake.posts(), 2);
}
