//! `chimera bench review`: the queue of those who answer for posts, however long it is.

use std::{process::ExitCode, sync::Arc, time::Duration};

use anyhow::Context as _;
use async_trait::async_trait;
use chimera_bus::InProcessBus;
use chimera_console::{Console, Figures, Probes};
use chimera_domain::{AccessRole, Ambient as _, Credential, CredentialKind, contracts::FeedItem};
use chimera_judge::HitlQueue;
use chimera_media::Credentials;
use chimera_store::{Blobs, Store, TicketFilter};
use clap::Args;
use serde::Serialize;
use tokio::time::Instant;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    common::{On, Say, in_a_place},
    ground::{self, Place},
    idle::{Headlines, IdleMind},
    machine::Machine,
    quantiles::{Quantiles, rounded},
    wire::Wire,
};
use crate::{
    cli::Global,
    compose::{Ground, Queues, patience},
    config::Config,
    lifecycle::Lifecycle,
    system::{self, SystemAmbient},
};

/// Tickets of a page, as `chimera judge view-queue` shows them.
const PAGE: u64 = 50;
/// How long the first ticket may take.
const FIRST_WITHIN: Duration = Duration::from_secs(60);

/// The queue of posts that wait for a person, however long it is.
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    on: On,
    /// Tickets in the longest queue; a hundredth and a tenth of it are looked at, too
    #[arg(long, default_value_t = 100_000, value_name = "N", value_parser = clap::value_parser!(u64).range(100..))]
    tickets: u64,
    /// How often each thing is asked for
    #[arg(long, default_value_t = 50, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    looks: u32,
    #[command(flatten)]
    say: Say,
}

#[derive(Debug, Serialize)]
struct Report {
    bench: &'static str,
    database: &'static str,
    page: u64,
    looks: u32,
    queues: Vec<OfLength>,
    /// The first page of the longest queue.
    ratio_to_raw: f64,
    /// What the first page of the longest queue takes beside that of the shortest.
    growth: f64,
    machine: Machine,
}

/// What a queue of this length takes.
#[derive(Debug, Serialize)]
struct OfLength {
    tickets: u64,
    rows: u64,
    first_page_ms: Quantiles,
    /// The page that begins in the middle.
    middle_page_ms: Quantiles,
    /// How many wait, how many are overdue, and when the next one is: it counts them all.
    depth_ms: Quantiles,
    /// The console's first page over HTTP, from the request to its last byte.
    console_ms: Quantiles,
    console_bytes: usize,
    /// The first page's query alone, its rows counted and not read.
    raw_ms: Quantiles,
    ratio_to_raw: f64,
}

impl Options {
    pub(super) async fn run(self, global: &Global) -> anyhow::Result<ExitCode> {
        let database = self.on.database.clone();
        in_a_place(global, database, self.say, async |config, place| Box::pin(self.measure(config, place)).await).await
    }

    async fn measure(&self, config: Config, place: &mut Place) -> anyhow::Result<Report> {
        let url = place.database("run").await?;
        let config = ground::config(config, place, &url, None);
        let store = ground::store(&config.store_of("bench")).await?;
        ground::plant(&store).await?;
        first_ticket(&config, &store).await?;
        let mut queues: Vec<OfLength> = Vec::new();
        for length in [self.tickets / 100, self.tickets / 10, self.tickets] {
            let before = queues.last().map_or(1, |queue| queue.tickets);
            store.tickets_copy(before, length).await?;
            store.analyze().await?;
            queues.push(self.look(&store, &config, length).await?);
        }
        store.close().await;
        let first = |queue: Option<&OfLength>| queue.map_or(0.0, |queue| queue.first_page_ms.p50());
        Ok(Report {
            bench: "review",
            database: self.on.name(),
            page: PAGE,
            looks: self.looks,
            ratio_to_raw: queues.last().map_or(0.0, |queue| queue.ratio_to_raw),
            growth: rounded(first(queues.last()) / first(queues.first())),
            queues,
            machine: Machine::here(),
        })
    }

    async fn look(&self, store: &Store, config: &Config, tickets: u64) -> anyhow::Result<OfLength> {
        let hitl = HitlQueue::new(store.clone(), Arc::new(InProcessBus::new()));
        let open = hitl.depth().await?.open;
        anyhow::ensure!(open == tickets, "{open} tickets are open, and it should be {tickets}");
        let page = TicketFilter { limit: PAGE, ..TicketFilter::default() };
        let middle = hitl.next(&TicketFilter { limit: tickets / 2, ..page.clone() }).await?;
        let middle = TicketFilter { after: middle.last().map(|ticket| ticket.id), ..page.clone() };
        let full = usize::try_from(PAGE.min(tickets))?;
        let raw = self.time(async || Ok(store.tickets_bare(PAGE).await? == full)).await?;
        let first = self.time(async || Ok(hitl.next(&page).await?.len() == full)).await?;
        let in_the_middle = self.time(async || Ok(!hitl.next(&middle).await?.is_empty())).await?;
        let depth = self.time(async || Ok(hitl.depth().await?.open == tickets)).await?;
        let (console, console_bytes) = self.console(store, config).await?;
        Ok(OfLength {
            tickets,
            // A signal, a task, an artifact, a decision and the ticket itself.
            rows: tickets * 5,
            ratio_to_raw: rounded(raw.p50() / first.p50()),
            first_page_ms: first,
            middle_page_ms: in_the_middle,
            depth_ms: depth,
            console_ms: console,
            console_bytes,
            raw_ms: raw,
        })
    }

    /// Asks as often as it is to be, once before the clock starts, and holds each answer to what it should be.
    async fn time(&self, ask: impl AsyncFn() -> anyhow::Result<bool>) -> anyhow::Result<Quantiles> {
        let mut times = Vec::new();
        for look in 0..=self.looks {
            let began = Instant::now();
            anyhow::ensure!(ask().await?, "an answer is not what it should be");
            if look > 0 {
                times.push(began.elapsed().as_secs_f64() * 1_000.0);
            }
        }
        Ok(Quantiles::of(times))
    }

    async fn console(&self, store: &Store, config: &Config) -> anyhow::Result<(Quantiles, usize)> {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.context("a free port")?;
        let address = listener.local_addr()?;
        let probes = Probes::new("bench", system::instance(), Arc::new(NoFigures));
        let (blobs, bus) = (Blobs::new(config.media_dir()), Arc::new(InProcessBus::new()));
        let router =
            Console::new(store.clone(), blobs, bus, Arc::new(SystemAmbient), CancellationToken::new()).router(&probes);
        let life = CredentialKind::LINK_LIFE;
        let (token, secret) =
            Credential::grant(CredentialKind::Token, AccessRole::Viewer, "bench", life, store.tenant(), &SystemAmbient);
        store.credential_grant(&token).await?;
        let request = format!("GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\r\n", secret.reveal());
        let (tracker, stop) = (TaskTracker::new(), CancellationToken::new());
        let guard = stop.clone().drop_guard();
        let serving = tracker.spawn(chimera_console::serve(listener, router, stop));
        let wire = tokio::sync::Mutex::new(Wire::connect(address).await?);
        let bytes = std::sync::atomic::AtomicUsize::new(0);
        let times = self
            .time(async || {
                let (status, body) = wire.lock().await.ask(request.as_bytes()).await?;
                bytes.store(body.len(), std::sync::atomic::Ordering::Relaxed);
                Ok(status == 200)
            })
            .await?;
        drop((wire, guard));
        serving.await??;
        Ok((times, bytes.into_inner()))
    }
}

/// Metrics are no part of this.
#[derive(Debug)]
struct NoFigures;

#[async_trait]
impl Figures for NoFigures {
    async fn prometheus(&self) -> String {
        String::new()
    }
}

/// Brings one post through the real roles up to where it waits for a person.
async fn first_ticket(config: &Config, store: &Store) -> anyhow::Result<()> {
    let lifecycle = Lifecycle::listen(patience(config))?;
    let queues = Queues::reach(config, &SystemAmbient).await?;
    let ground = Ground::new(config.clone(), system::instance(), store.clone(), queues, Blobs::new(config.media_dir()));
    let headlines = Headlines::default();
    let host = Arc::new(ground::host(config, &headlines, config.worker.concurrency)?);
    let mind = Arc::new(IdleMind);
    ground.start_workers(host.clone(), Credentials::test()?, &lifecycle);
    ground.start_judge(mind.clone(), &lifecycle)?;
    // No honest headline has an address in it, so a person is asked.
    headlines.show([FeedItem {
        id: "bench".to_owned(),
        title: "Linen is on the line at www.bench.invalid".to_owned(),
        summary: "A quiet afternoon, wool and linen in the wind.".to_owned(),
        url: None,
        published_at: Some(SystemAmbient.now()),
        language: None,
        categories: vec![],
    }]);
    ground.planner(host.clone(), mind).tick().await?;
    let waiting = async {
        while store.hitl_depth().await?.open == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        anyhow::Ok(())
    };
    let opened = tokio::time::timeout(FIRST_WITHIN, waiting).await;
    let ended = lifecycle.stop().await;
    host.shutdown().await;
    opened.context("no post came to a person; run again with --log warn")??;
    Ok(ended?)
}
