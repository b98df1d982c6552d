//! What a demo tells while it runs: one line for each thing that happened, to standard error.

use std::{collections::HashMap, time::Duration};

use chimera_console::{PostOutcome, fleet_status, post_summaries};
use chimera_domain::{TaskId, one_line};
use chimera_store::Store;

use crate::output;

/// How often a demo looks.
pub(super) const INTERVAL: Duration = Duration::from_millis(100);
const POSTS_MAX: u64 = 500;

/// What was told already.
#[derive(Debug, Default)]
pub(super) struct Progress {
    told: HashMap<TaskId, PostOutcome>,
}

impl Progress {
    /// Tells what was read.
    pub(super) async fn signals(&self, store: &Store) -> anyhow::Result<()> {
        let s = fleet_status(store).await?.signals;
        output::note(&format!("signals   {s}"));
        Ok(())
    }

    /// Tells what became of posts since the last look.
    pub(super) async fn posts(&mut self, store: &Store) -> anyhow::Result<()> {
        for post in post_summaries(store, POSTS_MAX).await? {
            let before = self.told.insert(post.task_id, post.outcome);
            if before == Some(post.outcome) || post.outcome == PostOutcome::InProgress {
                continue;
            }
            let sign = match post.outcome {
                PostOutcome::Published => "published",
                PostOutcome::AwaitingReview => "review   ",
                PostOutcome::Rejected => "rejected ",
                PostOutcome::Replaced => "again    ",
                PostOutcome::Failed => "failed   ",
                PostOutcome::Cancelled => "cancelled",
                PostOutcome::InProgress => continue,
            };
            let confidence = post.confidence.map(|c| format!("{c:.2}")).unwrap_or_else(|| "    ".to_owned());
            let headline = one_line(&post.headline, 60);
            output::note(&format!("{sign} {confidence}  {headline}  ({})", one_line(&post.why, 70)));
        }
        Ok(())
    }
}
