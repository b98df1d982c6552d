//! Streamable HTTP: credentials, redirects, refusals and cut answers.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Router,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Redirect},
    routing::any,
};
use chimera_domain::error_chain;
use chimera_mcp::{CallClass, CallError, Host, ServerConfig, Setting, TransportConfig};
use serde_json::json;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{
    fixture::Fixture,
    reach::{Counting, config, context, install_tls, serve_app, serve_http, variables},
};

fn host(url: &str, headers: BTreeMap<String, Setting>) -> Host {
    install_tls();
    let transport = TransportConfig::Http { url: url.parse().unwrap(), headers };
    Host::builder(config(ServerConfig::new(transport)), Arc::new(Counting::default())).build().unwrap()
}

async fn fails(host: &Host) -> CallError {
    host.call(&context(), "echo", &variables(json!({"text": "x"}))).await.result.unwrap_err()
}

#[tokio::test]
async fn credentials_are_sent_and_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("token"), "hunter2\n").unwrap();
    let bearer = format!("Bearer secret://file/{}", folder.path().join("token").display());
    let (sent, mut received) = mpsc::unbounded_channel();
    let app = Router::new().route(
        "/mcp",
        any(move |headers: HeaderMap| async move {
            sent.send(headers["authorization"].to_str().unwrap().to_owned()).unwrap();
            (StatusCode::INTERNAL_SERVER_ERROR, "your token hunter2 broke me").into_response()
        }),
    );
    let stop = CancellationToken::new();
    let _guard = stop.clone().drop_guard();
    let url = serve_app(app, stop).await;
    let host = host(&url, [("Authorization".to_owned(), Setting::try_from(bearer).unwrap())].into());
    let error = fails(&host).await;
    assert_eq!(received.recv().await.unwrap(), "Bearer hunter2");
    let shown = format!("{} {error:?} {:?} {host:?}", error_chain(&error), host.health());
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[tokio::test]
async fn a_redirect_to_another_host_is_not_followed() {
    let (elsewhere, mut visited) = mpsc::unbounded_channel();
    let thief = Router::new().fallback(any(move || async move {
        elsewhere.send(()).unwrap();
        StatusCode::OK
    }));
    let stop = CancellationToken::new();
    let _guard = stop.clone().drop_guard();
    let target = serve_app(thief, stop.clone()).await;
    let app = Router::new().route("/mcp", any(move || async move { Redirect::temporary(&target) }));
    let url = serve_app(app, stop).await;
    let error = fails(&host(&url, BTreeMap::new())).await;
    assert_eq!(error.class(), CallClass::Failed, "{error:?}");
    assert!(visited.try_recv().is_err());
}

#[tokio::test]
async fn a_port_where_nobody_listens_has_no_effect() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    drop(listener);
    let error = fails(&host(&url, BTreeMap::new())).await;
    assert!(matches!(error, CallError::Connect { .. }), "{error:?}");
    assert_eq!(error.class(), CallClass::Failed);
}

/// Forwards nothing itself: answers every request after the greeting as told.
async fn after_greeting(answer: StatusCode) -> (Host, CancellationToken) {
    let (url, guard) = serve_http(Fixture::new(false)).await;
    let client = reqwest::Client::new();
    let guard = Arc::new(guard);
    let app = Router::new().route(
        "/mcp",
        any(move |headers: HeaderMap, body: String| {
            let (client, url, guard) = (client.clone(), url.clone(), guard.clone());
            async move {
                // The real server lives as long as this one.
                let _guard = guard;
                if body.contains("tools/call") {
                    return (answer, [("retry-after", "7")], String::new()).into_response();
                }
                let mut headers = headers;
                headers.remove("host");
                let real = client.post(url).headers(headers).body(body).send().await.unwrap();
                let kind = real.headers()["content-type"].clone();
                (real.status(), [("content-type", kind)], real.bytes().await.unwrap()).into_response()
            }
        }),
    );
    let stop = CancellationToken::new();
    let url = serve_app(app, stop.clone()).await;
    (host(&url, BTreeMap::new()), stop)
}

#[tokio::test]
async fn a_429_had_no_effect_and_says_when_to_come_back() {
    let (host, stop) = after_greeting(StatusCode::TOO_MANY_REQUESTS).await;
    let error = fails(&host).await;
    assert!(matches!(error, CallError::Throttled { .. }), "{error:?}");
    assert_eq!((error.class(), error.retry_after().map(|d| d.as_secs())), (CallClass::Failed, Some(7)));
    stop.cancel();
}

#[tokio::test]
async fn a_502_after_sending_leaves_the_effect_open() {
    let (host, stop) = after_greeting(StatusCode::BAD_GATEWAY).await;
    let error = fails(&host).await;
    assert!(matches!(error, CallError::Cut { .. }), "{error:?}");
    assert_eq!(error.class(), CallClass::Unknown);
    stop.cancel();
}
