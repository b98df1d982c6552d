//! Whether every row that was restored can be read: asked before the commit, for afterwards it would be too late.

use sea_orm::{ActiveModelBehavior, ActiveModelTrait, DatabaseTransaction, FromQueryResult, IntoActiveModel};

use chimera_domain::{TenantId, error_chain};

use super::rows::Sheet;
use crate::{
    Backend, Result,
    codec::Mapped,
    dialect::catalogue::{self, Table},
    entity::{
        agents, alerts, artifacts, audit_log, campaigns, cursors, decisions, memories, publications, signals,
        spend_ledger, tasks, tickets, tool_calls,
    },
};

/// Rows looked at together.
const PAGE: u64 = 500;
/// Damaged rows that are named; more are only counted.
const NAMED_MAX: usize = 100;

/// Rows that can't be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Damaged {
    /// The first hundred of them, in words.
    pub named: Vec<String>,
    /// How many there are.
    pub count: u64,
}

/// Reads every row of the tenant that means something to the domain.
pub(super) async fn look(tx: &DatabaseTransaction, backend: Backend, tenant: TenantId) -> Result<Damaged> {
    let there = catalogue::tables(tx, backend).await?;
    let mut look = Look { tx, backend, tenant, damaged: Damaged::default() };
    look.over::<agents::Entity>("agents", there.get("agents")).await?;
    look.over::<campaigns::Entity>("campaigns", there.get("campaigns")).await?;
    look.over::<cursors::Entity>("resource_cursors", there.get("resource_cursors")).await?;
    look.over::<signals::Entity>("trend_signals", there.get("trend_signals")).await?;
    look.over::<tasks::Entity>("agent_tasks", there.get("agent_tasks")).await?;
    look.over::<artifacts::Entity>("artifacts", there.get("artifacts")).await?;
    look.over::<tool_calls::Entity>("tool_calls", there.get("tool_calls")).await?;
    look.over::<decisions::Entity>("judge_decisions", there.get("judge_decisions")).await?;
    look.over::<tickets::Entity>("hitl_queue_items", there.get("hitl_queue_items")).await?;
    look.over::<publications::Entity>("publications", there.get("publications")).await?;
    look.over::<alerts::Entity>("alerts", there.get("alerts")).await?;
    look.over::<spend_ledger::Entity>("spend_ledger", there.get("spend_ledger")).await?;
    look.over::<memories::Entity>("agent_memories", there.get("agent_memories")).await?;
    look.over::<audit_log::Entity>("audit_log", there.get("audit_log")).await?;
    Ok(look.damaged)
}

struct Look<'a> {
    tx: &'a DatabaseTransaction,
    backend: Backend,
    tenant: TenantId,
    damaged: Damaged,
}

impl Look<'_> {
    async fn over<E>(&mut self, name: &str, table: Option<&Table>) -> Result<()>
    where
        E: Mapped,
        E::Model: FromQueryResult + IntoActiveModel<E::ActiveModel>,
        E::ActiveModel: ActiveModelTrait<Entity = E> + ActiveModelBehavior + Send,
    {
        // A table of a type that no archive can hold was refused before.
        let Some(sheet) = table.and_then(|table| Sheet::of(name, table, self.backend).ok()) else { return Ok(()) };
        let mut last = None;
        loop {
            let page = sheet.page(self.tx, self.tenant, last.as_ref(), PAGE).await?;
            for row in &page {
                let read = E::Model::from_query_result(row, "").map_err(Into::into).and_then(E::read);
                if let Err(error) = read {
                    self.damaged.count += 1;
                    if self.damaged.named.len() < NAMED_MAX {
                        self.damaged.named.push(format!("{name}: {}", error_chain(&error)));
                    }
                }
            }
            // One whose key can't be read was refused when it was inserted.
            last = page.last().and_then(|row| sheet.read(row).ok());
            if last.is_none() {
                return Ok(());
            }
        }
    }
}
