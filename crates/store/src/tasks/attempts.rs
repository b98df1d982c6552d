//! What attempts at tasks cost: handed in or given back, in time or late, each is closed in the spend ledger.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::ConnectionTrait;
use uuid::Uuid;

use chimera_domain::{AgentId, Alert, AlertKind, CampaignId, LedgerEntry, Severity, TaskId, ToolCall, ToolStatus, Usd};

use super::results::{Release, Submission};
use crate::{
    Result, Store,
    alerts::{alert_id, raise},
    batch,
    entity::{agents, artifacts, tasks},
    spend::{self, Closing},
};

/// The alert's reason, for programs.
const BEYOND_RESERVATION: &str = "beyond_reservation";

/// One attempt, with the calls that it reports.
#[derive(Debug)]
pub(super) struct Attempt<'a> {
    closing: Closing,
    calls: Vec<&'a ToolCall>,
}

impl<'a> Attempt<'a> {
    /// What a worker handed in; `row` is the task if it was accepted. Of a result that came too late the calls alone
    /// count: the artifact is dropped.
    pub(super) fn submitted(submission: &'a Submission, row: Option<&tasks::Model>) -> Self {
        let artifact = &submission.artifact;
        let (log, cost) = match row {
            Some(_) => (artifact.tool_log.as_slice(), artifacts::beyond_tools(artifact)),
            None => ([].as_slice(), Usd::ZERO),
        };
        let calls: Vec<&ToolCall> = submission.tool_calls.iter().chain(log).collect();
        let closing = Closing {
            agent_id: artifact.agent_id,
            campaign_id: artifact.campaign_id,
            task_id: submission.task_id,
            version: submission.version,
            trace_id: Some(artifact.trace_id),
            task_type: row.and_then(|row| row.kind().ok()),
            cost,
            unclear: is_unclear(&calls),
        };
        Self { closing, calls }
    }

    /// What a worker gave back.
    pub(super) fn given_back(release: &'a Release, row: &tasks::Model) -> Self {
        let calls: Vec<&ToolCall> = release.tool_calls.iter().collect();
        let closing = Closing {
            agent_id: AgentId::from_uuid(row.agent_id),
            campaign_id: CampaignId::from_uuid(row.campaign_id),
            task_id: release.task_id,
            version: release.version,
            trace_id: row.trace_id.parse().ok(),
            task_type: row.kind().ok(),
            cost: Usd::ZERO,
            unclear: is_unclear(&calls),
        };
        Self { closing, calls }
    }
}

/// Whether a call was cut off that has no price of its own: it may have cost anything up to what was set aside.
fn is_unclear(calls: &[&ToolCall]) -> bool {
    calls.iter().any(|call| call.status == ToolStatus::Unknown && call.cost_usd == Usd::ZERO)
}

impl Store {
    /// Closes these attempts with what those of their calls cost that are `new` on record; the others were counted when
    /// they were recorded. An operator hears of an agent whose tools cost more than was set aside for them. Returns the
    /// entries that changed.
    pub(super) async fn close_attempts(
        &self,
        db: &impl ConnectionTrait,
        attempts: Vec<Attempt<'_>>,
        new: Vec<&ToolCall>,
        now: DateTime<Utc>,
    ) -> Result<Vec<LedgerEntry>> {
        let mut new: HashMap<Uuid, &ToolCall> = new.into_iter().map(|call| (call.id.as_uuid(), call)).collect();
        let mut closings = Vec::with_capacity(attempts.len());
        for Attempt { mut closing, calls } in attempts {
            let own = calls.iter().filter_map(|call| new.remove(&call.id.as_uuid()));
            closing.cost = own.map(|call| call.cost_usd).sum::<Usd>().saturating_add(closing.cost);
            closings.push(closing);
        }
        let mut changed = spend::close(db, self.tenant, closings, now).await?;
        let beyond: Vec<&LedgerEntry> = changed.iter().filter(|entry| entry.cost > entry.reserved).collect();
        self.tell_of_overruns(db, &beyond, now).await?;
        changed.extend(spend::loose(db, self.tenant, &new.into_values().collect::<Vec<_>>()).await?);
        Ok(changed)
    }

    /// One alert for each agent, about the entry that went furthest.
    async fn tell_of_overruns(
        &self,
        db: &impl ConnectionTrait,
        beyond: &[&LedgerEntry],
        now: DateTime<Utc>,
    ) -> Result<()> {
        let mut furthest: HashMap<AgentId, &LedgerEntry> = HashMap::new();
        let excess = |entry: &LedgerEntry| entry.cost.saturating_sub(entry.reserved);
        for entry in beyond {
            let known = furthest.entry(entry.agent_id).or_insert(entry);
            if excess(entry) > excess(known) {
                *known = entry;
            }
        }
        if furthest.is_empty() {
            return Ok(());
        }
        let ids = furthest.keys().map(|id| id.as_uuid());
        let agents = batch::find::<agents::Entity>(db, self.tenant, agents::Column::Id, ids).await?;
        let alerts: Vec<Alert> = agents
            .iter()
            .filter_map(|agent| Some((agent, *furthest.get(&AgentId::from_uuid(agent.id))?)))
            .map(|(agent, entry)| self.overrun(&agent.persona_slug, entry, now))
            .collect();
        raise(db, self.tenant, &alerts).await
    }

    fn overrun(&self, agent: &str, entry: &LedgerEntry, now: DateTime<Utc>) -> Alert {
        let LedgerEntry { purpose, cost, reserved, .. } = entry;
        let row = entry.task_id.map_or(entry.agent_id.as_uuid(), TaskId::as_uuid);
        Alert {
            id: alert_id(BEYOND_RESERVATION, row, entry.state_version.get()),
            tenant_id: self.tenant,
            trace_id: entry.trace_id,
            kind: AlertKind::SpendOverrun,
            severity: Severity::Warning,
            subject: agent.to_owned(),
            reason_code: BEYOND_RESERVATION.to_owned(),
            message: format!(
                "{purpose} cost ${cost} where ${reserved} had been set aside; it counts in full. Raise the campaign's \
                 post_budget_usd, or use a cheaper tool"
            ),
            acknowledged_by: None,
            created_at: now,
        }
    }
}
