//! What a run of searches showed, for people and for programs.

use chimera_llm::DIMS;
use chimera_store::MemoryDisk;
use serde::Serialize;

use super::{Filled, Machine, Searched};
use crate::{
    commands::bench::{
        machine::peak_memory_mib,
        quantiles::{Quantiles, rounded},
    },
    output,
};

/// Everything.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    bench: &'static str,
    database: &'static str,
    dims: usize,
    agents: u32,
    sizes: Vec<Size>,
    machine: Machine,
}

/// One size.
#[derive(Debug, Serialize)]
pub(super) struct Size {
    rows: usize,
    rows_of_the_asked: usize,
    inserted_per_second: f64,
    insert_seconds: f64,
    /// Of making the index over vectors at the end, where it is made so.
    index_seconds: f64,
    fill_cpu_seconds: f64,
    /// With which whatever is held in memory is filled.
    first_search_ms: f64,
    search_ms: Quantiles,
    searches_cpu_seconds: f64,
    recall_at_10: f64,
    /// A walk over the same numbers, four bytes each, in this process.
    bare_walk_ms: Quantiles,
    ratio_to_bare_walk: f64,
    /// Ten ids from the same index on disk, whoever's they are.
    bare_statement_ms: Option<Quantiles>,
    ratio_to_bare_statement: Option<f64>,
    disk_mib: u64,
    disk_of_vector_index_mib: u64,
    index_memory_mib: Option<usize>,
    peak_memory_mib: Option<u64>,
}

impl Size {
    #[expect(clippy::cast_precision_loss, reason = "counts of one run")]
    pub(super) fn of(
        rows: usize,
        filled: &Filled,
        searched: &Searched,
        disk: MemoryDisk,
        index_bytes: Option<usize>,
    ) -> Self {
        let ratio = |bare: &Quantiles| rounded(searched.took_ms.p50() / bare.p50().max(0.001));
        Self {
            rows,
            rows_of_the_asked: filled.flat.len() / DIMS,
            inserted_per_second: rounded(rows as f64 / filled.seconds),
            insert_seconds: rounded(filled.seconds),
            index_seconds: rounded(filled.index_seconds),
            fill_cpu_seconds: rounded(filled.usage.cpu_seconds),
            first_search_ms: rounded(searched.first_ms),
            search_ms: searched.took_ms,
            searches_cpu_seconds: rounded(searched.usage.cpu_seconds),
            recall_at_10: rounded(searched.recall),
            bare_walk_ms: searched.bare_walk_ms,
            ratio_to_bare_walk: ratio(&searched.bare_walk_ms),
            ratio_to_bare_statement: searched.bare_statement_ms.as_ref().map(ratio),
            bare_statement_ms: searched.bare_statement_ms,
            disk_mib: disk.whole >> 20,
            disk_of_vector_index_mib: disk.vectors >> 20,
            index_memory_mib: index_bytes.map(|bytes| bytes >> 20),
            peak_memory_mib: peak_memory_mib(),
        }
    }
}

impl Report {
    pub(super) const fn new(is_postgres: bool, agents: u32, sizes: Vec<Size>, machine: Machine) -> Self {
        let database = if is_postgres { "postgres" } else { "sqlite" };
        Self { bench: "memory", database, dims: DIMS, agents, sizes, machine }
    }

    /// For people.
    pub(super) fn print(&self) {
        let Self { database, dims, agents, sizes, .. } = self;
        output::line(&format!(
            "memories of {agents} agents on {database}, {dims} numbers each; the ten nearest of one agent's"
        ));
        let ms = |figure: f64| format!("{figure:.2}");
        let rows = sizes.iter().map(|size| {
            let [p50, p95, p99] = size.search_ms.ranks();
            [
                size.rows.to_string(),
                format!("{:.0}", size.inserted_per_second),
                format!("{:.1}", size.index_seconds),
                ms(size.first_search_ms),
                ms(p50),
                ms(p95),
                ms(p99),
                format!("{:.3}", size.recall_at_10),
                ms(size.bare_walk_ms.p50()),
                size.bare_statement_ms.as_ref().map_or_else(String::new, |bare| ms(bare.p50())),
                size.disk_mib.to_string(),
                size.index_memory_mib.map_or_else(String::new, |mib| mib.to_string()),
            ]
        });
        output::table(
            [
                "rows",
                "rows/s",
                "index s",
                "first ms",
                "p50 ms",
                "p95 ms",
                "p99 ms",
                "recall",
                "bare walk ms",
                "bare SQL ms",
                "disk MiB",
                "held MiB",
            ],
            rows,
        );
    }
}
