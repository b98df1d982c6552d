//! `chimera db restore`

use std::{path::PathBuf, process::ExitCode};

use chimera_domain::{Ambient as _, TaskState, one_line};
use chimera_store::{
    Store, StoreError,
    backup::{Archive, Restored, Restoring, check_backup},
};
use clap::Args;
use serde_json::json;

use super::backup::{described, tell, tell_lost, tell_step};
use crate::{cli::By, compose, config::Config, lifecycle, output, system::SystemAmbient};

/// Fill an empty database from an archive, taken from either kind of database.
#[derive(Debug, Args)]
#[command(
    after_help = "Stop the old fleet first: two that work on copies of one past post everything twice. Campaigns \
    come back paused, and unfinished posts in doubt, because what went out after the backup is not known to have gone \
    out: look at the platforms, then resume them with `chimera campaign resume`. docs/backup.md says what may be out \
    already. The database is the one in --data-dir, or the one at `database.url` (CHIMERA_DATABASE__URL)."
)]
pub(super) struct Restore {
    /// The archive
    file: PathBuf,
    /// Check every byte of the archive, and whether this database would take it; write nothing
    #[arg(long)]
    dry_run: bool,
    /// Leave campaigns running and nothing in doubt: only for moving a fleet that was stopped before its backup
    #[arg(long)]
    keep_running: bool,
    /// Restore rows that can't be read as they are, instead of nothing at all; what they say is lost
    #[arg(long)]
    keep_damaged: bool,
    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    by: By,
}

impl Restore {
    pub(super) async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let archive = check_backup(self.file.clone()).await?;
        tell(&archive.manifest);
        tell_lost(&archive.lost, archive.manifest.media.lost());
        if self.dry_run {
            return self.check(config, &archive).await;
        }
        compose::make_folder(&config.data_dir.0)?;
        let store = Store::connect(&config.store()).await?.acting_as(self.by.operator());
        let (keep_running, keep_damaged) = (self.keep_running, self.keep_damaged);
        let how = Restoring { keep_running, keep_damaged, now: SystemAmbient.now() };
        let blobs = compose::blobs(config).await?;
        let restored = lifecycle::unless_interrupted(
            store.restore(&archive, &blobs, how, &tell_step),
            "nothing was restored: the database is as it was",
        );
        let restored = restored.await??;
        self.tell_restored(&store, &archive, &restored).await?;
        Ok(ExitCode::SUCCESS)
    }

    /// What a restore would meet.
    async fn check(&self, config: &Config, archive: &Archive) -> anyhow::Result<ExitCode> {
        output::note("archive   every byte was read and is sound");
        let mut reach = config.store();
        // A look must not make the file.
        reach.url = reach.url.replace("mode=rwc", "mode=rw");
        match Store::connect(&reach).await {
            Ok(store) => {
                store.restorable(archive).await?;
                output::note("database  empty, so it can be restored into; nothing was written");
            }
            Err(StoreError::Unavailable { .. }) if config.database.url.is_none() => {
                output::note("database  there is none yet, so a restore would make it; nothing was written");
            }
            Err(error) => return Err(error.into()),
        }
        if self.json {
            output::json(&described(&archive.manifest, &archive.lost))?;
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn tell_restored(&self, store: &Store, archive: &Archive, restored: &Restored) -> anyhow::Result<()> {
        // With damaged rows it may fail, and what was restored is restored.
        let tasks = store.task_counts().await.unwrap_or_default();
        let publishing = tasks.get(&TaskState::Publishing).copied().unwrap_or_default();
        output::note(&format!("restored  {} migrations were added to its schema", restored.migrations_added));
        output::note(&format!(
            "leases    {} tasks were in someone's hands; they are taken up again",
            restored.leases_ended
        ));
        for damaged in &restored.damaged.named {
            output::note(&format!("damaged   {}", one_line(damaged, 300)));
        }
        if restored.posts_in_doubt > 0 {
            output::note(&format!(
                "posts     {} were made and may be out by now; each is looked up by its key before it is published again, \
                 and a person is asked where that can't be done",
                restored.posts_in_doubt
            ));
        }
        if restored.posts_to_ask > 0 {
            output::note(&format!(
                "posts     {} were planned and may be out by now in other words; none goes out without a person",
                restored.posts_to_ask
            ));
        }
        if !restored.paused.is_empty() {
            output::note(
                "stories   that were first seen after the backup are planned again: look at the platforms first",
            );
        }
        for slug in &restored.paused {
            output::note(&format!("paused    {slug}; resume it with `chimera campaign resume {slug}`"));
        }
        if self.json {
            let mut summary = described(&archive.manifest, &archive.lost);
            if let Some(summary) = summary.as_object_mut() {
                summary.insert("migrations_added".to_owned(), json!(restored.migrations_added));
                summary.insert("leases_ended".to_owned(), json!(restored.leases_ended));
                summary.insert("damaged_rows".to_owned(), json!(restored.damaged.count));
                summary.insert("paused".to_owned(), json!(restored.paused));
                summary.insert("posts_in_doubt".to_owned(), json!(restored.posts_in_doubt));
                summary.insert("posts_to_ask".to_owned(), json!(restored.posts_to_ask));
                summary.insert("publishing_posts".to_owned(), json!(publishing));
            }
            output::json(&summary)?;
        }
        Ok(())
    }
}
