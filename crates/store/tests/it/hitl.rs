//! What waits for people: how much, in which order, and page by page.

use chimera_domain::{Ambient as _, Campaign, HitlTicket, Resolution, SensitiveTopic, TaskEvent, TaskType, TicketId};
use chimera_store::{HitlDepth, HitlGlance, Ruling, TicketFilter};
use chimera_testkit::fixtures;
use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait as _, Database};

use crate::{tickets::answer, world::World};

/// A moment that is past on every clock.
const LONG_AGO: &str = "2001-02-03T04:05:06Z";
/// A moment that is not, for a good while.
const FAR_AWAY: &str = "2101-02-03T04:05:06Z";

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// Stores a post that waits for a person until then.
async fn ask(world: &World, due: DateTime<Utc>, change: impl Fn(&mut HitlTicket)) -> HitlTicket {
    let ready = world.ready(TaskType::AssemblePost).await;
    let (task, artifact) = world.in_review(ready.id).await;
    let mut ticket = HitlTicket { sla_expires_at: due, ..fixtures::ticket(&world.ambient, &task, &artifact) };
    change(&mut ticket);
    let ruling = Ruling { ticket: Some(ticket.clone()), ..world.ruling(&task, &artifact, TaskEvent::AskHuman) };
    world.store.task_decide(vec![ruling], world.ambient.now()).await.unwrap();
    ticket
}

/// Answers a ticket, so that it waits no longer.
async fn reject(world: &World, ticket: &HitlTicket) {
    let task = world.stored(ticket.task_id).await;
    let artifact = world.store.trace(task.trace_id).await.unwrap().unwrap().artifacts.remove(0);
    let answer = answer(world, (&task, &artifact, ticket), Resolution::Rejected, "mara");
    world.store.ticket_resolve(&answer, world.ambient.now()).await.unwrap();
}

async fn page(world: &World, filter: TicketFilter) -> Vec<TicketId> {
    world.store.tickets_open(&filter).await.unwrap().into_iter().map(|ticket| ticket.id).collect()
}

fn of(limit: u64) -> TicketFilter {
    TicketFilter { limit, ..TicketFilter::default() }
}

pub(crate) async fn the_depth_tells_how_many_wait_and_how_long_yet(world: World) {
    assert_eq!(world.store.hitl_depth().await.unwrap(), HitlDepth::default());
    assert_eq!(world.store.hitl_glance(3).await.unwrap(), HitlGlance::default());
    let (past, later, soon) = (at(LONG_AGO), at(FAR_AWAY), at(FAR_AWAY) - chrono::Duration::hours(9));
    let late = ask(&world, past, |_| {}).await;
    let counted = HitlDepth { open: 1, overdue: 1, next_due: None, oldest: Some(late.created_at) };
    assert_eq!(world.store.hitl_depth().await.unwrap(), counted);
    ask(&world, later, |_| {}).await;
    let sooner = ask(&world, soon, |_| {}).await;
    let all = HitlDepth { open: 3, overdue: 1, next_due: Some(soon), oldest: Some(late.created_at) };
    let before = world.store.statistics().statements;
    assert_eq!(world.store.hitl_depth().await.unwrap(), all);
    assert_eq!(world.store.statistics().statements - before, 1);
    let glance = HitlGlance { open: 3, overdue: 1, more: false };
    assert_eq!(world.store.hitl_glance(3).await.unwrap(), glance);
    // The overdue ones are counted first.
    let glance = HitlGlance { open: 1, overdue: 1, more: true };
    assert_eq!(world.store.hitl_glance(1).await.unwrap(), glance);
    assert_eq!(page(&world, TicketFilter { overdue: true, ..of(9) }).await, [late.id]);
    reject(&world, &late).await;
    reject(&world, &sooner).await;
    let depth = world.store.hitl_depth().await.unwrap();
    assert_eq!((depth.open, depth.overdue, depth.next_due), (1, 0, Some(later)));
}

pub(crate) async fn tickets_come_in_the_order_in_which_they_fall_due(world: World) {
    let due = at(FAR_AWAY);
    let mut asked = Vec::new();
    for minutes in [30, 10, 20, 10] {
        asked.push(ask(&world, due + chrono::Duration::minutes(minutes), |_| {}).await);
    }
    // Of the two that fall due together, one was asked much earlier than its id says.
    let old = ask(&world, due + chrono::Duration::minutes(10), |ticket| ticket.created_at = at(LONG_AGO)).await;
    // And one has the same times as another: then the ids decide.
    let twin = asked[3].clone();
    let twin = ask(&world, twin.sla_expires_at, |ticket| ticket.created_at = twin.created_at).await;
    let wanted = [old.id, asked[1].id, asked[3].id, twin.id, asked[2].id, asked[0].id];
    assert_eq!(page(&world, of(9)).await, wanted);
    assert_eq!(page(&world, of(2)).await, wanted[..2]);
    assert_eq!(world.store.tickets_open(&of(1)).await.unwrap(), [old]);
}

pub(crate) async fn pages_neither_hide_nor_repeat_what_waits(world: World) {
    let due = at(FAR_AWAY);
    let mut asked = Vec::new();
    for minutes in 0..7 {
        // Three at a time fall due together.
        asked.push(ask(&world, due + chrono::Duration::minutes(minutes / 3), |_| {}).await);
    }
    let (mut seen, mut after) = (Vec::<TicketId>::new(), None);
    loop {
        let ids = page(&world, TicketFilter { after, ..of(2) }).await;
        let Some(last) = ids.last() else { break };
        after = Some(*last);
        seen.extend(&ids);
        if seen.len() == 2 {
            // The very ticket where the page ended is answered, and so is one that is still to come; and a new one comes
            // that is due before all others: it belongs to a page that is past.
            reject(&world, &asked[1]).await;
            reject(&world, &asked[4]).await;
            ask(&world, due - chrono::Duration::hours(1), |_| {}).await;
        }
    }
    let wanted: Vec<_> = [0, 1, 2, 3, 5, 6].map(|index: usize| asked[index].id).to_vec();
    assert_eq!(seen, wanted);
    let nobodys = TicketId::generate(&world.ambient);
    assert_eq!(page(&world, TicketFilter { after: Some(nobodys), ..of(9) }).await, []);
}

pub(crate) async fn tickets_are_found_by_campaign_and_by_topic(world: World) {
    let due = at(FAR_AWAY);
    let named = |topic: &str| {
        let topic = SensitiveTopic { topic: topic.to_owned(), ..fixtures_topic() };
        move |ticket: &mut HitlTicket| ticket.sensitive_topics = vec![fixtures_topic(), topic.clone()]
    };
    let quoted = "o'clock \"[{%_}]\"";
    let politics = ask(&world, due, named("politics")).await;
    let odd = ask(&world, due, named(quoted)).await;
    let none = ask(&world, due, |ticket| ticket.sensitive_topics.clear()).await;
    let of_topic = |topic: &str| TicketFilter { topic: Some(topic.to_owned()), ..of(9) };
    assert_eq!(page(&world, of_topic("politics")).await, [politics.id]);
    assert_eq!(page(&world, of_topic(quoted)).await, [odd.id]);
    assert_eq!(page(&world, of_topic("politic")).await, []);
    assert_eq!(page(&world, of_topic(&fixtures_topic().topic)).await, [politics.id, odd.id]);

    let other = world.store.campaign_save(&fixtures::campaign(&world.ambient, &world.agent)).await.unwrap();
    let of_campaign = |campaign: &Campaign| TicketFilter { campaign: Some(campaign.id), ..of(9) };
    assert_eq!(page(&world, of_campaign(&world.campaign)).await, [politics.id, odd.id, none.id]);
    assert_eq!(page(&world, of_campaign(&other)).await, []);
}

fn fixtures_topic() -> SensitiveTopic {
    SensitiveTopic {
        topic: "legal".to_owned(),
        score: chimera_domain::Score::percent(91),
        evidence: "a court case".to_owned(),
    }
}

pub(crate) async fn a_ticket_that_can_not_be_read_hides_no_other(world: World) {
    let (hurt, whole) = (ask(&world, at(LONG_AGO), |_| {}).await, ask(&world, at(FAR_AWAY), |_| {}).await);
    let db = Database::connect(world.config.url.as_str()).await.unwrap();
    let sql = format!("UPDATE hitl_queue_items SET question = 'WHAT' WHERE trace_id = '{}'", hurt.trace_id);
    assert_eq!(db.execute_unprepared(&sql).await.unwrap().rows_affected(), 1);
    assert_eq!(world.store.tickets_open(&of(9)).await.unwrap(), [whole]);
    assert_eq!(world.store.hitl_depth().await.unwrap().open, 2);
}
