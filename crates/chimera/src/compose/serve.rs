//! One role as a process of its own.
//!
//! The port is taken first, so that a supervisor can ask from the start. Then the role waits for its database, and for a
//! schema that fits: it does not migrate by itself, for while versions are rolled out somebody has to say when.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context as _;
use chimera_bus::RedisLinkError;
use chimera_console::{Missing, Probes};
use chimera_domain::{Ambient as _, error_chain};
use chimera_llm::Mind;
use chimera_mcp::Host;
use chimera_store::{Blobs, Store, StoreError};
use chimera_telemetry::{Identity, Prometheus};

use super::{
    Ground, Queues, blobs,
    checks::{checks, database_missing, missing_of_database, queue_missing},
    choose_mind, credentials,
    edge::{self, Reach},
    export_traces, make_folder, patience,
    scrape::Scrape,
};
use crate::{
    cli::By,
    config::Config,
    lifecycle::{Disorder, Lifecycle},
    output,
    role::Role,
    seed,
    system::SystemAmbient,
};

/// The rests between attempts to reach what is not there yet: doubled each time, up to the second.
const REST_MIN: Duration = Duration::from_millis(250);
const REST_MAX: Duration = Duration::from_secs(5);
/// How long one attempt to connect may take.
const CONNECT_MAX: Duration = Duration::from_secs(5);

/// Runs a role until it is told to end.
pub(crate) async fn serve(role: Role, config: Config, who: Identity) -> anyhow::Result<()> {
    refuse_without_queue(role, &config)?;
    let lifecycle = Lifecycle::listen(patience(&config))?;
    let figures = Arc::new(scrape()?);
    export_traces(&config, &who)?;
    lifecycle.tracker.spawn(figures.clone().tidy(lifecycle.cancel.child_token()));
    let probes = Probes::new(who.role, who.instance.clone(), figures.clone());
    open_door(&probes, role.address(&config.serve), &lifecycle).await?;
    let starting = start(role, config, who, &probes, &figures, &lifecycle);
    let started = tokio::select! {
        biased;
        () = lifecycle.cancel.cancelled() => None,
        started = starting => Some(started),
    };
    let served = match started {
        Some(Ok(served)) => {
            lifecycle.cancel.cancelled().await;
            Some(served)
        }
        Some(Err(error)) => {
            lifecycle.cancel.cancel();
            let _ = lifecycle.stop().await;
            lifecycle.close_doors().await;
            return Err(error);
        }
        None => None,
    };
    Ok(end(served.as_ref().map(|(ground, host)| (ground, host.as_deref())), &probes, &lifecycle).await?)
}

/// Ends roles, servers and connections, then the doors.
pub(super) async fn end(
    served: Option<(&Ground, Option<&Host>)>,
    probes: &Probes,
    lifecycle: &Lifecycle,
) -> Result<(), Disorder> {
    if let Some(role) = lifecycle.broken() {
        probes.broke(role);
    }
    probes.stops();
    let ended = lifecycle.stop().await;
    if let Some((ground, host)) = served {
        ground.close(host, lifecycle).await;
    }
    lifecycle.close_doors().await;
    match &ended {
        Ok(()) => tracing::info!("stopped in order"),
        Err(disorder) => tracing::error!(error = %disorder, "stopped"),
    }
    ended
}

/// Counts from now on.
pub(super) fn scrape() -> anyhow::Result<Scrape> {
    let started = SystemAmbient.now();
    #[expect(clippy::cast_precision_loss, reason = "a time in milliseconds is far below 2^53")]
    let started_s = started.timestamp_millis() as f64 / 1_000.0;
    Ok(Scrape::new(Prometheus::install(env!("CARGO_PKG_VERSION"), started_s)?))
}

fn refuse_without_queue(role: Role, config: &Config) -> anyhow::Result<()> {
    anyhow::ensure!(
        config.queue.url.is_some(),
        "the {} as a process of its own needs queues that other processes share, and `queue.url` is not set; set it to a \
         Redis, as with CHIMERA_QUEUE__URL=redis://127.0.0.1:6379/, or run every role in one process with `chimera up`",
        role.name()
    );
    if config.database.url.is_none() {
        tracing::warn!(
            "`database.url` is not set: every process must run on this machine and share the data folder {}",
            config.data_dir.0.display()
        );
    }
    Ok(())
}

/// Answers for the process from now on, and says where.
async fn open_door(probes: &Probes, wanted: SocketAddr, lifecycle: &Lifecycle) -> anyhow::Result<()> {
    let listener = chimera_console::bind_anywhere(wanted).await?;
    let address = listener.local_addr()?;
    let router = chimera_console::probe_router(probes, address);
    lifecycle.spawn_door("probes", |close| async move {
        if let Err(error) = chimera_console::serve(listener, router, close).await {
            tracing::error!(error = %error_chain(&error), "health can't be told any more");
        }
    });
    tracing::info!(%address, "health, readiness and metrics are told here");
    output::note_on_terminal(&format!("health    http://{address}/health (and /ready, /metrics)"));
    Ok(())
}

type Served = (Ground, Option<Arc<Host>>);

async fn start(
    role: Role,
    config: Config,
    who: Identity,
    probes: &Probes,
    figures: &Scrape,
    lifecycle: &Lifecycle,
) -> anyhow::Result<Served> {
    let queues = Queues::open(&config, &SystemAmbient).await?;
    let store = await_database(&config, role, probes).await?;
    let blobs = match role {
        Role::Worker | Role::Publisher => blobs(&config).await?,
        // They never touch media, and need no keys to them.
        Role::Planner | Role::Judge => Blobs::new(config.media_dir()),
    };
    let ground = Ground::new(config, who.instance, store, queues, blobs).remembering().await?;
    figures.reads(&ground);
    await_schema(&ground.store, probes).await;
    await_queues(&ground.queues, probes).await?;
    let (host, needs_media) = match role {
        Role::Planner => {
            await_configured(&ground, probes).await?;
            let mind = mind(&ground.config).await?;
            let host = reach(&ground, Reach::Resources, Some(mind.clone()), lifecycle).await?;
            ground.start_planner(host.clone(), mind, lifecycle);
            (Some(host), false)
        }
        Role::Worker => {
            if let Some(folder) = ground.blobs.folder() {
                make_folder(folder)?;
            }
            let mind = mind(&ground.config).await?;
            let host = reach(&ground, Reach::Making, Some(mind), lifecycle).await?;
            ground.start_workers(host.clone(), credentials(&ground.config).await?, lifecycle);
            ground.start_pruner(lifecycle);
            (Some(host), true)
        }
        Role::Judge => {
            ground.start_judge(mind(&ground.config).await?, lifecycle)?;
            (None, false)
        }
        Role::Publisher => {
            let host = reach(&ground, Reach::Platforms, None, lifecycle).await?;
            ground.start_publisher(host.clone(), lifecycle);
            // It reads what others wrote: a folder that it may not write to will do, a bucket that does not answer will not.
            (Some(host), ground.blobs.folder().is_none())
        }
    };
    ground.start_sweeper(lifecycle);
    ground.start_bookkeeper(lifecycle);
    ground.start_notifier(lifecycle).await?;
    probes.runs(checks(&ground, host.as_ref(), vec![], needs_media, lifecycle));
    tracing::info!("the role runs");
    Ok((ground, host))
}

async fn mind(config: &Config) -> anyhow::Result<Arc<dyn Mind>> {
    let (mind, why) = choose_mind(config).await?;
    tracing::info!(choice = why, "the mind is chosen");
    Ok(mind)
}

async fn reach(
    ground: &Ground,
    reach: Reach,
    mind: Option<Arc<dyn Mind>>,
    lifecycle: &Lifecycle,
) -> anyhow::Result<Arc<Host>> {
    let host = edge::host(&ground.config, reach, mind, ground.ambient.clone(), lifecycle).await;
    Ok(Arc::new(host.context("the MCP servers of this role")?))
}

/// The database, as soon as it answers. What waiting can't mend is an error.
async fn await_database(config: &Config, role: Role, probes: &Probes) -> anyhow::Result<Store> {
    let mut rest = REST_MIN;
    loop {
        let config = config.store_of(role.name());
        // Without the pool's patience: that would hide for long what is wrong.
        let reached = async {
            Store::reach(&config).await?;
            Store::connect(&config).await
        };
        let (error, missing) = match tokio::time::timeout(CONNECT_MAX, reached).await {
            Ok(Ok(store)) => return Ok(store),
            Ok(Err(error @ (StoreError::UnknownUrl | StoreError::DamagedFile { .. }))) => return Err(error.into()),
            Ok(Err(StoreError::Unavailable { place, why, source })) if why.lasts() => {
                return Err(StoreError::Unavailable { place, why, source }.into());
            }
            Ok(Err(error)) => (error_chain(&error), database_missing(&error)),
            Err(_) => {
                let reason = format!("the database does not answer within {} s; is it running?", CONNECT_MAX.as_secs());
                (reason.clone(), Missing::new("database", reason))
            }
        };
        tracing::warn!(error, "the database is not there; trying again");
        probes.waits_for(missing);
        tokio::time::sleep(rest).await;
        rest = (rest * 2).min(REST_MAX);
    }
}

/// Brings in what the configuration names, as soon as the database takes it: it may go away just now.
async fn await_configured(ground: &Ground, probes: &Probes) -> anyhow::Result<()> {
    let store = ground.store.acting_as(By::whoever_runs_this().operator());
    let mut rest = REST_MIN;
    loop {
        let Err(error) = seed::configured(&store, &ground.config, &*ground.ambient).await else { return Ok(()) };
        let store_error = error.chain().find_map(|cause| cause.downcast_ref::<StoreError>());
        let Some(missing) = store_error.filter(|error| error.is_retryable()).map(database_missing) else {
            return Err(error);
        };
        tracing::warn!(error = format!("{error:#}"), "the configuration can't be brought in yet; trying again");
        probes.waits_for(missing);
        tokio::time::sleep(rest).await;
        rest = (rest * 2).min(REST_MAX);
    }
}

/// Waits until the queues' Redis answers. What waiting can't mend is an error.
async fn await_queues(queues: &Queues, probes: &Probes) -> anyhow::Result<()> {
    let Some(link) = &queues.link else { return Ok(()) };
    let mut rest = REST_MIN;
    loop {
        let error = match link.try_out().await {
            Ok(()) => return Ok(()),
            Err(error @ RedisLinkError::Unreachable { .. }) => error,
            Err(lasting) => return Err(anyhow::Error::from(lasting).context("the queues can't be used")),
        };
        tracing::warn!(error = %error_chain(&error), "the queues are not there; trying again");
        probes.waits_for(queue_missing(&error));
        tokio::time::sleep(rest).await;
        rest = (rest * 2).min(REST_MAX);
    }
}

/// Waits until the database has the schema of this program.
async fn await_schema(store: &Store, probes: &Probes) {
    let mut rest = REST_MIN;
    let mut told: Option<Missing> = None;
    while let Some(missing) = missing_of_database(store).await {
        if told.as_ref() != Some(&missing) {
            tracing::warn!(missing = missing.name, "{}; waiting for it", missing.reason);
            told = Some(missing.clone());
        }
        probes.waits_for(missing);
        tokio::time::sleep(rest).await;
        rest = (rest * 2).min(REST_MAX);
    }
}
