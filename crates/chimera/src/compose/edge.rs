//! The edge: our own MCP servers in process, the configured ones beside them, and the roles that name their tools.

use std::{path::Path, sync::Arc};

use anyhow::Context as _;
use chimera_domain::Ambient;
use chimera_llm::Mind;
use chimera_mcp::{Cost, Host, HostConfig, RoleConfig, ServerConfig, TransportConfig};
use chimera_servers::{
    feeds::{FeedSource, FeedsConfig, FeedsServer},
    sandbox::{SandboxConfig, SandboxServer},
    studio::StudioServer,
};
use serde_json::{Value, json};

use crate::{config::Config, lifecycle::Lifecycle};

/// The names of our own servers.
pub(crate) const OWN: [&str; 3] = ["feeds", "studio", "sandbox"];

/// Our own servers and roles, each replaced by the operator's where one has the same name.
pub(crate) fn built_in(given: &Config) -> HostConfig {
    let mut config = given.mcp.clone();
    for name in OWN {
        config.servers.entry(name.to_owned()).or_insert_with(|| ServerConfig::new(TransportConfig::InProcess));
    }
    for (name, role) in roles(given.sandbox.honours_idempotency_key) {
        config.roles.entry(name.to_owned()).or_insert(role);
    }
    config
}

/// The roles that our own servers fill. A publish call may be repeated only where a repeat is harmless: the sandbox keeps
/// one post for each key, unless it was told to behave like a platform that doesn't.
fn roles(publish_repeats: bool) -> [(&'static str, RoleConfig); 5] {
    let generate = |tool: &str, arguments: Value| RoleConfig {
        idempotent: true,
        cost: Cost::Field("/cost_usd".to_owned()),
        ..RoleConfig::new("studio", tool, arguments)
    };
    let write = |arguments: Value| RoleConfig { idempotent: false, ..generate("generate_text", arguments) };
    let platform = |tool: &str, idempotent: bool, arguments: Value| RoleConfig {
        idempotent,
        ..RoleConfig::new("sandbox", tool, arguments)
    };
    [
        (
            "generate_text",
            // The mind has its own retries; the host's on top would multiply what a failing API costs.
            write(json!({
                "character_reference_id": "{{character_reference_id}}", "persona": "{{persona}}", "goal": "{{goal}}",
                "headline": "{{headline}}", "summary": "{{summary}}", "channel": "{{channel}}",
                "text_chars_max": "{{text_chars_max}}", "hashtags_max": "{{hashtags_max}}",
                "correction": "{{correction?}}", "seed": "{{seed}}", "budget_usd": "{{budget_usd?}}",
            })),
        ),
        (
            "generate_image",
            generate(
                "generate_image",
                json!({
                    "character_reference_id": "{{character_reference_id}}", "headline": "{{headline}}",
                    "kicker": "{{persona_name}}", "aspect": "{{aspect}}", "seed": "{{seed}}",
                }),
            ),
        ),
        (
            "generate_video",
            generate(
                "generate_video",
                json!({
                    "character_reference_id": "{{character_reference_id}}", "headline": "{{headline}}",
                    "kicker": "{{persona_name}}", "duration_seconds": "{{duration_seconds}}", "seed": "{{seed}}",
                }),
            ),
        ),
        (
            "publish_post",
            platform(
                "publish_post",
                publish_repeats,
                json!({
                    "account": "{{account}}", "channel": "{{channel}}", "text": "{{text}}", "hashtags": "{{hashtags}}",
                    "media": "{{media}}", "ai_generated": "{{ai_generated}}", "ai_label": "{{ai_label}}",
                    "idempotency_key": "{{idempotency_key}}",
                }),
            ),
        ),
        (
            "find_post",
            platform("find_post", true, json!({"account": "{{account}}", "idempotency_key": "{{idempotency_key}}"})),
        ),
    ]
}

/// The feeds that are configured, and those dropped into the data folder's `feeds`.
pub(crate) fn feeds_config(config: &Config) -> anyhow::Result<FeedsConfig> {
    let mut feeds = config.feeds.clone();
    let folder = config.feeds_dir();
    if !folder.is_dir() {
        return Ok(feeds);
    }
    let folder =
        folder.canonicalize().with_context(|| format!("the feeds folder {} can't be read", folder.display()))?;
    for (name, file) in dropped(&folder)? {
        if !feeds.feeds.iter().any(|f| f.name == name) {
            feeds.feeds.push(FeedSource::new(name, file));
        }
    }
    Ok(feeds)
}

/// A feed given on the command line: a URL as it is, a file by its full path.
pub(crate) fn feed_source(given: &str) -> anyhow::Result<String> {
    if given.contains("://") {
        return Ok(given.to_owned());
    }
    let path = std::fs::canonicalize(given)
        .with_context(|| format!("there is no feed at {given}; name a file, or a URL that begins with https://"))?;
    Ok(path.display().to_string())
}

fn dropped(folder: &Path) -> anyhow::Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| format!("listing {}", folder.display()))? {
        let path = entry?.path();
        let is_feed = path.extension().is_some_and(|e| ["xml", "rss", "atom", "json"].iter().any(|known| e == *known));
        if let (true, Some(stem)) = (is_feed, path.file_stem().and_then(|s| s.to_str())) {
            found.push((stem.to_owned(), path.display().to_string()));
        }
    }
    found.sort();
    Ok(found)
}

/// The sandbox, with its state in the data folder unless its path says otherwise.
pub(crate) fn sandbox_config(config: &Config) -> SandboxConfig {
    SandboxConfig { path: config.data_dir.0.join(&config.sandbox.path), ..config.sandbox.clone() }
}

/// The host, with our own servers registered.
pub(super) async fn host(
    config: &Config,
    mind: Arc<dyn Mind>,
    ambient: Arc<dyn Ambient>,
    lifecycle: &Lifecycle,
) -> anyhow::Result<Host> {
    let feeds = feeds_config(config)?;
    let feeds = FeedsServer::start(&feeds, ambient.clone(), &lifecycle.tracker, lifecycle.cancel.child_token())?;
    let studio = StudioServer::new(config.studio.clone(), mind)?;
    let sandbox = SandboxServer::open(sandbox_config(config), ambient.clone()).await?;
    let host = Host::builder(built_in(config), ambient)
        .in_process("feeds", move || feeds.clone())
        .in_process("studio", move || studio.clone())
        .in_process_with_line("sandbox", move |line| sandbox.with_line(line))
        .build()?;
    Ok(host)
}
