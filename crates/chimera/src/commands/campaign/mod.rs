//! `chimera campaign`

mod show;
mod wishes;

use std::process::ExitCode;

use anyhow::Context as _;
use chimera_domain::{Ambient as _, Campaign, CampaignOrigin, CampaignStatus, StateVersion, one_line};
use chimera_store::Store;
use clap::{Args, Subcommand};

use crate::{
    cli::{By, Global},
    compose,
    config::Config,
    output, seed,
    system::SystemAmbient,
};
use wishes::Wishes;

/// Campaigns: make, see, edit, pause, resume and end them.
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
    /// What a campaign is and does
    Show {
        /// Its short name
        slug: String,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Make a campaign; saying the same twice makes one
    Create(Create),
    /// Change what a campaign is. Whatever is given replaces what was there, the rest stays
    Edit(Edit),
    /// End campaigns for good: what is planned for them is cancelled
    End {
        /// Their short names
        #[arg(required = true)]
        slugs: Vec<String>,
        #[command(flatten)]
        by: By,
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

/// A campaign to be made.
#[derive(Debug, Args)]
struct Create {
    /// A short name of a-z, 0-9, `-` and `_`
    slug: String,
    #[command(flatten)]
    wishes: Wishes,
    #[command(flatten)]
    by: By,
}

/// What to change.
#[derive(Debug, Args)]
struct Edit {
    /// Its short name
    slug: String,
    /// Only if it still has this version, as `campaign show` tells it [default: whatever it has]
    #[arg(long, value_name = "N")]
    at_version: Option<i64>,
    /// From now on commands say what it is, and the configuration leaves it alone
    #[arg(long)]
    take_over: bool,
    #[command(flatten)]
    wishes: Wishes,
    #[command(flatten)]
    by: By,
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
            Command::Show { slug, json } => {
                show::show(&store, named(&store.campaigns().await?, &slug)?, json).await?;
            }
            Command::Create(create) => create.make(&store, &config).await?,
            Command::Edit(edit) => edit.make(&store).await?,
            Command::End { slugs, by } => end(&store.acting_as(by.operator()), &slugs).await?,
            Command::Pause(change) => change.make(&store, CampaignStatus::Active, CampaignStatus::Paused).await?,
            Command::Resume(change) => change.make(&store, CampaignStatus::Paused, CampaignStatus::Active).await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Create {
    async fn make(self, store: &Store, config: &Config) -> anyhow::Result<()> {
        anyhow::ensure!(
            !config.campaigns.iter().any(|campaign| campaign.slug == self.slug),
            "the configuration has a campaign {}; edit it there, or take another slug",
            self.slug
        );
        let wanted = self.wishes.of_new(&self.slug)?;
        let campaign = seed::whole(store, &wanted, CampaignOrigin::Operator, &SystemAmbient).await?;
        let made = store.acting_as(self.by.operator()).campaign_create(&campaign).await?;
        let known = if made.id == campaign.id { "" } else { "; it was there already" };
        output::note(&format!("{}  {} at {}{known}", made.slug, made.status, made.state_version));
        Ok(())
    }
}

impl Edit {
    async fn make(self, store: &Store) -> anyhow::Result<()> {
        let before = named(&store.campaigns().await?, &self.slug)?.clone();
        let wanted = self.wishes.of_edited(&before, store).await?;
        let origin = if self.take_over { CampaignOrigin::Operator } else { before.origin };
        let campaign = seed::whole(store, &wanted, origin, &SystemAmbient).await?;
        let version = self.at_version.map_or(before.state_version, StateVersion::new);
        let edited = store.acting_as(self.by.operator()).campaign_edit(before.id, version, &campaign).await;
        let after = edited.context("nothing was changed; `chimera campaign show` and `edit --help` tell more")?;
        let told = match () {
            () if after.state_version == before.state_version => "nothing to change",
            () if after.brief_version > before.brief_version => "edited; what was planned before is void",
            () => "edited; what is planned stays",
        };
        output::note(&format!("{}  {} at {}: {told}", after.slug, after.status, after.state_version));
        Ok(())
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
    let rows = campaigns
        .iter()
        .map(|c| [c.slug.clone(), c.status.to_string(), show::origin(c.origin).to_owned(), one_line(&c.goal, 100)]);
    output::table(["campaign", "status", "made by", "goal"], rows);
    Ok(())
}

/// The campaign of this name, or an error that names those there are.
pub(in crate::commands) fn named<'a>(all: &'a [Campaign], slug: &str) -> anyhow::Result<&'a Campaign> {
    let found = all.iter().find(|campaign| campaign.slug == slug);
    let known = || match all.iter().map(|campaign| campaign.slug.as_str()).collect::<Vec<_>>().join(", ") {
        none if none.is_empty() => "there is none at all; `chimera campaign create` makes one".to_owned(),
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

/// Ends campaigns. All are looked up before the first is ended.
async fn end(store: &Store, slugs: &[String]) -> anyhow::Result<()> {
    let all = store.campaigns().await?;
    let chosen: Vec<&Campaign> = slugs.iter().map(|slug| named(&all, slug)).collect::<anyhow::Result<_>>()?;
    for campaign in chosen {
        if campaign.status != CampaignStatus::Ended {
            let (version, now) = (campaign.state_version, SystemAmbient.now());
            store.campaign_set_status(campaign.id, version, CampaignStatus::Ended, now).await?;
        }
        output::note(&format!("{}  {}", campaign.slug, CampaignStatus::Ended));
    }
    Ok(())
}
