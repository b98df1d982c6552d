//! What people decide changes what the judge's confidence means.

use chimera_domain::{
    Agent, AgentTask, Ambient as _, Artifact, AuditAction, GovernorLimits, HitlTicket, Resolution, Score, TaskState,
    Verdict,
};
use chimera_judge::{Answer, Edit, LeftOut, Lessons, Maps, fitted};
use chimera_store::AuditFilter;

use crate::world::World;

async fn ticket(world: &World, task: &AgentTask) -> HitlTicket {
    world.trace(task).await.tickets.remove(0)
}

async fn answered(world: &World, task: &AgentTask, resolution: Resolution, edit: Option<Edit>) {
    let ticket_id = ticket(world, task).await.id;
    let (by, note, seen_hash) = ("mara".to_owned(), None, None);
    world.desk.answer(Answer { ticket_id, resolution, by, note, seen_hash, edit, again: false }).await.unwrap();
}

/// Posts of these opinions, judged together.
async fn posts(world: &World, opinions: impl Iterator<Item = u32>) -> Vec<(u32, AgentTask)> {
    let mut posts = Vec::new();
    for opinion in opinions {
        posts.push((opinion, world.post(&format!("Silk 0.{opinion}")).await));
    }
    let ids: Vec<_> = posts.iter().map(|(_, task)| task.id).collect();
    world.judge.round(&ids).await.unwrap();
    posts
}

async fn maps(world: &World) -> (Lessons, Maps) {
    let lessons = Lessons::of(&world.store.reviews(1_000).await.unwrap());
    let mind = lessons.opinion_of.clone().unwrap_or_default();
    let now = world.ambient.now();
    let maps = fitted(&lessons).iter().filter_map(|one| Some((one.campaign, one.calibration(&mind, now)?))).collect();
    (lessons, maps)
}

pub(crate) async fn what_people_decide_becomes_what_the_confidence_means(world: World) {
    let limits = GovernorLimits { max_tasks_per_hour: u32::MAX, ..world.agent.governor_limits };
    world.store.agent_save(&Agent { governor_limits: limits, ..world.agent.clone() }).await.unwrap();
    assert!(maps(&world).await.1.is_empty(), "cold start");
    // People let out what the mind gives 0.70 and more; nothing else tells them apart.
    for (opinion, task) in posts(&world, 56..=83).await {
        let decision = world.decision(&task).await;
        assert_eq!(decision.verdict, Verdict::HitlQueue);
        assert_eq!(
            (decision.raw_confidence, decision.opinion_of.as_deref()),
            (Some(decision.confidence), Some("scripted-1"))
        );
        assert!(decision.reasoning_trace.contains("not calibrated"), "{}", decision.reasoning_trace);
        let resolution = if opinion >= 70 { Resolution::Approved } else { Resolution::Rejected };
        answered(&world, &task, resolution, None).await;
    }
    // What they say of a topic or a source, they do not say of the words.
    let topic = world.post("The acme gown is back 0.83").await;
    let tainted = |task: &mut AgentTask| task.payload.taint = vec!["override".to_owned()];
    let (_, tainted) = world.post_with("Silk 0.83", tainted, |_: &mut Artifact| {}).await;
    for task in [topic, tainted] {
        world.round(&task).await;
        answered(&world, &task, Resolution::Rejected, None).await;
    }
    let (lessons, maps) = maps(&world).await;
    assert_eq!(
        (lessons.examples.len(), lessons.left_out),
        (28, LeftOut { sensitive: 1, flagged: 1, other_opinion: 0 })
    );
    assert_eq!(maps.len(), 1, "one campaign's few decisions are everybody's");
    assert_eq!(world.store.judge_calibrate(&maps, world.ambient.now()).await.unwrap(), 1);
    assert_eq!(world.store.judge_maps(&[world.campaign.id]).await.unwrap(), maps);
    // The same opinions go elsewhere now, and both figures are told.
    let map = &maps[&None].map;
    for (opinion, task) in posts(&world, [30, 60, 69, 83, 99].into_iter()).await {
        let (decision, state) = (world.decision(&task).await, world.stored(task.id).await.state);
        let raw = decision.raw_confidence.unwrap();
        assert_eq!(decision.confidence, map.apply(raw), "{opinion}");
        let wanted = match opinion {
            83 | 99 => TaskState::Approved,
            30 | 60 => TaskState::Rejected,
            _ => state,
        };
        assert_eq!(state, wanted, "{opinion}: {}", decision.reasoning_trace);
        assert!(opinion >= 56 || decision.confidence <= raw, "below what was decided, nothing is claimed");
        let told = format!("confidence {raw}: ");
        assert!(decision.reasoning_trace.contains(&told) && decision.reasoning_trace.contains("28 decisions"));
    }
    // Whatever the map says, a topic is a person's.
    let topic = world.post("The acme gown is back 0.83").await;
    world.round(&topic).await;
    assert_eq!(world.decision(&topic).await.verdict, Verdict::HitlQueue);
    assert!(world.store.audit_verify(&[]).await.unwrap().is_sound());
    // Raw figures are what is learned from next time.
    assert_eq!(Lessons::of(&world.store.reviews(1_000).await.unwrap()).examples, lessons.examples);

    assert_eq!(world.store.judge_calibrate(&Maps::new(), world.ambient.now()).await.unwrap(), 1);
    assert_eq!(
        world.store.judge_calibrate(&Maps::new(), world.ambient.now()).await.unwrap(),
        0,
        "nothing is left to change"
    );
    let (_, task) = posts(&world, [82].into_iter()).await.remove(0);
    let decision = world.decision(&task).await;
    assert_eq!((decision.verdict, decision.raw_confidence), (Verdict::HitlQueue, Some(decision.confidence)));
    let log = world.store.audit_entries(&AuditFilter { limit: 999, ..AuditFilter::default() }).await.unwrap();
    let acts: Vec<_> = log.iter().filter(|entry| entry.action == AuditAction::JudgeCalibrated.as_str()).collect();
    assert_eq!(acts.len(), 2);
}

pub(crate) async fn an_edited_post_was_not_fit_as_it_was(world: World) {
    let (_, task) = posts(&world, [70].into_iter()).await.remove(0);
    let text = "Wool that outlives the season.\n\nMade by an AI.".to_owned();
    answered(&world, &task, Resolution::Approved, Some(Edit { text, hashtags: None })).await;
    let reviews = world.store.reviews(9).await.unwrap();
    assert_eq!(reviews.iter().map(|one| (one.approved, one.edited)).collect::<Vec<_>>(), [(true, true)]);
    assert_eq!(reviews[0].campaign_id, world.campaign.id);
    assert_eq!(reviews[0].judged.verdict, Verdict::HitlQueue, "the judge's word, not the person's");
    assert!(Lessons::of(&reviews).examples.iter().all(|(_, example)| !example.positive));
    // Another mind's opinions are left as they are.
    let mut map = chimera_testkit::fixtures::calibration(&*world.ambient);
    map.map = chimera_domain::MonotoneMap::through(vec![(Score::ZERO, Score::ONE)]).unwrap();
    for (model, verdict) in [("another-1", Verdict::HitlQueue), ("scripted-1", Verdict::Approve)] {
        map.model = model.to_owned();
        let maps = [(Some(world.campaign.id), map.clone())].into();
        world.store.judge_calibrate(&maps, world.ambient.now()).await.unwrap();
        let (_, task) = posts(&world, [71].into_iter()).await.remove(0);
        assert_eq!(world.decision(&task).await.verdict, verdict, "{model}");
    }
}
