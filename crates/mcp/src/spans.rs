//! Calls in traces, on both ends: the host's side of each call, and that of servers of this program. Names and attributes by
//! OpenTelemetry's semantic conventions for MCP.

use std::borrow::Cow;

use chimera_domain::ToolCall;
use chimera_telemetry::{
    KeyValue, Span, SpanKind, Under,
    conventions::{
        ATTEMPTS, COST_USD, GEN_AI_OPERATION, GEN_AI_TOOL, JSONRPC_ID, MCP_METHOD, MCP_RESOURCE, MCP_SERVER,
        MCP_VERSION, NETWORK_TRANSPORT, RPC_STATUS, SERVER_ADDRESS, SERVER_PORT, TASK,
    },
};
use rmcp::{
    ErrorData, RoleServer, Service,
    model::{ClientNotification, ClientRequest, ProtocolVersion, ServerConfig, ServerResult},
    service::{NotificationContext, RequestContext},
};

use crate::{call::Job, config::TransportConfig, connection::Connection, error::CallError};

/// What the conventions call an answer that says that the tool failed.
const TOOL_ERROR: &str = "tool_error";

/// A call by the host.
pub(crate) fn of_call(job: &Job<'_>) -> Span {
    let context = job.ask.context;
    let (name, _) = title(&job.request);
    Span::begin(Under::HereIn(context.trace_id), SpanKind::Client, name, || {
        let mut attributes = title(&job.request).1;
        attributes.push(KeyValue::new(MCP_SERVER, job.connection.name.clone()));
        attributes.extend(context.task_id.map(|task| KeyValue::new(TASK, task.to_string())));
        match &job.connection.config.transport {
            TransportConfig::Stdio { .. } => attributes.push(KeyValue::new(NETWORK_TRANSPORT, "pipe")),
            TransportConfig::Http { url, .. } => {
                attributes.push(KeyValue::new(NETWORK_TRANSPORT, "tcp"));
                attributes.extend(url.host_str().map(|host| KeyValue::new(SERVER_ADDRESS, host.to_owned())));
                attributes.extend(url.port_or_known_default().map(|port| KeyValue::new(SERVER_PORT, i64::from(port))));
            }
            TransportConfig::InProcess => {}
        }
        attributes
    })
}

/// How a call by the host ended.
pub(crate) fn ended(span: &Span, connection: &Connection, call: &ToolCall, error: Option<&CallError>) {
    span.note(|| {
        let mut attributes =
            vec![KeyValue::new(ATTEMPTS, i64::from(call.attempts)), KeyValue::new(COST_USD, call.cost_usd.to_string())];
        attributes.extend(connection.health().revision.map(|revision| KeyValue::new(MCP_VERSION, revision)));
        if let Some(CallError::Protocol { code, .. }) = error {
            attributes.push(KeyValue::new(RPC_STATUS, code.to_string()));
        }
        attributes
    });
    if let Some(error) = error {
        let kind = if matches!(error, CallError::Tool { .. }) { TOOL_ERROR } else { error.kind() };
        span.fail(kind, call.error.clone().unwrap_or_default());
    }
}

/// A request's name in a trace, and what the conventions want noted about it.
fn title(request: &ClientRequest) -> (Cow<'static, str>, Vec<KeyValue>) {
    let method = request.method().to_owned();
    let noted = KeyValue::new(MCP_METHOD, method.clone());
    match request {
        ClientRequest::CallToolRequest(call) => {
            let tool = call.params.name.to_string();
            let attributes =
                vec![noted, KeyValue::new(GEN_AI_OPERATION, "execute_tool"), KeyValue::new(GEN_AI_TOOL, tool.clone())];
            (format!("{method} {tool}").into(), attributes)
        }
        // There may be any number of resources, and a name is to be one of few.
        ClientRequest::ReadResourceRequest(read) => {
            (method.into(), vec![noted, KeyValue::new(MCP_RESOURCE, read.params.uri.clone())])
        }
        _ => (method.into(), vec![noted]),
    }
}

/// A server of this program whose tool calls and readings go on in their callers' traces.
#[derive(Debug, Clone)]
pub struct Traced<S>(pub S);

impl<S: Service<RoleServer>> Service<RoleServer> for Traced<S> {
    async fn handle_request(
        &self,
        request: ClientRequest,
        context: RequestContext<RoleServer>,
    ) -> Result<ServerResult, ErrorData> {
        if !matches!(request, ClientRequest::CallToolRequest(_) | ClientRequest::ReadResourceRequest(_)) {
            return self.0.handle_request(request, context).await;
        }
        let caller = context.meta.get_traceparent().map(str::to_owned);
        let span = Span::begin(Under::Caller(caller.as_deref()), SpanKind::Server, title(&request).0, || {
            let mut attributes = title(&request).1;
            attributes.push(KeyValue::new(JSONRPC_ID, context.id.to_string()));
            attributes.push(KeyValue::new(MCP_SERVER, self.0.get_info().server_info.name));
            attributes
        });
        // The handlers' futures are large, and would lie on the stack of whoever polls.
        let answer = span.around(Box::pin(self.0.handle_request(request, context))).await;
        match &answer {
            Err(error) => {
                span.note(|| vec![KeyValue::new(RPC_STATUS, error.code.0.to_string())]);
                span.fail("protocol", error.message.clone());
            }
            Ok(ServerResult::CallToolResult(result)) if result.is_error == Some(true) => span.fail(TOOL_ERROR, ""),
            Ok(_) => {}
        }
        answer
    }

    async fn handle_notification(
        &self,
        notification: ClientNotification,
        context: NotificationContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.0.handle_notification(notification, context).await
    }

    fn get_info(&self) -> ServerConfig {
        self.0.get_info()
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        self.0.supported_protocol_versions()
    }
}
