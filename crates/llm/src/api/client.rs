//! One call over HTTP: what is sent, and what each way of failing means.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use chimera_domain::{Usd, one_line};
use reqwest::{
    Response, StatusCode,
    header::{HeaderMap, HeaderValue, RETRY_AFTER},
};
use serde_json::Value;
use url::Url;

use super::{
    WAIT_MAX,
    secret::Secret,
    wire::{Call, Complaint, Reply, Unread, Wire},
};
use crate::{BlockedStage, ConfigProblem, MindError, Trouble};

/// An honest reply is a few kilobytes.
const REPLY_BYTES_MAX: usize = 1024 * 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const SAID_CHARS_MAX: usize = 300;
/// How long a quota stays used up that is counted by the day, or a credit.
const EXHAUSTED_WAIT: Duration = Duration::from_secs(60 * 60);

/// A vendor's API over HTTP.
#[derive(Debug)]
pub(super) struct Http {
    client: reqwest::Client,
    base: Url,
    key: Option<Secret>,
    timeout: Duration,
    wire: Box<dyn Wire>,
    /// Which of the wire's forms this server took last.
    form: AtomicUsize,
}

/// How a try failed.
enum Failed {
    /// For good, as far as this try goes.
    Plainly(MindError),
    /// With a status that a server may give that does not know the form.
    PerhapsOverForm(MindError),
}

impl Http {
    /// `key_name` is where the key comes from, for errors.
    pub(super) fn new(
        wire: Box<dyn Wire>,
        base: Url,
        key: Option<Secret>,
        key_name: &str,
        timeout: Duration,
    ) -> Result<Self, MindError> {
        let headers = wire.headers(key.as_ref()).map_err(|error| MindError::Config {
            problem: ConfigProblem::BadKey(key_name.to_owned()),
            source: Some(Box::new(error)),
        })?;
        Ok(Self { client: build(headers, timeout)?, base, key, timeout, wire, form: AtomicUsize::new(0) })
    }

    /// Who provides the models.
    pub(super) fn provider(&self) -> &'static str {
        self.wire.provider()
    }

    /// What is sent, for its size.
    pub(super) fn body(&self, call: &Call<'_>) -> Value {
        self.wire.body(call, self.form.load(Ordering::Relaxed))
    }

    /// One try. A server that refuses the form of the answer is asked with the next lower one, and what it took is kept.
    pub(super) async fn ask(&self, call: &Call<'_>) -> Result<Reply, MindError> {
        let mut form = self.form.load(Ordering::Relaxed);
        loop {
            match self.send(call.model, &self.wire.body(call, form)).await {
                Ok(reply) => {
                    self.form.store(form, Ordering::Relaxed);
                    return Ok(reply);
                }
                Err(Failed::PerhapsOverForm(error)) if form + 1 < self.wire.forms() => {
                    tracing::debug!(%error, form, model = call.model, "asked for less of a form");
                    form += 1;
                }
                Err(Failed::Plainly(error) | Failed::PerhapsOverForm(error)) => return Err(error),
            }
        }
    }

    async fn send(&self, model: &str, body: &Value) -> Result<Reply, Failed> {
        let sent = self.client.post(self.endpoint(model)).json(body).send().await;
        let response = sent.map_err(|error| Failed::Plainly(self.transport_error(error)))?;
        let (status, wait) = (response.status(), asked_wait(response.headers()));
        let body = self.read(response).await.map_err(Failed::Plainly)?;
        if !status.is_success() {
            let complaint = self.wire.complaint(&body);
            let over_form = complaint.over_form || matches!(status.as_u16(), 400 | 415 | 422 | 501);
            let error = self.refusal(status, wait, complaint);
            return Err(if over_form { Failed::PerhapsOverForm(error) } else { Failed::Plainly(error) });
        }
        self.wire.reply(&body).map_err(|unread| {
            Failed::Plainly(match unread {
                Unread::Envelope(error) => MindError::Malformed {
                    model: model.to_owned(),
                    problem: format!(
                        "the envelope is not the API's (line {}, column {})",
                        error.line(),
                        error.column()
                    ),
                    spent: Usd::ZERO,
                },
                Unread::Complaint(status, complaint) => {
                    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
                    self.refusal(status, wait, complaint)
                }
            })
        })
    }

    fn endpoint(&self, model: &str) -> Url {
        let mut url = self.base.clone();
        // A base that can't carry segments was refused when the configuration was read.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(self.wire.path(model));
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
    async fn read(&self, mut response: Response) -> Result<Vec<u8>, MindError> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.transport_error(error))? {
            if body.len() + chunk.len() > REPLY_BYTES_MAX {
                return Err(unavailable(Trouble::TooLarge(REPLY_BYTES_MAX)));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn refusal(&self, status: StatusCode, wait: Option<Duration>, complaint: Complaint) -> MindError {
        let wait = complaint.wait.or(wait);
        if complaint.exhausted || status == StatusCode::PAYMENT_REQUIRED {
            return MindError::RateLimited { retry_after: Some(EXHAUSTED_WAIT), spent: Usd::ZERO };
        }
        if status == StatusCode::TOO_MANY_REQUESTS {
            return MindError::RateLimited { retry_after: wait, spent: Usd::ZERO };
        }
        if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT || complaint.overloaded {
            let status = status.as_u16();
            return unavailable(wait.map_or(Trouble::Status(status), |wait| Trouble::Busy { status, wait }));
        }
        if let Some(reason) = complaint.blocked {
            return MindError::Blocked { reason, stage: BlockedStage::Prompt, spent: Usd::ZERO };
        }
        let said = if complaint.message.is_empty() { "no reason given" } else { complaint.message.as_str() };
        let advice = match status.as_u16() {
            400 | 401 | 403 if complaint.about_key => "check the key",
            401 | 403 => "check what the key may do",
            404 => "check the model's name and `base_url`",
            300..=399 => "check `base_url`; redirects are not followed, to keep the key where it belongs",
            _ => "the request itself is at fault; report it if the models in the configuration are right",
        };
        let said = self.key.as_ref().map_or_else(|| said.to_owned(), |key| key.scrub(said));
        MindError::Refused { status: status.as_u16(), said: one_line(&said, SAID_CHARS_MAX), advice, spent: Usd::ZERO }
    }
}

/// Whether anything answers at an address, within a short time.
pub(crate) async fn is_alive(base: &Url, patience: Duration) -> bool {
    match build(HeaderMap::new(), patience) {
        Ok(client) => client.get(base.clone()).send().await.is_ok(),
        Err(_) => false,
    }
}

fn unavailable(trouble: Trouble) -> MindError {
    MindError::Unavailable { trouble, spent: Usd::ZERO, source: None }
}

fn build(headers: HeaderMap, timeout: Duration) -> Result<reqwest::Client, MindError> {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // The binary installs a provider first; a program that forgot gets the same one. Losing a race is harmless.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
    reqwest::Client::builder()
        .default_headers(headers)
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT.min(timeout))
        .timeout(timeout)
        .build()
        .map_err(|error| MindError::Config { problem: ConfigProblem::Client, source: Some(Box::new(error)) })
}

/// The wait that headers ask for: `retry-after-ms`, which some vendors add, or `retry-after` in seconds.
fn asked_wait(headers: &HeaderMap) -> Option<Duration> {
    let number = |value: &HeaderValue| value.to_str().ok()?.trim().parse::<f64>().ok();
    let millis = headers.get("retry-after-ms").and_then(number).map(|millis| millis / 1_000.0);
    let seconds = millis.or_else(|| headers.get(RETRY_AFTER).and_then(number))?;
    Duration::try_from_secs_f64(seconds).ok().map(|wait| wait.min(WAIT_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_read_from_headers() {
        let wait = |name: &'static str, value: &'static str| {
            asked_wait(&HeaderMap::from_iter([(name.parse().unwrap(), HeaderValue::from_static(value))]))
        };
        assert_eq!(wait("retry-after", "7"), Some(Duration::from_secs(7)));
        assert_eq!(wait("retry-after-ms", "1500"), Some(Duration::from_millis(1_500)));
        assert_eq!(wait("retry-after", "999999999"), Some(WAIT_MAX));
        for odd in ["", "-1", "soon", "Wed, 21 Oct 2026 07:28:00 GMT", "NaN"] {
            assert_eq!(wait("retry-after", odd), None, "{odd}");
        }
    }
}
