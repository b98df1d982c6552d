//! What a publisher that vanished in the middle of a call left behind.

use chimera_domain::{CampaignStatus, PublicationState, Question, TaskState};
use chimera_worker::PublisherConfig;

use crate::{
    publisher::{of_chosen_ids, of_platform},
    world::World,
};

pub(crate) async fn a_post_that_got_out_is_found(world: World) {
    let case = world.abandoned().await;
    world.fake.put_out(&case.publication.idempotency_key);
    world.publisher("heir", PublisherConfig::default()).round(&[]).await.unwrap();
    assert_eq!(world.stored(case.task.id).await.state, TaskState::Published);
    assert_eq!(world.publication(&case.task).await.state, PublicationState::Confirmed);
    assert_eq!((world.fake.count("publish_post"), world.fake.posts()), (0, 1));
}

pub(crate) async fn a_post_that_did_not_get_out_goes_through_the_gate_again(world: World) {
    let case = world.abandoned().await;
    let heir = world.publisher("heir", PublisherConfig::default());
    heir.round(&[]).await.unwrap();
    assert_eq!(world.stored(case.task.id).await.state, TaskState::Approved);
    // The call may yet arrive, so the ledger does not say that the post is absent.
    assert_eq!(world.publication(&case.task).await.state, PublicationState::Unknown);
    assert_eq!(world.fake.count("publish_post"), 0);
    heir.round(&[case.task.id]).await.unwrap();
    assert_eq!(world.stored(case.task.id).await.state, TaskState::Published);
    let entry = world.publication(&case.task).await;
    assert_eq!((entry.attempts, entry.idempotency_key), (2, case.publication.idempotency_key));
    assert_eq!((world.fake.count("publish_post"), world.fake.posts()), (1, 1));
}

pub(crate) async fn a_post_of_a_paused_campaign_is_not_sent_by_whoever_finds_it(world: World) {
    let case = world.abandoned().await;
    world.set_status(CampaignStatus::Paused).await;
    let heir = world.publisher("heir", PublisherConfig::default());
    heir.round(&[]).await.unwrap();
    heir.round(&[case.task.id]).await.unwrap();
    assert_eq!(world.stored(case.task.id).await.state, TaskState::Approved);
    assert_eq!((world.fake.count("publish_post"), world.fake.posts()), (0, 0));
}

pub(crate) async fn a_post_that_nobody_can_ask_about_goes_to_a_person(world: World) {
    let case = world.abandoned().await;
    let heir = world.publisher("heir", of_platform(true, false));
    heir.round(&[]).await.unwrap();
    heir.round(&[case.task.id]).await.unwrap();
    assert_eq!(world.stored(case.task.id).await.state, TaskState::HitlQueue);
    assert_eq!(world.trace(&case.task).await.tickets[0].question, Question::IsItOut);
    assert_eq!((world.fake.count("publish_post"), world.fake.count("find_post")), (0, 0));
}

pub(crate) async fn what_nobody_can_ask_about_is_repeated_where_the_id_is_ours(world: World) {
    let case = world.abandoned().await;
    world.set_status(CampaignStatus::Paused).await;
    let heir = world.publisher("heir", of_chosen_ids(false));
    heir.round(&[]).await.unwrap();
    heir.round(&[case.task.id]).await.unwrap();
    assert_eq!((world.stored(case.task.id).await.state, world.fake.count("publish_post")), (TaskState::Approved, 0));
    world.set_status(CampaignStatus::Active).await;
    heir.round(&[case.task.id]).await.unwrap();
    assert_eq!(world.stored(case.task.id).await.state, TaskState::Published);
    assert_eq!((world.fake.count("publish_post"), world.fake.posts()), (1, 1));
}

pub(crate) async fn a_platform_that_doubles_is_not_believed(world: World) {
    let case = world.abandoned().await;
    world.publisher("heir", of_platform(false, true)).round(&[]).await.unwrap();
    assert_eq!(world.stored(case.task.id).await.state, TaskState::HitlQueue);
    assert_eq!((world.fake.count("publish_post"), world.fake.count("find_post")), (0, 1));
}
