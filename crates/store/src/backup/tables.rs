//! The one list of tables, and what becomes of each in a backup.

/// What becomes of a table in a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Its rows are in the archive.
    Kept,
    /// Its rows mean nothing later or elsewhere.
    LeftOut,
}

/// Every table but the migrator's own, parents before children. Each has a primary key of UUIDs, texts and whole numbers.
pub(crate) const TABLES: &[(&str, Fate)] = &[
    ("agents", Fate::Kept),
    ("campaigns", Fate::Kept),
    ("resource_cursors", Fate::Kept),
    ("trend_signals", Fate::Kept),
    ("trends", Fate::Kept),
    ("signal_marks", Fate::Kept),
    ("judge_calibrations", Fate::Kept),
    ("agent_tasks", Fate::Kept),
    ("task_dependencies", Fate::Kept),
    (ARTIFACTS, Fate::Kept),
    ("tool_calls", Fate::Kept),
    ("judge_decisions", Fate::Kept),
    ("hitl_queue_items", Fate::Kept),
    ("publications", Fate::Kept),
    ("alerts", Fate::Kept),
    ("spend_ledger", Fate::Kept),
    // Indices over vectors are no tables: the database makes them anew from the rows.
    ("memory_heads", Fate::Kept),
    ("agent_memories", Fate::Kept),
    ("audit_log", Fate::Kept),
    ("audit_head", Fate::Kept),
    // Triggers make them of the ledger, while it is restored as at any other time.
    ("spend_totals", Fate::LeftOut),
    // Whoever was let in here is not let in wherever it is restored.
    ("credentials", Fate::LeftOut),
    // Who sweeps at the moment is nobody's to restore.
    ("duties", Fate::LeftOut),
];

/// The table that refers to blobs.
pub(crate) const ARTIFACTS: &str = "artifacts";
/// Its column that does.
pub(crate) const ARTIFACT_MEDIA: &str = "media";

/// The tables whose rows are in an archive.
pub(crate) fn kept() -> impl Iterator<Item = &'static str> {
    TABLES.iter().filter(|(_, fate)| *fate == Fate::Kept).map(|(name, _)| *name)
}
