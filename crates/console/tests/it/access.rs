//! Who is let in, and who is not.

use std::collections::BTreeSet;

use chimera_console::{Console, Needs, sign_in_link};
use chimera_domain::{AccessRole, Actor, Ambient as _, CredentialKind, Secret};
use chimera_store::AuditFilter;
use chrono::Duration;

use crate::{
    client::{ask, send},
    world::World,
};

/// A path of this route, with something in place of what varies.
fn example(path: &str) -> String {
    path.replace("{id}", "0199e1c2-7a3b-7c4d-8e5f-001122334455").replace("{name}", "x.png")
}

/// Routes that tell nothing of the fleet, and so are everybody's. Whoever adds one has to add it here too.
const OPEN: [(&str, &str); 7] = [
    ("GET", "/icon.svg"),
    ("GET", "/live.js"),
    ("GET", "/review.js"),
    ("GET", "/sign-in"),
    // Who has a link to one medium may see that one.
    ("GET", "/signed/{name}"),
    ("GET", "/style.css"),
    ("POST", "/sign-in"),
];

pub(crate) async fn every_route_refuses_whoever_is_not_signed_in(world: World) {
    let routes = Console::routes();
    let open: BTreeSet<_> =
        routes.iter().filter(|r| r.needs == Needs::Nothing).map(|r| (r.method.as_str(), r.path)).collect();
    assert_eq!(open, BTreeSet::from(OPEN));
    assert!(routes.len() > OPEN.len() + 5);
    for route in routes.iter().filter(|route| route.needs != Needs::Nothing) {
        let (method, path) = (route.method.as_str(), example(route.path));
        let bare = send(world.address, method, &path, "localhost").await;
        assert_eq!((bare.status, bare.header("www-authenticate")), (401, "Bearer"), "{method} {path}");
        assert!(bare.json()["detail"].as_str().unwrap().contains("chimera console sign-in"), "{method} {path}");
        for wrong in ["Bearer x", "Basic x", "Bearer chimera_token_0000", ""] {
            let headers = [("Host", "localhost"), ("Authorization", wrong)];
            assert_eq!(ask(world.address, method, &path, &headers, "").await.status, 401, "{method} {path} {wrong}");
        }
        // A person gets a page that says how to get in.
        let headers = [("Host", "localhost"), ("Accept", "text/html,*/*"), ("Cookie", "chimera_session_80=x")];
        let page = ask(world.address, method, &path, &headers, "").await;
        assert_eq!((page.status, page.header("content-type")), (401, "text/html; charset=utf-8"), "{method} {path}");
        assert!(page.text().contains("chimera console sign-in"));
    }
}

pub(crate) async fn a_link_signs_in_once_and_only_by_its_button(world: World) {
    let host = format!("127.0.0.1:{}", world.address.port());
    let origin = format!("http://{host}");
    let link = sign_in_link(&world.store, "mara", AccessRole::Reviewer, &origin, &*world.ambient).await.unwrap();
    let path = link.strip_prefix(&origin).unwrap();
    let token = path.strip_prefix("/sign-in?token=").unwrap();
    // Whoever only looks at the link uses nothing up, however often.
    for method in ["GET", "HEAD", "GET"] {
        let looked = send(world.address, method, path, &host).await;
        assert_eq!((looked.status, looked.header("set-cookie")), (200, ""));
    }
    let browser = world.browser("zoe", AccessRole::Viewer).await;
    let fields = format!("token={token}");
    for from in [
        vec![],
        vec![("Origin", "http://evil.test"), ("Sec-Fetch-Site", "same-origin")],
        vec![("Origin", &*origin), ("Sec-Fetch-Site", "cross-site")],
        vec![("Origin", "null")],
        vec![("Origin", "http://localhost:1")],
    ] {
        assert_eq!(browser.submit_from("/sign-in", &fields, &from).await.status, 403, "{from:?}");
    }
    let first = browser.submit("/sign-in", &fields).await;
    assert_eq!((first.status, first.header("location")), (303, "/"));
    let cookie = first.header("set-cookie");
    for attribute in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43200"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    assert!(!cookie.contains("Domain") && !cookie.contains(token), "{cookie}");
    let again = browser.submit("/sign-in", &fields).await;
    assert_eq!((again.status, again.header("set-cookie")), (401, ""));
    assert!(again.text().contains("used already"));
    // Who came, and by which link, is on record; secrets are not.
    let log = world.store.audit_entries(&AuditFilter { limit: 50, ..AuditFilter::default() }).await.unwrap();
    let told: Vec<_> = log.iter().map(|e| (e.actor.as_str(), e.action.as_str())).collect();
    for wanted in [("human:mara", "signed_in"), ("system", "access_granted")] {
        assert!(told.contains(&wanted), "{told:?}");
    }
    assert!(log.iter().all(|entry| !entry.details.contains("chimera_")));
}

pub(crate) async fn a_link_that_waited_too_long_lets_nobody_in(world: World) {
    let link = sign_in_link(&world.store, "mara", AccessRole::Operator, "", &*world.ambient).await.unwrap();
    let browser = world.browser("zoe", AccessRole::Viewer).await;
    world.ambient.advance(CredentialKind::LINK_LIFE);
    let (_, token) = link.split_once("token=").unwrap();
    assert_eq!(browser.submit("/sign-in", &format!("token={token}")).await.status, 401);
    for nonsense in ["", "x", "chimera_link_", "%00", "http://127.0.0.1/sign-in?token=x"] {
        assert_eq!(browser.submit("/sign-in", &format!("token={nonsense}")).await.status, 401, "{nonsense}");
    }
}

pub(crate) async fn a_session_ends_by_itself_or_when_its_person_says_so(world: World) {
    let browser = world.browser("mara", AccessRole::Operator).await;
    let other = world.browser("zoe", AccessRole::Operator).await;
    assert!(browser.get("/").await.text().contains("mara, operator"));
    // Another port's cookie is another console's.
    let renamed = browser.cookie.replace(&format!("_{}=", world.address.port()), "_1=");
    let headers = [("Host", &*browser.host), ("Cookie", &renamed)];
    assert_eq!(ask(world.address, "GET", "/api/status", &headers, "").await.status, 401);

    let out = browser.post("/sign-out", "").await;
    assert_eq!((out.status, out.header("location")), (303, "/sign-in"));
    assert!(out.header("set-cookie").contains("Max-Age=0"));
    assert_eq!(browser.get("/").await.status, 401);
    assert_eq!(other.get("/").await.status, 200, "the other one stays");
    world.ambient.advance(CredentialKind::SESSION_LIFE);
    let late = other.get("/").await;
    assert_eq!(late.status, 401);
    assert!(late.text().contains("no longer"));
}

pub(crate) async fn what_only_a_cookie_vouches_for_must_come_from_a_page_of_ours(world: World) {
    let browser = world.browser("mara", AccessRole::Operator).await;
    let other = world.browser("zoe", AccessRole::Operator).await;
    let origin = format!("http://{}", browser.host);
    let own = [("Origin", &*origin), ("Sec-Fetch-Site", "same-origin")];
    let fields = format!("csrf={}", browser.csrf);
    let elsewhere = format!("csrf={}", other.csrf);
    for (fields, from) in [
        ("", own.to_vec()),
        ("csrf=", own.to_vec()),
        ("csrf=x", own.to_vec()),
        (&*elsewhere, own.to_vec()),
        (&*fields, vec![]),
        (&*fields, vec![("Origin", "http://evil.test")]),
        (&*fields, vec![("Origin", "http://evil.test"), ("Sec-Fetch-Site", "same-origin")]),
        (&*fields, vec![("Origin", &*origin), ("Sec-Fetch-Site", "same-site")]),
        (&*fields, vec![("Sec-Fetch-Site", "cross-site")]),
        (&*fields, vec![("Origin", "null"), ("Sec-Fetch-Site", "same-origin")]),
    ] {
        let refused = browser.submit_from("/sign-out", fields, &from).await;
        assert_eq!(refused.status, 403, "{fields} {from:?}");
        assert!(refused.text().contains("page of this console"));
    }
    assert_eq!(browser.get("/").await.status, 200, "nothing was done");
    assert_eq!(browser.submit_from("/sign-out", &fields, &own).await.status, 303);
}

pub(crate) async fn a_token_lets_in_until_it_is_revoked_or_too_old(world: World) {
    let token = world.token(AccessRole::Viewer).await;
    let status = async |token: &str| world.as_token(token, "GET", "/api/status", "").await.status;
    assert_eq!(status(&token).await, 200);
    let secret = Secret::brought(CredentialKind::Token, &token).unwrap();
    let found = world.store.credential_of(CredentialKind::Token, &secret, world.ambient.now()).await.unwrap().unwrap();
    assert_eq!(world.store.credential_of(CredentialKind::Session, &secret, world.ambient.now()).await.unwrap(), None);
    let by = Actor::operator("mara");
    assert!(world.store.credential_end(found.id, &by, world.ambient.now()).await.unwrap().is_some());
    assert!(world.store.credential_end(found.id, &by, world.ambient.now()).await.unwrap().is_none());
    assert_eq!(status(&token).await, 401);
    let token = world.token(AccessRole::Viewer).await;
    let signing_out = world.as_token(&token, "POST", "/sign-out", "").await;
    assert_eq!(signing_out.status, 409, "a token is revoked, not signed out");
    world.ambient.advance(Duration::days(1));
    assert_eq!(status(&token).await, 401);
}

pub(crate) async fn whoever_asks_without_end_is_asked_to_wait(world: World) {
    let greedy = world.token(AccessRole::Viewer).await;
    let mut refused = None;
    // Ambient time moves by some milliseconds a request, so this is far more than 50 a second.
    for _ in 0..3_000 {
        let answer = world.as_token(&greedy, "GET", "/media/x.png", "").await;
        if answer.status == 429 {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.expect("nobody stopped it");
    assert!(refused.header("retry-after").parse::<u64>().unwrap() >= 1);
    assert_eq!(world.get("/api/status").await.status, 200, "others are served meanwhile");
    world.ambient.advance(Duration::seconds(1));
    assert_eq!(world.as_token(&greedy, "GET", "/api/status", "").await.status, 200, "after a rest it is served again");
}
