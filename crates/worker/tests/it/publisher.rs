//! Approved posts go out, each at most once.

use chimera_bus::Queue;
use chimera_domain::{
    AgentTask, AlertKind, Ambient as _, Artifact, CampaignStatus, Publication, PublicationState, Question, Resolution,
    Severity, TaskState, TraceId, Verdict, policy::PlatformAbilities,
};
use chimera_store::{Links, TicketAnswer};
use chimera_testkit::fixtures;
use chimera_worker::{Publisher, PublisherConfig};

use crate::{
    fake::{Fate, PICTURE},
    world::World,
};

/// A publisher of a platform with these abilities.
pub(crate) fn of_platform(idempotency_key: bool, look_up: bool) -> PublisherConfig {
    let platform = PlatformAbilities { idempotency_key, client_chosen_id: false, look_up };
    PublisherConfig { platform: Some(platform), ..PublisherConfig::default() }
}

/// A publisher of a platform where the key is the post's id.
pub(crate) fn of_chosen_ids(look_up: bool) -> PublisherConfig {
    let platform = PlatformAbilities { idempotency_key: false, client_chosen_id: true, look_up };
    PublisherConfig {
        platform: Some(platform),
        taken_says: Some("already exists".to_owned()),
        ..PublisherConfig::default()
    }
}

/// Publishes after every rest is over.
async fn again(world: &World, publisher: &Publisher, task: &AgentTask) {
    world.end_rests().await;
    publisher.round(&[task.id]).await.unwrap();
}

/// The answer of a person who looked: it is not out, publish it.
async fn say_it_is_not_out(world: &World, task: &AgentTask) {
    let view = world.trace(task).await;
    let (ticket, artifact) = (view.tickets.last().unwrap(), view.artifacts.last().unwrap());
    let answer = TicketAnswer {
        ticket_id: ticket.id,
        version: ticket.state_version,
        artifact_hash: ticket.artifact_hash.clone(),
        resolution: Resolution::Approved,
        by: "mara".to_owned(),
        note: None,
        decision: fixtures::decision(&*world.ambient, task, artifact, Verdict::Approve),
        instead: None,
        replan: vec![],
    };
    world.store.ticket_resolve(&answer, world.ambient.now()).await.unwrap();
}

pub(crate) async fn the_intent_is_on_record_before_the_call_and_the_outcome_after(world: World) {
    let (_, task) = world.approved().await;
    world.fake.script("publish_post", &[Fate::Wait]);
    let publisher = world.publisher("publisher", PublisherConfig::default());
    let ids = [task.id];
    let (done, ()) = tokio::join!(publisher.round(&ids), async {
        world.fake.until_waiting(1).await;
        assert_eq!(world.stored(task.id).await.state, TaskState::Publishing);
        assert_eq!(world.publication(&task).await.state, PublicationState::Attempting);
        world.fake.let_go(1);
    });
    done.unwrap();
    assert_eq!(world.stored(task.id).await.state, TaskState::Published);
    let entry = world.publication(&task).await;
    let key = &entry.idempotency_key;
    assert_eq!((entry.state, entry.attempts), (PublicationState::Confirmed, 1));
    assert_eq!(entry.external_id, Some(format!("p-{key}")));
    assert_eq!(entry.url, Some(format!("https://platform.test/{key}")));
    let given = &world.fake.arguments("publish_post")[0];
    assert_eq!(given["key"], key.as_str());
    assert_eq!(given["label"], "Made by an AI.");
    assert_eq!(given["media"][0]["alt_text"], "A folded silk dress");
    let calls = world.trace(&task).await.tool_calls;
    assert!(calls.iter().any(|call| call.tool == "publish_post" && call.task_id == Some(task.id)));
    // Delivered again, it stays as it is.
    publisher.round(&ids).await.unwrap();
    assert_eq!((world.fake.count("publish_post"), world.fake.posts()), (1, 1));
}

pub(crate) async fn a_busy_platform_is_tried_again_after_a_rest(world: World) {
    let (_, task) = world.approved().await;
    world.fake.script("publish_post", &[Fate::Busy]);
    let publisher = world.publisher("publisher", PublisherConfig::default());
    publisher.round(&[task.id]).await.unwrap();
    assert_eq!(world.stored(task.id).await.state, TaskState::Approved);
    assert_eq!(world.publication(&task).await.state, PublicationState::Absent);
    // It asked for thirty seconds; neither a queue that delivers sooner changes anything, nor another process.
    for name in ["publisher", "another"] {
        world.publisher(name, PublisherConfig::default()).round(&[task.id]).await.unwrap();
    }
    assert_eq!(world.fake.count("publish_post"), 1);
    again(&world, &publisher, &task).await;
    assert_eq!(world.stored(task.id).await.state, TaskState::Published);
    let entry = world.publication(&task).await;
    assert_eq!((entry.state, entry.attempts), (PublicationState::Confirmed, 2));
    assert_eq!((world.fake.count("publish_post"), world.fake.posts()), (2, 1));
    assert!(world.alerts().await.is_empty());
}

/// A platform that fetches media by an address gets one that ends; whoever asks for none gets none.
pub(crate) async fn who_fetches_media_is_given_links(mut world: World) {
    let links = Links::new(&"https://media.example.org".parse().unwrap(), &"k".repeat(32)).unwrap();
    world.blobs = world.blobs.with_links(Some(links), std::time::Duration::from_secs(600));
    let (_, task) = world.approved().await;
    let publisher = world.publisher_over(world.host_that_fetches(), "publisher", of_platform(true, true));
    publisher.round(&[task.id]).await.unwrap();
    assert_eq!(world.stored(task.id).await.state, TaskState::Published);
    let media = world.trace(&task).await.artifacts.remove(0).media;
    let given = world.fake.arguments("publish_post").remove(0);
    let first = given["fetch"][0].as_str().unwrap();
    assert!(first.starts_with(&format!("https://media.example.org/signed/{}.png?until=", media[0].sha256)), "{given}");
    let all = given["fetch"][1].as_array().unwrap();
    assert_eq!((all.len(), all[0].as_str()), (media.len(), Some(first)));

    let (_, task) = world.approved().await;
    world.publisher("publisher", PublisherConfig::default()).round(&[task.id]).await.unwrap();
    assert!(!world.fake.arguments("publish_post").remove(1).to_string().contains("signed"));
}

/// A picture that is gone, or a text that somebody changed, is not what was judged.
pub(crate) async fn what_is_not_what_was_judged_stays_here(world: World) {
    let publisher = world.publisher("publisher", PublisherConfig::default());
    let (_, task) = world.approved().await;
    let media = world.trace(&task).await.artifacts.remove(0).media.remove(0);
    let file = world.blobs.path(&media.sha256, &media.mime).unwrap();
    let picture = std::fs::read(&file).unwrap();
    std::fs::write(&file, b"").unwrap();
    publisher.round(&[task.id]).await.unwrap();
    let waiting = world.stored(task.id).await;
    assert_eq!((waiting.state, world.fake.count("publish_post")), (TaskState::Approved, 0));
    assert!(waiting.last_error.unwrap().contains("was changed since it was written"));
    std::fs::write(&file, picture).unwrap();
    again(&world, &publisher, &task).await;
    assert_eq!((world.stored(task.id).await.state, world.fake.posts()), (TaskState::Published, 1));

    let (_, task) = world.approved().await;
    let text = world.trace(&task).await.artifacts.remove(0).text;
    world.damage_one(&format!("UPDATE artifacts SET text = 'BUY NOW' WHERE text = '{text}'")).await;
    publisher.round(&[task.id]).await.unwrap();
    let failed = world.stored(task.id).await;
    assert_eq!((failed.state, world.fake.posts()), (TaskState::Failed, 1));
    assert!(failed.last_error.unwrap().contains("changed since"));
}

/// The last look before the call: whatever judges and people said, what its channel does not take or what is not marked as
/// what it is does not go out.
pub(crate) async fn what_may_not_go_out_stays_here(world: World) {
    let flipped = |bytes: &mut Vec<u8>| {
        let last = bytes.len() - 20;
        bytes[last] ^= 1;
    };
    let elsewhere = world.picture_of(TraceId::generate(&*world.ambient), |_| {}).await;
    let bare = world.blobs.put(PICTURE, "image/png").await.unwrap();
    let broken = world.picture_of(TraceId::generate(&*world.ambient), flipped).await;
    type Change = Box<dyn FnOnce(&mut Artifact)>;
    let changes: [(Change, &str); 8] = [
        (Box::new(|a| a.text.push_str(&"long ".repeat(100))), "threads takes 500"),
        (Box::new(|a| a.text = "Silk, again.".to_owned()), "does not stand in the post's text"),
        (Box::new(|a| a.disclosure.ai_generated = false), "not marked as made by AI"),
        (Box::new(|a| a.media[0].alt_text.clear()), "no alternative text"),
        (Box::new(|a| a.media[0].mime = "image/webp".to_owned()), "threads takes"),
        (Box::new(move |a| a.media[0].sha256 = bare), "no content credentials"),
        (Box::new(move |a| a.media[0].sha256 = elsewhere), "another trace"),
        (Box::new(move |a| a.media[0].sha256 = broken), "not what was signed"),
    ];
    let publisher = world.publisher("publisher", PublisherConfig::default());
    for (change, why) in changes {
        let task = world.slipped_through(change).await;
        publisher.round(&[task.id]).await.unwrap();
        let failed = world.stored(task.id).await;
        let error = failed.last_error.unwrap_or_default();
        assert_eq!(failed.state, TaskState::Failed, "{why}: {error}");
        assert!(error.contains(why), "{why}: {error}");
    }
    assert_eq!(world.fake.count("publish_post"), 0);
}

pub(crate) async fn a_platform_that_stays_down_is_given_up(world: World) {
    let (_, task) = world.approved().await;
    world.fake.script("publish_post", &[Fate::Busy; 50]);
    let publisher = world.publisher("publisher", PublisherConfig { attempts_max: 4, ..PublisherConfig::default() });
    for _ in 0..20 {
        again(&world, &publisher, &task).await;
    }
    let failed = world.stored(task.id).await;
    assert_eq!(failed.state, TaskState::Failed);
    assert!(failed.last_error.unwrap().starts_with("given up after 4 attempts: "));
    assert_eq!(world.fake.count("publish_post"), 4);
    let alerts = world.alerts().await;
    assert_eq!((alerts.len(), alerts[0].kind, alerts[0].severity), (1, AlertKind::DeadLetter, Severity::Critical));
}

pub(crate) async fn a_call_cut_after_its_effect_is_found_and_not_repeated(world: World) {
    for config in [of_platform(true, true), of_platform(false, true)] {
        let (_, task) = world.approved().await;
        let (posts, calls) = (world.fake.posts(), world.fake.count("publish_post"));
        world.fake.script("publish_post", &[Fate::CutAfter]);
        world.publisher("publisher", config).round(&[task.id]).await.unwrap();
        assert_eq!(world.stored(task.id).await.state, TaskState::Published);
        assert_eq!(world.publication(&task).await.state, PublicationState::Confirmed);
        assert_eq!((world.fake.posts(), world.fake.count("publish_post")), (posts + 1, calls + 1));
    }
    assert_eq!(world.fake.count("find_post"), 2);
}

pub(crate) async fn a_call_cut_before_its_effect_is_repeated_with_the_same_key(world: World) {
    let (_, task) = world.approved().await;
    world.fake.script("publish_post", &[Fate::CutBefore, Fate::Garble]);
    let publisher = world.publisher("publisher", PublisherConfig::default());
    for _ in 0..3 {
        again(&world, &publisher, &task).await;
    }
    assert_eq!(world.stored(task.id).await.state, TaskState::Published);
    let keys: Vec<_> = world.fake.arguments("publish_post").into_iter().map(|a| a["key"].clone()).collect();
    assert_eq!(keys, vec![keys[0].clone(); 3]);
    assert_eq!(world.fake.posts(), 1);
}

pub(crate) async fn a_post_in_doubt_is_not_given_up_but_shown_to_a_person(world: World) {
    // The first call may yet arrive; after it, the platform says no for good, or nothing but "later".
    for then in [vec![Fate::Refuse], vec![Fate::Busy; 9]] {
        let (_, task) = world.approved().await;
        world.fake.script("publish_post", &[Fate::CutBefore]);
        world.fake.script("publish_post", &then);
        let config = PublisherConfig { attempts_max: 4, ..PublisherConfig::default() };
        let publisher = world.publisher("publisher", config);
        publisher.round(&[task.id]).await.unwrap();
        assert_eq!(world.publication(&task).await.state, PublicationState::Unknown);
        for _ in 0..9 {
            again(&world, &publisher, &task).await;
        }
        assert_eq!(world.stored(task.id).await.state, TaskState::HitlQueue, "{then:?}");
        assert_eq!(world.publication(&task).await.state, PublicationState::Unknown);
        assert_eq!(world.trace(&task).await.tickets.len(), 1);
    }
}

pub(crate) async fn not_there_is_not_trusted_where_a_repeat_would_double(world: World) {
    let (_, task) = world.approved().await;
    world.fake.script("publish_post", &[Fate::CutBefore]);
    let publisher = world.publisher("publisher", of_platform(false, true));
    publisher.round(&[task.id]).await.unwrap();
    assert_eq!(world.stored(task.id).await.state, TaskState::HitlQueue);
    again(&world, &publisher, &task).await;
    assert_eq!((world.fake.count("publish_post"), world.fake.posts()), (1, 0));
}

pub(crate) async fn a_platform_that_cannot_be_asked_leaves_it_to_a_person(world: World) {
    let (_, task) = world.approved().await;
    world.fake.script("publish_post", &[Fate::CutAfter]);
    // The ability is claimed, but no role is there to use it: that counts as not having it.
    let publisher = world.publisher_over(world.host_without_look_up(), "publisher", of_platform(true, true));
    publisher.round(&[task.id]).await.unwrap();
    assert_eq!(world.stored(task.id).await.state, TaskState::HitlQueue);
    assert_eq!(world.publication(&task).await.state, PublicationState::Unknown);
    let ticket = world.trace(&task).await.tickets.remove(0);
    assert_eq!((ticket.question, ticket.resolution), (Question::IsItOut, None));
    assert!(ticket.reasoning_trace.contains("the line was cut"), "{}", ticket.reasoning_trace);
    let alerts = world.alerts().await;
    assert_eq!((alerts.len(), alerts[0].kind, alerts[0].severity), (1, AlertKind::PublishUnknown, Severity::Critical));
    // Nobody calls again by themselves, however often it is delivered.
    for _ in 0..3 {
        again(&world, &publisher, &task).await;
    }
    assert_eq!(world.fake.count("publish_post"), 1);
    // A person who looked may have it published again, although the platform still can't be asked.
    say_it_is_not_out(&world, &task).await;
    again(&world, &publisher, &task).await;
    assert_eq!(world.stored(task.id).await.state, TaskState::Published);
    assert_eq!(world.fake.count("publish_post"), 2);
}

pub(crate) async fn where_the_id_is_ours_what_is_unclear_is_repeated_under_it(world: World) {
    for (look_up, first, then) in [
        (true, Fate::CutBefore, None),
        (false, Fate::CutBefore, None),
        (false, Fate::CutAfter, Some(Fate::Taken)),
        (false, Fate::CutAfter, Some(Fate::SaysTaken)),
        (false, Fate::Garble, None),
    ] {
        let (_, task) = world.approved().await;
        let (posts, calls) = (world.fake.posts(), world.fake.count("publish_post"));
        world.fake.script("publish_post", &[first]);
        world.fake.script("publish_post", then.as_slice());
        let publisher = world.publisher("publisher", of_chosen_ids(look_up));
        publisher.round(&[task.id]).await.unwrap();
        assert_eq!(world.stored(task.id).await.state, TaskState::Approved, "{first:?}");
        assert_eq!(world.publication(&task).await.state, PublicationState::Unknown);
        again(&world, &publisher, &task).await;
        assert_eq!(world.stored(task.id).await.state, TaskState::Published, "{first:?} {then:?}");
        let entry = world.publication(&task).await;
        let key = entry.idempotency_key;
        let named = if then.is_some() { key.clone() } else { format!("p-{key}") };
        assert_eq!((entry.state, entry.attempts, entry.external_id), (PublicationState::Confirmed, 2, Some(named)));
        assert_eq!((world.fake.posts(), world.fake.count("publish_post")), (posts + 1, calls + 2));
        let given = world.fake.arguments("publish_post").split_off(calls);
        assert!(given.iter().all(|arguments| arguments["key"] == key.as_str()), "{given:?}");
    }
    assert!(world.alerts().await.is_empty());
}

pub(crate) async fn an_id_that_is_taken_is_asked_about_where_that_can_be(world: World) {
    let (_, task) = world.approved().await;
    let key = Publication::idempotency_key(
        world.trace(&task).await.artifacts[0].id,
        &world.trace(&task).await.artifacts[0].content_hash,
    );
    world.fake.put_out(&key);
    world.fake.script("publish_post", &[Fate::Taken]);
    world.publisher("publisher", of_chosen_ids(true)).round(&[task.id]).await.unwrap();
    let entry = world.publication(&task).await;
    assert_eq!((entry.state, entry.external_id), (PublicationState::Confirmed, Some(format!("p-{key}"))));
}

pub(crate) async fn taken_is_a_refusal_where_ids_are_not_ours(world: World) {
    let (_, task) = world.approved().await;
    world.fake.script("publish_post", &[Fate::Taken]);
    world.publisher("publisher", PublisherConfig::default()).round(&[task.id]).await.unwrap();
    assert_eq!(world.publication(&task).await.state, PublicationState::Refused);
}

pub(crate) async fn an_answer_that_says_nothing_is_no_answer(world: World) {
    for fate in [Fate::Garble, Fate::Refuse, Fate::Busy, Fate::CutBefore] {
        let (_, task) = world.approved().await;
        world.fake.script("publish_post", &[Fate::CutAfter]);
        world.fake.script("find_post", &[fate]);
        let posts = world.fake.posts();
        let publisher = world.publisher("publisher", PublisherConfig::default());
        publisher.round(&[task.id]).await.unwrap();
        assert_eq!(world.stored(task.id).await.state, TaskState::HitlQueue, "{fate:?}");
        assert_eq!(world.fake.posts(), posts + 1);
    }
}

pub(crate) async fn a_refusal_is_final(world: World) {
    let (_, task) = world.approved().await;
    world.fake.script("publish_post", &[Fate::Refuse]);
    let publisher = world.publisher("publisher", PublisherConfig::default());
    publisher.round(&[task.id]).await.unwrap();
    again(&world, &publisher, &task).await;
    let failed = world.stored(task.id).await;
    assert_eq!(failed.state, TaskState::Failed);
    assert!(failed.last_error.unwrap().contains("breaks the rules of the house"));
    assert_eq!(world.publication(&task).await.state, PublicationState::Refused);
    assert_eq!((world.fake.count("publish_post"), world.fake.count("find_post")), (1, 0));
    let alerts = world.alerts().await;
    assert_eq!((alerts.len(), alerts[0].reason_code.as_str()), (1, "publish_refused"));
}

pub(crate) async fn a_paused_campaign_publishes_nothing_until_resumed(world: World) {
    let (_, task) = world.approved().await;
    let publisher = world.publisher("publisher", PublisherConfig::default());
    world.set_status(CampaignStatus::Paused).await;
    publisher.round(&[task.id]).await.unwrap();
    assert_eq!((world.stored(task.id).await.state, world.fake.count("publish_post")), (TaskState::Approved, 0));
    world.set_status(CampaignStatus::Active).await;
    publisher.round(&[task.id]).await.unwrap();
    assert_eq!((world.stored(task.id).await.state, world.fake.posts()), (TaskState::Published, 1));
}

pub(crate) async fn of_two_publishers_one_calls(world: World) {
    let mut ids = vec![];
    for _ in 0..6 {
        ids.push(world.approved().await.1.id);
    }
    let one = world.publisher("one", PublisherConfig::default());
    let other = world.publisher("other", PublisherConfig::default());
    let (first, second) = tokio::join!(one.round(&ids), other.round(&ids));
    first.unwrap();
    second.unwrap();
    for id in ids {
        assert_eq!(world.stored(id).await.state, TaskState::Published);
    }
    assert_eq!((world.fake.count("publish_post"), world.fake.posts()), (6, 6));
}

pub(crate) async fn one_post_that_cannot_be_read_holds_back_no_other(world: World) {
    let (_, first) = world.approved().await;
    let (_, broken) = world.approved().await;
    let (_, last) = world.approved().await;
    world.damage_result(&broken).await;
    let publisher = world.publisher("publisher", PublisherConfig::default());
    for _ in 0..3 {
        publisher.round(&[first.id, broken.id, last.id]).await.unwrap();
    }
    let alerts = world.alerts().await;
    assert_eq!((alerts.len(), alerts[0].kind), (1, AlertKind::Unreadable));
    assert!(alerts[0].message.contains("restore it from a backup"), "{alerts:?}");
    let published = TaskState::Published;
    let states = world.states(&[first, broken, last]).await;
    assert_eq!((states[0], states[2], world.fake.posts()), (published, published, 2));
    assert_ne!(states[1], published);
}

pub(crate) async fn a_publisher_at_work_takes_posts_from_the_queue(world: World) {
    let (_, task) = world.approved().await;
    let running = world.publishing();
    world.push(Queue::Publish, &[task.clone()]).await;
    world.until(task.id, TaskState::Published).await;
    running.stop().await;
    assert_eq!(world.fake.posts(), 1);
}
