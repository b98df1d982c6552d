//! Streamable HTTP: one client per connection, no redirects to other hosts, bounded answers.

use std::{collections::HashMap, sync::Arc, time::Duration};

use http::{HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use rmcp::transport::{
    StreamableHttpClientTransport, common::client_side_sse::ExponentialBackoff,
    streamable_http_client::StreamableHttpClientTransportConfig,
};
use url::Url;

use crate::{error::ConnectError, secret::Secret};

/// Redirects followed within one host.
const REDIRECTS_MAX: usize = 3;

/// Tries to take up a broken event stream again before its request counts as cut.
const RESUMES_MAX: usize = 3;

/// Longest error page that is read, in bytes.
const ERROR_BYTES_MAX: usize = 16 * 1024;

pub(crate) type HttpTransport = StreamableHttpClientTransport<reqwest::Client>;

/// A transport to the endpoint. Needs a running tokio, and a process-wide rustls provider for `https`.
pub(crate) fn http_transport(
    url: &Url,
    headers: Vec<(String, Secret)>,
    bytes_max: usize,
    concurrency: usize,
    connect_timeout: Duration,
) -> Result<HttpTransport, ConnectError> {
    // Without one the HTTP client panics instead of saying so.
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        return Err(ConnectError::NoTls);
    }
    let client = reqwest::Client::builder()
        .connect_timeout(connect_timeout)
        .redirect(same_origin())
        .user_agent(concat!("chimera/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(ConnectError::HttpClient)?;
    let mut custom = HashMap::with_capacity(headers.len());
    for (name, value) in headers {
        let unsendable = || ConnectError::Unsendable { name: name.clone() };
        let header = HeaderName::try_from(&name).map_err(|_| unsendable())?;
        let mut value = HeaderValue::try_from(value.expose()).map_err(|_| unsendable())?;
        value.set_sensitive(true);
        custom.insert(header, value);
    }
    let mut resume = ExponentialBackoff::default();
    resume.max_times = Some(RESUMES_MAX);
    let mut config = StreamableHttpClientTransportConfig::with_uri(url.as_str())
        .custom_headers(custom)
        .max_json_response_size(bytes_max)
        .max_sse_event_size(bytes_max)
        .max_error_response_size(ERROR_BYTES_MAX)
        // The gate bounds them; one more lets a cancellation pass.
        .max_concurrent_requests(concurrency.saturating_add(1));
    config.retry_config = Arc::new(resume);
    Ok(StreamableHttpClientTransport::with_client(client, config))
}

/// Follows a redirect only to the same scheme, host and port: our headers hold credentials.
fn same_origin() -> Policy {
    Policy::custom(|attempt| {
        let same = attempt.previous().first().is_some_and(|first| first.origin() == attempt.url().origin());
        if same && attempt.previous().len() <= REDIRECTS_MAX { attempt.follow() } else { attempt.stop() }
    })
}
