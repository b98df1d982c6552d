//! Signals and trends over HTTP.

use std::collections::BTreeSet;

use chimera_domain::{AccessRole, SignalOutcome, TrendSignal};
use chimera_store::{AuditFilter, Plan};
use chimera_testkit::fixtures;
use serde_json::{Value, json};

use crate::world::World;

/// Signals of the campaign, of which every other one was not relevant; the newest first.
async fn read(world: &World, count: usize) -> Vec<TrendSignal> {
    let one = |at: usize| {
        let mut signal = fixtures::signal(&*world.ambient, &world.campaign, &world.agent);
        signal.item.title = format!("Silk <b>{at}</b>");
        signal.outcome = if at.is_multiple_of(2) { SignalOutcome::BelowThreshold } else { SignalOutcome::Deferred };
        signal
    };
    let mut signals: Vec<TrendSignal> = (0..count).map(one).collect();
    // Two that were read in the same moment.
    let moment = signals[0].ingested_at;
    signals[1].ingested_at = moment;
    let plan = Plan {
        campaign_id: world.campaign.id,
        campaign_version: world.campaign.state_version,
        signals: signals.clone(),
        tasks: vec![],
        alerts: vec![],
        calls: vec![],
    };
    world.store.plan_commit(&plan).await.unwrap();
    signals.sort_by_key(|signal| std::cmp::Reverse((signal.ingested_at, signal.id)));
    signals
}

fn ids(page: &Value) -> Vec<String> {
    page["signals"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
}

pub(crate) async fn signals_come_in_pages_with_their_reasons(world: World) {
    let signals = read(&world, 5).await;
    let wanted: Vec<String> = signals.iter().map(|signal| signal.id.to_string()).collect();
    let (mut found, mut path) = (Vec::new(), "/api/signals?limit=2".to_owned());
    loop {
        let page = world.get(&path).await.json();
        found.extend(ids(&page));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/api/signals?limit=2&after={next}");
    }
    assert_eq!(found, wanted);
    let slug = &world.campaign.slug;
    let deferred = world.get(&format!("/api/signals?campaign={slug}&outcome=DEFERRED")).await.json();
    let relevant = signals.iter().filter(|signal| signal.outcome == SignalOutcome::Deferred);
    assert_eq!(ids(&deferred), relevant.map(|signal| signal.id.to_string()).collect::<Vec<_>>());
    let one = &deferred["signals"][0];
    assert_eq!(one["relevance"].as_f64().unwrap(), signals[0].relevance.get());
    let told = signals.iter().find(|signal| Some(signal.id.to_string().as_str()) == one["id"].as_str()).unwrap();
    assert_eq!((&one["reasons"], &one["item"]["title"]), (&json!(told.reasons()), &json!(told.item.title)));
    assert_eq!((&one["mark"], one["sources"][0]["headline"].as_str()), (&Value::Null, Some(told.item.title.as_str())));
    for (query, status) in [
        ("limit=0", 400),
        ("limit=201", 400),
        ("after=x", 400),
        ("outcome=LOVED", 400),
        ("campaign=none", 404),
        ("wild=1", 400),
    ] {
        let refused = world.get(&format!("/api/signals?{query}")).await;
        assert_eq!((refused.status, refused.header("content-type")), (status, "application/problem+json"), "{query}");
    }
}

pub(crate) async fn a_signal_is_marked_by_an_operator_and_the_last_word_counts(world: World) {
    let signal = read(&world, 2).await.remove(0);
    let path = format!("/api/signals/{}/mark", signal.id);
    for role in [AccessRole::Viewer, AccessRole::Reviewer] {
        let token = world.token(role).await;
        let refused = world.as_token(&token, "POST", &path, r#"{"mark": "UP"}"#).await;
        assert_eq!((refused.status, &refused.json()["needs"]), (403, &json!("operator")));
    }
    for (body, status) in [
        ("{}", 422),
        (r#"{"mark": "SIDEWAYS"}"#, 422),
        (r#"{"mark": "UP", "extra": 1}"#, 422),
        (&json!({"mark": "UP", "note": "x".repeat(501)}).to_string(), 422),
        ("{", 400),
    ] {
        assert_eq!(world.as_token(&world.token, "POST", &path, body).await.status, status, "{body}");
    }
    let unknown = "/api/signals/0199e1c2-7a3b-7c4d-8e5f-001122334455/mark";
    assert_eq!(world.as_token(&world.token, "POST", unknown, r#"{"mark": "UP"}"#).await.status, 404);
    assert!(world.store.signals_marked(world.campaign.id, 9).await.unwrap().is_empty());
    for (body, mark) in [(r#"{"mark": "UP", "note": "silk"}"#, "UP"), (r#"{"mark": "DOWN"}"#, "DOWN")] {
        let told = world.as_token(&world.token, "POST", &path, body).await;
        assert_eq!((told.status, &told.json()["mark"]["mark"]), (200, &json!(mark)), "{}", told.text());
    }
    let page = world.get("/api/signals").await.json();
    let marked: Vec<_> = page["signals"].as_array().unwrap().iter().filter(|one| !one["mark"].is_null()).collect();
    assert_eq!(marked.len(), 1);
    assert_eq!(marked[0]["id"], json!(signal.id.to_string()));
    let mark = &marked[0]["mark"];
    assert_eq!(
        (&mark["mark"], &mark["note"], &mark["by"]),
        (&json!("DOWN"), &Value::Null, &json!("operator:token:operator"))
    );
    let log = world.store.audit_entries(&AuditFilter { limit: 99, ..AuditFilter::default() }).await.unwrap();
    assert_eq!(log.iter().filter(|entry| entry.action == "signal_marked").count(), 2);
}

pub(crate) async fn trends_are_told(world: World) {
    assert_eq!(world.get("/api/trends").await.json(), json!({"trends": []}));
    let signal = read(&world, 2).await.remove(0);
    let trend = fixtures::trend(&*world.ambient, &signal);
    world.store.trends_save(std::slice::from_ref(&trend), &[]).await.unwrap();
    for path in ["/api/trends", "/api/trends?limit=1"] {
        let told = world.get(path).await.json();
        assert_eq!(told["trends"], serde_json::to_value([&trend]).unwrap());
    }
    let hot = world.get("/api/trends?hot=true").await.json();
    assert_eq!(hot["trends"], serde_json::to_value(world.store.trends(true, 9).await.unwrap()).unwrap());
    let refused: BTreeSet<u16> =
        [world.get("/api/trends?limit=0").await.status, world.get("/api/trends?hot=maybe").await.status].into();
    assert_eq!(refused, BTreeSet::from([400]));
}
