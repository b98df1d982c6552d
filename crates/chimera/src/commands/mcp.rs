//! `chimera mcp`

use std::{process::ExitCode, sync::Arc};

use anyhow::Context as _;
use chimera_domain::Ambient;
use chimera_mcp::Traced;
use chimera_servers::{
    feeds::{FeedSource, FeedsConfig, FeedsServer},
    memory::{MemoryOwner, MemoryServer},
    sandbox::SandboxServer,
    studio::StudioServer,
};
use chimera_store::Store;
use chimera_telemetry::Identity;
use clap::{Args, Subcommand};
use rmcp::{ServiceExt as _, transport::stdio};

use crate::{
    cli::Global,
    compose,
    config::Config,
    lifecycle::Lifecycle,
    system::{self, SystemAmbient},
};

/// Serve one of Chimera's own MCP servers over standard input and output.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    server: Server,
}

#[derive(Debug, Subcommand)]
enum Server {
    /// RSS, Atom and JSON Feeds as resources
    Feeds {
        /// A feed to serve, besides the configured ones: a URL or a file, or NAME=URL; may be repeated
        #[arg(long = "feed", value_name = "URL_OR_FILE")]
        feeds: Vec<String>,
    },
    /// Texts, pictures and videos made offline
    Studio,
    /// A social platform for tests and dry runs, with its state in the data folder
    Sandbox,
    /// What one agent remembers, to search and to add to; no other agent's
    Memory {
        /// Whose memory, by the agent's slug
        #[arg(long, value_name = "SLUG")]
        agent: String,
    },
}

impl Server {
    /// What the process does, for whoever watches many.
    const fn role(&self) -> &'static str {
        match self {
            Self::Feeds { .. } => "mcp-feeds",
            Self::Studio => "mcp-studio",
            Self::Sandbox => "mcp-sandbox",
            Self::Memory { .. } => "mcp-memory",
        }
    }
}

impl Options {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<ExitCode> {
        let config = global.load(true, None)?;
        let who = Identity { role: self.server.role(), instance: system::instance() };
        compose::export_traces(&config, &who)?;
        let ambient: Arc<dyn Ambient> = Arc::new(SystemAmbient);
        match self.server {
            Server::Feeds { feeds } => {
                let lifecycle = Lifecycle::default();
                let feeds = with_feeds(&config, &feeds)?;
                let server = FeedsServer::start(&feeds, ambient, &lifecycle.tracker, lifecycle.cancel.child_token())?;
                Traced(server).serve(stdio()).await?.waiting().await?;
                lifecycle.stop().await?;
            }
            Server::Studio => {
                let (mind, _) = compose::choose_mind(&config).await?;
                Traced(StudioServer::new(config.studio.clone(), mind)?).serve(stdio()).await?.waiting().await?;
            }
            Server::Sandbox => {
                compose::make_folder(&config.data_dir.0)?;
                SandboxServer::open(compose::sandbox_config(&config), ambient).await?.serve_stdio().await?;
            }
            Server::Memory { agent } => {
                let server = memory(&config, &agent, ambient).await?;
                Traced(server).serve(stdio()).await?.waiting().await?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The memory of the agent with this slug.
async fn memory(config: &Config, agent: &str, ambient: Arc<dyn Ambient>) -> anyhow::Result<MemoryServer> {
    let store = Store::connect(&config.store_of("mcp-memory")).await?;
    let found = store.agent_by_slug(agent).await.context("looking for the agent; has the database been migrated?")?;
    let found =
        found.with_context(|| format!("there is no agent {agent}: `chimera status` names those that are there"))?;
    let index = compose::memories(config, &store).await?;
    let owner = MemoryOwner { tenant_id: store.tenant(), agent_id: found.id };
    Ok(MemoryServer::new(index, owner, config.memory.served(), ambient))
}

fn with_feeds(config: &Config, given: &[String]) -> anyhow::Result<FeedsConfig> {
    let mut feeds = compose::feeds_config(config)?;
    for (index, text) in given.iter().enumerate() {
        let (name, source) = match text.split_once('=') {
            Some((name, source)) if !name.contains(['/', ':', '.']) => (name.to_owned(), source),
            _ => (format!("feed-{}", index + 1), text.as_str()),
        };
        feeds.feeds.push(FeedSource::new(name, compose::feed_source(source)?));
    }
    Ok(feeds)
}
