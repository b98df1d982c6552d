//! Listening, on loopback only.

use std::{future::IntoFuture as _, io, net::SocketAddr, time::Duration};

use axum::Router;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Where the console listens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ConsoleConfig {
    /// Address and port, on loopback. Port 0 takes any free one.
    #[schemars(with = "String")]
    pub bind: SocketAddr,
}

impl Default for ConsoleConfig {
    fn default() -> Self {
        Self { bind: SocketAddr::from(([127, 0, 0, 1], 7417)) }
    }
}

/// Why the console could not be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Not loopback.
    #[error(
        "console.bind is {0}, which others could reach, and sign-in is for loopback only yet; use 127.0.0.1 or [::1]"
    )]
    NotLoopback(SocketAddr),
    /// The port is taken, or may not be used.
    #[error("can't listen on {address}; choose another with --bind 127.0.0.1:PORT (port 0 takes any free one)")]
    Bind {
        /// Where.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Serving broke off.
    #[error("serving the console")]
    Serve(#[source] io::Error),
}

/// Takes the port.
///
/// # Errors
/// [`ServeError`] when the address isn't loopback or the port can't be had.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, ServeError> {
    if !address.ip().is_loopback() {
        return Err(ServeError::NotLoopback(address));
    }
    bind_anywhere(address).await
}

/// Takes the port, wherever it is: for probes, which tell nothing that must be guarded.
///
/// # Errors
/// [`ServeError::Bind`] when the port can't be had.
pub async fn bind_anywhere(address: SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address).await.map_err(|source| ServeError::Bind { address, source })
}

/// How long open requests may take to end. A client that sends half a request and waits must not hold the process.
const GRACE: Duration = Duration::from_secs(5);

/// Serves until cancelled, then lets open requests end, for five seconds.
///
/// # Errors
/// [`ServeError::Serve`] when the listener breaks.
pub async fn serve(listener: TcpListener, router: Router, cancel: CancellationToken) -> Result<(), ServeError> {
    let serving = axum::serve(listener, router).with_graceful_shutdown(cancel.clone().cancelled_owned());
    let out_of_patience = async {
        cancel.cancelled().await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        served = serving.into_future() => served.map_err(ServeError::Serve),
        () = out_of_patience => {
            tracing::info!("open connections are cut: they did not end in time");
            Ok(())
        }
    }
}
