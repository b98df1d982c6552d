//! How a demo ends.

use std::{path::PathBuf, time::Duration};

use chimera_console::{PostCounts, PostOutcome, PostSummary, SignalCounts, fleet_status, post_summaries};
use chimera_domain::{TraceId, Usd, one_line};
use serde::Serialize;

use crate::{compose::House, output};

const POSTS_MAX: u64 = 500;

/// How a demo ended.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    signals: SignalCounts,
    posts: PostCounts,
    spend_usd: Usd,
    wall_ms: u128,
    /// Of that, reading, scoring and planning.
    planning_ms: u128,
    /// Statements that the fleet sent to the database, from the first read to the last post; begin and commit count none.
    statements: u64,
    /// Those, for each task that was planned.
    statements_per_task: f64,
    /// Pictures and videos.
    artifacts: Vec<PathBuf>,
    data_dir: PathBuf,
    /// A published post's trace, else any post's.
    trace_id: Option<TraceId>,
    #[serde(skip)]
    lines: Vec<PostSummary>,
}

impl Summary {
    /// Gathers it from the store.
    pub(super) async fn gather(house: &House, wall: Duration, planning: Duration) -> anyhow::Result<Self> {
        let statements = house.ground.store.statistics().statements;
        let store = house.ground.store.counted_apart();
        let status = fleet_status(&store).await?;
        let tasks: u64 = status.tasks.values().sum();
        let rows = store.posts(POSTS_MAX).await?;
        let blobs = &house.ground.blobs;
        let mut artifacts: Vec<PathBuf> = rows
            .iter()
            .filter_map(|r| r.artifact.as_ref())
            .flat_map(|a| &a.media)
            .filter_map(|m| blobs.path(&m.sha256, &m.mime))
            .collect();
        artifacts.sort();
        artifacts.dedup();
        let mut lines = post_summaries(&store, POSTS_MAX).await?;
        lines.sort_by(|a, b| (a.outcome, &a.headline).cmp(&(b.outcome, &b.headline)));
        let trace_id =
            lines.iter().find(|p| p.outcome == PostOutcome::Published).or_else(|| lines.first()).map(|p| p.trace_id);
        Ok(Self {
            signals: status.signals,
            posts: status.posts,
            spend_usd: status.spend_usd,
            wall_ms: wall.as_millis(),
            planning_ms: planning.as_millis(),
            statements,
            statements_per_task: (statements as f64 * 100.0 / tasks.max(1) as f64).round() / 100.0,
            artifacts,
            data_dir: house.ground.config.data_dir.0.clone(),
            trace_id,
            lines,
        })
    }

    /// Prints it for people.
    pub(super) fn print(&self) {
        let (s, p) = (self.signals, self.posts);
        output::line("");
        output::line(&format!("signals    {s}"));
        self.group(PostOutcome::Published, &format!("{} published", p.published));
        self.group(PostOutcome::AwaitingReview, &format!("{} awaiting review", p.awaiting_review));
        self.group(PostOutcome::Rejected, &format!("{} rejected", p.rejected));
        if p.failed > 0 {
            self.group(PostOutcome::Failed, &format!("{} failed", p.failed));
        }
        let data = self.data_dir.display();
        output::line(&format!("spent      ${}", self.spend_usd));
        output::line(&format!("took       {:.1} s", self.wall_ms as f64 / 1_000.0));
        output::line(&format!("media      {} files in {data}/media", self.artifacts.len()));
        if let Some(trace) = self.trace_id {
            output::line(&format!("one trace  chimera --data-dir {data} trace {trace}"));
        }
        if p.awaiting_review > 0 {
            output::line(&format!("review     chimera --data-dir {data} judge view-queue"));
        }
    }

    fn group(&self, outcome: PostOutcome, title: &str) {
        output::line(&format!("posts      {title}"));
        for post in self.lines.iter().filter(|p| p.outcome == outcome) {
            let confidence = post.confidence.map(|c| format!("{c:.2}")).unwrap_or_default();
            output::line(&format!("           {confidence}  {}", one_line(&post.headline, 70)));
            output::line(&format!("                 {}", one_line(&post.why, 90)));
        }
    }
}
