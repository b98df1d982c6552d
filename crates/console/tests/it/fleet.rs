//! The pages of agents and campaigns.

use chimera_domain::{
    AccessRole, Agent, Ambient as _, Campaign, CampaignLimits, CampaignStatus, NextAction, TaskEvent, Usd,
};
use chimera_store::AuditFilter;
use chimera_testkit::fixtures;

use crate::{
    browser::{Browser, between},
    client::ask,
    world::World,
};

/// What a page says, without its markup, on one line.
pub(crate) fn words(page: &str) -> String {
    let mut words = String::new();
    for (index, part) in page.split('<').enumerate() {
        let text = if index == 0 { part } else { part.split_once('>').map_or("", |(_, text)| text) };
        words.push(' ');
        words.push_str(text);
    }
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

async fn status(world: &World) -> CampaignStatus {
    world.store.campaign_by_id(world.campaign.id).await.unwrap().unwrap().status
}

pub(crate) async fn agents_are_shown_with_what_they_do(world: World) {
    let (task, _) = world.published("Silk again", "https://platform.test/1").await;
    let (_, waits) = world.planned("A hem that waits").await;
    let artifact = world.made(&waits, |_| {}).await;
    world.decided(waits.id, &artifact, TaskEvent::AskHuman, NextAction::WaitHitl).await;
    world.ambient.advance(chrono::Duration::minutes(3));
    let answer = world.get("/").await;
    let page = words(answer.text());
    let name = &world.agent.display_name;
    let spend = world.store.spend_use(&[world.agent.id], world.ambient.now()).await.unwrap();
    let spent = spend[&world.agent.id].today.to_decimal().round_dp(2);
    for told in [
        &*format!("{name} awaiting review {}", world.agent.persona_slug),
        &format!("${spent:.2} of $777.00"),
        "1 awaiting review 1 Silk again on",
        "3 min ago",
        "Review 1",
    ] {
        assert!(page.contains(told), "no {told} in {page}");
    }
    assert!(answer.text().contains(&format!("<a href=\"/traces/{}\">Silk again</a>", task.trace_id)));
    assert!(answer.text().contains("<a href=\"/\" aria-current=\"page\">Fleet</a>"));
}

pub(crate) async fn agents_and_campaigns_come_in_pages(world: World) {
    for _ in 0..50 {
        let agent = world.store.agent_save(&fixtures::agent(&*world.ambient)).await.unwrap();
        world.store.campaign_save(&fixtures::campaign(&*world.ambient, &agent)).await.unwrap();
    }
    for (path, more) in [("/", "More agents"), ("/campaigns", "More campaigns")] {
        let first = world.get(path).await;
        let rows = |text: &str| text.matches("<th scope=\"row\">").count();
        assert_eq!(rows(first.text()), 50, "{path}");
        let next = between(first.text(), "<p><a href=\"", &format!("\">{more}</a>"));
        let second = world.get(next).await;
        assert_eq!((rows(second.text()), second.text().contains(more)), (1, false), "{next}");
        let beyond = world.get(&format!("{path}?after=zzzz")).await;
        assert!(beyond.text().contains(&format!("<a href=\"{path}\">Back to the first</a>")), "{}", beyond.text());
    }
}

pub(crate) async fn a_fleet_of_nobody_says_how_to_begin_and_shows_nothing_of_others(world: World) {
    world.published("Silk again", "https://platform.test/1").await;
    let (address, token, _) = world.elsewhere().await;
    let bearer = format!("Bearer {token}");
    let get =
        async |path: &str| ask(address, "GET", path, &[("Host", "localhost"), ("Authorization", &bearer)], "").await;
    for (path, says) in [("/", "No agent yet"), ("/campaigns", "No campaign yet")] {
        let page = get(path).await;
        assert!(page.text().contains(says) && page.text().contains("chimera seed trends"), "{path}");
        for others in ["Silk again", &world.campaign.slug, &world.agent.display_name] {
            assert!(!page.text().contains(others), "{path} tells of {others}");
        }
    }
    assert_eq!(get(&format!("/campaigns/{}", world.campaign.id)).await.status, 404);
}

pub(crate) async fn a_campaign_is_shown_with_what_it_plans(world: World) {
    let limits = CampaignLimits {
        daily_task_cap: Some(9),
        daily_budget_usd: Some(Usd::dollars(12)),
        quiet_hours: Some("22:00-07:00 Europe/Berlin".parse().unwrap()),
        ..CampaignLimits::default()
    };
    world.store.campaign_save(&Campaign { limits, ..world.campaign.clone() }).await.unwrap();
    let path = format!("/campaigns/{}", world.campaign.id);
    assert!(world.get(&path).await.text().contains("Nothing planned yet"));
    let (signal, _) = world.planned_whole("Silk again").await;
    let page = world.get(&path).await;
    let told = words(page.text());
    for wanted in [
        &*world.campaign.slug,
        &world.campaign.goal,
        &world.agent.display_name,
        "instagram",
        &world.campaign.resources[0],
        "not read yet",
        "dollars a day $12.00",
        "posts a day 9",
        "22:00-07:00 Europe/Berlin",
        "Silk again near the goal: silk just now",
        "words ready",
        "picture ready",
        "post planned",
        &format!("chimera campaign edit {}", world.campaign.slug),
    ] {
        assert!(told.contains(wanted), "no {wanted} in {told}");
    }
    assert!(page.text().contains(&format!("/traces/{}", signal.trace_id)));
    assert!(page.text().contains("aria-label=\"words ready, picture ready, post planned\""));
    let none = world.get(&format!("{path}?after={}", signal.id)).await;
    assert!(none.text().contains("Back to the latest"), "{}", none.text());
    assert_eq!(world.get(&format!("{path}?after=x")).await.status, 400);
    assert_eq!(world.get("/campaigns/x").await.status, 400);
    let unknown = "/campaigns/0199e1c2-7a3b-7c4d-8e5f-001122334455";
    assert_eq!(world.get(unknown).await.status, 404);
}

pub(crate) async fn a_campaign_is_paused_resumed_and_ended_at_the_version_that_was_seen(world: World) {
    let browser = world.browser("mara", AccessRole::Operator).await;
    let path = format!("/campaigns/{}", world.campaign.id);
    let version = async || {
        let page = browser.get(&path).await;
        between(page.text(), "name=\"version\" value=\"", "\"").to_owned()
    };
    let seen = version().await;
    let paused = browser.post(&path, &format!("does=pause&version={seen}")).await;
    assert_eq!((paused.status, paused.header("location")), (303, &*format!("{path}?done=pause")));
    assert_eq!(status(&world).await, CampaignStatus::Paused);
    let page = browser.get(paused.header("location")).await;
    assert!(page.text().contains("Paused. It plans") && page.text().contains("value=\"resume\""));
    let stale = browser.post(&path, &format!("does=resume&version={seen}")).await;
    assert_eq!(stale.status, 412);
    assert!(stale.text().contains("was changed since") && stale.text().contains("notice bad"));
    assert_eq!(status(&world).await, CampaignStatus::Paused);
    let version = version().await;
    assert_eq!(browser.post(&path, &format!("does=resume&version={version}")).await.status, 303);
    for nonsense in ["does=drop&version=1", "does=pause", "version=1", "does=pause&version=x"] {
        let refused = browser.post(&path, nonsense).await.status;
        assert!(refused == 400 || refused == 422, "{nonsense}: {refused}");
    }
    end(&world, &browser, &path).await;
}

async fn end(world: &World, browser: &Browser, path: &str) {
    let version = world.store.campaign_by_id(world.campaign.id).await.unwrap().unwrap().state_version.get();
    let ended = browser.post(path, &format!("does=end&version={version}")).await;
    assert_eq!((ended.status, status(world).await), (303, CampaignStatus::Ended));
    let page = browser.get(path).await;
    assert!(page.text().contains(">ended</span>") && !page.text().contains("name=\"does\""));
    let late = browser.post(path, "does=resume&version=99").await;
    assert_eq!(late.status, 409);
    assert!(late.text().contains("has ended"));
    let log = world.store.audit_entries(&AuditFilter { limit: 50, ..AuditFilter::default() }).await.unwrap();
    let sets: Vec<_> = log.iter().filter(|e| e.action == "campaign_status_set").map(|e| e.actor.as_str()).collect();
    assert_eq!(sets, ["operator:mara"; 3]);
}

pub(crate) async fn only_operators_act_on_campaigns(world: World) {
    let path = format!("/campaigns/{}", world.campaign.id);
    for role in [AccessRole::Viewer, AccessRole::Reviewer] {
        let browser = world.browser("zoe", role).await;
        let page = browser.get(&path).await;
        assert_eq!((page.status, page.text().contains("name=\"does\"")), (200, false));
        assert_eq!(browser.post(&path, "does=pause&version=1").await.status, 403);
    }
    assert_eq!(status(&world).await, CampaignStatus::Active);
}

pub(crate) async fn hostile_names_and_goals_are_text_and_nothing_else(mut world: World) {
    let hostile = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>";
    let agent = Agent { display_name: hostile.to_owned(), ..world.agent.clone() };
    world.agent = world.store.agent_save(&agent).await.unwrap();
    let campaign = Campaign { goal: hostile.to_owned(), resources: vec![hostile.to_owned()], ..world.campaign.clone() };
    world.campaign = world.store.campaign_save(&campaign).await.unwrap();
    world.published(hostile, hostile).await;
    for path in ["/".to_owned(), "/campaigns".to_owned(), format!("/campaigns/{}", world.campaign.id)] {
        let page = world.get(&path).await;
        assert_eq!(page.status, 200, "{path}");
        for harm in ["<script>", "<img src=x", "\"'>"] {
            assert!(!page.text().contains(harm), "{path} holds {harm}");
        }
        assert!(page.text().contains("alert(1)"), "{path} shows it as text");
    }
}
