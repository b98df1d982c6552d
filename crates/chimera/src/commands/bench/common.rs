//! What benchmarks have in common: where they run, that they leave nothing behind, and how they say what they found.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;
use serde::Serialize;
use serde_json::Value;

use super::ground::Place;
use crate::{cli::Global, config::Config, lifecycle::unless_interrupted, output};

/// The servers of a run.
#[derive(Debug, Clone, Args)]
pub(super) struct Servers {
    #[command(flatten)]
    pub(super) on: On,
    /// A Redis for queues and counters, as redis://HOST:PORT; in process otherwise
    #[arg(long, value_name = "URL")]
    pub(super) redis: Option<String>,
}

/// The database of a run.
#[derive(Debug, Clone, Args)]
pub(super) struct On {
    /// A PostgreSQL to run on, as postgres://USER:PASSWORD@HOST/DATABASE; SQLite otherwise. What lies there stays as it is
    #[arg(long, value_name = "URL")]
    pub(super) database: Option<String>,
}

/// How to say what was found.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct Say {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Servers {
    /// In process, or in Redis.
    pub(super) const fn queues(&self) -> &'static str {
        if self.redis.is_some() { "redis" } else { "in process" }
    }
}

impl On {
    /// The kind of database.
    pub(super) const fn name(&self) -> &'static str {
        if self.database.is_some() { "postgres" } else { "sqlite" }
    }
}

/// Measures in a place of its own, takes the place away whatever happened, and shows what was found.
pub(super) async fn in_a_place<R: Serialize>(
    global: &Global,
    database: Option<String>,
    say: Say,
    measure: impl AsyncFnOnce(Config, &mut Place) -> anyhow::Result<R>,
) -> anyhow::Result<ExitCode> {
    let any_port = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    let config = global.load_bare(any_port)?;
    let report = Box::pin(with_a_place(global, database, async |place| measure(config, place).await)).await?;
    say.show(&report)
}

/// Runs in a place of its own, and takes the place away whatever happened, Ctrl-C too.
pub(super) async fn with_a_place<R>(
    global: &Global,
    database: Option<String>,
    run: impl AsyncFnOnce(&mut Place) -> anyhow::Result<R>,
) -> anyhow::Result<R> {
    let mut place = Place::make(&beside(global), database)?;
    let done = unless_interrupted(run(&mut place), "what the benchmark had made is taken away").await;
    let cleared = place.clear().await;
    let done = done??;
    cleared?;
    Ok(done)
}

/// Where folders of benchmarks lie.
fn beside(global: &Global) -> PathBuf {
    global.data_dir.clone().unwrap_or_else(std::env::temp_dir)
}

impl Say {
    fn show(self, report: &impl Serialize) -> anyhow::Result<ExitCode> {
        if self.json {
            output::json(report)?;
        } else {
            let mut rows = Vec::new();
            flatten("", &serde_json::to_value(report)?, &mut rows);
            output::table(["figure", "value"], rows);
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Each figure by its path. What is absent is left out.
fn flatten(path: &str, value: &Value, rows: &mut Vec<[String; 2]>) {
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match value {
        Value::Null => {}
        Value::Object(fields) => fields.iter().for_each(|(name, value)| flatten(&below(name), value, rows)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, value)| flatten(&below(&at.to_string()), value, rows))
        }
        Value::String(text) => rows.push([path.to_owned(), text.clone()]),
        Value::Bool(_) | Value::Number(_) => rows.push([path.to_owned(), value.to_string()]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_figure_has_a_line() {
        let mut rows = Vec::new();
        flatten("", &json!({"a": 1, "b": {"c": "x", "d": null}, "e": [{"f": 2.5}, {"f": true}]}), &mut rows);
        let lines: Vec<String> = rows.into_iter().map(|[path, value]| format!("{path}={value}")).collect();
        assert_eq!(lines, ["a=1", "b.c=x", "e.0.f=2.5", "e.1.f=true"]);
    }
}
