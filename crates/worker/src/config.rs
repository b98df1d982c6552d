//! What an operator may set about working and publishing.

use chimera_domain::policy::{PacingRule, PlatformAbilities, RetryPolicy};
use chimera_mcp::{SecretRef, address::Allowed};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::{Host, Url};

/// The worker pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WorkerConfig {
    /// Tasks executed at the same time, 1 or more.
    pub concurrency: usize,
    /// How long a claim holds without a heartbeat, in milliseconds.
    pub lease_ms: u64,
    /// How often, and how soon, a failed task is tried again. An attempt whose worker vanished is no failure
    /// (`sweeper.vanished_max`).
    pub retry: RetryPolicy,
}

impl Default for WorkerConfig {
    fn default() -> Self {
        Self { concurrency: 8, lease_ms: 30_000, retry: RetryPolicy::default() }
    }
}

/// The publisher.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PublisherConfig {
    /// Posts published at the same time, 1 or more. As many again that a dead publisher left behind may be looked up.
    pub concurrency: usize,
    /// How long a publish call may be under way before another publisher looks, in milliseconds.
    pub lease_ms: u64,
    /// Calls of one post before it is given up.
    pub attempts_max: u32,
    /// The rest after a post's first failed call, in milliseconds; it doubles with each further one. A platform that
    /// asks for more gets more.
    pub rest_base_ms: u64,
    /// The longest such rest, in milliseconds.
    pub rest_max_ms: u64,
    /// What the platform behind the `publish_post` role can do. It must be said of every platform but the sandbox that
    /// ships with Chimera; whoever says nothing here trusts in nothing.
    pub platform: Option<PlatformAbilities>,
    /// Words by which that platform says that a post's id is taken, whatever their case, such as `already exists`. Tools
    /// that answer with `"effect": "exists"` need none.
    pub taken_says: Option<String>,
    /// How close together posts may go out. One that is too close waits; none is dropped.
    pub pacing: PacingRule,
}

impl Default for PublisherConfig {
    fn default() -> Self {
        Self {
            concurrency: 4,
            lease_ms: 120_000,
            attempts_max: 5,
            rest_base_ms: 2_000,
            rest_max_ms: 300_000,
            platform: None,
            taken_says: None,
            pacing: PacingRule::default(),
        }
    }
}

/// How long old rows and files are kept that nobody needs any more. Where nothing is said, they stay for ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RetentionConfig {
    /// How often one process of the fleet looks for them, in hours, 1 or more.
    pub every_hours: u32,
    /// Signals that came to nothing because they were not relevant, or known, in days, 7 or more. One that its feed
    /// brings again after that is scored anew. Those that were planned or deferred stay for ever.
    pub signals_days: Option<u32>,
    /// Tool calls that cost nothing, of posts at an end, in days, 7 or more.
    pub tool_calls_days: Option<u32>,
    /// Acknowledged alerts, in days since they were raised, 7 or more.
    pub resolved_alerts_days: Option<u32>,
    /// Media that no post refers to, in days since they were written, 7 or more.
    pub media_days: Option<u32>,
    /// Rows deleted by one statement, 1 to 10,000: while it runs, other writers may wait.
    pub batch: u64,
}

impl RetentionConfig {
    /// Less is not kept by anyone: who looks into last week must find it, and media are written before their row.
    pub const DAYS_MIN: u32 = 7;
    /// The most rows that one statement may delete.
    pub const BATCH_MAX: u64 = 10_000;
}

impl Default for RetentionConfig {
    fn default() -> Self {
        Self {
            every_hours: 6,
            signals_days: None,
            tool_calls_days: None,
            resolved_alerts_days: None,
            media_days: None,
            batch: 1_000,
        }
    }
}

/// The sweeper.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SweeperConfig {
    /// How often it looks, in milliseconds.
    pub interval_ms: u64,
    /// How long work may wait unclaimed before it is delivered again, in milliseconds.
    pub waiting_ms: u64,
    /// The most it delivers at once.
    pub batch: u64,
    /// How often a task's worker may vanish before the task is given up, as one that kills whoever takes it, 1 or more. A
    /// killed process is no failure of the task: those have a count and a bound of their own (`worker.retry`).
    pub vanished_max: u32,
    /// From so many posts on that wait for a person an alert says so, 1 or more.
    pub hitl_waiting_max: u64,
}

impl Default for SweeperConfig {
    fn default() -> Self {
        Self { interval_ms: 2_000, waiting_ms: 5_000, batch: 500, vanished_max: 10, hitl_waiting_max: 50 }
    }
}

/// Who is told of alerts, beside those who look at them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AlertsConfig {
    /// A receiver that is told of each alert that is raised or closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook: Option<WebhookConfig>,
}

/// A receiver of alerts.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookConfig {
    /// Its address: `https://...`, or `http://` on loopback, without user, password or fragment.
    #[schemars(url)]
    pub url: String,
    /// Where the key lies that signs: `secret://env/NAME` or `secret://file/PATH`. The key is `whsec_` and base64, or a text,
    /// of 24 bytes at the least.
    pub secret: String,
    /// Whether it may live at a private address: in the local network, or by a name that leads to this machine.
    #[serde(default)]
    pub private: bool,
    /// How long it may take to answer, in milliseconds, 100 to 25,000.
    #[serde(default = "WebhookConfig::timeout_ms")]
    pub timeout_ms: u64,
    /// Tries to tell one event before it is given up, 1 or more.
    #[serde(default = "WebhookConfig::tries_max")]
    pub tries_max: u32,
    /// The longest rest after an event's first failed try, in milliseconds; it doubles with each further one.
    #[serde(default = "WebhookConfig::rest_base_ms")]
    pub rest_base_ms: u64,
    /// The longest such rest, in milliseconds.
    #[serde(default = "WebhookConfig::rest_max_ms")]
    pub rest_max_ms: u64,
}

impl WebhookConfig {
    /// A receiver at this address, whose key lies there; the rest as it is where nothing is said.
    #[must_use]
    pub const fn new(url: String, secret: String) -> Self {
        Self {
            url,
            secret,
            private: false,
            timeout_ms: Self::timeout_ms(),
            tries_max: Self::tries_max(),
            rest_base_ms: Self::rest_base_ms(),
            rest_max_ms: Self::rest_max_ms(),
        }
    }

    const fn timeout_ms() -> u64 {
        10_000
    }

    /// Some seven hours, as rests go.
    const fn tries_max() -> u32 {
        24
    }

    const fn rest_base_ms() -> u64 {
        5_000
    }

    const fn rest_max_ms() -> u64 {
        3_600_000
    }

    pub(crate) const fn retry(&self) -> RetryPolicy {
        RetryPolicy { attempts_max: self.tries_max, base_ms: self.rest_base_ms, max_ms: self.rest_max_ms }
    }

    /// Its address, if that may be told.
    pub(crate) fn address(&self) -> Option<Url> {
        let url: Url = self.url.parse().ok()?;
        let bare = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
        let reachable = match url.scheme() {
            "https" => url.has_host(),
            "http" => is_loopback(&url),
            _ => false,
        };
        (bare && reachable).then_some(url)
    }

    /// Which private addresses its name may lead to.
    pub(crate) fn allowed(&self, url: &Url) -> Allowed {
        if self.private {
            return Allowed::All;
        }
        let own = url.host().filter(|_| is_loopback(url)).map(|host| match host {
            Host::Ipv6(address) => address.to_string(),
            host => host.to_string(),
        });
        Allowed::Hosts(own.into_iter().collect())
    }

    /// What can't be so, by key.
    ///
    /// # Errors
    /// The key, and what it wants.
    pub fn check(&self) -> Result<(), (&'static str, &'static str)> {
        let Some(url) = self.address() else {
            let want = "want https://..., or http:// on loopback, without user, password or fragment";
            return Err(("alerts.webhook.url", want));
        };
        if self.allowed(&url).check_literal(&url).is_err() {
            return Err(("alerts.webhook.url", "it is at a private address; if you trust it, set `private: true`"));
        }
        if self.secret.parse::<SecretRef>().is_err() {
            let want = "want a reference such as secret://env/NAME, not the key itself";
            return Err(("alerts.webhook.secret", want));
        }
        if !(100..=25_000).contains(&self.timeout_ms) || self.tries_max == 0 {
            return Err(("alerts.webhook.timeout_ms, alerts.webhook.tries_max", "100 to 25000, and at least 1"));
        }
        Ok(())
    }

    /// The same with nothing of the address but its host: the rest may be what only its owner knows.
    #[must_use]
    pub fn redacted(&self) -> Self {
        let url =
            self.address().map_or_else(String::new, |url| format!("{}/redacted", url.origin().ascii_serialization()));
        Self { url, ..self.clone() }
    }
}

impl std::fmt::Debug for WebhookConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebhookConfig").field("url", &self.redacted().url).finish_non_exhaustive()
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        None => false,
    }
}
