//! Real input: 5,000 headlines through feeds and planner, against the label a person gave each.

use std::{collections::HashMap, fmt::Write as _, path::PathBuf};

use serde_json::Value;

use crate::chimera::Chimera;

/// Items of one feed.
const FEED_ITEMS: usize = 500;
const LABEL: &str = "STYLE & BEAUTY";
/// Below these the scorer got worse; the figures themselves are in docs/offline-mind.md.
const F1_MIN: f64 = 0.50;

/// The headlines beside the project, if they are there.
fn headlines() -> Option<Vec<Value>> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/headlines.jsonl");
    let Ok(text) = std::fs::read_to_string(&path) else {
        println!("SKIPPED: the real headlines are not there ({})", path.display());
        return None;
    };
    Some(text.lines().filter(|l| !l.trim().is_empty()).map(|l| serde_json::from_str(l).unwrap()).collect())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn feed(items: &[Value]) -> String {
    let mut rss = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><rss version=\"2.0\"><channel><title>Headlines</title>",
    );
    for item in items {
        let text = |key: &str| escaped(item[key].as_str().unwrap_or_default());
        let (title, about, link) = (text("headline"), text("short_description"), text("link"));
        write!(rss, "<item><title>{title}</title><description>{about}</description><link>{link}</link><guid>{link}</guid></item>").unwrap();
    }
    rss.push_str("</channel></rss>");
    rss
}

pub(crate) fn real_headlines_are_sorted_as_people_sorted_them(chimera: &Chimera) {
    let Some(headlines) = headlines() else { return };
    let mut args = vec!["demo".to_owned(), "--once".to_owned(), "--json".to_owned()];
    for (index, items) in headlines.chunks(FEED_ITEMS).enumerate() {
        let path = chimera.file(&format!("feed-{index}.xml"), &feed(items));
        args.extend(["--feed".to_owned(), path.display().to_string()]);
    }
    let summary = chimera.json(&args.iter().map(String::as_str).collect::<Vec<_>>());

    let signals = chimera.json(&["planner", "view-signals", "--limit", "10000", "--json"]);
    let scored: HashMap<&str, f64> = signals
        .as_array()
        .unwrap()
        .iter()
        .filter(|s| s["outcome"] != "DUPLICATE")
        .map(|s| (s["item"]["url"].as_str().unwrap(), s["relevance"].as_f64().unwrap()))
        .collect();
    let (mut hits, mut wrong, mut missed) = (0_u32, 0_u32, 0_u32);
    for headline in &headlines {
        let Some(score) = scored.get(headline["link"].as_str().unwrap()) else { continue };
        match (*score >= 0.75, headline["category"] == LABEL) {
            (true, true) => hits += 1,
            (true, false) => wrong += 1,
            (false, true) => missed += 1,
            (false, false) => {}
        }
    }
    let precision = f64::from(hits) / f64::from(hits + wrong);
    let recall = f64::from(hits) / f64::from(hits + missed);
    let f1 = 2.0 * precision * recall / (precision + recall);
    let seconds = summary["planning_ms"].as_f64().unwrap() / 1_000.0;
    println!("headlines={} scored={} label={LABEL:?}", headlines.len(), scored.len());
    println!("precision={precision:.3} recall={recall:.3} f1={f1:.3} at 0.75");
    println!("read, scored and planned in {seconds:.2} s: {:.0} signals/s", scored.len() as f64 / seconds);
    println!("{summary:#}");
    assert!(scored.len() + 50 > headlines.len(), "signals are missing");
    assert!(f1 >= F1_MIN, "F1 fell to {f1:.3}");
}
