//! What the platform itself has: the other side of the publish ledger.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::world::World;
use crate::wire::Wire;

/// A post, as the platform has it.
pub(super) struct Post {
    pub(super) id: String,
    pub(super) key: String,
    /// Who said what where: the same again is a doubled post, whatever its key.
    pub(super) content: String,
}

/// Every post there is.
pub(super) fn posts(world: &World) -> Vec<Post> {
    let mut wire = Wire::start(&world.chimera, &["mcp", "sandbox"]);
    let (mut posts, mut cursor) = (vec![], None);
    loop {
        let mut page = json!({"limit": 100});
        if let Some(cursor) = cursor {
            page["cursor"] = cursor;
        }
        let page = wire.call("list_posts", &page);
        let text = |post: &Value, key: &str| post[key].as_str().unwrap().to_owned();
        posts.extend(page["posts"].as_array().unwrap().iter().map(|post| Post {
            id: text(post, "post_id"),
            key: text(post, "idempotency_key"),
            content: format!("{} {} {}", text(post, "account"), text(post, "channel"), text(post, "content_hash")),
        }));
        match page["next_cursor"].clone() {
            Value::Null => return posts,
            next => cursor = Some(next),
        }
    }
}

/// Those of these names that come more than once, with how often.
pub(super) fn repeated<'a>(names: impl Iterator<Item = &'a str>) -> BTreeMap<&'a str, usize> {
    let mut counts = BTreeMap::new();
    for name in names {
        *counts.entry(name).or_insert(0) += 1;
    }
    counts.retain(|_, count| *count > 1);
    counts
}
