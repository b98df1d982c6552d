//! From one relevant signal to the tasks that make its posts.

use chimera_domain::{
    Agent, AgentTask, Ambient, Campaign, Channel, PersonaLock, Priority, Score, StateVersion, TaskId, TaskPayload,
    TaskState, TaskType, TrendSignal, Usd, policy::budget_shares, sha256_parts,
};

/// A signal from here on is urgent.
const HIGH_PRIORITY: Score = Score::percent(90);

/// What a plan is grown from.
#[derive(Debug, Clone, Copy)]
pub struct PlanSeed<'a> {
    /// The campaign, as read.
    pub campaign: &'a Campaign,
    /// Who will speak.
    pub agent: &'a Agent,
    /// What is to be spoken about.
    pub signal: &'a TrendSignal,
    /// Makes chance draws repeatable.
    pub seed: u64,
}

/// One DAG for each of the campaign's channels: words, picture and video side by side, then the post that needs them.
/// All are DRAFT where the campaign has its plans looked at first.
#[must_use]
pub fn plan_posts(plan: PlanSeed<'_>, ambient: &dyn Ambient) -> Vec<AgentTask> {
    plan.campaign.channels.iter().flat_map(|&channel| plan_post(plan, channel, ambient)).collect()
}

fn plan_post(plan: PlanSeed<'_>, channel: Channel, ambient: &dyn Ambient) -> Vec<AgentTask> {
    let modalities = channel.rules().modalities;
    let shares = budget_shares(plan.campaign.post_budget_usd, modalities);
    let mut tasks: Vec<_> = modalities
        .iter()
        .zip(shares)
        .map(|(&modality, share)| task(plan, channel, TaskType::making(modality), share, vec![], ambient))
        .collect();
    let parts: Vec<TaskId> = tasks.iter().map(|t| t.id).collect();
    tasks.push(task(plan, channel, TaskType::AssemblePost, Usd::ZERO, parts, ambient));
    tasks
}

fn task(
    plan: PlanSeed<'_>,
    channel: Channel,
    task_type: TaskType,
    budget: Usd,
    depends_on: Vec<TaskId>,
    ambient: &dyn Ambient,
) -> AgentTask {
    let PlanSeed { campaign, agent, signal, seed } = plan;
    let now = ambient.now();
    AgentTask {
        id: TaskId::generate(ambient),
        tenant_id: campaign.tenant_id,
        trace_id: signal.trace_id,
        agent_id: agent.id,
        campaign_id: campaign.id,
        campaign_version: campaign.state_version,
        signal_id: signal.id,
        task_type,
        channel,
        priority: if signal.relevance >= HIGH_PRIORITY { Priority::High } else { Priority::Medium },
        state: match depends_on.is_empty() {
            _ if campaign.limits.plan_review => TaskState::Draft,
            true => TaskState::Ready,
            false => TaskState::Pending,
        },
        depends_on,
        persona_lock: PersonaLock::of(agent),
        budget_cap_usd: budget,
        payload: TaskPayload {
            goal: campaign.goal.clone(),
            headline: signal.item.title.clone(),
            summary: signal.item.summary.clone(),
            source_url: signal.item.url.clone(),
            why: signal.why.clone(),
            modalities: channel.rules().modalities.to_vec(),
            video_seconds: campaign.video_seconds,
            taint: signal.taint.clone(),
            correction: None,
            replans: 0,
            seed: chance(seed, &signal.event_key, channel),
        },
        state_version: StateVersion::FIRST,
        attempts: 0,
        failures: 0,
        lease_owner: None,
        last_error: None,
        cancel_reason: None,
        result_artifact: None,
        hitl_ticket_id: None,
        created_at: now,
        updated_at: now,
    }
}

/// A number that depends on nothing but the run's seed, the item and the channel; below 2^32, so that every JSON reader keeps it.
fn chance(seed: u64, event_key: &str, channel: Channel) -> u64 {
    let hash = sha256_parts(&[&seed.to_be_bytes(), event_key.as_bytes(), channel.as_str().as_bytes()]);
    hash.get(..8).and_then(|hex| u64::from_str_radix(hex, 16).ok()).unwrap_or(seed & 0xffff_ffff)
}

#[cfg(test)]
mod tests;
