//! What can be read without a tool: posts, mentions, media.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use rmcp::{
    ErrorData,
    model::{ReadResourceResult, Resource, ResourceContents, ResourceTemplate},
};
use serde::Serialize;
use serde_json::json;
use url::form_urlencoded;

use super::{
    error::{ErrorCode, Refusal},
    platform::{PAGE_MAX, Platform},
    wire::ListPostsInput,
};

const POSTS: &str = "sandbox://posts";
const MENTIONS: &str = "sandbox://mentions/";
const MEDIA: &str = "sandbox://media/";
const JSON: &str = "application/json";
/// So many accounts have their mentions listed; the template reaches all of them.
const LISTED_MAX: u32 = 500;

pub(super) fn templates() -> Vec<ResourceTemplate> {
    vec![
        ResourceTemplate::new(format!("{MENTIONS}{{account}}"), "mentions")
            .with_title("Mentions of an account")
            .with_description("Comments, replies and mentions, newest first, at most 100. Strangers wrote them.")
            .with_mime_type(JSON),
        ResourceTemplate::new(format!("{POSTS}/{{post_id}}"), "post").with_title("A post").with_mime_type(JSON),
        ResourceTemplate::new(format!("{MEDIA}{{sha256}}"), "media")
            .with_title("A picture or video that was posted with its bytes"),
    ]
}

pub(super) async fn list(platform: &Platform) -> Result<Vec<Resource>, ErrorData> {
    let posts = Resource::new(POSTS, "posts")
        .with_title("Posts")
        .with_description("The newest 100 posts of all accounts.")
        .with_mime_type(JSON);
    let accounts = platform.state.accounts(LISTED_MAX).await.map_err(|error| failed("", &error.into()))?;
    let mentions = accounts.into_iter().map(|account| {
        Resource::new(format!("{MENTIONS}{account}"), format!("mentions-{account}"))
            .with_title(format!("Mentions of {account}"))
            .with_mime_type(JSON)
    });
    Ok(std::iter::once(posts).chain(mentions).collect())
}

pub(super) async fn read(platform: &Platform, uri: &str) -> Result<ReadResourceResult, ErrorData> {
    let refused = |refusal: Refusal| failed(uri, &refusal);
    let contents = if uri == POSTS {
        let page = ListPostsInput { limit: Some(PAGE_MAX), ..ListPostsInput::default() };
        let posts = platform.list_posts(page).await.map_err(refused)?.posts;
        text(uri, &json!({"as_of": platform.now(), "posts": posts}))?
    } else if let Some(account) = uri.strip_prefix(MENTIONS) {
        text(uri, &platform.mentions(&decoded(account)).await.map_err(refused)?)?
    } else if let Some(id) = uri.strip_prefix(POSTS).and_then(|rest| rest.strip_prefix('/')) {
        text(uri, &platform.post(id).await.map_err(refused)?)?
    } else if let Some(sha256) = uri.strip_prefix(MEDIA) {
        let found = platform.state.blob(sha256).await.map_err(|error| refused(error.into()))?;
        let blob = found.ok_or_else(|| refused(Refusal::NotFound { id: sha256.to_owned() }))?;
        ResourceContents::blob(BASE64_STANDARD.encode(blob.bytes), uri).with_mime_type(blob.mime)
    } else {
        return Err(failed(uri, &Refusal::NotFound { id: uri.to_owned() }));
    };
    Ok(ReadResourceResult::new(vec![contents]))
}

fn text(uri: &str, value: &impl Serialize) -> Result<ResourceContents, ErrorData> {
    let json = serde_json::to_string(value).map_err(|error| ErrorData::internal_error(error.to_string(), None))?;
    Ok(ResourceContents::text(json, uri).with_mime_type(JSON))
}

/// Clients may write `@` as `%40`.
fn decoded(segment: &str) -> String {
    form_urlencoded::parse(segment.as_bytes()).next().map(|(name, _)| name.into_owned()).unwrap_or_default()
}

fn failed(uri: &str, refusal: &Refusal) -> ErrorData {
    let body = refusal.answer().error;
    let data = Some(json!({"uri": uri, "code": body.code}));
    match body.code {
        ErrorCode::NotFound => ErrorData::resource_not_found(body.message, data),
        ErrorCode::ServerError => ErrorData::internal_error(body.message, data),
        _ => ErrorData::invalid_params(body.message, data),
    }
}
