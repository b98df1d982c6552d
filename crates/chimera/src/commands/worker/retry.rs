//! `chimera worker retry-failed`

use std::process::ExitCode;

use chimera_bus::{Bus, Queue};
use chimera_domain::{Ambient as _, TaskId, error_chain};
use chimera_store::{Retried, Store};
use clap::{ArgGroup, Args};

use crate::{
    cli::{By, Global},
    commands::campaign,
    compose, output,
    system::SystemAmbient,
};

/// Dead letters put back together in one transaction at the most.
const BATCH_MAX: usize = 200;

/// Which dead letters, and at whose word.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("which").args(["tasks", "all"]).required(true))]
pub(crate) struct Options {
    /// The tasks, as `chimera worker check-queue` shows them
    #[arg(value_name = "TASK")]
    tasks: Vec<TaskId>,
    /// Every dead letter
    #[arg(long)]
    all: bool,
    /// Only those of this campaign
    #[arg(long, requires = "all", value_name = "SLUG")]
    campaign: Option<String>,
    #[command(flatten)]
    by: By,
    /// As JSON
    #[arg(long)]
    json: bool,
}

impl Options {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<ExitCode> {
        let config = global.load(true, None)?;
        let store = compose::open_store(&config).await?.acting_as(self.by.operator());
        let tasks = if self.all { all(&store, self.campaign.as_deref()).await? } else { self.tasks };
        // Without Redis the queue of a running `up` is in its own process; its sweeper finds the tasks within seconds.
        let bus = compose::Queues::open(&config, &SystemAmbient).await?.bus;
        let mut retried = Retried::default();
        for batch in tasks.chunks(BATCH_MAX) {
            let Retried { ready, approved, revived, refused } =
                store.task_retry_failed(batch, SystemAmbient.now()).await?;
            offer(&*bus, Queue::Task, &ready).await;
            offer(&*bus, Queue::Publish, &approved).await;
            retried.ready.extend(ready);
            retried.approved.extend(approved);
            retried.revived.extend(revived);
            retried.refused.extend(refused);
        }
        if self.json {
            output::json(&retried)?;
        } else {
            tell(&retried);
        }
        // Whoever named a task expects it to be retried; of all there are, some may be refused.
        let refused = !self.all && !retried.refused.is_empty();
        Ok(if refused { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

async fn all(store: &Store, campaign: Option<&str>) -> anyhow::Result<Vec<TaskId>> {
    let campaign = match campaign {
        None => None,
        Some(slug) => Some(campaign::named(&store.campaigns().await?, slug)?.id),
    };
    Ok(store.dead_letters(campaign).await?)
}

fn tell(retried: &Retried) {
    let Retried { ready, approved, revived, refused } = retried;
    if ready.is_empty() && approved.is_empty() && revived.is_empty() && refused.is_empty() {
        output::line("there is no dead letter");
        return;
    }
    for (ids, what) in [
        (ready, "is made again"),
        (approved, "is published again, under the same idempotency key"),
        (revived, "waits again for what was retried"),
    ] {
        for id in ids {
            output::line(&format!("{id} {what}"));
        }
    }
    for (id, why) in refused {
        output::line(&format!("{id} stays as it is: {why}"));
    }
    if !ready.is_empty() || !approved.is_empty() {
        output::note("a running `chimera up` or pool takes them up within seconds, otherwise the next one does");
    }
}

async fn offer(bus: &dyn Bus, queue: Queue, ids: &[TaskId]) {
    if ids.is_empty() {
        return;
    }
    if let Err(error) = bus.push(queue, ids).await {
        tracing::warn!(error = %error_chain(&error), "the work waits for the sweeper");
    }
}
