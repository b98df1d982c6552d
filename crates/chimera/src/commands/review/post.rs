//! The post that a ticket is about, as the terminal's review desk shows it.

use chimera_domain::{Artifact, HitlTicket, JudgeDecision, Modality, shown};
use chimera_store::{Store, TraceView};

/// Everything to be known of a post before it is answered. Text from outside is made safe to show.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Post {
    pub(super) headline: String,
    pub(super) summary: String,
    pub(super) source: String,
    /// Channel, agent and campaign.
    pub(super) whose: String,
    pub(super) text: String,
    pub(super) hashtags: String,
    /// One line for each picture and video.
    pub(super) media: Vec<String>,
    /// Name, value from 0 to 1 and reason of each part of the confidence.
    pub(super) parts: Vec<(String, f64, String)>,
    pub(super) flags: Vec<String>,
    /// Topic and evidence.
    pub(super) topics: Vec<(String, String)>,
    /// What the judge said last: the rule that decided.
    pub(super) verdict: String,
}

impl Post {
    /// Reads it, or `None` when the rows are gone.
    pub(super) async fn read(store: &Store, ticket: &HitlTicket) -> anyhow::Result<Option<Self>> {
        let Some(view) = store.trace(ticket.trace_id).await? else { return Ok(None) };
        let Some(artifact) = view.artifacts.iter().find(|made| made.id == ticket.artifact_id) else { return Ok(None) };
        let agents = store.agents_by_ids(&[artifact.agent_id]).await?;
        let agent = agents.first().map_or("an agent that is gone", |agent| agent.soul.name.as_str());
        let campaign = store.campaign_by_id(artifact.campaign_id).await?;
        let campaign = campaign.as_ref().map_or("a campaign that is gone", |campaign| campaign.slug.as_str());
        let whose = format!("{} · {agent} · {campaign}", artifact.channel);
        Ok(Some(Self::of(ticket, &view, artifact, &whose)))
    }

    fn of(ticket: &HitlTicket, view: &TraceView, artifact: &Artifact, whose: &str) -> Self {
        // The judge's own, not what a person said to an earlier question.
        let judged = |decision: &&JudgeDecision| decision.task_id == ticket.task_id && !decision.breakdown.is_empty();
        let decision = view.decisions.iter().rev().find(judged);
        let item = view.signal.as_ref().map(|signal| &signal.item);
        let breakdown = decision.map_or(&[][..], |decision| &decision.breakdown);
        Self {
            headline: item.map(|item| shown(&item.title)).unwrap_or_default(),
            summary: item.map(|item| shown(&item.summary)).unwrap_or_default(),
            source: item.and_then(|item| item.url.as_ref()).map(|url| shown(url.as_ref())).unwrap_or_default(),
            whose: shown(whose),
            text: shown(&artifact.text),
            hashtags: artifact.hashtags.iter().map(|tag| format!("#{}", shown(tag))).collect::<Vec<_>>().join(" "),
            media: artifact.media.iter().map(medium).collect(),
            parts: breakdown.iter().map(|part| (part.name.clone(), part.score.get(), shown(&part.reason))).collect(),
            flags: decision.map(|decision| decision.safety_flags.clone()).unwrap_or_default(),
            topics: ticket.sensitive_topics.iter().map(|found| (found.topic.clone(), shown(&found.evidence))).collect(),
            verdict: shown(ticket.reasoning_trace.lines().last().unwrap_or_default()),
        }
    }

    /// The words that made somebody ask, in lower case: what the evidence quotes.
    pub(super) fn telling(&self) -> Vec<String> {
        let quoted = self.topics.iter().flat_map(|(_, evidence)| evidence.split('`').skip(1).step_by(2));
        quoted.filter(|words| !words.trim().is_empty()).map(str::to_lowercase).collect()
    }
}

fn medium(medium: &chimera_domain::MediaRef) -> String {
    let length = match medium.modality {
        Modality::Video => format!(", {} s", medium.duration_ms.div_ceil(1_000)),
        _ => String::new(),
    };
    let name = medium.sha256.get(..12).unwrap_or(&medium.sha256);
    let about = format!("{} {}x{}{length}, {name}…", medium.mime, medium.width, medium.height);
    format!("{}: {}", shown(&about), shown(&medium.alt_text))
}
