//! What is counted of each call. Servers are named as the configuration names them, so there are few.

use std::time::Duration;

use chimera_telemetry::{MCP_CALL_DURATION, MCP_CALLS, MCP_ERRORS};

use crate::error::{CallClass, CallError};

const SUCCESS: &str = "success";
/// What may come of a call.
const OUTCOMES: [&str; 4] = [SUCCESS, "refused", "failed", "unknown"];

/// A configured server's counters stand at 0 from now on.
pub(crate) fn begin(server: &str) {
    for outcome in OUTCOMES {
        MCP_CALLS.begin_of([server.to_owned(), outcome.to_owned()]);
    }
}

/// A call of a configured server is over.
pub(crate) fn count(server: &str, took: Duration, error: Option<&CallError>) {
    let outcome = match error.map(CallError::class) {
        None => SUCCESS,
        Some(CallClass::Refused) => "refused",
        Some(CallClass::Failed) => "failed",
        Some(CallClass::Unknown) => "unknown",
    };
    MCP_CALLS.add_of([server.to_owned(), outcome.to_owned()], 1);
    MCP_CALL_DURATION.observe_for(server.to_owned(), took);
    if let Some(error) = error {
        MCP_ERRORS.add_of([server.to_owned(), error.kind().to_owned()], 1);
    }
}
