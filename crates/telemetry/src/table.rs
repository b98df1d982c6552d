//! The catalogue for readers.

use std::fmt::Write as _;

use crate::{CATALOGUE, Metric};

const INTRODUCTION: &str = "# Metrics

Every role tells these at `/metrics`, as Prometheus text. This file is generated: `chimera metrics --markdown >
docs/metrics.md`.

*Fleet-wide* ones are read from the database or the queues, at most once in some seconds, and are the same whichever process
answers: take their maximum over processes, not their sum. The others are of the one process that tells them. No label has
values without bound: where none are listed, the configuration or a fixed list in the program bounds them. Histograms have
`_bucket`, `_sum` and `_count`.

| metric | type | labels | what it says |
|---|---|---|---|
";

/// Every metric there is, as a document in Markdown.
#[must_use]
pub fn markdown() -> String {
    let mut text = INTRODUCTION.to_owned();
    for metric in CATALOGUE {
        let Metric { name, kind, help, .. } = metric;
        // Writing to a text can't fail.
        let _ = writeln!(text, "| `{name}` | {} | {} | {} |", kind.as_str(), labels(metric), help.replace('|', "\\|"));
    }
    text
}

fn labels(metric: &Metric) -> String {
    let labels = metric.labels().map(|label| match label.values {
        [] => format!("`{}`", label.name),
        values => format!("`{}`: {}", label.name, values.join(", ")),
    });
    labels.collect::<Vec<_>>().join("; ")
}
