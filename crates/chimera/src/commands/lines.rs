//! Reading headlines from a JSON Lines file.

use std::{
    io::{BufRead as _, BufReader, Read},
    path::Path,
};

use anyhow::Context as _;
use chimera_llm::ItemText;
use serde::Deserialize;

/// A line longer than this is refused.
const LINE_BYTES_MAX: u64 = 1024 * 1024;

/// What a line may hold; other fields are left alone.
#[derive(Debug, Deserialize)]
struct Line {
    headline: Option<String>,
    title: Option<String>,
    text: Option<String>,
    description: Option<String>,
    short_description: Option<String>,
    summary: Option<String>,
}

impl Line {
    /// The first of headline, title and text is the title; what else there is describes it.
    fn item(self) -> Option<ItemText> {
        let mut named = [self.headline, self.title, self.text].into_iter().flatten();
        let title = named.next()?;
        let summary = [self.description, self.short_description, self.summary].into_iter().flatten().next();
        Some(ItemText { title, summary: summary.or_else(|| named.next()).unwrap_or_default() })
    }
}

/// The texts of a JSON Lines file; `-` is standard input.
pub(crate) fn read(path: &Path) -> anyhow::Result<Vec<ItemText>> {
    let source: Box<dyn Read> = if path == Path::new("-") {
        Box::new(std::io::stdin())
    } else {
        Box::new(std::fs::File::open(path).with_context(|| format!("{} can't be opened", path.display()))?)
    };
    let mut reader = BufReader::new(source);
    let (mut items, mut text) = (Vec::new(), String::new());
    for number in 1.. {
        text.clear();
        let at = || format!("{}, line {number}", path.display());
        let read = (&mut reader).take(LINE_BYTES_MAX).read_line(&mut text).with_context(at)?;
        if read == 0 {
            break;
        }
        anyhow::ensure!(
            text.ends_with('\n') || (read as u64) < LINE_BYTES_MAX,
            "{}: longer than {LINE_BYTES_MAX} bytes",
            at()
        );
        if text.trim().is_empty() {
            continue;
        }
        let want = || format!("{}: want an object with `headline`, `title` or `text`, and perhaps `description`", at());
        let line: Line = serde_json::from_str(text.trim_start_matches('\u{feff}')).with_context(want)?;
        items.push(line.item().with_context(want)?);
    }
    Ok(items)
}
