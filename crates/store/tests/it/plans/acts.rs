//! What happens to posts on their way: asked about, answered, settled, finished.

use chimera_domain::{
    Agent, AgentTask, AlertKind, Ambient as _, Artifact, Campaign, GovernorLimits, HitlTicket, NextAction, Resolution,
    SignalOutcome, TaskEvent, ToolCall, TrendSignal, Usd, Verdict,
};
use chimera_store::{PublishCase, PublishOutcome, Ruling, Settlement, Store, TicketAnswer, memory::in_database};
use chimera_testkit::fixtures;
use sea_orm::ConnectionTrait as _;

use crate::world::{LEASE, World};

/// What the finished posts are copies of.
pub(super) struct Template {
    pub(super) task: AgentTask,
    pub(super) agent: Agent,
    pub(super) campaign: Campaign,
}

/// One post that was published after a person said yes, for an agent that may do all it likes; with everything that a
/// post leaves behind.
pub(super) async fn finished_posts(world: &World) -> Template {
    let limits = GovernorLimits {
        max_daily_spend: Usd::dollars(1_000_000),
        max_hourly_spend: None,
        max_tasks_per_day: None,
        max_tasks_per_hour: 1_000_000,
    };
    let agent = Agent { governor_limits: limits, ..world.agent.clone() };
    let agent = world.store.agent_save(&agent).await.unwrap();
    let (_, tasks) = world.planned().await;
    for part in &tasks[..2] {
        world.done(part.id).await;
    }
    let (post, artifact) = world.in_review(tasks[2].id).await;
    let ticket = ask(world, &world.store, &[(post.clone(), artifact)]).await.remove(0);
    answer(world, &world.store, &ticket, Resolution::Approved).await;
    let begun = world.begin(&[post.id], "publisher", LEASE).await;
    let settled = world.store.publish_settle(settlements(world, &begun, confirmed), world.ambient.now()).await.unwrap();
    assert_eq!(settled.published, [post.id]);
    world.store.alerts_raise(&[fixtures::alert(&world.ambient, AlertKind::DeadLetter, "seen")]).await.unwrap();
    world.store.trends_save(&[fixtures::trend(&world.ambient, &world.signal())], &[]).await.unwrap();
    let nothing = TrendSignal { outcome: SignalOutcome::BelowThreshold, ..world.signal() };
    world.store.plan_commit(&world.plan(vec![nothing], vec![])).await.unwrap();
    let free = ToolCall { cost_usd: Usd::ZERO, ..fixtures::tool_call(&world.ambient, &post) };
    world.store.tool_calls_record(&[free]).await.unwrap();
    let index = in_database(world.store.clone());
    index.add(&[fixtures::memory(&world.ambient, agent.id)]).await.unwrap();
    let db = sea_orm::Database::connect(world.config.url.as_str()).await.unwrap();
    db.execute_unprepared("UPDATE alerts SET acknowledged_by = 'ada'").await.unwrap();
    db.close().await.unwrap();
    Template { task: world.stored(post.id).await, agent, campaign: world.campaign.clone() }
}

/// Out in the world, under this number.
pub(super) fn confirmed(index: usize) -> PublishOutcome {
    PublishOutcome::Confirmed { external_id: index.to_string(), url: None }
}

/// How each of these calls ended.
pub(super) fn settlements(
    world: &World,
    begun: &[PublishCase],
    outcome: impl Fn(usize) -> PublishOutcome,
) -> Vec<Settlement> {
    let settlement = |(index, case): (usize, &PublishCase)| {
        let ticket = HitlTicket {
            question: chimera_domain::Question::IsItOut,
            ..fixtures::ticket(&world.ambient, &case.task, &case.artifact)
        };
        let outcome = outcome(index);
        Settlement {
            task_id: case.task.id,
            task_version: case.task.state_version,
            publication_id: case.publication.id,
            publication_version: case.publication.state_version,
            ticket: matches!(outcome, PublishOutcome::Unknown { .. }).then_some(ticket),
            outcome,
            tool_calls: vec![fixtures::tool_call(&world.ambient, &case.task)],
            alert: None,
        }
    };
    begun.iter().enumerate().map(settlement).collect()
}

/// Sends posts in review to a person; gives the questions.
pub(super) async fn ask(world: &World, store: &Store, posts: &[(AgentTask, Artifact)]) -> Vec<HitlTicket> {
    let ruling = |(task, artifact): &(AgentTask, Artifact)| Ruling {
        ticket: Some(fixtures::ticket(&world.ambient, task, artifact)),
        ..world.ruling(task, artifact, TaskEvent::AskHuman)
    };
    let rulings: Vec<Ruling> = posts.iter().map(ruling).collect();
    let tickets = rulings.iter().filter_map(|r| r.ticket.clone()).collect();
    store.task_decide(rulings, world.ambient.now()).await.unwrap();
    tickets
}

/// Answers it.
pub(super) async fn answer(world: &World, store: &Store, ticket: &HitlTicket, resolution: Resolution) {
    let task = world.stored(ticket.task_id).await;
    let verdict = if resolution == Resolution::Rejected { Verdict::Reject } else { Verdict::Approve };
    let artifact = world.store.trace(task.trace_id).await.unwrap().unwrap().artifacts.remove(0);
    let mut decision = fixtures::decision(&world.ambient, &task, &artifact, verdict);
    decision.next_action = NextAction::Stop;
    let answer = TicketAnswer {
        ticket_id: ticket.id,
        version: ticket.state_version,
        artifact_hash: ticket.artifact_hash.clone(),
        resolution,
        by: "ada".to_owned(),
        note: None,
        decision,
        instead: None,
        replan: vec![],
    };
    store.ticket_resolve(&answer, world.ambient.now()).await.unwrap();
}
