//! What is written down about each question to a mind: the same record as for an MCP tool call, so that money and
//! traces have one place.

use chimera_domain::{AgentId, Ambient, TaskId, ToolCall, ToolCallId, ToolStatus, TraceId, error_chain, sha256_hex};
use serde::Serialize;
use tokio::time::Instant;

use crate::{Answer, Mind, MindError, Retry};

/// The server's name in records of questions to a mind.
pub const MIND_SERVER: &str = "mind";

/// Who asks what, and for which post.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The mind that is asked.
    pub mind: &'a dyn Mind,
    /// The question's name: `relevance`, `write` or `opine`.
    pub question: &'a str,
    /// The post it is for.
    pub trace_id: TraceId,
    /// The task it is for, if any.
    pub task_id: Option<TaskId>,
    /// Whose daily spend the answer counts to, if anyone's.
    pub agent_id: Option<AgentId>,
}

impl Asked<'_> {
    /// Waits for the answer and writes down what it took, whatever came of it. What is recorded of `ask` is its hash.
    pub async fn record<T>(
        self,
        ambient: &dyn Ambient,
        ask: &(impl Serialize + Sync),
        answer: impl Future<Output = Result<Answer<T>, MindError>> + Send,
    ) -> (Result<Answer<T>, MindError>, ToolCall) {
        let (called_at, since) = (ambient.now(), Instant::now());
        let answer = answer.await;
        let (status, cost_usd, error) = match &answer {
            Ok(answer) => (ToolStatus::Success, answer.cost, None),
            Err(error) if error.retry() == Retry::Never => {
                (ToolStatus::Refused, error.spent(), Some(error_chain(error)))
            }
            Err(error) => (ToolStatus::Failed, error.spent(), Some(error_chain(error))),
        };
        let by = answer.as_ref().map_or_else(|_| self.mind.about().name, |answer| answer.source.backend.clone());
        let call = ToolCall {
            id: ToolCallId::generate(ambient),
            trace_id: self.trace_id,
            task_id: self.task_id,
            agent_id: self.agent_id,
            server: MIND_SERVER.to_owned(),
            tool: format!("{by}/{}", self.question),
            status,
            latency_ms: u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX),
            cost_usd,
            arguments_hash: sha256_hex(&serde_json::to_vec(ask).unwrap_or_default()),
            attempts: 1,
            error,
            called_at,
        };
        (answer, call)
    }
}
