//! Bringing agents and campaigns into the store: from files, and from the scenario that ships with the binary.

use std::path::Path;

use anyhow::Context as _;
use chimera_domain::{
    Agent, AgentId, Ambient, Campaign, CampaignId, CampaignOrigin, CampaignStatus, GovernorLimits, Presence, Soul,
    StateVersion, TenantId, sha256_hex,
};
use chimera_store::Store;

use crate::{
    config::{CampaignConfig, Config},
    output,
};

/// The persona that ships with the binary.
pub(crate) const FAE: &str = include_str!("../../../personas/fae/SOUL.md");

/// A feed of our own writing, with a campaign to watch it.
pub(crate) struct Scenario {
    /// Its name, and its feed's.
    pub(crate) name: &'static str,
    /// The feed, as RSS.
    pub(crate) feed: &'static str,
    /// The campaign's goal.
    pub(crate) goal: &'static str,
}

impl Scenario {
    /// The feed's name, as it stands in its URI.
    pub(crate) fn feed_name(&self) -> String {
        self.name.replace('_', "-")
    }
}

/// The scenarios that ship with the binary.
pub(crate) const SCENARIOS: [Scenario; 1] = [Scenario {
    name: "fashion_drop",
    feed: include_str!("../assets/fashion_drop.xml"),
    goal: "Find fresh fashion and beauty stories: new collections, street style, designers, runway looks, makeup, and clothes that are mended, second-hand or made to last",
}];

/// Brings in an agent by its SOUL.md.
pub(crate) async fn agent(
    store: &Store,
    soul_text: &str,
    origin: &str,
    limits: GovernorLimits,
    ambient: &dyn Ambient,
) -> anyhow::Result<Agent> {
    let soul = persona(soul_text, origin)?;
    let now = ambient.now();
    let agent = Agent {
        id: AgentId::generate(ambient),
        tenant_id: TenantId::DEFAULT,
        persona_slug: soul.slug.clone(),
        display_name: soul.name.clone(),
        soul,
        soul_hash: sha256_hex(soul_text.as_bytes()),
        soul_version: 1,
        governor_limits: limits,
        presence: Presence::Idle,
        state_version: StateVersion::FIRST,
        created_at: now,
        updated_at: now,
    };
    Ok(store.agent_save(&agent).await?)
}

fn persona(text: &str, origin: &str) -> anyhow::Result<Soul> {
    let soul = Soul::parse(text).with_context(|| format!("the persona in {origin} can't be used"))?;
    for contradiction in soul.contradictions() {
        output::note(&format!("{origin}: {contradiction}"));
    }
    Ok(soul)
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("the persona {} can't be read", path.display()))
}

/// Checks the personas that the configuration names. Brings in nothing.
pub(crate) fn souls(config: &Config) -> anyhow::Result<()> {
    for wanted in &config.agents {
        persona(&read(&wanted.soul)?, &wanted.soul.display().to_string())?;
    }
    Ok(())
}

/// Brings in an agent from a file.
pub(crate) async fn agent_file(
    store: &Store,
    path: &Path,
    limits: GovernorLimits,
    ambient: &dyn Ambient,
) -> anyhow::Result<Agent> {
    agent(store, &read(path)?, &path.display().to_string(), limits, ambient).await
}

/// Brings in a campaign, unless it is an operator's and this one is not.
pub(crate) async fn campaign(
    store: &Store,
    wanted: &CampaignConfig,
    origin: CampaignOrigin,
    ambient: &dyn Ambient,
) -> anyhow::Result<Campaign> {
    Ok(store.campaign_save(&whole(store, wanted, origin, ambient).await?).await?)
}

/// A campaign of what is said of it, ACTIVE, with its agents looked up.
pub(crate) async fn whole(
    store: &Store,
    wanted: &CampaignConfig,
    origin: CampaignOrigin,
    ambient: &dyn Ambient,
) -> anyhow::Result<Campaign> {
    let mut agents = Vec::with_capacity(wanted.agents.len());
    for slug in &wanted.agents {
        let found = store.agent_by_slug(slug).await?.with_context(|| {
            format!(
                "campaign {} names the agent {slug}, which isn't in the fleet; add its SOUL.md under `agents`",
                wanted.slug
            )
        })?;
        agents.push(found.id);
    }
    let now = ambient.now();
    Ok(Campaign {
        id: CampaignId::generate(ambient),
        tenant_id: TenantId::DEFAULT,
        slug: wanted.slug.clone(),
        goal: wanted.goal.clone(),
        agents,
        resources: wanted.resources.clone(),
        channels: wanted.channels.clone(),
        relevance_threshold: wanted.relevance_threshold,
        post_budget_usd: wanted.post_budget_usd,
        video_seconds: wanted.video_seconds,
        terms: wanted.terms.clone(),
        limits: wanted.limits.clone(),
        origin,
        calibration: None,
        status: CampaignStatus::Active,
        brief_version: StateVersion::FIRST,
        state_version: StateVersion::FIRST,
        created_at: now,
        updated_at: now,
    })
}

/// Brings in everything that the configuration names.
pub(crate) async fn configured(store: &Store, config: &Config, ambient: &dyn Ambient) -> anyhow::Result<()> {
    for wanted in &config.agents {
        agent_file(store, &wanted.soul, wanted.limits, ambient).await?;
    }
    for wanted in &config.campaigns {
        let kept = campaign(store, wanted, CampaignOrigin::Configuration, ambient).await?;
        if kept.origin == CampaignOrigin::Operator {
            tracing::warn!(
                campaign = %kept.slug,
                "an operator's campaign has the name of one in the configuration, which is left aside; take it out there, or \
                 give it another slug"
            );
        }
    }
    Ok(())
}
