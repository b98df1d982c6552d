//! From one relevant signal to the tasks that make its posts.

use chimera_domain::{
    Agent, AgentTask, Ambient, Campaign, Channel, Criterion, Modality, PersonaLock, Priority, ReplyTo, Score,
    StateVersion, TaskId, TaskPayload, TaskState, TaskType, TrendSignal, Usd, VideoPlan,
    policy::{DayMoney, VideoRule, budget_parts},
    sha256_parts,
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
    /// Which videos are made how.
    pub video: &'a VideoRule,
    /// Whether the signal is part of a trend.
    pub trending: bool,
    /// What agent and campaign have for the day beyond the signal's posts.
    pub left: &'a [DayMoney],
}

/// One DAG for each of the campaign's channels: words and picture side by side, the video after the picture that it may
/// begin with, then the post that needs them.
/// All are DRAFT where the campaign has its plans looked at first.
#[must_use]
pub fn plan_posts(plan: PlanSeed<'_>, ambient: &dyn Ambient) -> Vec<AgentTask> {
    plan.campaign.channels.iter().flat_map(|&channel| plan_post(plan, channel, ambient)).collect()
}

fn plan_post(plan: PlanSeed<'_>, channel: Channel, ambient: &dyn Ambient) -> Vec<AgentTask> {
    let mut tasks: Vec<AgentTask> = Vec::new();
    for (modality, share) in budget_parts(plan.campaign.post_budget_usd, channel.rules().modalities) {
        let task_type = TaskType::making(modality);
        let part = match modality {
            Modality::Video => {
                let (video, cap) = plan.video.plan(plan.signal.relevance, plan.trending, share, plan.left);
                let pictures = tasks.iter().filter(|part| part.task_type == TaskType::GenerateImage);
                let depends_on = pictures.map(|part| part.id).collect();
                Node { budget: cap, depends_on, video: Some(video), ..Node::of(task_type) }
            }
            Modality::Text | Modality::Image => Node { budget: share, ..Node::of(task_type) },
        };
        tasks.push(task(plan, channel, part, ambient));
    }
    let depends_on = tasks.iter().map(|part| part.id).collect();
    let post = Node { depends_on, ..Node::of(TaskType::AssemblePost) };
    tasks.push(task(plan, channel, post, ambient));
    tasks
}

/// The one task that answers a remark, and whose result goes out below it.
#[must_use]
pub fn plan_reply(plan: PlanSeed<'_>, channel: Channel, to: ReplyTo, ambient: &dyn Ambient) -> AgentTask {
    let budget = reply_budget(plan.campaign, &to);
    task(plan, channel, Node { budget, reply: Some(to), ..Node::of(TaskType::ReplyComment) }, ambient)
}

/// The most that a reply may cost: as much as the words of a post with a picture. The truth about who speaks is free.
#[must_use]
pub fn reply_budget(campaign: &Campaign, to: &ReplyTo) -> Usd {
    if to.asked_in().is_some() {
        return Usd::ZERO;
    }
    let parts = budget_parts(campaign.post_budget_usd, &[Modality::Text, Modality::Image]);
    parts.into_iter().find(|(part, _)| *part == Modality::Text).map_or(Usd::ZERO, |(_, share)| share)
}

/// What tells the tasks of a DAG apart.
struct Node {
    task_type: TaskType,
    budget: Usd,
    depends_on: Vec<TaskId>,
    video: Option<VideoPlan>,
    reply: Option<ReplyTo>,
}

impl Node {
    /// One that needs nothing and costs nothing.
    const fn of(task_type: TaskType) -> Self {
        Self { task_type, budget: Usd::ZERO, depends_on: vec![], video: None, reply: None }
    }
}

fn task(plan: PlanSeed<'_>, channel: Channel, node: Node, ambient: &dyn Ambient) -> AgentTask {
    let PlanSeed { campaign, agent, signal, seed, .. } = plan;
    let Node { task_type, budget, depends_on, video, reply } = node;
    let modalities = if reply.is_some() { &[Modality::Text][..] } else { channel.rules().modalities };
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
            modalities: modalities.to_vec(),
            video_seconds: campaign.video_seconds,
            video,
            reply,
            acceptance: Criterion::of(task_type, channel, modalities),
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
