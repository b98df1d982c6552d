//! The tool `add_memory`.

use chimera_domain::{Memory, MemoryId, MemoryKind, MemorySource, Provenance, Score, one_line};
use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::CallToolResult;
use rmcp::{ErrorData, tool, tool_router};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::error::MemoryToolError;
use super::server::{MemoryServer, answer};
use crate::schema::output_schema;

/// The most characters that are kept of where a memory came from.
const ORIGIN_CHARS_MAX: usize = 200;
/// Where a memory came from when its writer did not say.
const NO_ORIGIN: &str = "add_memory";

/// What to remember.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub(super) struct AddRequest {
    /// What to remember, in words; at most 8,192 bytes.
    #[schemars(length(min = 1))]
    pub(super) content: String,
    /// Something that happened (`episodic`), or something that holds (`semantic`, where nothing is said).
    #[serde(default)]
    pub(super) kind: Option<MemoryKind>,
    /// Where it comes from, such as an address or a name.
    #[serde(default)]
    pub(super) origin: Option<String>,
    /// How much it matters, 0 to 1; 0.5 where nothing is said.
    #[serde(default)]
    pub(super) importance: Option<Score>,
}

/// What was kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MemoryAdded {
    /// The memory.
    pub id: MemoryId,
    /// Whether it is new; the same words of the same kind are remembered once.
    pub new: bool,
}

#[tool_router(router = add_tools, vis = "pub(super)")]
impl MemoryServer {
    /// Remembers something. The same words of the same kind are remembered once, so repeating a call is harmless.
    #[tool(
        title = "Remember something",
        output_schema = output_schema::<MemoryAdded>(),
        annotations(read_only_hint = false, destructive_hint = false, idempotent_hint = true, open_world_hint = false)
    )]
    async fn add_memory(&self, Parameters(request): Parameters<AddRequest>) -> Result<CallToolResult, ErrorData> {
        answer(self.added(request).await)
    }
}

impl MemoryServer {
    async fn added(&self, request: AddRequest) -> Result<MemoryAdded, MemoryToolError> {
        let (content, vector) = Self::words("content", "remember", &request.content)?;
        let (count, max) = (self.index.count(self.owner.agent_id).await?, self.config.memories_max);
        if count >= max {
            return Err(MemoryToolError::Full { count, max });
        }
        let kind = request.kind.unwrap_or(MemoryKind::Semantic);
        let origin = request.origin.map(|origin| one_line(&origin, ORIGIN_CHARS_MAX)).unwrap_or_default();
        let memory = Memory {
            id: self.id_of(kind, &content),
            tenant_id: self.owner.tenant_id,
            agent_id: self.owner.agent_id,
            kind,
            content,
            provenance: Provenance {
                source: MemorySource::Tool,
                origin: if origin.is_empty() { NO_ORIGIN.to_owned() } else { origin },
                trace_id: None,
                artifact_id: None,
            },
            importance: request.importance.unwrap_or(Memory::ORDINARY),
            model: vector.model().clone(),
            created_at: self.ambient.now(),
        };
        let id = memory.id;
        let new = self.index.add(&[(memory, vector)]).await? == 1;
        Ok(MemoryAdded { id, new })
    }

    /// The id follows from whose memory it is, its kind and its words.
    fn id_of(&self, kind: MemoryKind, content: &str) -> MemoryId {
        let (tenant, agent) = (self.owner.tenant_id.as_uuid(), self.owner.agent_id.as_uuid());
        MemoryId::of(&[tenant.as_bytes(), agent.as_bytes(), kind.as_str().as_bytes(), content.as_bytes()])
    }
}
