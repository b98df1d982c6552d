//! The edge: our own MCP servers in process, the configured ones beside them, and the roles that name their tools.

use std::{collections::BTreeSet, sync::Arc};

use anyhow::Context as _;
use chimera_domain::Ambient;
use chimera_llm::Mind;
use chimera_mcp::{Cost, Host, HostConfig, RoleConfig, ServerConfig, TransportConfig};
use chimera_servers::{
    feeds::{FeedsConfig, FeedsServer},
    sandbox::{SandboxConfig, SandboxServer},
    studio::StudioServer,
};
use serde_json::{Value, json};

use super::make_folder;
use crate::{config::Config, lifecycle::Lifecycle};

const FEEDS: &str = "feeds";
const STUDIO: &str = "studio";
const SANDBOX: &str = "sandbox";
/// The names of our own servers.
pub(crate) const OWN: [&str; 3] = [FEEDS, STUDIO, SANDBOX];

/// Our own servers and roles, each replaced by the operator's where one has the same name.
pub(crate) fn built_in(given: &Config) -> HostConfig {
    let mut config = given.mcp.clone();
    for name in OWN {
        config.servers.entry(name.to_owned()).or_insert_with(|| ServerConfig::new(TransportConfig::InProcess));
    }
    for (name, role) in roles(given.sandbox.keeps_posts_single()) {
        config.roles.entry(name.to_owned()).or_insert(role);
    }
    // The sandbox knows nothing of what goes out elsewhere.
    if !given.mcp.roles.contains_key("find_post") && !is_our_sandbox(&config, "publish_post") {
        config.roles.remove("find_post");
    }
    config
}

/// Whether a role is our own sandbox's, whose abilities are known.
pub(crate) fn is_our_sandbox(config: &HostConfig, role: &str) -> bool {
    let ours = config.servers.get(SANDBOX).is_some_and(|server| server.transport == TransportConfig::InProcess);
    ours && config.roles.get(role).is_some_and(|role| role.server == SANDBOX)
}

/// The roles that our own servers fill. A publish call may be repeated only where a repeat is harmless: the sandbox keeps
/// one post for each key, unless it was told to behave like a platform that doesn't.
fn roles(publish_repeats: bool) -> [(&'static str, RoleConfig); 6] {
    let generate = |tool: &str, arguments: Value| RoleConfig {
        idempotent: true,
        cost: Cost::Field("/cost_usd".to_owned()),
        ..RoleConfig::new("studio", tool, arguments)
    };
    let film = || {
        generate(
            "generate_video",
            json!({
                "character_reference_id": "{{character_reference_id}}", "headline": "{{headline}}",
                "kicker": "{{persona_name}}", "duration_seconds": "{{duration_seconds}}", "seed": "{{seed}}",
            }),
        )
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
                "correction": "{{correction?}}", "context": "{{context?}}", "reply": "{{reply?}}", "seed": "{{seed}}", "budget_usd": "{{budget_usd?}}",
            })),
        ),
        (
            "generate_image",
            generate(
                "generate_image",
                json!({
                    "character_reference_id": "{{character_reference_id}}", "headline": "{{headline}}",
                    "kicker": "{{persona_name}}", "aspect": "{{aspect}}", "format": "{{image_format}}", "seed": "{{seed}}",
                }),
            ),
        ),
        ("generate_video", film()),
        // The studio need not be given its own picture: it draws the same words, in the same look, from the same seed,
        // in motion.
        ("animate_image", film()),
        (
            "publish_post",
            platform(
                "publish_post",
                publish_repeats,
                json!({
                    "account": "{{account}}", "channel": "{{channel}}", "text": "{{text}}", "hashtags": "{{hashtags}}",
                    "media": "{{media}}", "ai_generated": "{{ai_generated}}", "ai_label": "{{ai_label}}",
                    "ai_fields": "{{ai_fields}}", "in_reply_to": "{{in_reply_to?}}",
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
    if feeds.folder.is_none() {
        let folder = config.feeds_dir();
        let whole = std::path::absolute(&folder);
        feeds.folder = Some(whole.with_context(|| format!("the feeds folder {} can't be found", folder.display()))?);
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

/// The sandbox, with its state in the data folder unless its path says otherwise.
pub(crate) fn sandbox_config(config: &Config) -> SandboxConfig {
    SandboxConfig { path: config.data_dir.0.join(&config.sandbox.path), ..config.sandbox.clone() }
}

/// How far a process reaches: which servers and tool roles it can call at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Everything.
    All,
    /// What a planner reads: resources, and no tools.
    Resources,
    /// What a worker calls to make words, pictures and videos.
    Making,
    /// What a publisher calls: the platforms. Nobody else holds their credentials.
    Platforms,
}

/// The tool roles that workers call.
const MAKING: [&str; 4] = ["generate_text", "generate_image", "generate_video", "animate_image"];
/// The tool roles that publishers call.
const PLATFORMS: [&str; 2] = ["publish_post", "find_post"];

impl Reach {
    /// Leaves of a configuration what is within reach; of our own servers, those in `read` have resources to be read.
    fn narrow(self, mut config: HostConfig, read: &[&str]) -> HostConfig {
        let wanted: &[&str] = match self {
            Self::All => return config,
            Self::Resources => {
                config.roles.clear();
                // Any other server may have something to read.
                let is_ours = |server: &ServerConfig| server.transport == TransportConfig::InProcess;
                config.servers.retain(|name, server| read.contains(&name.as_str()) || !is_ours(server));
                return config;
            }
            Self::Making => &MAKING,
            Self::Platforms => &PLATFORMS,
        };
        let is_wanted = |name: &str| wanted.contains(&name);
        let fallbacks = config.roles.iter().filter(|(name, _)| is_wanted(name)).flat_map(|(_, role)| &role.fallback);
        let fallbacks: BTreeSet<String> = fallbacks.cloned().collect();
        config.roles.retain(|name, _| is_wanted(name) || fallbacks.contains(name));
        for (name, role) in &mut config.roles {
            // The fallbacks of a fallback are not followed, and may be out of reach.
            if !is_wanted(name) {
                role.fallback.clear();
            }
        }
        let called: BTreeSet<&String> = config.roles.values().map(|role| &role.server).collect();
        config.servers.retain(|name, _| called.contains(name));
        config
    }
}

/// The built-in configuration, where a role that certainly costs nothing says so: money need not be set aside for it. The
/// studio draws pictures and videos itself; its words are free where the mind is offline. A studio elsewhere, or a role of
/// the operator's, says for itself what it costs.
fn with_certain_prices(given: &Config, mind_is_offline: bool) -> HostConfig {
    let mut config = built_in(given);
    let is_ours = config.servers.get(STUDIO).is_some_and(|studio| studio.transport == TransportConfig::InProcess);
    let drawn = ["generate_image", "generate_video", "animate_image"].map(|name| (name, true));
    for (name, free) in [("generate_text", mind_is_offline)].into_iter().chain(drawn) {
        if is_ours && free && !given.mcp.roles.contains_key(name) {
            config.roles.entry(name.to_owned()).and_modify(|role| role.cost = Cost::None);
        }
    }
    config
}

/// The host, with those of our own servers registered that are within reach. The studio needs a mind.
pub(super) async fn host(
    config: &Config,
    reach: Reach,
    mind: Option<Arc<dyn Mind>>,
    ambient: Arc<dyn Ambient>,
    lifecycle: &Lifecycle,
) -> anyhow::Result<Host> {
    let read: Vec<&str> = [FEEDS].into_iter().chain(config.planner.replies.server()).collect();
    let mind_is_offline = mind.as_ref().is_some_and(|mind| mind.about().offline);
    let reached = reach.narrow(with_certain_prices(config, mind_is_offline), &read);
    let is_served = |name: &str| reached.servers.get(name).is_some_and(|s| s.transport == TransportConfig::InProcess);
    let (feeds_too, studio_too, sandbox_too) = (is_served(FEEDS), is_served(STUDIO), is_served(SANDBOX));
    let mut host = Host::builder(reached, ambient.clone());
    if feeds_too {
        let feeds = feeds_config(config)?;
        let feeds = FeedsServer::start(&feeds, ambient.clone(), &lifecycle.tracker, lifecycle.cancel.child_token())?;
        host = host.in_process(FEEDS, move || feeds.clone());
    }
    if let (true, Some(mind)) = (studio_too, mind) {
        let studio = StudioServer::new(config.studio.clone(), mind)?;
        host = host.in_process(STUDIO, move || studio.clone());
    }
    if sandbox_too {
        make_folder(&config.data_dir.0)?;
        let sandbox = SandboxServer::open(sandbox_config(config), ambient).await?;
        host = host.in_process_with_line(SANDBOX, move |line| sandbox.with_line(line));
    }
    Ok(host.build()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names<T>(of: &std::collections::BTreeMap<String, T>) -> Vec<&str> {
        of.keys().map(String::as_str).collect()
    }

    #[test]
    fn each_role_reaches_its_own_tools_only() {
        let config = built_in(&Config::default());
        let all: BTreeSet<&str> = MAKING.into_iter().chain(PLATFORMS).collect();
        assert_eq!(names(&config.roles), all.into_iter().collect::<Vec<_>>());
        for (reach, roles, servers) in [
            (Reach::Resources, vec![], vec!["feeds"]),
            (Reach::Making, vec!["animate_image", "generate_image", "generate_text", "generate_video"], vec!["studio"]),
            (Reach::Platforms, vec!["find_post", "publish_post"], vec!["sandbox"]),
        ] {
            let narrowed = reach.narrow(config.clone(), &[FEEDS]);
            assert_eq!((names(&narrowed.roles), names(&narrowed.servers)), (roles, servers), "{reach:?}");
            narrowed.validate().unwrap();
        }
    }

    #[test]
    fn fallbacks_stay_within_reach_and_readable_servers_with_the_planner() {
        let mut given = Config::default();
        let elsewhere =
            TransportConfig::Http { url: "https://media.test/mcp".parse().unwrap(), headers: Default::default() };
        given.mcp.servers.insert("media".to_owned(), ServerConfig::new(elsewhere));
        let other =
            RoleConfig { fallback: vec!["publish_post".to_owned()], ..RoleConfig::new("media", "draw", json!({})) };
        given.mcp.roles.insert("other_image".to_owned(), other);
        let image = RoleConfig {
            fallback: vec!["other_image".to_owned()],
            ..RoleConfig::new("studio", "generate_image", json!({}))
        };
        given.mcp.roles.insert("generate_image".to_owned(), image);
        let config = built_in(&given);
        let narrowed = Reach::Making.narrow(config.clone(), &[FEEDS]);
        narrowed.validate().unwrap();
        assert_eq!(names(&narrowed.servers), ["media", "studio"]);
        assert!(narrowed.roles.contains_key("other_image") && !narrowed.roles.contains_key("publish_post"));
        assert_eq!(names(&Reach::Resources.narrow(config.clone(), &[FEEDS]).servers), ["feeds", "media"]);
        let answering = Reach::Resources.narrow(config, &[FEEDS, SANDBOX]);
        assert_eq!((names(&answering.servers), answering.roles.len()), (vec!["feeds", "media", "sandbox"], 0));
    }
}
