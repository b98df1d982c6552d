//! What agents and campaigns are doing, and lists of it in pages.

use std::collections::BTreeMap;

use chimera_domain::{Agent, AgentTask, Ambient as _, Campaign, TaskState, TaskType, Usd};
use chimera_store::{Doings, PublishOutcome};
use chimera_testkit::fixtures;
use chrono::Duration;

use crate::{
    publishing::settlement,
    world::{LEASE, World},
};

/// Brings a post to PUBLISHED.
async fn published(world: &World) -> AgentTask {
    let (task, _) = world.approved().await;
    let case = world.begin(&[task.id], "publisher", LEASE).await.remove(0);
    let outcome =
        PublishOutcome::Confirmed { external_id: "1".to_owned(), url: Some("https://example.org/1".to_owned()) };
    world.store.publish_settle(vec![settlement(&case, outcome, None)], world.ambient.now()).await.unwrap();
    world.stored(task.id).await
}

pub(crate) async fn an_agent_and_its_campaign_do_what_their_tasks_do(world: World) {
    let idle = world.store.agent_save(&fixtures::agent(&world.ambient)).await.unwrap();
    published(&world).await;
    world.ambient.advance(Duration::minutes(5));
    let last = published(&world).await;
    world.planned().await;
    world.waiting_for_a_person().await;
    let now = world.ambient.now();
    let doings = world.store.agents_doings(&[world.agent.id, idle.id], now).await.unwrap();
    assert_eq!((doings.len(), &doings[&idle.id]), (2, &Doings::default()));
    let busy = &doings[&world.agent.id];
    let tasks = [(TaskState::Pending, 1), (TaskState::Ready, 2), (TaskState::HitlQueue, 1)];
    assert_eq!(busy.tasks, BTreeMap::from(tasks));
    assert_eq!(busy.published_today, 2);
    let post = busy.last_post.as_ref().unwrap();
    assert_eq!(post.task, last);
    assert_eq!(post.publication.as_ref().unwrap().url.as_deref(), Some("https://example.org/1"));
    let campaigns = world.store.campaigns_doings(&[world.campaign.id], now).await.unwrap();
    assert_eq!(&campaigns[&world.campaign.id], busy);
    // Yesterday is not today, and what is older than a week is no news.
    let tomorrow = world.store.agents_doings(&[world.agent.id], now + Duration::days(1)).await.unwrap();
    let tomorrow = &tomorrow[&world.agent.id];
    assert_eq!((tomorrow.published_today, tomorrow.last_post.as_ref().map(|p| p.task.id)), (0, Some(last.id)));
    let later = world.store.agents_doings(&[world.agent.id], now + Duration::days(8)).await.unwrap();
    assert_eq!(later[&world.agent.id].last_post, None);
    assert!(world.store.agents_doings(&[], now).await.unwrap().is_empty());
}

pub(crate) async fn agents_and_campaigns_come_in_pages(world: World) {
    let mut slugs = vec![world.agent.persona_slug.clone()];
    let mut names = vec![world.campaign.slug.clone()];
    for _ in 0..4 {
        let agent: Agent = world.store.agent_save(&fixtures::agent(&world.ambient)).await.unwrap();
        let campaign: Campaign = fixtures::campaign(&world.ambient, &agent);
        names.push(world.store.campaign_save(&campaign).await.unwrap().slug);
        slugs.push(agent.persona_slug);
    }
    slugs.sort();
    names.sort();
    let (mut agents, mut campaigns): (Vec<String>, Vec<String>) = Default::default();
    loop {
        let page = world.store.agents_page(agents.last().map(String::as_str), 2).await.unwrap();
        let also = world.store.campaigns_page(campaigns.last().map(String::as_str), 2).await.unwrap();
        assert_eq!(page.len(), also.len());
        agents.extend(page.iter().map(|agent| agent.persona_slug.clone()));
        campaigns.extend(also.iter().map(|campaign| campaign.slug.clone()));
        if page.len() < 2 {
            break;
        }
    }
    assert_eq!((agents, campaigns), (slugs, names));
}

pub(crate) async fn what_went_out_comes_in_pages_the_latest_first(world: World) {
    let mut out = Vec::new();
    for _ in 0..5 {
        out.push(published(&world).await);
    }
    // Two at the same moment are told apart by their ids.
    world.ambient.advance(Duration::minutes(1));
    out.push(published(&world).await);
    world.approved().await;
    out.sort_by_key(|task| std::cmp::Reverse((task.updated_at, task.id)));
    let mut found = Vec::new();
    loop {
        let after = found.last().map(|task: &AgentTask| task.id);
        let page = world.store.posts_published(after, 2).await.unwrap();
        found.extend(page.into_iter().map(|post| post.task));
        if found.len() % 2 == 1 || found.len() == out.len() {
            break;
        }
    }
    assert_eq!(found, out);
    let beyond = world.store.posts_published(out.last().map(|task| task.id), 2).await.unwrap();
    assert_eq!(beyond, []);
}

pub(crate) async fn a_campaigns_plans_come_in_pages_with_their_tasks(world: World) {
    let other = world.store.campaign_save(&fixtures::campaign(&world.ambient, &world.agent)).await.unwrap();
    let mut planned = Vec::new();
    for _ in 0..3 {
        let (signal, tasks) = world.planned().await;
        planned.push((signal.id, tasks));
        world.ambient.advance(Duration::minutes(1));
    }
    planned.reverse();
    let first = world.store.campaign_plans(world.campaign.id, None, 2).await.unwrap();
    let rest = world.store.campaign_plans(world.campaign.id, Some(first[1].signal.id), 2).await.unwrap();
    let found: Vec<_> = first.into_iter().chain(rest).collect();
    assert_eq!(found.len(), 3);
    for (found, (signal, tasks)) in found.iter().zip(&planned) {
        assert_eq!(found.signal.id, *signal);
        let ids: Vec<_> = found.tasks.iter().map(|task| task.id).collect();
        let wanted: Vec<_> = tasks.iter().map(|task| task.id).collect();
        assert_eq!(crate::world::sorted(&ids), crate::world::sorted(&wanted));
        let post = found.tasks.iter().find(|task| task.task_type == TaskType::AssemblePost).unwrap();
        assert_eq!(post.depends_on, [tasks[0].id, tasks[1].id]);
    }
    assert_eq!(world.store.campaign_plans(other.id, None, 2).await.unwrap(), []);
}

pub(crate) async fn what_a_campaign_spent_is_counted_from_a_moment_on(world: World) {
    let (task, _) = world.in_review(world.ready(TaskType::GenerateText).await.id).await;
    let now = world.ambient.now();
    let hour = Duration::hours(1);
    let entries = world.store.spend_entries(&[task.agent_id], now - hour, None, None).await.unwrap();
    let wanted: Usd = entries.iter().map(|entry| entry.counted).sum();
    assert!(wanted > Usd::ZERO);
    let spent = world.store.campaigns_spent(&[world.campaign.id], now - hour).await.unwrap();
    assert_eq!(spent.get(&world.campaign.id), Some(&wanted));
    assert!(world.store.campaigns_spent(&[world.campaign.id], now + hour).await.unwrap().is_empty());
}

pub(crate) async fn money_is_added_up_by_day(world: World) {
    let now = world.ambient.now();
    let midnight = chimera_domain::SpendWindows::midnight(now);
    let (days, agent) = (3, world.agent.id);
    let spend = async |cents: i32, at| {
        let call = chimera_domain::ToolCall {
            cost_usd: Usd::cents(cents),
            called_at: at,
            task_id: None,
            agent_id: Some(agent),
            ..fixtures::tool_call(&world.ambient, &world.task(&world.signal(), TaskType::GenerateText, vec![]))
        };
        world.store.tool_calls_record(&[call]).await.unwrap();
    };
    let (day, moment) = (Duration::days(1), Duration::microseconds(1));
    for (cents, at) in [
        (1, midnight - moment),
        (2, midnight),
        (3, midnight + day - moment),
        (4, midnight + day),
        (5, midnight + day * 3 - moment),
        (6, midnight + day * 3),
    ] {
        spend(cents, at).await;
    }
    let mut found = world.store.spend_by_day(&[agent], midnight, days).await.unwrap();
    found.sort_by_key(|(_, day, _)| *day);
    assert_eq!(found, [(agent, 0, Usd::cents(5)), (agent, 1, Usd::cents(4)), (agent, 2, Usd::cents(5))]);
    assert_eq!(world.store.spend_by_day(&[], midnight, days).await.unwrap(), []);
}

pub(crate) async fn alerts_come_in_pages(world: World) {
    let mut raised = Vec::new();
    for n in 0..5 {
        let alert = fixtures::alert(&world.ambient, chimera_domain::AlertKind::FeedDown, &n.to_string());
        world.store.alerts_raise(std::slice::from_ref(&alert)).await.unwrap();
        raised.push(alert);
        world.ambient.advance(Duration::seconds(1));
    }
    raised.reverse();
    let first = world.store.alerts_page(None, 2).await.unwrap();
    // The page after one that somebody acknowledged meanwhile is the same.
    world.store.alerts_acknowledge(&[first[1].id], world.ambient.now()).await.unwrap();
    let rest = world.store.alerts_page(Some(first[1].id), 9).await.unwrap();
    let found: Vec<_> = first.into_iter().chain(rest).map(|alert| alert.id).collect();
    assert_eq!(found, raised.iter().map(|alert| alert.id).collect::<Vec<_>>());
}
