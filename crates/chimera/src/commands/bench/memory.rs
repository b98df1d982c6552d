//! `chimera bench memory`: how fast an agent's nearest memories are found, and how many of them are missed.
//!
//! Made-up vectors lie in clusters, as texts about a few hundred matters would; whoever asks asks about one of them. Beside
//! the figures stands what a bare walk over the same numbers takes, four bytes each, in this process and in this run; on
//! PostgreSQL also the barest statement over the same index.

mod index;
mod report;
mod vectors;

use std::process::ExitCode;

use anyhow::Context as _;
use chimera_domain::{
    AgentId, Ambient as _, GovernorLimits, Memory, MemoryId, MemoryKind, MemorySource, MemoryVector, Provenance,
    TenantId,
};
use chimera_llm::{DIMS, EMBEDDING_MODEL};
use chimera_store::{MemoryDisk, Store, StoreConfig, memory::Embedded};
use clap::Args;
use tokio::time::Instant;

use super::{
    common::with_a_place,
    ground::{self, Place},
    machine::{Machine, Usage, Used},
    quantiles::Quantiles,
};
use crate::{
    cli::Global,
    output,
    seed::{self, FAE},
    system::SystemAmbient,
};

use index::Index;
use report::{Report, Size};
use vectors::{Cloud, top};

/// Memories that are added in one call.
const BATCH: usize = 2_000;
/// Searches whose times are taken.
const SEARCHES: usize = 300;
/// Searches that are compared with a bare walk.
const COMPARED: usize = 50;
/// What is asked for.
const TOP: usize = 10;

/// Memories: kept, searched, and how many of the nearest are found.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// A PostgreSQL with pgvector to run on, as postgres://USER:PASSWORD@HOST/DATABASE; SQLite otherwise
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// How many memories; several sizes after one another, each on a database of its own
    #[arg(long, default_value = "100000", value_delimiter = ',', value_name = "N,...",
          value_parser = clap::value_parser!(u32).range(100..=4_000_000))]
    rows: Vec<u32>,
    /// How many agents have them, in equal parts; one of them is asked
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    agents: u32,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Options {
    pub(super) async fn run(self, global: &Global) -> anyhow::Result<ExitCode> {
        let sizes = with_a_place(global, self.database.clone(), async |place| Box::pin(self.sizes(place)).await);
        let report = Report::new(self.database.is_some(), self.agents, sizes.await?, Machine::here());
        if self.json {
            output::json(&report)?;
        } else {
            report.print();
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn sizes(&self, place: &mut Place) -> anyhow::Result<Vec<Size>> {
        let mut sizes = Vec::new();
        for (nth, rows) in self.rows.iter().enumerate() {
            let url = place.database(&format!("memory{nth}")).await?;
            sizes.push(self.size(usize::try_from(*rows)?, &url).await?);
        }
        Ok(sizes)
    }

    async fn size(&self, rows: usize, url: &str) -> anyhow::Result<Size> {
        let store = ground::store(&StoreConfig { statement_timeout_ms: 120_000, ..StoreConfig::new(url) }).await?;
        let agents = agents(&store, self.agents).await?;
        let mut cloud = Cloud::new(DIMS);
        let mut index = Index::over(store.clone());
        let filled = fill(&mut index, &mut cloud, &agents, rows).await?;
        let searched = search(&index, &mut cloud, &agents, &filled.flat).await?;
        let disk = MemoryDisk::of(&store).await?;
        let size = Size::of(rows, &filled, &searched, disk, index.bytes());
        store.close().await;
        Ok(size)
    }
}

/// What filling the database took.
struct Filled {
    /// The numbers of the asked agent's memories, side by side.
    flat: Vec<f32>,
    seconds: f64,
    /// Of making an index that was not made along the way.
    index_seconds: f64,
    usage: Usage,
}

/// What searching showed.
struct Searched {
    first_ms: f64,
    took_ms: Quantiles,
    usage: Usage,
    recall: f64,
    bare_walk_ms: Quantiles,
    bare_statement_ms: Option<Quantiles>,
}

async fn fill(index: &mut Index, cloud: &mut Cloud, agents: &[AgentId], rows: usize) -> anyhow::Result<Filled> {
    let asked = agents.first().context("at least one agent")?;
    let mut flat: Vec<f32> = Vec::with_capacity(rows.div_ceil(agents.len()) * DIMS);
    let (used, mut seconds) = (Used::now(), 0.0);
    for begun in (0..rows).step_by(BATCH) {
        let mut batch = Vec::with_capacity(BATCH);
        for place in begun..rows.min(begun + BATCH) {
            let agent = agents.get(place % agents.len()).context("an agent for each memory")?;
            let memory = memory(*agent, place, cloud.draw())?;
            if agent == asked {
                flat.extend(memory.1.values());
            }
            batch.push(memory);
        }
        let began = Instant::now();
        index.add(&batch).await?;
        seconds += began.elapsed().as_secs_f64();
    }
    let building = Instant::now();
    index.finish(rows.div_ceil(agents.len())).await?;
    Ok(Filled { flat, seconds, index_seconds: building.elapsed().as_secs_f64(), usage: Used::now().since(used) })
}

async fn search(index: &Index, cloud: &mut Cloud, agents: &[AgentId], flat: &[f32]) -> anyhow::Result<Searched> {
    let asked = *agents.first().context("at least one agent")?;
    let draw = |_| MemoryVector::new(EMBEDDING_MODEL, cloud.draw());
    let queries: Vec<MemoryVector> = (0..SEARCHES).map(draw).collect::<Result<_, _>>()?;
    let first = queries.first().context("a query")?;
    let began = Instant::now();
    index.search(asked, first).await?;
    let first_ms = millis(began);
    let (used, mut took, mut told) = (Used::now(), Vec::with_capacity(SEARCHES), Vec::new());
    for query in &queries {
        let began = Instant::now();
        let found = index.search(asked, query).await?;
        took.push(millis(began));
        told.push(found);
    }
    let usage = Used::now().since(used);
    let bare_statement_ms = index.bare(&queries).await?;
    let (bare_walk_ms, recall) = compare(flat, &queries, &told);
    Ok(Searched { first_ms, took_ms: Quantiles::of(took), usage, recall, bare_walk_ms, bare_statement_ms })
}

fn millis(began: Instant) -> f64 {
    began.elapsed().as_secs_f64() * 1_000.0
}

/// Agents that remember.
async fn agents(store: &Store, count: u32) -> anyhow::Result<Vec<AgentId>> {
    let first = seed::agent(store, FAE, "the built-in persona", GovernorLimits::default(), &SystemAmbient).await?;
    let mut ids = vec![first.id];
    for number in 1..count {
        let mut other = first.clone();
        other.id = AgentId::generate(&SystemAmbient);
        other.persona_slug = format!("{}-{number}", first.persona_slug);
        other.soul.slug.clone_from(&other.persona_slug);
        ids.push(store.agent_save(&other).await?.id);
    }
    Ok(ids)
}

fn memory(agent_id: AgentId, place: usize, values: Vec<f32>) -> anyhow::Result<Embedded> {
    let vector = MemoryVector::new(EMBEDDING_MODEL, values)?;
    let memory = Memory {
        id: MemoryId::generate(&SystemAmbient),
        tenant_id: TenantId::DEFAULT,
        agent_id,
        kind: if place.is_multiple_of(3) { MemoryKind::Semantic } else { MemoryKind::Episodic },
        content: format!(
            "Memory {place}: linen and wool on the line, and somebody who mends them in a quiet afternoon."
        ),
        provenance: Provenance {
            source: MemorySource::OwnPost,
            origin: "bench".to_owned(),
            trace_id: None,
            artifact_id: None,
        },
        importance: Memory::ORDINARY,
        model: vector.model().clone(),
        created_at: SystemAmbient.now(),
    };
    Ok((memory, vector))
}

/// What a bare walk over the same numbers takes, and what part of the truly nearest was found.
fn compare(flat: &[f32], queries: &[MemoryVector], told: &[Vec<f64>]) -> (Quantiles, f64) {
    let (mut took, mut hits, mut all) = (Vec::new(), 0_usize, 0_usize);
    for (query, told) in queries.iter().zip(told).take(COMPARED) {
        let began = Instant::now();
        let nearest = top(flat, DIMS, query.values(), TOP);
        took.push(millis(began));
        // Told by how near they are: of two at the same distance either will do.
        let farthest = f64::from(nearest.last().copied().unwrap_or(f32::NEG_INFINITY)) - 1e-5;
        hits += told.iter().filter(|similarity| **similarity >= farthest).count().min(nearest.len());
        all += nearest.len();
    }
    #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
    let recall = hits as f64 / all.max(1) as f64;
    (Quantiles::of(took), recall)
}
