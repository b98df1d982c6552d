//! The configuration: defaults, then files, then environment, then flags.

mod database;
mod load;
mod media;
mod memory;
mod platform;
mod sources;
mod unknown;

use std::{net::SocketAddr, path::PathBuf};

use chimera_bus::RedisConfig;
use chimera_console::ConsoleConfig;
use chimera_domain::{Campaign, CampaignLimits, CampaignSketch, CampaignTerms, Channel, GovernorLimits, Score, Usd};
use chimera_judge::JudgeConfig;
use chimera_llm::MindConfig;
use chimera_mcp::HostConfig;
use chimera_planner::PlannerConfig;
use chimera_servers::{feeds::FeedsConfig, sandbox::SandboxConfig, studio::StudioConfig};
use chimera_store::StoreConfig;
use chimera_telemetry::LogFormat;
use chimera_worker::{AlertsConfig, PublisherConfig, RetentionConfig, SweeperConfig, WorkerConfig};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) use database::DatabaseConfig;
pub(crate) use load::ConfigError;
pub(crate) use media::{LinksConfig, MediaConfig};
pub(crate) use memory::MemoryConfig;

/// Everything an operator may set.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// Where the database and the media lie.
    pub(crate) data_dir: DataDir,
    /// What is logged, and how.
    pub(crate) log: LogConfig,
    /// Where traces go.
    pub(crate) telemetry: TelemetryConfig,
    /// The database.
    pub(crate) database: DatabaseConfig,
    /// The queues between the roles.
    pub(crate) queue: QueueConfig,
    /// Where the console listens.
    pub(crate) console: ConsoleConfig,
    /// Where each role listens that is a process of its own.
    pub(crate) serve: ServeConfig,
    /// How a process ends.
    pub(crate) shutdown: ShutdownConfig,
    /// Which mind thinks.
    pub(crate) mind: MindConfig,
    /// Planning.
    pub(crate) planner: PlannerConfig,
    /// Working.
    pub(crate) worker: WorkerConfig,
    /// Publishing.
    pub(crate) publisher: PublisherConfig,
    /// Delivering again what was lost.
    pub(crate) sweeper: SweeperConfig,
    /// How long old rows and files are kept that nobody needs any more.
    pub(crate) retention: RetentionConfig,
    /// Who is told of alerts, beside those who look at them.
    pub(crate) alerts: AlertsConfig,
    /// Judging.
    pub(crate) judge: JudgeConfig,
    /// MCP servers and tool roles. What is set here is added to the built-in servers and roles, or replaces them by name.
    pub(crate) mcp: HostConfig,
    /// The `feeds` server.
    pub(crate) feeds: FeedsConfig,
    /// Pictures and videos.
    pub(crate) media: MediaConfig,
    /// The `studio` server.
    pub(crate) studio: StudioConfig,
    /// The `sandbox` server. A relative path is taken from the data folder.
    pub(crate) sandbox: SandboxConfig,
    /// What agents remember.
    pub(crate) memory: MemoryConfig,
    /// Agents to keep in the fleet.
    pub(crate) agents: Vec<AgentConfig>,
    /// Campaigns to keep running.
    pub(crate) campaigns: Vec<CampaignConfig>,
}

/// A folder; `data` where nothing is said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub(crate) struct DataDir(pub(crate) PathBuf);

impl Default for DataDir {
    fn default() -> Self {
        Self(PathBuf::from("data"))
    }
}

/// What is logged, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LogConfig {
    /// Such as `warn` or `info,chimera_mcp=debug`.
    pub(crate) filter: String,
    /// Readable lines, or JSON lines. Where nothing is said: JSON for a role that is a process of its own and whose
    /// standard error is no terminal, readable lines otherwise.
    pub(crate) format: Option<LogFormatConfig>,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { filter: "info,sqlx=warn,sea_orm=warn,rmcp=warn,c2pa=warn".to_owned(), format: None }
    }
}

/// Where traces go. Metrics are told at `/metrics`, and need no setting.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TelemetryConfig {
    /// The address of an OpenTelemetry collector that takes OTLP over HTTP, such as `http://127.0.0.1:4318`. Where nothing is
    /// said, what `OTEL_EXPORTER_OTLP_ENDPOINT` names, else none: then there are no traces. What a collector wants to know
    /// of a caller goes into `OTEL_EXPORTER_OTLP_HEADERS`.
    #[schemars(url)]
    pub(crate) otlp_endpoint: Option<String>,
}

impl std::fmt::Debug for TelemetryConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let endpoint = self.otlp_endpoint.as_deref().map(redacted_url);
        f.debug_struct("TelemetryConfig").field("otlp_endpoint", &endpoint).finish()
    }
}

/// Where each role listens that is a process of its own, for `/health`, `/ready` and `/metrics`. These tell nothing of
/// what the fleet reads or writes, so any address will do. Port 0 takes any free one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ServeConfig {
    /// `chimera planner serve`.
    #[schemars(with = "String")]
    pub(crate) planner: SocketAddr,
    /// `chimera worker start-pool`.
    #[schemars(with = "String")]
    pub(crate) worker: SocketAddr,
    /// `chimera judge serve`.
    #[schemars(with = "String")]
    pub(crate) judge: SocketAddr,
    /// `chimera publisher serve`.
    #[schemars(with = "String")]
    pub(crate) publisher: SocketAddr,
}

impl Default for ServeConfig {
    fn default() -> Self {
        let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
        Self { planner: at(7418), worker: at(7419), judge: at(7420), publisher: at(7421) }
    }
}

/// How a process ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ShutdownConfig {
    /// From the first signal to the end, in milliseconds, 1,000 or more. Most of it is for finishing the work in hand;
    /// what is not finished then is handed back in the rest.
    pub(crate) patience_ms: u64,
}

impl Default for ShutdownConfig {
    fn default() -> Self {
        Self { patience_ms: 30_000 }
    }
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormatConfig {
    /// Readable lines.
    Text,
    /// JSON lines.
    Json,
}

impl From<LogFormatConfig> for LogFormat {
    fn from(format: LogFormatConfig) -> Self {
        match format {
            LogFormatConfig::Text => Self::Text,
            LogFormatConfig::Json => Self::Json,
        }
    }
}

/// The queues between the roles.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct QueueConfig {
    /// `redis://...`, of a server of version 7.0 or newer; in process where nothing is said.
    pub(crate) url: Option<String>,
    /// What every key there starts with.
    pub(crate) prefix: String,
}

impl Default for QueueConfig {
    fn default() -> Self {
        Self { url: None, prefix: chimera_bus::DEFAULT_PREFIX.to_owned() }
    }
}

impl QueueConfig {
    /// Where the queues are in Redis, if they are.
    pub(crate) fn redis(&self) -> Option<RedisConfig> {
        let url = self.url.as_ref()?;
        Some(RedisConfig { prefix: self.prefix.clone(), ..RedisConfig::new(url) })
    }
}

impl std::fmt::Debug for QueueConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let url = self.url.as_deref().map(redacted_url);
        f.debug_struct("QueueConfig").field("url", &url).field("prefix", &self.prefix).finish()
    }
}

/// An agent to keep in the fleet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AgentConfig {
    /// The persona's SOUL.md.
    pub(crate) soul: PathBuf,
    /// How much it may do.
    #[serde(default)]
    pub(crate) limits: GovernorLimits,
}

/// A campaign to keep running.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CampaignConfig {
    /// A short name.
    pub(crate) slug: String,
    /// What it is for, in a sentence or two.
    pub(crate) goal: String,
    /// The slugs of the agents that post for it.
    pub(crate) agents: Vec<String>,
    /// What to watch, as `mcp://SERVER/RESOURCE-URI`.
    pub(crate) resources: Vec<String>,
    /// Where to post.
    pub(crate) channels: Vec<Channel>,
    /// A signal below this is left alone.
    #[serde(default = "default_threshold")]
    pub(crate) relevance_threshold: Score,
    /// The most one post may cost.
    #[serde(default = "default_post_budget")]
    pub(crate) post_budget_usd: Usd,
    /// Length of its videos, in seconds.
    #[serde(default = "default_video_seconds")]
    pub(crate) video_seconds: u32,
    /// Words by which its signals are told, beside the goal.
    #[serde(default)]
    pub(crate) terms: CampaignTerms,
    /// How much it may do, and when.
    #[serde(default)]
    pub(crate) limits: CampaignLimits,
}

impl CampaignConfig {
    /// What it says, to be checked.
    pub(crate) fn sketch(&self) -> CampaignSketch<'_> {
        CampaignSketch {
            slug: &self.slug,
            goal: &self.goal,
            agents: self.agents.len(),
            resources: &self.resources,
            channels: &self.channels,
            post_budget_usd: self.post_budget_usd,
            video_seconds: self.video_seconds,
            limits: &self.limits,
            terms: &self.terms,
        }
    }
}

const fn default_threshold() -> Score {
    Campaign::RELEVANCE_THRESHOLD
}

const fn default_post_budget() -> Usd {
    Campaign::POST_BUDGET
}

const fn default_video_seconds() -> u32 {
    Campaign::VIDEO_SECONDS
}

/// What flags set.
#[derive(Debug, Clone, Default)]
pub(crate) struct Flags {
    pub(crate) data_dir: Option<PathBuf>,
    /// Where to listen, and the key that says so in files.
    pub(crate) bind: Option<(&'static str, SocketAddr)>,
    pub(crate) concurrency: Option<usize>,
}

impl Config {
    /// How a command reaches the store.
    pub(crate) fn store(&self) -> StoreConfig {
        self.store_of("command")
    }

    /// How a role reaches the store: the database shows its name.
    pub(crate) fn store_of(&self, role: &str) -> StoreConfig {
        let url = self.database.url.clone().unwrap_or_else(|| sqlite_url(&self.database_file()));
        self.database.store(url, format!("chimera/{role}"))
    }

    /// The embedded database's file.
    pub(crate) fn database_file(&self) -> PathBuf {
        self.data_dir.0.join("chimera.db")
    }

    /// The media folder.
    pub(crate) fn media_dir(&self) -> PathBuf {
        self.data_dir.0.join("media")
    }

    /// Feeds dropped here are read without further configuration.
    pub(crate) fn feeds_dir(&self) -> PathBuf {
        self.data_dir.0.join("feeds")
    }
}

impl Config {
    /// A copy that can be shown: what is secret by nature is hidden. Secret references stay; they are only names.
    pub(crate) fn redacted(mut self) -> Self {
        self.database.url = self.database.url.as_deref().map(redacted_url);
        self.queue.url = self.queue.url.as_deref().map(redacted_url);
        self.telemetry.otlp_endpoint = self.telemetry.otlp_endpoint.as_deref().map(redacted_url);
        self.alerts.webhook = self.alerts.webhook.map(|webhook| webhook.redacted());
        if let Some(bucket) = &mut self.media.bucket {
            bucket.endpoint = bucket.endpoint.as_deref().map(redacted_url);
        }
        for feed in &mut self.feeds.feeds {
            if feed.source.contains("://") {
                feed.source = redacted_url(&feed.source);
            }
        }
        self
    }
}

/// A server's address without its secrets.
pub(crate) fn redacted_url(address: &str) -> String {
    const HIDDEN: &str = "redacted";
    let Ok(mut url) = url::Url::parse(address) else { return HIDDEN.to_owned() };
    // No server's address has one: a `#` in a password cuts the address there, and the rest is what is secret.
    if url.fragment().is_some() {
        return HIDDEN.to_owned();
    }
    if url.password().is_some() && url.set_password(Some(HIDDEN)).is_err() {
        return HIDDEN.to_owned();
    }
    if url.query().is_some() {
        let shown = |key: &str, value: &str| if may_be_secret(key) { HIDDEN.to_owned() } else { value.to_owned() };
        let pairs: Vec<(String, String)> = url.query_pairs().map(|(k, v)| (k.to_string(), shown(&k, &v))).collect();
        url.query_pairs_mut().clear().extend_pairs(pairs);
    }
    url.to_string()
}

/// Whether a parameter of an address may hold a secret, going by its name.
fn may_be_secret(parameter: &str) -> bool {
    let name = parameter.to_ascii_lowercase();
    ["pass", "pwd", "secret", "token", "key", "auth", "sig", "credential"].iter().any(|part| name.contains(part))
}

/// The address of an SQLite file, whatever characters its path holds.
fn sqlite_url(file: &std::path::Path) -> String {
    let path = file.display().to_string().replace('%', "%25").replace('?', "%3F").replace('#', "%23");
    format!("sqlite://{path}?mode=rwc")
}
