//! One call over HTTP: what is sent, and what each way of failing means.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use reqwest::{Response, StatusCode, header};
use serde_json::Value;
use url::Url;

use super::{
    secret::Secret,
    wire::{Failure, Reply, Request},
};
use crate::{ConfigProblem, MindError, Trouble};
use chimera_domain::{Usd, one_line};

/// An honest answer is a few kilobytes.
pub(super) const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const SAID_CHARS_MAX: usize = 300;
/// A daily quota stays used up for hours, whatever shorter wait the API names.
const DAILY_QUOTA_WAIT: Duration = Duration::from_secs(60 * 60);
/// Longer waits than this are a slip of the server's.
const WAIT_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// Something that carries a request to a model and brings the answer.
#[async_trait]
pub(super) trait Transport: fmt::Debug + Send + Sync {
    /// One try.
    async fn generate(&self, model: &str, request: &Request) -> Result<Reply, MindError>;
}

/// The real one.
#[derive(Debug)]
pub(super) struct Http {
    client: reqwest::Client,
    base: Url,
    key: Secret,
    timeout: Duration,
}

impl Http {
    pub(super) fn new(base: Url, key: Secret, key_env: &str, timeout: Duration) -> Result<Self, MindError> {
        let bad_key = |error| MindError::Config {
            problem: ConfigProblem::BadKey(key_env.to_owned()),
            source: Some(Box::new(error) as Box<dyn std::error::Error + Send + Sync>),
        };
        let mut headers = header::HeaderMap::new();
        headers.insert("x-goog-api-key", key.header().map_err(bad_key)?);
        Ok(Self { client: build(Some(headers), timeout)?, base, key, timeout })
    }

    fn endpoint(&self, model: &str) -> Url {
        let mut url = self.base.clone();
        let name = model.strip_prefix("models/").unwrap_or(model);
        // A base that can't carry segments was refused when the configuration was read.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push("models").push(&format!("{name}:generateContent"));
        }
        url
    }

    fn transport_error(&self, error: reqwest::Error) -> MindError {
        let trouble = if error.is_timeout() {
            Trouble::Timeout(self.timeout)
        } else if error.is_connect() {
            Trouble::Connect
        } else {
            Trouble::Interrupted
        };
        MindError::Unavailable { trouble, spent: Usd::ZERO, source: Some(Box::new(error.without_url())) }
    }

    /// The body, as far as an honest one goes.
    async fn body(&self, mut response: Response) -> Result<Vec<u8>, MindError> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.transport_error(error))? {
            if body.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(MindError::Unavailable {
                    trouble: Trouble::TooLarge(ANSWER_BYTES_MAX),
                    spent: Usd::ZERO,
                    source: None,
                });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn refusal(&self, status: StatusCode, retry_after: Option<Duration>, body: &[u8]) -> MindError {
        let failure: Failure = serde_json::from_slice(body).unwrap_or_default();
        if status == StatusCode::TOO_MANY_REQUESTS {
            let retry_after = quota_wait(&failure.error.details).or(retry_after);
            return MindError::RateLimited { retry_after, spent: Usd::ZERO };
        }
        if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT {
            return MindError::Unavailable {
                trouble: Trouble::Status(status.as_u16()),
                spent: Usd::ZERO,
                source: None,
            };
        }
        let said = if failure.error.message.is_empty() { "no reason given" } else { failure.error.message.as_str() };
        let about_key = said.to_lowercase().contains("api key") || failure.error.status == "UNAUTHENTICATED";
        let advice = match status.as_u16() {
            400 | 401 | 403 if about_key => "check the key in the environment",
            401 | 403 => "check what the key may do",
            404 => "check `fast_model`, `strong_model` and `base_url`",
            300..=399 => "check `base_url`; redirects are not followed, to keep the key where it belongs",
            _ => "the request itself is at fault; report it if the models in the configuration are right",
        };
        let said = one_line(&self.key.scrub(said), SAID_CHARS_MAX);
        MindError::Refused { status: status.as_u16(), said, advice, spent: Usd::ZERO }
    }
}

#[async_trait]
impl Transport for Http {
    async fn generate(&self, model: &str, request: &Request) -> Result<Reply, MindError> {
        let sent = self.client.post(self.endpoint(model)).json(request).send().await;
        let response = sent.map_err(|error| self.transport_error(error))?;
        let status = response.status();
        let retry_after = response.headers().get(header::RETRY_AFTER).and_then(header_wait);
        let body = self.body(response).await?;
        if !status.is_success() {
            return Err(self.refusal(status, retry_after, &body));
        }
        serde_json::from_slice(&body).map_err(|error| MindError::Malformed {
            model: model.to_owned(),
            problem: format!("the envelope is not the API's (line {}, column {})", error.line(), error.column()),
            spent: Usd::ZERO,
        })
    }
}

/// Whether anything answers at an address, within a short time.
pub(crate) async fn is_alive(base: &Url, patience: Duration) -> bool {
    match build(None, patience) {
        Ok(client) => client.get(base.clone()).send().await.is_ok(),
        Err(_) => false,
    }
}

fn build(headers: Option<header::HeaderMap>, timeout: Duration) -> Result<reqwest::Client, MindError> {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // The binary installs a provider first; a program that forgot gets the same one. Losing a race is harmless.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
    reqwest::Client::builder()
        .default_headers(headers.unwrap_or_default())
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT.min(timeout))
        .timeout(timeout)
        .build()
        .map_err(|error| MindError::Config { problem: ConfigProblem::Client, source: Some(Box::new(error)) })
}

fn header_wait(value: &header::HeaderValue) -> Option<Duration> {
    let seconds: u64 = value.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(WAIT_MAX))
}

/// How long a 429's details ask to wait: `RetryInfo`, or an hour for a quota per day.
fn quota_wait(details: &[Value]) -> Option<Duration> {
    let of = |kind: &'static str| {
        details
            .iter()
            .filter(move |detail| detail.get("@type").and_then(Value::as_str).is_some_and(|t| t.ends_with(kind)))
    };
    let daily = of("google.rpc.QuotaFailure")
        .filter_map(|detail| detail.get("violations")?.as_array())
        .flatten()
        .filter_map(|violation| violation.get("quotaId")?.as_str())
        .any(|quota| quota.contains("PerDay"));
    if daily {
        return Some(DAILY_QUOTA_WAIT);
    }
    of("google.rpc.RetryInfo").find_map(|detail| proto_duration(detail.get("retryDelay")?.as_str()?))
}

/// A protobuf duration in JSON: seconds with up to nine decimals and an `s`.
fn proto_duration(text: &str) -> Option<Duration> {
    let seconds: f64 = text.trim().strip_suffix('s')?.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok().map(|wait| wait.min(WAIT_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn durations_are_read() {
        assert_eq!(proto_duration("12.5s"), Some(Duration::from_millis(12_500)));
        assert_eq!(proto_duration("3s"), Some(Duration::from_secs(3)));
        assert_eq!(proto_duration("1e300s"), None);
        for bad in ["", "s", "-1s", "12", "12.5m", "NaNs", "infs"] {
            assert_eq!(proto_duration(bad), None, "{bad}");
        }
        assert_eq!(proto_duration("99999999s"), Some(WAIT_MAX));
    }

    #[test]
    fn a_quota_per_day_means_an_hour_at_least() {
        let retry = json!({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "12.5s"});
        let quota =
            |id: &str| json!({"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"quotaId": id}]});
        assert_eq!(quota_wait(&[quota("RequestsPerMinute"), retry.clone()]), Some(Duration::from_millis(12_500)));
        assert_eq!(quota_wait(&[quota("GenerateRequestsPerDayPerProject"), retry]), Some(DAILY_QUOTA_WAIT));
        assert_eq!(quota_wait(&[quota("RequestsPerMinute"), json!(7)]), None);
    }
}
