//! List, read, subscribe and call, on both revisions of the protocol.

use chimera_domain::contracts::FeedDocument;
use chimera_servers::feeds::{AddedFeed, FeedList, FeedSource, FeedsConfig};
use rmcp::ServiceError;
use rmcp::model::{
    CallToolRequestParams, CallToolResult, ErrorCode, ReadResourceRequestParams, ResourceContents, ServerNotification,
    SubscriptionFilter,
};
use rmcp::service::SubscriptionEnd;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::fixture::{BOTH, Client, News, PATIENCE, Publisher, Revision, Setup, config, rss};

const URI: &str = "feed://test";

async fn read(client: &Client, uri: &str) -> Result<FeedDocument, ServiceError> {
    let result = client.service.read_resource(ReadResourceRequestParams::new(uri)).await?;
    let [ResourceContents::TextResourceContents { uri: given, mime_type, text, .. }] = &result.contents[..] else {
        panic!("one text expected, got {:?}", result.contents);
    };
    assert_eq!((given.as_str(), mime_type.as_deref()), (uri, Some("application/json")));
    Ok(serde_json::from_str(text).expect("a feed document"))
}

async fn call(client: &Client, tool: &'static str, arguments: Value) -> CallToolResult {
    let Value::Object(arguments) = arguments else { panic!("arguments are an object") };
    client.service.call_tool(CallToolRequestParams::new(tool).with_arguments(arguments)).await.expect("an answer")
}

fn structured<T: DeserializeOwned>(result: CallToolResult) -> T {
    assert_ne!(result.is_error, Some(true), "{result:?}");
    serde_json::from_value(result.structured_content.expect("structured content")).expect("the schema's shape")
}

fn refused(result: &CallToolResult) -> String {
    assert_eq!(result.is_error, Some(true), "{result:?}");
    result.content[0].as_text().expect("a text").text.clone()
}

#[tokio::test]
async fn a_file_put_into_the_folder_is_a_feed_from_then_on() {
    let folder = tempfile::tempdir().unwrap();
    let dropped = folder.path().join("feeds");
    let setup = Setup::new(&FeedsConfig { folder: Some(dropped.clone()), ..config(vec![]) });
    for revision in BOTH {
        let client = setup.connect(revision).await;
        assert!(read(&client, "feed://nothing").await.is_err());
    }
    let client = setup.connect(Revision::New).await;
    assert!(read(&client, "feed://street-style").await.is_err(), "the folder is not even there");
    std::fs::create_dir(&dropped).unwrap();
    for (name, titles) in [("Street Style.xml", ["a", "b"]), ("notes.txt", ["c", "d"]), (".half.xml", ["e", "f"])] {
        std::fs::write(dropped.join(name), rss(&titles)).unwrap();
    }
    assert_eq!(read(&client, "feed://street-style").await.unwrap().items.len(), 2);
    std::fs::write(dropped.join("later.rss"), rss(&["g"])).unwrap();
    let resources = client.service.list_all_resources().await.unwrap();
    let uris: Vec<&str> = resources.iter().map(|r| r.uri.as_str()).collect();
    assert_eq!(uris, ["feed://street-style", "feed://later"]);
}

#[tokio::test]
async fn feeds_are_listed_and_read() {
    let publisher = Publisher::start().await;
    let setup = Setup::of(&publisher, "feed");
    for revision in BOTH {
        let client = setup.connect(revision).await;
        let resources = client.service.list_all_resources().await.unwrap();
        assert_eq!(resources.iter().map(|r| r.uri.as_str()).collect::<Vec<_>>(), [URI]);
        assert_eq!(resources[0].mime_type.as_deref(), Some("application/json"));
        let document = read(&client, URI).await.unwrap();
        assert_eq!(document.source, publisher.url("feed"));
        assert_eq!(document.title, "Fixture");
        assert_eq!(document.items[0].published_at.unwrap().to_rfc3339(), "2026-11-20T10:00:00+00:00");
        // By its source too.
        assert_eq!(read(&client, &publisher.url("feed")).await.unwrap().items.len(), 2);
    }
}

#[tokio::test]
async fn errors_tell_a_program_whether_to_ask_again() {
    let publisher = Publisher::start().await;
    let setup = Setup::of(&publisher, "busy");
    for (revision, missing) in
        [(Revision::Old, ErrorCode::RESOURCE_NOT_FOUND), (Revision::New, ErrorCode::INVALID_PARAMS)]
    {
        let client = setup.connect(revision).await;
        let Err(ServiceError::McpError(error)) = read(&client, "feed://none").await else { panic!("no error") };
        assert_eq!(error.code, missing);
        assert!(
            error.message.contains("no feed is called \"feed://none\"; the feeds are: feed://test"),
            "{}",
            error.message
        );
        let Err(ServiceError::McpError(error)) = read(&client, URI).await else { panic!("no error") };
        assert_eq!(error.code, ErrorCode::INTERNAL_ERROR);
        let data = error.data.unwrap();
        assert_eq!(data["transient"], true);
        assert!(data["retry_at"].as_str().unwrap().starts_with("2026-"), "{data}");
    }
}

#[tokio::test]
async fn tools_answer_by_their_schemas() {
    let publisher = Publisher::start().await;
    let setup = Setup::of(&publisher, "feed");
    for revision in BOTH {
        let client = setup.connect(revision).await;
        let tools = client.service.list_all_tools().await.unwrap();
        let names: Vec<&str> = tools.iter().map(|t| &*t.name).collect();
        assert_eq!(names, ["list_feeds", "read_feed"], "add_feed is offered only by a dynamic server");
        for tool in &tools {
            let schema = Value::Object(tool.output_schema.clone().expect("an output schema").as_ref().clone());
            assert_eq!(schema["type"], "object");
            let schemas = serde_json::to_string(&(&tool.input_schema, &tool.output_schema)).unwrap();
            assert!(!schemas.contains("\"uint"), "formats that only Rust knows: {schemas}");
            let arguments = if tool.name == "read_feed" { json!({ "name": "Test" }) } else { json!({}) };
            let name = if tool.name == "read_feed" { "read_feed" } else { "list_feeds" };
            let answer = call(&client, name, arguments).await.structured_content.unwrap();
            let problems: Vec<String> =
                jsonschema::validator_for(&schema).unwrap().iter_errors(&answer).map(|e| e.to_string()).collect();
            assert!(problems.is_empty(), "{problems:?}");
        }
        let since: FeedDocument =
            structured(call(&client, "read_feed", json!({ "name": URI, "since": "2026-11-20T00:00:00Z" })).await);
        assert_eq!(since.items.iter().map(|i| i.title.as_str()).collect::<Vec<_>>(), ["one"]);
        let list: FeedList = structured(call(&client, "list_feeds", json!({})).await);
        assert_eq!((list.feeds[0].items, list.feeds[0].error.as_deref()), (2, None));
        let line = refused(&call(&client, "read_feed", json!({ "source": "https://elsewhere.example/" })).await);
        assert!(line.contains("is not a configured feed; add it to `feeds`"), "{line}");
        let line = refused(&call(&client, "read_feed", json!({})).await);
        assert!(line.contains("either `name` or `source`"), "{line}");
    }
}

#[tokio::test]
async fn an_old_client_hears_of_changes_until_it_unsubscribes() {
    let publisher = Publisher::start().await;
    let setup = Setup::of(&publisher, "feed");
    let mut client = setup.connect(Revision::Old).await;
    read(&client, URI).await.unwrap();
    client.subscribe(URI).await.unwrap();
    assert_eq!(setup.server.subscribers(URI), 1);
    publisher.site.publish(&["three", "one", "two"]);
    // Whoever reads first finds the change: the poll that begins with the subscription, or this.
    setup.server.read(URI).await.unwrap();
    assert_eq!(client.hear().await, News::Updated(URI.to_owned()));
    client.unsubscribe(URI).await.unwrap();
    assert_eq!(setup.server.subscribers(URI), 0);
    let unknown = client.subscribe("feed://none").await;
    assert!(matches!(unknown, Err(ServiceError::McpError(e)) if e.code == ErrorCode::RESOURCE_NOT_FOUND));
}

#[tokio::test]
async fn a_new_client_listens() {
    let publisher = Publisher::start().await;
    let setup = Setup::of(&publisher, "feed");
    let client = setup.connect(Revision::New).await;
    read(&client, URI).await.unwrap();
    let wanted = SubscriptionFilter::builder().resource_subscriptions([URI, "feed://none"]).build();
    let mut subscription = client.service.listen(wanted).await.unwrap();
    assert_eq!(subscription.acknowledged().resource_subscriptions.as_deref(), Some(&[URI.to_owned()][..]));
    publisher.site.publish(&["three", "one", "two"]);
    while setup.server.subscribers(URI) == 0 {
        tokio::task::yield_now().await;
    }
    setup.server.read(URI).await.unwrap();
    let told = tokio::time::timeout(PATIENCE, subscription.next()).await.expect("news in time").unwrap();
    let Some(ServerNotification::ResourceUpdatedNotification(updated)) = told else { panic!("got {told:?}") };
    assert_eq!(updated.params.uri, URI);
    // A stopping server ends the subscription in order, and nothing of it keeps running.
    setup.cancel.cancel();
    let rest = tokio::time::timeout(PATIENCE, subscription.next()).await.expect("an end in time");
    assert!(matches!(rest, Ok(None)), "{rest:?}");
    assert!(
        matches!(subscription.end(), Some(SubscriptionEnd::Graceful(_) | SubscriptionEnd::Abrupt)),
        "{:?}",
        subscription.end()
    );
    setup.tracker.close();
    tokio::time::timeout(PATIENCE, setup.tracker.wait()).await.expect("all tasks end");
    assert_eq!(setup.server.subscribers(URI), 0);
}

#[tokio::test]
async fn feeds_are_added_where_the_operator_allows_it() {
    let publisher = Publisher::start().await;
    for revision in BOTH {
        let folder = tempfile::tempdir().unwrap();
        let setup = Setup::new(&FeedsConfig {
            dynamic: true,
            file_roots: vec![folder.path().to_owned()],
            ..config(vec![FeedSource::new("Test", publisher.url("feed"))])
        });
        let mut client = setup.connect(revision).await;
        let mut listening = match revision {
            Revision::Old => None,
            Revision::New => {
                let wanted = SubscriptionFilter::builder().resources_list_changed().build();
                Some(client.service.listen(wanted).await.unwrap())
            }
        };
        let file = folder.path().join("Local Feed.xml");
        std::fs::write(&file, rss(&["a", "b", "c"])).unwrap();
        let source = format!("file://{}", file.display()).replace(' ', "%20");
        let added: AddedFeed = structured(call(&client, "add_feed", json!({ "source": source })).await);
        assert_eq!((added.uri.as_str(), added.items), ("feed://local-feed", 3));
        match &mut listening {
            None => assert_eq!(client.hear().await, News::List),
            Some(subscription) => {
                let told = tokio::time::timeout(PATIENCE, subscription.next()).await.expect("news in time").unwrap();
                assert!(matches!(told, Some(ServerNotification::ResourceListChangedNotification(_))), "{told:?}");
            }
        }
        assert_eq!(read(&client, "feed://local-feed").await.unwrap().items.len(), 3);
        // Adding it again changes nothing.
        let again: AddedFeed = structured(call(&client, "add_feed", json!({ "source": source })).await);
        assert_eq!(again, added);
        assert_eq!(setup.server.uris(), [URI, "feed://local-feed"]);
        // Without adding.
        let once: FeedDocument =
            structured(call(&client, "read_feed", json!({ "source": publisher.url("moved") })).await);
        assert_eq!(once.items.len(), 2);
        for (arguments, says) in [
            (json!({ "source": publisher.url("page") }), "found an HTML page"),
            (json!({ "source": publisher.url("moved"), "name": "test" }), "is taken by the feed at"),
            (json!({ "source": "ftp://x.example/" }), "only http, https and file"),
            (json!({ "source": "http://[::1]/feed" }), "private address"),
        ] {
            let line = refused(&call(&client, "add_feed", arguments).await);
            assert!(line.contains(says), "{line}");
        }
        assert_eq!(setup.server.uris().len(), 2);
    }
}

#[tokio::test]
async fn clients_cannot_read_files_outside_of_the_roots() {
    let folder = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    let secret = outside.path().join("secret.xml");
    std::fs::write(&secret, rss(&["secret"])).unwrap();
    std::os::unix::fs::symlink(&secret, folder.path().join("link.xml")).unwrap();
    let roots = vec![folder.path().to_owned()];
    let setup = Setup::new(&FeedsConfig { dynamic: true, file_roots: roots, ..config(vec![]) });
    let client = setup.connect(Revision::New).await;
    let inside = folder.path().display().to_string();
    for path in [
        secret.display().to_string(),
        format!("{inside}/link.xml"),
        format!("{inside}/../{}/secret.xml", outside.path().file_name().unwrap().display()),
    ] {
        let line = refused(&call(&client, "read_feed", json!({ "source": path })).await);
        assert!(line.contains("must lie under a folder in `file_roots`"), "{line}");
    }
    let line = refused(&call(&client, "read_feed", json!({ "source": inside })).await);
    assert!(line.contains("not a regular file"), "{line}");
    // What the operator names may lie anywhere.
    let setup = Setup::new(&config(vec![FeedSource::new("Test", secret.display().to_string())]));
    assert_eq!(setup.server.read(URI).await.unwrap().items[0].title, "secret");
}
