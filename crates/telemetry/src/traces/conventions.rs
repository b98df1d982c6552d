//! Names of attributes: the semantic conventions' where there are some, our own else.
//!
//! Sources: OpenTelemetry semantic conventions for generative AI (<https://opentelemetry.io/docs/specs/semconv/gen-ai/>)
//! and for MCP (<https://opentelemetry.io/docs/specs/semconv/gen-ai/mcp/>).

/// What kind of thing failed.
pub const ERROR_TYPE: &str = "error.type";

/// What is asked of a model: `chat`, `execute_tool`.
pub const GEN_AI_OPERATION: &str = "gen_ai.operation.name";
/// Who provides the model.
pub const GEN_AI_PROVIDER: &str = "gen_ai.provider.name";
/// The model asked for.
pub const GEN_AI_REQUEST_MODEL: &str = "gen_ai.request.model";
/// The model that answered.
pub const GEN_AI_RESPONSE_MODEL: &str = "gen_ai.response.model";
/// Tokens read.
pub const GEN_AI_INPUT_TOKENS: &str = "gen_ai.usage.input_tokens";
/// Tokens read that came from the vendor's cache.
pub const GEN_AI_CACHED_TOKENS: &str = "gen_ai.usage.cache_read.input_tokens";
/// Tokens written.
pub const GEN_AI_OUTPUT_TOKENS: &str = "gen_ai.usage.output_tokens";
/// The tool called.
pub const GEN_AI_TOOL: &str = "gen_ai.tool.name";
/// The agent on whose behalf.
pub const GEN_AI_AGENT: &str = "gen_ai.agent.id";

/// The method of the protocol.
pub const MCP_METHOD: &str = "mcp.method.name";
/// The negotiated revision.
pub const MCP_VERSION: &str = "mcp.protocol.version";
/// The resource read.
pub const MCP_RESOURCE: &str = "mcp.resource.uri";
/// The protocol's own error code.
pub const RPC_STATUS: &str = "rpc.response.status_code";
/// The request's id on its connection.
pub const JSONRPC_ID: &str = "jsonrpc.request.id";
/// How the server is reached: `pipe` or `tcp`.
pub const NETWORK_TRANSPORT: &str = "network.transport";
/// The host that is called.
pub const SERVER_ADDRESS: &str = "server.address";
/// Its port.
pub const SERVER_PORT: &str = "server.port";

/// The server's configured name.
pub const MCP_SERVER: &str = "chimera.mcp.server";
/// How often a call was tried.
pub const ATTEMPTS: &str = "chimera.attempts";
/// What something cost, in US dollars.
pub const COST_USD: &str = "chimera.cost_usd";
/// The version of the prompt.
pub const PROMPT: &str = "chimera.prompt";
/// The question to the mind.
pub const QUESTION: &str = "chimera.question";
/// The task.
pub const TASK: &str = "chimera.task.id";
/// What it does.
pub const TASK_TYPE: &str = "chimera.task.type";
/// The campaign.
pub const CAMPAIGN: &str = "chimera.campaign";
/// The signal.
pub const SIGNAL: &str = "chimera.signal.id";
/// Where a post goes.
pub const CHANNEL: &str = "chimera.channel";
/// What the judge says.
pub const VERDICT: &str = "chimera.verdict";
/// How sure it is, 0 to 1.
pub const CONFIDENCE: &str = "chimera.confidence";
/// The confidence of a judge before calibration.
pub const RAW_CONFIDENCE: &str = "chimera.confidence.raw";
/// How relevant an item is, 0 to 1.
pub const RELEVANCE: &str = "chimera.relevance";
/// What came of it.
pub const OUTCOME: &str = "chimera.outcome";
