//! Reading the headlines.

use std::path::Path;

/// A headline with its human label.
#[derive(serde::Deserialize)]
pub(crate) struct Headline {
    pub(crate) date: chrono::NaiveDate,
    pub(crate) category: String,
    pub(crate) headline: String,
    pub(crate) short_description: String,
}

impl Headline {
    pub(crate) fn text(&self) -> String {
        format!("{}. {}", self.headline, self.short_description)
    }
}

/// All headlines, or `None` with a printed word when they are not there.
pub(crate) fn read() -> Option<Vec<Headline>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/headlines.jsonl");
    let Ok(lines) = std::fs::read_to_string(&path) else {
        println!("SKIPPED: {} is not there, so nothing was measured", path.display());
        return None;
    };
    Some(lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}
