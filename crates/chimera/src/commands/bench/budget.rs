//! `chimera bench budget`: money set aside, by the counters and by the ledger, while everybody wants the same agent's.

use std::{
    process::ExitCode,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use anyhow::Context as _;
use chimera_bus::{InProcessSpend, RedisLink, RedisSpend, Spend};
use chimera_domain::{
    AgentId, Ambient as _, Closed, ReservationId, Reserved, SpendCaps, SpendRequest, TaskId, TaskState, Usd,
};
use chimera_store::{BareFigures, Claim};
use clap::Args;
use serde::Serialize;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use super::{
    common::{Say, Servers, in_a_place},
    ground::{self, Place},
    machine::Machine,
    planner::{self, best},
    quantiles::{Quantiles, rounded},
};
use crate::{cli::Global, config::Config, system::SystemAmbient};

/// Tasks that are claimed in one go; a pool of workers asks for as many as it has free hands.
const CLAIMED_AT_ONCE: usize = 64;
/// What the bare client tries: reservations in one transaction, transactions at the same time. The best of them counts.
const RAW_WAYS: [(usize, usize); 3] = [(64, 4), (256, 2), (1_000, 2)];
/// Tasks of one post that are READY from the start: words and picture. The video waits for the picture.
const READY_OF_A_POST: u32 = 2;
const LEASE: Duration = Duration::from_secs(600);

/// Money set aside, while everybody wants the same agent's.
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    servers: Servers,
    /// Reservations in the ledger, each with the claim of a task
    #[arg(long, default_value_t = 6_000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    claims: u32,
    /// Reservations with the counters, in Redis with --redis and in process
    #[arg(long, default_value_t = 20_000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    reservations: u32,
    /// How many ask at the same time
    #[arg(long, default_value_t = 8, value_name = "C", value_parser = clap::value_parser!(u32).range(1..=256))]
    in_flight: u32,
    #[command(flatten)]
    say: Say,
}

#[derive(Debug, Serialize)]
struct Report {
    bench: &'static str,
    database: &'static str,
    in_flight: u32,
    ledger: Ledger,
    counters_in_process: Counters,
    counters_in_redis: Option<Counters>,
    /// The ledger's, for it decides.
    ratio_to_raw: f64,
    machine: Machine,
}

#[derive(Debug, Serialize)]
struct Ledger {
    reservations: usize,
    claimed_at_once: usize,
    reservations_per_second: f64,
    latency_ms: Quantiles,
    rollbacks: u64,
    raw_reservations_per_second: f64,
    ratio_to_raw: f64,
    raw: Vec<BareFigures>,
}

#[derive(Debug, Serialize)]
struct Counters {
    reservations: u32,
    reservations_per_second: f64,
    latency_ms: Quantiles,
    settlements_per_second: f64,
    /// A bare counter that is raised by one: in Redis by INCRBY, in process behind a lock.
    raw_per_second: f64,
    ratio_to_raw: f64,
}

impl Options {
    pub(super) async fn run(self, global: &Global) -> anyhow::Result<ExitCode> {
        let database = self.servers.on.database.clone();
        in_a_place(global, database, self.say, async |config, place| Box::pin(self.measure(config, place)).await).await
    }

    async fn measure(&self, config: Config, place: &mut Place) -> anyhow::Result<Report> {
        let ledger = Box::pin(self.ledger(config, place)).await?;
        let bare = Arc::new(Mutex::new(0_u64));
        let in_process = self.counters(Arc::new(InProcessSpend::new()), move |_| {
            let bare = bare.clone();
            async move {
                *bare.lock().unwrap_or_else(PoisonError::into_inner) += 1;
                Ok(())
            }
        });
        let in_process = in_process.await?;
        let in_redis = match &self.servers.redis {
            Some(redis) => Some(self.in_redis(&place.link(redis).await?).await?),
            None => None,
        };
        Ok(Report {
            bench: "budget",
            database: self.servers.on.name(),
            in_flight: self.in_flight,
            ratio_to_raw: ledger.ratio_to_raw,
            ledger,
            counters_in_process: in_process,
            counters_in_redis: in_redis,
            machine: Machine::here(),
        })
    }

    /// Claims of tasks that may cost something, all of one agent, so that each waits for the one before.
    async fn ledger(&self, config: Config, place: &mut Place) -> anyhow::Result<Ledger> {
        let url = place.database("run").await?;
        let config = ground::config(config, place, &url, None);
        let store = ground::store(&config.store_of("bench")).await?;
        ground::plant(&store).await?;
        planner::plan(&config, &store, self.claims.div_ceil(READY_OF_A_POST), 200, 100).await?;
        let ready = store.tasks_in(&[TaskState::Ready], self.claims.into()).await?;
        let ready: Vec<TaskId> = ready.into_iter().map(|task| task.id).collect();
        let counted = store.counted_apart();
        let batches: Arc<[Vec<TaskId>]> = ready.chunks(CLAIMED_AT_ONCE).map(<[TaskId]>::to_vec).collect();
        let next = Arc::new(AtomicU32::new(0));
        let (tracker, began) = (TaskTracker::new(), Instant::now());
        let claimers = (0..self.in_flight).map(|number| {
            let (store, batches, next) = (counted.clone(), batches.clone(), next.clone());
            tracker.spawn(async move {
                let (name, mut times, mut claimed) = (format!("claimer-{number}"), Vec::new(), 0);
                while let Some(batch) = batches.get(usize::try_from(next.fetch_add(1, Ordering::Relaxed))?) {
                    let began = Instant::now();
                    let taken = store.task_claim(batch, Claim::new(&name, LEASE, SystemAmbient.now())).await?;
                    times.push(began.elapsed().as_secs_f64() * 1_000.0);
                    claimed += taken.tasks.len();
                }
                anyhow::Ok((times, claimed))
            })
        });
        let (mut times, mut claimed) = (Vec::new(), 0);
        for claimer in claimers.collect::<Vec<_>>() {
            let (took, count) = claimer.await??;
            times.extend(took);
            claimed += count;
        }
        let seconds = began.elapsed().as_secs_f64();
        anyhow::ensure!(claimed == ready.len(), "{claimed} of {} tasks were claimed", ready.len());
        let left = store.claimed_rows().await?;
        anyhow::ensure!(left.len() == claimed, "{} entries in the ledger for {claimed} claims", left.len());
        store.close().await;
        let raw = ground::each_way(&config, place, RAW_WAYS, async |store, batch, lanes| {
            Ok(left.replay(store, batch, lanes).await?)
        });
        let raw = raw.await?;
        let (rate, bare) = (per_second(u32::try_from(claimed)?, seconds), best(&raw));
        Ok(Ledger {
            reservations: claimed,
            claimed_at_once: CLAIMED_AT_ONCE,
            reservations_per_second: rounded(rate),
            latency_ms: Quantiles::of(times),
            rollbacks: counted.statistics().rollbacks,
            raw_reservations_per_second: rounded(bare),
            ratio_to_raw: rounded(rate / bare),
            raw,
        })
    }

    async fn in_redis(&self, link: &RedisLink) -> anyhow::Result<Counters> {
        let bare = link.clone();
        self.counters(Arc::new(RedisSpend::new(link.clone())), move |_| {
            let link = bare.clone();
            async move {
                link.increment("budget").await?;
                Ok(())
            }
        })
        .await
    }

    /// Reservations of one agent's money, their settlement, and the same number of bare increments.
    async fn counters<F>(
        &self,
        spend: Arc<dyn Spend>,
        bare: impl Fn(u32) -> F + Clone + Send + 'static,
    ) -> anyhow::Result<Counters>
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let (agent, now) = (AgentId::generate(&SystemAmbient), SystemAmbient.now());
        spend.start(agent, &[], now).await.context("starting the counters")?;
        let (reserving, settling) = (spend.clone(), spend.clone());
        let name = |number: u32| ReservationId::new(format!("bench-{number}"));
        let (reserved_in, times) = self
            .at_once(move |number| {
                let (spend, reservation) = (reserving.clone(), name(number));
                let (amount, caps) = (Usd::from_micros(1_000), SpendCaps::NONE);
                async move {
                    let wish = SpendRequest { agent_id: agent, reservation, amount, caps, at: now };
                    let answer = spend.reserve(&wish).await?;
                    anyhow::ensure!(answer == Reserved::Granted, "a reservation came to {answer:?}");
                    Ok(())
                }
            })
            .await?;
        let (settled_in, _) = self
            .at_once(move |number| {
                let (spend, reservation) = (settling.clone(), name(number));
                async move {
                    let answer = spend.settle(agent, &reservation, Usd::from_micros(500), now).await?;
                    anyhow::ensure!(answer == Closed::Now, "a settlement came to {answer:?}");
                    Ok(())
                }
            })
            .await?;
        let used = spend.used(agent, now).await?;
        let wanted = Usd::from_micros(500 * i64::from(self.reservations));
        anyhow::ensure!(used.today == wanted, "the counters say ${}, and it was ${wanted}", used.today);
        let (bare_in, _) = self.at_once(bare).await?;
        let (rate, bare) = (per_second(self.reservations, reserved_in), per_second(self.reservations, bare_in));
        Ok(Counters {
            reservations: self.reservations,
            reservations_per_second: rounded(rate),
            latency_ms: Quantiles::of(times),
            settlements_per_second: rounded(per_second(self.reservations, settled_in)),
            raw_per_second: rounded(bare),
            ratio_to_raw: rounded(rate / bare),
        })
    }

    /// Does it once for each reservation, so many at the same time. Gives the seconds that it took in all, and the
    /// milliseconds of each.
    async fn at_once<F>(&self, act: impl Fn(u32) -> F + Clone + Send + 'static) -> anyhow::Result<(f64, Vec<f64>)>
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let (next, all) = (Arc::new(AtomicU32::new(0)), self.reservations);
        let (tracker, began) = (TaskTracker::new(), Instant::now());
        let hands = (0..self.in_flight).map(|_| {
            let (next, act) = (next.clone(), act.clone());
            tracker.spawn(async move {
                let mut times = Vec::new();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= all {
                        return anyhow::Ok(times);
                    }
                    let began = Instant::now();
                    act(number).await?;
                    times.push(began.elapsed().as_secs_f64() * 1_000.0);
                }
            })
        });
        let mut times = Vec::new();
        for hand in hands.collect::<Vec<_>>() {
            times.extend(hand.await??);
        }
        Ok((began.elapsed().as_secs_f64(), times))
    }
}

fn per_second(count: u32, seconds: f64) -> f64 {
    f64::from(count) / seconds
}
