//! Entities with values that are all different and none the default.

use chimera_domain::{
    Agent, AgentId, AgentTask, Alert, AlertId, AlertKind, Ambient, Artifact, ArtifactId, Calibration, Campaign,
    CampaignId, CampaignLimits, CampaignOrigin, CampaignStatus, CampaignTerms, Channel, Component, Costs, Criterion,
    DecisionId, Disclosure, EntryState, GovernorLimits, HitlTicket, JudgeDecision, LedgerEntry, MediaRef, Memory,
    MemoryId, MemoryKind, MemorySource, MemoryVector, Modality, MonotoneMap, NextAction, PersonaLock, Presence,
    Priority, Provenance, Question, ReservationId, Score, SensitiveTopic, Severity, SignalId, SignalOutcome, Soul,
    StateVersion, TaskId, TaskPayload, TaskState, TaskType, TenantId, TicketId, ToolCall, ToolCallId, ToolStatus,
    TraceId, Trend, TrendId, TrendMember, TrendSignal, TrendState, Usd, Verdict, contracts::FeedItem,
    policy::calibration::CalibrationMethod, sha256_hex,
};

/// Eight hex digits that no other call gives.
fn mark(ambient: &dyn Ambient) -> String {
    let [a, b, c, d, ..] = ambient.random();
    format!("{:08x}", u32::from_be_bytes([a, b, c, d]))
}

/// A score with digits all the way down, the same for the same arguments.
fn score(thirds: u32) -> Score {
    Score::clamped(f64::from(thirds) / 3.0 / 10.0)
}

/// A persona of its own, with a slug of its own.
#[must_use]
pub fn agent(ambient: &dyn Ambient) -> Agent {
    let mark = mark(ambient);
    let soul = Soul {
        name: format!("Nova {mark}"),
        slug: format!("nova-{mark}"),
        voice_traits: vec!["dry".to_owned(), "warm \"quoted\" ünïcode".to_owned()],
        core_beliefs: vec![format!("mending beats buying ({mark})")],
        directives: vec!["never name a price".to_owned()],
        banned_topics: vec!["elections".to_owned()],
        character_reference_id: format!("nova-face-{mark}"),
        disclosure: "I am an AI.".to_owned(),
        backstory: "Line one.\n\nLine two, with 'quotes'.".to_owned(),
    };
    Agent {
        id: AgentId::generate(ambient),
        tenant_id: TenantId::DEFAULT,
        persona_slug: soul.slug.clone(),
        display_name: soul.name.clone(),
        soul_hash: sha256_hex(mark.as_bytes()),
        soul,
        soul_version: 3,
        governor_limits: GovernorLimits {
            max_daily_spend: Usd::from_micros(777_000_001),
            max_hourly_spend: Some(Usd::from_micros(555_000_001)),
            max_tasks_per_hour: 99,
            max_tasks_per_day: None,
        },
        presence: Presence::Idle,
        state_version: StateVersion::FIRST,
        created_at: ambient.now(),
        updated_at: ambient.now(),
    }
}

/// An ACTIVE campaign of this agent.
#[must_use]
pub fn campaign(ambient: &dyn Ambient, agent: &Agent) -> Campaign {
    let mark = mark(ambient);
    Campaign {
        id: CampaignId::generate(ambient),
        tenant_id: agent.tenant_id,
        slug: format!("spring-{mark}"),
        goal: "Slow fashion: silk, mending, and what outlives a season".to_owned(),
        agents: vec![agent.id],
        resources: vec![format!("file:///feeds/{mark}.xml"), "mcp://feeds/https://example.org/rss".to_owned()],
        channels: vec![Channel::Instagram, Channel::Bluesky],
        relevance_threshold: score(23),
        post_budget_usd: Usd::from_micros(1_250_003),
        video_seconds: 6,
        terms: CampaignTerms {
            keywords: vec!["silk*".to_owned()],
            allow: vec!["mending circle".to_owned()],
            deny: vec!["fur".to_owned(), "\"prêt\"".to_owned()],
            examples: vec!["A jacket mended for the tenth time".to_owned()],
            counter_examples: vec!["Stock of a silk mill falls".to_owned()],
        },
        // What is counted costs statements.
        limits: CampaignLimits::default(),
        origin: CampaignOrigin::Operator,
        calibration: None,
        status: CampaignStatus::Active,
        brief_version: StateVersion::FIRST,
        state_version: StateVersion::FIRST,
        created_at: ambient.now(),
        updated_at: ambient.now(),
    }
}

/// A PLANNED signal of its own, as this campaign saw it.
#[must_use]
pub fn signal(ambient: &dyn Ambient, campaign: &Campaign, agent: &Agent) -> TrendSignal {
    let mark = mark(ambient);
    let item = FeedItem {
        id: format!("guid-{mark}"),
        title: format!("Silk is back, says {mark} \u{1f9f5}"),
        summary: "A summary with a \"quote\", a \\ and a\nline break.".to_owned(),
        url: Some(format!("https://example.org/{mark}")),
        published_at: Some(ambient.now()),
        language: Some("en-GB".to_owned()),
        categories: vec!["style".to_owned(), "craft".to_owned()],
    };
    let id = SignalId::generate(ambient);
    TrendSignal {
        id,
        tenant_id: campaign.tenant_id,
        trace_id: TraceId::generate(ambient),
        campaign_id: campaign.id,
        agent_id: agent.id,
        resource_uri: campaign.resources.first().cloned().unwrap_or_default(),
        event_key: item.event_key(),
        content_hash: item.content_hash(),
        story_id: id,
        relevance: score(29),
        why: "near the goal: silk".to_owned(),
        taint: vec!["imperative_to_model".to_owned()],
        outcome: SignalOutcome::Planned,
        item,
        ingested_at: ambient.now(),
        decided_at: ambient.now(),
        note: None,
    }
}

/// A trend that lasts, with a signal in it.
#[must_use]
pub fn trend(ambient: &dyn Ambient, signal: &TrendSignal) -> Trend {
    Trend {
        id: TrendId::generate(ambient),
        tenant_id: signal.tenant_id,
        label: format!("Silk everywhere, says {}", mark(ambient)),
        state: TrendState::Hot,
        items: 12,
        sources: 5,
        expected: 0.75,
        z: 4.5,
        z_peak: 6.25,
        members: vec![TrendMember {
            signal_id: signal.id,
            story_id: signal.story_id,
            resource_uri: signal.resource_uri.clone(),
            headline: signal.item.title.clone(),
            at: signal.ingested_at,
        }],
        began_at: ambient.now(),
        ended_at: None,
        state_version: StateVersion::FIRST,
    }
}

/// A task of this signal, PENDING or READY by its dependencies, every other column filled.
#[must_use]
pub fn task(
    ambient: &dyn Ambient,
    campaign: &Campaign,
    agent: &Agent,
    signal: &TrendSignal,
    task_type: TaskType,
    depends_on: Vec<TaskId>,
) -> AgentTask {
    AgentTask {
        id: TaskId::generate(ambient),
        tenant_id: signal.tenant_id,
        trace_id: signal.trace_id,
        agent_id: agent.id,
        campaign_id: campaign.id,
        campaign_version: campaign.state_version,
        signal_id: signal.id,
        task_type,
        channel: Channel::Threads,
        priority: Priority::High,
        state: if depends_on.is_empty() { TaskState::Ready } else { TaskState::Pending },
        depends_on,
        persona_lock: PersonaLock {
            character_reference_id: agent.soul.character_reference_id.clone(),
            soul_hash: agent.soul_hash.clone(),
        },
        budget_cap_usd: Usd::from_micros(310_001),
        payload: TaskPayload {
            goal: campaign.goal.clone(),
            headline: signal.item.title.clone(),
            summary: signal.item.summary.clone(),
            source_url: signal.item.url.clone(),
            why: signal.why.clone(),
            modalities: vec![Modality::Text, Modality::Image],
            video_seconds: 7,
            video: None,
            reply: None,
            acceptance: Criterion::of(task_type, Channel::Threads, &[Modality::Text, Modality::Image]),
            taint: signal.taint.clone(),
            correction: Some("too salesy".to_owned()),
            replans: 1,
            seed: u64::MAX - 1,
        },
        state_version: StateVersion::FIRST,
        attempts: 0,
        failures: 0,
        lease_owner: None,
        last_error: None,
        cancel_reason: None,
        result_artifact: None,
        hitl_ticket_id: None,
        created_at: ambient.now(),
        updated_at: ambient.now(),
    }
}

/// Words and a picture side by side, then the post that needs both.
#[must_use]
pub fn dag(ambient: &dyn Ambient, campaign: &Campaign, agent: &Agent, signal: &TrendSignal) -> Vec<AgentTask> {
    let words = task(ambient, campaign, agent, signal, TaskType::GenerateText, vec![]);
    let picture = task(ambient, campaign, agent, signal, TaskType::GenerateImage, vec![]);
    let post = task(ambient, campaign, agent, signal, TaskType::AssemblePost, vec![words.id, picture.id]);
    vec![words, picture, post]
}

/// A tool call for this task, 30,001 micro-dollars.
#[must_use]
pub fn tool_call(ambient: &dyn Ambient, task: &AgentTask) -> ToolCall {
    let mark = mark(ambient);
    ToolCall {
        id: ToolCallId::generate(ambient),
        trace_id: task.trace_id,
        task_id: Some(task.id),
        agent_id: Some(task.agent_id),
        server: "studio".to_owned(),
        tool: "render_picture".to_owned(),
        status: ToolStatus::Failed,
        latency_ms: 1_234,
        cost_usd: Usd::from_micros(30_001),
        arguments_hash: sha256_hex(mark.as_bytes()),
        attempts: 2,
        error: Some("the second attempt timed out".to_owned()),
        called_at: ambient.now(),
    }
}

/// A ledger's entry of an attempt at this task, with every column filled; it counts 310,001 micro-dollars.
#[must_use]
pub fn ledger_entry(ambient: &dyn Ambient, task: &AgentTask) -> LedgerEntry {
    LedgerEntry {
        reservation: ReservationId::of_attempt(task.id, task.state_version),
        agent_id: task.agent_id,
        campaign_id: Some(task.campaign_id),
        task_id: Some(task.id),
        task_version: Some(task.state_version),
        trace_id: Some(task.trace_id),
        purpose: task.task_type.to_string(),
        reserved: task.budget_cap_usd,
        cost: Usd::from_micros(30_001),
        counted: task.budget_cap_usd,
        state: EntryState::Presumed,
        reserved_at: ambient.now(),
        changed_at: ambient.now(),
        state_version: StateVersion::new(2),
    }
}

/// What this task made. It cost 100,003 micro-dollars, of which its one logged tool call took 30,001.
#[must_use]
pub fn artifact(ambient: &dyn Ambient, task: &AgentTask) -> Artifact {
    let mark = mark(ambient);
    let hashtags = vec!["silk".to_owned(), "mending".to_owned()];
    let media = vec![MediaRef {
        sha256: sha256_hex(mark.as_bytes()),
        modality: Modality::Image,
        mime: "image/png".to_owned(),
        bytes: 54_321,
        width: 1_080,
        height: 1_350,
        duration_ms: 1,
        alt_text: "A folded silk dress".to_owned(),
        captions_vtt: None,
    }];
    let disclosure = Disclosure {
        ai_generated: true,
        label: "Made by an AI.".to_owned(),
        models: vec!["offline-mind-1".to_owned(), "studio".to_owned()],
    };
    let text = format!("Silk, again. ({mark})\n\n{}", disclosure.label);
    Artifact {
        id: ArtifactId::generate(ambient),
        tenant_id: task.tenant_id,
        trace_id: task.trace_id,
        task_id: task.id,
        agent_id: task.agent_id,
        campaign_id: task.campaign_id,
        channel: task.channel,
        content_type: "multipart/mixed".to_owned(),
        content_hash: Artifact::content_hash(task.channel, &text, &hashtags, &media, &disclosure, None),
        text,
        hashtags,
        media,
        disclosure,
        in_reply_to: None,
        character_reference_id: task.persona_lock.character_reference_id.clone(),
        llm_self_score: Some(score(26)),
        tool_log: vec![tool_call(ambient, task)],
        costs: Costs { inference_usd: Usd::from_micros(60_001), media_generation_usd: Usd::from_micros(40_002) },
        created_at: ambient.now(),
    }
}

/// A decision on what this task made.
#[must_use]
pub fn decision(ambient: &dyn Ambient, task: &AgentTask, artifact: &Artifact, verdict: Verdict) -> JudgeDecision {
    JudgeDecision {
        id: DecisionId::generate(ambient),
        tenant_id: task.tenant_id,
        trace_id: task.trace_id,
        task_id: task.id,
        artifact_id: Some(artifact.id),
        verdict,
        confidence: score(25),
        raw_confidence: Some(score(27)),
        opinion_of: Some("scripted-1 (opine.v1)".to_owned()),
        breakdown: vec![
            Component { name: "persona".to_owned(), score: score(22), weight: 0.1 + 0.2, reason: "dry".to_owned() },
            Component { name: "safety".to_owned(), score: score(28), weight: 1.0 / 3.0, reason: "clean".to_owned() },
        ],
        persona_score: score(24),
        safety_flags: vec!["banned_topic".to_owned()],
        sensitive_topics: vec![topic()],
        reasoning_trace: "first this,\nthen that".to_owned(),
        decided_by: "judge".to_owned(),
        next_action: match verdict {
            Verdict::Approve => NextAction::Publish,
            Verdict::Reject => NextAction::Replan,
            Verdict::HitlQueue => NextAction::WaitHitl,
        },
        state_version_seen: task.state_version,
        logged_at: ambient.now(),
    }
}

/// What scores of `scripted-1` mean.
#[must_use]
pub fn calibration(ambient: &dyn Ambient) -> Calibration {
    Calibration {
        map: MonotoneMap::identity(),
        method: CalibrationMethod::Isotonic,
        model: "scripted-1".to_owned(),
        examples: 321,
        error_before: score(20),
        error_after: score(3),
        fitted_at: ambient.now(),
    }
}

fn topic() -> SensitiveTopic {
    SensitiveTopic { topic: "politics".to_owned(), score: score(17), evidence: "the minister".to_owned() }
}

/// An open question about what this task made.
#[must_use]
pub fn ticket(ambient: &dyn Ambient, task: &AgentTask, artifact: &Artifact) -> HitlTicket {
    let now = ambient.now();
    HitlTicket {
        id: TicketId::generate(ambient),
        tenant_id: task.tenant_id,
        trace_id: task.trace_id,
        task_id: task.id,
        artifact_id: artifact.id,
        artifact_hash: artifact.content_hash.clone(),
        question: Question::MayPublish,
        confidence: score(25),
        sensitive_topics: vec![topic()],
        reasoning_trace: "a person should see this".to_owned(),
        assigned_to: Some("mara".to_owned()),
        sla_expires_at: now + HitlTicket::SLA,
        resolution: None,
        resolved_by: None,
        resolution_note: None,
        resolved_at: None,
        state_version: StateVersion::FIRST,
        created_at: now,
    }
}

/// An alert about this subject that nobody has acknowledged.
#[must_use]
pub fn alert(ambient: &dyn Ambient, kind: AlertKind, subject: &str) -> Alert {
    Alert {
        id: AlertId::generate(ambient),
        tenant_id: TenantId::DEFAULT,
        trace_id: Some(TraceId::generate(ambient)),
        kind,
        severity: Severity::Critical,
        subject: subject.to_owned(),
        reason_code: "attempts_exhausted".to_owned(),
        message: "it gave up; look at its last error".to_owned(),
        acknowledged_by: None,
        created_at: ambient.now(),
    }
}

/// A memory of this agent, with a direction of its own.
#[must_use]
#[expect(clippy::panic, reason = "only tests call this, and numbers that are no direction are a bug here")]
pub fn memory(ambient: &dyn Ambient, agent_id: AgentId) -> (Memory, MemoryVector) {
    let mark = mark(ambient);
    let values = ambient.random().map(|byte| f32::from(byte) - 127.25).to_vec();
    let vector = MemoryVector::new("test-16", values).unwrap_or_else(|error| panic!("{error}"));
    let memory = Memory {
        id: MemoryId::generate(ambient),
        tenant_id: TenantId::DEFAULT,
        agent_id,
        kind: MemoryKind::Semantic,
        content: format!("mending is cheaper than it looks ({mark}), said \"someone\" at the märket"),
        provenance: Provenance {
            source: MemorySource::Outside,
            origin: format!("https://example.org/{mark}"),
            trace_id: Some(TraceId::generate(ambient)),
            artifact_id: Some(ArtifactId::generate(ambient)),
        },
        importance: score(19),
        model: vector.model().clone(),
        created_at: ambient.now(),
    };
    (memory, vector)
}
