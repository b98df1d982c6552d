//! A folder whose files are feeds.

use std::path::Path;

use super::config::FeedSource;

/// What a feed's file is called at its end.
const ENDINGS: [&str; 4] = ["xml", "rss", "atom", "json"];

/// The feeds that lie in a folder now, by name; none where there is no such folder. Files that begin with a dot are not
/// ready to be read.
pub(super) fn feeds_in(folder: &Path) -> Vec<FeedSource> {
    let Ok(entries) = std::fs::read_dir(folder) else { return vec![] };
    let mut found: Vec<FeedSource> = entries
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let name = path.file_stem()?.to_str().filter(|name| !name.starts_with('.'))?;
            let is_feed = path.extension().is_some_and(|end| ENDINGS.iter().any(|known| end == *known));
            is_feed.then(|| FeedSource::new(name, path.display().to_string()))
        })
        .collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}
