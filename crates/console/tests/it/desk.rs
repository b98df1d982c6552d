//! Answers over HTTP: through the API, and by the forms of the review desk.

use chimera_domain::{
    AccessRole, AgentTask, Ambient as _, Artifact, CampaignStatus, HitlTicket, NextAction, Resolution, TaskEvent,
    TaskState,
};
use chimera_store::AuditFilter;
use chimera_testkit::fixtures;
use serde_json::json;

use crate::{browser::between, client::ask, world::World};

pub(crate) struct Case {
    pub(crate) task: AgentTask,
    pub(crate) artifact: Artifact,
    pub(crate) ticket: HitlTicket,
}

impl Case {
    pub(crate) fn path(&self, does: &str) -> String {
        format!("/api/hitl/{}/{does}", self.ticket.id)
    }

    pub(crate) fn saying(&self, note: &str) -> String {
        json!({"seen_hash": self.ticket.artifact_hash, "note": note}).to_string()
    }
}

/// A post that waits for a person.
pub(crate) async fn waiting(world: &World, headline: &str) -> Case {
    let (_, task) = world.planned(headline).await;
    let artifact = world.made(&task, |artifact| fit(artifact, headline)).await;
    world.decided(task.id, &artifact, TaskEvent::AskHuman, NextAction::WaitHitl).await;
    let ticket = world.store.trace(task.trace_id).await.unwrap().unwrap().tickets.remove(0);
    Case { task, artifact, ticket }
}

/// Words that say who speaks, and a hash that fits them.
fn fit(artifact: &mut Artifact, words: &str) {
    artifact.disclosure.label = "I'm Nova, an AI.".to_owned();
    artifact.text = format!("{words} {}", artifact.disclosure.label);
    artifact.content_hash = artifact.named_anew();
}

async fn state(world: &World, task: &AgentTask) -> TaskState {
    world.store.tasks_by_ids(&[task.id]).await.unwrap().remove(0).state
}

pub(crate) async fn an_answer_is_taken_once_and_told_again(world: World) {
    let case = waiting(&world, "Silk").await;
    let token = world.token(AccessRole::Reviewer).await;
    let yes = async || world.as_token(&token, "POST", &case.path("approve"), &case.saying("fine")).await;
    for repeated in [false, true, true] {
        let told = yes().await;
        assert_eq!((told.status, &told.json()["repeated"]), (200, &json!(repeated)), "{}", told.text());
        assert_eq!(told.json()["resolution"], "APPROVED");
    }
    assert_eq!(state(&world, &case.task).await, TaskState::Approved);
    let ticket = world.store.ticket_by_id(case.ticket.id).await.unwrap().unwrap();
    assert_eq!(ticket.resolved_by.as_deref(), Some("token:reviewer"), "the token is named");
    let log = world.store.audit_entries(&AuditFilter { limit: 99, ..AuditFilter::default() }).await.unwrap();
    assert_eq!(log.iter().filter(|e| e.action == "ticket_answered").count(), 1);
    assert!(log.iter().any(|e| e.actor == "human:token:reviewer"), "{log:?}");
    // Whoever says something else, or is somebody else, is told who was first.
    let other = world.as_token(&world.token, "POST", &case.path("approve"), &case.saying("fine")).await;
    let no = world.as_token(&token, "POST", &case.path("reject"), &case.saying("fine")).await;
    let changed = world.as_token(&token, "POST", &case.path("approve"), &case.saying("hm")).await;
    for refused in [other, no, changed] {
        assert_eq!((refused.status, refused.header("content-type")), (409, "application/problem+json"));
        let problem = refused.json();
        assert_eq!((&problem["by"], &problem["resolution"]), (&json!("token:reviewer"), &json!("APPROVED")));
        assert!(problem["detail"].as_str().unwrap().contains("was first"), "{problem}");
    }
}

pub(crate) async fn an_answer_about_something_else_than_was_seen_is_refused(world: World) {
    let case = waiting(&world, "Silk").await;
    let stale = json!({"seen_hash": "0".repeat(64)}).to_string();
    for does in ["approve", "reject"] {
        let refused = world.as_token(&world.token, "POST", &case.path(does), &stale).await;
        assert_eq!((refused.status, &refused.json()["expected_hash"]), (412, &json!(case.ticket.artifact_hash)));
    }
    let blind = world.as_token(&world.token, "POST", &case.path("approve"), "{}").await;
    assert_eq!(blind.status, 422);
    assert!(blind.json()["detail"].as_str().unwrap().contains("seen_hash"), "{}", blind.text());
    let confirm = world.as_token(&world.token, "POST", &case.path("confirm"), &case.saying("")).await;
    assert_eq!(confirm.status, 422, "nobody asked whether it is out");
    for (body, status) in [("", 400), ("{", 400), ("[]", 422), (r#"{"seen_hash": "x", "extra": 1}"#, 422)] {
        let refused = world.as_token(&world.token, "POST", &case.path("approve"), body).await;
        assert_eq!((refused.status, refused.header("content-type")), (status, "application/problem+json"), "{body}");
    }
    let long = json!({"seen_hash": case.ticket.artifact_hash, "note": "x".repeat(2_001)}).to_string();
    assert_eq!(world.as_token(&world.token, "POST", &case.path("reject"), &long).await.status, 422);
    let huge = json!({"seen_hash": "x", "note": "x".repeat(262_200)}).to_string();
    assert_eq!(world.as_token(&world.token, "POST", &case.path("reject"), &huge).await.status, 413);
    let unknown = "/api/hitl/0199e1c2-7a3b-7c4d-8e5f-001122334455/approve";
    assert_eq!(world.as_token(&world.token, "POST", unknown, &case.saying("")).await.status, 404);
    assert_eq!(world.as_token(&world.token, "POST", "/api/hitl/x/approve", &case.saying("")).await.status, 400);
    assert_eq!(state(&world, &case.task).await, TaskState::HitlQueue);
}

pub(crate) async fn edited_words_are_checked_and_go_out(world: World) {
    let case = waiting(&world, "Silk").await;
    let edit =
        |text: &str| json!({"seen_hash": case.ticket.artifact_hash, "text": text, "hashtags": ["silk"]}).to_string();
    let refused = world.as_token(&world.token, "POST", &case.path("approve"), &edit("Trust me.")).await;
    assert_eq!((refused.status, &refused.json()["faults"][0]["rule"]), (422, &json!("disclosure_missing")));
    let on_no = world.as_token(&world.token, "POST", &case.path("reject"), &edit("No.")).await;
    assert_eq!(on_no.status, 422, "what is rejected can't be edited");
    let words = "Wool instead. I'm Nova, an AI.";
    let taken = world.as_token(&world.token, "POST", &case.path("approve"), &edit(words)).await;
    assert_eq!(taken.status, 200, "{}", taken.text());
    let trace = world.store.trace(case.task.trace_id).await.unwrap().unwrap();
    assert_eq!(trace.artifacts.last().unwrap().text, words);
    assert_eq!(trace.artifacts[0], case.artifact);
}

pub(crate) async fn a_rejection_with_a_reason_is_planned_anew(world: World) {
    let case = waiting(&world, "Silk").await;
    let path = case.path("reject");
    let again = |note: &str| json!({"seen_hash": case.ticket.artifact_hash, "note": note, "again": true}).to_string();
    assert_eq!(world.as_token(&world.token, "POST", &path, &again(" ")).await.status, 422);
    // The fixture's task was replanned too often already.
    let often = world.as_token(&world.token, "POST", &path, &again("Too stiff.")).await;
    assert_eq!(often.status, 422, "{}", often.text());
    assert!(often.json()["detail"].as_str().unwrap().contains("written anew"));
    assert_eq!(world.as_token(&world.token, "POST", &path, &case.saying("Too stiff.")).await.status, 200);
    let ticket = world.store.ticket_by_id(case.ticket.id).await.unwrap().unwrap();
    assert_eq!(
        (ticket.resolution, ticket.resolution_note.as_deref()),
        (Some(Resolution::Rejected), Some("Too stiff."))
    );
}

pub(crate) async fn the_queue_comes_in_pages(world: World) {
    let mut wanted = Vec::new();
    for number in 0..5 {
        wanted.push(waiting(&world, &format!("Story {number}")).await.ticket.id.to_string());
    }
    let (mut found, mut path) = (Vec::new(), "/api/hitl/queue?limit=2".to_owned());
    loop {
        let page = world.get(&path).await.json();
        assert_eq!(page["depth"]["open"], 5);
        found.extend(page["tickets"].as_array().unwrap().iter().map(|t| t["id"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/api/hitl/queue?limit=2&after={next}");
    }
    assert_eq!(found, wanted);
    let slug = &world.campaign.slug;
    let of_campaign = world.get(&format!("/api/hitl/queue?campaign={slug}&topic=politics")).await.json();
    assert_eq!(of_campaign["tickets"].as_array().unwrap().len(), 5);
    for (query, status) in [
        ("limit=0", 400),
        ("limit=201", 400),
        ("limit=x", 400),
        ("after=x", 400),
        ("campaign=none", 404),
        ("wild=1", 400),
    ] {
        let refused = world.get(&format!("/api/hitl/queue?{query}")).await;
        assert_eq!((refused.status, refused.header("content-type")), (status, "application/problem+json"), "{query}");
    }
    let one = world.get(&format!("/api/hitl/{}", wanted[0])).await.json();
    assert_eq!(
        (&one["source"]["headline"], &one["agent"]["name"]),
        (&json!("Story 0"), &json!(world.agent.display_name))
    );
    assert!(
        one["decision"]["breakdown"].is_array() && one["artifact"]["content_hash"] == one["ticket"]["artifact_hash"]
    );
}

pub(crate) async fn each_role_may_do_its_own_and_no_more(world: World) {
    let case = waiting(&world, "Silk").await;
    let viewer = world.token(AccessRole::Viewer).await;
    let reviewer = world.token(AccessRole::Reviewer).await;
    let id = world.campaign.id;
    for does in ["approve", "reject", "confirm"] {
        let refused = world.as_token(&viewer, "POST", &case.path(does), &case.saying("")).await;
        assert_eq!((refused.status, &refused.json()["needs"]), (403, &json!("reviewer")), "{does}");
    }
    for path in
        [format!("/api/campaigns/{id}/pause"), format!("/api/campaigns/{id}/resume"), format!("/api/alerts/{id}/ack")]
    {
        for token in [&viewer, &reviewer] {
            let refused = world.as_token(token, "POST", &path, "").await;
            assert_eq!((refused.status, &refused.json()["needs"]), (403, &json!("operator")), "{path}");
        }
    }
    let looker = world.browser("zoe", AccessRole::Viewer).await;
    let page = looker.get("/review").await;
    assert_eq!(page.status, 200);
    assert!(
        page.text().contains("Silk")
            && !page.text().contains("class=\"answer\"")
            && !page.text().contains("type=\"checkbox\"")
    );
    let form = format!("does=approve&seen_hash={}", case.ticket.artifact_hash);
    assert_eq!(looker.post(&format!("/review/{}", case.ticket.id), &form).await.status, 403);
    assert_eq!(state(&world, &case.task).await, TaskState::HitlQueue);
}

pub(crate) async fn a_ticket_is_claimed_and_handed_on(world: World) {
    let case = waiting(&world, "Silk").await;
    let reviewer = world.token(AccessRole::Reviewer).await;
    let claim = async || world.as_token(&reviewer, "POST", &case.path("claim"), "").await;
    let assign = async |body: &str| world.as_token(&reviewer, "POST", &case.path("assign"), body).await;
    // The fixture's is in somebody's hands.
    let refused = claim().await;
    assert_eq!((refused.status, &refused.json()["by"]), (409, &json!("mara")), "{}", refused.text());
    assert_eq!(assign(r#"{"to": null}"#).await.json()["assigned_to"], json!(null));
    for _ in 0..2 {
        assert_eq!(claim().await.json()["assigned_to"], json!("token:reviewer"));
    }
    assert_eq!(assign(r#"{"to": "zoe"}"#).await.json()["assigned_to"], json!("zoe"));
    for (body, status) in [(r#"{"to": " "}"#, 422), (r#"{"to": 1}"#, 422), (r#"{"for": "x"}"#, 422), ("{", 400)] {
        assert_eq!(assign(body).await.status, status, "{body}");
    }
    let viewer = world.token(AccessRole::Viewer).await;
    assert_eq!(world.as_token(&viewer, "POST", &case.path("claim"), "").await.status, 403);
    let unknown = "/api/hitl/0199e1c2-7a3b-7c4d-8e5f-001122334455/claim";
    assert_eq!(world.as_token(&reviewer, "POST", unknown, "").await.status, 404);
    let queue = world.get("/api/hitl/queue").await.json();
    assert_eq!(queue["tickets"][0]["assigned_to"], "zoe");
    // It is a courtesy, no lock.
    assert_eq!(world.as_token(&reviewer, "POST", &case.path("approve"), &case.saying("")).await.status, 200);
    assert_eq!(claim().await.status, 409);
}

pub(crate) async fn campaigns_are_held_still_at_the_version_that_was_seen(world: World) {
    let id = world.campaign.id;
    let listed = world.get("/api/campaigns").await.json();
    assert_eq!(listed[0]["slug"], world.campaign.slug.as_str());
    let seen = world.get(&format!("/api/campaigns/{id}")).await.header("etag").to_owned();
    let set = async |does: &str, tag: Option<&str>| {
        let bearer = format!("Bearer {}", world.token);
        let mut headers = vec![("Host", "localhost"), ("Authorization", &*bearer)];
        headers.extend(tag.map(|tag| ("If-Match", tag)));
        ask(world.address, "POST", &format!("/api/campaigns/{id}/{does}"), &headers, "").await
    };
    assert_eq!(set("pause", None).await.status, 428);
    assert_eq!(set("pause", Some("x")).await.status, 400);
    let stale = set("pause", Some("\"99\"")).await;
    assert_eq!((stale.status, &stale.json()["state_version"]), (412, &json!(world.campaign.state_version.get())));
    let paused = set("pause", Some(&seen)).await;
    assert_eq!((paused.status, &paused.json()["status"]), (200, &json!("PAUSED")), "{}", paused.text());
    assert_ne!(paused.header("etag"), seen);
    assert_eq!(set("pause", Some(&seen)).await.status, 200, "it may be sent again");
    assert_eq!(set("resume", Some(&seen)).await.status, 412, "it was changed since");
    assert_eq!(set("resume", Some(paused.header("etag"))).await.json()["status"], "ACTIVE");
    let log = world.store.audit_entries(&AuditFilter { limit: 9, ..AuditFilter::default() }).await.unwrap();
    let sets: Vec<_> = log.iter().filter(|e| e.action == "campaign_status_set").map(|e| e.actor.as_str()).collect();
    assert_eq!(sets, ["operator:token:operator"; 2]);
    let campaign = world.store.campaign_by_id(id).await.unwrap().unwrap();
    let (version, now) = (campaign.state_version, world.ambient.now());
    world.store.campaign_set_status(id, version, CampaignStatus::Ended, now).await.unwrap();
    assert_eq!(set("resume", Some("\"1\"")).await.status, 409);
    let unknown = "/api/campaigns/0199e1c2-7a3b-7c4d-8e5f-001122334455";
    assert_eq!(world.get(unknown).await.status, 404);
}

pub(crate) async fn alerts_are_seen_and_closed(world: World) {
    let alert = fixtures::alert(&*world.ambient, chimera_domain::AlertKind::FeedDown, "a feed");
    world.store.alerts_raise(std::slice::from_ref(&alert)).await.unwrap();
    assert_eq!(world.get("/api/alerts").await.json()[0]["id"], json!(alert.id));
    for was_open in [true, false] {
        let path = format!("/api/alerts/{}/ack", alert.id);
        let closed = world.as_token(&world.token, "POST", &path, "").await;
        assert_eq!((closed.status, &closed.json()["was_open"]), (200, &json!(was_open)));
    }
    assert_eq!(world.get("/api/alerts?limit=5").await.json(), json!([]));
}

pub(crate) async fn every_route_of_the_api_is_described(world: World) {
    let document = world.get("/api/openapi.json").await.json();
    assert_eq!(document["openapi"], "3.1.0");
    let mut names = std::collections::HashSet::new();
    let routes = chimera_console::Console::routes();
    let api: Vec<_> = routes.iter().filter(|route| route.path.starts_with("/api/")).collect();
    for route in &api {
        let operation = &document["paths"][route.path][route.method.as_str().to_lowercase()];
        assert!(!operation["summary"].as_str().unwrap_or_default().is_empty(), "{route:?}: {operation}");
        assert!(names.insert(operation["operationId"].clone()), "{operation}");
        let parameters = operation["parameters"].as_array().unwrap();
        assert_eq!(route.path.contains("{id}"), parameters.iter().any(|p| p["in"] == "path" && p["name"] == "id"));
    }
    let described: usize = document["paths"].as_object().unwrap().values().map(|p| p.as_object().unwrap().len()).sum();
    assert_eq!(described, api.len());
    let body =
        &document["paths"]["/api/hitl/{id}/approve"]["post"]["requestBody"]["content"]["application/json"]["schema"];
    assert_eq!((&body["required"], &body["additionalProperties"]), (&json!(["seen_hash"]), &json!(false)), "{body}");
}

pub(crate) async fn the_desk_works_without_a_script(world: World) {
    let (first, second) = (waiting(&world, "<b>Silk</b> & the senator").await, waiting(&world, "Wool").await);
    let mara = world.browser("mara", AccessRole::Reviewer).await;
    let page = mara.get("/review").await;
    let text = page.text();
    assert!(text.contains("&#60;b&#62;Silk") && !text.contains("<b>Silk"), "{text}");
    assert!(text.contains("<b>2</b> waiting"));
    assert_eq!(between(text, "name=\"seen_hash\" value=\"", "\""), first.ticket.artifact_hash);
    let act = |case: &Case| format!("/review/{}", case.ticket.id);
    // Edited so that it breaks a rule: refused in words, and nothing typed is lost.
    let hash = &first.ticket.artifact_hash;
    let fields = format!("does=approve&seen_hash={hash}&note=hm&hashtags=silk&text=Mine+now");
    let refused = mara.post(&act(&first), &fields).await;
    assert_eq!(refused.status, 422);
    assert!(
        refused.text().contains("Not taken:") && refused.text().contains(">Mine now</textarea>"),
        "{}",
        refused.text()
    );
    // As the form stands, the words unchanged.
    let words = first.artifact.text.replace(' ', "+").replace('&', "%26").replace('<', "%3C").replace('>', "%3E");
    let tags = first.artifact.hashtags.join("+");
    let fields = format!("does=approve&seen_hash={hash}&note=&hashtags={tags}&text={words}");
    let taken = mara.post(&act(&first), &fields).await;
    assert_eq!((taken.status, taken.header("location")), (303, "/review?done=approve"), "{}", taken.text());
    assert_eq!(world.store.trace(first.task.trace_id).await.unwrap().unwrap().artifacts.len(), 1, "no edit");
    assert!(mara.get("/review?done=approve").await.text().contains("Approved."));
    // Somebody else who still has it open is told who was first.
    let ben = world.browser("ben", AccessRole::Operator).await;
    let late = ben.post(&act(&first), &format!("does=reject&seen_hash={hash}")).await;
    assert_eq!(late.status, 409);
    assert!(late.text().contains("mara was first"), "{}", late.text());
    assert!(ben.get(&format!("/review?ticket={}", first.ticket.id)).await.text().contains("mara answered first"));

    let third = waiting(&world, "Linen").await;
    let chosen: Vec<String> = [&second, &third, &first]
        .map(|case| format!("ticket={}+{}", case.ticket.id, case.ticket.artifact_hash))
        .to_vec();
    let many = mara.post("/review", &format!("{}&does=reject", chosen.join("&"))).await;
    assert_eq!(many.status, 409, "one of them was answered before");
    assert!(many.text().contains("2 rejected. 1 not taken"), "{}", many.text());
    for case in [&second, &third] {
        assert_eq!(state(&world, &case.task).await, TaskState::Rejected);
    }
    assert!(mara.get("/review").await.text().contains("Nothing waits for you"));
}
