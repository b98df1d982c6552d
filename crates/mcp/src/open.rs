//! Opens one connection: secrets, transport, handshake, in that order and within one time limit.

use std::future::Future;

use rmcp::{
    RoleClient,
    model::ProtocolVersion,
    service::{
        ClientInitializeError, ClientLifecycleMode, ClientServiceExt as _, RunningService, RxJsonRpcMessage,
        TxJsonRpcMessage,
    },
    transport::Transport,
};
use tokio_util::sync::CancellationToken;

use crate::{
    config::{Revision, ServerConfig, TransportConfig},
    connection::{Serve, Shared, whole_ms},
    error::ConnectError,
    http_transport::http_transport,
    listener::Listener,
    secret::{Redaction, Secret, Setting},
    stdio::{LastWords, Program},
    within,
};

/// What is needed to connect to a server.
pub(crate) struct Opener<'a> {
    pub(crate) name: &'a str,
    pub(crate) config: &'a ServerConfig,
    pub(crate) serve: Option<&'a Serve>,
    pub(crate) shared: &'a Shared,
}

/// A connection after its handshake.
pub(crate) struct Opened {
    pub(crate) service: RunningService<RoleClient, Listener>,
    pub(crate) listener: Listener,
    pub(crate) redaction: Redaction,
    pub(crate) gone: CancellationToken,
}

impl Opener<'_> {
    /// Connects, with the newest revision first when it may choose. Some old servers end the connection at the first
    /// question they don't know, so there is a second try in their own language.
    pub(crate) async fn open(&self) -> Result<Opened, ConnectError> {
        let words = LastWords::default();
        let (redaction, settings) = self.resolve().await?;
        let limit = self.config.connect_timeout();
        let connecting = async {
            let first = mode(self.config.revision);
            match self.handshake(first, &settings, &redaction, &words).await {
                Err(ConnectError::Handshake { source, .. })
                    if self.config.revision == Revision::Auto && !never_connected(&source) =>
                {
                    tracing::debug!(mcp_server = self.name, error = %source, "no 2026-07-28 handshake; trying 2025-11-25");
                    self.handshake(ClientLifecycleMode::Initialize, &settings, &redaction, &words).await
                }
                other => other,
            }
        };
        match tokio::time::timeout(limit, connecting).await {
            Ok(opened) => opened,
            Err(_) => Err(ConnectError::TimedOut { after_ms: whole_ms(limit), stderr: words.read() }),
        }
    }

    /// The headers or variables with their secrets put in.
    async fn resolve(&self) -> Result<(Redaction, Vec<(String, Secret)>), ConnectError> {
        let settings = match &self.config.transport {
            TransportConfig::Stdio { env, .. } => env,
            TransportConfig::Http { headers, .. } => headers,
            TransportConfig::InProcess => return Ok((Redaction::default(), vec![])),
        };
        let mut redaction = Redaction::default();
        let mut resolved = Vec::with_capacity(settings.len());
        for (name, setting) in settings {
            let (value, bare) = Setting::resolve(setting, &*self.shared.secrets).await.map_err(ConnectError::Secret)?;
            if value.expose().contains('\0') {
                return Err(ConnectError::Unsendable { name: name.clone() });
            }
            redaction.add(bare);
            resolved.push((name.clone(), value));
        }
        Ok((redaction, resolved))
    }

    /// An in-process server can cut its line: our side ends with the same token, whatever is still in flight.
    async fn handshake(
        &self,
        mode: ClientLifecycleMode,
        settings: &[(String, Secret)],
        redaction: &Redaction,
        words: &LastWords,
    ) -> Result<Opened, ConnectError> {
        let bytes_max = self.config.output_bytes_max;
        let done = match &self.config.transport {
            TransportConfig::Stdio { command, args, env: _, cwd } => {
                let program =
                    Program { command: command.clone(), args: args.clone(), env: settings.to_vec(), cwd: cwd.clone() };
                let child = program
                    .start(self.name, bytes_max, redaction.clone(), words.clone(), &self.shared.tracker)
                    .map_err(|source| ConnectError::Spawn { command: command.clone(), source })?;
                greet(child, mode, CancellationToken::new()).await
            }
            TransportConfig::Http { url, headers: _ } => {
                let limit = self.config.connect_timeout();
                let http = http_transport(url, settings.to_vec(), bytes_max, self.config.concurrency, limit)?;
                greet(http, mode, CancellationToken::new()).await
            }
            TransportConfig::InProcess => {
                let (ours, theirs) = within::pair(bytes_max);
                let line = self.shared.stop.child_token();
                if let Some(serve) = self.serve {
                    self.shared.tracker.spawn(serve(theirs, line.clone()));
                }
                greet(ours, mode, line).await
            }
        };
        match done {
            Ok((service, listener, gone)) => Ok(Opened { service, listener, redaction: redaction.clone(), gone }),
            Err(source) => {
                words.settle().await;
                Err(ConnectError::Handshake { stderr: words.read(), source: Box::new(source) })
            }
        }
    }
}

fn mode(revision: Revision) -> ClientLifecycleMode {
    let preferred_versions = vec![ProtocolVersion::V_2026_07_28];
    match revision {
        Revision::Auto => ClientLifecycleMode::Auto {
            preferred_versions,
            legacy_version: Some(ProtocolVersion::LATEST_WITH_INITIALIZE),
        },
        Revision::V20260728 => ClientLifecycleMode::Discover { preferred_versions },
        Revision::V20251125 => ClientLifecycleMode::Initialize,
    }
}

type Greeted = (RunningService<RoleClient, Listener>, Listener, CancellationToken);

async fn greet<T>(
    transport: T,
    mode: ClientLifecycleMode,
    line: CancellationToken,
) -> Result<Greeted, ClientInitializeError>
where
    T: Transport<RoleClient> + 'static,
{
    let listener = Listener::new();
    let gone = CancellationToken::new();
    let watched = Watched { inner: transport, gone: gone.clone(), line };
    let service = Box::pin(listener.clone().serve_with_lifecycle(watched, mode)).await?;
    Ok((service, listener, gone))
}

/// Whether not even a first byte got through: another language won't help.
fn never_connected(error: &ClientInitializeError) -> bool {
    let ClientInitializeError::TransportError { error, .. } = error else { return false };
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error.error.as_ref());
    while let Some(current) = cause {
        if current.downcast_ref::<reqwest::Error>().is_some_and(reqwest::Error::is_connect) {
            return true;
        }
        cause = current.source();
    }
    false
}

/// Tells at once when the stream from the server has ended; the service behind it may take seconds to say so.
struct Watched<T> {
    inner: T,
    gone: CancellationToken,
    /// Ends the stream when it is cut.
    line: CancellationToken,
}

impl<T: Transport<RoleClient>> Transport<RoleClient> for Watched<T> {
    type Error = T::Error;

    fn send(
        &mut self,
        message: TxJsonRpcMessage<RoleClient>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        self.inner.send(message)
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleClient>> {
        let message = tokio::select! {
            // A cut line carries nothing, not even what was said before.
            biased;
            () = self.line.cancelled() => None,
            message = self.inner.receive() => message,
        };
        if message.is_none() {
            self.gone.cancel();
        }
        message
    }

    fn close(&mut self) -> impl Future<Output = Result<(), Self::Error>> + Send {
        self.gone.cancel();
        self.inner.close()
    }
}
