//! `chimera db backup`

use std::{collections::BTreeMap, path::PathBuf, process::ExitCode};

use chimera_domain::Ambient as _;
use chimera_store::backup::{
    Backup as Made, BackupOrder, Manifest, MediaLine, MediaState, Step, default_name, unfinished_beside,
};
use clap::Args;
use serde_json::{Value, json};

use crate::{compose, config::Config, lifecycle, output, system::SystemAmbient};

/// Lost media that are named on the terminal.
const LOST_SHOWN: usize = 10;

/// Save all rows and media in one archive, while the fleet runs.
#[derive(Debug, Args)]
#[command(after_help = "In the archive: every row of the database, and the media that posts refer to. Not in it: the \
    configuration, secrets, SOUL.md files, queues, and what platforms hold (the sandbox's posts too: it stands for a \
    platform). It holds drafts and personas in the clear: keep it where you would keep them.")]
pub(super) struct Backup {
    /// The archive [default: chimera-backup-<time>.tar.gz in this folder]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Overwrite the file if it exists
    #[arg(long)]
    force: bool,
    /// Succeed although media are missing or damaged
    #[arg(long)]
    allow_missing_media: bool,
    /// Print the summary as JSON, instead of the archive's name
    #[arg(long)]
    json: bool,
}

impl Backup {
    pub(super) async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let store = compose::open_unchecked(config).await?;
        let taken_at = SystemAmbient.now();
        let output = self.output.unwrap_or_else(|| default_name(taken_at));
        let order = BackupOrder { output, force: self.force, taken_at };
        let blobs = compose::blobs(config).await?;
        let made = lifecycle::unless_interrupted(
            store.backup(&blobs, &order, &tell_step),
            "no backup was made: there is nothing under its name that was not there before",
        );
        let made = made.await??;
        tell(&made.manifest);
        output::note(&format!("size      {}", megabytes(made.bytes)));
        tell_lost(&made.lost, made.manifest.media.lost());
        for left in unfinished_beside(&made.path) {
            output::note(&format!(
                "unfinished {}: a backup that was killed left it, and it can be deleted, unless one is under way",
                left.display()
            ));
        }
        if self.json {
            output::json(&summary(&made))?;
        } else {
            output::line(&made.path.display().to_string());
        }
        if made.manifest.media.lost() == 0 || self.allow_missing_media {
            return Ok(ExitCode::SUCCESS);
        }
        output::note(
            "error: the backup was made, but lacks the media named above; look for them, or accept that with --allow-missing-media",
        );
        Ok(ExitCode::FAILURE)
    }
}

fn summary(made: &Made) -> Value {
    let mut summary = described(&made.manifest, &made.lost);
    if let Some(summary) = summary.as_object_mut() {
        summary.insert("file".to_owned(), json!(made.path));
        summary.insert("file_bytes".to_owned(), json!(made.bytes));
    }
    summary
}

/// What is in an archive, for programs.
pub(super) fn described(manifest: &Manifest, lost: &[MediaLine]) -> Value {
    let header = &manifest.header;
    let tables = manifest.tables.iter();
    let tables: BTreeMap<&str, Value> =
        tables.map(|table| (table.name.as_str(), json!({"rows": table.rows, "sha256": table.sha256}))).collect();
    json!({
        "taken_at": header.taken_at,
        "program": header.program,
        "database": header.database,
        "tenant": header.tenant,
        "schema": header.schema.last(),
        "rows": manifest.rows(),
        "tables": tables,
        "media": manifest.media,
        "lost_media": lost,
    })
}

/// What is in an archive, for people.
pub(super) fn tell(manifest: &Manifest) {
    let (header, media) = (&manifest.header, &manifest.media);
    let taken_at = header.taken_at.format("%Y-%m-%d %H:%M:%S UTC");
    output::note(&format!("backup    of {taken_at}, by version {}", chimera_domain::shown(&header.program)));
    output::note(&format!("rows      {} in {} tables", manifest.rows(), manifest.tables.len()));
    output::note(&format!("media     {} files, {}", media.files, megabytes(media.bytes)));
}

/// Names what should be in an archive and is not.
pub(super) fn tell_lost(lost: &[MediaLine], count: u64) {
    for line in lost.iter().take(LOST_SHOWN) {
        let state = if line.state == MediaState::Missing { "missing" } else { "damaged" };
        let (file, trace) = (chimera_domain::shown(&line.file), chimera_domain::shown(&line.trace_id));
        output::note(&format!("{state}   {file}, of trace {trace}"));
    }
    let more = count.saturating_sub(LOST_SHOWN as u64);
    if more > 0 {
        output::note(&format!("          and {more} more"));
    }
}

pub(super) fn tell_step(step: Step<'_>) {
    match step {
        Step::Table { name, rows } => output::note(&format!("table     {}, {rows} rows", chimera_domain::shown(name))),
        Step::Media { files } => output::note(&format!("media     {files} files so far")),
    }
}

fn megabytes(bytes: u64) -> String {
    // Tenths of a megabyte, in whole numbers.
    let tenths = bytes.div_ceil(100_000);
    format!("{}.{} MB", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_rounded_up_to_tenths_of_a_megabyte() {
        for (bytes, wanted) in [(0, "0.0 MB"), (1, "0.1 MB"), (1_000_000, "1.0 MB"), (12_345_678, "12.4 MB")] {
            assert_eq!(megabytes(bytes), wanted);
        }
    }
}
