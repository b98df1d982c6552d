//! Plans that wait for their operator: over HTTP, and by the forms of their page.

use chimera_bus::Queue;
use chimera_domain::{
    AccessRole, AgentTask, AlertKind, Campaign, Channel, NextAction, TaskEvent, TaskId,
    TaskState::{self, Cancelled, Pending, Ready},
    TrendSignal,
};
use chimera_store::AuditFilter;
use chimera_testkit::fixtures;
use serde_json::{Value, json};

use crate::{
    browser::between,
    client::{Answer, ask},
    fleet::words,
    world::World,
};

/// Stores a plan for these channels that nobody has started.
async fn waits(world: &World, headline: &str, channels: &[Channel]) -> (TrendSignal, Vec<AgentTask>) {
    let signal = world.signal(headline);
    let dag = |channel: &Channel| {
        let tasks = fixtures::dag(&*world.ambient, &world.campaign, &world.agent, &signal);
        tasks
            .into_iter()
            .map(|task| AgentTask { state: TaskState::Draft, channel: *channel, ..task })
            .collect::<Vec<_>>()
    };
    let tasks: Vec<_> = channels.iter().flat_map(dag).collect();
    world.plan(&signal, tasks.clone()).await;
    (signal, tasks)
}

async fn states(world: &World, tasks: &[AgentTask]) -> Vec<TaskState> {
    let ids: Vec<TaskId> = tasks.iter().map(|task| task.id).collect();
    let stored = world.store.tasks_by_ids(&ids).await.unwrap();
    tasks.iter().map(|task| stored.iter().find(|one| one.id == task.id).unwrap().state).collect()
}

/// An act of the token's on what was seen at this version.
async fn act(world: &World, token: &str, signal: &TrendSignal, does: &str, seen: Option<&str>, body: &Value) -> Answer {
    let bearer = format!("Bearer {token}");
    let mut headers = vec![("Host", "localhost"), ("Authorization", &*bearer), ("Content-Type", "application/json")];
    headers.extend(seen.map(|seen| ("If-Match", seen)));
    let path = format!("/api/plans/{}/{does}", signal.trace_id);
    ask(world.address, "POST", &path, &headers, &body.to_string()).await
}

async fn etag(world: &World, signal: &TrendSignal) -> String {
    let told = world.get(&format!("/api/plans/{}", signal.trace_id)).await;
    assert_eq!(told.status, 200, "{}", told.text());
    assert_eq!(told.header("etag"), format!("\"{}\"", told.json()["version"].as_str().unwrap()));
    told.header("etag").to_owned()
}

/// How often each act was logged, and as whose.
async fn logged(world: &World, action: &str) -> Vec<String> {
    let log = world.store.audit_entries(&AuditFilter { limit: 200, ..AuditFilter::default() }).await.unwrap();
    log.into_iter().filter(|entry| entry.action == action).map(|entry| entry.actor).collect()
}

pub(crate) async fn plans_that_wait_are_told_with_their_cost_and_reasons(world: World) {
    assert_eq!(world.get("/api/plans").await.json(), json!({"waiting": 0, "plans": [], "next": null}));
    let mut wanted = Vec::new();
    for n in 0..3 {
        wanted.push(waits(&world, &format!("Silk {n}"), &[Channel::Threads, Channel::Bluesky]).await.0);
        world.ambient.advance(chrono::Duration::minutes(1));
    }
    let (mut found, mut path) = (Vec::new(), "/api/plans?limit=2".to_owned());
    loop {
        let page = world.get(&path).await.json();
        assert_eq!(page["waiting"], 3);
        found
            .extend(page["plans"].as_array().unwrap().iter().map(|plan| plan["trace_id"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/api/plans?limit=2&after={next}");
    }
    assert_eq!(found, wanted.iter().map(|signal| signal.trace_id.to_string()).collect::<Vec<_>>());
    let one = world.get(&format!("/api/plans/{}", wanted[0].trace_id)).await.json();
    assert_eq!((&one["channels"], &one["reasons"]), (&json!(["threads", "bluesky"]), &json!(wanted[0].reasons())));
    assert_eq!((one["tasks"].as_array().unwrap().len(), &one["cost_max_usd"]), (6, &json!("1.860006")));
    assert!(one["warning"].as_str().unwrap().contains("imperative to model"), "{one}");
    assert_eq!(one["signal"]["item"]["title"], "Silk 0");
    let slug = &world.campaign.slug;
    let of_campaign = world.get(&format!("/api/plans?campaign={slug}")).await.json();
    assert_eq!(of_campaign["plans"].as_array().unwrap().len(), 3);
    for (query, status) in
        [("limit=0", 400), ("limit=201", 400), ("after=x", 400), ("campaign=none", 404), ("wild=1", 400)]
    {
        let refused = world.get(&format!("/api/plans?{query}")).await;
        assert_eq!((refused.status, refused.header("content-type")), (status, "application/problem+json"), "{query}");
    }
    assert_eq!(world.get("/api/plans/x").await.status, 400);
    let (_, started) = world.planned("Started at once").await;
    assert_eq!(world.get(&format!("/api/plans/{}", started.trace_id)).await.status, 404);
}

pub(crate) async fn a_plan_is_changed_and_started_at_the_version_that_was_seen(world: World) {
    let (signal, tasks) = waits(&world, "Silk", &[Channel::Threads]).await;
    let (token, seen) = (&world.token, etag(&world, &signal).await);
    let nothing = json!({});
    assert_eq!(act(&world, token, &signal, "start", None, &nothing).await.status, 428);
    let wish = json!({"goal": " Say it with linen ", "priority": "low", "post_budget_usd": "0.5"});
    let edited = act(&world, token, &signal, "edit", Some(&seen), &wish).await;
    assert_eq!(edited.status, 200, "{}", edited.text());
    let told = edited.json();
    assert_eq!(
        (&told["tasks"][0]["payload"]["goal"], &told["tasks"][2]["priority"]),
        (&json!("Say it with linen"), &json!("low"))
    );
    assert_ne!(edited.header("etag"), seen);
    // Sent again it is as wished already, whatever version was seen.
    let again = act(&world, token, &signal, "edit", Some(&seen), &wish).await;
    assert_eq!((again.status, again.header("etag")), (200, edited.header("etag")));
    assert_eq!(logged(&world, "draft_edited").await, ["operator:token:operator"; 3]);
    // What was seen is no longer what there is.
    for does in ["start", "drop"] {
        let stale = act(&world, token, &signal, does, Some(&seen), &nothing).await;
        assert_eq!((stale.status, &stale.json()["version"]), (412, &told["version"]), "{does}");
    }
    let other = act(&world, token, &signal, "edit", Some(&seen), &json!({"goal": "Wool"})).await;
    assert_eq!(other.status, 412);
    for (body, status) in [
        (nothing.clone(), 422),
        (json!([null, "Another goal", null, null]), 422),
        (json!({"goal": " "}), 422),
        (json!({"goal": "x".repeat(1_001)}), 422),
        (json!({"post_budget_usd": "0"}), 422),
        (json!({"priority": "soon"}), 422),
        (json!({"colour": "red"}), 422),
        (json!({"goal": "Wool", "channel": "blog"}), 404),
    ] {
        let refused = act(&world, token, &signal, "edit", Some(edited.header("etag")), &body).await;
        assert_eq!((refused.status, refused.header("content-type")), (status, "application/problem+json"), "{body}");
    }
    assert_eq!(states(&world, &tasks).await, [TaskState::Draft; 3]);
    // The queue is told at once.
    let bus = world.backends.bus().await;
    let before = bus.state(Queue::Task).await.unwrap().waiting;
    for repeated in [false, true] {
        let started = act(&world, token, &signal, "start", Some(edited.header("etag")), &nothing).await;
        assert_eq!((started.status, &started.json()["repeated"]), (200, &json!(repeated)), "{}", started.text());
        let tasks = if repeated { 0 } else { 3 };
        assert_eq!(started.json()["tasks"], json!(tasks));
    }
    if world.backends.is_production() {
        assert_eq!(bus.state(Queue::Task).await.unwrap().waiting, before + 2);
    }
    assert_eq!(states(&world, &tasks).await, [Ready, Ready, Pending]);
    assert_eq!(logged(&world, "draft_started").await, ["operator:token:operator"; 3]);
    // Who did not start it is told that it no longer waits.
    let other = world.browser("zoe", AccessRole::Operator).await;
    let late = other.post(&format!("/plans/{}", signal.trace_id), "does=start&seen=x").await;
    assert!(late.status == 404 && late.text().contains("no such plan waits"), "{}", late.text());
    assert_eq!(act(&world, token, &signal, "drop", Some(&seen), &nothing).await.status, 404);
}

pub(crate) async fn a_start_that_is_sent_twice_at_once_is_done_once(world: World) {
    let (signal, tasks) = waits(&world, "Silk", &[Channel::Threads]).await;
    let (seen, nothing) = (etag(&world, &signal).await, json!({}));
    let start = || act(&world, &world.token, &signal, "start", Some(&seen), &nothing);
    let (first, second) = tokio::join!(start(), start());
    let mut repeated = [&first, &second].map(|told| (told.status, told.json()["repeated"] == true));
    repeated.sort_unstable();
    assert_eq!(repeated, [(200, false), (200, true)], "{} {}", first.text(), second.text());
    assert_eq!(states(&world, &tasks).await, [Ready, Ready, Pending]);
    assert_eq!(logged(&world, "draft_started").await.len(), 3);
}

pub(crate) async fn a_plan_is_started_and_dropped_channel_by_channel(world: World) {
    let (signal, tasks) = waits(&world, "Silk", &[Channel::Threads, Channel::Bluesky]).await;
    let (token, first) = (&world.token, etag(&world, &signal).await);
    let threads = json!({"channel": "threads"});
    for repeated in [false, true] {
        let started = act(&world, token, &signal, "start", Some(&first), &threads).await;
        assert_eq!((started.status, &started.json()["repeated"]), (200, &json!(repeated)), "{}", started.text());
    }
    let seen = etag(&world, &signal).await;
    assert_ne!(seen, first);
    let long = json!({"because": "x".repeat(1_001)});
    assert_eq!(act(&world, token, &signal, "drop", Some(&seen), &long).await.status, 422);
    for repeated in [false, true] {
        let dropped = act(&world, token, &signal, "drop", Some(&seen), &json!({"because": "not there"})).await;
        // The first drops what is left; the second would drop all of it, and half of it was started.
        let (status, told) = if repeated { (404, Value::Null) } else { (200, json!(false)) };
        assert_eq!((dropped.status, &dropped.json()["repeated"]), (status, &told), "{}", dropped.text());
    }
    let again = act(&world, token, &signal, "drop", Some(&seen), &json!({"channel": "bluesky"})).await;
    assert_eq!((again.status, &again.json()["repeated"]), (200, &json!(true)));
    assert_eq!(states(&world, &tasks).await, [Ready, Ready, Pending, Cancelled, Cancelled, Cancelled]);
    let dropped = world.store.tasks_by_ids(&[tasks[5].id]).await.unwrap().remove(0);
    assert_eq!(dropped.last_error.as_deref(), Some("not there"));
}

pub(crate) async fn a_plan_whose_campaign_was_edited_is_not_started(world: World) {
    let (signal, tasks) = waits(&world, "Silk", &[Channel::Threads]).await;
    let seen = etag(&world, &signal).await;
    world.store.campaign_save(&Campaign { goal: "Wool".to_owned(), ..world.campaign.clone() }).await.unwrap();
    let refused = act(&world, &world.token, &signal, "start", Some(&seen), &json!({})).await;
    assert_eq!(refused.status, 409);
    assert!(refused.json()["detail"].as_str().unwrap().contains("no longer holds"), "{}", refused.text());
    assert_eq!(states(&world, &tasks).await, [TaskState::Draft; 3]);
}

pub(crate) async fn the_page_of_plans_starts_changes_and_drops_them(world: World) {
    let mara = world.browser("mara", AccessRole::Operator).await;
    assert!(mara.get("/plans").await.text().contains("No plan waits"));
    let (first, made) = waits(&world, "<b>Silk</b> again", &[Channel::Threads]).await;
    world.ambient.advance(chrono::Duration::minutes(3));
    let (second, dropped) = waits(&world, "Wool", &[Channel::Threads, Channel::Bluesky]).await;
    let page = mara.get("/plans").await;
    let said = words(page.text());
    for wanted in [
        "Plans 2",
        "2 waiting to be started",
        "&#60;b&#62;Silk&#60;/b&#62; again",
        "it gives orders (imperative to model)",
        "at most $0.93",
        "at most $1.86",
        "high priority",
        "3 min ago",
        &world.campaign.slug,
        "words waits for your start",
        "all of them threads bluesky",
    ] {
        assert!(said.contains(wanted), "no {wanted} in {said}");
    }
    assert!(!page.text().contains("<b>Silk"), "{}", page.text());
    let of_campaign = format!("/campaigns/{}", world.campaign.id);
    assert!(words(mara.get(&of_campaign).await.text()).contains("2 plans wait to be started"));
    let card = |page: &Answer, signal: &TrendSignal| {
        let id = format!("id=\"p-{}\"", signal.trace_id);
        between(page.text(), &id, "</li>").to_owned()
    };
    let seen = |card: &str| between(card, "name=\"seen\" value=\"", "\"").to_owned();
    let (path, before) = (format!("/plans/{}", first.trace_id), seen(&card(&page, &first)));
    // Nothing but a form of this session, from this very page, is taken.
    let fields = format!("does=start&seen={before}");
    assert_eq!(mara.submit(&path, &fields).await.status, 403);
    let elsewhere = [("Origin", "http://evil.test"), ("Sec-Fetch-Site", "cross-site")];
    let forged = mara.submit_from(&path, &format!("csrf={}&{fields}", mara.csrf), &elsewhere).await;
    assert_eq!(forged.status, 403);
    // Refused in words, and what was typed stands in an open form.
    let typed = "goal=Linen+only&priority=low&budget=free";
    let refused = mara.post(&path, &format!("does=edit&seen={before}&{typed}")).await;
    assert_eq!(refused.status, 400);
    let shown = card(&refused, &first);
    assert!(refused.text().contains("Not taken: what a post may cost"), "{}", refused.text());
    assert!(shown.contains("<details open>") && shown.contains(">Linen only</textarea>"), "{shown}");
    assert!(shown.contains("value=\"free\"") && shown.contains("<option selected>low"), "{shown}");
    let edit =
        format!("does=edit&seen={before}&goal=Linen+only&priority=low&budget=%240.50&campaign={}", world.campaign.id);
    let edited = mara.post(&path, &edit).await;
    let back = format!("/plans?campaign={}&done=edit#p-{}", world.campaign.id, first.trace_id);
    assert_eq!((edited.status, edited.header("location")), (303, &*back), "{}", edited.text());
    let page = mara.get("/plans?done=edit").await;
    let said = words(&card(&page, &first));
    assert!(said.contains("Linen only") && said.contains("at most $0.81 , low priority"), "{said}");
    assert!(page.text().contains("Changed. It still waits"));
    // What was changed meanwhile is looked at first.
    let stale = mara.post(&path, &fields).await;
    assert!(stale.status == 412 && stale.text().contains("look again"), "{}", stale.text());
    let started = mara.post(&path, &format!("does=start&seen={}", seen(&card(&page, &first)))).await;
    assert_eq!((started.status, started.header("location")), (303, "/plans?done=start"), "{}", started.text());
    assert_eq!(states(&world, &made).await, [Ready, Ready, Pending]);
    let page = mara.get("/plans?done=start").await;
    let (path, now) = (format!("/plans/{}", second.trace_id), seen(&card(&page, &second)));
    for nonsense in ["does=x&seen=x", "does=start&seen=x&channel=wild", "does=start", "seen=x"] {
        let status = mara.post(&path, nonsense).await.status;
        assert!(status == 400 || status == 422, "{nonsense}: {status}");
    }
    let gone = mara.post(&path, &format!("does=drop&seen={now}&because=")).await;
    assert_eq!(gone.header("location"), "/plans?done=drop", "{}", gone.text());
    assert_eq!(states(&world, &dropped).await, [Cancelled; 6]);
    assert!(mara.get("/plans").await.text().contains("No plan waits"));
    assert_eq!(logged(&world, "draft_started").await, ["operator:mara"; 3]);
}

pub(crate) async fn only_operators_act_on_plans(world: World) {
    let (signal, tasks) = waits(&world, "Silk", &[Channel::Threads]).await;
    let seen = etag(&world, &signal).await;
    for role in [AccessRole::Viewer, AccessRole::Reviewer] {
        let token = world.token(role).await;
        for path in ["/api/plans".to_owned(), format!("/api/plans/{}", signal.trace_id)] {
            assert_eq!(world.as_token(&token, "GET", &path, "").await.status, 200, "{path}");
        }
        for does in ["edit", "start", "drop"] {
            let refused = act(&world, &token, &signal, does, Some(&seen), &json!({})).await;
            assert_eq!((refused.status, &refused.json()["needs"]), (403, &json!("operator")), "{does}");
        }
        let browser = world.browser("zoe", role).await;
        let page = browser.get("/plans").await;
        assert!(page.text().contains("Silk") && !page.text().contains("name=\"does\""), "{}", page.text());
        let form = format!("does=start&seen={}", seen.trim_matches('"'));
        assert_eq!(browser.post(&format!("/plans/{}", signal.trace_id), &form).await.status, 403);
    }
    assert_eq!(states(&world, &tasks).await, [TaskState::Draft; 3]);
}

pub(crate) async fn plans_come_in_pages(world: World) {
    for n in 0..23 {
        waits(&world, &format!("Number {n}"), &[Channel::Threads]).await;
        world.ambient.advance(chrono::Duration::seconds(1));
    }
    let browser = world.browser("mara", AccessRole::Operator).await;
    let first = browser.get("/plans").await;
    let rows = |page: &Answer| page.text().matches("data-key=\"").count();
    assert_eq!(rows(&first), 20);
    let next = between(first.text(), "<p><a href=\"/plans", "\"").replace("&#38;", "&");
    let second = browser.get(&format!("/plans{next}")).await;
    assert!(rows(&second) == 3 && second.text().contains("Number 22") && !second.text().contains("More plans"));
    let beyond = browser
        .get(&format!("/plans?after={}", fixtures::signal(&*world.ambient, &world.campaign, &world.agent).trace_id))
        .await;
    assert!(beyond.text().contains("Back to the first"));
    for bad in ["/plans?after=x", "/plans?campaign=x"] {
        assert_eq!(browser.get(bad).await.status, 400, "{bad}");
    }
}

/// Nothing of one tenant is told to another, and nothing of it moves, by whatever route. A route that is added is tried, too.
pub(crate) async fn no_route_leads_to_another_tenant(world: World) {
    let (signal, tasks) = waits(&world, "Silk secret", &[Channel::Threads]).await;
    let (_, post) = world.planned("Wool secret").await;
    let artifact = world.made(&post, |_| {}).await;
    world.decided(post.id, &artifact, TaskEvent::AskHuman, NextAction::WaitHitl).await;
    let ticket = world.store.trace(post.trace_id).await.unwrap().unwrap().tickets.remove(0);
    let alert = fixtures::alert(&*world.ambient, AlertKind::FeedDown, "secret feed");
    world.store.alerts_raise(std::slice::from_ref(&alert)).await.unwrap();
    let version = between(&etag(&world, &signal).await, "\"", "\"").to_owned();
    let (address, token, _) = world.elsewhere().await;
    let document = world.get("/api/openapi.json").await.json();
    let (head, bearer) = (world.store.audit_head().await.unwrap(), format!("Bearer {token}"));
    let ids = [
        ticket.id.to_string(),
        world.campaign.id.to_string(),
        signal.id.to_string(),
        signal.trace_id.to_string(),
        post.trace_id.to_string(),
        alert.id.to_string(),
    ];
    let body = json!({
        "seen_hash": artifact.content_hash, "mark": "UP", "to": "me", "goal": "mine", "channel": null,
    });
    let form = format!(
        "does=start&does=approve&seen={version}&seen_hash={}&version=1&alert={}&ticket={}+{}",
        artifact.content_hash, alert.id, ticket.id, artifact.content_hash
    );
    let secrets = ["Silk secret", "Wool secret", "secret feed", &*world.campaign.slug, &*world.agent.display_name];
    for route in chimera_console::Console::routes() {
        if ["/api/events", "/sign-out", "/sign-in"].contains(&route.path) {
            continue;
        }
        // Whoever asks so much at once is asked to wait.
        world.ambient.advance(chrono::Duration::seconds(2));
        for id in &ids {
            let path = route.path.replace("{id}", id).replace("{name}", "x.png");
            let (kind, body) = if route.path.starts_with("/api/") {
                ("application/json", fields(&document, &route, &body))
            } else {
                ("application/x-www-form-urlencoded", form.clone())
            };
            let if_match = format!("\"{version}\"");
            let headers =
                [("Host", "localhost"), ("Authorization", &*bearer), ("Content-Type", kind), ("If-Match", &*if_match)];
            let body = if route.method == "GET" { "" } else { &*body };
            let answer = ask(address, route.method.as_str(), &path, &headers, body).await;
            assert!(answer.status < 500, "{} {path}: {}", route.method, answer.status);
            let told = String::from_utf8_lossy(&answer.body);
            for secret in secrets {
                assert!(!told.contains(secret), "{} {path} tells {secret}: {told}", route.method);
            }
        }
    }
    assert_eq!(world.store.audit_head().await.unwrap(), head);
    assert_eq!(states(&world, &tasks).await, [TaskState::Draft; 3]);
    assert_eq!(world.store.alerts_open(9).await.unwrap(), [alert]);
    assert!(world.store.ticket_by_id(ticket.id).await.unwrap().unwrap().resolution.is_none());
}

/// Of these fields those that the route takes, so that it is the tenant that refuses and not the form.
fn fields(document: &Value, route: &chimera_console::RouteInfo, all: &Value) -> String {
    let operation = &document["paths"][route.path][route.method.as_str().to_lowercase()];
    let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
    let Some(known) = schema["properties"].as_object() else { return String::new() };
    let taken = all.as_object().unwrap().iter().filter(|(name, _)| known.contains_key(*name));
    Value::Object(taken.map(|(name, value)| (name.clone(), value.clone())).collect()).to_string()
}
