//! `chimera db audit`

use std::process::ExitCode;

use chimera_domain::{AuditEntry, TraceId};
use chimera_store::AuditFilter;
use clap::Args;
use serde_json::{Value, json};

use crate::{compose, config::Config, output};

/// List what was decided and done, and by whom, the newest first.
#[derive(Debug, Args)]
pub(super) struct Audit {
    /// Only what is about this post
    #[arg(long)]
    trace: Option<TraceId>,
    /// Only what this one did, such as `judge`, `human:mara` or `operator:mara`
    #[arg(long)]
    actor: Option<String>,
    /// How many at the most
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..))]
    limit: u64,
    /// As JSON
    #[arg(long)]
    json: bool,
}

impl Audit {
    pub(super) async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let store = compose::open_store(config).await?;
        let filter =
            AuditFilter { trace_id: self.trace, actor: self.actor, limit: self.limit, ..AuditFilter::default() };
        let entries = store.audit_entries(&filter).await?;
        if self.json {
            output::json(&entries.iter().map(as_json).collect::<Vec<_>>())?;
        } else if entries.is_empty() {
            output::line("nothing is logged");
        } else {
            let rows = entries.into_iter().map(|entry| {
                [
                    entry.seq.to_string(),
                    entry.at.format("%F %H:%M:%S UTC").to_string(),
                    entry.actor.clone(),
                    entry.action.clone(),
                    format!("{} {}", entry.subject_kind, entry.subject_id),
                    versions(&entry),
                    details(&entry),
                ]
            });
            output::table(["entry", "at", "who", "did", "to", "version", "details"], rows);
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The entry as it lies in the log, with its details spelt out.
fn as_json(entry: &AuditEntry) -> Value {
    let mut value = json!(entry);
    if let (Some(fields), Ok(details)) = (value.as_object_mut(), serde_json::from_str(&entry.details)) {
        fields.insert("details".to_owned(), details);
    }
    value
}

fn versions(entry: &AuditEntry) -> String {
    let number = |version: Option<i64>| version.map(|v| v.to_string()).unwrap_or_default();
    match (entry.version_before, entry.version_after) {
        (None, None) => String::new(),
        (None, after) => number(after),
        (before, after) => format!("{} → {}", number(before), number(after)),
    }
}

/// `verdict: APPROVE, from: JUDGE_REVIEW, ...`, or whatever lies there.
fn details(entry: &AuditEntry) -> String {
    match serde_json::from_str(&entry.details) {
        Ok(Value::Object(details)) => {
            let each = details.iter().map(|(name, value)| match value {
                Value::String(text) => format!("{name}: {text}"),
                other => format!("{name}: {other}"),
            });
            each.collect::<Vec<_>>().join(", ")
        }
        _ => entry.details.clone(),
    }
}
