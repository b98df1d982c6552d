//! Indices for what is really asked, so that no statement costs more when finished work piles up.
//!
//! - The tenant never leads an index over all rows. SQLite, as long as nobody has run ANALYZE, takes any equality on the
//!   first column of an index for selective; an UPDATE of thirty ids then walked through every row of the tenant.
//!   Between columns that are all compared for equality, the order makes no other difference.
//! - Rows that are finished drop out of the indices over live ones.

use sea_orm_migration::prelude::{
    ConditionalStatement, DbErr, DeriveMigrationName, Expr, Index, IndexCreateStatement, MigrationTrait, SchemaManager,
};

use super::index;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

/// An index by its table, name and columns.
struct Definition {
    table: &'static str,
    name: &'static str,
    columns: &'static [&'static str],
    unique: bool,
    /// Which rows are in it; all of them where nothing is said.
    only: Option<&'static str>,
}

const fn all(table: &'static str, name: &'static str, columns: &'static [&'static str]) -> Definition {
    Definition { table, name, columns, unique: false, only: None }
}

impl Definition {
    const fn unique(self) -> Self {
        Self { unique: true, ..self }
    }

    const fn only(self, condition: &'static str) -> Self {
        Self { only: Some(condition), ..self }
    }

    fn create(&self) -> IndexCreateStatement {
        let mut index = index(self.name, self.table, self.columns);
        if self.unique {
            index.unique();
        }
        if let Some(condition) = self.only {
            index.and_where(Expr::cust(condition));
        }
        index.take()
    }
}

const BEFORE: [Definition; 21] = [
    all("trend_signals", "trend_signals_event", &["tenant_id", "campaign_id", "event_key", "resource_uri"]).unique(),
    all("trend_signals", "trend_signals_story", &["tenant_id", "campaign_id", "content_hash"]),
    all("trend_signals", "trend_signals_trace", &["tenant_id", "trace_id"]),
    all("trend_signals", "trend_signals_agent_time", &["tenant_id", "agent_id", "outcome", "ingested_at"]),
    all("trend_signals", "trend_signals_time", &["tenant_id", "ingested_at"]),
    all("agent_tasks", "agent_tasks_state", &["tenant_id", "state", "updated_at"]),
    all("agent_tasks", "agent_tasks_lease", &["tenant_id", "state", "lease_expires_ms"]),
    all("agent_tasks", "agent_tasks_trace", &["tenant_id", "trace_id"]),
    all("agent_tasks", "agent_tasks_campaign_state", &["tenant_id", "campaign_id", "state"]),
    all("agent_tasks", "agent_tasks_agent_state", &["tenant_id", "agent_id", "state"]),
    all("agent_tasks", "agent_tasks_type_time", &["tenant_id", "task_type", "created_at"]),
    all("artifacts", "artifacts_trace", &["tenant_id", "trace_id"]),
    all("artifacts", "artifacts_agent_time", &["tenant_id", "agent_id", "created_at"]),
    all("tool_calls", "tool_calls_trace", &["tenant_id", "trace_id"]),
    all("tool_calls", "tool_calls_time", &["tenant_id", "called_at"]),
    all("judge_decisions", "judge_decisions_trace", &["tenant_id", "trace_id"]),
    all("hitl_queue_items", "hitl_queue_items_open", &["tenant_id", "resolution", "sla_expires_at"]),
    all("hitl_queue_items", "hitl_queue_items_trace", &["tenant_id", "trace_id"]),
    all("publications", "publications_key", &["tenant_id", "idempotency_key"]).unique(),
    all("publications", "publications_trace", &["tenant_id", "trace_id"]),
    all("alerts", "alerts_time", &["tenant_id", "created_at"]),
];

const AFTER: [Definition; 24] = [
    all("trend_signals", "trend_signals_event", &["campaign_id", "tenant_id", "event_key", "resource_uri"]).unique(),
    all("trend_signals", "trend_signals_story", &["campaign_id", "tenant_id", "content_hash"]),
    all("trend_signals", "trend_signals_trace", &["trace_id"]),
    all("trend_signals", "trend_signals_agent_time", &["agent_id", "tenant_id", "ingested_at"])
        .only("\"outcome\" = 'PLANNED'"),
    all("trend_signals", "trend_signals_time", &["ingested_at", "id"]),
    // The outcome at the end lets the index count a campaign's signals alone.
    all("trend_signals", "trend_signals_campaign_time", &["campaign_id", "tenant_id", "ingested_at", "id", "outcome"]),
    all("trend_signals", "trend_signals_outcome_time", &["outcome", "tenant_id", "ingested_at", "id"]),
    all("agent_tasks", "agent_tasks_state", &["state", "tenant_id", "updated_at"]),
    all("agent_tasks", "agent_tasks_lease", &["state", "tenant_id", "lease_expires_ms"])
        .only("\"lease_expires_ms\" IS NOT NULL"),
    all("agent_tasks", "agent_tasks_trace", &["trace_id"]),
    all("agent_tasks", "agent_tasks_campaign_state", &["campaign_id", "state", "tenant_id"]),
    all("agent_tasks", "agent_tasks_agent_state", &["agent_id", "state", "tenant_id"]),
    all("agent_tasks", "agent_tasks_posts", &["tenant_id", "created_at", "id"])
        .only("\"task_type\" IN ('assemble_post', 'reply_comment', 'publish')"),
    all("artifacts", "artifacts_trace", &["trace_id"]),
    // Sums over costs read the index alone, here and of the tool calls.
    all("artifacts", "artifacts_agent_time", &["agent_id", "tenant_id", "created_at", "beyond_tools_micros"]),
    all("tool_calls", "tool_calls_trace", &["trace_id"]),
    all("tool_calls", "tool_calls_agent_time", &["agent_id", "tenant_id", "called_at", "cost_micros"]),
    all("judge_decisions", "judge_decisions_trace", &["trace_id"]),
    all("hitl_queue_items", "hitl_queue_items_open", &["tenant_id", "sla_expires_at", "id"])
        .only("\"resolution\" IS NULL"),
    all("hitl_queue_items", "hitl_queue_items_trace", &["trace_id"]),
    all("publications", "publications_key", &["idempotency_key", "tenant_id"]).unique(),
    all("publications", "publications_trace", &["trace_id"]),
    all("publications", "publications_open", &["task_id", "tenant_id"]).only("\"state\" IN ('ATTEMPTING', 'UNKNOWN')"),
    all("alerts", "alerts_open_time", &["tenant_id", "created_at", "id"]).only("\"acknowledged_by\" IS NULL"),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        replace(manager, &BEFORE, &AFTER).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        replace(manager, &AFTER, &BEFORE).await
    }
}

async fn replace(manager: &SchemaManager<'_>, old: &[Definition], new: &[Definition]) -> Result<(), DbErr> {
    for Definition { table, name, .. } in old {
        manager.drop_index(Index::drop().table(*table).name(*name).to_owned()).await?;
    }
    for definition in new {
        manager.create_index(definition.create()).await?;
    }
    Ok(())
}
