//! Calls of roles: arguments from the template, retries where they are safe, fallbacks, and a record of it all.

use std::time::Duration;

use chimera_domain::{ToolCall, Usd};
use rmcp::model::{CallToolRequest, CallToolRequestParams, ClientRequest, ServerResult};
use serde_json::{Map, Value};
use tokio::time::Instant;

use crate::{
    connection::Connection,
    context::{CallContext, CallOutcome, ToolOutput},
    error::{CallClass, CallError},
    figures,
    host::{Host, Role},
    likeness::nearest_of,
    output::{Answered, Reader},
    record::{End, Started, arguments_hash},
    request::Ask,
    role::Cost,
    spans,
};

/// One request with all that its attempts have in common.
pub(crate) struct Job<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) ask: Ask<'a>,
    pub(crate) request: ClientRequest,
    pub(crate) idempotent: bool,
    pub(crate) arguments_hash: String,
    /// What an attempt of unknown outcome may have cost.
    pub(crate) cost_unknown: Usd,
}

/// Reads an answer, and what it cost: errors may cost too.
pub(crate) type Read<'a, T> = &'a (dyn Fn(ServerResult) -> (Result<T, CallError>, Usd) + Send + Sync);

impl Host {
    /// Calls the tool behind a role.
    ///
    /// Only a role marked `idempotent` is tried again after a failure, with exponential backoff and jitter, and never
    /// past the deadline. If any attempt may have had an effect, the result says so ([`CallClass::Unknown`]), whatever
    /// the last attempt said.
    pub async fn call(&self, context: &CallContext, role: &str, variables: &Map<String, Value>) -> CallOutcome {
        let mut calls = Vec::new();
        let Some(first) = self.role(role) else {
            let nearest = nearest_of(role, self.role_names());
            return CallOutcome { calls, result: Err(CallError::UnknownRole { role: role.to_owned(), nearest }) };
        };
        let mut unclear: Option<CallError> = None;
        let mut result = self.call_one(context, role, first, variables, &mut calls).await;
        for name in &first.config.fallback {
            let Err(error) = &result else { break };
            let go_on = match error.class() {
                CallClass::Refused => false,
                CallClass::Failed => true,
                CallClass::Unknown => first.config.idempotent,
            };
            if !go_on || context.cancel.is_cancelled() || context.deadline.is_some_and(|d| d <= Instant::now()) {
                break;
            }
            // The configuration was checked: every fallback is a role.
            let Some(next) = self.role(name) else { break };
            tracing::warn!(trace_id = %context.trace_id, role, fallback = %name, error = %error, "falling back to another server");
            let failed =
                std::mem::replace(&mut result, self.call_one(context, name, next, variables, &mut calls).await);
            unclear = unclear.or(failed.err().filter(|e| e.class() == CallClass::Unknown));
        }
        CallOutcome { calls, result: result.map_err(|error| unclear.unwrap_or(error)) }
    }

    async fn call_one(
        &self,
        context: &CallContext,
        name: &str,
        role: &Role,
        variables: &Map<String, Value>,
        calls: &mut Vec<ToolCall>,
    ) -> Result<ToolOutput, CallError> {
        let config = &role.config;
        let connection = self.connection(&config.server)?;
        let arguments =
            role.template.render(variables).map_err(|source| CallError::Arguments { role: name.to_owned(), source })?;
        let silence = config.timeout_ms.unwrap_or(connection.config.timeout_ms);
        let hash = arguments_hash(&arguments);
        let params = CallToolRequestParams::new(config.tool.clone()).with_arguments(arguments);
        let job = Job {
            connection,
            ask: Ask { context, label: &config.tool, silence: Duration::from_millis(silence) },
            request: ClientRequest::CallToolRequest(CallToolRequest::new(params)),
            idempotent: config.idempotent,
            arguments_hash: hash,
            cost_unknown: config.cost.of_unknown(),
        };
        let reader = Reader { server: &config.server, tool: &config.tool, names: &config.result };
        let read = |answer| match reader.tool(answer, &connection.redaction()) {
            Ok(Answered { output, refusal: None }) => {
                let cost = price(&config.cost, &output, name);
                (Ok(output), cost)
            }
            Ok(Answered { output, refusal: Some(error) }) => (Err(error), config.cost.of_error(&output.structured)),
            Err(malformed) => (Err(malformed), Usd::ZERO),
        };
        let (call, result) = self.run(&job, &read).await;
        calls.push(call);
        result
    }

    /// Attempts the job as often as is safe and sensible, and writes the record.
    pub(crate) async fn run<T>(&self, job: &Job<'_>, read: Read<'_, T>) -> (ToolCall, Result<T, CallError>) {
        let span = spans::of_call(job);
        let (call, result) = span.around(self.attempts(job, read)).await;
        spans::ended(&span, job.connection, &call, result.as_ref().err());
        (call, result)
    }

    async fn attempts<T>(&self, job: &Job<'_>, read: Read<'_, T>) -> (ToolCall, Result<T, CallError>) {
        let (started, since) = (Started::now(self.ambient()), Instant::now());
        let mut unclear: Option<CallError> = None;
        let mut attempts = 0_u32;
        let mut cost = Usd::ZERO;
        let result = loop {
            attempts += 1;
            let (answer, price) = match job.connection.ask(job.ask, job.request.clone()).await {
                Ok(answer) => read(answer),
                Err(error) => (Err(error), Usd::ZERO),
            };
            cost = cost.saturating_add(price);
            let error = match answer {
                Ok(value) => break Ok(value),
                Err(error) => error,
            };
            if error.class() == CallClass::Unknown {
                cost = cost.saturating_add(job.cost_unknown);
            }
            let again = self.wait_to_retry(job, &error, attempts).await;
            if again && error.class() == CallClass::Unknown {
                unclear = Some(error);
            } else if !again {
                break Err(unclear.filter(|_| error.class() != CallClass::Unknown).unwrap_or(error));
            }
        };
        if let Err(error) = &result {
            job.connection.failed(crate::record::error_line(error));
        }
        figures::count(&job.connection.name, since.elapsed(), result.as_ref().err());
        let end = End { error: result.as_ref().err(), attempts, cost, arguments_hash: &job.arguments_hash };
        let call = started.finish(job.ask.context, &job.connection.name, job.ask.label, &end);
        (call, result)
    }

    /// Waits out the backoff. False when there must be, or can be, no other attempt.
    async fn wait_to_retry(&self, job: &Job<'_>, error: &CallError, attempts: u32) -> bool {
        if !job.idempotent || !error.worth_retrying() {
            return false;
        }
        let Some(backoff) = self.retry().delay(attempts, self.ambient().dice()) else { return false };
        let next = Instant::now() + backoff.max(error.retry_after().unwrap_or_default());
        let context = job.ask.context;
        if context.deadline.is_some_and(|deadline| deadline <= next) {
            return false;
        }
        tracing::debug!(
            trace_id = %context.trace_id, mcp_server = %job.connection.name, tool = job.ask.label, attempts, error = %error,
            "trying again"
        );
        tokio::select! {
            biased;
            () = context.cancel.cancelled() => false,
            () = tokio::time::sleep_until(next) => true,
        }
    }
}

fn price(cost: &Cost, output: &ToolOutput, role: &str) -> Usd {
    cost.of_success(&output.structured).unwrap_or_else(|| {
        tracing::warn!(role, mcp_server = %output.server, tool = %output.tool, "the answer names no cost; recorded as nothing");
        Usd::ZERO
    })
}
