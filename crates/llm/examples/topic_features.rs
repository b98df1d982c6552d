//! What `scripts/train-topics.py` learns from: for each line of JSON on standard input, with a headline, its description, its
//! link and its category, one with the numbers that the classifier weighs and the topics that have plain words in it.

use std::io::{BufWriter, Write};

use chimera_llm::TopicScanner;
use serde_json::{Value, json};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let scanner = TopicScanner::built_in()?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    for line in std::io::stdin().lines() {
        let item: Value = serde_json::from_str(&line?)?;
        let of = |key: &str| item.get(key).and_then(Value::as_str).unwrap_or_default();
        let text = format!("{}. {}", of("headline"), of("short_description"));
        let plain = scanner.plain(&text);
        let hits: Vec<String> = scanner.scan(&text).into_iter().map(|hit| hit.topic).collect();
        let features = scanner.features(&text);
        let row = json!({"link": of("link"), "category": of("category"), "features": features,
            "plain": plain, "hits": hits});
        writeln!(out, "{row}")?;
    }
    Ok(())
}
