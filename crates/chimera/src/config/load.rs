//! Reading the layers.

use std::path::{Path, PathBuf};

use chimera_domain::CampaignProblem;
use chimera_worker::RetentionConfig;
use figment::{
    Figment,
    providers::{Env, Format as _, Serialized},
};
use serde_json::{Value, json};
use serde_saphyr::figment::Yaml;

use super::{Config, Flags, platform, unknown::unknown_keys};
use crate::compose::built_in;

const DEFAULT_FOLDER: &str = "configs";
const PREFIX: &str = "CHIMERA_";

/// What is wrong with the configuration.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// The file or folder isn't there.
    #[error("there is no configuration at {0}; name a YAML file or a folder of them with --config")]
    NotFound(PathBuf),
    /// A folder can't be listed.
    #[error("the configuration folder {path} can't be read")]
    Folder {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    /// Keys that nobody knows.
    #[error("unknown configuration {}: {}", if .0.contains(", ") { "keys" } else { "key" }, .0)]
    Unknown(String),
    /// A value of the wrong kind.
    #[error("the configuration can't be read; `chimera config schema` describes it")]
    Invalid(#[source] Box<figment::Error>),
    /// A section that its own part of the house refuses.
    #[error("the section `{section}` of the configuration can't be used")]
    Section {
        section: &'static str,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A campaign that can't run.
    #[error("campaigns[{index}] ({slug}): {problem}")]
    Campaign { index: usize, slug: String, problem: CampaignProblem },
    /// Values that don't go together.
    #[error("{key}: {problem}")]
    Contradiction { key: &'static str, problem: &'static str },
}

impl Config {
    /// Reads files, environment and flags. Without a path, the files of `./configs` are read if `default_folder` says so.
    pub(crate) fn load(path: Option<&Path>, default_folder: bool, flags: &Flags) -> Result<Self, ConfigError> {
        let mut layers = Figment::new();
        for file in files(path, default_folder)? {
            layers = layers.merge(Yaml::file_exact(file));
        }
        layers = layers.merge(environment());
        if let Some(dir) = &flags.data_dir {
            layers = layers.merge(Serialized::default("data_dir", dir));
        }
        if let Some((key, bind)) = flags.bind {
            layers = layers.merge(Serialized::default(key, bind));
        }
        if let Some(concurrency) = flags.concurrency {
            layers = layers.merge(Serialized::default("worker.concurrency", concurrency));
        }
        Self::from_layers(&layers)
    }

    fn from_layers(layers: &Figment) -> Result<Self, ConfigError> {
        let invalid = |e: figment::Error| ConfigError::Invalid(Box::new(e));
        let given: Value = layers.extract().map_err(invalid)?;
        let schema = json!(schemars::schema_for!(Self));
        let unknown = unknown_keys(&given, &schema);
        if !unknown.is_empty() {
            return Err(ConfigError::Unknown(unknown.join(", ")));
        }
        let config: Self = layers.extract().map_err(invalid)?;
        config.check()
    }

    fn check(mut self) -> Result<Self, ConfigError> {
        // An environment variable that is there but empty sets nothing.
        self.queue.url = self.queue.url.filter(|url| !url.trim().is_empty());
        self.check_own()?;
        self.check_addresses()?;
        for (index, campaign) in self.campaigns.iter().enumerate() {
            campaign.sketch().check().map_err(|problem| ConfigError::Campaign {
                index,
                slug: campaign.slug.clone(),
                problem,
            })?;
        }
        self.mind.validate().map_err(|source| section("mind", source))?;
        self.feeds.validate().map_err(|source| section("feeds", source))?;
        self.sandbox.validate().map_err(|source| section("sandbox", source))?;
        let host = built_in(&self);
        host.validate().map_err(|source| section("mcp", source))?;
        platform::has_links(&self, &host)
            .and_then(|()| platform::takes_replies(&self, &host))
            .map_err(|(key, problem)| ConfigError::Contradiction { key, problem })?;
        let able = platform::abilities(&self, &host);
        self.publisher.platform = Some(able.map_err(|(key, problem)| ConfigError::Contradiction { key, problem })?);
        Ok(self)
    }

    fn check_own(&self) -> Result<(), ConfigError> {
        let refuse = |key, problem| Err(ConfigError::Contradiction { key, problem });
        let reachable = |url: &url::Url| matches!(url.scheme(), "http" | "https") && url.has_host();
        if self.telemetry.otlp_endpoint.as_deref().is_some_and(|url| !url.parse().is_ok_and(|url| reachable(&url))) {
            return refuse("telemetry.otlp_endpoint", "want an address such as http://127.0.0.1:4318");
        }
        if let Some(weaviate) = &self.memory.weaviate {
            if weaviate.address().is_none() {
                return refuse(
                    "memory.weaviate.url",
                    "want an address such as http://127.0.0.1:8080, without a password",
                );
            }
            if weaviate.api_key.as_ref().is_some_and(|key| !key.is_secret()) {
                return refuse(
                    "memory.weaviate.api_key",
                    "want a reference such as secret://env/NAME, not the key itself",
                );
            }
        }
        if !self.judge.thresholds.is_ordered() {
            return refuse("judge.thresholds", "`reject` must not be above `auto_publish`");
        }
        if self.worker.concurrency == 0 || self.publisher.concurrency == 0 {
            return refuse("worker.concurrency, publisher.concurrency", "at least 1 is needed to get anything done");
        }
        if self.worker.retry.attempts_max == 0 || self.publisher.attempts_max == 0 {
            return refuse("worker.retry.attempts_max, publisher.attempts_max", "at least 1 attempt is needed");
        }
        if self.worker.lease_ms < 1_000 || self.publisher.lease_ms < 1_000 || self.judge.lease_ms < 1_000 {
            return refuse(
                "worker.lease_ms, publisher.lease_ms, judge.lease_ms",
                "a lease under a second expires while work is under way",
            );
        }
        if self.planner.poll_interval_ms == 0 || self.planner.score_batch == 0 || self.planner.reads_at_once == 0 {
            return refuse(
                "planner.poll_interval_ms, planner.score_batch, planner.reads_at_once",
                "each must be at least 1",
            );
        }
        if !self.planner.replies.is_sound() {
            return refuse("planner.replies.resource", "want mcp://SERVER/RESOURCE-URI with {account} in it, once");
        }
        if self.sweeper.interval_ms == 0 || self.sweeper.batch == 0 {
            return refuse("sweeper.interval_ms, sweeper.batch", "each must be at least 1");
        }
        let kept = &self.retention;
        let days = [kept.signals_days, kept.tool_calls_days, kept.resolved_alerts_days, kept.media_days];
        if days.into_iter().flatten().any(|days| days < RetentionConfig::DAYS_MIN) {
            return refuse("retention.*_days", "each must be at least 7, or absent to keep everything");
        }
        if kept.every_hours == 0 || !(1..=RetentionConfig::BATCH_MAX).contains(&kept.batch) {
            return refuse("retention.every_hours, retention.batch", "1 hour or more, and 1 to 10000 rows");
        }
        if !self.console.bind.ip().is_loopback() {
            return refuse(
                "console.bind",
                "others could reach it, and sign-in is for loopback only yet; use 127.0.0.1 or [::1]",
            );
        }
        if self.shutdown.patience_ms < 1_000 {
            return refuse("shutdown.patience_ms", "less than a second cuts off whatever is in hand");
        }
        self.media.check().or_else(|(key, problem)| refuse(key, problem))?;
        if let Some(webhook) = &self.alerts.webhook {
            webhook.check().or_else(|(key, problem)| refuse(key, problem))?;
        }
        self.database.check().or_else(|(key, problem)| refuse(key, problem))
    }
}

pub(super) fn section(section: &'static str, source: impl std::error::Error + Send + Sync + 'static) -> ConfigError {
    ConfigError::Section { section, source: Box::new(source) }
}

/// The files to read, in order.
fn files(path: Option<&Path>, default_folder: bool) -> Result<Vec<PathBuf>, ConfigError> {
    let Some(path) = path.map(Path::to_path_buf).or_else(|| {
        let folder = PathBuf::from(DEFAULT_FOLDER);
        (default_folder && folder.is_dir()).then_some(folder)
    }) else {
        return Ok(vec![]);
    };
    if path.is_file() {
        return Ok(vec![path]);
    }
    if !path.is_dir() {
        return Err(ConfigError::NotFound(path));
    }
    let read = |source| ConfigError::Folder { path: path.clone(), source };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(&path).map_err(read)? {
        let file = entry.map_err(read)?.path();
        if file.extension().is_some_and(|e| e == "yaml" || e == "yml") {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}

/// `CHIMERA_PLANNER__POLL_INTERVAL_MS=1000` is `planner.poll_interval_ms`. Names without `__` count only when they are a
/// key of their own, so that other variables with the same beginning don't disturb.
fn environment() -> Env {
    Env::prefixed(PREFIX)
        .filter(|key| key.as_str().contains("__") || key == "data_dir")
        .map(|key| key.as_str().replace("__", ".").into())
        .lowercase(true)
}

#[cfg(test)]
mod tests;
