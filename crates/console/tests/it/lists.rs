//! The pages that list what happened: signals, published posts, money, alerts, the audit log, health.

use chimera_domain::{
    AccessRole, Alert, AlertKind, Ambient as _, NextAction, SignalOutcome, TaskEvent, ToolCall, TraceId, TrendSignal,
    Usd,
};
use chimera_store::AuditFilter;
use chimera_testkit::fixtures;

use crate::{browser::between, client::ask, fleet::words, world::World};

const HOSTILE: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>";

/// How many rows a list has.
fn rows(page: &str) -> usize {
    page.matches("data-key=\"").count()
}

pub(crate) async fn pages_of_nothing_say_what_would_be_there(world: World) {
    world.published("Silk again", "https://platform.test/1").await;
    let (address, token, _) = world.elsewhere().await;
    let bearer = format!("Bearer {token}");
    for (path, says) in [
        ("/signals", "Nothing was read yet"),
        ("/plans", "No plan waits"),
        ("/published", "Nothing is out yet"),
        ("/money", "Nothing was spent in 14 days"),
        ("/alerts", "Nothing to tell"),
        ("/system", "Nothing is under way"),
    ] {
        let headers = [("Host", "localhost"), ("Authorization", &*bearer)];
        let page = ask(address, "GET", path, &headers, "").await;
        assert_eq!(page.status, 200, "{path}: {}", page.text());
        assert!(page.text().contains(says), "{path}: {}", words(page.text()));
        assert!(!page.text().contains("Silk again") && rows(page.text()) == 0, "{path}");
    }
}

pub(crate) async fn signals_tell_why_and_where_else_their_story_was_told(world: World) {
    let (planned, _) = world.planned("Silk again").await;
    let mut told = world.signal("Silk, once more");
    (told.story_id, told.outcome) = (planned.id, SignalOutcome::Duplicate);
    told.taint = vec![];
    world.plan(&told, vec![]).await;
    let low = TrendSignal { outcome: SignalOutcome::BelowThreshold, ..world.signal("Weather") };
    world.plan(&low, vec![]).await;
    world.store.trends_save(&[fixtures::trend(&*world.ambient, &planned)], &[]).await.unwrap();
    let page = world.get("/signals").await;
    let said = words(page.text());
    for wanted in [
        "Silk everywhere, says",
        "12 items from 5 resources, where 0.8 were to be expected; z 4.5",
        "Silk again planned near the goal: silk",
        "It looks like an injection: imperative to model.",
        "Silk, once more told before",
        "Weather not relevant",
        "Told by 1 more",
        &world.campaign.slug,
    ] {
        assert!(said.contains(wanted), "no {wanted} in {said}");
    }
    assert!(page.text().contains(&format!("/traces/{}", planned.trace_id)));
    assert!(page.text().contains("<a href=\"https://example.org/"), "the source is a link");
    assert_eq!(rows(page.text()), 3);
    let only = world.get(&format!("/signals?campaign={}&outcome=BELOW_THRESHOLD", world.campaign.id)).await;
    assert!(rows(only.text()) == 1 && only.text().contains("Weather"));
    assert!(only.text().contains("value=\"BELOW_THRESHOLD\" selected"));
    for bad in ["/signals?outcome=X", "/signals?campaign=x", "/signals?after=x"] {
        assert_eq!(world.get(bad).await.status, 400, "{bad}");
    }
}

pub(crate) async fn a_wrong_score_is_marked_and_the_last_word_counts(world: World) {
    let (signal, _) = world.planned("Silk again").await;
    let path = format!("/signals/{}", signal.id);
    let browser = world.browser("mara", AccessRole::Operator).await;
    assert!(browser.get("/signals").await.text().contains("value=\"down\""));
    let marked = browser.post(&path, "does=down&outcome=PLANNED").await;
    let back = format!("/signals?outcome=PLANNED#s-{}", signal.id);
    assert_eq!((marked.status, marked.header("location")), (303, &*back));
    let page = words(browser.get("/signals?outcome=PLANNED").await.text());
    assert!(page.contains("Marked not relevant by operator:mara"), "{page}");
    assert_eq!(browser.post(&path, "does=up").await.header("location"), format!("/signals#s-{}", signal.id));
    let page = browser.get("/signals").await;
    assert!(words(page.text()).contains("Marked relevant by operator:mara, just now"), "{}", words(page.text()));
    assert!(page.text().contains("value=\"up\" aria-pressed") && !page.text().contains("value=\"down\" aria-pressed"));
    let unknown = browser.post("/signals/0199e1c2-7a3b-7c4d-8e5f-001122334455", "does=up").await;
    assert_eq!((unknown.status, browser.post(&path, "does=x").await.status), (404, 400));
    let reviewer = world.browser("zoe", AccessRole::Reviewer).await;
    assert!(!reviewer.get("/signals").await.text().contains("value=\"down\""));
    assert_eq!(reviewer.post(&path, "does=down").await.status, 403);
}

pub(crate) async fn signals_come_in_pages(world: World) {
    let mut all = Vec::new();
    for n in 0..53 {
        let outcome = if n % 2 == 0 { SignalOutcome::BelowThreshold } else { SignalOutcome::Duplicate };
        let signal = TrendSignal { outcome, ..world.signal(&format!("Number {n}")) };
        world.plan(&signal, vec![]).await;
        all.push(signal.id.to_string());
        world.ambient.advance(chrono::Duration::seconds(1));
    }
    let (mut path, mut found) = ("/signals".to_owned(), Vec::new());
    loop {
        let page = world.get(&path).await;
        found.extend(page.text().split("data-key=\"").skip(1).map(|rest| rest.split_once('"').unwrap().0.to_owned()));
        if !page.text().contains(">Earlier ones</a>") {
            break;
        }
        path = between(page.text(), "<p><a href=\"/signals", "\"").replace("&amp;", "&").replace("&#38;", "&");
        path.insert_str(0, "/signals");
    }
    all.reverse();
    assert_eq!(found, all);
}

pub(crate) async fn published_posts_stand_with_their_words_and_disclosure(world: World) {
    let (task, artifact) = world.published("Silk again", "https://platform.test/p/1").await;
    let (_, waits) = world.planned("Not yet").await;
    world.made(&waits, |_| {}).await;
    let page = world.get("/published").await;
    let said = words(page.text());
    for wanted in [&*world.agent.display_name, "Silk again", "#silk #mending", "AI Made by an AI.", "See the post"] {
        assert!(said.contains(wanted), "no {wanted} in {said}");
    }
    assert!(!said.contains("Not yet"));
    assert!(page.text().contains(&format!("src=\"/media/{}.png\"", artifact.media[0].sha256)));
    assert!(page.text().contains("href=\"https://platform.test/p/1\" rel=\"noreferrer noopener\""));
    assert_eq!(world.get(&format!("/published?after={}", task.id)).await.status, 200);
    for n in 0..24 {
        world.published(&format!("Post {n}"), "javascript:alert(1)").await;
        world.ambient.advance(chrono::Duration::seconds(1));
    }
    let first = world.get("/published").await;
    assert!(rows(first.text()) == 24 && !first.text().contains("javascript:"), "no such address is a link");
    let next = between(first.text(), "<p><a href=\"/published?after=", "\"");
    let second = world.get(&format!("/published?after={next}")).await;
    assert!(rows(second.text()) == 1 && second.text().contains("Silk again"));
}

pub(crate) async fn money_is_told_by_day_agent_and_campaign(world: World) {
    let (task, _) = world.published("Silk again", "https://platform.test/1").await;
    // A question to the mind, for no task.
    let call = ToolCall {
        task_id: None,
        agent_id: Some(world.agent.id),
        cost_usd: Usd::cents(25),
        trace_id: TraceId::generate(&*world.ambient),
        ..fixtures::tool_call(&*world.ambient, &task)
    };
    world.store.tool_calls_record(&[call]).await.unwrap();
    let now = world.ambient.now();
    let spent = world.store.spend_use(&[world.agent.id], now).await.unwrap()[&world.agent.id].today;
    let today = format!("${:.2}", spent.to_decimal().round_dp(2));
    let page = world.get("/money").await;
    let said = words(page.text());
    for wanted in [
        &*format!("Spent today {today} of $777.00"),
        &format!("In 14 days {today}"),
        &format!("{} {today} of $777.00 {today}", world.agent.display_name),
        "for no campaign alone $0.25",
        "render picture settled",
        "assemble post",
    ] {
        assert!(said.contains(wanted), "no {wanted} in {said}");
    }
    let words_of_chart = format!("{} {today}\"", now.format("%F"));
    assert!(page.text().contains(&words_of_chart), "the chart says it too: {words_of_chart}");
    assert!(page.text().contains(&format!("/campaigns/{}", world.campaign.id)));
    // Half a month later all of it is history.
    world.ambient.advance(chrono::Duration::days(15));
    let token = world.token(AccessRole::Viewer).await;
    let later = world.as_token(&token, "GET", "/money", "").await;
    assert!(later.text().contains("Nothing was spent in 14 days"), "{}", words(later.text()));
}

pub(crate) async fn alerts_are_acknowledged_one_by_one_or_together(world: World) {
    let mut alerts = Vec::new();
    for n in 0..52 {
        let alert = fixtures::alert(&*world.ambient, AlertKind::FeedDown, &format!("feed {n}"));
        world.store.alerts_raise(std::slice::from_ref(&alert)).await.unwrap();
        alerts.push(alert);
        world.ambient.advance(chrono::Duration::seconds(1));
    }
    let browser = world.browser("mara", AccessRole::Operator).await;
    let page = browser.get("/alerts").await;
    assert_eq!(rows(page.text()), 50);
    let said = words(page.text());
    assert!(said.contains("Alerts 52") && said.contains("critical feed down feed 51"), "{said}");
    let next = between(page.text(), "<p><a href=\"/alerts?after=", "\"");
    assert_eq!(rows(browser.get(&format!("/alerts?after={next}")).await.text()), 2);
    let one = browser.post("/alerts", &format!("alert={}", alerts[0].id)).await;
    assert_eq!((one.status, one.header("location")), (303, "/alerts?done=1"));
    let again = browser.post("/alerts", &format!("alert={}", alerts[0].id)).await;
    assert_eq!(again.header("location"), "/alerts?done=0", "somebody was first");
    let chosen = |some: &[Alert]| some.iter().map(|a| format!("alert={}", a.id)).collect::<Vec<_>>().join("&");
    let many = browser.post("/alerts", &chosen(&alerts[1..50])).await;
    assert_eq!(many.header("location"), "/alerts?done=49");
    assert!(browser.get("/alerts?done=49").await.text().contains("49 acknowledged."));
    assert_eq!(rows(browser.get("/alerts").await.text()), 2);
    for (nonsense, status) in [("", 400), ("alert=x", 400)] {
        assert_eq!(browser.post("/alerts", nonsense).await.status, status, "{nonsense}");
    }
    let viewer = world.browser("zoe", AccessRole::Reviewer).await;
    assert!(!viewer.get("/alerts").await.text().contains("Acknowledge"));
    assert_eq!(viewer.post("/alerts", &chosen(&alerts[50..])).await.status, 403);
    let log = world.store.audit_entries(&AuditFilter { limit: 200, ..AuditFilter::default() }).await.unwrap();
    let seen = log.iter().filter(|e| e.action == "alert_acknowledged" && e.actor == "operator:mara").count();
    assert_eq!(seen, 50);
}

pub(crate) async fn alerts_say_whether_the_webhook_was_told(world: World) {
    let page = async || words(world.get("/alerts").await.text());
    assert!(!page().await.contains("ebhook"));
    let alert = fixtures::alert(&*world.ambient, AlertKind::FeedDown, "a feed");
    world.store.alerts_raise(std::slice::from_ref(&alert)).await.unwrap();
    let untold = async || world.store.alerts_untold(world.ambient.now(), 9).await.unwrap().remove(0);
    assert!(
        page().await.contains(&format!("To be told to the webhook since {}", alert.created_at.format("%F %T UTC")))
    );
    let later = world.ambient.now();
    assert!(world.store.alert_not_told(&untold().await, "it answered <500>", Some(later)).await.unwrap());
    let said = world.get("/alerts").await;
    let wanted = format!("tried once in vain, again from {} on: it answered &#60;500&#62;", later.format("%T UTC"));
    assert!(said.text().contains(&wanted), "{}", said.text());
    assert!(world.store.alert_told(&untold().await).await.unwrap());
    assert!(page().await.contains("The webhook was told."));
    let other = fixtures::alert(&*world.ambient, AlertKind::FeedDown, "another");
    world.store.alerts_raise(std::slice::from_ref(&other)).await.unwrap();
    assert!(world.store.alert_not_told(&untold().await, "gone for good", None).await.unwrap());
    assert!(page().await.contains("could not be told, and is not tried again: gone for good"));
    // Where there is none, it is said once, and where to name one.
    let (address, token, store) = world.elsewhere().await;
    let theirs = Alert { tenant_id: store.tenant(), ..fixtures::alert(&*world.ambient, AlertKind::FeedDown, "theirs") };
    store.alerts_raise(&[theirs]).await.unwrap();
    let bearer = format!("Bearer {token}");
    let headers = [("Host", "localhost"), ("Authorization", &*bearer)];
    let told = ask(address, "GET", "/alerts", &headers, "").await;
    assert!(told.text().contains("no webhook is named") && !told.text().contains("since 2"), "{}", told.text());
}

pub(crate) async fn the_audit_log_is_read_back_to_its_beginning_and_filtered(world: World) {
    let (task, _) = world.published("Silk again", "https://platform.test/1").await;
    let browser = world.browser("mara", AccessRole::Viewer).await;
    let page = browser.get("/audit").await;
    let said = words(page.text());
    for wanted in ["publish confirmed by publisher:publisher", "signed in by human:mara", "campaign saved by system"] {
        assert!(said.contains(wanted), "no {wanted} in {said}");
    }
    assert!(page.text().contains(&format!("/traces/{}", task.trace_id)));
    let only = browser.get("/audit?action=signed_in&actor=human%3Amara").await;
    assert_eq!(rows(only.text()), 1);
    assert!(only.text().contains("value=\"human:mara\"") && only.text().contains("value=\"signed_in\" selected"));
    let none = browser.get("/audit?actor=nobody").await;
    assert!(none.text().contains("No such entry") && none.text().contains("None from entry 1 on."));
    for bad in ["/audit?action=x", "/audit?before=x"] {
        assert_eq!(browser.get(bad).await.status, 400, "{bad}");
    }
    // Page by page down to the first entry, none missing and none twice.
    for n in 0..60 {
        let goal = format!("Goal {n}");
        let campaign = chimera_domain::Campaign { goal, ..world.campaign.clone() };
        world.store.campaign_save(&campaign).await.unwrap();
    }
    let (mut path, mut seen) = ("/audit".to_owned(), Vec::new());
    loop {
        let page = browser.get(&path).await;
        let keys = page.text().split("data-key=\"").skip(1).map(|rest| rest.split_once('"').unwrap().0);
        seen.extend(keys.map(|seq| seq.parse::<i64>().unwrap()));
        if !page.text().contains("Look further back") {
            break;
        }
        path = format!("/audit?{}", between(page.text(), "<p><a href=\"/audit?", "\""));
    }
    let head = world.store.audit_head().await.unwrap().seq;
    assert_eq!(seen, (1..=head).rev().collect::<Vec<_>>());
}

pub(crate) async fn health_tells_of_parts_queues_and_tasks(world: World) {
    world.planned("Silk again").await;
    let page = world.get("/system").await;
    let said = words(page.text());
    let kind = if world.store.backend() == chimera_store::Backend::Sqlite { "SQLite" } else { "PostgreSQL" };
    for wanted in
        ["Health ready role up", "there database", &*format!("kind {kind}"), "to workers 0 0 0 0", "ready 1 just now"]
    {
        assert!(said.contains(wanted), "no {wanted} in {said}");
    }
}

pub(crate) async fn hostile_text_is_shown_and_never_run(world: World) {
    let mut signal = world.signal(HOSTILE);
    signal.why = HOSTILE.to_owned();
    signal.item.url = Some("javascript:alert(1)".to_owned());
    signal.taint = vec![HOSTILE.to_owned()];
    let task = fixtures::task(
        &*world.ambient,
        &world.campaign,
        &world.agent,
        &signal,
        chimera_domain::TaskType::AssemblePost,
        vec![],
    );
    world.plan(&signal, vec![task.clone()]).await;
    let mut trend = fixtures::trend(&*world.ambient, &signal);
    trend.label = HOSTILE.to_owned();
    world.store.trends_save(&[trend], &[]).await.unwrap();
    let artifact = world
        .made(&task, |a| {
            a.text = HOSTILE.to_owned();
            a.disclosure.label = HOSTILE.to_owned();
            a.media[0].alt_text = HOSTILE.to_owned();
        })
        .await;
    world.decided(task.id, &artifact, TaskEvent::Approve, NextAction::Publish).await;
    world.goes_out(&task, HOSTILE).await;
    let mut alert = fixtures::alert(&*world.ambient, AlertKind::FeedDown, HOSTILE);
    alert.message = HOSTILE.to_owned();
    world.store.alerts_raise(&[alert]).await.unwrap();
    let call = ToolCall {
        agent_id: Some(world.agent.id),
        server: HOSTILE.to_owned(),
        tool: HOSTILE.to_owned(),
        error: Some(HOSTILE.to_owned()),
        task_id: None,
        ..fixtures::tool_call(&*world.ambient, &task)
    };
    world.store.tool_calls_record(&[call]).await.unwrap();
    let goal = HOSTILE.to_owned();
    world.store.campaign_save(&chimera_domain::Campaign { goal, ..world.campaign.clone() }).await.unwrap();
    let trace = format!("/traces/{}", task.trace_id);
    for path in ["/signals", "/published", "/alerts", "/audit", "/money", &trace] {
        let page = world.get(path).await;
        assert_eq!(page.status, 200, "{path}");
        for harm in ["<script>", "<img src=x", "\"'>", "href=\"javascript:"] {
            assert!(!page.text().contains(harm), "{path} holds {harm}");
        }
        assert!(page.text().contains("alert(1)"), "{path} shows it as text");
    }
}
