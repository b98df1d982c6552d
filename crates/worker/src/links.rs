//! Addresses of media, for tools and platforms that fetch them by themselves.

use chimera_domain::MediaRef;
use chimera_mcp::Host;
use chimera_store::{BlobError, Blobs};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

/// The address of the first medium, and a list of all.
const FIRST: &str = "media_url";
const ALL: &str = "media_urls";

/// Adds `media_url` and `media_urls` to the variables of a call, if the role's template asks for them and there is anything
/// to give. Whoever has such an address may read the file until it ends, so none is made that nobody wants.
///
/// # Errors
/// [`BlobError`] when one can't be made.
pub(crate) async fn add_links(
    variables: &mut Map<String, Value>,
    (host, role): (&Host, &str),
    blobs: &Blobs,
    media: &[MediaRef],
    now: DateTime<Utc>,
) -> Result<(), BlobError> {
    if ![FIRST, ALL].iter().any(|variable| host.asks_for(role, variable)) {
        return Ok(());
    }
    let mut links = Vec::new();
    for medium in media {
        links.extend(blobs.link(&medium.sha256, &medium.mime, now).await?);
    }
    if let Some(first) = links.first() {
        variables.insert(FIRST.to_owned(), json!(first));
    }
    variables.insert(ALL.to_owned(), json!(links));
    Ok(())
}
