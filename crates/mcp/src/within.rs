//! A connection within this process: messages pass as they are, neither written as JSON nor read from it. A picture is
//! copied nowhere on its way.

use std::{future::Future, io};

use rmcp::{
    ErrorData, RoleClient, RoleServer,
    model::{ErrorCode, JsonRpcError, JsonRpcMessage},
    service::{RxJsonRpcMessage, TxJsonRpcMessage},
    transport::Transport,
};
use tokio::sync::mpsc;

use crate::line_guard::TOO_LARGE;

/// Messages under way in one direction; who sends more waits.
const UNDER_WAY_MAX: usize = 64;

type ToServer = TxJsonRpcMessage<RoleClient>;
type ToClient = TxJsonRpcMessage<RoleServer>;

/// The other side is gone.
#[derive(Debug, thiserror::Error)]
#[error("the other end of the connection is gone")]
pub(crate) struct Gone;

/// Our end.
pub(crate) struct ClientEnd {
    out: mpsc::Sender<ToServer>,
    answers: mpsc::Receiver<ToClient>,
}

/// The server's end.
pub(crate) struct ServerEnd {
    out: mpsc::Sender<ToClient>,
    requests: mpsc::Receiver<ToServer>,
    bytes_max: usize,
}

/// The two ends of a connection on which an answer may take so many bytes, written as JSON.
pub(crate) fn pair(bytes_max: usize) -> (ClientEnd, ServerEnd) {
    let (to_server, requests) = mpsc::channel(UNDER_WAY_MAX);
    let (to_client, answers) = mpsc::channel(UNDER_WAY_MAX);
    (ClientEnd { out: to_server, answers }, ServerEnd { out: to_client, requests, bytes_max })
}

impl Transport<RoleClient> for ClientEnd {
    type Error = Gone;

    fn send(&mut self, message: ToServer) -> impl Future<Output = Result<(), Gone>> + Send + 'static {
        let out = self.out.clone();
        async move { out.send(message).await.map_err(|_| Gone) }
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleClient>> {
        self.answers.recv().await
    }

    async fn close(&mut self) -> Result<(), Gone> {
        self.answers.close();
        Ok(())
    }
}

impl Transport<RoleServer> for ServerEnd {
    type Error = Gone;

    fn send(&mut self, message: ToClient) -> impl Future<Output = Result<(), Gone>> + Send + 'static {
        let (out, bytes_max) = (self.out.clone(), self.bytes_max);
        async move { out.send(within(message, bytes_max)).await.map_err(|_| Gone) }
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleServer>> {
        self.requests.recv().await
    }

    async fn close(&mut self) -> Result<(), Gone> {
        self.requests.close();
        Ok(())
    }
}

/// The message; an answer that is too long is refused in its place, as it is on a line.
fn within(message: ToClient, bytes_max: usize) -> ToClient {
    let JsonRpcMessage::Response(answer) = &message else { return message };
    // One that can't be written down is of no length either; it is for its reader to make something of it.
    let too_long = serde_json::to_writer(Scales { left: bytes_max }, answer).is_err_and(|error| error.is_io());
    if !too_long {
        return message;
    }
    let error = ErrorData::new(ErrorCode(TOO_LARGE), "the answer is too large", None);
    JsonRpcMessage::Error(JsonRpcError::new(Some(answer.id.clone()), error))
}

/// Takes so many bytes and keeps none.
struct Scales {
    left: usize,
}

impl io::Write for Scales {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let full = || io::Error::from(io::ErrorKind::FileTooLarge);
        self.left = self.left.checked_sub(bytes.len()).ok_or_else(full)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
