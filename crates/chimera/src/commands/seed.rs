//! `chimera seed`

use std::process::ExitCode;

use anyhow::Context as _;
use chimera_domain::{Ambient, Campaign, CampaignLimits, CampaignOrigin, CampaignTerms, Channel, GovernorLimits};
use clap::{Args, Subcommand, builder::PossibleValuesParser};

use crate::{
    cli::{By, Global},
    compose,
    config::{CampaignConfig, Config},
    output,
    seed::{self, FAE, SCENARIOS, Scenario},
    system::SystemAmbient,
};

/// Bring in a persona, a campaign and a feed to try things on.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// A feed with headlines of every kind, and a campaign that watches it
    Trends {
        /// Which feed
        #[arg(long, default_value = SCENARIOS[0].name, value_parser = PossibleValuesParser::new(SCENARIOS.iter().map(|s| s.name)))]
        scenario: String,
        #[command(flatten)]
        by: By,
    },
}

impl Options {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<ExitCode> {
        let Command::Trends { scenario, by } = self.command;
        let config = global.load(true, None)?;
        let scenario = SCENARIOS.iter().find(|s| s.name == scenario).context("there is no such scenario")?;
        let store = compose::make_store(&config).await?.acting_as(by.operator());
        plant(&store, &config, scenario, &SystemAmbient).await?;
        output::note(&format!(
            "the feed {} lies in {}, and the campaign {} watches it; `chimera up` runs it",
            scenario.name,
            config.feeds_dir().display(),
            scenario.name
        ));
        Ok(ExitCode::SUCCESS)
    }
}

/// Brings in a scenario's persona, feed and campaign.
pub(crate) async fn plant(
    store: &chimera_store::Store,
    config: &Config,
    scenario: &Scenario,
    ambient: &dyn Ambient,
) -> anyhow::Result<()> {
    let folder = config.feeds_dir();
    compose::make_folder(&folder)?;
    let file = folder.join(format!("{}.xml", scenario.feed_name()));
    // A planner that runs must not find half of it.
    let unfinished = folder.join(format!(".{}.xml", scenario.feed_name()));
    let written = std::fs::write(&unfinished, scenario.feed).and_then(|()| std::fs::rename(&unfinished, &file));
    written.with_context(|| format!("writing {}", file.display()))?;
    let agent = seed::agent(store, FAE, "the built-in persona", GovernorLimits::default(), ambient).await?;
    let campaign = campaign(scenario.name, scenario.goal, &agent.persona_slug, &[scenario.feed_name()]);
    seed::campaign(store, &campaign, CampaignOrigin::Operator, ambient).await?;
    Ok(())
}

/// A campaign on Instagram that watches feeds, by their names as they stand in URIs.
pub(crate) fn campaign(slug: &str, goal: &str, agent: &str, feeds: &[String]) -> CampaignConfig {
    CampaignConfig {
        slug: slug.to_owned(),
        goal: goal.to_owned(),
        agents: vec![agent.to_owned()],
        resources: feeds.iter().map(|f| format!("mcp://feeds/feed://{f}")).collect(),
        channels: vec![Channel::Instagram],
        relevance_threshold: Campaign::RELEVANCE_THRESHOLD,
        post_budget_usd: Campaign::POST_BUDGET,
        video_seconds: Campaign::VIDEO_SECONDS,
        terms: CampaignTerms::default(),
        limits: CampaignLimits::default(),
    }
}
