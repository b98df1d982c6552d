//! The checked-in schemas are the generated ones; `UPDATE_SCHEMAS=1` writes them anew.

use std::path::Path;

use super::*;

#[test]
fn checked_in_schemas_have_not_drifted() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas");
    let update = std::env::var_os("UPDATE_SCHEMAS").is_some();
    for (name, schema) in schemas() {
        let mut wanted = serde_json::to_string_pretty(&schema).unwrap();
        wanted.push('\n');
        let path = dir.join(name);
        if update {
            std::fs::create_dir_all(&dir).unwrap();
            std::fs::write(&path, &wanted).unwrap();
        }
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(
            found, wanted,
            "{name} drifted; run: UPDATE_SCHEMAS=1 cargo test -p chimera-domain checked_in_schemas"
        );
    }
}

#[test]
fn the_same_story_in_other_clothes_has_one_hash() {
    let item = |title: &str| FeedItem {
        id: title.into(),
        title: title.into(),
        summary: String::new(),
        url: None,
        published_at: None,
        language: None,
        categories: vec![],
    };
    let (a, b) = (item("Silk, again: the slip dress"), item("SILK AGAIN — the slip dress!"));
    assert_eq!(a.content_hash(), b.content_hash());
    assert_ne!(a.event_key(), b.event_key());
}
