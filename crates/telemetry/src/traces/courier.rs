//! Takes traces to the collector: by the HTTP client that the house has anyway, on the house's runtime. The exporter's own
//! thread only waits.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use async_trait::async_trait;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use tokio::runtime::Handle;

/// How long one delivery may take.
const DELIVERY_MAX: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) struct Courier {
    client: reqwest::Client,
    runtime: Handle,
    /// Whether the last delivery failed: trouble is told once, not every few seconds.
    troubled: AtomicBool,
}

impl Courier {
    pub(super) fn new() -> Result<Self, reqwest::Error> {
        let client =
            reqwest::Client::builder().timeout(DELIVERY_MAX).redirect(reqwest::redirect::Policy::none()).build()?;
        Ok(Self { client, runtime: Handle::current(), troubled: AtomicBool::new(false) })
    }

    fn tell(&self, trouble: Option<String>) {
        let before = self.troubled.swap(trouble.is_some(), Ordering::Relaxed);
        match (before, trouble) {
            (false, Some(trouble)) => {
                tracing::warn!(trouble, "traces can't be delivered and are lost; is the collector there?");
            }
            (true, None) => tracing::info!("traces are delivered again"),
            _ => {}
        }
    }
}

#[async_trait]
impl HttpClient for Courier {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        let delivery = self.runtime.spawn(async move {
            let answer = client.execute(request.try_into()?).await?;
            let mut response = Response::builder().status(answer.status());
            if let Some(headers) = response.headers_mut() {
                headers.clone_from(answer.headers());
            }
            Ok::<_, HttpError>(response.body(answer.bytes().await?)?)
        });
        let delivered = match delivery.await {
            Ok(delivered) => delivered,
            Err(ended) => Err(ended.into()),
        };
        self.tell(match &delivered {
            Ok(answer) if answer.status().is_success() => None,
            Ok(answer) => Some(format!("the collector answered {}", answer.status())),
            Err(error) => Some(chimera_domain::error_chain(error.as_ref())),
        });
        delivered
    }
}
