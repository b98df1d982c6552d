//! Where agents' memories lie, and what is told of them.

use chimera_mcp::Setting;
use chimera_servers::memory::MemoryConfig as ServedConfig;
use chimera_worker::RecallConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What agents remember.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct MemoryConfig {
    /// The most memories that an agent may have before `add_memory` refuses, so that a careless client can't fill the
    /// database. What the fleet itself remembers is not held to it.
    pub(crate) memories_max: u64,
    /// What a writer is told of what its agent remembers.
    pub(crate) recall: RecallConfig,
    /// Keep memories in Weaviate instead of the fleet's own database.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) weaviate: Option<WeaviateConfig>,
}

/// A Weaviate server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WeaviateConfig {
    /// Such as `http://127.0.0.1:8080`.
    #[schemars(url)]
    pub(crate) url: String,
    /// Where its API key is, if it wants one: `secret://env/NAME` or `secret://file/PATH`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) api_key: Option<Setting>,
}

impl Default for MemoryConfig {
    fn default() -> Self {
        Self { memories_max: ServedConfig::default().memories_max, recall: RecallConfig::default(), weaviate: None }
    }
}

impl MemoryConfig {
    /// How it is served over MCP.
    pub(crate) const fn served(&self) -> ServedConfig {
        ServedConfig { memories_max: self.memories_max }
    }
}

impl WeaviateConfig {
    /// Its address.
    pub(crate) fn address(&self) -> Option<url::Url> {
        let url: url::Url = self.url.parse().ok()?;
        let bare = url.username().is_empty() && url.password().is_none();
        (matches!(url.scheme(), "http" | "https") && url.has_host() && bare).then_some(url)
    }
}
