//! `chimera campaign`

use std::process::ExitCode;

use chimera_domain::{Ambient as _, Campaign, CampaignStatus, one_line};
use chimera_store::Store;
use clap::{Args, Subcommand};

use crate::{
    cli::{By, Global},
    compose, output,
    system::SystemAmbient,
};

/// Campaigns: see, pause and resume them.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the campaigns
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Hold campaigns still: nothing is planned, made or published for them
    Pause(Change),
    /// Let paused campaigns go on
    Resume(Change),
}

/// Which campaigns.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Which {
    /// Their short names, as `chimera campaign list` shows them
    slugs: Vec<String>,
    /// All that this can be done to
    #[arg(long)]
    all: bool,
}

/// What to hold still or let go on.
#[derive(Debug, Args)]
struct Change {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    by: By,
}

impl Options {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<ExitCode> {
        let config = global.load(true, None)?;
        let store = compose::open_store(&config).await?;
        match self.command {
            Command::List { json } => list(&store.campaigns().await?, json)?,
            Command::Pause(change) => change.make(&store, CampaignStatus::Active, CampaignStatus::Paused).await?,
            Command::Resume(change) => change.make(&store, CampaignStatus::Paused, CampaignStatus::Active).await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Change {
    async fn make(&self, store: &Store, from: CampaignStatus, to: CampaignStatus) -> anyhow::Result<()> {
        set(&store.acting_as(self.by.operator()), &self.which, from, to).await
    }
}

fn list(campaigns: &[Campaign], json: bool) -> anyhow::Result<()> {
    if json {
        return output::json(&campaigns);
    }
    let rows = campaigns.iter().map(|c| [c.slug.clone(), c.status.to_string(), one_line(&c.goal, 100)]);
    output::table(["campaign", "status", "goal"], rows);
    Ok(())
}

/// The campaign of this name, or an error that names those there are.
pub(super) fn named<'a>(all: &'a [Campaign], slug: &str) -> anyhow::Result<&'a Campaign> {
    let found = all.iter().find(|campaign| campaign.slug == slug);
    let known = || match all.iter().map(|campaign| campaign.slug.as_str()).collect::<Vec<_>>().join(", ") {
        none if none.is_empty() => "there is none at all; `chimera seed trends` brings one in".to_owned(),
        some => format!("there are: {some}"),
    };
    found.ok_or_else(|| anyhow::anyhow!("there is no campaign {}; {}", one_line(slug, 100), known()))
}

/// Brings campaigns from one status to another. All are looked up before the first is changed.
async fn set(store: &Store, which: &Which, from: CampaignStatus, to: CampaignStatus) -> anyhow::Result<()> {
    let all = store.campaigns().await?;
    let mut chosen: Vec<&Campaign> = vec![];
    for slug in &which.slugs {
        let campaign = named(&all, slug)?;
        anyhow::ensure!(
            campaign.status == from || campaign.status == to,
            "campaign {slug} is {}, so it can't become {to}",
            campaign.status
        );
        chosen.push(campaign);
    }
    if which.all {
        chosen.extend(all.iter().filter(|campaign| campaign.status == from));
    }
    for campaign in chosen {
        if campaign.status != to {
            store.campaign_set_status(campaign.id, campaign.state_version, to, SystemAmbient.now()).await?;
        }
        output::note(&format!("{}  {to}", campaign.slug));
    }
    Ok(())
}
