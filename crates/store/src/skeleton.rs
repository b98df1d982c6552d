//! Signatures whose bodies are still being written; gone with the next commits.

use std::{collections::HashMap, time::Duration};

use chimera_domain::policy::GovernorUse;
use chimera_domain::{
    Agent, AgentId, AgentTask, Alert, Campaign, CampaignId, CampaignStatus, HitlTicket, PublicationId, SignalOutcome,
    StateVersion, TaskId, TaskState, TenantId, TicketId, ToolCall, TraceId, TrendSignal, Usd,
};
use chrono::{DateTime, Utc};

use crate::*;

#[expect(missing_docs, unused_variables, clippy::unimplemented, clippy::needless_pass_by_value, reason = "skeleton")]
impl Store {
    pub async fn connect(config: &StoreConfig) -> Result<Self> {
        unimplemented!()
    }
    pub async fn migrate(&self) -> Result<u32> {
        unimplemented!()
    }
    pub async fn rollback(&self, steps: u32) -> Result<u32> {
        unimplemented!()
    }
    pub async fn migrations(&self) -> Result<Vec<MigrationState>> {
        unimplemented!()
    }
    pub async fn ping(&self) -> Result<()> {
        unimplemented!()
    }
    pub fn backend(&self) -> Backend {
        unimplemented!()
    }
    pub fn tenant(&self) -> TenantId {
        unimplemented!()
    }
    pub async fn close(&self) -> Result<()> {
        unimplemented!()
    }
    pub async fn agent_save(&self, agent: &Agent) -> Result<Agent> {
        unimplemented!()
    }
    pub async fn agents(&self) -> Result<Vec<Agent>> {
        unimplemented!()
    }
    pub async fn agents_by_ids(&self, ids: &[AgentId]) -> Result<Vec<Agent>> {
        unimplemented!()
    }
    pub async fn agent_by_slug(&self, slug: &str) -> Result<Option<Agent>> {
        unimplemented!()
    }
    pub async fn campaign_save(&self, campaign: &Campaign) -> Result<Campaign> {
        unimplemented!()
    }
    pub async fn campaigns(&self) -> Result<Vec<Campaign>> {
        unimplemented!()
    }
    pub async fn campaigns_active(&self) -> Result<Vec<Campaign>> {
        unimplemented!()
    }
    pub async fn campaign_by_slug(&self, slug: &str) -> Result<Option<Campaign>> {
        unimplemented!()
    }
    pub async fn campaign_by_id(&self, id: CampaignId) -> Result<Option<Campaign>> {
        unimplemented!()
    }
    pub async fn campaign_set_status(
        &self,
        id: CampaignId,
        version: StateVersion,
        status: CampaignStatus,
        now: DateTime<Utc>,
    ) -> Result<Campaign> {
        unimplemented!()
    }
    pub async fn cursors(&self, resource_uris: &[String]) -> Result<Vec<ResourceCursor>> {
        unimplemented!()
    }
    pub async fn cursors_save(&self, cursors: &[ResourceCursor]) -> Result<()> {
        unimplemented!()
    }
    pub async fn signals_known(
        &self,
        campaign_id: CampaignId,
        event_keys: &[String],
        content_hashes: &[String],
    ) -> Result<KnownSignals> {
        unimplemented!()
    }
    pub async fn governor_use(&self, agents: &[AgentId], now: DateTime<Utc>) -> Result<HashMap<AgentId, GovernorUse>> {
        unimplemented!()
    }
    pub async fn plan_commit(&self, plan: &Plan) -> Result<Vec<TaskId>, PlanError> {
        unimplemented!()
    }
    pub async fn signals(&self, filter: &SignalFilter) -> Result<Vec<TrendSignal>> {
        unimplemented!()
    }
    pub async fn signal_counts(&self, campaign_id: Option<CampaignId>) -> Result<HashMap<SignalOutcome, u64>> {
        unimplemented!()
    }
    pub async fn tasks_by_ids(&self, ids: &[TaskId]) -> Result<Vec<AgentTask>> {
        unimplemented!()
    }
    pub async fn tasks_by_trace(&self, trace_id: TraceId) -> Result<Vec<AgentTask>> {
        unimplemented!()
    }
    pub async fn task_counts(&self) -> Result<TaskCounts> {
        unimplemented!()
    }
    pub async fn tasks_in(&self, states: &[TaskState], limit: u64) -> Result<Vec<AgentTask>> {
        unimplemented!()
    }
    pub async fn task_claim(&self, ids: &[TaskId], worker: &str, lease: Duration) -> Result<Vec<AgentTask>> {
        unimplemented!()
    }
    pub async fn task_heartbeat(
        &self,
        held: &[(TaskId, StateVersion)],
        worker: &str,
        lease: Duration,
    ) -> Result<Vec<TaskId>> {
        unimplemented!()
    }
    pub async fn task_submit(&self, submissions: Vec<Submission>, now: DateTime<Utc>) -> Result<Submitted> {
        unimplemented!()
    }
    pub async fn task_release(
        &self,
        releases: Vec<Release>,
        alerts: Vec<Alert>,
        now: DateTime<Utc>,
    ) -> Result<Released> {
        unimplemented!()
    }
    pub async fn review_cases(&self, ids: &[TaskId]) -> Result<Vec<ReviewCase>> {
        unimplemented!()
    }
    pub async fn work_orders(&self, tasks: &[AgentTask]) -> Result<Vec<WorkOrder>> {
        unimplemented!()
    }
    pub async fn task_decide(&self, rulings: Vec<Ruling>, now: DateTime<Utc>) -> Result<Decided> {
        unimplemented!()
    }
    pub async fn ticket_by_id(&self, id: TicketId) -> Result<Option<HitlTicket>> {
        unimplemented!()
    }
    pub async fn tickets_open(&self, limit: u64) -> Result<Vec<HitlTicket>> {
        unimplemented!()
    }
    pub async fn tickets_open_count(&self) -> Result<u64> {
        unimplemented!()
    }
    pub async fn ticket_resolve(&self, answer: &TicketAnswer, now: DateTime<Utc>) -> Result<Decided, TicketError> {
        unimplemented!()
    }
    pub async fn publish_begin(
        &self,
        ids: &[TaskId],
        publisher: &str,
        lease: Duration,
        now: DateTime<Utc>,
        new_ids: &[PublicationId],
    ) -> Result<Vec<PublishCase>> {
        unimplemented!()
    }
    pub async fn publish_stale(&self, publisher: &str, lease: Duration, limit: u64) -> Result<Vec<PublishCase>> {
        unimplemented!()
    }
    pub async fn publish_settle(&self, settlements: Vec<Settlement>, now: DateTime<Utc>) -> Result<Settled> {
        unimplemented!()
    }
    pub async fn tool_calls_record(&self, calls: &[ToolCall]) -> Result<()> {
        unimplemented!()
    }
    pub async fn alerts_raise(&self, alerts: &[Alert]) -> Result<()> {
        unimplemented!()
    }
    pub async fn alerts_open(&self, limit: u64) -> Result<Vec<Alert>> {
        unimplemented!()
    }
    pub async fn sweep(&self, limits: SweepLimits, now: DateTime<Utc>) -> Result<Swept> {
        unimplemented!()
    }
    pub async fn trace(&self, trace_id: TraceId) -> Result<Option<TraceView>> {
        unimplemented!()
    }
    pub async fn posts(&self, limit: u64) -> Result<Vec<PostRow>> {
        unimplemented!()
    }
    pub async fn spend_total(&self, campaign_id: Option<CampaignId>) -> Result<Usd> {
        unimplemented!()
    }
    pub async fn fleet_busy(&self) -> Result<u64> {
        unimplemented!()
    }
    pub async fn task_retry_failed(&self, ids: &[TaskId], now: DateTime<Utc>) -> Result<Vec<TaskId>> {
        unimplemented!()
    }
}
